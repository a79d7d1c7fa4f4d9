"""Terms of the loss that no gradient goes back through: why a gradient is not that of the whole loss.

Pure: reads records only.
"""

from __future__ import annotations

from stepper.record import LOST, Event, Parameter, Record


def lost_term(record: Record, parameter: Parameter) -> str:
    """The line that adds a term which a parameter makes, too, and where that is cut off; empty where none is known."""
    if parameter.term is None:
        return ""
    event = record.events[parameter.term]
    return f"{record.place(event)}: {'; '.join(_told(event))}"


def is_in_term(record: Record, parameter: Parameter) -> bool:
    """Whether a parameter is known to make such a term, and not only any of those that are trained."""
    return parameter.term is not None and any(part.endswith(")") for part in _told(record.events[parameter.term]))


def _told(event: Event) -> list[str]:
    return [part for part in event.note.split("; ") if part.startswith(LOST)]
