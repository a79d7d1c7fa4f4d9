"""What a record points out at its lines, in a list: what was broadcast that was to be taken one by one, say, so that
the loss, or a gradient, is another than was meant. Pure: reads records only.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from stepper.record import (
    CLIPPED,
    CUT,
    DROPPED,
    LOST,
    MIXED,
    REPEATED,
    SOFTMAX,
    STRETCHED,
    UNREAD,
    WHOLE,
    Event,
    Record,
)

MARKS = {
    STRETCHED: "",  # its shapes say more
    REPEATED: "repeated",
    SOFTMAX: "softmax",
    DROPPED: "dropout",
    MIXED: "axes mixed",
    CLIPPED: "too late",
    WHOLE: "whole",
    CUT: "no gradient",
    LOST: "no gradient",
    UNREAD: "not read",
}
"""By how the notes begin that point something out: what is said of it in few characters."""
ALL = tuple(MARKS)
FEW = 3  # places that are named


def pointed_out(record: Record, kinds: Sequence[str] = ALL) -> list[str]:
    """A line for each of the first such places."""
    told = {f"{record.place(event)}: {part}": None for event in record.events for part in _parts(event, kinds)}
    return list(told)[:FEW]


def points_out(event: Event) -> bool:
    """Whether anything is pointed out there."""
    return next(_parts(event, ALL), None) is not None


def _parts(event: Event, kinds: Sequence[str]) -> Iterator[str]:
    return (part for part in event.note.split("; ") if part.startswith(tuple(kinds)))
