"""An optimizer's step that calls a closure several times (LBFGS): each call has its loss and gradients, and only the
first one's are at the parameters that the iteration began with. Pure: reads records only.
"""

from __future__ import annotations

from typing import NamedTuple

from stepper.record import Contribution, Event, OptimizerStep, Record, Value
from stepper.session.findings.whose_loss import losses


class FirstCall(NamedTuple):
    """What the first call's backward pass added to a parameter's gradient, and which of the iteration's losses it is
    of, counted from 0."""

    shares: tuple[Value, ...]
    loss: int


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
    inside, uses = {step.parent}, dict[int, list[Event]]()
    for event in record.events[step.parent + 1 :]:
        if event.parent in inside:
            inside.add(event.id)
            if isinstance(event.detail, Contribution) and event.detail.parameter == parameter:
                uses.setdefault(event.detail.backward, []).append(event)
    if len(uses) < 2 or not record.losses:
        return None
    first = uses[min(uses)]  # of the passes, some of which may be of no loss: `autograd.grad` in a closure
    return FirstCall(tuple(event.values[0] for event in first), min(losses(record, first), default=0))


def moves_in_between(record: Record, parameter: str) -> bool:
    """Whether a step moved a parameter after each of several calls of its closure, so that the gradient it ends with is
    none that it began by; or may have, where a record with several losses has no room for the calls."""
    return first_call(record, parameter) is not None or (record.truncated and len(record.losses) > 1)
