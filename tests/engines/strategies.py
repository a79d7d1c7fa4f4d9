"""Arrays of every dtype, shape and memory layout, and what plain NumPy says of them."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

DTYPES = ("f2", "f4", "f8", ">f8", "i1", "i2", "i4", "i8", "u1", "u8", "?", "c8", "c16")
TORCH_DTYPES = ("f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "?", "c8", "c16")


@st.composite
def arrays(draw: st.DrawFn, dtypes: tuple[str, ...] = DTYPES, *, side: int = 9) -> Any:
    """An array of up to three axes: contiguous, transposed, strided, reversed, broadcast, 0-d or empty."""
    dtype = np.dtype(draw(st.sampled_from(dtypes)))
    shape = draw(npst.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=side))
    array = draw(npst.arrays(dtype, shape))
    if dtype.char == "D":  # an absolute value at the very end of the range may be rounded out of it
        for part in (array.real, array.imag):
            part[...] = np.where(np.abs(part) > 2.0**1022, part / 2, part)
    layout = draw(st.sampled_from(("as it is", "transposed", "strided", "reversed", "broadcast")))
    if layout == "transposed":
        return array.T
    if layout == "strided" and array.ndim:
        return array[..., ::2]
    if layout == "reversed" and array.ndim:
        return array[::-1]
    if layout == "broadcast":
        return np.broadcast_to(array, (3, *shape))
    return array


def expected(array: Any) -> dict[str, Any]:
    """The statistics of an array by exact arithmetic, element by element."""
    numbers = [abs(each) for each in array.ravel().tolist()] if array.dtype.kind == "c" else array.ravel().tolist()
    numbers = [float(each) for each in numbers]
    finite = [each for each in numbers if math.isfinite(each)]
    found: dict[str, Any] = {
        "neginf": numbers.count(-math.inf),
        "inf": numbers.count(math.inf),
        "nan": sum(each != each for each in numbers),
        "negative": sum(each < 0 for each in finite),
        "zero": sum(each == 0 for each in finite),
        "positive": sum(each > 0 for each in finite),
        "min": min(finite) if finite else None,
        "max": max(finite) if finite else None,
    }
    if finite:
        exact = [Fraction(each) for each in finite]
        mean = sum(exact, Fraction()) / len(exact)
        found["mean"] = _float(mean)
        found["std"] = _root(sum(((each - mean) ** 2 for each in exact), Fraction()) / len(exact))
        found["l2"] = _root(sum((each * each for each in exact), Fraction()))
    return found


def _float(exact: Fraction) -> float:
    try:
        return float(exact)
    except OverflowError:
        return math.copysign(math.inf, exact)


def _root(exact: Fraction) -> float:
    """The square root, also where the square itself has no place among the floats."""
    up = 0
    while exact > Fraction(2) ** 1000:
        exact, up = exact / 4**100, up + 100
    while 0 < exact < Fraction(1, 2**1000):
        exact, up = exact * 4**100, up - 100
    try:
        return math.ldexp(math.sqrt(float(exact)), up)
    except OverflowError:
        return math.inf


def close(found: float | None, wanted: float | None, size: float) -> bool:
    """Equal up to the rounding of sums of numbers as large as `size`."""
    if found is None or wanted is None:
        return found is wanted
    if math.isnan(wanted) or math.isinf(wanted):
        return found == wanted or (found != found and wanted != wanted)
    return abs(found - wanted) <= 1e-12 * size + 5e-324 * 16


def cells(array: Any, rows: int, columns: int, region: tuple[int, int, int, int] | None = None) -> list[float]:
    """The pooled picture of a matrix by the definition of a window, cell by cell."""
    matrix = np.absolute(array) if array.dtype.kind == "c" else array
    matrix = matrix.astype(np.float64).reshape(matrix.shape if matrix.ndim == 2 else (1, -1))
    if region is not None:
        matrix = matrix[region[0] : region[1], region[2] : region[3]]
    height, width = matrix.shape
    rows, columns = min(rows, height), min(columns, width)
    found = []
    for i in range(rows):
        for j in range(columns):
            part = matrix[
                i * height // rows : (i + 1) * height // rows, j * width // columns : (j + 1) * width // columns
            ]
            found.append(_mean(part.ravel().tolist()))
    return found


def _mean(numbers: list[float]) -> float:
    if any(each != each for each in numbers) or {math.inf, -math.inf} <= set(numbers):
        return math.nan
    for infinite in (math.inf, -math.inf):
        if infinite in numbers:
            return infinite
    try:
        return math.fsum(numbers) / len(numbers)
    except OverflowError:
        return float(sum(map(Fraction, numbers)) / len(numbers))
