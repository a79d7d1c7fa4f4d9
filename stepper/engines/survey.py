"""Where a tensor's extremes are, and how its elements are distributed. In chunks: needs little memory beside it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from stepper.engines.arrays import numpy_module
from stepper.record import Survey, index_of

CHUNK = 1 << 20
SAMPLE = 1 << 22
"""A histogram of more elements than this is that of a regular sample of about so many."""


def survey(array: Any, bins: int, less: Any = None) -> Survey:
    """`array` is a NumPy array of any shape; complex numbers count by absolute value. Extremes are over the finite
    elements; of equal ones the first, in C order. With `less`, of the same shape, of `array` − `less` in float64."""
    *_, whole = surveying(array, bins, less)
    assert whole is not None
    return whole


def surveying(array: Any, bins: int, less: Any = None) -> Iterator[Survey | None]:
    """What `survey` does, in steps of a few milliseconds; the last gives the survey, the others None."""
    largest = smallest = wrong = None
    high = low = 0.0
    for start, chunk in _chunks(array, less):
        top, bottom, bad = _extremes(chunk)
        if bad is not None and wrong is None:
            wrong = start + bad
        if top is not None and (largest is None or chunk[top] > high):
            largest, high = start + top, chunk[top]
        if bottom is not None and (smallest is None or chunk[bottom] < low):
            smallest, low = start + bottom, chunk[bottom]
        yield None
    low, high = float(low), float(high)
    counts = None
    if largest is not None and math.isfinite(high - low):
        for part in _histograms(array, low, high, bins, less):
            counts = part if counts is None else counts + part
            yield None
    places = [None if flat is None else index_of(flat, array.shape) for flat in (largest, smallest, wrong)]
    numbers = [] if counts is None else counts.tolist()
    yield Survey(places[0], places[1], places[2], low, high, numbers, sum(numbers))


def _extremes(chunk: Any) -> tuple[int | None, int | None, int | None]:
    """Where the largest and the smallest finite element are, and the first that is not finite."""
    numpy = numpy_module()
    with numpy.errstate(all="ignore"):
        finite = numpy.isfinite(chunk)
        if finite.all():
            return int(chunk.argmax()), int(chunk.argmin()), None
        bad = int(finite.argmin())
        if not finite.any():
            return None, None, bad
        top, bottom = numpy.where(finite, chunk, -numpy.inf), numpy.where(finite, chunk, numpy.inf)
        return int(top.argmax()), int(bottom.argmin()), bad


def spread(shape: Sequence[int], most: int) -> int:
    """The step at which at most `most` elements of a tensor are taken in C order. It has no divisor in common with the
    last axis, where that can be: else the same few columns would stand for all."""
    size = math.prod(shape)
    step = -(-size // max(1, most)) if size else 1
    while step > 1 and shape and math.gcd(step, shape[-1]) > 1:
        step += 1
    return step


def sample(array: Any, most: int) -> Any:
    """At most `most` elements of a NumPy array, evenly spread, in one row."""
    step = spread(array.shape, most)
    return array.reshape(-1)[::step] if array.flags.c_contiguous else array.flat[::step]


def histogram(numbers: Any, low: float, high: float, bins: int) -> list[int]:
    """How many of a few numbers lie in each of `bins` equal parts of `low` … `high`; empty where that is no range."""
    numpy = numpy_module()
    with numpy.errstate(all="ignore"):
        if not numpy.isfinite(high - low):
            return []
        counts: list[int] = sum(_histograms(_real(numbers), low, high, bins), numpy.zeros(bins, numpy.int64)).tolist()
        return counts


def _chunks(array: Any, less: Any = None) -> Any:
    """(position, elements) of the whole in C order, each part flat and of real numbers; `less` is taken from them."""
    numpy = numpy_module()
    if less is not None and "c" in (array.dtype.kind, less.dtype.kind):
        with numpy.errstate(all="ignore"):
            array = array.astype(numpy.complex128) - less
    elif less is not None:
        for (start, one), (_, other) in zip(_parts(array), _parts(less), strict=True):
            with numpy.errstate(all="ignore"):
                difference = one.astype(numpy.float64) - other.astype(numpy.float64)
            yield start, difference
        return
    yield from _parts(array)


def _parts(array: Any) -> Any:
    numpy = numpy_module()
    if array.flags.c_contiguous:
        flat = array.reshape(-1)
        for start in range(0, flat.size, CHUNK):
            yield start, _real(flat[start : start + CHUNK])
        return
    # by the first axis: a flat view of the whole would be a copy of it
    inner = array.size // array.shape[0] if array.shape[0] else 0
    step = max(1, CHUNK // max(1, inner))
    for first in range(0, array.shape[0] if inner else 0, step):
        yield first * inner, _real(numpy.ascontiguousarray(array[first : first + step]).reshape(-1))


def _histograms(array: Any, low: float, high: float, bins: int, less: Any = None) -> Iterator[Any]:
    """The counts of each chunk, of a finite range."""
    numpy = numpy_module()
    stride = max(1, array.size // SAMPLE)
    width = (high - low) or 1.0
    for start, chunk in _chunks(array, less):
        with numpy.errstate(all="ignore"):
            part = chunk[-start % stride :: stride].astype(numpy.float64)
            part = part[numpy.isfinite(part)]
            places = numpy.minimum(((part - low) * (bins / width)).astype(numpy.int64), bins - 1)
        yield numpy.bincount(numpy.maximum(places, 0), minlength=bins)


def _real(chunk: Any) -> Any:
    numpy = numpy_module()
    if chunk.dtype.kind == "c":
        return numpy.absolute(chunk)
    return chunk.astype(numpy.uint8) if chunk.dtype.kind == "b" else chunk
