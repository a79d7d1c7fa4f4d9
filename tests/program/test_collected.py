"""What an optimizer was made with is what its step changes, however its list was gathered, whoever it is handed to."""

import pytest

from stepper.program.program import analyse

SCRIPT = """\
import torch
W1 = torch.randn(3, 4, requires_grad=True)
W2 = torch.randn(4, 2, requires_grad=True)
data = [(torch.randn(5, 3), torch.randn(5, 2))] * 4
def net(X):
    H = torch.relu(X @ W1)
    return H @ W2
{made}
def train(opt):
    for X, y in data:
        l = ((net(X) - y) ** 2).mean()
        {name}.zero_grad()
        l.backward()
        {name}.step()
train({given})
"""


@pytest.mark.parametrize(
    "made",
    [
        "opt = torch.optim.SGD([W1, W2])",
        "params = [W1, W2]; opt = torch.optim.SGD(params)",
        "params = []; params.append(W1); params.append(W2); opt = torch.optim.SGD(params)",
        "params = [W1]; params.extend([W2]); opt = torch.optim.SGD(params)",
        "params = []; params += [W1]; params += [W2]; opt = torch.optim.SGD(params)",
        "first = [W1]; second = [W2]; params = first + second; opt = torch.optim.SGD(params)",
        "params = [W1, W2]; opt = torch.optim.SGD([{'params': params, 'lr': 0.1}])",
    ],
)
@pytest.mark.parametrize("handed", [False, True], ids=["its own name", "another name"])
def test_what_an_optimizer_was_made_with_are_parameters(made: str, handed: bool) -> None:
    made = made.replace("opt =", "optimizer =") if handed else made
    source = SCRIPT.format(made=made, name="opt", given="optimizer" if handed else "opt")
    roles = analyse(source, "s.py").roles
    assert [roles[name] for name in ("W1", "W2", "H", "X", "y")] == ["parameter"] * 2 + ["activation"] + ["data"] * 2


def test_what_a_sum_is_made_of_is_no_parameter() -> None:
    source = SCRIPT.format(
        made="a = torch.ones(4, 2)\nW2 = a + a\nW2.requires_grad_()\nopt = torch.optim.SGD([W1, W2])",
        name="opt",
        given="opt",
    )
    roles = analyse(source.replace("- y)", "- y + a.sum())"), "s.py").roles
    assert (roles["W2"], roles["a"]) == ("parameter", "data")


def test_parameters_that_a_function_is_handed_beside_their_optimizer_are_parameters() -> None:
    source = """\
import torch
def model(x, w, b):
    h = w * x
    return h + b
def training_loop(optimizer, weights, x, y):
    for epoch in range(3):
        loss = ((model(x, *weights) - y) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
weights = torch.tensor([1.0, 0.0], requires_grad=True)
sgd = torch.optim.SGD([weights], lr=0.01)
training_loop(optimizer=sgd, weights=weights, x=torch.arange(4.0), y=torch.ones(4))
"""
    roles = analyse(source, "s.py").roles
    assert [roles[name] for name in ("weights", "w", "h", "x", "y")] == ["parameter"] * 2 + ["activation"] + [
        "data"
    ] * 2
