"""The angle between what a parameter moved by and its gradient. Reads kept copies only."""

from __future__ import annotations

import math

from stepper.inferior.copies import Copy

SAMPLE = 1 << 12
"""Elements that are looked at, at most, evenly spread; parameters with no more of them are looked at whole."""


def cosine(before: Copy, after: Copy, grad: Copy) -> float | None:
    """The cosine of the angle between after − before and the gradient, as vectors, in float64: −1 … 1.

    None where the gradient has another shape (but for axes of length 1), is not kept, or was worked out from the
    update itself; and where one of them is zero or not finite.
    """
    import numpy

    if grad.gone or grad.computed:
        return None
    shape, its = before.engine.extents(before.kept), grad.engine.extents(grad.kept)
    if shape != its and _without_ones(shape) != _without_ones(its):
        return None
    with numpy.errstate(all="ignore"):
        sampled = [numpy.asarray(copy.engine.sample(copy.kept, SAMPLE)) for copy in (before, after, grad)]
        old, new, slope = sampled
        if not {old.dtype.kind, new.dtype.kind, slope.dtype.kind} <= set("fiu"):
            return None
        update, slope = numpy.subtract(new, old, dtype=numpy.float64), slope.astype(numpy.float64)
        lengths = math.sqrt(update @ update) * math.sqrt(slope @ slope)
        found = float(update @ slope) / lengths if lengths else float("nan")
    return min(1.0, max(-1.0, found)) if numpy.isfinite(found) else None


def _without_ones(shape: tuple[int, ...] | None) -> list[int] | None:
    return None if shape is None else [extent for extent in shape if extent != 1]
