"""Slopes by finite differences: as exact as the loss allows, and no more exact than that."""

import asyncio
import math
import random
import struct
from collections.abc import Callable

import pytest

from stepper.session.check.finite_difference import (
    Losses,
    Slope,
    Step,
    _kink,
    averaged,
    measure,
    narrowed,
    scale_of,
    slope,
)
from stepper.session.check.gradient_check import Verdict, compared

DOUBLE, SINGLE = 2.0**-53, 2.0**-24


def last(losses: Losses) -> float:
    return losses[-1]


def single(number: float) -> float:
    """A number as float32 holds it."""
    return float(struct.unpack("f", struct.pack("f", number))[0])


def measured(loss: Callable[[float], float], at: float, unit: float = DOUBLE, scale: float | None = None) -> Slope:
    rounded = single if unit == SINGLE else float

    async def ask(numbers: list[float]) -> list[tuple[float, Losses]]:
        held = [rounded(number) for number in numbers]
        return [(number, [rounded(loss(number))]) for number in held]

    base = rounded(loss(at))
    steps = asyncio.run(measure(ask, at, scale or abs(at) or 1.0, base, last, unit, 0.0))
    found = slope(steps, base, last, unit)
    assert found is not None
    return found


@pytest.mark.parametrize("unit", [DOUBLE, SINGLE])
@pytest.mark.parametrize(
    ("loss", "derivative", "at"),
    [
        (lambda t: t * t, lambda t: 2 * t, 3.0),
        (math.exp, math.exp, 0.5),
        (math.sin, math.cos, 2.0),
        (lambda t: 1e6 * t**3, lambda t: 3e6 * t * t, -0.25),
        (lambda t: 1000 + 0.5 * t, lambda _: 0.5, 1.0),
    ],
)
def test_the_slope_is_right_within_its_error_bar(
    loss: Callable[[float], float], derivative: Callable[[float], float], at: float, unit: float
) -> None:
    found = measured(loss, at, unit)
    assert abs(found.value - derivative(at)) <= found.error
    if unit == DOUBLE:
        assert found.error <= 2e-3 * abs(found.value)
    assert not found.excludes(derivative(at))


def test_a_slope_that_is_twice_as_large_is_excluded() -> None:
    assert measured(math.exp, 0.5).excludes(2 * math.exp(0.5))
    assert measured(math.exp, 0.5, SINGLE).excludes(2 * math.exp(0.5))


def test_narrower_steps_find_the_slope_that_kinks_hide() -> None:
    """The slope is 0.1 within ±0.001, and about 1 as wide steps have it."""

    def loss(distance: float) -> float:
        beyond = max(0.0, abs(distance) - 0.001)
        return 3.0 + 0.1 * distance + math.copysign(0.9 * beyond, distance)

    async def ask(numbers: list[float]) -> list[tuple[float, Losses]]:
        return [(number, [single(loss(number))]) for number in map(single, numbers)]

    steps = [Step(-size, size, [single(loss(-size))], [single(loss(size))]) for size in (0.1, 0.2)]
    wide = slope(steps, loss(0.0), last, SINGLE)
    assert wide is not None and wide.excludes(0.1)
    steps += asyncio.run(narrowed(ask, 0.0, loss(0.0), abs(wide.value - 0.1), SINGLE, 0.0, steps))
    assert asyncio.run(narrowed(ask, 0.0, loss(0.0), abs(wide.value - 0.1), SINGLE, 0.0, steps)) == []  # once
    again = slope(steps, loss(0.0), last, SINGLE)
    assert again is not None and not again.excludes(0.1)


def test_steps_that_are_about_as_wide_do_not_tell_how_exact_one_another_is() -> None:
    steps = [Step(-size, size, [-(size**3)], [size**3]) for size in (0.1, 0.1001, 0.1002, 0.3)]  # the slope is 0
    found = slope(steps, 0.0, last, DOUBLE)
    assert found is not None and abs(found.value) <= found.error
    alone = slope(steps[:2], 0.0, last, DOUBLE)
    assert alone is not None and alone.error < found.error  # there is no other


