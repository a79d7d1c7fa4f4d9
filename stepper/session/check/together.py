"""The gradients of many parameters at once: the slope of the loss along one random direction through all their entries.

What was recorded says what that slope is, too: the product of gradient and direction. A few passes tell so of a whole
model what would take some for each entry. Along a random direction a wrong gradient hides behind a right one by chance
only: an error as large as the gradient itself is missed in less than one case in fifty, where the two slopes are known
to lie within `CLOSE` of the gradient's share of them, and they mostly lie much nearer. Of a parameter alone, in one of
twenty-five: where kinks (ReLU crossings) lie near, a slope is not known as exactly.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import msgspec

from stepper.inferior.protocol import Move, Tried
from stepper.record import Parameter, Value
from stepper.session.check.finite_difference import (
    ROUNDING,
    SAFELY,
    Losses,
    Reading,
    Step,
    averaged,
    measure,
    narrowed,
    scale_of,
    slope,
)
from stepper.session.check.gradient_check import (
    SMALL,
    Direction,
    EntryCheck,
    ParameterCheck,
    Verdict,
    alongside,
    compared,
    hidden_by,
    unit_of,
)
from stepper.session.check.readings import FEW, known, one_of, readings
from stepper.session.findings.versions import Version

CLOSE = 0.02  # of a parameter's share in a slope, that the two may lie apart to tell something of it
EXACT = 1e-5  # the smallest relative error that is sought
SEEDS = 8  # directions that are looked at for one which does not run across a gradient
HIDDEN = 8.0  # how many times the rounding of a slope its error is at most, to be due to that
CHANCE = 1e-3  # and by one of many losses, or what is made of several, which a coarse slope may lie near by chance
STEEP = 0.5  # and is not: the product with it, relative to the gradient's norm

Push = Callable[[list[Move], list[float | None]], Awaitable[list[Tried]]]
Part = tuple[int, int]
"""Entries, from a place in the flattened array on, before another."""
Product = Callable[[int, int, Part | None], Awaitable[float]]
"""Of a kept value, or a part of it, with the direction of a seed."""


@dataclass(frozen=True)
class Way:
    """A parameter, the direction through it, and what each version of its gradient says of the slope along that."""

    parameter: Parameter
    versions: tuple[Version, ...]
    move: Move
    slopes: tuple[float, ...]
    noise: float
    """What rounding the parameter's own entries does to the loss, in unit roundoffs."""

    def version(self, place: int) -> Version:
        """The one at this place, or its last."""
        return self.versions[min(place, len(self.versions) - 1)]

    def slope(self, place: int) -> float:
        """The same of the slopes."""
        return self.slopes[min(place, len(self.slopes) - 1)]

    def told(self, place: int, tolerance: float) -> Version:
        """The one that a direction tells of by those at this place: the first, where its slope is as good as that."""
        return self.version(place if abs(self.slope(place) - self.slopes[0]) > tolerance else 0)


@dataclass(frozen=True)
class Setting:
    """What the losses of an iteration are measured by: those where nothing is moved, which of them have grown from the
    one before, the unit roundoff that they are computed with, and by how much they differ. `steep`: the largest slope
    that any of the gradients says; `made`: what else is made of them that a gradient by hand may be that of, or is,
    `instead` of one of them."""

    base: Losses
    grown: frozenset[int]
    unit: float
    noise: float
    steep: float = 0.0
    made: tuple[tuple[Reading, str], ...] = ()
    instead: bool = False

    def seen(self, base: float) -> float:
        """What the error of a slope is to be below, that nothing agrees with nothing: what others have is seen."""
        return self.steep or SMALL * abs(base)

    def readings(self, version: Version) -> list[tuple[Reading, str]]:
        """Which of the losses a gradient is, or may be, that of, each with what it is called."""
        count = len(self.base)
        if self.instead:
            return list(self.made)
        return known(count, version.losses) if version.losses else [*readings(count, self.grown), *self.made]


