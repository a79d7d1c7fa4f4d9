"""What a gradient check says: entry by entry, parameter by parameter, in words. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from statistics import median

from stepper.record import Value
from stepper.session.check.finite_difference import Slope

COARSE = 0.02  # relative error of a finite difference beyond which it tells too little
SMALL = 1e-3  # an entry so much smaller than the gradient's root mean square need not be known relatively
UNITS = {"float32": 2.0**-24, "float16": 2.0**-11, "bfloat16": 2.0**-8}
DOUBLE = 2.0**-53
ROUNDED = {2.0**-24: "float32", 2.0**-11: "float16", 2.0**-8: "bfloat16", 2.0**-53: "float64"}
GUARD = 1e-5  # relative: what a guard against zero (`log(y + 1e-7)`), left out of a gradient by hand, may make of it
NEGATIVE = "what is recorded is the negative gradient, and the update adds it"
ROUNDINGS = 128.0  # of a recorded gradient, in unit roundoffs of its entries' size


class Verdict(Enum):
    """What became of a comparison."""

    AGREES = "agrees"
    DIFFERS = "differs"
    UNKNOWN = "cannot tell"


@dataclass(frozen=True)
class EntryCheck:
    """One entry of a parameter: its gradient as it was recorded, and by finite differences, give or take `error`.

    `difference` is None where it could not be had; `reason` says why, or why it does not tell. `tolerance` is what the
    two may lie apart by rounding. `still`: no step changed the loss at all, or none that is narrow, where what was
    recorded would show, and wider ones tell no slope. `kinks`: the loss has some within so much of it.
    """

    index: tuple[int, ...]
    recorded: float
    difference: float | None = None
    error: float = 0.0
    tolerance: float = 0.0
    verdict: Verdict = Verdict.UNKNOWN
    reason: str = ""
    still: bool = False
    kinks: float = 0.0

    @property
    def tells(self) -> bool:
        """Whether it agrees by more than that nothing was recorded of what changes nothing."""
        return self.verdict is Verdict.AGREES and bool(self.recorded or self.difference)

    @property
    def relative(self) -> float | None:
        """How far the two lie apart, relative to the larger one."""
        if self.difference is None:
            return None
        larger = max(abs(self.recorded), abs(self.difference))
        return abs(self.recorded - self.difference) / larger if larger else 0.0


SHOWN = 4  # of many entries that were looked at: those that lie apart, and others
CHANCE = 0.02  # that a quotient of any two numbers comes as near to a whole one, at most
SAME = 1e-3  # how near to 1 a factor is that none is missing by
STEPPED = (
    "the loss does not change at all with it: its gradient is 0, but where a comparison lies between (a sign), or "
    "where it is set anew before it is read"
)
MASKED = (
    "the loss does not change with the entries that differ, however far they are moved, though it does with others: a "
    "mask (a dropped weight, say) takes them out, and their gradient is 0"
)
FLAT = (
    "the loss does not change with it, and begins to do so further away without a jump: its gradient is 0, as that of "
    "what goes into a ReLU that is closed, or a clamp that is saturated; passed on on purpose (straight through), it "
    "is no gradient of this loss"
)
ZEROS = "the gradient is 0 at all entries below, and the loss does not change with them"
LEVEL = (
    "the loss changes with it by rounding only: its gradient is 0, as that of a bias is that a normalization behind it "
    "takes away again"
)
CUT = "a part of the loss comes of it without gradients"
HIDDEN = "a part of the loss may come of it without gradients; with that held as it is nothing can be told"
APART = "lies apart; why is not known yet"
UPHILL = "the step goes along it, though: uphill, which makes the loss larger"


@dataclass(frozen=True)
class ParameterCheck:
    """The entries of one parameter, and what they say together. `factor`: the recorded gradient is so many times the
    finite difference, in every entry; None where it is no multiple that is told. `note` says it in words, and
    `by` by which loss it agrees, where that is not the last. `along`: the update goes along what was recorded."""

    name: str
    shape: tuple[int, ...]
    entries: tuple[EntryCheck, ...]
    verdict: Verdict
    factor: float | None = None
    note: str = ""
    by: str = ""
    along: bool = False

    @property
    def told_apart(self) -> bool:
        """Whether an entry differs, and is no other's gradient by its factor."""
        return self.verdict is not Verdict.AGREES and any(each.verdict is Verdict.DIFFERS for each in self.entries)

    @property
    def agrees_by_something(self) -> bool:
        """Whether it agrees by more than that nothing was recorded of what changes nothing."""
        by_entries = not self.entries or any(each.tells for each in self.entries)
        return self.verdict is Verdict.AGREES and by_entries


