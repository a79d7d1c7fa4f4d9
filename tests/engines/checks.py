"""What holds of every recorded backward pass: contributions add up to the gradient, formulas give what was recorded."""

from __future__ import annotations

from typing import Any

import torch

from stepper.record import Backward, Contribution, Record
from tests.engines.evaluate import evaluate
from tests.engines.recorded import Run


def assert_adds_up(run: Run, record: Record) -> int:
    """Hold every gradient that a call changed against what was there + the sum of its parts. Returns how many."""
    sums: dict[str, Any] = {}
    counts: dict[str, int] = {}
    checked = 0
    for event in record.events:
        told = event.detail
        if isinstance(told, Contribution) and record.events[event.parent or 0].kind != "contribution":
            (value,) = event.values
            part = run.array(value, record.iteration)
            counts[told.parameter] = counts.get(told.parameter, 0) + 1
            assert told.use == counts[told.parameter]
            sums[told.parameter] = sums[told.parameter] + part if told.parameter in sums else part
        elif isinstance(told, Backward) and told.node == "AccumulateGrad":
            total = sums.pop(told.grad_in[0].target)
            counts.pop(told.grad_in[0].target)
            values = {value.when: run.array(value, record.iteration) for value in event.values}
            if "before" in values:
                total = values["before"] + total
            assert values["after"].tobytes() == total.tobytes()
            checked += 1
    assert not sums
    return checked


def values_by_name(run: Run, record: Record, upto: int) -> dict[str, Any]:
    """What the record holds under each name, up to an event; and what the script bound before the loop."""
    found: dict[str, Any] = {name: value for name, value in run.names.items() if isinstance(value, torch.Tensor)}
    for parameter in record.parameters:
        found[parameter.name] = torch.tensor(run.array(parameter.before, record.iteration))
    for event in record.events[: upto + 1]:
        for value in event.values:
            if value.copy is not None:
                found[value.label] = torch.tensor(run.array(value, record.iteration))
    return {name: value.detach().cpu() for name, value in found.items()}


def assert_formulas(run: Run, record: Record, *, generic: bool = False, relative: float = 1e-9) -> int:
    """Evaluate each formula from the operands that it names; it must give the gradient that was recorded.

    `generic`: lines that only say what goes where are passed over. `relative`: how far a number may be off.
    Returns how many were evaluated.
    """
    checked = 0
    for event in record.events:
        told = event.detail
        if not isinstance(told, Backward) or told.node == "AccumulateGrad":
            continue
        named = values_by_name(run, record, event.id)
        lines = [line.split(" = ", 1) for line in told.formula.split("\n")]
        own = {value.label: value for value in event.values if value.when == "operand"}
        for flow in told.grad_out:
            value = event.values[flow.value]
            place = next(place for place, (name, _) in enumerate(lines) if name == value.label)
            text = lines[place][1]
            del lines[: place + 1]  # a value that is both factors of a product has two lines
            if generic and text.startswith("what "):
                continue
            assert not text.startswith("what "), text
            inputs = {label: torch.tensor(run.array(each, record.iteration)) for label, each in own.items()}
            found = evaluate(text, {**named, **inputs})
            recorded = torch.tensor(run.array(value, record.iteration))
            assert found.shape == recorded.shape, text
            assert torch.allclose(found.to(recorded.dtype), recorded, rtol=relative, atol=1e-12, equal_nan=True), text
            checked += 1
    return checked
