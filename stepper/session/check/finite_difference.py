"""The slope of a loss by finite differences, with an error bar. Pure: it asks for losses through a function.

Central differences, (L(θ + h) − L(θ − h)) / 2h, at several step sizes. Their error is that of the loss's rounding,
about u·|L| / h for a loss computed with unit roundoff u, and that of truncation, which goes with h²; the best step for
both is near ∛u times the scale of θ (W. H. Press et al., Numerical Recipes, 5.7). How far the differences at h and 2h
lie apart bounds what of either is left, as in Richardson's extrapolation, which takes a third of it for the error.

Where kinks lie nearer than such a step, many far narrower ones are taken together: of each the loss's rounding leaves
little, but from step to step it is another, and the mean has a part of it only. How much that is tells their scatter.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import groupby, islice, pairwise
from statistics import stdev
from typing import NamedTuple

FIRST = (1.0, 2.0, 4.0)  # the first steps, in units of ∛u times the scale
ROUNDS = 3  # and how often further ones are taken, where these are not exact enough
FLOOR = 1e-3  # a step's scale is at least so much of that of the other parameters
NARROWEST = 3  # so many steps, at least, are looked at for whether they exclude a slope
REACH = 64.0  # and all up to so many times the narrowest
SCATTER = 4.0  # how many times further than from one another they are to lie from it
BENT = 4  # so many steps, at least, tell what is due to curvature
SPREAD = 8.0  # the widest of which is so many times the narrowest, at least
ROUNDED = 1e-9  # of a difference of two sums, relative to them: below that it is rounding
SMOOTH = 1e-6  # of a slope, that steps without a kink between them may lie apart
CLEARLY = 1e-3  # of it, that another slope is to lie from it then
WIDEST = 0.25  # a step is at most so much of the scale
ROUNDING = 4.0  # the roundings of a loss, in units of u·|L|, that are reckoned with
LIKELY = 0.25  # the part of them that is likely
NARROW = (1.0, 4.0, 16.0)  # the narrowest steps
CLEAR = 16.0  # how much larger than its rounding a difference is to be, to be seen
TOGETHER = 8  # steps that are taken together, from a width on, below its double
AROUND = (0.5, 1.0, 2.0)  # the widths
SEEN = 100.0  # how many times the likely rounding of the loss a slope is to change it by there
SURE = 3.0  # standard errors of their mean that are reckoned with
UNSEEN = 2.0  # how many times what kinks are likely to make of a slope that they may
MEANT = 0.02  # relative error of a mean, up to which nothing else is asked
APART = 1.25  # how many times as wide another step is at least that tells how exact a slope is
EXACT = 1e-3  # the relative error that is sought
SAFELY = 4.0  # how much smaller than that what rounding does is to be
ENOUGH = 1e-2  # and where another entry of the same parameter is known as exactly

Losses = list[float]
Ask = Callable[[list[float]], Awaitable[list[tuple[float, Losses]]]]
"""For each number that θ is to be: the one that it was, rounded to its type, and the losses; none where it failed."""


@dataclass(frozen=True)
class Step:
    """Two numbers beside θ and the losses there; `among` numbers those that were taken together, from 1 on."""

    below: float
    above: float
    losses_below: Losses
    losses_above: Losses
    among: int = 0

    @property
    def size(self) -> float:
        """Half the distance of the two numbers."""
        return (self.above - self.below) / 2


@dataclass(frozen=True)
class Slope:
    """∂L/∂θ, give or take `error`, by a step of `step`. `others` are the differences at all steps that were taken, the
    narrowest first, each with what rounding may have done to it, and half of what the slopes below and above θ lie
    apart, curvature aside: where the loss has a kink (a ReLU crossing) near, the slope at θ is that of one side, or
    between them. `flat`: at so many of the narrowest the loss was no other, not even by its rounding. `means`: the same
    of each of those that were taken together."""

    value: float
    error: float
    step: float
    others: tuple[tuple[float, float, float], ...] = ()
    flat: int = 0
    means: tuple[tuple[float, float, float], ...] = ()

    @property
    def still(self) -> bool:
        """Whether at no step the loss was another."""
        return 0 < len(self.others) == self.flat

    @property
    def sloped(self) -> bool:
        """Whether some steps in a row tell one slope, beyond all doubt, that is not 0."""
        return any(_is_smooth(some) and some[0][0] for some in self._in_a_row())

    def hides(self, slope: float) -> bool:
        """Whether rounding may hide this slope at all steps at which the loss was no other."""
        return not self.flat or abs(slope) <= 4 * self.others[self.flat - 1][1]

    def excludes(self, slope: float) -> bool:
        """Whether the narrowest steps at which rounding lets tell leave no room for this slope: it lies further from
        each of them than they do from one another. Far wider ones tell nothing more: over many kinks, of which some
        open where others close, the slopes below and above may be alike, and neither that at θ. But where those that
        are somewhat wider are scattered, kinks lie near enough to be nearer, too. Where some in a row tell one slope,
        with no kink between, to a millionth, narrower ones tell no other: what they are scattered by is that the loss
        is rounded more than was reckoned with (a solved system of equations). Nor do wider ones, where what all of some
        lie apart is due to the loss's curvature."""
        if any(_is_smooth(some) and abs(slope - some[0][0]) > CLEARLY * abs(some[0][0]) for some in self._in_a_row()):
            return True
        if any(_bends(some, slope) for some in self._from_the_narrowest()):
            return True
        if _leave_no_room(self.means, slope):
            return True
        apart = abs(slope - self.value)
        told = [each for each in self.others if 4 * each[1] < apart]
        near = sum(told[0][1] <= REACH * rounding for _, rounding, _ in told)  # it goes with the step
        return _leave_no_room(told[: max(NARROWEST, near)], slope)

    def _from_the_narrowest(self) -> Iterator[tuple[tuple[float, float, float], ...]]:
        return (self.others[:count] for count in range(BENT, len(self.others) + 1))

    def _in_a_row(self) -> Iterator[tuple[tuple[float, float, float], ...]]:
        return (self.others[first : first + NARROWEST] for first in range(len(self.others) - NARROWEST + 1))


