"""Operands that broadcasting stretches both, and losses of different shapes, are pointed out; a bias is not."""

from collections.abc import Sequence
from pathlib import Path

import pytest

import stepper
from stepper.record import STRETCHED, WHOLE, Event
from tests.engines.recorded import run_recorded
from tests.engines.scripts import script as recorded
from tests.session.support import script

NUMPY = """
import numpy as np
np.random.seed(0)
x = np.random.randn(64, 5); y = x.sum(1); one = np.array([0.5, 1.5, 2.5]); row = one[None]
w = np.random.randn(5, 1); b = np.zeros(1); u = np.random.randn(5, 3)
def squared_error(prediction, target):
    return ((prediction - target) ** 2).mean()
for t in range(2):
    y_pred = x @ w + b
    wide = x @ u
    {line}
    loss = ((y_pred - y[:, None]) ** 2).mean()
    grad = 2 * (y_pred - y.reshape(-1, 1)) / 64
    w -= 0.01 * x.T @ grad
"""
TORCH = """
import torch, torch.nn.functional as F
torch.manual_seed(0)
x = torch.randn(64, 5); y = x.sum(1)
model = torch.nn.Linear(5, 1); loss_fn = torch.nn.MSELoss()
for t in range(6):
    y_pred = model(x)
{choices}
    model.zero_grad()
    loss.backward()
    for weights in model.parameters():
        weights.data -= 0.01 * weights.grad
"""
BOTH = "(64, 1) − (64,) → (64, 64), larger than both"


def told(path: str) -> dict[str, str]:
    """What is told of broadcasts in iteration 0, by the first line of the statement's text."""
    with stepper.open(path, seed=0) as run:
        return pointed_out(run.iteration(0).events)


def pointed_out(events: Sequence[Event]) -> dict[str, str]:
    """What is told of broadcasts, by the first line of the statement's text."""
    assert all(event.kind == "statement" for event in events if event.note.startswith(STRETCHED))
    return {
        event.text.split("\n")[0]: event.note.removeprefix(STRETCHED)
        for event in events
        if event.note.startswith(STRETCHED)
    }


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("d = y_pred - y", BOTH),
        ("d = ((y_pred - y) ** 2).mean()", BOTH),
        ("d = np.square(np.subtract(y_pred, y)).sum()", BOTH),
        ("loss = np.abs(y - y_pred).mean()", "(64,) − (64, 1) → (64, 64), larger than both"),
        ("loss = ((y_pred[:, 0] - y[:, None]) ** 2).mean()", "(64,) − (64, 1) → (64, 64), larger than both"),
        (
            "far = y[:, None]; loss = ((y_pred.sum(1) - far) ** 2).mean()",
            "(64,) − (64, 1) → (64, 64), larger than both",
        ),
        (
            "heads = y_pred * row; loss = ((heads - one) ** 2).mean()",
            "(64, 3) − (3,) → (64, 3), of different shapes",
        ),
    ],
)
def test_a_difference_that_is_larger_than_both_is_told_at_its_statement(tmp_path: Path, line: str, said: str) -> None:
    assert told(script(tmp_path, NUMPY.format(line=line))) == {line.split("; ")[-1]: said}


def test_it_is_told_inside_a_function_too(tmp_path: Path) -> None:
    found = told(script(tmp_path, NUMPY.format(line="d = squared_error(y_pred, y)")))
    assert found == {"return ((prediction - target) ** 2).mean()": BOTH}


@pytest.mark.parametrize(
    "line",
    [
        "outer = y[:, None] - y[None, :]",
        "outer = y_pred - y_pred.T",
        "loss = (wide - wide.mean(0)).sum()",
        "shifted = wide - wide.max(1, keepdims=True)",
        "column = y.reshape(-1, 1); outer = column - y",
        "scaled = 2 * y_pred - 1",
        "level = one[:1]; loss = ((y_pred - level) ** 2).mean()",
        "e = y_pred - y_pred",
    ],
)
def test_what_is_lined_up_on_purpose_is_not(tmp_path: Path, line: str) -> None:
    assert told(script(tmp_path, NUMPY.format(line=line))) == {}


