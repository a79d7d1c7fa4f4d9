"""Whose a name is: that of the function that the cursor stands in, or of another that has one like it. Pure.

`out = net(x)` runs `def forward(self, x): x = self.a(x)`: where that is over, `x` is the batch again. A record tells
the names that a call was handed, or bound, from those that it only read or changed in place; attributes are their
objects'.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TypeVar

from stepper.record import Event, is_path

OUTER = -1
"""In place of a call: the function that the training loop stands in, or the script itself."""
_ROOT = re.compile(r"[^\W\d]\w*")

T = TypeVar("T")


class Scopes:
    """Of one record."""

    def __init__(self, events: Sequence[Event]) -> None:
        self._events = events

    @cached_property
    def calls(self) -> list[int]:
        """By event, the call that it is, or lies in."""
        found: list[int] = []
        for event in self._events:
            around = OUTER if event.parent is None or event.parent >= len(found) else found[event.parent]
            found.append(event.id if event.kind == "call" else around)
        return found

    @cached_property
    def _bound(self) -> dict[int, set[str]]:
        """The names that each call was handed, and bound to values."""
        found: dict[int, set[str]] = {}
        for event, call in zip(self._events, self.calls, strict=True):
            if call == OUTER:
                continue
            names = found.setdefault(call, set())
            for value in event.values:
                if event.kind == "call" and value.when == "operand" and is_path(value.label):
                    names.add(root(value.label))
                elif event.kind == "statement" and value.when == "result" and value.label.isidentifier():
                    names.add(value.label)
        return found

    def is_local(self, label: str, call: int) -> bool:
        """Whether a label begins with a name of that call's own."""
        return call != OUTER and is_path(label) and root(label) in self._bound.get(call, ())

    def among(self, label: str, seen: Sequence[T], event_of: Callable[[T], int], call: int) -> Sequence[T]:
        """What of all that was seen under a label it means within a call; all of it where nothing is left."""
        wheres = {self.calls[event_of(each)] for each in seen}
        if wheres <= {call} or not any(self.is_local(label, where) for where in (*wheres, call)):
            return seen
        meant = {where for where in wheres if self._means(label, where, call)}
        return [each for each in seen if self.calls[event_of(each)] in meant] or seen

    def _means(self, label: str, where: int, call: int) -> bool:
        """Whether what was seen under a label in one call is what it means in another."""
        if where == call:
            return True
        if self.is_local(label, where):
            return False
        return not self.is_local(label, call) or self._is_inside(where, call)

    def _is_inside(self, call: int, other: int) -> bool:
        """Whether a call was made by another, or by one that it made: what it changes in place may be the other's."""
        while call not in (OUTER, other):
            parent = self._events[call].parent
            call = OUTER if parent is None else self.calls[parent]
        return call == other


def root(label: str) -> str:
    """The name that a path begins with."""
    found = _ROOT.match(label)
    return found[0] if found else ""
