"""The engine for NumPy: arrays and NumPy's own scalars.

Kept arrays lie in memory as the value did, without gaps; what was broadcast is kept once and broadcast again.
"""

from __future__ import annotations

import math
import pickle
import sys
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache, lru_cache
from typing import Any

from stepper.engines import pieces
from stepper.engines.arrays import numpy_module
from stepper.engines.base import Engine, Later
from stepper.engines.bits import address_of, same_arrays, same_bits
from stepper.engines.chunks import CHUNK
from stepper.engines.layout import Layout
from stepper.engines.opaque import Opaque
from stepper.engines.pieces import Pieces
from stepper.engines.pool import POOL, SMALLEST
from stepper.engines.pooling import pool, window
from stepper.engines.statistics import FEW, MANY, Statistics, Whole, of_chunks, of_flags, of_numbers, of_whole, together
from stepper.record import Array, Region, Summary, Window

TEXT = 200  # characters of a text scalar that a summary keeps


class NumpyEngine(Engine):
    """Values are `numpy.ndarray`, its subclasses (kept as plain arrays) and `numpy.generic`."""

    name = "numpy"
    library = "numpy"
    reseeded = False

    # ------------------------------------------------------------------------------------------------- values

    def owns(self, value: Any) -> bool:
        kind = type(value)
        numpy = sys.modules.get("numpy")
        if numpy is None:
            return False
        array = getattr(numpy, "ndarray", None)
        return kind is array or (array is not None and issubclass(kind, (array, numpy.generic)))

    def fixed(self, value: Any) -> bool:
        numpy = numpy_module()
        return issubclass(type(value), numpy.generic)

    def identity(self, value: Any) -> Hashable:
        numpy = numpy_module()
        if type(value) is not numpy.ndarray:
            if not issubclass(type(value), numpy.ndarray):
                return id(value)
            value = _base(value)
        return address_of(value), _layout_of(value.shape, value.strides), value.dtype

    def reference(self, value: Any) -> Any:
        return id(value)  # NumPy resizes no array in place that anything refers to

    def memory(self, value: Any) -> Any:
        return 0  # its address must do

    def storage(self, value: Any) -> Hashable:
        numpy = numpy_module()
        while type(value) is numpy.ndarray and type(value.base) is numpy.ndarray:
            value = value.base
        return address_of(value) if type(value) is numpy.ndarray and value.size else None

    def layout(self, value: Any) -> Layout | None:
        numpy = numpy_module()
        if type(value) is not numpy.ndarray or not value.size or min(value.strides, default=0) < 0:
            return None
        return Layout(address_of(value), value.itemsize, value.shape, value.strides)

    def keep(self, value: Any) -> Any:
        numpy = numpy_module()
        kind = type(value)
        if kind is not numpy.ndarray:
            if not issubclass(kind, numpy.ndarray):
                return value if value.dtype.kind != "V" else _outside(value)
            value = _base(value)
        if value.dtype.hasobject:
            return _outside(value)
        if 0 in value.strides and value.size:
            once = value[_once(value)].copy(order="K")
            return numpy.broadcast_to(once, value.shape)
        try:
            if value.nbytes >= SMALLEST and value.flags.c_contiguous and value.dtype.kind in "fiucb":
                copy = POOL.take(value.nbytes).view(value.dtype).reshape(value.shape)
                numpy.copyto(copy, value)
                return copy
            return value.copy(order="K")  # a transposed array is copied as it lies, many times faster
        except MemoryError:  # the script goes on; its value is known by its outside only
            return _outside(value)

    def same(self, value: Any, kept: Any) -> bool:
        numpy = numpy_module()
        if not issubclass(type(value), numpy.ndarray):
            if type(kept) is Opaque or type(value) is not type(kept):
                return type(kept) is Opaque and _outside(value) == kept
            return value is kept or value.tobytes() == kept.tobytes() or bool(value != value and kept != kept)
        if type(kept) is Opaque:
            return _outside(value) == kept
        value = value if type(value) is numpy.ndarray else _base(value)
        if value.shape != kept.shape or value.dtype != kept.dtype:
            return False
        return same_arrays(value, kept)

    def still(self, value: Any, kept: Any) -> bool | None:
        numpy = numpy_module()
        if type(value) is not numpy.ndarray or type(kept) is not numpy.ndarray:
            return None
        if value.shape != kept.shape or value.dtype is not kept.dtype or value.strides != kept.strides:
            return None
        return same_bits(value, kept)

    def restore(self, value: Any, kept: Any) -> None:
        numpy = numpy_module()
        if value is kept:
            return
        if type(kept) is not numpy.ndarray or not issubclass(type(value), numpy.ndarray):
            raise LookupError("this value cannot be written back")
        value = _base(value)
        if value.shape != kept.shape or value.dtype != kept.dtype or not value.flags.writeable:
            raise LookupError("this array no longer has the shape and type that were kept, or is read-only")
        numpy.copyto(value, kept)

    def write(self, value: Any, index: int, number: float) -> float:
        array = _writeable(value)
        array.flat[index] = number
        return _narrowed(array.flat[index])

    def move(self, value: Any, step: float, signs: Any) -> None:
        numpy = numpy_module()
        array = _writeable(value)
        wide = numpy.result_type(array.dtype, numpy.float32)
        array[...] = array + numpy.multiply(signs.reshape(array.shape), step, dtype=wide)

    def size(self, kept: Any) -> int:
        numpy = numpy_module()
        if type(kept) is numpy.ndarray:
            return int(kept.nbytes if kept.base is None else _compact(kept).nbytes)
        return 64

    def describe(self, kept: Any) -> Summary:
        numpy = numpy_module()
        if type(kept) is Opaque:
            return kept.summary()
        if type(kept) is not numpy.ndarray:
            return _scalar(kept)
        once = _compact(kept) if 0 in kept.strides else kept
        return _told(kept, statistics(once), kept.size // once.size if once.size else 1)

    def describe_all(self, kept: Sequence[Any]) -> list[Summary]:
        return together(kept, _few, _told, self.describe)

    def pieces(self, kept: Any) -> Pieces | None:
        numpy = numpy_module()
        if type(kept) is not numpy.ndarray:
            return None
        once = _compact(kept) if 0 in kept.strides else kept
        chunks = chunks_of(once)
        return None if chunks is None else Pieces(_told(kept, None), chunks, kept.size // max(1, once.size))

    def shape(self, value: Any) -> tuple[int, ...] | None:
        numpy = numpy_module()
        array = issubclass(type(value), numpy.ndarray)
        told: tuple[int, ...] = (numpy.ndarray if array else numpy.generic).shape.__get__(value)
        return told

    def extents(self, kept: Any) -> tuple[int, ...] | None:
        if type(kept) is Opaque or kept.dtype.kind not in "fiucb":
            return None
        return tuple(kept.shape)

    def window(self, kept: Any, region: Region | None, rows: int, columns: int) -> Window:
        if type(kept) is Opaque:
            raise kept.refuse()
        array = _numeric(kept)
        return window(
            array.shape,
            region,
            rows,
            columns,
            lambda where, r, c: picture(array, where, r, c),
            lambda where: part_of(array, where).item(),
        )

    def array(self, kept: Any) -> Array:
        numpy = numpy_module()
        values = self.ndarray(kept)
        if values.dtype.char == "g" or values.dtype.char == "G":  # long double: its bytes differ between machines
            with numpy.errstate(all="ignore"):
                values = values.astype(numpy.float64 if values.dtype.char == "g" else numpy.complex128)
        little = values.astype(values.dtype.newbyteorder("<"), copy=False)
        return Array(values.shape, values.dtype.newbyteorder("=").name, little.tobytes())

    def ndarray(self, kept: Any) -> Any:
        if type(kept) is Opaque:
            raise kept.refuse()
        return _numeric(kept)

    def number(self, value: Any) -> float | None:
        if not self.owns(value):
            return None
        if isinstance(value, float):
            return float(value)
        if value.size != 1 or value.dtype.kind not in "fiu":
            return None
        numpy = numpy_module()
        one = _base(value).reshape(()) if issubclass(type(value), numpy.ndarray) else value
        return _narrowed(one.item())

    def reader(self, kind: type) -> Callable[[Any], float | Later | None]:
        return float if issubclass(kind, float) else self.number

    # ------------------------------------------------------------------------------------------------- randomness

    def seed(self, seed: int) -> None:
        import numpy.random

        numpy.random.seed(seed % (1 << 32))

    def random_state(self) -> bytes | None:
        import numpy.random

        return pickle.dumps(numpy.random.get_state(legacy=False))

    def set_random_state(self, state: bytes) -> None:
        import numpy.random

        numpy.random.set_state(pickle.loads(state))

    @contextmanager
    def undrawn(self) -> Iterator[None]:
        import numpy.random

        state = numpy.random.get_state(legacy=False)
        try:
            yield
        finally:
            numpy.random.set_state(state)

    @contextmanager
    def neutral(self) -> Iterator[None]:
        numpy = sys.modules.get("numpy")
        if numpy is None or not hasattr(numpy, "errstate"):
            yield
            return
        with numpy.errstate(all="ignore"):
            yield


def statistics(array: Any) -> Statistics | Whole | None:
    """Statistics of an array without gaps; None where it holds no numbers."""
    numpy = numpy_module()
    dtype = array.dtype
    kind = dtype.kind
    if kind == "b":
        return of_flags(int(numpy.count_nonzero(array)), array.size)
    if kind not in "fiuc":
        return None
    flat = array.ravel(order="K")
    if flat.size <= FEW and kind != "c" and dtype.itemsize <= 8:
        return of_numbers(flat.tolist())
    if kind != "c" and (found := of_whole(flat)) is not None:
        return found
    with numpy.errstate(all="ignore"):
        return of_chunks(_chunks(flat))


def _chunks(flat: Any) -> Callable[[], Iterator[Any]]:
    return lambda: (flat[start : start + CHUNK] for start in range(0, flat.size, CHUNK))


def chunks_of(array: Any) -> Callable[[], Iterator[Any]] | None:
    """The numbers of a large array without gaps, part by part, as `statistics` goes through them; None for a small one,
    or one that is not gone through in parts."""
    if array.nbytes < pieces.MANY or array.dtype.kind not in "fiuc" or array.dtype.char in "gG":
        return None
    return _chunks(array.ravel(order="K"))


def _told(kept: Any, found: Statistics | Whole | None, times: int = 1) -> Summary:
    shape, _ = _layout_of(kept.shape, kept.strides)
    if found is None:
        return Summary("tensor", "ndarray", shape, dtype_name(kept.dtype), "cpu")
    return found.summary("ndarray", shape, dtype_name(kept.dtype), "cpu", times)


@lru_cache(maxsize=4096)
def _layout_of(shape: tuple[int, ...], strides: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The same objects for equal ones: of a long run thousands are kept, which the collector of cycles goes through."""
    return shape, strides


@cache
def dtype_name(dtype: Any) -> str:
    """NumPy's name of a dtype, which takes it long to say."""
    return str(dtype.name)


def _few(kept: Any) -> Any:
    """The numbers of a small copy, flat; None for any other."""
    numpy = numpy_module()
    if type(kept) is not numpy.ndarray or not 0 < kept.size <= MANY or kept.dtype.kind not in "fiu":
        return None
    return None if kept.dtype.itemsize > 8 or 0 in kept.strides else kept.ravel(order="K")


def part_of(array: Any, where: Region) -> Any:
    """The matrix that a resolved region cuts out of an array or tensor."""
    plane = array[where.leading] if where.leading else array
    if plane.ndim < 2:
        plane = plane.reshape(1, -1)
    return plane[where.top : where.bottom, where.left : where.right]


def picture(array: Any, where: Region, rows: int, columns: int) -> list[float]:
    """The cells of a window over a resolved region of an array."""
    numpy = numpy_module()
    part = part_of(array, where)
    with numpy.errstate(all="ignore"):
        return pool(lambda top, bottom: part[top:bottom], part.shape[0], part.shape[1], rows, columns)


def _writeable(value: Any) -> Any:
    """The array of real numbers that can be written to. Raises LookupError where it cannot."""
    numpy = numpy_module()
    array = _base(value) if issubclass(type(value), numpy.ndarray) else value
    if array.dtype.kind == "c":
        raise LookupError("its numbers are complex: only real ones are moved")
    if array.dtype.kind != "f" or not array.flags.writeable:
        raise LookupError("this array is read-only, or holds no floating-point numbers")
    return array


def _base(value: Any) -> Any:
    """An array of a subclass as a plain one over the same memory; none of the subclass's code runs."""
    numpy = numpy_module()
    return numpy.ndarray.view(value, numpy.ndarray)


def _once(value: Any) -> tuple[slice, ...]:
    """The index that takes each element once where an axis repeats the same memory."""
    return tuple(
        slice(0, 1) if stride == 0 and extent > 1 else slice(None)
        for stride, extent in zip(value.strides, value.shape, strict=True)
    )


def _compact(kept: Any) -> Any:
    return kept[_once(kept)]


def _outside(value: Any) -> Opaque:
    dtype = value.dtype
    return Opaque(
        "ndarray" if hasattr(value, "strides") and value.shape else type(value).__name__, value.shape, dtype.name, "cpu"
    )


def _numeric(kept: Any) -> Any:
    """A kept array or scalar as an array. Raises LookupError where it holds no numbers."""
    numpy = numpy_module()
    array = numpy.asarray(kept)
    if array.dtype.kind not in "fiucb":
        raise Opaque(type(kept).__name__, array.shape, array.dtype.name, "cpu").refuse()
    return array


def _scalar(kept: Any) -> Summary:
    """The summary of one of NumPy's own scalars, with its value as Python's own number or text."""
    kind = kept.dtype.kind
    value: bool | int | float | str | None = None
    if kind == "b":
        value = bool(kept)
    elif kind in "iu":
        value = int(kept)
    elif kind == "f":
        value = _narrowed(kept)
    elif kind == "U":
        value = str(kept)[:TEXT]
    return Summary("scalar", type(kept).__name__, (), kept.dtype.name, "cpu", value=value)


def _narrowed(kept: Any) -> float:
    """A long double as a float, infinite beyond its range."""
    try:
        return float(kept)
    except OverflowError:
        return math.inf if kept > 0 else -math.inf
