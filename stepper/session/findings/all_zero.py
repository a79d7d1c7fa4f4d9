"""Gradients of which every entry is zero, and for how many iterations running.

Pure: reads records only. The screen and the headless commands say the same.
"""

from __future__ import annotations

from collections.abc import Mapping

from stepper.record import Parameter, Record
from stepper.session.findings.labels import some
from stepper.session.findings.streaks import Streak

FEW = 4  # parameters that are named one by one


def is_all_zero(parameter: Parameter) -> bool:
    """Whether a gradient came of which every entry is known to be zero."""
    summary = None if parameter.grad is None else parameter.grad.summary
    return summary is not None and summary.counted is None and not summary.nonfinite and summary.largest == 0


def zero_for(records: Mapping[int | None, Record], record: Record, name: str) -> Streak:
    """In how many iterations, this one included, that was so of a parameter without a break. Those in which no gradient
    came are passed over."""
    length, at = 1, record.iteration or 0
    while at > 0:
        at -= 1
        earlier = records.get(at)
        if earlier is None:
            return Streak(length, whole=False)
        found = next((each for each in earlier.parameters if each.name == name and each.grad is not None), None)
        if found is not None and not is_all_zero(found):
            break
        length += found is not None
    return Streak(length, whole=True)


def all_zero(record: Record) -> list[str]:
    """A line on the parameters of a record whose gradient is zero everywhere."""
    names = [each.name for each in record.parameters if is_all_zero(each)]
    return [f"{some(names, FEW)}: every entry of the gradient is zero"] if names else []
