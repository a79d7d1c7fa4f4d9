"""Breakpoints: lines to stop at, and the search for the next stop, forward and backward through the iterations.

A stop is found in records. Iterations are recorded one by one until one of them reaches such a line, so that the cursor
stands in a record whose values can be read, with nothing of the script run beyond it.
"""

from __future__ import annotations

import ast
from collections.abc import Awaitable, Callable, Iterable

from stepper.record import Record
from stepper.session.navigation import Cursor

Reach = Callable[[int], Awaitable[Record | None]]
"""Have an iteration recorded; None where there is no such iteration. May raise `Interrupted`."""

STRETCH, GROWTH = 16, 4
"""Going back, so many iterations are replayed at first, and so many times more each time after: each time takes a new
process, which costs more than to record a few iterations for nothing."""


class Interrupted(Exception):
    """The search was called off."""


class NoStatement(LookupError):
    """There is nothing on that line at which one could stop; the message says so."""


class Breakpoints:
    """The lines of one script that have a breakpoint."""

    def __init__(self, lines: Iterable[int] = ()) -> None:
        self.lines: frozenset[int] = frozenset(lines)
        self._source = ""
        self._statements: frozenset[int] = frozenset()

    def toggle(self, line: int, source: str) -> bool:
        """Set a breakpoint on a line of `source`, or take it away; whether there is one now.

        Raises NoStatement where no statement begins on that line.
        """
        if line in self.lines:
            self.lines -= {line}
            return False
        if line not in self._beginnings(source):
            raise NoStatement(f"no statement begins on line {line}, so nothing can stop there")
        self.lines |= {line}
        return True

    def clear(self) -> None:
        """Take all of them away."""
        self.lines = frozenset()

    def _beginnings(self, source: str) -> frozenset[int]:
        if source != self._source:
            self._source, self._statements = source, beginnings(source)
        return self._statements


def beginnings(source: str) -> frozenset[int]:
    """The lines on which a statement begins that does something: no docstrings, no `global`."""
    tree = ast.parse(source)
    scopes = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    idle = {
        id(node.body[0])
        for node in ast.walk(tree)
        if isinstance(node, scopes) and ast.get_docstring(node, clean=False) is not None
    }
    silent = (ast.Global, ast.Nonlocal)
    return frozenset(
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.stmt) and id(node) not in idle and not isinstance(node, silent)
    )


def first_stop(record: Record, lines: frozenset[int], after: int = -1) -> int | None:
    """The first event behind `after` that begins on one of `lines`: a statement, or a call of the function there."""
    return next((event.id for event in record.events[after + 1 :] if _stops(event.kind, event.line, lines)), None)


def last_stop(record: Record, lines: frozenset[int], before: int | None = None) -> int | None:
    """The last such event before `before` (None: of all)."""
    return next((e.id for e in reversed(record.events[:before]) if _stops(e.kind, e.line, lines)), None)


def _stops(kind: str, line: int, lines: frozenset[int]) -> bool:
    return line in lines and kind in ("statement", "call")


async def ahead(cursor: Cursor, record: Record | None, lines: frozenset[int], reach: Reach) -> Cursor | None:
    """The next stop after the cursor, which stands in `record`; None where the iterations end before one."""
    iteration, event = cursor.iteration, cursor.event
    while record is not None or iteration is None:
        found = first_stop(record, lines, event) if record is not None else None
        if found is not None:
            return Cursor(iteration, found)
        iteration, event = (0 if iteration is None else iteration + 1), -1
        record = await reach(iteration)
    return None


async def behind(
    cursor: Cursor,
    record: Record | None,
    lines: frozenset[int],
    reach: Reach,
    recorded: Callable[[int | None], Record | None],
) -> Cursor | None:
    """The stop before the cursor; None where there is none since the script's beginning.

    What is `recorded` is read backward. What is not has to be replayed, and a replay runs forward: so a stretch of
    iterations is replayed at a time, a longer one each time, and its last stop taken.
    """
    found = last_stop(record, lines, max(0, cursor.event)) if record is not None else None
    if found is not None or cursor.iteration is None:
        return Cursor(cursor.iteration, found) if found is not None else None
    end, stretch = cursor.iteration, STRETCH
    while end > 0:
        known = recorded(end - 1)
        if known is not None:
            end -= 1
            found = last_stop(known, lines)
            if found is not None:
                return Cursor(end, found)
            continue
        first, stop = max(0, end - stretch), None
        for iteration in range(first, end):
            replayed = await reach(iteration)
            found = last_stop(replayed, lines) if replayed is not None else None
            stop = Cursor(iteration, found) if found is not None else stop
        if stop is not None:
            return stop
        end, stretch = first, stretch * GROWTH
    setup = recorded(None)
    found = last_stop(setup, lines) if setup is not None else None
    return Cursor(None, found) if found is not None else None