@dataclass(frozen=True)
class Together:
    """What directions tell: those along which all agrees, with the version of each parameter's gradient that does, and
    by which loss; the groups of parameters of which they tell otherwise, or nothing; the parameters whose gradients
    are so small that rounding hides them, each with one through all that are; and those of which kinks let nothing be
    told, or which only agree with many, each with what is known of it."""

    directions: tuple[Direction, ...]
    agreed: dict[str, tuple[Version, Direction, str]]
    differing: tuple[tuple[Way, ...], ...]
    hidden: dict[str, Direction]
    unsure: dict[str, Direction]

    def added_to(self, found: ParameterCheck) -> ParameterCheck:
        """What a direction through all entries of a parameter adds to those that were looked at: it tells where they
        cannot; and they may agree as the update used them, and the whole as it was before it was masked elsewhere."""
        if found.name not in self.agreed:
            return found
        version, direction, by = self.agreed[found.name]
        if found.verdict is Verdict.UNKNOWN and not found.told_apart:
            # one entry may be hidden, or have a kink beside it: all of them are not
            note = "; ".join(filter(None, (version.note, by, alongside(direction))))
            return replace(found, verdict=Verdict.AGREES, note=note, by=by)
        bare = found.verdict is Verdict.AGREES and not found.note
        return replace(found, note=version.note) if bare and version.note else found


class Found(NamedTuple):
    """A direction, the version of the gradients that it was compared with, and by which loss; `hidden`: nothing is told
    because of the loss's rounding, and of nothing else; `made`: what else the others may be the gradients of, now."""

    direction: Direction
    place: int
    by: str
    hidden: bool
    made: tuple[tuple[Reading, str], ...] = ()


async def way_through(
    parameter: Parameter, versions: Sequence[Version], place: int, others: float, loss: float, product: Product
) -> Way | None:
    """A direction through a parameter that does not run across its gradient. `others` is as for `scale_of`, `place`
    makes seeds of its own. None where its gradient is not known whole, or not finite."""
    size = max(1, parameter.before.summary.size)
    whole = [each for each in versions if all(_is_whole(part, size) for part in (*each.parts, *each.less))]
    if not whole or whole[0] is not versions[0] or not _is_whole(parameter.before, size):
        return None
    norm = whole[0].typical * math.sqrt(size)
    steep = max(each.typical for each in whole if each is whole[0] or each.made) * math.sqrt(size)
    typical = (parameter.before.summary.norm or 0.0) / math.sqrt(size)
    if not math.isfinite(norm):
        return None
    best: tuple[float, ...] = ()
    seed = first = SEEDS * place
    for number in range(first, first + (SEEDS if size > 1 and norm else 1)):
        found = [await _along(each, number, product) for each in whole]
        if not best or abs(found[0]) > abs(best[0]):
            best, seed = tuple(found), number
        if abs(best[0]) >= STEEP * norm:
            break
    if not all(map(math.isfinite, best)) or (norm and not best[0]):
        return None
    scale = math.copysign(scale_of(typical, typical, others, loss, steep), best[0])
    slopes = tuple(scale * each for each in best)
    return Way(
        parameter,
        tuple(whole),
        Move(parameter.name, parameter.before.summary, seed, scale),
        slopes,
        norm * typical,
    )


def _is_whole(value: Value, size: int) -> bool:
    summary = value.summary
    if value.copy is None:
        return size == 1 and isinstance(summary.value, int | float)
    return summary.size == size and not value.pooled and not summary.nan and not summary.inf and not summary.neginf


async def through_part(way: Way, part: Part, product: Product) -> Way:
    """The same direction, through no others than these entries."""
    slopes = [await _along(each, way.move.seed, product, part) for each in way.versions]
    return replace(
        way,
        move=msgspec.structs.replace(way.move, part=part),
        slopes=tuple(way.move.scale * each for each in slopes),
    )


async def _along(version: Version, seed: int, product: Product, part_of_it: Part | None = None) -> float:
    total = 0.0
    for sign, part in [*((1, each) for each in version.parts), *((-1, each) for each in version.less)]:
        number = part.summary.value if part.copy is None else await product(part.copy, seed, part_of_it)
        assert isinstance(number, int | float)
        total += sign * number
    return version.scale * total