def test_losses_of_torch_tell_it_too(tmp_path: Path) -> None:
    """One in each iteration: three that are told of, and the same with shapes that are alike."""
    losses = {
        "F.mse_loss(y_pred, y)": "mse_loss of (64, 1) and (64,), of different shapes",
        "loss_fn(y_pred, y)": "MSELoss of (64, 1) and (64,), of different shapes",
        "(y_pred - y).pow(2).mean()": BOTH,
    }
    right = [loss.replace(" y)", " y[:, None])") for loss in losses]
    choices = [f"    if t == {number}:\n        loss = {loss}" for number, loss in enumerate([*losses, *right])]
    with stepper.open(script(tmp_path, TORCH.format(choices="\n".join(choices))), seed=0) as run:
        events = [run.iteration(number).events for number in range(6)]
    for loss, ran in zip([*losses, *right], events, strict=True):
        assert f"loss = {loss}" in [event.text for event in ran]
    found = [pointed_out(ran) for ran in events]
    assert found == [{f"loss = {loss}": said} for loss, said in losses.items()] + 3 * [{}]


@pytest.mark.parametrize(
    "target",
    ["numpy", "torch", "autograd", "module", "dynamic", "relu-class", "sigmoid", "tests/scripts/layer_objects.py"],
)
def test_nothing_is_said_of_right_scripts(target: str) -> None:
    """Of neither broadcasts nor gates."""
    with stepper.open(target, seed=0) as run:
        assert pointed_out(run.iteration(0).events) == {}
        gates = run.iteration(1).gates
    assert all(not gate.gate.note for gate in gates)
    assert bool(gates) == (target != "sigmoid")


@pytest.mark.parametrize(
    ("bias", "sums", "said"),
    [
        ("np.zeros(3)", "sum()", "() → (3,), one number for all of b"),
        ("np.zeros((1, 3))", "sum(keepdims=True)", "(1, 1) → (1, 3), one number for all of b"),
        ("np.zeros((1, 3))", "sum(0)", ""),
        ("np.zeros(1)", "sum()", ""),
        ("0.0", "sum()", ""),
    ],
)
def test_one_number_that_is_the_gradient_of_many_is_told_at_the_update(bias: str, sums: str, said: str) -> None:
    text = f"""
        import numpy as np
        x, y, w, b = np.ones((4, 2)), np.ones((4, 3)), np.ones((2, 3)), {bias}
        for t in range(1):
            d = x @ w + b - y
            loss = (d ** 2).mean()
            dw, db = x.T @ d, d.{sums}
            w -= 0.1 * dw
            b -= 0.1 * db
        """
    record = run_recorded(recorded(text)).records[0]
    assert pointed_out(record.events) == ({"b -= 0.1 * db": said} if said else {})
    (of_b,) = (each for each in record.parameters if each.name == "b")
    assert of_b.used and of_b.grad is not None and of_b.grad.label == "db"


def test_a_bias_that_its_gradient_makes_a_matrix_of_is_told() -> None:
    source = """
        import numpy as np
        x, w, b = np.ones((2, 5)), np.ones((4, 2)), np.zeros((4, 1))
        for t in range(1):
            d = w @ x + b
            loss = (d ** 2).mean()
            db = d.sum(axis=1)
            b = b - 0.1 * db
        """
    events = run_recorded(recorded(source)).records[0].events
    assert events[-2].note.endswith(f"{STRETCHED}(4, 1) − (4,) → (4, 4), larger than both")


def test_what_a_function_returns_is_told_of_like_what_it_binds() -> None:
    source = """
        import numpy as np
        def score(x, w, b):
            return x @ w + b
        w, b = np.zeros(3), np.zeros((8, 1))
        for t in range(2):
            x = np.ones((8, 3))
            loss = (score(x, w, b) ** 2).mean()
            w -= 0.1 * x.mean(0)
        """
    events = run_recorded(recorded(source)).records[0].events
    assert pointed_out(events) == {"return x @ w + b": "(8,) + (8, 1) → (8, 8), larger than both"}


@pytest.mark.parametrize(
    ("zero", "step", "told"),
    [
        ("0", "w = (w - 0.1 * dw).astype(w.dtype)", True),
        ("0", "for k in range(2): w[k] -= 0.1 * dw[k]", True),
        ("0", "w = w - 0.1 * dw", False),
        ("0.0", "w -= 0.1 * dw", False),
    ],
)
def test_integers_that_a_step_of_fractions_is_lost_in_are_told(zero: str, step: str, told: bool) -> None:
    source = f"""
        import numpy as np
        x, w = np.array([[1.0, 2.5], [3.0, 4.0]]), np.array([{zero}, {zero}])
        for t in range(2):
            d = x @ w - 1.3
            loss = (d ** 2).mean()
            dw = x.T @ d
            {step}
        """
    events = run_recorded(recorded(source)).records[0].events
    assert any(event.note.startswith(WHOLE) for event in events) == told
