"""An optimizer that calls a closure several times in a step: only the first gradient is at the parameters before it."""

from pathlib import Path

import pytest

from stepper.session.check.gradient_check import Verdict
from tests.session.checks import TWICE, named, opened

FITTED = (
    TWICE
    + """
torch.manual_seed(0)
a, b = torch.randn(30, 4, dtype=torch.{dtype}), torch.randn(30, dtype=torch.{dtype})
w = torch.zeros(4, requires_grad=True, dtype=torch.{dtype})
optimizer = torch.optim.LBFGS([w], lr=0.1, max_iter=3)
for k in range(3):
    def closure():
        optimizer.zero_grad()
        loss = (a @ Twice.apply(w) - b).square().mean()
        loss.backward()
        return loss
    optimizer.step(closure)
"""
)


@pytest.mark.parametrize(("dtype", "iteration"), [("float64", 1), ("float32", 0)])
def test_the_gradient_of_the_first_call_is_compared_with_its_own_loss(
    tmp_path: Path, dtype: str, iteration: int
) -> None:
    with opened(tmp_path, FITTED.format(factor=2, dtype=dtype)) as run:
        (found,) = named(run.check(iteration, entries=2)).values()
    assert found.verdict is Verdict.AGREES and "first time that the step calls its closure" in found.note, found
    with opened(tmp_path, FITTED.format(factor=3, dtype=dtype)) as run:
        (wrong,) = named(run.check(iteration, entries=2)).values()
    assert wrong.verdict is Verdict.DIFFERS and wrong.factor == pytest.approx(1.5, rel=1e-3), wrong


@pytest.mark.parametrize("optimizer", ["LBFGS([w], lr=0.1, max_iter=3)", "SGD([w], lr=0.1)"])
def test_micro_batches_in_a_closure_are_one_call_of_it(tmp_path: Path, optimizer: str) -> None:
    text = (
        FITTED.split("optimizer =")[0]
        + f"""
optimizer = torch.optim.{optimizer}
for k in range(2):
    def closure():
        optimizer.zero_grad()
        for part in range(0, 30, 10):
            loss = (a[part : part + 10] @ (Twice.apply(w) if part else w) - b[part : part + 10]).square().mean()
            loss.backward()
        return loss
    optimizer.step(closure)
"""
    )
    with opened(tmp_path, text.format(factor=2, dtype="float64")) as run:
        (right,) = named(run.check(1, entries=1)).values()
    assert right.verdict is Verdict.AGREES
    assert ("first time that the step calls its closure" in right.note) == optimizer.startswith("LBFGS"), right.note
    with opened(tmp_path, text.format(factor=3, dtype="float64")) as run:
        assert named(run.check(1, entries=1))["w"].verdict is Verdict.DIFFERS  # of the second batch, and the third


def test_a_pass_that_is_of_no_loss_is_not_counted_as_one(tmp_path: Path) -> None:
    """A penalty on the slope, as of a network that solves a differential equation."""
    text = """
        import torch
        torch.manual_seed(0)
        x = torch.randn(8, 2, dtype=torch.float64, requires_grad=True)
        net = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.Tanh(), torch.nn.Linear(3, 1)).double()
        optimizer = torch.optim.LBFGS(net.parameters(), lr=0.5, max_iter=3)
        def closure():
            optimizer.zero_grad()
            u = net(x)
            (slope,) = torch.autograd.grad(u.sum(), x, create_graph=True)
            loss = (u - 1).square().mean() + slope.square().mean()
            loss.backward()
            return loss
        for k in range(2):
            optimizer.step(closure)
    """
    with opened(tmp_path, text) as run:
        found = run.check(0, entries=1)
    assert {each.verdict for each in found.parameters} == {Verdict.AGREES}
    assert not any("uphill" in each.note for each in found.parameters)
