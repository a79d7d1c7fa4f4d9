"""Backward passes that begin with another number than 1: `loss.backward(torch.tensor(0.5))`, `loss.backward(loss)`. The
gradients are those of so many times the loss, and meant to be. Pure: reads records only.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from stepper.record import Backward, Event, Record
from stepper.session.findings.running import number
from stepper.session.findings.whose_loss import began_with


class Begun(NamedTuple):
    """What a backward pass was given as the gradient of its loss, and the event that it ran in."""

    times: float
    event: Event


def begun_with(record: Record) -> dict[int, Begun]:
    """By the place of a loss in `losses`, where that is not 1. Of two passes from one loss neither is told."""
    found: dict[int, list[Begun]] = {}
    looked = set[int]()
    for event in record.events:
        if not isinstance(event.detail, Backward) or event.parent is None or event.parent in looked:
            continue
        looked.add(event.parent)  # the first node of a pass is the one that made the loss
        (*given,) = map(number, (value for value in event.values if value.when == "operand"))
        place = began_with(record, event)
        if place is not None and len(given) == 1 and given[0] is not None:
            found.setdefault(place, []).append(Begun(float(given[0]), record.events[event.parent]))
    alone = {place: passes[0] for place, passes in found.items() if len(passes) == 1}
    return {place: each for place, each in alone.items() if each.times != 1 and math.isfinite(each.times)}


def told(record: Record, begun: dict[int, Begun]) -> list[str]:
    """In words: what the gradients are compared with."""
    return [
        f"{record.place(each.event)} begins the backward pass with {each.times:.6g}, not with 1: compared with "
        f"{each.times:.6g} × the loss"
        for each in begun.values()
    ]
