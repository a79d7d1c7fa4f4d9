"""Where a parameter is updated before something else that depends on it: a backward pass by hand, whose gradients are
then those of other weights than the loss was computed with, or a loss, which changes with that step, too.

Pure: reads records only.
"""

from __future__ import annotations

from stepper.record import Event, Parameter, Phase, Record, Value
from stepper.session.check.made_before import around, made_before
from stepper.session.findings.running import number


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


def updated_before(record: Record, loss: float, phase: Phase = "update") -> str:
    """A parameter that the iteration updates, in this phase, before it has come to one of its losses, or to what that
    is made of; empty where there is none."""
    names = {name for each in record.parameters for name in (each.name, each.before.label)}
    # An object has other names elsewhere: `network.params[key]`, of `self.params`.
    changed = {each.after.copy for each in record.parameters} - {each.before.copy for each in record.parameters}
    made = next((event.id for event in record.events if any(number(value) == loss for value in event.values)), 0)
    outer = set(around(record, made)) if len(record.losses) == 1 else set()
    held = {each.before.copy: each.name for each in record.parameters if each.before.copy is not None}
    for event in record.events[:made]:
        if event.phase == phase and event.id not in outer:
            for value in event.values:
                name = ""
                if (value.label in names or value.copy in changed - {None}) and value.when in ("after", "result"):
                    name = value.label
                elif value.when == "before" and value.copy in held and _moves(event, value):
                    name = held[value.copy]  # `p.add_(step)`, where p goes through all of them, for one pass only
                if name:
                    return "" if made_before(record, made, event.id) else name
    return ""


def _moves(event: Event, before: Value) -> bool:
    return any(v.when == "after" and v.label == before.label and v.copy != before.copy for v in event.values)


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
