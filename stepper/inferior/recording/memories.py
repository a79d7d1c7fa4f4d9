"""Numbers for memory, by which two names of one object are known in a record.

An address alone tells nothing: it is soon that of another array. Two values lie in one place where both are there.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any
from weakref import ref

from stepper.engines.base import Engine


class Memories:
    """Of one record. Nothing is kept alive by it."""

    def __init__(self) -> None:
        self._objects: dict[int, tuple[ref[Any], int, Hashable]] = {}  # each with its number, and where it lay first
        self._places: dict[Hashable, tuple[list[ref[Any]], int]] = {}
        self._lists: dict[int, int] = {}
        self._count = 0

    def of(self, engine: Engine, value: Any) -> int:
        """The number of the place in which `value` lies; 0 for what never changes."""
        if engine.fixed(value):
            return 0
        if not type(value).__weakrefoffset__:
            if id(value) not in self._lists:  # the store keeps those of a record, so that no other has its address
                self._count += 1
                self._lists[id(value)] = self._count
            return self._lists[id(value)]
        held = self._objects.get(id(value))
        if held is not None and held[0]() is value:
            return held[1]
        place = id(engine), engine.identity(value)
        lying, number = self._places.get(place, ((), 0))
        there = [each for each in lying if _is_there(each(), engine, place[1])]
        if not there:
            self._count += 1
            number = self._count
        reference = ref(value)
        self._places[place] = [*there, reference], number
        self._objects[id(value)] = reference, number, place
        return number

    def forget(self, value: Any) -> None:
        """Refer to this object no more."""
        held = self._objects.pop(id(value), None)
        if held is not None and held[2] in self._places:
            lying, _ = self._places[held[2]]
            lying[:] = [each for each in lying if each() is not value]  # two references are equal where the arrays are


def _is_there(value: Any, engine: Engine, place: Hashable) -> bool:
    """Whether this object has not gone, and its memory was not replaced (`w.data = …`)."""
    return value is not None and engine.identity(value) == place
