"""Parameters and gradients that are looks at one flat array."""

import pytest

from stepper.program.program import analyse
from tests.program.test_knowledge import labels, phases

FLAT = """
import numpy as np
theta, grads = np.zeros(15), np.zeros(15)
{looks}
for t in range(9):
    e = x @ W + b - y
    loss = (e ** 2).mean()
    dW[:] = x.T @ e
    db[:] = e.sum(0)
    theta -= 0.1 * grads
"""


@pytest.mark.parametrize("grads", ["grads", "net.grad"])
@pytest.mark.parametrize(
    "looks",
    [
        "W = theta[:12].reshape(4, 3); b = theta[12:]; dW, db = grads[:12].reshape(4, 3), grads[12:]",
        "W, b = np.split(theta, [12]); W = W.reshape(4, 3); dW, db = np.split(grads, [12]); dW = dW.reshape(4, 3)",
        "V = theta[:12]; W = np.reshape(V, (3, 4)).T; b = theta[12:]; dW = grads[:12].reshape(4, 3); db = grads[12:]",
    ],
)
def test_what_looks_at_a_flat_array_changes_with_it(looks: str, grads: str) -> None:
    program = analyse(FLAT.format(looks=looks).replace("grads", grads), "s.py")
    assert labels(program, "parameter") >= {"theta", "W", "b"} and "x" not in labels(program, "parameter")
    assert {grads, "dW", "db"} <= labels(program, "gradient")
    found = phases(program)
    assert found["dW[:] = x.T @ e"] == found["db[:] = e.sum(0)"] == "backward"
    assert found[f"theta -= 0.1 * {grads}"] == "update"


@pytest.mark.parametrize("looks", ["W = theta[:12].copy(); b = theta[rows]", "W = theta[:12]; b = 0; W = make(12)"])
def test_a_copy_or_what_becomes_another_array_does_not(looks: str) -> None:
    program = analyse(FLAT.format(looks=looks + "; dW = db = grads"), "s.py")
    assert labels(program, "parameter").isdisjoint({"theta", "W", "b"})
