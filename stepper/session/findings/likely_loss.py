"""Which number of an iteration without a loss is likely to be one, by what it was made of. Pure: reads a record."""

from __future__ import annotations

from stepper.record import Record, Value
from stepper.session.findings.nesting import as_they_ended, nested


def likely_loss(record: Record) -> tuple[str, int] | None:
    """The name, and the line, of the last single floating-point number that the loop's own statements made of the
    parameters before they were updated; None where there is none. What only comparisons and indices lead to (an
    accuracy) is not made of them."""
    copies = {each.before.copy for each in record.parameters if each.before.copy is not None}
    labels: set[str] = set()
    found = None
    for event in as_they_ended(nested(record.events)):
        if event.phase not in ("forward", "loss"):
            continue
        read = [each for each in event.values if each.when in ("operand", "before")]
        if not any(each.copy in copies if each.copy is not None else each.label in labels for each in read):
            continue
        for value in event.values:
            if value.when not in ("result", "after") or not _is_real(value):
                continue
            if value.copy is None:
                labels.add(value.label)
            else:
                copies.add(value.copy)
            own = event.kind == "statement" and event.function == record.events[0].function
            if own and value.summary.size == 1 and value.label.isidentifier():
                found = value.label, event.line
    return found


def _is_real(value: Value) -> bool:
    kind = value.summary.dtype or value.summary.type
    return "float" in (kind or "")