def _leave_no_room(told: Sequence[tuple[float, float, float]], slope: float) -> bool:
    """Whether several differences lie further from this slope than from one another."""
    values = [value for value, _, _ in told]
    width = max(values) - min(values) if told else math.inf
    far = (abs(slope - value) > 2 * (rounding + kink) + SCATTER * width for value, rounding, kink in told)
    return len(told) > 1 and all(far)


def _is_smooth(others: Sequence[tuple[float, float, float]]) -> bool:
    """Whether these steps tell one slope, and no kink lies between, beyond all doubt."""
    values = [value for value, _, _ in others]
    doubt = [max(values) - min(values), *(rounding + kink for _, rounding, kink in others)]
    return max(doubt) <= SMOOTH * min(map(abs, values))


def _bends(others: Sequence[tuple[float, float, float]], slope: float) -> bool:
    """Whether these steps, the narrowest first, tell another slope where nothing is taken: by far more than rounding,
    what they lie apart goes with h², as curvature makes it, and no kink lies between."""
    if any(rounding <= 0 for _, rounding, _ in others) or others[0][1] < SPREAD * others[-1][1]:
        return False
    weights = [1 / rounding**2 for _, rounding, _ in others]  # and so goes h²: rounding goes with 1 / h
    squares = [weight / weights[-1] for weight in weights]
    total, first = sum(weights), sum(w * h for w, h in zip(weights, squares, strict=True))
    second = sum(w * h * h for w, h in zip(weights, squares, strict=True))
    value = sum(w * each[0] for w, each in zip(weights, others, strict=True))
    product = sum(w * h * each[0] for w, h, each in zip(weights, squares, others, strict=True))
    spread = total * second - first**2
    if spread <= ROUNDED * total * second:
        return False  # one step outweighs all others by so much that nothing is left of these
    bend = (total * product - first * value) / spread
    found = (value - bend * first) / total
    off = [abs(each[0] - found - bend * h) for each, h in zip(others, squares, strict=True)]
    kink = max(each[2] for each in others[:-1])
    fits = all(each <= other[1] for each, other in zip(off, others, strict=True))
    return fits and abs(slope - found) > 2 * kink + SCATTER * (max(off) + others[-3][1])


_Known = tuple[Step, float, float, float]
"""A step, the slope that it tells, what rounding does to its losses, and what the slopes below and above lie apart."""
Reading = Callable[[Losses], float]
"""Which loss of a pass is meant."""


