"""A loop over layers, parameters or their rows is a part of the pass, whatever is kept for each of them."""

import pytest

from stepper.program.program import analyse
from tests.program.test_loops import line_of, loop_line

LAYERS = """\
import numpy as np

class Affine:
    def __init__(self, W):
        self.W = W
    def forward(self, x):
        self.x = x
        return x @ self.W
    def backward(self, dout):
        self.dW = self.x.T @ dout
        return dout @ self.W.T

class Net:
    def __init__(self):
        self.params = {"W1": np.ones((3, 4)), "W2": np.ones((4, 2))}
        self.layers = [Affine(self.params["W1"]), Affine(self.params["W2"])]
    def predict(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        return x
    def loss(self, x, t):
        return np.square(self.predict(x) - t).sum()
    def gradient(self, x, t):
        dout = 2 * (self.predict(x) - t)
        for layer in reversed(self.layers):
            dout = layer.backward(dout)
        return {"W1": self.layers[0].dW, "W2": self.layers[1].dW}

net = Net()
x, t = np.ones((5, 3)), np.ones((5, 2))
for i in range(12):
    grad = net.gradient(x, t)
    for key in ("W1", "W2"):
        net.params[key] -= 0.1 * grad[key]
    print(net.loss(x, t))
"""


def test_a_loop_over_layers_is_a_part_of_the_pass() -> None:
    assert loop_line(analyse(LAYERS, "s.py")) == line_of(LAYERS, "for i in")


@pytest.mark.parametrize(
    "kept",
    [
        "c = self.cache.setdefault(key, np.zeros_like(w)); c += 0.1 * (g * g - c)",
        "self.cache[key] = 0.9 * self.cache.get(key, 0) + 0.1 * g * g; c = self.cache[key]",
        "at = id(w); c = self.cache.setdefault(at, np.zeros_like(w)); c += 0.1 * (g * g - c)",
    ],
)
def test_what_an_optimizer_keeps_under_the_key_that_a_loop_hands_it_is_of_that_loops_choice(kept: str) -> None:
    step = f"""class RMSprop:
    def __init__(self):
        self.cache = {{}}
    def update(self, key, w, g):
        {kept}
        w -= 0.1 * g / (np.sqrt(c) + 1e-7)

optimizer = RMSprop()
net = Net()
"""
    plain = "net.params[key] -= 0.1 * grad[key]"
    handed = LAYERS.replace(plain, "optimizer.update(key, net.params[key], grad[key])").replace("net = Net()\n", step)
    assert loop_line(analyse(handed, "s.py")) == line_of(handed, "for i in")


DENSE = """\
import numpy as np

class Dense:
    def __init__(self, a, b):
        self.W, self.b = np.ones((a, b)), np.zeros(b)
    def forward(self, x):
        self.x = x
        return x @ self.W + self.b
    def backward(self, g):
        self.dW, self.db = self.x.T @ g, g.sum(0)
    def params(self):
        yield "W", self.W, self.dW
        yield "b", self.b, self.db

l = Dense(4, 2)
X, Y = np.ones((64, 4)), np.zeros((64, 2))
names = ["W", "b"]
kept = {}
def step():
    for TARGET in ROWS:
        m = kept[k] = 0.9 * kept.get(k, 0.0) + g
        p -= 0.01 * m
for t in range(5):
    d = l.forward(X) - Y
    loss = (d * d).mean()
    l.backward(2 * d / d.size)
    step()
    print(t, loss)
"""


@pytest.mark.parametrize(
    ("target", "rows"),
    [
        ("k, p, g", '[("W", l.W, l.dW), ("b", l.b, l.db)]'),
        ("k, p, g", "l.params()"),
        ("i, (k, p, g)", "enumerate(l.params())"),
        ("k, p, g", "zip(names, [l.W, l.b], [l.dW, l.db])"),
        ("p, g, k", '((l.W, l.dW, ("l", "W")), (l.b, l.db, ("l", "b")))'),
    ],
)
def test_what_an_optimizer_keeps_under_the_key_of_a_row_is_of_the_choice_of_the_loop_over_rows(
    target: str, rows: str
) -> None:
    source = DENSE.replace("TARGET", target).replace("ROWS", rows)
    assert loop_line(analyse(source, "s.py")) == line_of(source, "for t in")


def test_rows_of_data_that_are_written_out_are_no_parameters() -> None:
    source = """\
import numpy as np

W = np.zeros((2, 3))
cat, dog = np.array([1.0, 0.0, 2.0]), np.array([0.0, 1.0, 1.0])
for label, x in [(0, cat), (1, dog), (0, cat)]:
    error = 1.0 - W[label] @ x
    W[label] += 0.1 * error * x
    print(error)
"""
    assert loop_line(analyse(source, "s.py")) == line_of(source, "for label")