def test_a_kink_nearer_than_any_step_leaves_the_slopes_of_both_sides() -> None:
    """All central differences are about 1.05, and lie close together; below θ the slope is 1, and above it 1.1."""

    def loss(distance: float) -> float:
        return 3.0 + distance + 0.1 * max(0.0, distance - 1e-6)

    steps = [Step(-size, size, [loss(-size)], [loss(size)]) for size in (0.01, 0.02, 0.04)]
    found = slope(steps, loss(0.0), last, DOUBLE)
    assert found is not None and abs(found.value - 1.05) < 1e-3 and found.error < 1e-3
    assert not found.excludes(1.0) and not found.excludes(1.1)
    assert found.excludes(0.9) and found.excludes(1.2) and found.excludes(2.0)


def test_a_loss_that_is_rounded_more_than_reckoned_with_hides_no_wrong_slope() -> None:
    """The slope is 5 by steps of 1e-6 and more; narrow ones tell nothing of a solved system of equations."""
    chance = random.Random(0)

    def loss(distance: float) -> float:
        return 3.0 + 5.0 * distance + 1e-14 * distance**2 + chance.uniform(-1e-12, 1e-12)

    sizes = (1e-13, 4e-13, 1.6e-12, 1e-4, 2e-4, 4e-4)
    steps = [Step(-size, size, [loss(-size)], [loss(size)]) for size in sizes]
    found = slope(steps, loss(0.0), last, DOUBLE)
    assert found is not None and found.excludes(10.0) and found.excludes(-5.0)
    assert not found.excludes(5.0)


def test_steps_that_tell_one_slope_by_a_kink_or_a_rounding_in_their_midst_exclude_none() -> None:
    """The slope of 3θ + |θ| at 0 may as well be 4; and three steps may be rounded alike by chance."""
    assert not measured(lambda t: 3 * t + abs(t), 0.0, scale=1.0).excludes(4.0)
    steps = ((3.0, 1e-2, 0.0),) * 3
    assert not Slope(3.0, 1e-2, 1e-4, steps).excludes(3.01)
    assert Slope(3.0, 1e-7, 1e-4, tuple((value, 1e-7, kink) for value, _, kink in steps)).excludes(3.01)


def test_many_kinks_that_even_out_over_wide_steps_are_no_slope() -> None:
    """At θ the slope is 0.1, and 0.3 beside it: by narrow steps it is seen that there are several, and by wide ones
    there seems to be one only."""

    def loss(distance: float) -> float:
        return 1.0 + 0.1 * distance + 0.2 * max(0.0, distance - 1e-3) - 0.2 * max(0.0, -distance - 3e-3)

    sizes = (0.002, 0.004, 0.2, 0.4)
    steps = [Step(-size, size, [loss(-size)], [loss(size)]) for size in sizes]
    found = slope(steps, loss(0.0), last, DOUBLE)
    assert found is not None and not found.excludes(0.1) and found.excludes(2.0)


def test_no_right_slope_is_accused_among_many_kinks_that_rounding_hides() -> None:
    """And most are known to be right by the means of many narrow steps, or wrong, be it by a fifth."""

    def verdict(times: float, seed: int, means: bool = False) -> Verdict:
        chance = random.Random(seed)
        width, size = chance.choice((0.03, 0.3, 1.0)), chance.choice((0.003, 0.02, 0.1))
        kinks = [(chance.gauss(0, width), chance.gauss(0, size)) for _ in range(60)]

        def loss(distance: float) -> float:
            return single(0.5 + sum(steep * max(0.0, distance - at) for at, steep in kinks))

        async def ask(numbers: list[float]) -> list[tuple[float, Losses]]:
            return [(number, [loss(number)]) for number in map(single, numbers)]

        told, base = times * sum(steep for at, steep in kinks if at < 0), loss(0.0)
        steps = asyncio.run(measure(ask, 0.0, 0.5, base, last, SINGLE, 0.0))
        found = slope(steps, base, last, SINGLE)
        assert found is not None
        if compared((), told, found, SINGLE, 0.0).verdict is not Verdict.AGREES:
            steps += asyncio.run(narrowed(ask, 0.0, base, abs(told - found.value), SINGLE, 0.0, steps))
        found = slope(steps, base, last, SINGLE)
        assert found is not None
        if means and compared((), told, found, SINGLE, 0.0).verdict is Verdict.UNKNOWN:
            steps += asyncio.run(averaged(ask, 0.0, 0.5, base, max(abs(told), abs(found.value)), SINGLE, 0.0))
        return compared((), told, slope(steps, base, last, SINGLE), SINGLE, 0.0).verdict

    seeds, differs = range(100), Verdict.DIFFERS
    right = [verdict(1.0, seed, means=True) for seed in seeds]
    assert differs not in right and right.count(Verdict.AGREES) > 90
    assert [verdict(2.0, seed) for seed in seeds].count(differs) > 80
    assert [verdict(1.2, seed, means=True) for seed in seeds].count(differs) > 70


