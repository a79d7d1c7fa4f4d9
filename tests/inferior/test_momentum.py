"""What may carry an update uphill: the bounds within which a kept sum is one of gradients, and a step goes by it."""

from __future__ import annotations

import numpy
import pytest

from stepper.engines.numpy import NumpyEngine
from stepper.inferior.gradients.momentum import carried_by, turned_by
from stepper.inferior.gradients.velocities import Velocity
from stepper.inferior.recording.copies import Copy
from stepper.inferior.recording.drafts import Draft, Happening
from stepper.program.sites import Site
from stepper.record import Around, OptimizerStep

STEP = Site(0, "expression", 1, 0, 1, 16, "optimizer.step()", "optimizer.step()")
W = numpy.array([3.0, 1.0, -2.0, 4.0, 0.5])
GRAD = numpy.array([1.0, -2.0, 0.5, 3.0, -1.0])
HELD = numpy.array([-2.0, 0.5, 1.0, 1.0, 2.0])
BESIDE = numpy.array([0.7, 0.1, -1.1, 0.3, 2.0])
SUM = 0.9 * HELD + GRAD


def copy_of(value: numpy.ndarray) -> Copy:
    return Copy(NumpyEngine(), value)


def stepped(
    name: str, before: Copy, after: Copy, grad: Copy, held: numpy.ndarray, sum_: numpy.ndarray, group: int = 0
) -> Happening:
    """An optimizer's step, whose state went from `held` to `sum_`."""
    step = OptimizerStep(name, "", {"momentum_buffer": Around(1, 2)}, None, None, group=group)
    drafts = [
        Draft(name, "parameter", "before", before),
        Draft("momentum_buffer", "other", "before", copy_of(held)),
        Draft("momentum_buffer", "other", "after", copy_of(sum_)),
        Draft(name, "parameter", "after", after),
        Draft(f"{name}.grad", "gradient", "operand", grad),
    ]
    return Happening(0, None, "optimizer", "update", STEP, name, 0, "<module>", drafts, detail=step)


def told(
    sum_: numpy.ndarray,
    update: numpy.ndarray,
    held: numpy.ndarray = HELD,
    grad: numpy.ndarray = GRAD,
    beside: tuple[Happening, ...] = (),
) -> bool:
    """Whether a step by `update` is told to be turned, of an optimizer whose state went from `held` to `sum_`."""
    before, after = copy_of(W[: len(update)]), copy_of(W[: len(update)] + update)
    own = stepped("w", before, after, copy_of(grad), held, sum_)
    return turned_by([*beside, own], "w", before, after, copy_of(grad))


def test_a_step_along_a_sum_of_gradients_is_turned_and_one_against_it_is_not() -> None:
    assert told(SUM, 0.1 * SUM)
    assert not told(SUM, -0.1 * SUM)


def test_a_step_against_a_sum_of_their_opposites_is_turned() -> None:
    opposite = 0.9 * HELD - GRAD
    assert told(opposite, -0.1 * opposite)
    assert not told(opposite, 0.1 * opposite)


@pytest.mark.parametrize(("kept", "is_sum"), [(-0.1, False), (0.1, True), (0.99, True), (1.01, True), (1.1, False)])
def test_a_sum_keeps_a_part_of_what_it_was(kept: float, is_sum: bool) -> None:
    became = kept * HELD + GRAD
    assert told(became, 0.1 * became) is is_sum


@pytest.mark.parametrize(("share", "is_sum"), [(1e-5, True), (1e-2, False)])
def test_nothing_else_is_added_to_a_sum_but_for_rounding(share: float, is_sum: bool) -> None:
    became = SUM + share * BESIDE
    assert told(became, 0.1 * became) is is_sum


def test_the_step_goes_by_the_sum() -> None:
    across = BESIDE - (BESIDE @ SUM) / (SUM @ SUM) * SUM
    across *= numpy.linalg.norm(SUM) / numpy.linalg.norm(across)
    assert told(SUM, 0.1 * (SUM + across)), "45 degrees"
    assert not told(SUM, 0.1 * (SUM + 2 * across)), "63 degrees"
    assert not told(SUM, numpy.zeros(5)), "no step at all"


def test_of_a_sum_in_one_direction_with_the_gradient_no_factor_is_known() -> None:
    assert not told(1.45 * GRAD, 0.1 * GRAD, held=0.5 * GRAD)
    assert not told(SUM[:2], 0.1 * SUM[:2], held=HELD[:2], grad=GRAD[:2])


@pytest.mark.parametrize(("group", "is_told"), [(0, True), (1, False)])
def test_of_two_elements_the_factors_are_those_of_a_parameter_beside_them(group: int, is_told: bool) -> None:
    other = stepped("v", copy_of(W), copy_of(W + 0.1 * SUM), copy_of(GRAD), HELD, SUM, group)
    assert told(SUM[:2], 0.1 * SUM[:2], held=HELD[:2], grad=GRAD[:2], beside=(other,)) is is_told
    assert not told(SUM[:2], -0.1 * SUM[:2], held=HELD[:2], grad=GRAD[:2], beside=(other,))
    became = 0.5 * HELD[:2] + GRAD[:2]
    assert not told(became, 0.1 * became, held=HELD[:2], grad=GRAD[:2], beside=(other,)), "another sum"


def test_a_parameter_beside_them_that_is_no_longer_finite_tells_nothing_of_two_elements() -> None:
    held, grad = HELD[:2], GRAD[:2]
    sum_ = 0.9 * held + grad
    gone = numpy.full(5, numpy.nan)
    other = stepped("v", copy_of(W), copy_of(gone), copy_of(gone), HELD, gone)
    assert not told(sum_, 0.1 * sum_, held, grad, beside=(other,))


@pytest.mark.parametrize(
    ("perturbed", "step", "is_told"),
    [(GRAD, -GRAD, True), (0 * GRAD, -GRAD, False), (GRAD, GRAD, False), (BESIDE, -GRAD, False)],
)
def test_what_moves_a_parameter_along_its_gradient_beside_a_step_downhill_is_no_momentum(
    perturbed: numpy.ndarray, step: numpy.ndarray, is_told: bool
) -> None:
    first, before, after = (copy_of(each) for each in (W, W + perturbed, W + perturbed + 0.1 * step))
    own = stepped("w", before, after, copy_of(GRAD), HELD, BESIDE)
    assert turned_by([own], "w", first, after, copy_of(GRAD)) is is_told


@pytest.mark.parametrize(("beside", "by"), [(0 * W, "v"), (W, "v"), (BESIDE, "")])
def test_a_kept_value_is_a_sum_by_its_numbers_where_it_is_made_of_gradients_and_a_decay_alone(
    beside: numpy.ndarray, by: str
) -> None:
    sum_ = 0.9 * HELD + 0.1 * (GRAD + 0.1 * beside)
    before, after, grad = copy_of(W), copy_of(W - 0.1 * sum_), copy_of(GRAD)
    kept = Velocity("v", copy_of(HELD), copy_of(sum_))
    assert carried_by([], before, after, grad, [kept]) == by
    assert carried_by([], before, copy_of(W + 0.1 * sum_), grad, [kept]) == ""
