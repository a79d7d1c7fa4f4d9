"""Random training in Python's own numbers and lists: neurons, small networks, a perceptron."""

from __future__ import annotations

from tests.fuzz.list_networks import list_network
from tests.fuzz.python_engine import engine
from tests.fuzz.script import Pen

SQUASHES = {
    "sigmoid": ("1 / (1 + math.exp(-{z}))", "{a} * (1 - {a})"),
    "tanh": ("math.tanh({z})", "(1 - {a} * {a})"),
    "relu": ("max(0.0, {z})", "(1.0 if {z} > 0 else 0.0)"),
    "linear": ("{z}", "1.0"),
}
"""Functions of a neuron, and their derivatives by `{z}`, of which `{a}` is the value."""


def write_python(pen: Pen) -> None:
    """The whole script."""
    pen.pick(_neuron, _weights, _weights, _batch, _object, _hidden, _hidden, _perceptron, engine, engine, list_network)(
        pen
    )


def _data(pen: Pen, inputs: int, *, labels: bool) -> None:
    """`data`, rows of numbers, and `targets`."""
    rows = pen.pick(3, 4, 6)
    pen.line("import math\nimport random")
    pen.line(f"random.seed({pen.random.randrange(1000)})")
    pen.line(f"data = [[random.uniform(-1, 1) for _ in range({inputs})] for _ in range({rows})]")
    drawn = pen.pick("float(random.randint(0, 1))") if labels else "random.gauss(0, 1)"
    pen.line(f"targets = [{drawn} for _ in data]")
    pen.line(f"lr = {pen.pick('0.1', '0.05', '0.3')}")


def _loss(pen: Pen, squash: str, answer: str, target: str) -> tuple[str, str]:
    """A loss, and its derivative by the answer."""
    if squash == "sigmoid" and pen.chance(0.5):
        loss = f"-({target} * math.log({answer}) + (1 - {target}) * math.log(1 - {answer}))"
        return loss, f"({answer} - {target}) / ({answer} * (1 - {answer}))"
    if pen.chance(0.4):
        return f"0.5 * ({answer} - {target}) ** 2", f"({answer} - {target})"
    return f"({answer} - {target}) ** 2", f"2 * ({answer} - {target})"


def _samples(pen: Pen, row: str, target: str) -> str:
    return pen.pick(f"for {row}, {target} in zip(data, targets):", f"for {row}, {target} in list(zip(data, targets)):")


def _neuron(pen: Pen) -> None:
    """Two weights and a bias under names of their own, updated after every sample."""
    squash = pen.pick(*SQUASHES)
    value, slope = (each.format(z="z", a="p") for each in SQUASHES[squash])
    loss, by_answer = _loss(pen, squash, "p", "y")
    _data(pen, 2, labels=squash == "sigmoid")
    pen.line("w1, w2 = random.gauss(0, 1), random.gauss(0, 1)\nb = 0.1")
    with pen.block(f"for epoch in range({pen.pick(1, 2)}):"), pen.block("for (x1, x2), y in zip(data, targets):"):
        pen.line("z = w1 * x1 + w2 * x2 + b", "forward")
        pen.line(f"p = {value}", "forward")
        pen.line(f"loss = {loss}", "loss")
        pen.line(f"dz = {by_answer} * {slope}", "backward")
        if together := pen.chance(0.3):
            pen.line("dw1, dw2, db = dz * x1, dz * x2, dz", "backward")
        else:
            pen.line("dw1 = dz * x1\ndw2 = dz * x2\ndb = dz", "backward")
        pen.line("# truth: loss, w1=(w1, dw1), w2=(w2, dw2), b=(b, db)")
        if together:
            pen.line("w1, w2, b = w1 - lr * dw1, w2 - lr * dw2, b - lr * db", "update")
        else:
            pen.line(
                pen.pick(
                    "w1 -= lr * dw1\nw2 -= lr * dw2\nb -= lr * db",
                    "w1 = w1 - lr * dw1\nw2 += -lr * dw2\nb = b - lr * db",
                ),
                "update",
            )
        pen.line("print(loss)")
    pen.line("print(w1, w2, b)")
    pen.role("parameter", ["w1", "w2", "b"])
    pen.role("gradient", ["dz", "dw1", "dw2", "db"])