def test_steps_of_which_no_square_is_left_tell_no_mean() -> None:
    wide = [Step(-size, size, [-size], [size]) for size in (0.1, 0.2)]
    among = [Step(-size, size, [-size], [size], among=1) for size in (k * 1e-171 for k in range(10, 20))]
    found = slope([*wide, *among], 0.0, last, DOUBLE)
    assert found is not None and found.value == 1.0 and found.means == ()


def test_one_step_alone_excludes_no_slope() -> None:
    one, other = (1.0, 1e-6, 0.0), (1.001, 1e-6, 0.0)
    assert not Slope(1.0, 0.01, 0.1, (one,)).excludes(2.0)
    assert Slope(1.0, 0.01, 0.1, (one, other)).excludes(2.0)


def test_a_loss_that_changes_by_its_rounding_is_not_still() -> None:
    steps = [Step(-size, size, [1.0], [1.0]) for size in (0.1, 0.2, 0.4)]
    found = slope(steps, 1.0, last, DOUBLE)
    assert found is not None and found.value == 0.0 and found.still
    found = slope([*steps, Step(-0.8, 0.8, [1.0 + DOUBLE * 2], [1.0])], 1.0, last, DOUBLE)
    assert found is not None and found.value == 0.0 and not found.still


def test_a_loss_whose_slope_is_too_small_for_narrow_steps_is_not_still() -> None:
    """A recorded 1.7 would be seen at steps that are so narrow that the loss, of slope 0.003, is the same there: the
    loss of a closed ReLU is, and one that is rounded is not."""

    def told(loss: Callable[[float], float]) -> tuple[bool, Verdict]:
        steps = [Step(1 - s, 1 + s, [loss(1 - s)], [loss(1 + s)]) for s in (1e-15, 1e-5, 2e-5, 4e-5, 8e-5)]
        found = slope(steps, loss(1.0), last, DOUBLE)
        assert found is not None and found.flat
        entry = compared((0,), 1.7, found, DOUBLE, 1.7)
        return entry.still, entry.verdict

    assert told(lambda t: 0.3 + 0.003 * t) == (False, Verdict.DIFFERS)
    assert told(lambda t: 0.3 + max(0.0, 0.5 * (t - 1.00003))) == (True, Verdict.DIFFERS)


def test_what_rounding_may_make_is_no_kink() -> None:
    """Slopes below and above that lie 2e-5 apart, by losses that are off by 1e-8."""

    def kink(half: float, rounding: float) -> float:
        return _kink((1e-3, half, rounding), (2e-3, half, rounding))

    assert kink(1e-5, 1e-8) == 0.0
    assert kink(1e-5, 0.0) == pytest.approx(1e-5)
    assert kink(0.2, 1e-8) == pytest.approx(0.2, rel=1e-3)


@pytest.mark.parametrize("unit", [DOUBLE, SINGLE])
@pytest.mark.parametrize("at", [0.0, 1e-5, -3e-5])
@pytest.mark.parametrize("stiff", [1.0, 1e4])
def test_a_theta_about_zero_is_moved_by_what_the_others_and_the_loss_are_like(
    at: float, stiff: float, unit: float
) -> None:
    """A bias beside weights of about 0.3; also where it works 10,000 times as strongly."""

    def loss(bias: float) -> float:
        return math.log(1.0 + math.exp(stiff * bias)) + 0.3

    gradient = stiff / (1.0 + math.exp(-stiff * at))
    scale = scale_of(at, abs(at), 0.3, loss(at), gradient)
    found = measured(loss, at, unit, scale)
    assert abs(found.value - gradient) <= 2 * found.error <= 0.04 * gradient
    assert measured(loss, 1e-5, SINGLE, 1e-5).error > 0.02 * stiff or stiff > 1.0, "by its own size float32 hides it"


