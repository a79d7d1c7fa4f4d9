"""What added up in each parameter's gradient, and how much of it was there when the parameter was updated.

Pure: reads records only.
"""

from __future__ import annotations

from dataclasses import dataclass

from stepper.record import Backward, Contribution, Event, Record, Value

LEAF = "AccumulateGrad"


@dataclass(frozen=True)
class Arrival:
    """What one backward pass added to a gradient: so many contributions, in an event. `anew`: to nothing, or zeros.
    `number`: that of the pass."""

    event: int
    contributions: int
    anew: bool
    number: int


@dataclass(frozen=True)
class Used:
    """The contributions to a gradient: in it at each update, come after the last, and cleared before any update."""

    at: list[int]
    late: int
    unused: int
    last: int  # in the gradient at the end


def is_top(event: Event, record: Record) -> bool:
    """Whether a contribution goes to a parameter itself, and not to a value between it and its uses."""
    return event.parent is None or record.events[event.parent].kind != "contribution"


def number_of(come: list[Event]) -> int:
    """The number of the pass that contributions came in."""
    detail = come[-1].detail
    return detail.backward if isinstance(detail, Contribution) else 0


def held(event: Event, parameter: str) -> Value | None:
    """What a gradient held that was not zero when a backward pass added to it; None where there was nothing."""
    label = f"{parameter}.grad"
    before = next((value for value in event.values if (value.label, value.when) == (label, "before")), None)
    return before if before is not None and (before.summary.largest or before.summary.nonfinite) else None


def held_before(event: Event, parameter: str) -> bool:
    """Whether there was something."""
    return held(event, parameter) is not None


def arrivals(record: Record) -> dict[str, list[Arrival]]:
    """For each parameter that got contributions: what each backward pass added, in order.

    A pass adds to a gradient once: a name that two parameters bear (`self.W` of two layers) is left out.
    """
    found: dict[str, list[Arrival]] = {}
    open_: dict[str, list[Event]] = {}
    for event in record.events:
        detail = event.detail
        if isinstance(detail, Contribution) and is_top(event, record):
            parent = record.events[event.parent] if event.parent is not None else None
            if parent is not None and isinstance(parent.detail, Backward) and parent.detail.node == LEAF:
                # the pass began at the parameter, with a gradient of the caller's
                arrival = Arrival(parent.id, 1, not held_before(parent, detail.parameter), detail.backward)
                found.setdefault(detail.parameter, []).append(arrival)
            else:
                open_.setdefault(detail.parameter, []).append(event)
        elif isinstance(detail, Backward) and detail.node == LEAF:
            for flow in detail.grad_in:
                come = open_.pop(flow.target, [])
                if come:
                    arrival = Arrival(event.id, len(come), not held_before(event, flow.target), number_of(come))
                    found.setdefault(flow.target, []).append(arrival)
    for parameter, come in open_.items():  # the record ends before they were added
        found.setdefault(parameter, []).append(Arrival(come[-1].id, len(come), False, number_of(come)))
    return {name: come for name, come in found.items() if len({each.number for each in come}) == len(come)}


def used(come: list[Arrival], updates: list[Event]) -> Used:
    """How many contributions were in a gradient at each of its parameter's updates, in order."""
    at: list[int] = []
    held = unused = fresh = 0  # fresh: those that no update has seen
    waiting = sorted(update.id for update in updates)
    for arrival in come:
        while waiting and waiting[0] < arrival.event:
            at.append(held)
            fresh = 0
            waiting.pop(0)
        if arrival.anew:
            unused, held, fresh = unused + fresh, 0, 0
        held += arrival.contributions
        fresh += arrival.contributions
    if waiting:
        at += [held] * len(waiting)
        fresh = 0
    return Used(at, fresh if at else 0, unused, held)
