"""Where a backward pass by hand reads a parameter that was updated already: the gradients that come after it are those
of other weights than the loss was computed with.

Pure: reads records only.
"""

from __future__ import annotations

import ast
import textwrap
from functools import lru_cache

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
        label = _label(made, other)
        for event in record.events[made.id + 1 : own.id]:
            passes_on = event.kind == "statement" and event.phase == "backward"
            if passes_on and _frame(record, event) == _frame(record, made) and label in _read(event.text):
                return f"{record.place(event)} reads {label} after its update on {record.place(made)}"
    return ""


def _update(record: Record, parameter: Parameter) -> Event | None:
    """The statement that made a parameter what it became."""
    if parameter.after.copy is None or parameter.after.copy == parameter.before.copy:
        return None
    statements = (event for event in record.events if event.kind == "statement")
    return next((event for event in statements if _label(event, parameter)), None)


def _label(event: Event, parameter: Parameter) -> str:
    """What a statement that changed a parameter calls it; empty where it is no such statement."""
    changed = (value for value in event.values if value.when in ("result", "after"))
    return next((_plain(value.label) for value in changed if value.copy == parameter.after.copy), "")


def _frame(record: Record, event: Event) -> int | None:
    """The call that a statement stands in; None outside of functions."""
    while event.parent is not None:
        event = record.events[event.parent]
        if event.kind == "call":
            return event.id
    return None


@lru_cache(maxsize=1024)
def _read(text: str) -> frozenset[str]:
    """The names, paths and elements that a statement reads."""
    try:
        tree = ast.parse(textwrap.dedent(text))
    except (SyntaxError, ValueError):
        return frozenset()
    read = (node for node in ast.walk(tree) if isinstance(node, ast.Name | ast.Attribute | ast.Subscript))
    return frozenset(ast.unparse(node) for node in read if isinstance(node.ctx, ast.Load))


def _plain(label: str) -> str:
    try:
        return ast.unparse(ast.parse(label, mode="eval"))
    except (SyntaxError, ValueError):
        return label