def test_without_others_an_element_is_moved_by_its_own_size() -> None:
    assert scale_of(2.0, 1.0, 0.0, 5.0, 1.0) == 2.0
    assert scale_of(0.0, 0.0, 0.0, 5.0, 0.0) == 1.0
    assert scale_of(1e-3, 1e-3, 0.5, 5.0, 0.0) == 0.5, "no gradient, and no way that it uses the loss up on"
    assert scale_of(1e-9, 1e-9, 1e3, 5.0, 1e3) == 1.0, "at least so much of the others' size"


@pytest.mark.parametrize("unit", [DOUBLE, SINGLE])
def test_curvature_hides_no_wrong_slope(unit: float) -> None:
    """Near its minimum a loss is all curvature: the slopes beside θ are far apart, and yet that at θ is known."""
    found = measured(lambda t: 4 * t * t, 1e-3, unit, scale=1.0)
    assert abs(found.value - 8e-3) <= found.error
    assert found.excludes(4e-3) and found.excludes(-8e-3) and not found.excludes(8e-3)


@pytest.mark.parametrize(("kink", "hides"), [(0.0, False), (1e-7, True), (-1e-7, True), (0.02, True)])
def test_curvature_hides_no_slope_that_is_wrong_by_little_and_a_kink_does(kink: float, hides: bool) -> None:
    """In single precision: narrow steps are rounded, and wide ones lie further from one another than from it."""

    def loss(number: float) -> float:
        bent = 0.02 * (max(0.0, number - kink) - max(0.0, -kink)) if kink else 0.0
        return 2.0 + number + 0.5 * number**2 + number**3 + bent

    right = 1.02 if kink < 0 else 1.0
    steps = [Step(-h, h, [single(loss(-h))], [single(loss(h))]) for h in (4e-3, 8e-3, 0.016, 0.032, 0.064, 0.256)]
    found = slope(steps, 2.0, last, SINGLE)
    assert found is not None and not found.excludes(right)
    assert found.excludes(right + (0.02 if kink >= 0 else -0.02)) is not hides


def test_steps_as_narrow_as_theta_is_rounded_tell_nothing() -> None:
    """Where the loss is nearly zero they seem to be exact, and what is computed of θ is not."""
    target = 1 / 3

    def loss(number: float) -> float:
        return (number - target) ** 2

    async def ask(numbers: list[float]) -> list[tuple[float, Losses]]:
        return [(number, [loss(number)]) for number in numbers]

    at = target - 1e-6
    steps = asyncio.run(measure(ask, at, at, loss(at), last, DOUBLE, 0.0))
    steps += [Step(at - size, at + size, [loss(at - size)], [loss(at + 1.4 * size)]) for size in (2e-16, 4e-16)]
    found = slope(steps, loss(at), last, DOUBLE)
    assert found is not None and found.excludes(-1e-6) and not found.excludes(-2e-6)


def test_losses_that_are_not_finite_or_missing_tell_nothing() -> None:
    wide, narrow = Step(0.0, 2.0, [math.nan], [1.0]), Step(0.5, 1.5, [], [1.0])
    assert slope([wide, narrow], 1.0, last, DOUBLE) is None
    assert slope([Step(0.5, 1.5, [0.0], [1.0])], 0.5, last, DOUBLE) is None


def test_steps_of_which_one_outweighs_all_others_tell_no_curvature() -> None:
    others = (
        (11938.222547810137, 8605.99588614951, 2.312272461186188e19),
        (5969.111273905069, 2151.498971537378, 5.7806811529654e18),
        (537.8747428843467, 344.0, 1.1561362310259223e18),
        (6312.685789047534, 2.013696664600166e-07, 649242771.9202108),
    )
    assert not Slope(6312.7, 1.0, 1e-3, others).excludes(54.2)
