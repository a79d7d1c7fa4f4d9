"""Random training by an engine of the script's own: numbers that know what they were made of."""

from __future__ import annotations

from tests.fuzz.script import Pen

VALUE = """
class Value:
    def __init__(self, data, parents=()):
        self.data, self.grad = data, 0.0
        self.parents, self.back = parents, lambda: None
    def __add__(self, other):
        other = other if isinstance(other, Value) else Value(other)
        out = Value(self.data + other.data, (self, other))
        def back():
            self.grad += out.grad
            other.grad += out.grad
        out.back = back
        return out
    def __mul__(self, other):
        other = other if isinstance(other, Value) else Value(other)
        out = Value(self.data * other.data, (self, other))
        def back():
            self.grad += other.data * out.grad
            other.grad += self.data * out.grad
        out.back = back
        return out
    def squash(self):
        out = Value({value}, (self,))
        def back():
            self.grad += {slope} * out.grad
        out.back = back
        return out
    def backward(self):
        order, seen = [], set()
        def visit(value):
            if value not in seen:
                seen.add(value)
                for parent in value.parents:
                    visit(parent)
                order.append(value)
        visit(self)
        self.grad = 1.0
        for value in reversed(order):
            value.back()
"""
SQUASHES = (
    ("math.tanh(self.data)", "(1 - out.data ** 2)"),
    ("max(0.0, self.data)", "(1.0 if self.data > 0 else 0.0)"),
    ("1 / (1 + math.exp(-self.data))", "out.data * (1 - out.data)"),
)


def engine(pen: Pen) -> None:
    """A neuron, or a layer and a neuron, of such numbers."""
    value, slope = pen.pick(*SQUASHES)
    inputs, hidden = pen.pick(2, 3), pen.pick(0, 2)
    pen.line("import math\nimport random")
    pen.line(f"random.seed({pen.random.randrange(1000)})")
    pen.line(VALUE.strip().format(value=value, slope=slope))
    with pen.block("class Neuron:"):
        with pen.block("def __init__(self, n):"):
            pen.line("self.w = [Value(random.uniform(-1, 1)) for _ in range(n)]\nself.b = Value(0.1)")
        with pen.block("def __call__(self, x):"):
            pen.line("total = self.b")
            with pen.block("for w, v in zip(self.w, x):"):
                pen.line("total = total + w * v")
            pen.line("return total.squash()")
    if hidden:
        pen.line(f"layer = [Neuron({inputs}) for _ in range({hidden})]\nlast = Neuron({hidden})")
        pen.line("neurons = [*layer, last]")
    else:
        pen.line(f"last = Neuron({inputs})\nneurons = [last]")
    pen.line("params = [p for neuron in neurons for p in [*neuron.w, neuron.b]]")
    pen.line(f"data = [([random.uniform(-1, 1) for _ in range({inputs})], random.random()) for _ in range(3)]")
    pen.line("lr = 0.1")
    with pen.block(f"for t in range({pen.pick(2, 3)}):"):
        pen.line("loss = Value(0.0)")
        with pen.block("for x, y in data:"):
            pen.line(f"out = last({'[neuron(x) for neuron in layer]' if hidden else 'x'})", "forward")
            pen.line("error = out + (-y)")
            pen.line("loss = loss + error * error")
        with pen.block("for p in params:"):
            pen.line("p.grad = 0.0")
        pen.line("loss.backward()", "backward")
        pen.line("# truth: loss.data, **{f'p{i}': (p.data, p.grad) for i, p in enumerate(params)}")
        with pen.block("for p in params:"):
            pen.line(pen.pick("p.data -= lr * p.grad", "p.data += -lr * p.grad"), "update")
        pen.line("print(t, loss.data)")
    pen.line("print([p.data for p in params])")
