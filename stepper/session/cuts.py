"""Where a script cuts the graph of its gradients on purpose, through which finite differences of the loss go.

Pure: reads records only.
"""

from __future__ import annotations

import re

from stepper.record import Backward, Event, Record

_CUT = re.compile(r"\.detach_?\(\)|\bno_grad\(\)|\binference_mode\(\)")


def cut(record: Record) -> str:
    """The first place before the backward pass where what is detached goes on to the loss, as a sentence; empty where
    there is none, and where no engine's backward pass was seen: by hand there is no graph to be cut."""
    first = next((event.id for event in record.events if isinstance(event.detail, Backward)), 0)
    before = record.events[:first]
    for event in before:
        found = _CUT.search(event.text) if event.kind == "statement" and event.phase in ("forward", "loss") else None
        if found is not None and _goes_on(event, before):
            return (
                f"{record.place(event)} cuts the graph ({found.group()}), and a finite difference goes through the cut"
            )
    return ""


def _goes_on(event: Event, before: list[Event]) -> bool:
    """Whether what a statement, or those inside it, made is read before the backward pass: a figure that is only
    printed or kept is not."""
    if event.text.startswith("return "):
        return True  # it has no name yet
    inside = {event.id}
    for each in before[event.id + 1 :]:
        if each.parent in inside:
            inside.add(each.id)
    made = {value.label for number in inside for value in before[number].values if value.when == "result"}
    later = (each for each in before[event.id + 1 :] if each.id not in inside)
    return any(value.when == "operand" and value.label in made for each in later for value in each.values)
