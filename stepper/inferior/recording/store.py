"""Kept copies: what the recorded values were, one copy per memory and content, within a budget of memory.

Filled by the main thread while an iteration is recorded, read by the service thread; a lock stands between them.
"""

from __future__ import annotations

import threading
from collections.abc import Hashable
from typing import Any

from stepper.engines.base import Engine
from stepper.inferior.protocol import PASSING
from stepper.inferior.recording.copies import Copy, Key
from stepper.record import Value

SMALL = 256
"""Bytes up to which a value is kept in any case: its summary would take as much."""


class Shelf:
    """The copies of one record, numbered from 0, and the memory that it takes, the record itself included."""

    def __init__(self) -> None:
        self.copies: list[Copy] = []
        self._numbers: dict[Copy, int] = {}
        self.worked_out: dict[Hashable, Value] = {}
        """What was asked of its copies, and came of it, by all that it depends on."""
        self.size = 0

    def put(self, copy: Copy) -> int:
        """The number of `copy` on this shelf; a copy that already lies here keeps its number."""
        number = self._numbers.get(copy)
        if number is None:
            number = self._numbers[copy] = len(self.copies)
            self.copies.append(copy)
            self.size += copy.size
        return number


class Store:
    """All shelves by iteration (None: the setup), the oldest given up when the budget of `limit` bytes is passed.

    Of those that were only passed through, the oldest are given up beyond `passing` bytes.
    """

    def __init__(self, limit: int, passing: int = PASSING) -> None:
        self.limit = limit
        self.passing = passing
        self._passed: dict[int, int] = {}  # by iteration: the size of its shelf
        self._passed_size = 0
        self.shelves: dict[int | None, Shelf] = {}
        self.size = 0
        self._lock = threading.Lock()
        self._fresh = 0  # bytes of the copies made for the record under way
        self._evicted: list[int] = []  # iterations that were given up since the last record was put away
        self._latest: dict[Key, Copy] = {}
        self._touched: dict[Key, Copy] = {}
        self._objects: dict[int, Copy] = {}  # by the number of a reference to the value
        self._earlier_objects: dict[int, Copy] = {}
        self._references: dict[int, Any] = {}
        self._earlier_references: dict[int, Any] = {}

    def keep(self, engine: Engine, value: Any) -> Copy:
        """A copy of `value`: the last one of the same memory where its bits are still the same, else a new one."""
        number = self._held(engine.reference(value))
        tried: Copy | None = None
        first: bool | None = None  # whether `value` is still what it was when `tried` was made
        copy = self._objects.get(number)
        if copy is not None and copy.engine is engine:
            tried, first = copy, copy.is_still(value)
            if first:
                return copy
        copy = self._earlier_objects.get(number)
        if copy is not None and copy is not tried and copy.engine is engine:
            tried, first = copy, copy.is_still(value)
            if first:
                memory = copy.key[1]
                self._references[memory] = self._earlier_references.get(memory)
                self._touched[copy.key] = self._objects[number] = copy
                return copy
        key = (id(engine), self._held(engine.memory(value)), engine.identity(value))
        copy = self._touched.get(key) or self._latest.get(key)
        if copy is None or not copy.is_of(value, first if copy is tried else copy.is_still(value)):
            copy = Copy(engine, engine.keep(value), key=key)
            self._fresh += copy.size
            if copy.size > SMALL and self.size + self._fresh > self.limit:
                self._make_room(copy)
        self._touched[key] = self._objects[number] = copy
        return copy

    def _held(self, reference: Any) -> int:
        """A number for an object that an engine refers to so: no other's, as long as it is held, for this record and
        the next. One that is a number already is a guess, which the bits have to bear out."""
        if type(reference) is int:
            return reference
        self._references[id(reference)] = reference
        return id(reference)

    def _make_room(self, copy: Copy) -> None:
        """The budget is passed: the oldest iterations are given up; where there are none, `copy` is a picture only."""
        with self._lock:
            for other in [each for each in self.shelves if each is not None]:
                if self.size + self._fresh <= self.limit:
                    return
                self._drop(other)
                self._evicted.append(other)
        if self.size + self._fresh > self.limit:
            self._fresh -= copy.size
            copy.let_go()

    def close(self, iteration: int | None, shelf: Shelf) -> list[int]:
        """Put a finished record's shelf away. Returns the iterations whose shelves had to make room for it."""
        evicted, self._evicted = self._evicted, []
        self._latest, self._touched = self._touched, {}
        self._earlier_objects, self._objects = self._objects, {}
        self._earlier_references, self._references = self._references, {}
        self._fresh = 0
        with self._lock:
            self._drop(iteration)
            self.shelves[iteration] = shelf
            for copy in shelf.copies:  # records share copies of what did not change between them
                if not copy.holders:
                    self.size += copy.size
                copy.holders += 1
            for other in list(self.shelves):
                if self.size <= self.limit:
                    break
                if other is not None and other != iteration:
                    self._drop(other)
                    evicted.append(other)
            while self._passed_size > self.passing:
                other = next(iter(self._passed))
                self._drop(other)
                evicted.append(other)
            if iteration is not None:
                self._passed[iteration] = shelf.size
                self._passed_size += shelf.size
        return evicted

    def look(self, iteration: int | None) -> None:
        """Somebody looks at this record, or stands behind it: it is not one of those only passed through."""
        with self._lock:
            self._notice(iteration)

    def _notice(self, iteration: int | None) -> None:
        if iteration is not None:
            self._passed_size -= self._passed.pop(iteration, 0)

    def _drop(self, iteration: int | None) -> None:
        shelf = self.shelves.pop(iteration, None)
        self._notice(iteration)
        for copy in shelf.copies if shelf is not None else ():
            copy.holders -= 1
            if not copy.holders:
                self.size -= copy.size

    def shelf(self, iteration: int | None) -> Shelf:
        """All copies of a record. Raises LookupError where it was given up or never was."""
        self.look(iteration)
        with self._lock:
            shelf = self.shelves.get(iteration)
        if shelf is None:
            raise LookupError(f"the values of iteration {iteration} are no longer kept")
        return shelf

    def add(self, iteration: int | None, copy: Copy) -> int:
        """Put what was worked out of a record's copies beside them; its number there. Where there is no room for it,
        it is a summary and a picture only. Raises as `shelf` does."""
        shelf = self.shelf(iteration)
        with self._lock:
            if copy.size > SMALL and self.size + self._fresh + copy.size > self.limit:
                copy.let_go()
            number = shelf.put(copy)
            if not copy.holders:
                self.size += copy.size
                copy.holders = 1
        return number

    @property
    def room(self) -> int:
        """The bytes that are left within the limit."""
        return self.limit - self.size - self._fresh

    def get(self, iteration: int | None, number: int) -> Copy:
        """One copy. Raises LookupError where the record was given up or never was."""
        shelf = self.shelf(iteration)
        if not 0 <= number < len(shelf.copies):
            raise LookupError(f"iteration {iteration} has no copy {number}")
        return shelf.copies[number]