def slope(steps: Sequence[Step], base: float, read: Reading, unit: float, noise: float = 0.0) -> Slope | None:
    """The best slope that these steps tell; `base` is the loss at θ, `unit` the unit roundoff that it is computed with,
    `noise` how much it differs when it is computed again. None where there are not two steps with finite losses."""
    known: list[_Known] = []
    flat, still = 0, True
    for step in sorted((each for each in steps if not each.among), key=lambda each: each.size):
        try:
            below, above = read(step.losses_below), read(step.losses_above)
        except LookupError:
            continue
        if step.size > 0 and math.isfinite(below) and math.isfinite(above):
            still = still and below == base == above
            flat += still
            value, sides = (above - below) / (2 * step.size), (above - 2 * base + below) / (2 * step.size)
            # of the loss, and of θ itself in what is computed with it: that is what is left where the loss is near zero
            rounded = max(abs(base), abs(below), abs(above)) + abs(value * (step.below + step.above) / 2)
            known.append((step, value, ROUNDING * unit * rounded + noise, sides))
    best: Slope | None = None
    wider = [(one, two) for at, one in enumerate(known) for two in _wider(one[0], known[at + 1 :])]
    for (step, value, rounding, _), (twice, other, _, _) in wider or pairwise(known):
        times = max(twice.size / step.size, APART)
        # truncation goes with h²: what steps nearer than at h and 2h lie apart is less of it
        error = max(1.0, 3 / (times**2 - 1)) * abs(other - value) + rounding / step.size
        if best is None or error < best.error:
            best = Slope(value, error, step.size)
    if best is None:
        return None
    kinks = [
        _kink(one, two) for one, two in pairwise((step.size, sides, rounding) for step, _, rounding, sides in known)
    ]
    pairs = zip(known, [*kinks, kinks[-1]], strict=True)
    others = tuple((value, rounding / step.size, kink) for (step, value, rounding, _), kink in pairs)
    means = _means(steps, base, read, unit, noise)
    if means:
        rows = [(step.size, value, rounding / step.size) for step, value, rounding, _ in known]
        means = _among_kinks(means, sorted(rows + [each[:3] for each in means]))
    near = (
        Slope(mean.value, abs(wider.value - mean.value) + mean.rounding, mean.size) for mean, wider in pairwise(means)
    )
    nearest = min(near, key=lambda each: each.error, default=best)
    if nearest.error <= max(best.error, MEANT * abs(nearest.value)):
        best = nearest
    return replace(best, others=others, flat=flat, means=tuple(each[1:] for each in means))


class _Mean(NamedTuple):
    """Of steps that were taken together."""

    size: float
    value: float
    rounding: float
    kink: float


def _means(steps: Sequence[Step], base: float, read: Reading, unit: float, noise: float) -> list[_Mean]:
    """What steps that were taken together tell, the narrowest first. All of what the slopes below and above lie apart
    is taken for a kink's: so near there is no other curvature, and θ itself is one number only, whose loss is rounded
    as it is."""
    found: list[_Mean] = []
    for _, some in groupby((each for each in steps if each.among), key=lambda each: each.among):
        told: list[tuple[float, float, float]] = []
        for step in some:
            with suppress(LookupError):
                told.append((step.size, read(step.losses_below), read(step.losses_above)))
        if len(told) < TOGETHER or not all(map(math.isfinite, (number for each in told for number in each))):
            continue
        squares = sum(size**2 for size, _, _ in told)
        if not squares:  # steps so small that nothing is left of their squares
            continue
        value = sum(size * (above - below) / 2 for size, below, above in told) / squares
        sides = sum(size * ((above + below) / 2 - base) for size, below, above in told) / squares
        scatter = stdev((above - below) / 2 - value * size for size, below, above in told)
        likely = LIKELY * (ROUNDING * unit * abs(base) + noise) / math.sqrt(2) / 2
        rounding = SURE * max(scatter, likely) / math.sqrt(squares)
        found.append(_Mean(math.sqrt(squares / len(told)), value, rounding, abs(sides)))
    return sorted(found)


def _wider(step: Step, known: Sequence[_Known]) -> Iterator[_Known]:
    """The next step that is wider by so much that it may tell another slope."""
    return islice((each for each in known if each[0].size >= APART * step.size), 1)


def _kink(narrow: tuple[float, float, float], wide: tuple[float, float, float]) -> float:
    """Half of what the slopes below and above θ lie apart at no distance at all, by what they do at two step sizes,
    each with the rounding of its losses: what is due to curvature goes with the distance. What rounding is likely to
    make, is none; what it could make at most may as well hide one."""
    (size, sides, rounding), (larger, further, other) = narrow, wide
    if larger <= size:
        return abs(sides)
    noise = 2 * LIKELY * (larger * rounding / size + size * other / larger) / (larger - size)
    return max(0.0, abs(larger * sides - size * further) / (larger - size) - noise)


