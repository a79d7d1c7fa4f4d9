"""The engine for plain Python: numbers, and rectangular lists and tuples of numbers. Knows of no library."""

from __future__ import annotations

import marshal
import math
import pickle
import struct
from collections.abc import Hashable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from typing import Any

from stepper.engines.base import Engine
from stepper.engines.pooling import pool_numbers, window
from stepper.engines.statistics import of_numbers
from stepper.record import Array, Region, Summary, Window

LIMIT = 1 << 16  # numbers in a list that is still looked into
DEPTH = 8  # lists within lists; one that holds itself has no end
TEXT = 200  # characters of a string that is kept
_SCALARS = frozenset((int, float, bool, complex, str))
_NUMBERS = frozenset((int, float, bool))
_LISTS = (list, tuple)
_CODES = {"float": ("<d", "float64"), "int": ("<q", "int64"), "bool": ("<?", "bool")}


class PythonEngine(Engine):
    """Values are exact `int`, `float`, `bool`, `complex`, short `str`, and rectangular lists of numbers."""

    name = "python"
    library = None

    # ------------------------------------------------------------------------------------------------- values

    def owns(self, value: Any) -> bool:
        kind = type(value)
        if kind in _LISTS:
            return _shape(value) is not None
        return kind in _SCALARS and (kind is not str or len(value) <= TEXT)

    def identity(self, value: Any) -> Hashable:
        return id(value)

    def storage(self, value: Any) -> Hashable:
        return "lists" if type(value) in _LISTS else None

    def overlap(self, value: Any, other: Any) -> bool:
        return _holds(value, other) or _holds(other, value)

    def keep(self, value: Any) -> Any:
        return _copy(value) if type(value) in _LISTS else value

    def same(self, value: Any, kept: Any) -> bool:
        if type(value) in _LISTS and type(kept) in _LISTS:
            if marshal.dumps(value, 2) == marshal.dumps(kept, 2):
                return True
            # Only where there is a NaN may other bits be the same value
            return (
                _may_have_nan(_flat(value))
                and _shape(value) == _shape(kept)
                and _same_numbers(_flat(value), _flat(kept))
            )
        return _same_numbers([value], [kept])

    def restore(self, value: Any, kept: Any) -> None:
        lists = type(value) in _LISTS and type(kept) in _LISTS
        if not (_shape(value) == _shape(kept) and _write(value, kept) if lists else self.same(value, kept)):
            raise LookupError("this value cannot be written back in place")

    def write(self, value: Any, index: int, number: float) -> float:
        row, index = _row(value, index)
        if type(row) is not list:
            raise LookupError("the numbers of a tuple cannot be written to")
        row[index] = float(number)
        return float(row[index])

    def move(self, value: Any, step: float, signs: Any) -> None:
        for index, sign in enumerate(signs.tolist()):
            self.write(value, index, _element(value, index) + step * sign)

    def size(self, kept: Any) -> int:
        shape = _shape(kept) if type(kept) in _LISTS else None
        return 64 if shape is None else 64 + 32 * math.prod(shape)

    def describe(self, kept: Any) -> Summary:
        kind = type(kept)
        if kind not in _LISTS:
            return _scalar(kept)
        shape = _shape(kept)
        if shape is None:
            return Summary("other", kind.__name__)
        numbers = _flat(kept)
        return of_numbers(numbers).summary(kind.__name__, shape, _dtype(numbers), "cpu")

    def window(self, kept: Any, region: Region | None, rows: int, columns: int) -> Window:
        shape, whole = _tensor(kept)

        def part(where: Region) -> list[Any]:
            plane = whole
            for index in where.leading:
                plane = plane[index]
            matrix = plane if len(shape) > 1 else [plane] if shape else [[plane]]
            return [row[where.left : where.right] for row in matrix[where.top : where.bottom]]

        def cells(where: Region, rows: int, columns: int) -> list[float]:
            return pool_numbers([_floats(row) for row in part(where)], rows, columns)

        return window(shape, region, rows, columns, cells, lambda where: part(where)[0][0])

    def array(self, kept: Any) -> Array:
        shape, whole = _tensor(kept)
        numbers = _flat(whole) if shape else [whole]
        dtype = _dtype(numbers)
        if dtype == "int" and any(not -(1 << 63) <= each < 1 << 63 for each in numbers):
            dtype = "float"
        code, name = _CODES[dtype]
        values: Sequence[float] = _floats(numbers) if dtype == "float" else numbers
        return Array(shape, name, struct.pack(f"<{len(values)}{code[1]}", *values))

    def native(self, kept: Any) -> Any:
        return self.keep(kept)

    def number(self, value: Any) -> float | None:
        return _floats([value])[0] if type(value) in (int, float) else None

    # ------------------------------------------------------------------------------------------------- randomness

    def seed(self, seed: int) -> None:
        import random

        random.seed(seed)

    def random_state(self) -> bytes | None:
        import random

        return pickle.dumps(random.getstate())

    def set_random_state(self, state: bytes) -> None:
        import random

        random.setstate(pickle.loads(state))

    @contextmanager
    def undrawn(self) -> Iterator[None]:
        import random

        state = random.getstate()
        try:
            yield
        finally:
            random.setstate(state)


