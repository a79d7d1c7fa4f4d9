"""Memory: copied as it lies, and compared bit by bit, NaN counting as equal to NaN whatever its payload.

One thread does it. A library's own copy may wake its threads, and those wait long for each other where all processors
are busy.
"""

from __future__ import annotations

import ctypes
from typing import Any

from stepper.engines.arrays import numpy_module
from stepper.engines.native import NATIVE, SHOWN

SMALL = 4096  # bytes up to which copying both to compare them is the fastest way
STEP = 1 << 13  # elements looked at together once a difference is known: most changed arrays differ in the first few
FIRST = 16  # numbers looked at before all the others
PIECE = 1 << 23  # bytes that are worked on in one go, with the GIL held
_WORDS = {2: "u2", 4: "u4", 8: "u8"}


def _of_the_c_library() -> tuple[Any, Any]:
    """`memcmp` and `memmove` from the interpreter's own handle, which keeps the GIL: right for microseconds."""
    try:
        library = ctypes.PyDLL(None)
        compare, move = library.memcmp, library.memmove
    except (OSError, TypeError, AttributeError):  # a platform that does not export the C library this way
        return None, ctypes.memmove
    compare.argtypes = move.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)
    compare.restype, move.restype = ctypes.c_int, ctypes.c_void_p
    return compare, move


_memcmp, _memmove = _of_the_c_library()


def copy_memory(target: int, source: int, size: int) -> None:
    """Copy `size` bytes from one address to another."""
    move = _memmove if NATIVE is None else NATIVE.copy_at
    if size <= PIECE:
        move(target, source, size)
        return
    for start in range(0, size, PIECE):
        move(target + start, source + start, min(PIECE, size - start))


def same_memory(first: int, second: int, size: int) -> bool:
    """Whether `size` bytes at two addresses are equal."""
    if size <= PIECE:
        return _same_piece(first, second, size)
    return all(_same_piece(first + start, second + start, min(PIECE, size - start)) for start in range(0, size, PIECE))


def _same_piece(first: int, second: int, size: int) -> bool:
    if NATIVE is not None:
        return bool(NATIVE.same_at(first, second, size))
    if _memcmp is not None:
        return bool(_memcmp(first, second, size) == 0)
    return ctypes.string_at(first, size) == ctypes.string_at(second, size)


def as_array(address: int, like: Any) -> Any:
    """`size` bytes of somebody's memory as a flat NumPy array of the dtype and size of `like`, for the moment."""
    numpy = numpy_module()
    return numpy.frombuffer((ctypes.c_char * like.nbytes).from_address(address), dtype=like.dtype)


def address_of(array: Any) -> int:
    """Where a NumPy array's memory begins."""
    if NATIVE is not None and array.dtype.char in SHOWN:
        return int(NATIVE.address_of(array))
    address: int = array.__array_interface__["data"][0]
    return address


def same_bits(value: Any, kept: Any) -> bool | None:
    """Whether two NumPy arrays of equal shape, dtype and strides hold the same bytes; None where that takes long."""
    size = kept.nbytes
    if NATIVE is not None and size <= PIECE and kept.dtype.char in SHOWN and kept.flags.forc:
        return bool(NATIVE.same(value, kept))
    if size <= SMALL:
        return bool(value.tobytes() == kept.tobytes())
    return same_memory(address_of(value), address_of(kept), size) if kept.flags.forc else None


def same_arrays(value: Any, kept: Any) -> bool:
    """Whether two NumPy arrays of equal shape and dtype hold the same bits."""
    size = kept.nbytes
    if size <= SMALL:
        return bool(value.tobytes() == kept.tobytes()) or but_for_nans(value, kept)
    if value.strides == kept.strides:
        if value.flags.forc and kept.flags.forc:
            return same_memory(address_of(value), address_of(kept), size) or but_for_nans(value, kept)
        repeated = [stride == 0 and length > 1 for stride, length in zip(kept.strides, kept.shape, strict=True)]
        if any(repeated):  # an axis that `None` made has no stride either, and one entry
            once = tuple(slice(0, 1) if each else slice(None) for each in repeated)
            return same_arrays(value[once], kept[once])
    if kept.ndim > 1:
        return all(same_arrays(part, other) for part, other in zip(value, kept, strict=True))
    return same_arrays(value.copy(), kept.copy())


def but_for_nans(value: Any, kept: Any) -> bool:
    """Whether two arrays that differ do so only in what their NaNs carry."""
    numpy = numpy_module()
    kind, char = kept.dtype.kind, kept.dtype.char
    if kind not in "fc":
        return False
    order = "K" if value.strides == kept.strides else "C"
    first, second = value.ravel(order=order), kept.ravel(order=order)
    if kind == "c" and char in "FD":
        part = numpy.dtype("f4" if char == "F" else "f8").newbyteorder(kept.dtype.byteorder)
        first, second = first.view(part), second.view(part)
    words = _WORDS.get(second.dtype.itemsize)
    # Most arrays that have changed have changed in their first numbers: those are looked at before the many, and one by
    # one, since each of the steps below takes longer than that.
    if words is not None and any(map(_apart, first[:FIRST].tolist(), second[:FIRST].tolist())):
        return False
    for start in range(0, second.size, STEP):
        one, other = first[start : start + STEP], second[start : start + STEP]
        if words is None:  # long double: the padding in each says nothing
            with numpy.errstate(all="ignore"):
                differ = (one != other) | (numpy.signbit(one) != numpy.signbit(other))
        else:
            differ = one.view(words) != other.view(words)
        if not (numpy.isnan(one[differ]) & numpy.isnan(other[differ])).all():
            return False
    return True


def _apart(one: complex, other: complex) -> bool:
    """Whether two numbers differ in their value, and are not both NaN."""
    return one != other and (one == one or other == other)
