"""Gradients that are zeroed between the backward pass that made them and the step that was to use them.

Pure: reads records only.
"""

from __future__ import annotations

from stepper.record import Contribution, Event, OptimizerStep, Parameter, Record
from stepper.session.findings.zeroing_lines import zeroes


def cleared_by(record: Record, parameter: Parameter) -> tuple[Event, ...]:
    """The statement that zeroed what had come to a parameter's gradient, where an optimizer then took its step without
    one, or with nothing but zeros; else nothing. Of several that zero gradients there, each once: which of them it was
    is not in the record."""
    used = parameter.grad.summary if parameter.grad is not None and parameter.used else None
    if parameter.passed_over is None and (used is None or used.largest or used.nonfinite):
        return ()
    mine = [event for event in record.events if getattr(event.detail, "parameter", None) == parameter.name]
    steps = [event.id for event in mine if isinstance(event.detail, OptimizerStep)]
    step = max(steps, default=parameter.passed_over)
    come = [event for event in mine if isinstance(event.detail, Contribution) and (step is None or event.id < step)]
    if not come or not (used is None or any(map(_is_something, come))):
        return ()
    statements = (event for event in record.events[come[-1].id : step] if event.kind == "statement")
    found = {(record.place(event), event.text): event for event in statements if zeroes(event.text)}
    return tuple(found.values())


def _is_something(contribution: Event) -> bool:
    summary = contribution.values[0].summary
    return bool(summary.largest or summary.nonfinite)