def _weights(pen: Pen) -> None:
    """A list of weights, updated element by element after every sample, in functions or not."""
    squash, inputs = pen.pick(*SQUASHES), pen.pick(2, 3)
    value, slope = (each.format(z="z", a="p") for each in SQUASHES[squash])
    loss, by_answer = _loss(pen, squash, "p", "y")
    _data(pen, inputs, labels=squash == "sigmoid")
    pen.line(f"weights = [random.gauss(0, 1) for _ in range({inputs})]\nbias = 0.0")
    total = pen.pick(
        "sum(w * v for w, v in zip(weights, row)) + bias", "bias + sum([w * v for w, v in zip(weights, row)])"
    )
    in_function = pen.chance(0.4)
    if in_function:
        with pen.block("def predict(weights, bias, row):"):
            pen.line(f"z = {total}", "forward")
            pen.line(f"return {value}", "forward")
    with pen.block(f"for epoch in range({pen.pick(1, 2)}):"), pen.block(_samples(pen, "row", "y")):
        if in_function and "{z}" not in SQUASHES[squash][1]:
            pen.line("p = predict(weights, bias, row)", "forward")
        else:
            pen.line(f"z = {total}", "forward")
            pen.line(f"p = {value}", "forward")
        pen.line(f"loss = {loss}", "loss")
        pen.line(f"delta = {by_answer} * {slope}", "backward")
        pen.line("grads = [delta * v for v in row]")
        pen.line("# truth: loss, weights=(weights, grads), bias=(bias, delta)")
        with pen.block(f"for j in range({inputs}):"):
            pen.line(pen.pick("weights[j] -= lr * grads[j]", "weights[j] = weights[j] - lr * grads[j]"), "update")
        pen.line("bias -= lr * delta", "update")
        pen.line("print(loss)")
    pen.line("print(weights, bias)")
    pen.role("parameter", ["weights", "bias"])
    pen.role("gradient", ["delta", "grads"])


def _batch(pen: Pen) -> None:
    """Gradients added up over all rows, and one update of a new list a pass."""
    squash, inputs = pen.pick("sigmoid", "linear", "tanh"), pen.pick(2, 3)
    value, slope = (each.format(z="z", a="p") for each in SQUASHES[squash])
    loss, by_answer = _loss(pen, squash, "p", "y")
    _data(pen, inputs, labels=squash == "sigmoid")
    pen.line(f"w = [random.gauss(0, 1) for _ in range({inputs})]\nb = 0.0")
    with pen.block(f"for t in range({pen.pick(3, 5)}):"):
        pen.line(f"loss, dw, db = 0.0, [0.0] * {inputs}, 0.0")
        with pen.block(_samples(pen, "row", "y")):
            pen.line("z = sum(wi * v for wi, v in zip(w, row)) + b", "forward")
            pen.line(f"p = {value}", "forward")
            pen.line(f"loss += ({loss}) / len(data)", "loss")
            pen.line(f"delta = {by_answer} * {slope} / len(data)", "backward")
            with pen.block(f"for j in range({inputs}):"):
                pen.line("dw[j] += delta * row[j]", "backward")
            pen.line("db += delta", "backward")
        pen.line("# truth: loss, w=(w, dw), b=(b, db)")
        pen.line(
            pen.pick("w = [wi - lr * g for wi, g in zip(w, dw)]", f"for j in range({inputs}):\n    w[j] -= lr * dw[j]"),
            "",
        )
        pen.line("b = b - lr * db", "update")
        pen.line("print(t, loss)")
    pen.line("print(w, b)")
    pen.role("parameter", ["w", "b"])
    pen.role("gradient", ["dw", "db", "delta"])


