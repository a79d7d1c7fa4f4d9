"""The gradients of parameters that are plain numbers: products of their factors, and what a function returns beside
others."""

from __future__ import annotations

import math
from collections.abc import Sequence

from stepper.inferior.gradients.fitting import is_inside
from stepper.inferior.gradients.steps import Steps, number_in
from stepper.inferior.recording.drafts import Draft, Happening
from stepper.inferior.recording.scalars import scalar_summary
from stepper.inferior.recording.tracks import Track
from stepper.inferior.spelling.added import Added, added, plainly, returned_to
from stepper.record import is_path


def number_of(term: Added, factors: Sequence[Draft | None]) -> Draft | None:
    """The gradient of a plain number, from its factors."""
    numbers = [number_in(draft) for draft in factors]
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
    term = added(text, lambda text: steps.scales(values.get(text), track))
    if term is None or term.quotient or term.rate is None:
        return None
    factors = [values.get(plainly(factor)) for factor in term.factors]
    if len(factors) == 1 and term.own in (None, 1.0) and is_path(term.factors[0]):
        return factors[0]
    return number_of(term, factors)