@dataclass(frozen=True)
class Direction:
    """The slope of the loss along a random direction through all `entries` of some parameters: as what was recorded of
    their gradients says, and by finite differences, give or take `error`."""

    names: tuple[str, ...]
    entries: int
    recorded: float
    difference: float | None
    error: float
    tolerance: float
    verdict: Verdict
    reason: str = ""


@dataclass(frozen=True)
class GradientCheck:
    """The check of one iteration. `ahead` are the parameters that it has not come to: while it goes on, or where it was
    interrupted; `begun` has the entries of the first of them that it has come to, of which nothing is concluded yet.
    `directions` are those that told something, `hint` is what there is to say of all parameters, and `which` which of
    several the loss is."""

    iteration: int
    loss: float
    parameters: tuple[ParameterCheck, ...]
    ahead: tuple[str, ...] = ()
    directions: tuple[Direction, ...] = ()
    hint: str = ""
    begun: ParameterCheck | None = None
    which: str = ""

    @property
    def agrees(self) -> bool:
        """Whether something could be told, and all of it agrees; not before it is done."""
        verdicts = [each.verdict for each in self.parameters]
        return not self.ahead and Verdict.AGREES in verdicts and Verdict.DIFFERS not in verdicts


def compared(
    index: tuple[int, ...],
    recorded: float,
    found: Slope | None,
    unit: float,
    typical: float,
    size: float = 0.0,
    others: float = 0.0,
) -> EntryCheck:
    """An entry's gradient against its slope. `typical` is the root mean square of the parameter's gradient, `size` that
    of what it was rounded as, where that is larger: of a parameter, by whose step the gradient is known; `others` is
    the largest of the other parameters' gradients."""
    if not math.isfinite(recorded):
        return EntryCheck(index, recorded, reason="the recorded gradient is not finite")
    if found is None:
        return EntryCheck(index, recorded, reason="the loss beside it is not finite, or was not reached")
    rounding = ROUNDINGS * unit * (abs(recorded) + max(typical, size))
    tolerance = 2 * found.error + rounding
    apart = abs(recorded - found.value)
    larger = max(abs(recorded), abs(found.value))
    seen = not found.hides(recorded)
    told = EntryCheck(
        index, recorded, found.value, found.error, tolerance, still=found.still or (seen and not found.sloped)
    )
    if apart <= max(tolerance, GUARD * max(abs(recorded), typical)):
        sure = max(found.error, rounding) <= max(COARSE * larger, SMALL * typical)
        steepest = max((abs(each[0]) for each in found.others), default=0.0)
        nothing = larger == 0 and found.error < (typical or others or math.inf)
        if sure or (nothing and (not steepest or found.error <= COARSE * steepest)):  # nothing, and nothing
            return _judged(told, Verdict.AGREES)
        return _judged(told, Verdict.UNKNOWN, hidden_by(unit))
    if not seen and not found.excludes(recorded):
        return replace(_judged(told, Verdict.UNKNOWN, _kinked(found.step)), kinks=found.step)
    return _judged(told, Verdict.DIFFERS)


def _kinked(step: float) -> str:
    return f"the loss bends, or has kinks (ReLU crossings, say), within ±{step:.2g}"