def _among_kinks(means: Sequence[_Mean], rows: Sequence[tuple[float, float, float]]) -> list[_Mean]:
    """Means with what kinks may make of them that lie nearer than any step and go unseen, as two do whose sides even
    out. Many make a slope go at random, by so much as the root of the distance; how much, wider steps tell."""
    roots = (
        max(0.0, abs(other - value) - rounding - also) / math.sqrt(size)
        for (_, value, rounding), (size, other, also) in pairwise(rows)
    )
    root = max(roots, default=0.0)
    return [each._replace(kink=each.kink + UNSEEN * root * math.sqrt(each.size)) for each in means]


async def measure(
    ask: Ask,
    at: float,
    scale: float,
    base: float,
    read: Reading,
    unit: float,
    noise: float,
    exact: float = EXACT,
    *,
    kinks: bool = False,
) -> list[Step]:
    """Take steps beside θ = `at`, of a parameter that it takes a step of about `scale` to change much of the loss by,
    until the slope is known with a relative error of `exact`, or it cannot be. `kinks`: many lie near, so that narrower
    steps are at once as narrow as rounding allows for that."""
    smallest = unit ** (1 / 3) * scale
    steps = await _taken(ask, at, [smallest * each for each in FIRST])
    low, high = smallest * FIRST[0], smallest * FIRST[-1]
    for _ in range(ROUNDS):
        found = slope(steps, base, read, unit, noise)
        if found is None or found.error <= exact * abs(found.value):
            break
        if found.step > low:  # the wider the better so far: it is the loss's rounding that is left
            further = [size for size in (2 * high, 4 * high) if size <= WIDEST * scale]
            high = max([high, *further])
        else:
            rounding = ROUNDING * unit * abs(base) + noise
            narrow = min(low / 4, SAFELY * rounding / (exact * abs(found.value))) if kinks and found.value else low / 4
            further = [narrow, 2 * narrow]
            low = narrow
        if not further:
            break
        steps += await _taken(ask, at, further)
        if kinks and low < smallest:
            break  # they are as narrow as they are to be
    return steps


def scale_of(at: float, typical: float, others: float, loss: float, gradient: float) -> float:
    """What the steps beside θ = `at` are measured by. `typical` is the root mean square of θ's parameter, `others` the
    largest of all parameters, `gradient` that of ∂L/∂θ as it was recorded.

    An element's own size, and its parameter's, say nothing where all of them are about zero, as biases are at first.
    Then it is the size of the other parameters, or the way on which the gradient would use up the whole loss, where
    that is shorter: there the loss bends.
    """
    own = max(abs(at), typical)
    beside = others or own or 1.0
    way = abs(loss) / gradient if gradient > 0 else math.inf
    return max(own, min(beside, max(way, FLOOR * beside)))


async def narrowed(
    ask: Ask, at: float, base: float, apart: float, unit: float, noise: float, known: Sequence[Step]
) -> list[Step]:
    """Further steps beside θ = `at`: as narrow as the loss's rounding allows for a slope that would be off by `apart`,
    but for those about as wide as one that is `known`. Kinks lie less near."""
    size = max(CLEAR * (ROUNDING * unit * abs(base) + noise) / apart, CLEAR * unit * abs(at))
    sizes = [size * each for each in NARROW]
    return await _taken(ask, at, [each for each in sizes if not any(_is_as_wide(each, step.size) for step in known)])


async def averaged(
    ask: Ask, at: float, scale: float, base: float, value: float, unit: float, noise: float
) -> list[Step]:
    """Many steps at once beside θ = `at`, so narrow that a slope of about `value` is only just seen. None where that is
    no narrower than others are."""
    likely = LIKELY * (ROUNDING * unit * abs(base) + noise)
    width = max(SEEN * likely / abs(value), CLEAR * unit * abs(at)) if value else math.inf
    if width * max(AROUND) > unit ** (1 / 3) * scale * FIRST[-1]:
        return []
    sizes = [width * wide * (1 + place / TOGETHER) for wide in AROUND for place in range(TOGETHER)]
    taken = await _taken(ask, at, sizes)
    return [replace(step, among=1 + place // TOGETHER) for place, step in enumerate(taken)]


def _is_as_wide(size: float, other: float) -> bool:
    return other < APART * size and size < APART * other


async def _taken(ask: Ask, at: float, sizes: Sequence[float]) -> list[Step]:
    numbers = [at + sign * size for size in sizes for sign in (-1, 1)]
    told = await ask(numbers)
    pairs = zip(told[::2], told[1::2], strict=True)
    return [Step(below[0], above[0], below[1], above[1]) for below, above in pairs]