def _object(pen: Pen) -> None:
    """A neuron that keeps its weights, and learns from a sample in a method."""
    squash, inputs = pen.pick(*SQUASHES), pen.pick(2, 3)
    value, slope = (each.format(z="self.z", a="self.p") for each in SQUASHES[squash])
    loss, by_answer = _loss(pen, squash, "self.p", "y")
    _data(pen, inputs, labels=squash == "sigmoid")
    with pen.block("class Neuron:"):
        with pen.block("def __init__(self, n):"):
            pen.line("self.w = [random.gauss(0, 1) for _ in range(n)]\nself.b = 0.0")
        with pen.block("def forward(self, row):"):
            pen.line("self.row = row")
            pen.line("self.z = sum(w * v for w, v in zip(self.w, row)) + self.b", "forward")
            pen.line(f"self.p = {value}", "forward")
            pen.line("return self.p")
        with pen.block("def loss(self, y):"):
            pen.line(f"return {loss}", "loss")
        with pen.block("def backward(self, y):"):
            pen.line(f"self.db = {by_answer} * {slope}", "backward")
            pen.line("self.dw = [self.db * v for v in self.row]")
        with pen.block("def step(self, lr):"):
            pen.line(
                pen.pick(
                    "self.w = [w - lr * g for w, g in zip(self.w, self.dw)]",
                    "for j, g in enumerate(self.dw):\n    self.w[j] -= lr * g",
                )
            )
            pen.line("self.b -= lr * self.db", "update")
    pen.line(f"neuron = Neuron({inputs})")
    with pen.block(f"for epoch in range({pen.pick(1, 2)}):"), pen.block(_samples(pen, "row", "y")):
        pen.line("neuron.forward(row)", "forward")
        pen.line("loss = neuron.loss(y)", "loss")
        pen.line("neuron.backward(y)", "backward")
        pen.line("# truth: loss, w=(neuron.w, neuron.dw), b=(neuron.b, neuron.db)")
        pen.line("neuron.step(lr)", "update")
        pen.line("print(loss)")
    pen.line("print(neuron.w, neuron.b)")
    pen.role("parameter", ["self.w", "self.b"])
    pen.role("gradient", ["self.dw", "self.db"])


def _hidden(pen: Pen) -> None:
    """A hidden layer: lists of lists, gone through by index or by comprehension."""
    squash, inputs, hidden = pen.pick("tanh", "sigmoid", "relu"), pen.pick(2, 3), pen.pick(2, 3)
    value, slope = SQUASHES[squash]
    loss, by_answer = _loss(pen, "linear", "out", "y")
    _data(pen, inputs, labels=False)
    pen.line(f"W1 = [[random.gauss(0, 1) for _ in range({inputs})] for _ in range({hidden})]")
    pen.line(f"b1 = [0.1] * {hidden}\nW2 = [random.gauss(0, 1) for _ in range({hidden})]\nb2 = 0.0")
    with pen.block(f"for epoch in range({pen.pick(1, 2)}):"), pen.block(_samples(pen, "x", "y")):
        pen.line("z = [sum(w * v for w, v in zip(row, x)) + b for row, b in zip(W1, b1)]", "forward")
        pen.line(f"h = [{value.format(z='v')} for v in z]", "forward")
        pen.line("out = sum(w * v for w, v in zip(W2, h)) + b2", "forward")
        pen.line(f"loss = {loss}", "loss")
        pen.line(f"dout = {by_answer}", "backward")
        pen.line("dW2 = [dout * v for v in h]")
        pen.line("db2 = dout")
        pen.line(f"dz = [dout * w * {slope.format(z='zi', a='hi')} for w, zi, hi in zip(W2, z, h)]")
        pen.line("dW1 = [[d * v for v in x] for d in dz]")
        pen.line("# truth: loss, W1=(W1, dW1), b1=(b1, dz), W2=(W2, dW2), b2=(b2, db2)")
        with pen.block(f"for i in range({hidden}):"):
            pen.line("W2[i] -= lr * dW2[i]", "update")
            pen.line("b1[i] -= lr * dz[i]", "update")
            with pen.block(f"for j in range({inputs}):"):
                pen.line("W1[i][j] -= lr * dW1[i][j]", "update")
        pen.line("b2 -= lr * db2", "update")
        pen.line("print(loss)")
    pen.line("print(W1, b1, W2, b2)")
    pen.role("parameter", ["W1", "b1", "W2", "b2"])
    pen.role("activation", ["z", "h", "out"])
    pen.role("gradient", ["dout", "dW2", "dz", "dW1"])


def _perceptron(pen: Pen) -> None:
    """Rosenblatt's rule: no loss, and a step only where the answer is wrong."""
    inputs = pen.pick(2, 3)
    _data(pen, inputs, labels=True)
    pen.line(f"w = [0.5] * {inputs}\nb = 0.0")
    with pen.block(f"for epoch in range({pen.pick(1, 2)}):"), pen.block(_samples(pen, "row", "y")):
        pen.line("total = sum(wi * v for wi, v in zip(w, row)) + b", "forward")
        pen.line("answer = 1.0 if total > 0 else 0.0", "forward")
        pen.line("wrong = y - answer")
        with pen.block(f"for j in range({inputs}):"):
            pen.line("w[j] += lr * wrong * row[j]", "update")
        pen.line("b += lr * wrong", "update")
        pen.line("# truth: None\nprint(answer)")
    pen.line("print(w, b)")
    pen.role("parameter", ["w", "b"])
