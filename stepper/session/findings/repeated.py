"""Steps of which a part is lost, since an index has places more than once: why a gradient of rows is not the whole one.

Pure: reads records only.
"""

from __future__ import annotations

from stepper.record import REPEATED, Parameter, Record


def repeated(record: Record, parameter: Parameter) -> str:
    """The line that moved a parameter, or added its gradient up, so, and what is lost there; else nothing."""
    labels, copies = {parameter.name, parameter.before.label}, {parameter.after.copy} - {None}
    if parameter.grad is not None:
        labels, copies = labels | {parameter.grad.label}, (copies | {parameter.grad.copy}) - {None}
    for event in record.events:
        if REPEATED in event.note and any(
            value.when == "after" and (value.label in labels or value.copy in copies) for value in event.values
        ):
            told = event.note[event.note.index(REPEATED) :].partition("; ")[0]
            return f"{record.place(event)}: {told}"
    return ""
