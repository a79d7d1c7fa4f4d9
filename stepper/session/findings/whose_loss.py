"""Of which of an iteration's losses a gradient is that autograd made. Pure: reads records only."""

from __future__ import annotations

from collections.abc import Sequence

from stepper.record import Backward, Contribution, Event, OptimizerStep, Parameter, Record
from stepper.session.findings.running import number
from stepper.session.findings.sums import arrivals


def contributions(record: Record, parameter: str) -> list[Event]:
    """What the iteration added to a parameter's gradient, use by use, as far as it was in there when the last step of
    an optimizer used it (in the end, where none did): a GAN's discriminator gets more behind its step. (Those of a
    value that stands between bear the parameter's name.)"""
    all_of_it = [
        event
        for event in record.events
        if isinstance(event.detail, Contribution) and event.detail.parameter == parameter
    ]
    steps = [
        event.id
        for event in record.events
        if isinstance(event.detail, OptimizerStep) and event.detail.parameter == parameter
    ]
    one_pass = len({_pass(event) for event in all_of_it}) < 2
    if one_pass and not (all_of_it and steps and all_of_it[-1].id > steps[-1]):
        return all_of_it  # as nearly always; the whole record need not be gone through
    come = arrivals(record).get(parameter)
    if come is None:
        return all_of_it
    in_time = [each for each in come if not steps or each.event < steps[-1]]
    begun = max((place for place, each in enumerate(in_time) if each.anew), default=0)
    passes = {each.number for each in in_time[begun:]}
    return [event for event in all_of_it if _pass(event) in passes]


def of_graph(record: Record, parameter: Parameter) -> bool:
    """Whether a library's backward pass made a parameter's gradient: it was added to its `.grad`, or returned
    (`torch.autograd.grad`), and kept wherever the script likes."""
    if contributions(record, parameter.name):
        return True
    if parameter.grad is None or parameter.grad.copy is None:
        return False
    nodes = [event for event in record.events if isinstance(event.detail, Backward)]
    around = {event.parent for event in nodes}
    passes = (*nodes, *(record.events[number] for number in around if number is not None))
    return any(
        value.copy == parameter.grad.copy for event in passes for value in event.values if value.when != "before"
    )


def losses(record: Record, uses: Sequence[Event]) -> tuple[int, ...]:
    """The places, in `losses`, of those whose backward passes made these contributions; empty where one of them is not
    known."""
    first = {_pass(event): event for event in reversed(uses)}
    found = {began_with(record, event) for event in first.values()}
    return tuple(sorted(place for place in found if place is not None)) if None not in found else ()


def _pass(contribution: Event) -> int:
    assert isinstance(contribution.detail, Contribution)
    return contribution.detail.backward


def began_with(record: Record, event: Event) -> int | None:
    """The one loss that the statement around an event has among its numbers: what `.backward()` was called on."""
    while event.kind != "statement":
        if event.parent is None:
            return None
        event = record.events[event.parent]
    inside = {event.id}
    numbers = {number(value) for value in event.values}
    for each in record.events[event.id + 1 :]:
        if each.parent not in inside or each.kind == "backward":
            break
        inside.add(each.id)
        numbers |= {number(value) for value in each.values}
    fitting = [place for place, loss in enumerate(record.losses) if loss in numbers]
    return fitting[0] if len(fitting) == 1 else None
