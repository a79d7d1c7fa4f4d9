"""An optimizer's step that calls a closure several times (LBFGS): each call has its loss and gradients, and only the
first one's are at the parameters that the iteration began with. Pure: reads records only.
"""

from __future__ import annotations

from typing import NamedTuple

from stepper.record import Contribution, Event, OptimizerStep, Record, Value
from stepper.session.findings.sums import arrivals
from stepper.session.findings.whose_loss import losses


class FirstCall(NamedTuple):
    """What the backward passes of the first call (one, or one for each micro-batch) added to a parameter's gradient,
    and which of the iteration's losses they are of, counted from 0."""

    shares: tuple[Value, ...]
    losses: tuple[int, ...]


def first_call(record: Record, parameter: str) -> FirstCall | None:
    """None where the parameter's step called no closure, or called it once."""
    step = next(
        (
            each
            for each in record.events
            if isinstance(each.detail, OptimizerStep) and each.detail.parameter == parameter
        ),
        None,
    )
    if step is None or step.parent is None:
        return None
    calls, uses = {step.parent: step.parent}, dict[int, dict[int, list[Event]]]()  # by the call, and by the pass
    for event in record.events[step.parent + 1 :]:
        if event.parent in calls:
            begins = event.parent == step.parent and event.kind == "call"
            calls[event.id] = event.id if begins else calls[event.parent]
            if isinstance(event.detail, Contribution) and event.detail.parameter == parameter:
                call = calls[event.id] if calls[event.id] != step.parent else -event.detail.backward  # it has no lines
                uses.setdefault(call, {}).setdefault(event.detail.backward, []).append(event)
    if len(uses) < 2 or not record.losses:
        return None
    passes = next(iter(uses.values()))
    come = [each for each in arrivals(record).get(parameter, ()) if each.number in passes]
    begun = max((each.number for each in come if each.anew), default=min(passes))  # what came before was zeroed
    first = [event for number, events in passes.items() if number >= begun for event in events]
    # of the passes, some may be of no loss: `autograd.grad` in a closure
    of = losses(record, first) or tuple(range(min(len(passes), len(record.losses))))
    return FirstCall(tuple(event.values[0] for event in first), of)


def moves_in_between(record: Record, parameter: str) -> bool:
    """Whether a step moved a parameter after each of several calls of its closure, so that the gradient it ends with is
    none that it began by; or may have, where a record with several losses has no room for the calls."""
    return first_call(record, parameter) is not None or (record.truncated and len(record.losses) > 1)