def _row(value: Any, index: int) -> tuple[Any, int]:
    """The innermost list that has an element, counted in C order, and its place there. Raises LookupError."""
    row, within = value, math.prod(_shape(value) or ()) if type(value) in _LISTS else 0
    if not 0 <= index < within:
        raise LookupError("a number by itself cannot be written to in place")
    while type(row[0]) in _LISTS:
        within //= len(row)
        row, index = row[index // within], index % within
    return row, index


def _element(value: Any, index: int) -> float:
    row, place = _row(value, index)
    return float(row[place])


def _shape(value: Any, limit: int = LIMIT, depth: int = DEPTH) -> tuple[int, ...] | None:
    """The shape of a rectangular list of numbers; None for any other, and for one of more than `limit` numbers."""
    extent = len(value)
    if not 0 < extent <= limit or not depth:
        return None
    first = type(value[0])
    if first in _NUMBERS:
        return (extent,) if set(map(type, value)) <= _NUMBERS else None
    if first not in _LISTS:
        return None
    if depth > 1 and value[0] and type(value[0][0]) in _NUMBERS:
        width = len(value[0])
        even = width <= limit // extent and set(map(type, value)) <= set(_LISTS) and set(map(len, value)) == {width}
        return (extent, width) if even and set(map(type, chain.from_iterable(value))) <= _NUMBERS else None
    inner = _shape(value[0], limit // extent, depth - 1)
    if inner is None:
        return None
    for each in value:
        if type(each) not in _LISTS or len(each) != inner[0] or _shape(each, limit // extent, depth - 1) != inner:
            return None
    return (extent, *inner)


def _holds(value: Any, other: Any, depth: int = DEPTH) -> bool:
    """Whether a nested list has another among its rows."""
    if type(value) not in _LISTS or not 0 < len(value) <= LIMIT or type(value[0]) not in _LISTS or not depth:
        return False
    if any(each is other for each in value):
        return True
    deeper = len(value[0]) > 0 and type(value[0][0]) in _LISTS
    return deeper and any(_holds(each, other, depth - 1) for each in value)


def _copy(value: Any) -> Any:
    """Nested lists and tuples anew; the numbers in them cannot change."""
    if type(value[0]) in _LISTS:
        return type(value)(map(_copy, value))
    return type(value)(value) if type(value) is list else value


def _flat(value: Any) -> list[Any]:
    if type(value[0]) not in _LISTS:
        return list(value)
    return [number for each in value for number in _flat(each)]


def _tensor(kept: Any) -> tuple[tuple[int, ...], Any]:
    """The shape of a kept value that holds numbers, and it. Raises LookupError for any other."""
    if type(kept) in _LISTS:
        shape = _shape(kept)
        if shape is not None:
            return shape, kept
    elif type(kept) in _NUMBERS:
        return (), kept
    raise LookupError(f"no numbers can be shown of this {type(kept).__name__}")


def _dtype(numbers: list[Any]) -> str:
    kinds = set(map(type, numbers))
    return "float" if float in kinds else "int" if int in kinds else "bool"


def _floats(numbers: Sequence[Any]) -> list[float]:
    """As floats; whole numbers beyond float64's range become infinite."""
    try:
        return list(map(float, numbers))
    except OverflowError:
        return [_floats([each])[0] if type(each) is not int else _wide(each) for each in numbers]


def _wide(number: int) -> float:
    try:
        return float(number)
    except OverflowError:
        return math.inf if number > 0 else -math.inf


def _may_have_nan(numbers: list[Any]) -> bool:
    """Whether there may be a NaN: quickly, by the sum."""
    try:
        total = sum(numbers)
    except (OverflowError, TypeError):
        return True
    return bool(total != total)


def _same_numbers(first: list[Any], second: list[Any]) -> bool:
    """Equal in type and bits, NaN counting as equal to NaN."""
    if marshal.dumps(first, 2) == marshal.dumps(second, 2):
        return True
    if list(map(type, first)) != list(map(type, second)):
        return False
    for one, other in zip(first, second, strict=True):
        if one != other:
            if one == one or other == other:
                return False
        elif type(one) is float and one == 0.0 and math.copysign(1.0, one) != math.copysign(1.0, other):
            return False
    return True


def _write(value: Any, kept: Any) -> bool:
    """Write nested numbers back, keeping every inner list the object it is. False where a tuple stands in the way."""
    if type(value[0]) in _LISTS:
        return all([_write(one, other) for one, other in zip(value, kept, strict=True)])
    if type(value) is list:
        value[:] = kept
        return True
    return bool(value == kept)


def _scalar(kept: Any) -> Summary:
    kind = type(kept)
    if kind is str:
        return Summary("scalar", "str", value=kept[:TEXT])
    if kind is int:  # a summary travels: beyond 64 bits there is no value to send
        return Summary("scalar", "int", value=kept if -(1 << 63) <= kept < 1 << 63 else None)
    return Summary("scalar" if kind in _SCALARS else "other", kind.__name__, value=kept if kind in _NUMBERS else None)