def _judged(entry: EntryCheck, verdict: Verdict, reason: str = "") -> EntryCheck:
    return replace(entry, verdict=verdict, reason=reason)


def concluded(
    name: str,
    shape: tuple[int, ...],
    entries: Sequence[EntryCheck],
    *,
    along: bool = False,
    unsure: str = "",
    loss: float = math.nan,
) -> ParameterCheck:
    """What the entries say together. `along`: the update goes along what was recorded, so that this is the negative
    gradient, or the step a wrong one. `unsure` is why one that differs may be right; `loss` is what the loss was."""
    whole = tuple(entries)
    ratio = ratio_of(whole)
    several = sum(bool(each.recorded and each.difference) for each in whole) > 1
    factor = (
        ratio if ratio is not None and (several or _is_no_chance(ratio, whole)) else None
    )  # any two have a quotient
    if any(each.verdict is Verdict.DIFFERS for each in whole):
        if factor is not None and along and _is_about(factor, -1.0):
            return ParameterCheck(name, shape, by_factor(whole), Verdict.AGREES, factor, NEGATIVE)
        squared = "" if ratio is None else _of_square(-ratio if along else ratio, loss)
        if squared:
            said = f"what is called the loss is an error with a sign, and this is the gradient of {squared}"
            added = ", its negative, which the update adds" if along else ""
            return ParameterCheck(name, shape, by_factor(whole), Verdict.AGREES, ratio, said + added)
        if unsure:
            return ParameterCheck(name, shape, whole, Verdict.UNKNOWN, note=unsure)
        said = (
            told_factor(factor, along and factor < 0)
            if factor is not None
            else FLAT
            if all(each.still for each in whole)
            else LEVEL
            if all(map(_is_level, whole))
            else ""
        )
        return ParameterCheck(name, shape, whole, Verdict.DIFFERS, factor, said)
    if any(each.tells for each in whole):
        return ParameterCheck(name, shape, whole, Verdict.AGREES, note=UPHILL if along else "")
    if all(each.verdict is Verdict.AGREES for each in whole):
        return ParameterCheck(name, shape, whole, Verdict.AGREES, note=ZEROS)
    kinks = max((each.kinks for each in whole), default=0.0)
    if kinks and unsure:
        unlike = tuple(_judged(each, each.verdict, unsure) if each.kinks else each for each in whole)
        return ParameterCheck(name, shape, unlike, Verdict.UNKNOWN, note=unsure)
    reasons = dict.fromkeys(_kinked(kinks) if each.kinks else each.reason for each in whole)
    return ParameterCheck(name, shape, whole, Verdict.UNKNOWN, note="; ".join(filter(None, reasons)))


def settled(found: ParameterCheck) -> ParameterCheck:
    """A parameter of which all is known: what lies apart under a verdict that cannot tell is not said to differ."""
    if found.verdict is not Verdict.UNKNOWN:
        return found
    differ = Verdict.DIFFERS
    unsure = (_judged(e, Verdict.UNKNOWN, found.note) if e.verdict is differ else e for e in found.entries)
    return replace(found, entries=tuple(unsure))


def so_far(name: str, shape: tuple[int, ...], entries: Sequence[EntryCheck]) -> ParameterCheck | None:
    """A parameter of which only these entries were looked at yet: one that lies apart may still be explained."""
    if not entries:
        return None
    return settled(ParameterCheck(name, shape, tuple(entries), Verdict.UNKNOWN, note=APART))


def unmoved(entries: Sequence[EntryCheck]) -> int | None:
    """The place of the largest of those that differ, where the loss does not change with any of them; else None."""
    differing = [place for place, each in enumerate(entries) if each.verdict is Verdict.DIFFERS]
    if not all(entries[place].still for place in differing):
        return None
    return max(differing, key=lambda place: abs(entries[place].recorded), default=None)


def _is_level(entry: EntryCheck) -> bool:
    """Whether no slope of the loss is known, but that it is about zero."""
    return entry.difference is not None and abs(entry.difference) <= 2 * entry.error


