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
    shapes = [copy.engine.extents(copy.kept) for copy in (before, grad)]
    shape, its = ([extent for extent in each if extent != 1] if each is not None else None for each in shapes)
    if shape != its:
        return None
    with numpy.errstate(all="ignore"):
        sampled = [numpy.asarray(copy.engine.sample(copy.kept, SAMPLE)) for copy in (before, after, grad)]
        if any(each.dtype.kind not in "fiu" for each in sampled):
            return None
        old, new, slope = (each.astype(numpy.float64) for each in sampled)
        update = new - old
        lengths = math.sqrt(update @ update) * math.sqrt(slope @ slope)
        found = float(update @ slope) / lengths if lengths else float("nan")
    return min(1.0, max(-1.0, found)) if numpy.isfinite(found) else None
