"""A gradient that was added to what earlier iterations had left: a zeroing that was forgotten, or accumulation."""

from pathlib import Path

import pytest

import stepper
from stepper.session.check.gradient_check import Verdict
from stepper.session.findings.zeroing_lines import zeroing_lines
from tests.session.support import script

LOOP = """
    import torch
    torch.manual_seed(0)
    net = torch.nn.Linear(3, 1, dtype=torch.float64)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
    x, y = torch.randn(8, 3, dtype=torch.float64), torch.randn(8, 1, dtype=torch.float64)
    optimizer.zero_grad()
    for t in range(6):
        loss = (net(x) - y).pow(2).mean()
        loss.backward()
        {step}
"""


@pytest.mark.parametrize(
    ("step", "said"),
    [
        (
            "optimizer.step()",
            "the step used the sum of all backward passes (iterations 0 to 3): no line zeroes .grad "
            "(zero_grad forgotten?); this iteration's share was checked",
        ),
        (
            "if t % 2: optimizer.step(); optimizer.zero_grad()",
            "the step used the sum since iteration 2: line 11 zeroes gradients, but has not zeroed this one since; "
            "this iteration's share was checked",
        ),
        (
            "if t == 5: optimizer.step(); optimizer.zero_grad()",
            "no step used it here: .grad holds the sum since iteration ",
        ),
        (
            "optimizer.step(); [g.zero_() for g in (net.weight.grad, net.bias.grad) if t % 2]",
            "the step used the sum since iteration 2: no line of the script is known to zero .grad, and yet it was "
            "zeroed before that; this iteration's share was checked",
        ),
        ("optimizer.step(); optimizer.zero_grad()", ""),
    ],
)
def test_what_a_step_used_of_earlier_iterations_is_told(tmp_path: Path, step: str, said: str) -> None:
    with stepper.open(script(tmp_path, LOOP.format(step=step)), seed=0) as run:
        (found,) = run.check(3, 1, ["net.bias"]).parameters
    assert found.verdict is Verdict.AGREES
    assert found.note.startswith(said) and bool(found.note) is bool(said)


def test_what_another_loop_zeroes_by_itself_is_not_named(tmp_path: Path) -> None:
    other = "for warm in range(2): optimizer.zero_grad(); net(x).sum().backward()"
    text = LOOP.format(step="optimizer.step()").replace("    optimizer.zero_grad()\n", f"    {other}\n", 1)
    with stepper.open(script(tmp_path, text), seed=0, loop="8") as run:
        (found,) = run.check(3, 1, ["net.bias"]).parameters
    assert "no line zeroes .grad (zero_grad forgotten?)" in found.note


def test_only_what_may_run_again_zeroes_gradients() -> None:
    text = "zero_grad()\nw.grad = None\nfor t in x:\n    w.grad = None\n    if t: w.grad.data.zero_()\n    h.zero_()\n"
    assert zeroing_lines(text) == (4, 5)
    reset = "def reset(model):\n    for p in model:\n        del p.grad\n    model.zero_grad()\n"
    assert zeroing_lines(reset) == (3, 4)
    assert zeroing_lines("for p in q:\n    p.grad[:] = 0\n    grad = 0\n") == (2,)
    assert zeroing_lines("while True:\n    w.grad.detach_().zero_()\n    torch._foreach_zero_(grads)\n") == (2, 3)
    assert zeroing_lines("while True:\n    w.grad *= 0\n    w.grad *= 0.5\n") == (2,)
    assert zeroing_lines("no python") == ()
