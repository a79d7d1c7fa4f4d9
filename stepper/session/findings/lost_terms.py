"""Terms of the loss that no gradient goes back through: why a gradient is not that of the whole loss.

Pure: reads records only.
"""

from __future__ import annotations

from stepper.record import LOST, Parameter, Record


def lost_term(record: Record, parameter: Parameter) -> str:
    """The line that adds a term which a parameter makes, too, and where that is cut off; empty where none is known."""
    if parameter.term is None:
        return ""
    event = record.events[parameter.term]
    told = (part for part in event.note.split("; ") if part.startswith(LOST))
    return f"{record.place(event)}: {'; '.join(told)}"