def hidden_by(unit: float) -> str:
    """In words: why nothing can be told."""
    return f"the rounding of {ROUNDED.get(unit, 'the loss')} hides it"


def by_factor(entries: Sequence[EntryCheck]) -> tuple[EntryCheck, ...]:
    """The entries of a gradient that is right by a factor: that is why they differ."""
    differ = Verdict.DIFFERS
    return tuple(_judged(e, Verdict.AGREES, "by the factor") if e.verdict is differ else e for e in entries)


def unit_of(value: Value) -> float:
    """The unit roundoff of a value's type; that of float64 for numbers of Python's."""
    return UNITS.get(value.summary.dtype or value.summary.type, DOUBLE)


def alongside(direction: Direction) -> str:
    """In words: by what a parameter agrees whose entries were not looked at."""
    others = len(direction.names) - 1
    return "along a random direction" + (f" with {others} other{'s' if others > 1 else ''}" if others else "")


def by_graph(found: ParameterCheck, held: ParameterCheck, cut: str) -> ParameterCheck:
    """A parameter by the loss itself, and by that whose detached parts are `held`. `cut` says where the script's own
    lines cut the graph, if they do."""
    if held.verdict is Verdict.UNKNOWN and not held.told_apart:
        hidden = f"{cut}; {HIDDEN}" if cut else HIDDEN
        return replace(found, verdict=Verdict.UNKNOWN, note=found.note if found.verdict is Verdict.UNKNOWN else hidden)
    if held.verdict is not Verdict.AGREES:
        return held
    apart = next((each for each in found.entries if each.verdict is Verdict.DIFFERS), None)
    whole = "" if apart is None else f"; with it the slope at {list(apart.index)} is {apart.difference:.6g}"
    said = f"{cut or CUT}: this is the gradient without what is cut off{whole}"
    return replace(held, note="; ".join(filter(None, (held.note, said))))


def doubted(found: ParameterCheck, direction: Direction, *, surely: bool) -> ParameterCheck:
    """A parameter whose entries agree, and a direction through all of which does not; `surely`: nor does another. What
    lies behind a comparison or a rounding cannot be told so: the loss jumps there, and no direction sees it."""
    figures = f"{direction.recorded:.6g} recorded, {direction.difference:.6g} by finite differences"
    ways = "two random directions" if surely else "a random direction"
    may = "are wrong, or lie behind a comparison or a rounding" if surely else "may be wrong"
    said = f"the entries below agree, but not the slope along {ways} through all of them ({figures}): others {may}"
    return replace(found, verdict=Verdict.UNKNOWN, note=f"{said}; --entries looks at more")


def telling(found: ParameterCheck) -> ParameterCheck:
    """A parameter of which many entries were looked at for those that do not agree: these, and as many others."""
    apart = [each for each in found.entries if each.verdict is not Verdict.AGREES][:SHOWN]
    others = [each for each in found.entries if each.verdict is Verdict.AGREES][:SHOWN]
    return replace(found, entries=(*apart, *others))


def explains(found: ParameterCheck, first: ParameterCheck) -> bool:
    """Whether by another version of its gradient some of those entries agree that differ by the first, and not only
    others."""
    agree = {each.index for each in found.entries if each.verdict is Verdict.AGREES}
    differ = {each.index for each in first.entries if each.verdict is Verdict.DIFFERS}
    return not differ or not differ.isdisjoint(agree)


def told_better(found: ParameterCheck, first: ParameterCheck) -> bool:
    """Whether another version of a gradient that differs is wrong by one factor, and the first by none, or by one that
    is further from a whole number or its inverse: something small was added to what is wrong by a factor."""
    if found.factor is None or {found.verdict, first.verdict} != {Verdict.DIFFERS}:
        return False
    return not first.note if first.factor is None else _uneven(found.factor) < _uneven(first.factor)


def _uneven(factor: float) -> float:
    """How far a factor is from a whole number, or its inverse from one, relative to it."""
    return min(abs(number - round(number)) / abs(number) for number in (factor, 1 / factor))


