"""Gradients that an iteration itself had put into `.grad` when a backward pass added to them: `p.grad = g`, and then
`loss.backward()`. Nothing in them is of an earlier iteration. Pure: reads records only.
"""

from __future__ import annotations

from collections.abc import Mapping

from stepper.record import Backward, Event, Record, Value
from stepper.session.findings.sums import LEAF, held


def set_here(record: Record) -> dict[tuple[int, str], Event]:
    """By the event in which a backward pass added to a parameter's `.grad`, and that parameter's name: the statement of
    this iteration that had set what was there. Where an earlier iteration left it, or a part of it, there is none."""
    setters: dict[int, Event] = {}  # by what they set, the last so far
    makers: dict[int, Event] = {}  # the first event so far that made a copy; what only names it comes later
    found: dict[tuple[int, str], Event] = {}
    for event in record.events:
        if setters and isinstance(event.detail, Backward) and event.detail.node == LEAF:
            for flow in event.detail.grad_in:
                before = held(event, flow.target)
                setter = None if before is None or before.copy is None else setters.get(before.copy)
                if before is not None and setter is not None and not _is_left(record, makers, before):
                    found[event.id, flow.target] = setter
        for value in event.values:
            if value.copy is not None and value.when in ("result", "after"):
                makers.setdefault(value.copy, event)
                if event.kind == "statement" and value.when == "result" and value.label.endswith(".grad"):
                    setters[value.copy] = event
    return found


def _is_left(record: Record, makers: Mapping[int, Event], value: Value) -> bool:
    """Whether a value is, or was made of, what an earlier iteration left in a `.grad`."""
    waiting, seen = [value], {value.copy}
    while waiting:
        value = waiting.pop()
        maker = None if value.copy is None else makers.get(value.copy)
        if maker is None:
            if value.label.endswith(".grad"):
                return True
            continue
        inner = (each for each in record.events[maker.id :] if each.id == maker.id or each.parent == maker.id)
        for each in (read for event in inner for read in event.values if read.when in ("operand", "before")):
            if each.copy is not None and each.copy not in seen:
                seen.add(each.copy)
                waiting.append(each)
    return False
