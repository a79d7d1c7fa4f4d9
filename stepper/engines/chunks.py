"""One pass of NumPy each over a chunk of numbers: their sizes, sums and signs, in working memory that is made once."""

from __future__ import annotations

import threading
from typing import Any

from stepper.engines.arrays import numpy_module

CHUNK = 1 << 17  # elements: a chunk and its copy in float64 stay in the processor's cache
ROW = 1 << 10  # elements that are summed before their sums are


def magnitudes(chunk: Any) -> Any:
    """Complex numbers by absolute value, in double precision: that of complex64 can leave float32's range."""
    numpy = numpy_module()
    if chunk.dtype.kind != "c":
        return chunk
    return numpy.absolute(chunk, dtype=numpy.longdouble if chunk.dtype.char == "G" else numpy.float64)


def plain(chunk: Any) -> Any:
    """The chunk as float32 or float64; complex numbers by absolute value."""
    numpy = numpy_module()
    chunk = magnitudes(chunk)
    if chunk.dtype.char in "fd" and chunk.dtype.isnative:
        return chunk
    return chunk.astype(numpy.float64)


def largest_of(chunk: Any) -> float:
    """The largest finite magnitude; 0 where there is none."""
    numpy = numpy_module()
    sizes = numpy.absolute(plain(chunk))
    return float(sizes.max(initial=0.0, where=numpy.isfinite(sizes)))


class _Scratch(threading.local):
    """Working memory of a thread, made once: fresh memory costs more than the work done in it."""

    _numbers: Any = None
    _more: Any = None
    _flags: Any = None

    def numbers(self, count: int) -> Any:
        """`count` float64 numbers to write to."""
        numpy = numpy_module()
        if self._numbers is None or count > self._numbers.size:
            self._numbers = numpy.empty(max(count, CHUNK))
        return self._numbers[:count]

    def more(self, count: int) -> Any:
        """`count` other float64 numbers to write to."""
        numpy = numpy_module()
        if self._more is None or count > self._more.size:
            self._more = numpy.empty(max(count, CHUNK))
        return self._more[:count]

    def flags(self, count: int) -> Any:
        """`count` bools to write to."""
        numpy = numpy_module()
        if self._flags is None or count > self._flags.size:
            self._flags = numpy.empty(max(count, CHUNK), bool)
        return self._flags[:count]


SCRATCH = _Scratch()


def squares_of(values: Any) -> float:
    """The sum of the squares, row by row: a BLAS takes a long dot product to several threads, and those and torch's
    wait for each other badly."""
    numpy = numpy_module()
    bulk = values.size - values.size % ROW
    rows = values[:bulk].reshape(-1, ROW)
    rest = values[bulk:]
    return float(numpy.add.reduce(numpy.vecdot(rows, rows))) + float(rest.dot(rest))


def sum_of(values: Any) -> float:
    """The sum, row by row: nearly as exact as pairwise summation, and faster."""
    numpy = numpy_module()
    bulk = values.size - values.size % ROW
    rows = numpy.einsum("ij->i", values[:bulk].reshape(-1, ROW)) if bulk else values[:0]
    return float(numpy.add.reduce(rows)) + float(numpy.add.reduce(values[bulk:]))


def signs_of(values: Any, low: float, high: float) -> tuple[int, int]:
    """How many are negative, and how many zero; looked for only where the extremes leave it open."""
    numpy = numpy_module()
    count = int(values.size)
    flags = SCRATCH.flags(count)
    if low > 0.0:
        return 0, 0
    if high < 0.0:
        return count, 0
    if low == 0.0:
        return 0, count - int(numpy.count_nonzero(numpy.greater(values, 0, out=flags))) if high > 0.0 else count
    negative = int(numpy.count_nonzero(numpy.less(values, 0, out=flags)))
    return negative, int(numpy.count_nonzero(numpy.equal(values, 0, out=flags))) if high > 0.0 else count - negative
