"""What is a loss of an iteration: by its name, or since `.backward()` is called on it."""

import pytest

from stepper.program import nodes
from stepper.program.program import analyse
from stepper.program.vocabulary import names_gradient, names_loss
from tests.program.probes import Probes, execute
from tests.program.test_knowledge import labels, phases


@pytest.mark.parametrize("name", ["loss_count", "loss_cnt", "n_losses", "loss_weight", "cost_idx"])
def test_what_is_counted_or_weighed_beside_losses_is_none(name: str) -> None:
    assert not names_loss(name) and names_loss("loss_l2") and names_loss("total_cost")


LOSSES = """\
class Net:
    w = 1.0
    def loss(self):
        return self.w * 2
    def cost_of(self, x):
        return x
def pair():
    return 1.5, 2.5
net = Net()
w = 1.0
for t in range(2):
    {statement}
    w -= 0.1 * w
"""


@pytest.mark.parametrize(
    ("statement", "values"),
    [
        ("loss = w * 2", [2.0, 1.8]),
        ("net.last_loss = w * 2", [2.0, 1.8]),
        ("print(t, net.loss())", [2.0, 2.0]),
        ("print(f'{net.loss():.2f}')", [2.0, 2.0]),
        ("l = net.loss()", [2.0, 2.0]),
        ("total_error, other = pair()", [1.5, 1.5]),
        ("(loss := w * 4)", [4.0, 3.6]),
        ("v = [net.cost_of(w)][0] + 1", [1.0, 0.9]),
        ("loss = 1.0; loss += w", [1.0, 2.0, 1.0, 1.9]),
        ("v = str(ValueError('x'))", []),
    ],
)
def test_plain_code_gives_the_named_losses(statement: str, values: list[float]) -> None:
    source = LOSSES.format(statement=statement)
    program = analyse(source, "s.py", loop="11")
    probes = Probes(program, lambda n: False)
    with probes.installed():
        assert execute(program.code, source, "s.py")[2] == ""
    assert [arguments[-1] for name, arguments in probes.calls if name == nodes.LOSS] == values


@pytest.mark.parametrize(
    ("source", "receiver"),
    [
        ("loss.backward()", "loss"),
        ("(a + b).backward()", "a + b"),
        ("scaler.scale(loss).backward()", "scaler.scale(loss)"),
        ("accelerator.backward(loss)", "loss"),
        ("self.fabric.backward(loss)", "loss"),
    ],
)
def test_plain_code_gives_what_backward_is_called_on(source: str, receiver: str) -> None:
    text = f"import torch\nfor x in data:\n    loss = model(x)\n    {source}\n    opt.step()\n"
    program = analyse(text, "s.py")
    assert program.uses_backward
    mutated = [site for site in program.sites if site.method == "backward"]
    assert [site.text for site in mutated] == [receiver]


@pytest.mark.parametrize(
    ("loss", "gradient"),
    [
        *[("损失", "梯度"), ("損失", "勾配"), ("loss_总", "grad_权重")],  # in Chinese and Japanese
        *[("d_loss", "d_loss_d_output"), ("loss_fn", "cost_gradient"), ("mse_loss", "loss_grad")],
        ("total_error", "pd_errors_wrt_outputs"),
    ],
)
def test_a_name_says_that_it_is_a_loss_or_the_derivative_of_one(loss: str, gradient: str) -> None:
    assert names_loss(loss) and not names_gradient(loss)
    assert names_gradient(gradient) and not names_loss(gradient)


@pytest.mark.parametrize("begun", ["[0.0, 0.0]", "np.zeros(2)", "np.zeros_like(w)"])
def test_an_error_that_a_gradient_is_added_up_of_is_no_loss_beside_one(begun: str) -> None:
    source = f"""
import numpy as np
for t in range(3):
    loss = sum((w @ x - y) ** 2 for x, y in data)
    dw = {begun}
    for x, y in data:
        error = w @ x - y
        for j in range(2):
            dw[j] += 2 * error * x[j]
    for j in range(2):
        w[j] -= 0.1 * dw[j]
"""
    program = analyse(source, "s.py")
    assert labels(program, "loss") == {"loss"}


def test_an_error_that_is_the_gradient_behind_a_loss_is_none_nor_what_gives_it() -> None:
    source = """
def loss(y, out):
    return (y - out) ** 2
def loss_prime(y, out):
    return 2 * (out - y)
w = 1.0
for epoch in range(1):
    err = 0
    for t in range(2):
        out = w * 2
        err += loss(1.0, out)
        error = loss_prime(1.0, out)
        w -= 0.25 * error
    print(err / 2)
"""
    program = analyse(source, "s.py")
    probes = Probes(program, lambda n: False)
    with probes.installed():
        assert execute(program.code, source, "s.py")[2] == ""
    assert [arguments[-1] for name, arguments in probes.calls if name == nodes.LOSS] == [1.0, 0.0]


ROOT = """
import numpy as np
def slope(r, cost):
    d = r / cost
    return X.T @ d / n
def at_once(r, loss):
    return X.T @ r / (n * loss)
for t in range(9):
    r = X @ w - y
    {name} = {value}
    g = {gradient}
    w -= 0.1 * g
"""


@pytest.mark.parametrize(
    ("name", "value", "gradient", "phase"),
    [
        ("loss", "np.sqrt((r ** 2).mean())", "X.T @ r / (n * loss)", "loss"),
        ("loss", "np.linalg.norm(r)", "X.T @ (r * loss ** -1)", "loss"),
        ("loss", "np.sqrt((r ** 2).mean())", "slope(r, loss)", "loss"),
        ("loss", "np.sqrt((r ** 2).mean())", "at_once(r, loss)", "loss"),
        ("error", "np.sqrt((r ** 2).mean())", "X.T @ r / (n * error)", "loss"),
        ("error", "np.abs(r)", "X.T @ (r / (1 + error))", "backward"),  # the weight of each sample
        ("error", "(r ** 2).sum()", "X.T @ (r * error / (1 + error))", "backward"),
        ("loss", "r.sum()", "X.T @ (1 / (1 / loss))", "backward"),
        ("rmse", "np.sqrt((r ** 2).mean())", "X.T @ r / (n * rmse)", "forward"),
    ],
)
def test_a_loss_that_the_gradient_is_only_divided_by_is_no_part_of_it(
    name: str, value: str, gradient: str, phase: str
) -> None:
    program = analyse(ROOT.format(name=name, value=value, gradient=gradient), "s.py")
    found = phases(program)
    assert found[f"{name} = {value}"] == phase and (program.roles[name] == "loss") == (phase == "loss")
    assert found["r = X @ w - y"] == "forward" and found[f"g = {gradient}"] == "backward"


def test_a_function_returns_a_gradient_divided_by_the_loss_that_it_makes() -> None:
    source = """
import numpy as np
def slope(w):
    r = X @ w - y
    loss = np.sqrt((r ** 2).mean())
    return X.T @ r / (n * loss)
for t in range(9):
    w -= 0.1 * slope(w)
"""
    program = analyse(source, "s.py")
    found = phases(program)
    assert found["loss = np.sqrt((r ** 2).mean())"] == "loss" == program.roles["loss"]
    assert found["r = X @ w - y"] == "forward" and found["return X.T @ r / (n * loss)"] == "backward"
