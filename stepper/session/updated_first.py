"""Where a backward pass by hand reads a parameter that was updated already: the gradients that come after it are those
of other weights than the loss was computed with.

Pure: reads records only.
"""

from __future__ import annotations

from stepper.record import Event, Parameter, Record


def read_after_update(record: Record, parameter: Parameter) -> str:
    """The first such place on the way to a parameter's own update, as a sentence; empty where there is none."""
    own = _update(record, parameter)
    if own is None:
        return ""
    for other in record.parameters:
        made = _update(record, other) if other is not parameter else None
        if made is None or made.id > own.id:
            continue
        for event in record.events[made.id + 1 : own.id]:
            label = _read(event, other) if event.phase == "backward" else ""
            if label and _frame(record, event) == _frame(record, made):
                return f"{record.place(event)} reads {label} after its update on {record.place(made)}"
    return ""


def _update(record: Record, parameter: Parameter) -> Event | None:
    """The statement that made a parameter what it became."""
    if parameter.after.copy is None or parameter.after.copy == parameter.before.copy:
        return None
    changed = ("result", "after")
    statements = (event for event in record.events if event.kind == "statement")
    return next(
        (e for e in statements if any(v.when in changed and v.copy == parameter.after.copy for v in e.values)), None
    )


def _read(event: Event, parameter: Parameter) -> str:
    """What a statement calls a parameter that it reads as it became; empty where it does not. A label alone does not
    tell: `layers[i].w` is that of another layer in each turn of a loop."""
    if event.kind != "statement":
        return ""
    return next((v.label for v in event.values if v.when == "operand" and v.copy == parameter.after.copy), "")


def _frame(record: Record, event: Event) -> int | None:
    """The call that a statement stands in; None outside of functions."""
    while event.parent is not None:
        event = record.events[event.parent]
        if event.kind == "call":
            return event.id
    return None