async def together(
    ways: Sequence[Way], setting: Setting, push: Push, splits: int, over: Callable[[], bool]
) -> Together:
    """What directions through all of these, and then through parts of them, tell. At most `splits` groups that do not
    agree are halved, and parts of one that agrees are looked at until it is `over`."""
    directions: list[Direction] = []
    agreed: dict[str, tuple[Version, Direction, str]] = {}
    differing: list[tuple[Way, ...]] = []
    hidden: dict[str, Direction] = {}
    unsure: dict[str, Direction] = {}
    steep = max((abs(each.slopes[0]) for each in ways), default=0.0)
    setting = replace(setting, steep=max(setting.steep, steep))
    waiting = deque((group, False) for group in _of_one_loss(ways))
    while waiting:
        group, agree = waiting.popleft()
        if agree and over():
            continue  # with what is known of it
        found = await compared_along(group, setting, push, over)
        if found is None:
            continue
        direction, place, by, _, made = found
        if direction.verdict is Verdict.AGREES:
            setting = replace(setting, made=made)
            told = [each for each in group if direction.tolerance <= CLOSE * abs(each.slope(place))]
            if len(group) == 1 or (not direction.recorded and not direction.difference):
                told = list(group)  # nothing, and nothing
            if told:
                directions.append(direction)
            agreed |= {each.parameter.name: (each.told(place, direction.tolerance), direction, by) for each in told}
            rest = [each for each in group if each.parameter.name not in agreed]
            if len(group) > 1 and rest:
                parts = _parts(rest, direction.tolerance / abs(direction.recorded), len(group) - 1)
                waiting += [(part, True) for part in parts]
                unsure |= {each.parameter.name: replace(direction, reason=_only_together(group)) for each in rest}
        elif found.hidden:
            hidden |= {each.parameter.name: direction for each in group}
        elif len(group) > 1 and splits > 0:
            splits -= 1
            middle = len(group) // 2
            waiting += [(group[:middle], agree), (group[middle:], agree)]
        elif direction.verdict is Verdict.DIFFERS:
            differing.append(group)
            directions.append(direction)
            for each in group:
                unsure.pop(each.parameter.name, None)
        elif len(group) == 1:
            unsure[group[0].parameter.name] = direction
    return Together(tuple(directions), agreed, tuple(differing), hidden, unsure)


def _only_together(group: Sequence[Way]) -> str:
    return f"{len(group)} parameters agree together, which tells little of each: --parameter looks at one"


def _of_one_loss(ways: Sequence[Way]) -> list[tuple[Way, ...]]:
    """The parameters apart whose gradients are those of other losses of the iteration, or nothing."""
    groups: dict[tuple[tuple[int, ...], bool], list[Way]] = {}
    for each in ways:
        groups.setdefault((each.versions[0].losses, bool(each.slopes[0])), []).append(each)
    return [tuple(group) for group in groups.values()]


def _is_made(way: Way, place: int) -> bool:
    return way.version(place).made


def _parts(rest: Sequence[Way], tolerance: float, most: int) -> list[tuple[Way, ...]]:
    """What a direction was too coarse for, in groups in which each has enough of a share: of those with alike ones, and
    as many as a relative `tolerance` lets tell; at most `most`."""
    several = min(most, max(1, int(CLOSE / tolerance / 2)))
    ordered = sorted(rest, key=lambda each: abs(each.slopes[0]), reverse=True)
    return [tuple(ordered[first : first + several]) for first in range(0, len(ordered), several)]


