"""Random training of ReLU networks over lists of lists, in the spellings of people who write backpropagation out."""

from __future__ import annotations

from tests.fuzz.script import Pen

FORWARD = (
    "h = [max(0.0, v) for v in z]",
    "h = [z[j] if z[j] > 0 else 0.0 for j in range(HIDDEN)]",
    "h = relu(z)",
    "h = [0.0] * HIDDEN\nfor j in range(HIDDEN):\n    h[j] = max(z[j], 0.0)",
    "h = [0.0] * HIDDEN\nfor j in range(HIDDEN):\n    if z[j] > 0:\n        h[j] = z[j]",
    "h = []\nfor v in z:\n    if v > 0:\n        h.append(v)\n    else:\n        h.append(0.0)",
)
BACKWARD = (
    "dz = [g if v > 0 else 0.0 for g, v in zip(dh, z)]",
    "dz = [dh[j] * (z[j] > 0) for j in range(HIDDEN)]",
    "dz = [0.0] * HIDDEN\nfor j in range(HIDDEN):\n    dz[j] = dh[j] if h[j] > 0 else 0.0",
    "dz = []\nfor g, v in zip(dh, z):\n    if v > 0:\n        dz.append(g)\n    else:\n        dz.append(0.0)",
    "dz = [g * slope(v) for g, v in zip(dh, z)]",
)
AFFINE = (
    "z = [sum(W1[j][i] * x[i] for i in range(INPUTS)) + b1[j] for j in range(HIDDEN)]",
    "z = [sum(w * v for w, v in zip(row, x)) + b for row, b in zip(W1, b1)]",
    "z = []\nfor row, s in zip(W1, b1):\n    for w, v in zip(row, x):\n        s += w * v\n    z.append(s)",
)
STEPS = (
    ("W1[j][i] -= lr * dz[j] * x[i]", "W2[k][j] -= lr * dout[k] * h[j]"),
    ("W1[j][i] = W1[j][i] - lr * dW1[j][i]", "W2[k][j] = W2[k][j] - lr * dW2[k][j]"),
    ("W1[j][i] += -lr * (dz[j] * x[i])", "W2[k][j] += -lr * (dout[k] * h[j])"),
    (
        "W1[j][i] -= lr * dW1[j][i] + momentum * m1[j][i]\nm1[j][i] = dW1[j][i]",
        "W2[k][j] -= lr * dW2[k][j]",
    ),
)


def list_network(pen: Pen) -> None:
    """A hidden layer of ReLUs, a sample at a time."""
    inputs, hidden, outputs = pen.pick(2, 3), pen.pick(3, 4, 5), pen.pick(1, 2)
    pen.line(f"import random\nrandom.seed({pen.random.randrange(1000)})")
    pen.line(f"INPUTS, HIDDEN, OUTPUTS = {inputs}, {hidden}, {outputs}\nlr, momentum = 0.05, 0.01")
    with pen.block("def relu(values):"):
        pen.line("return [max(0.0, v) for v in values]")
    with pen.block("def slope(v):"):
        pen.line("return 1.0 if v > 0 else 0.0")
    pen.line("data = [[random.gauss(0, 1) for _ in range(INPUTS)] for _ in range(4)]")
    pen.line("targets = [[random.gauss(0, 1) for _ in range(OUTPUTS)] for _ in data]")
    pen.line("W1 = [[random.gauss(0, 1) for _ in range(INPUTS)] for _ in range(HIDDEN)]\nb1 = [0.1] * HIDDEN")
    pen.line("W2 = [[random.gauss(0, 1) for _ in range(HIDDEN)] for _ in range(OUTPUTS)]")
    pen.line("m1 = [[0.0] * INPUTS for _ in range(HIDDEN)]")
    first, second = pen.pick(*STEPS)
    with pen.block(f"for epoch in range({pen.pick(1, 2)}):"), pen.block("for x, y in zip(data, targets):"):
        pen.line(pen.pick(*AFFINE))
        pen.line(pen.pick(*FORWARD))
        pen.line("out = [sum(w * v for w, v in zip(row, h)) for row in W2]", "forward")
        pen.line("loss = sum((p - t) ** 2 for p, t in zip(out, y))", "loss")
        pen.line("dout = [2 * (p - t) for p, t in zip(out, y)]", "backward")
        pen.line("dh = [sum(W2[k][j] * dout[k] for k in range(OUTPUTS)) for j in range(HIDDEN)]", "backward")
        pen.line(pen.pick(*BACKWARD))
        pen.line("dW1 = [[d * v for v in x] for d in dz]")
        pen.line("dW2 = [[d * v for v in h] for d in dout]")
        pen.line("# truth: loss, W1=(W1, dW1), b1=(b1, dz), W2=(W2, dW2)")
        with pen.block("for k in range(OUTPUTS):"), pen.block("for j in range(HIDDEN):"):
            pen.line(second, "update")
        with pen.block("for j in range(HIDDEN):"):
            pen.line("b1[j] -= lr * dz[j]", "update")
            with pen.block("for i in range(INPUTS):"):
                pen.line(first)
        pen.line("print(loss)")
    pen.line("print(W1, b1, W2)\n# gated: z")
    pen.role("parameter", ["W1", "b1", "W2"])
    pen.role("activation", ["z", "h", "out"])
    pen.role("gradient", ["dout", "dh", "dz", "dW1", "dW2"])
