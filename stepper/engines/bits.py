"""Whether two pieces of memory hold the same bits, NaN counting as equal to NaN whatever its payload."""

from __future__ import annotations

import ctypes
from typing import Any

SMALL = 4096  # bytes up to which copying both to compare them is the fastest way
STEP = 1 << 13  # elements looked at together once a difference is known: most changed arrays differ in the first few
_WORDS = {2: "u2", 4: "u4", 8: "u8"}

_memcmp: Any
try:
    # The interpreter's own handle: calls keep the GIL, as is right for something that takes microseconds
    _memcmp = ctypes.PyDLL(None).memcmp
    _memcmp.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)
    _memcmp.restype = ctypes.c_int
except (OSError, TypeError, AttributeError):  # a platform that does not export the C library this way
    _memcmp = None


def same_memory(first: int, second: int, size: int) -> bool:
    """Whether `size` bytes at two addresses are equal."""
    if _memcmp is not None:
        return bool(_memcmp(first, second, size) == 0)
    return ctypes.string_at(first, size) == ctypes.string_at(second, size)


def same_arrays(value: Any, kept: Any) -> bool:
    """Whether two NumPy arrays of equal shape and dtype hold the same bits. `kept` is contiguous or broadcast."""
    size = kept.nbytes
    if size <= SMALL:
        return bool(value.tobytes() == kept.tobytes()) or but_for_nans(value, kept)
    if value.flags.c_contiguous and kept.flags.c_contiguous:
        if same_memory(value.ctypes.data, kept.ctypes.data, size):
            return True
        return but_for_nans(value, kept)
    if value.strides == kept.strides and 0 in kept.strides:
        once = tuple(slice(0, 1) if stride == 0 else slice(None) for stride in kept.strides)
        return same_arrays(value[once], kept[once])
    return (
        all(same_arrays(part, other) for part, other in zip(value, kept, strict=True))
        if kept.ndim > 1
        else (same_arrays(value.copy(), kept.copy()))
    )


def but_for_nans(value: Any, kept: Any) -> bool:
    """Whether two arrays that differ do so only in what their NaNs carry."""
    import numpy

    kind, char = kept.dtype.kind, kept.dtype.char
    if kind not in "fc":
        return False
    first, second = value.reshape(-1), kept.reshape(-1)
    if kind == "c" and char in "FD":
        part = numpy.dtype("f4" if char == "F" else "f8").newbyteorder(kept.dtype.byteorder)
        first, second = (numpy.ascontiguousarray(each).view(part) for each in (first, second))
    words = _WORDS.get(second.dtype.itemsize)
    for start in range(0, second.size, STEP):
        one, other = first[start : start + STEP], second[start : start + STEP]
        if words is None:  # long double: the padding in each says nothing
            with numpy.errstate(all="ignore"):
                differ = (one != other) | (numpy.signbit(one) != numpy.signbit(other))
        else:
            differ = numpy.ascontiguousarray(one).view(words) != other.view(words)
        if not (numpy.isnan(one[differ]) & numpy.isnan(other[differ])).all():
            return False
    return True
