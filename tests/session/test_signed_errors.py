"""Checks where what is called the loss is an error with a sign, of which the gradient is made."""

from pathlib import Path

import pytest

from stepper.session.check.finite_difference import Slope
from stepper.session.check.gradient_check import ParameterCheck, Verdict, compared, concluded
from stepper.session.check.signed_errors import SignedErrors, told_of_errors
from tests.session.checks import named, opened, verdicts

AGREES, DIFFERS, UNKNOWN = Verdict.AGREES, Verdict.DIFFERS, Verdict.UNKNOWN
SLOPES = (3.0, -1.0, 0.25)
LOSS = -0.4


def parameter(name: str, times: float | None, *, along: bool = False) -> ParameterCheck:
    """One whose recorded gradient is so many times that of the error; None: no multiple of it."""
    recorded = [each * (place + 2 if times is None else times) for place, each in enumerate(SLOPES)]
    entries = [
        compared(
            (place,), each, Slope(slope, 1e-9, 1e-4, ((slope, 1e-9, 0.0), (slope, 5e-10, 0.0)), False), 2.0**-53, 1.0
        )
        for place, (each, slope) in enumerate(zip(recorded, SLOPES, strict=True))
    ]
    return concluded(name, (3,), entries, along=along, loss=LOSS)


@pytest.mark.parametrize(
    ("times", "verdicts"),
    [
        ({"w": -1.7, "b": -1.7}, {"w": AGREES, "b": AGREES}),  # the slope of a cross-entropy is the error
        ({"w": -1.7, "b": None}, {"w": AGREES, "b": DIFFERS}),
        ({"w": 1.7, "b": 1.7}, {"w": DIFFERS, "b": DIFFERS}),  # uphill
        ({"w": -1.7, "b": 1.7}, {"w": AGREES, "b": DIFFERS}),
        ({"w": -1.7, "b": -3.4}, {"w": DIFFERS, "b": DIFFERS}),  # which of the two is wrong is not known
        ({"w": -1.7, "b": -3.4, "v": -1.7}, {"w": AGREES, "b": DIFFERS, "v": AGREES}),
        ({"w": LOSS, "b": -1.7}, {"w": AGREES, "b": DIFFERS}),  # of half its square
    ],
)
def test_gradients_made_of_one_error_are_one_multiple_of_its_own(
    times: dict[str, float | None], verdicts: dict[str, Verdict]
) -> None:
    found = told_of_errors(SignedErrors(7, (0,)), LOSS, [parameter(*each) for each in times.items()])
    assert {each.name: each.verdict for each in found} == verdicts
    assert all("an error with a sign" in each.note for each in found)


def test_of_several_errors_none_is_called_wrong_where_no_loss_is_known() -> None:
    found = told_of_errors(SignedErrors(7, (0, 1)), LOSS, [parameter("w", -1.7)])
    assert {found[0].verdict, *(each.verdict for each in found[0].entries)} == {UNKNOWN}
    assert "the last of 2 that line 7 makes" in found[0].note


NEURON = """
import numpy as np
rng = np.random.default_rng(0)
w, v = rng.normal(size=(2, 3)), rng.normal(size=3)
for t in range(2):
    x = rng.normal(size=2)
    h = np.tanh(x @ w)
    error = (x[0] > 0) - 1 / (1 + np.exp(-h @ v))
    dv = error * h
    dw = np.outer(x, error * v * (1 - h**2))
    v += 0.1 * dv
    w += 0.1 * dw
"""
SEVERAL = """
w, b = [0.1, -0.2], 0.0
for t in range(2):
    dw, db = [0.0, 0.0], 0.0
    for x, y in [([1.0, 2.0], 1.0), ([0.5, -1.0], 0.3), ([-1.0, 0.2], 0.0)]:
        error = w[0] * x[0] + w[1] * x[1] + b - y
        for j in range(2):
            dw[j] += error * x[j]
        db += error
    for j in range(2):
        w[j] -= 0.1 * dw[j]
    b -= 0.1 * db
"""


def test_a_step_by_the_error_of_a_squashed_output_is_right_and_its_hidden_layer_is_looked_at(tmp_path: Path) -> None:
    with opened(tmp_path, NEURON.replace("* (1 - h**2)", "")) as run:
        found = run.check(1)
    assert verdicts(found) == {"w": DIFFERS, "v": AGREES} and "whose slope it is" in found.parameters[1].note


def test_gradients_added_up_of_several_errors_are_those_of_their_squares(tmp_path: Path) -> None:
    with opened(tmp_path, SEVERAL.replace("dw[j] += error * x[j]", "dw[j] += error")) as run:
        found = named(run.check(0))
    assert found["w"].verdict is DIFFERS and found["b"].verdict is AGREES
    assert found["b"].note.startswith("by half the sum of the squares of the 3 errors that line 6 makes")
