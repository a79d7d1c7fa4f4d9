"""A loss that is an error with a sign (`error = y - p`), of which the gradient is made: what the step descends is a
function of it, that no value of the script is. Of one error in a pass every such gradient is a multiple of the error's
own, the same for all parameters. Of several, the sum of their squares is looked at, and no other can be told. Pure.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from stepper.record import Event, Record, Value, statement_in
from stepper.session.check.finite_difference import Losses, Reading
from stepper.session.check.gradient_check import (
    APART,
    SAME,
    GradientCheck,
    ParameterCheck,
    Verdict,
    by_factor,
    ratio_of,
    settled,
)
from stepper.session.findings.running import number

CALLED = "what is called the loss is an error with a sign"


@dataclass(frozen=True)
class SignedErrors:
    """The errors that a line made in the pass, by their places among the losses; the last is the loss."""

    line: int
    places: tuple[int, ...]

    @property
    def single(self) -> bool:
        """Whether the pass made no other."""
        return len(self.places) == 1

    @property
    def squares(self) -> tuple[tuple[Reading, str], ...]:
        """What of their squares a gradient may be that of, each with what it is called."""
        count = len(self.places)
        whole = f"of the squares of the {count} errors that line {self.line} makes"
        times = {0.5: f"half the sum {whole}", 1.0: f"the sum {whole}", 1 / count: f"the mean {whole}"}
        return tuple(
            (self._sum(each), said) for each, said in ({0.5 / count: f"half the mean {whole}"} | times).items()
        )

    def _sum(self, times: float) -> Reading:
        def read(losses: Losses) -> float:
            if len(losses) <= self.places[-1]:
                raise LookupError("there were fewer losses")
            return times * sum(losses[place] ** 2 for place in self.places)

        return read


def signed_errors(record: Record) -> SignedErrors | None:
    """The errors that are called losses in an iteration, where gradients by hand are made of the last of them."""
    if any(event.kind in ("backward", "contribution") for event in record.events):
        return None
    made = [
        (event, value)
        for event in record.events
        if event.kind == "statement"
        for value in event.values
        if value.when == "result"
    ]
    last = next(((e, v) for e, v in reversed(made) if number(v) == record.loss and v.role in _SAID), None)
    if last is None or not _is_error(*last, record):
        return None
    line, error = last[0].line, last[1]
    places: list[int] = []
    for value in (value for event, value in made if event.line == line and value.label == error.label):
        begin = places[-1] + 1 if places else 0
        place = next((at for at in range(begin, len(record.losses)) if record.losses[at] == number(value)), None)
        places += [] if place is None else [place]
    return SignedErrors(line, tuple(places)) if places and places[-1] == len(record.losses) - 1 else None


_SAID = ("loss", "gradient")
_BACK = ("backward", "update")


def _is_error(event: Event, made: Value, record: Record) -> bool:
    """Whether gradients are made of it: it is one, or a difference that is told, too (`total += error ** 2`)."""
    match statement_in(event.text):
        case ast.Assign(value=ast.BinOp(op=ast.Sub())) if made.role == "loss":
            behind = (each for each in record.events if each.id > event.id and each.phase in _BACK)
            return any(value.label == made.label for each in behind for value in each.values)
    return made.role == "gradient"


def told_of_errors(errors: SignedErrors, loss: float, found: Sequence[ParameterCheck]) -> tuple[ParameterCheck, ...]:
    """What the parameters say together, of those that differ from the loss, or from the squares of several."""
    if all(each.verdict is not Verdict.DIFFERS for each in found):
        return tuple(found)
    agreed = [each for each in found if each.agrees_by_something]
    if not errors.single and agreed:
        return tuple(found)
    if not errors.single:
        said = f"{CALLED}, the last of {len(errors.places)} that line {errors.line} makes"
        note = f"{said}; of which loss this is the gradient, the record does not tell: --loss EXPR names it"
        untold = [settled(replace(each, verdict=Verdict.UNKNOWN, factor=None, note=note)) for each in found]
        pairs = zip(found, untold, strict=True)
        return tuple(other if each.verdict is Verdict.DIFFERS else each for each, other in pairs)
    slopes = {each.name: slope for each in found if (slope := _slope(each)) is not None}
    known = [slopes[each.name] for each in agreed if each.name in slopes]  # of its square
    if agreed and not known:
        return tuple(found)  # by itself
    shared = _shared(known or [slope for slope in slopes.values() if slope * loss > 0])
    return tuple(
        _by_slope(each, slopes.get(each.name), shared, loss) if each.verdict is Verdict.DIFFERS else each
        for each in found
    )


def held_back(tell: Callable[[GradientCheck, str], None]) -> Callable[[GradientCheck, str], None]:
    """Tell nobody that a parameter differs before what they say together is known."""

    def told(whole: GradientCheck, ahead: str) -> None:
        apart = (
            replace(each, verdict=Verdict.UNKNOWN, factor=None, note=APART)
            if whole.ahead and each.verdict is Verdict.DIFFERS
            else each
            for each in whole.parameters
        )
        tell(replace(whole, parameters=tuple(map(settled, apart))), ahead)

    return told


def _shared(slopes: Sequence[float]) -> float | None:
    """The multiple that most of these are; None where another is that of as many."""
    counts = {slope: sum(_is_same(slope, each) for each in slopes) for slope in slopes}
    most = [slope for slope in counts if counts[slope] == max(counts.values())]
    return most[0] if most and all(_is_same(most[0], each) for each in most) else None


def _by_slope(found: ParameterCheck, slope: float | None, shared: float | None, loss: float) -> ParameterCheck:
    """A parameter by the multiple of the error's gradient that those of the others are."""
    if slope is not None and shared is not None and _is_same(slope, shared):
        said = f"{CALLED}, and this is {abs(slope):.6g} × its gradient, as that of a loss whose slope it is"
        added = "; it is the negative, which the update adds" if found.along else ""
        agreed = replace(found, entries=by_factor(found.entries), verdict=Verdict.AGREES)
        return replace(agreed, factor=-slope if found.along else slope, note=said + added)
    if found.note and slope is None:
        return found
    if slope is None:
        said = "this is no multiple of its gradient, as that of each loss is which is made of it"
    elif shared is not None:
        said = f"this is {slope / shared:.6g} × what goes with the gradients of others"
    elif slope * loss < 0:
        said = "the step makes it larger: the sign of this is wrong"
    else:
        said = f"this is {abs(slope):.6g} × its gradient, and others are another multiple: of one loss all are the same"
    return replace(found, factor=None, note=f"{CALLED}; {said}")


def _slope(found: ParameterCheck) -> float | None:
    """How many times the gradient of the error the update goes down by."""
    times = ratio_of(found.entries)
    return None if times is None else -times if found.along else times


def _is_same(one: float, other: float) -> bool:
    return math.isclose(one, other, rel_tol=SAME)
