"""The gradients of parameters that are plain numbers: products of their factors, and what a function returns beside
others."""

from __future__ import annotations

import math
from collections.abc import Sequence

from stepper.inferior.gradients.fitting import is_inside
from stepper.inferior.gradients.steps import Steps
from stepper.inferior.gradients.worked_out import Read, number_worked_out
from stepper.inferior.recording.drafts import Draft, Happening
from stepper.inferior.recording.scalars import scalar_summary
from stepper.inferior.recording.tracks import Track
from stepper.inferior.spelling.added import Added, plainly, returned_to
from stepper.record import is_path


def number_of(term: Added, read: Read) -> Draft | None:
    """The gradient of a plain number, from its factors. One of them may be a difference that is made in the update and
    has no event of its own: `w += lr * (t - y) * x`."""
    numbers = [number_worked_out(plainly(factor), read) for factor in term.factors]
    known = [each for each in numbers if each is not None]
    if term.sign != " * " or len(known) != len(numbers):
        return None
    label, own = (term.rest, 1.0) if term.own is None else (term.gradient, term.own)
    return Draft(label, "gradient", "operand", None, scalar_summary(own * math.prod(known)))


def of_returned(update: Happening, track: Track, happenings: Sequence[Happening], steps: Steps) -> Draft | None:
    """`b, m = step(b, m)`, which returns `b - lr * db, m - lr * dm`."""
    inside = (each for each in reversed(happenings[update.id + 1 :]) if each.kind == "statement")
    end = next((each for each in inside if is_inside(each, update, happenings)), None)
    text = "" if end is None else returned_to(update.text, track.label, end.text)
    if end is None or not text:
        return None
    values = steps.read(end)
    term = steps.added(text, values, track)
    if term is None or term.quotient or term.rate is None:
        return None
    if len(term.factors) == 1 and term.own in (None, 1.0) and is_path(term.factors[0]):
        return values.get(plainly(term.factors[0]))
    return number_of(term, values)
