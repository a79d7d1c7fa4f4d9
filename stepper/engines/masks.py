"""Comparisons of kept numbers where they lie: NumPy arrays, or tensors on a device, which answer to the same operators.

NumPy's error state and torch's modes are the caller's business.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any

from stepper.engines.arrays import numpy_module


def on_host(numbers: Any) -> bool:
    """Whether these are NumPy's: an array, or the single bool that comparing a single number gives."""
    numpy = numpy_module()
    return isinstance(numbers, numpy.ndarray | numpy.generic)


def together(first: Any, second: Any) -> bool:
    """Whether two lie on the same device, and can be compared."""
    return on_host(first) == on_host(second) and (on_host(first) or first.device == second.device)


def size(numbers: Any) -> int:
    """How many there are."""
    return math.prod(numbers.shape)


def kind(numbers: Any) -> str:
    """`b` of bools, `i` or `u` of integers, `f` of real and `c` of complex numbers; others as NumPy has them."""
    dtype = numbers.dtype
    if on_host(numbers):
        return str(dtype.kind)
    if str(dtype) == "torch.bool":
        return "b"
    return "f" if dtype.is_floating_point else "c" if dtype.is_complex else "i"


def count(mask: Any) -> int:
    """How many entries are true."""
    numpy = numpy_module()
    return int(numpy.count_nonzero(mask)) if on_host(mask) else int(mask.sum())


def places(mask: Any) -> list[int]:
    """Where the entries of a mask of one axis are true."""
    numpy = numpy_module()
    found: list[int] = (numpy.flatnonzero(mask) if on_host(mask) else mask.reshape(-1).nonzero()[:, 0]).tolist()
    return found


def every(mask: Any, axes: tuple[int, ...]) -> Any:
    """Whether all entries along these axes are true."""
    return mask.all(axes) if axes else mask


def equal(first: Any, second: Any) -> bool:
    """Whether two masks of one shape are."""
    return bool((first == second).all())


def stretched(mask: Any, shape: tuple[int, ...]) -> Any:
    """A mask broadcast to a shape; None where that cannot be."""
    numpy = numpy_module()
    extents = tuple(mask.shape)
    missing = len(shape) - len(extents)
    if missing < 0 or any(own not in (1, extent) for own, extent in zip(extents, shape[missing:], strict=True)):
        return None
    return numpy.broadcast_to(mask, shape) if on_host(mask) else mask.expand(shape)


def alike(*copies: Any) -> list[Any]:
    """The numbers of copies (with `engine`, `kept` and `elsewhere`), all on one device, or all as NumPy arrays."""
    there = all(copy.elsewhere for copy in copies) and len({id(copy.engine) for copy in copies}) == 1
    found = [copy.engine.numbers(copy.kept) for copy in copies] if there else []
    if there and len({each.device for each in found}) == 1:
        return found
    return [copy.engine.ndarray(copy.kept) for copy in copies]


def is_cut(h: Any, out: Any) -> bool:
    """Whether `out` is h, with zeros where h is negative; a NaN stays."""
    numpy = numpy_module()
    if on_host(h):
        return bool(numpy.array_equal(numpy.where(h < 0, 0, h), out, equal_nan=True))
    return bool(((out == h.clamp(min=0)) | ((h != h) & (out != out))).all())


def is_relu(h: Any, out: Any) -> bool:
    """Whether `out`, of the shape of `h`, is max(h, 0) in every entry; a NaN may have become 0."""
    numpy = numpy_module()
    if on_host(h):
        same = out == numpy.maximum(h, 0)  # several times faster than `where`
        if same.all():
            return True
        same |= numpy.isnan(h) & (numpy.isnan(out) | (out == 0))
    else:
        same = (out == h.clamp(min=0)) | ((h != h) & ((out != out) | (out == 0)))
    return bool(same.all())


def shares(h: Any, slope: float) -> Any:
    """1 where h is positive, and `slope` elsewhere, in the dtype of h."""
    numpy = numpy_module()
    if on_host(h):
        return numpy.where(h > 0, 1.0, slope).astype(h.dtype if h.dtype.kind == "f" else numpy.float64)
    open_ = (h > 0).to(h.dtype)
    return open_ + (1 - open_) * slope


def agreeing(first: Any, second: Any) -> Any:
    """Where two have the same number, or both a NaN."""
    return (first == second) | ((first != first) & (second != second))


def nothing(after: Any, before: Any) -> Any:
    """Where nothing came of `before`; of what is not finite a product with zero makes a NaN."""
    return (after == 0) | ((after != after) & ~(abs(before) < math.inf))


def divides(mask: Any, h: Any) -> bool:
    """Whether a mask says on which side of some number each entry of h lies."""
    if equal(mask, h < 0) or equal(mask, h > 0):
        return True  # nearly all do, and this is soon told
    inside, outside = h[mask & (h == h)], h[~mask & (h == h)]
    if not size(inside) or not size(outside):
        return True
    return bool(inside.min() > outside.max()) or bool(inside.max() < outside.min())


def precision(numbers: Any) -> float:
    """The distance from 1 to the next number of this type; 0 of whole numbers."""
    if kind(numbers) != "f":
        return 0.0
    if on_host(numbers):
        return _eps(numbers.dtype)
    return _EPS.get(str(numbers.dtype), 0.0)


@cache
def _eps(dtype: Any) -> float:
    numpy = numpy_module()
    return float(numpy.finfo(dtype).eps)


_EPS = {"torch.float64": 2.0**-52, "torch.float32": 2.0**-23, "torch.float16": 2.0**-10, "torch.bfloat16": 2.0**-7}
"""By torch's name of a type."""


def may_be_masked(after: Any, before: Any) -> bool:
    """Whether a few entries allow that each of `after` is that of `before`, or nothing of it: soon told, and of two
    that have nothing to do with each other nearly never so."""
    for place in _few(after):
        one = after.item(place)
        if one and one == one and one != before.item(place):
            return False
    return True


def may_be_flags(values: Any) -> bool:
    """Whether a few entries allow that all are zeros and ones."""
    return all(values.item(place) in (0, 1) for place in _few(values))


def _few(values: Any) -> tuple[int, ...]:
    """Places in an array where something is soon told; none on a device, which would have to be waited for."""
    entries = size(values)
    return (0, entries // 2, entries - 1) if entries and on_host(values) else ()


def left(after: Any, before: Any, slope: float) -> Any:
    """Where no more is left of `before` than this share, however it was worked out."""
    if slope == 0:
        return nothing(after, before)
    share = before * slope
    return abs(after - share) <= abs(share) * (ROUNDING * precision(after))


def masked(after: Any, before: Any, slope: float) -> tuple[Any, Any] | None:
    """Where `after` is `before`, and where no more than a share of it; None where it is neither somewhere. As a rule
    there is no NaN, and the entries are equal or zero: that is asked first."""
    same, low = after == before, after == 0
    if not slope and (same | low).all():
        return same, low
    same, low = agreeing(after, before), left(after, before, slope)
    return (same, low) if (same | low).all() else None


ROUNDING = 4
"""Units in the last place that two ways to a share may lie apart."""
