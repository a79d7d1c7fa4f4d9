"""The numbers of kept copies, to be compared entry by entry."""

from __future__ import annotations

import math
from typing import Any

from stepper.engines import masks
from stepper.inferior.recording.copies import Copy

LIMIT = 1 << 24  # elements; a larger gate by hand is left to the eye
FIRST = 512  # elements that are looked at before all are


def numbers(copy: Copy | None) -> Any:
    """The numbers of a copy where they lie; None where it has none that can be compared, or too many."""
    if copy is None:
        return None
    try:
        if math.prod(copy.engine.extents(copy.kept) or ()) > LIMIT:
            return None
        return copy.engine.numbers(copy.kept)
    except (LookupError, TypeError, ValueError, RuntimeError):
        return None  # a value without numbers (sparse, structured, on a device that failed) is no gate


def shape(copy: Copy) -> tuple[int, ...] | None:
    """The shape of a copy whose numbers can be read."""
    return copy.summary.shape if copy.gone else copy.engine.extents(copy.kept)


def is_real(values: Any) -> bool:
    """Whether these are integers or real numbers."""
    return values is not None and masks.kind(values) in "fiu"


def alike(first: Copy, second: Copy) -> bool:
    """Whether two have the same shape and the same numbers."""
    one, other = numbers(first), numbers(second)
    if one is None or other is None or one.shape != other.shape or not masks.together(one, other):
        return False
    rows = first_rows(one)
    return bool(masks.agreeing(one[rows], other[rows]).all()) and bool(masks.agreeing(one, other).all())


def first_rows(values: Any) -> Any:
    """An index of the first few hundred entries along the first axis, or all."""
    if not values.shape or masks.size(values) <= FIRST:
        return ...
    return slice(0, max(1, FIRST * values.shape[0] // masks.size(values)))
