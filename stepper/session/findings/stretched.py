"""Where an iteration broadcasts what was to be taken one by one: why its loss, or a gradient, is another than was
meant, though the one may be that of the other. Pure: reads records only.
"""

from __future__ import annotations

from stepper.record import STRETCHED, Record

FEW = 3  # places that are named


def stretched(record: Record) -> list[str]:
    """A line for each of the first such places, as they are pointed out in the record."""
    told = {
        f"{record.place(event)}: {part}": None
        for event in record.events
        for part in event.note.split("; ")
        if part.startswith(STRETCHED)
    }
    return list(told)[:FEW]
