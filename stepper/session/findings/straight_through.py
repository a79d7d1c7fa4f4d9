"""Functions with a backward of their own that hands its gradient on as it came, though the forward is no identity: a
straight-through estimator, where that is on purpose. Finite differences are of what the forward does.

Pure: reads records only.
"""

from __future__ import annotations

from collections.abc import Iterator

from stepper.record import Backward, Event, Parameter, Record
from stepper.session.findings.as_made import multiple


def straight_through(record: Record, parameter: Parameter) -> str:
    """Where a parameter's gradient went through such a backward, in words; empty where it went through none."""
    own = _own_backwards(record)
    reached: dict[str, Event] = {}  # by what the values are called that a gradient reached so
    for event in record.events:
        if not isinstance(event.detail, Backward):
            continue
        came = (reached[flow.target] for flow in event.detail.grad_in if flow.target in reached)
        function = next(came, None) or (own.get(event.id) if _hands_on(record, event) else None)
        if function is None:
            continue
        if any(flow.target == parameter.name for flow in event.detail.grad_in):
            name = _name(record, function)
            return (
                f"the backward of {name} ({record.place(function)}) hands its gradient on as it came, and its forward "
                "is no identity: straight through, which may be on purpose, and is no gradient of this loss"
            )
        for flow in event.detail.grad_out:
            reached.setdefault(flow.target, function)
    return ""


def _name(record: Record, function: Event) -> str:
    """What the function is called whose backward this call is."""
    assert function.parent is not None
    detail = record.events[function.parent].detail
    assert isinstance(detail, Backward)
    return detail.node.removesuffix("Backward")


def _own_backwards(record: Record) -> dict[int, Event]:
    """The calls of the script's own backwards, by the event of their node."""
    found: dict[int, Event] = {}
    for event in _calls(record):
        assert event.parent is not None
        found.setdefault(event.parent, event)
    return found


def _calls(record: Record) -> Iterator[Event]:
    for event in record.events:
        above = None if event.kind != "call" or event.parent is None else record.events[event.parent]
        if above is not None and isinstance(above.detail, Backward) and event.text.startswith("def backward("):
            yield event


def _hands_on(record: Record, event: Event) -> bool:
    """Whether a gradient leaves a node as it came, though its value did not."""
    detail = event.detail
    assert isinstance(detail, Backward)
    if detail.creator is None or len(detail.grad_in) != 1:
        return False
    (came,) = (event.values[flow.value] for flow in detail.grad_in)
    left = [event.values[flow.value] for flow in detail.grad_out]
    made = record.events[detail.creator].values
    read = [each for each in made if each.when == "operand"]
    results = [each for each in made if each.when == "result"]
    alike = [each for each in left if each.summary.shape == came.summary.shape and multiple(each, came) == 1.0]
    identity = any(multiple(one, other) == 1.0 for one in results for other in read)
    return bool(alike and read and results) and not identity