async def compared_along(
    group: tuple[Way, ...], setting: Setting, push: Push, over: Callable[[], bool] = lambda: True
) -> Found | None:
    """The slope along one direction through a group. None where it cannot be had. Until it is `over`, many passes are
    taken where nothing else tells."""
    moves = [each.move for each in group]

    async def ask(numbers: list[float]) -> list[tuple[float, Losses]]:
        tried = await push(moves, list(numbers))
        return [(number, each.losses) for number, each in zip(numbers, tried, strict=True)]

    read_as = setting.readings(group[0].versions[0])
    likely = read_as[0][0]
    shares = [abs(each.slopes[0]) for each in group]
    exact = max(EXACT, CLOSE * min(shares) / (sum(shares) or 1.0) / SAFELY)
    values = (value for each in group for version in each.versions for value in (*version.parts, *version.rounded))
    unit = max(setting.unit, *map(unit_of, values))
    noise = setting.noise + ROUNDING * setting.unit * sum(each.noise for each in group)
    try:
        # many parameters at once change the loss the more: it bends where they would have used it up
        scale = min(1.0, abs(likely(setting.base)) / sum(shares)) if any(shares) else 1.0
        steps = await measure(
            ask, 0.0, scale or 1.0, likely(setting.base), likely, setting.unit, noise, exact, kinks=True
        )
        apart = _apart(group, steps, setting, likely, unit, noise)
        if apart:
            steps = [*steps, *await narrowed(ask, 0.0, likely(setting.base), apart, setting.unit, noise, steps)]
        entries = _entries(group, steps, setting, likely, unit, noise)
        if all(each.verdict is Verdict.UNKNOWN for each in entries) and any(shares) and not over():
            steep = abs(entries[0].recorded)
            steps = [*steps, *await averaged(ask, 0.0, scale, likely(setting.base), steep, setting.unit, noise)]
    except LookupError:
        return None  # one cannot be reached
    first: Found | None = None
    for place in range(max(len(each.versions) for each in group)):
        recorded = sum(each.slope(place) for each in group)
        for read, by in read_as:
            found = slope(steps, read(setting.base), read, setting.unit, noise)
            entry = _entry(recorded, steps, setting, read, unit, noise)
            one_of_many = bool(by) and len(read_as) > 1 and len(setting.base) > FEW
            by_chance = one_of_many or (read, by) in setting.made
            if by_chance and entry.tolerance > CHANCE * abs(recorded):
                entry = replace(entry, verdict=Verdict.UNKNOWN, reason=hidden_by(unit))
            told = Direction(
                tuple(each.parameter.name for each in group),
                sum(max(1, each.parameter.before.summary.size) for each in group),
                recorded,
                entry.difference,
                entry.error,
                entry.tolerance,
                entry.verdict,
                entry.reason,
            )
            if entry.verdict is Verdict.AGREES and (entry.difference or not by):
                by_loss = f"by {by} ({read(setting.base):.6g})" if by else ""
                return Found(replace(told, reason=by_loss), place, by_loss, False, one_of(setting.made, (read, by)))
            of_another = (
                first is not None and by and first.place == place and first.direction.verdict is Verdict.DIFFERS
            )
            made = not by and all(_is_made(each, place) for each in group)
            if first is None or (entry.verdict is Verdict.UNKNOWN and (made or (of_another and entry.difference))):
                rounded = found is not None and found.error <= HIDDEN * min(each[1] for each in found.others)
                within = abs(recorded - (entry.difference or 0.0)) <= entry.tolerance
                first = Found(
                    told, place, "", rounded and within
                )  # of the loss by which nothing can be told they may be the gradients
    return first


def _entry(
    recorded: float, steps: Sequence[Step], setting: Setting, read: Reading, unit: float, noise: float
) -> EntryCheck:
    """What was recorded of a slope against what these steps tell, or the narrowest of them: kinks lie less near."""
    ordered = sorted((each for each in steps if not each.among), key=lambda each: each.size)
    told: list[EntryCheck] = []
    for some in (steps, ordered[:2], ordered[2:4]):
        found = slope(some, read(setting.base), read, setting.unit, noise)
        told.append(compared((), recorded, found, unit, abs(recorded), others=setting.seen(read(setting.base))))
        if told[-1].verdict is Verdict.AGREES:
            return told[-1]
    return told[0]


def _entries(
    group: Sequence[Way], steps: Sequence[Step], setting: Setting, read: Reading, unit: float, noise: float
) -> list[EntryCheck]:
    """The same of each version of the gradients."""
    recorded = [sum(each.slope(place) for each in group) for place in range(max(len(each.versions) for each in group))]
    return [_entry(each, steps, setting, read, unit, noise) for each in recorded]


def _apart(
    group: Sequence[Way], steps: Sequence[Step], setting: Setting, read: Reading, unit: float, noise: float
) -> float:
    """By how much the slope that these steps tell lies nearest to what was recorded, where that does not agree."""
    told = _entries(group, steps, setting, read, unit, noise)
    if any(each.verdict is Verdict.AGREES for each in told):
        return 0.0
    off = [abs(each.recorded - each.difference) - each.tolerance for each in told if each.difference is not None]
    near = [abs(each.recorded - each.difference) for each in told if each.difference is not None]
    return min(near) if off and min(off) > 0 else 0.0
