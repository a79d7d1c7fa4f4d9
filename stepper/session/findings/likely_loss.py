"""Which number of an iteration without a loss is likely to be one, by what it was made of. Pure: reads a record."""

from __future__ import annotations

import re
from collections.abc import Mapping

from stepper.record import Event, Record, Value
from stepper.session.findings.nesting import as_they_ended, nested, within

_MEASURE = re.compile(
    r"(^|_)(r?mse|sse|nll|bce|ce|kl|elbo|objective|obj|hinge|huber|x_?ent|cross_?entropy)(_|$)", re.IGNORECASE
)
"""What is minimised, beside which others are told (an R², a mean absolute deviation)."""


def likely_loss(record: Record) -> tuple[str, int] | None:
    """The name, and the line, of the last single floating-point number that the loop's own statements made of the
    parameters before they were updated; None where there is none. What only comparisons and indices lead to (an
    accuracy) is not made of them, and what leads to their steps (a slope, an error with its sign) is no loss. One that
    is called what is minimised goes before others, and these before what is added up from pass to pass to be told."""
    copies = {each.before.copy for each in record.parameters if each.before.copy is not None}
    labels: set[str] = set()
    found: tuple[str, int] | None = None
    likeliest = 0
    begun = {label for event in record.events for label in _begun(event)}
    inside = nested(record.events)
    steps = _leading_to_steps(record, inside)
    for event in as_they_ended(inside):
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
            if own and value.summary.size == 1 and value.label.isidentifier() and value.label not in steps:
                likely = 1 if value.label not in begun else 3 if _MEASURE.search(value.label) else 2
                if likely >= likeliest:
                    found, likeliest = (value.label, event.line), likely
    return found


def _begun(event: Event) -> set[str]:
    """What an event makes without going on from what it was."""
    read = {each.label for each in event.values if each.when in ("operand", "before")}
    return {each.label for each in event.values if each.when in ("result", "after")} - read


def _leading_to_steps(record: Record, inside: Mapping[int | None, list[Event]]) -> set[str]:
    """What the loop's own statements made of which the parameters were updated."""
    moved = {each.name for each in record.parameters}
    copies = {each.after.copy for each in record.parameters if each.after.copy is not None}
    found: set[str] = set()
    for event in reversed(record.events):
        if event.kind != "statement" or event.function != record.events[0].function:
            continue
        values = [value for each in within(inside, event) for value in each.values]
        made = {value.label for value in event.values if value.when in ("result", "after")}
        changed = (value for value in values if value.when in ("result", "after"))
        steps = event.phase == "update" and any(each.label in moved or each.copy in copies for each in changed)
        if steps or made & found:
            found |= {value.label for value in values if value.when == "operand"}
    return found


def _is_real(value: Value) -> bool:
    kind = value.summary.dtype or value.summary.type
    return "float" in (kind or "")