def unknown(name: str, shape: tuple[int, ...], reason: str) -> ParameterCheck:
    """A parameter that could not be checked."""
    return ParameterCheck(name, shape, (), Verdict.UNKNOWN, note=reason)


def ratio_of(entries: Sequence[EntryCheck]) -> float | None:
    """The one factor that lies between the two gradients in every entry that tells; None where there is none."""
    ratios, known = [], []
    for each in entries:
        if each.difference is None or each.verdict is Verdict.UNKNOWN:
            continue
        if abs(each.difference) <= 5 * each.error or not each.recorded:
            if abs(each.recorded - each.difference) > each.tolerance:
                return None  # nothing against something
            continue
        ratio = each.recorded / each.difference
        width = abs(ratio) * each.tolerance / min(abs(each.difference), abs(each.recorded))
        ratios.append((ratio, width))
        if width < abs(ratio):  # else what is recorded is nothing but for rounding, and has no ratio to anything
            known.append((ratio, width))
    telling = [each for each in entries if each.verdict is not Verdict.AGREES or each.tells]
    if len(known) < min(2, len(telling)) or not known:
        return None
    middle = median(ratio for ratio, _ in known)
    if any(abs(ratio - middle) > width + 1e-3 * abs(middle) for ratio, width in ratios):
        return None
    if abs(middle - 1.0) <= SAME:
        return None  # they are off by little, and not by a factor
    return _rounded(middle, max(min(width for _, width in known), 1e-9 * abs(middle)))


def _rounded(factor: float, width: float) -> float:
    """The whole number, or its reciprocal, that a factor comes near enough to be."""
    for number in (factor, 1 / factor):
        whole = round(number)
        if whole and abs(number - whole) <= max(width * abs(number / factor), 1e-6 * abs(whole)):
            return float(whole) if number == factor else 1 / whole
    return factor


def _is_no_chance(factor: float, entries: Sequence[EntryCheck]) -> bool:
    """Whether the factor of a single entry is a whole number, or the inverse of one, and known so well that it is
    hardly one by chance: 47 is, of what is known to 2 in 100 only."""
    told = [each for each in entries if each.recorded and each.difference]
    width = max((each.tolerance / min(abs(each.recorded), abs(each.difference or 1.0)) for each in told), default=0.0)
    return abs(factor) == 1 or (_is_simple(factor) and 2 * width * max(abs(factor), 1 / abs(factor)) <= CHANCE)


def _is_simple(factor: float) -> bool:
    return any(math.isclose(number, round(number), rel_tol=1e-12) for number in (factor, 1 / factor))


def _of_square(factor: float, loss: float) -> str:
    """Of an error that is called the loss (`error = y - out`), and of which the step descends the square: what the
    gradient is that of. A factor that is the loss itself is no accident, but for a simple one."""
    simple = any(abs(number - round(number)) <= 1e-3 * number for number in (abs(factor), abs(1 / factor)))
    if simple and loss > 0:
        return ""
    names = {1.0: "half its square", 2.0: "its square"}
    return next((name for times, name in names.items() if math.isclose(factor, times * loss, rel_tol=1e-3)), "")


def _is_about(factor: float, number: float) -> bool:
    return abs(factor - number) <= 1e-3


def told_factor(factor: float, along: bool = False) -> str:
    """In words: what was recorded is so many times what it should be. `along`: the update adds it, so that its sign is
    right."""
    if factor == -1:
        return "× −1: its sign is wrong"
    sign = "−" if factor < 0 else ""
    size = abs(factor)
    said = f"× {sign}{size:.6g} of the finite difference"
    turned = f"; {NEGATIVE}" if along else ", and its sign is wrong" if factor < 0 else ""
    if size < 1:
        return f"{said}: a factor {1 / size:.4g} is missing{turned}"
    return f"{said}: a factor {size:.4g} is extra, or 1/{size:.4g} is missing{turned}"
