"""The angle between what a parameter moved by and its gradient. Reads kept copies only."""

from __future__ import annotations

import math
from typing import Any

from stepper.engines.arrays import numpy_module
from stepper.inferior.recording.copies import Copy

SAMPLE = 1 << 12
"""Elements that are looked at, at most, evenly spread; parameters with no more of them are looked at whole."""

ALONG = 1 - 1e-6
"""The cosine from which on, but for rounding, an update is a multiple of a gradient."""

ALIKE = 1e-6
"""How far two multiples may lie apart by rounding, relative to each; float32 has seven digits."""


def cosine(before: Copy, after: Copy, grad: Copy) -> float | None:
    """The cosine of the angle between after − before and the gradient, as vectors, in float64: −1 … 1.

    None where the gradient has another shape (but for axes of length 1), is not kept, or was worked out from the
    update itself; and where one of them is zero or not finite.
    """
    numpy = numpy_module()
    if grad.gone or grad.computed or not of_one_shape(before, grad):
        return None
    with numpy.errstate(all="ignore"):
        old, new, slope = _sample(before), _sample(after), sampled(grad)
        if old is None or new is None or slope is None:
            return None
        update = numpy.subtract(new, old, dtype=numpy.float64)
        lengths = norm(update) * norm(slope)
        found = float(update @ slope) / lengths if lengths else float("nan")
    return min(1.0, max(-1.0, found)) if numpy.isfinite(found) else None


def is_multiple(one: Copy, other: Copy) -> bool:
    """Whether one value is another times a number, but for rounding and axes of length 1, and neither is zero."""
    numpy = numpy_module()
    if one.gone or other.gone or not of_one_shape(one, other):
        return False
    with numpy.errstate(all="ignore"):
        a, b = sampled(one), sampled(other)
        if a is None or b is None or not a.any() or not b.any():
            return False
        place = int(abs(b).argmax())
        return bool(numpy.allclose(a, b * (a[place] / b[place]), rtol=ALIKE, atol=0.0))


def sampled(copy: Copy) -> Any:
    """Some of a value's elements as a float64 vector; None where it has no real numbers, or is not kept."""
    sample = _sample(copy)
    return None if sample is None else sample.astype("float64", copy=False)


def _sample(copy: Copy) -> Any:
    """The same in its own dtype."""
    numpy = numpy_module()
    if copy.gone:
        return None
    sample = numpy.asarray(copy.engine.sample(copy.kept, SAMPLE))
    return sample if sample.dtype.kind in "fiu" else None


def norm(vector: Any) -> float:
    return math.sqrt(vector @ vector)


def of_one_shape(one: Copy, other: Copy) -> bool:
    """Whether two values have one shape, but for axes of length 1."""
    shape, its = one.engine.extents(one.kept), other.engine.extents(other.kept)
    return shape == its or _without_ones(shape) == _without_ones(its)


def _without_ones(shape: tuple[int, ...] | None) -> list[int] | None:
    return None if shape is None else [extent for extent in shape if extent != 1]
