"""Steps on a copy of the parameters, which takes their place."""

import pytest

from stepper.program.program import analyse
from tests.program.test_knowledge import phases


def test_a_step_on_a_copy_of_the_parameters_is_an_update() -> None:
    source = """
import copy
def update(params, grads, lr):
    parameters = copy.deepcopy(params)
    for l in range(2):
        parameters["W" + str(l)] = parameters["W" + str(l)] - lr * grads["dW" + str(l)]
    return parameters
for i in range(3):
    z = parameters["W0"] @ X
    cost = ((parameters["W1"] @ z - Y) ** 2).sum()
    grads = {"dW1": 2 * (parameters["W1"] @ z - Y) @ z.T, "dW0": X}
    parameters = update(parameters, grads, lr)
"""
    program = analyse(source, "s.py")
    found = phases(program)
    assert found["parameters = copy.deepcopy(params)"] == found["return parameters"] == "update"
    assert program.roles["parameters"] == "parameter" and program.roles["grads"] == "gradient"


@pytest.mark.parametrize(
    ("step", "phase"),
    [
        ("new -= 0.1 * (x.T @ e)", "update"),
        ("new[0] -= 0.1 * (x[:, 0] @ e)", "update"),
        ("new = np.linalg.solve(x.T @ x, x.T @ (e + x @ w))", "forward"),  # worked out anew, by no gradient
    ],
)
def test_a_step_without_a_named_gradient_on_a_copy_that_takes_the_place_of_the_parameter(step: str, phase: str) -> None:
    source = f"""
for i in range(3):
    e = x @ w - y
    loss = (e ** 2).mean()
    new = w.copy()
    {step}
    w = new
"""
    found = phases(analyse(source, "s.py"))
    assert found[step] == phase and found["w = new"] == "update" and found["e = x @ w - y"] == "forward"
