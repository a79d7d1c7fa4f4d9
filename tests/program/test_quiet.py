"""Statements that cannot print, by their spelling: whatever is not surely one of them may print."""

import pytest

from stepper.program.quiet import is_quiet


@pytest.mark.parametrize(
    "text",
    [
        "h = x.dot(w1)",
        "h_relu = np.maximum(h, 0)",
        "g[h < 0] = 0",
        "w1 -= rate * g",
        "y = x.mm(w1).clamp(min=0).mm(w2)",
    ],
)
def test_array_operations_are_quiet(text: str) -> None:
    assert is_quiet(text)


@pytest.mark.parametrize(
    "text",
    ["print(t, loss)", "logger.log(loss)", "wandb.log(x.sum())", "y = model(x)", "import noisy", "del x", "f(x).sum()"],
)
def test_what_may_print_is_not(text: str) -> None:
    assert not is_quiet(text)
