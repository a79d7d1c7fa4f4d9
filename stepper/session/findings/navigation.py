"""Walking a record: where the cursor can go from an event. Pure functions over records; nothing here runs anything."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from stepper.record import Event, Record


class Step(Enum):
    """The ways to move the cursor. A step that leaves the iteration goes on in the one after, or before."""

    NEXT = "next statement"
    PREVIOUS = "previous statement"
    INTO = "into"
    BACK_INTO = "back into"
    OUT = "out"
    ITERATION = "next iteration"
    PREVIOUS_ITERATION = "previous iteration"


@dataclass(frozen=True)
class Cursor:
    """Where one stands: an event of an iteration's record (iteration None: the setup; event −1: nothing recorded)."""

    iteration: int | None
    event: int


@dataclass(frozen=True)
class Place:
    """Statement `statement` (from 1) of `statements` in the cursor's frame; 0 of 0 where there is none."""

    statement: int
    statements: int


def frame_of(record: Record, event: Event) -> int | None:
    """The event of the call, module or node that this event happened directly in; None: the loop's own frame."""
    parent = event.parent
    while parent is not None and record.events[parent].kind in ("statement", "expression"):
        parent = record.events[parent].parent
    return parent


def statements_of(record: Record, frame: int | None) -> list[int]:
    """The statements of a frame, in order, those nested in compound statements included."""
    return [event.id for event in record.events if event.kind == "statement" and frame_of(record, event) == frame]


def statements_around(record: Record, frame: int | None) -> list[int]:
    """The statements of a frame, or of the nearest around it that has any: there are none among nodes and layers."""
    statements = statements_of(record, frame)
    while not statements and frame is not None:
        frame = frame_of(record, record.events[frame])
        statements = statements_of(record, frame)
    return statements


def first_statement(record: Record) -> int:
    """The first statement of a record; −1 where it has none."""
    return next((event.id for event in record.events if event.kind == "statement"), -1)


def last_statement(record: Record) -> int:
    """The last statement of the record's own frame; −1 where it has none."""
    top = statements_of(record, None)
    return top[-1] if top else len(record.events) - 1


def failed_event(record: Record) -> int | None:
    """The innermost statement that an exception left, the last one where there are several."""
    failed = [event.id for event in record.events if event.error is not None]
    return failed[-1] if failed else None


def next_statement(record: Record, event: int) -> int | None:
    """The next statement of the cursor's frame, or of the nearest frame around it that has one; None: the end.

    From the head of a function that was stepped into it is the function's first. Inside a backward pass, an optimizer's
    step or a container of layers it is the next node, parameter or layer.
    """
    if 0 <= event < len(record.events) and record.events[event].kind == "call":
        first = _first_within(record, event)
        if first is not None:
            return first
    return _beside(record, event, range(event + 1, len(record.events)))


def previous_statement(record: Record, event: int) -> int | None:
    """The statement before, in the same manner; from a function's first it is the function's head."""
    if 0 <= event < len(record.events) and record.events[event].kind == "statement":
        head = frame_of(record, record.events[event])
        if head is not None and record.events[head].kind == "call" and _first_within(record, head) == event:
            return head
    return _beside(record, event, range(event - 1, -1, -1))


def _first_within(record: Record, call: int) -> int | None:
    """The first statement of a call's own frame; None where none of it is recorded."""
    for event in record.events[call + 1 :]:
        if event.parent is None or event.parent < call:
            return None  # what follows is no part of it
        if event.kind == "statement" and frame_of(record, event) == call:
            return event.id
    return None


Level = tuple[str, int | None]  # where one can step along: the statements of a frame, or what lies side by side


def _beside(record: Record, event: int, candidates: Iterable[int]) -> int | None:
    if not 0 <= event < len(record.events):
        return None
    levels = _levels_around(record, record.events[event])
    best: tuple[int, int] | None = None
    for candidate in candidates:
        level = _level(record, record.events[candidate])
        if level in levels:
            rank = levels.index(level)
            if rank == 0:
                return candidate
            if best is None or rank < best[0]:
                best = (rank, candidate)
    return None if best is None else best[1]


def _lies_in_a_row(record: Record, event: Event) -> bool:
    """Whether one steps from this event to others of its kind beside it, as one does from statement to statement."""
    if event.kind == "module":
        return event.parent is not None and record.events[event.parent].kind == "module"
    return event.kind in ("backward", "contribution", "optimizer")


def _level(record: Record, event: Event) -> Level | None:
    if _lies_in_a_row(record, event):
        return ("inside", event.parent)
    return ("frame", frame_of(record, event)) if event.kind == "statement" else None


def _levels_around(record: Record, event: Event) -> list[Level]:
    """The levels on which one can go on from an event, the innermost first."""
    levels: list[Level] = []
    current = event
    while True:
        if _lies_in_a_row(record, current):
            levels.append(("inside", current.parent))
            around = current.parent
        else:
            around = frame_of(record, current)
            levels.append(("frame", around))
        if around is None:
            return levels
        current = record.events[around]


def into(record: Record, event: int) -> int | None:
    """The very next event, whatever it is."""
    return event + 1 if 0 <= event + 1 < len(record.events) else None


def back_into(record: Record, event: int) -> int | None:
    """The event right before."""
    return event - 1 if 0 < event < len(record.events) else None


def out(record: Record, event: int) -> int | None:
    """The event around this one; None where it stands in the loop's own frame."""
    return record.events[event].parent if 0 <= event < len(record.events) else None


def place_of(record: Record, event: int, statements: list[int] | None = None) -> Place:
    """Which statement of its frame the cursor is at or in; of the nearest frame around it that has statements.
    `statements`: what `statements_around` says of that frame, where it is known."""
    if not 0 <= event < len(record.events):
        return Place(0, 0)
    if statements is None:
        statements = statements_around(record, frame_of(record, record.events[event]))
    return Place(sum(number <= event for number in statements), len(statements))
