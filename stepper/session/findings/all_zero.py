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
    """Whether a gradient came of which every entry is zero; known ahead of its counts, by its extremes."""
    summary = None if parameter.grad is None else parameter.grad.summary
    return summary is not None and summary.largest == 0 and not summary.nonfinite


class ZeroStreaks:
    """Looks into records, and into each only once."""

    def __init__(self) -> None:
        self._known: dict[int | None, tuple[Record, dict[str, bool]]] = {}

    def _zero(self, record: Record) -> dict[str, bool]:
        """Of each parameter that a gradient came to, whether that is zero everywhere."""
        known = self._known.get(record.iteration)
        if known is None or known[0] is not record:
            zero = {each.name: is_all_zero(each) for each in record.parameters if each.grad is not None}
            known = self._known[record.iteration] = (record, zero)
        return known[1]

    def of(self, records: Mapping[int | None, Record], record: Record) -> dict[str, Streak]:
        """In how many iterations, this one included, that was so without a break of each parameter of which it is.
        Those in which no gradient of it came are passed over."""
        if len(self._known) > len(records) + 1:  # what the session has given up is not held here
            self._known = {at: known for at, known in self._known.items() if records.get(at) is known[0]}
        lengths = {name: 1 for name, zero in self._zero(record).items() if zero}
        found: dict[str, Streak] = {}
        at = record.iteration or 0
        while lengths and at > 0:
            at -= 1
            earlier = records.get(at)
            if earlier is None:
                return found | {name: Streak(length, whole=False) for name, length in lengths.items()}
            came = self._zero(earlier)
            for name in came.keys() & lengths.keys():
                if came[name]:
                    lengths[name] += 1
                else:
                    found[name] = Streak(lengths.pop(name), whole=True)
        return found | {name: Streak(length, whole=True) for name, length in lengths.items()}


def all_zero(record: Record) -> list[str]:
    """A line on the parameters of a record whose gradient is zero everywhere."""
    names = [each.name for each in record.parameters if is_all_zero(each)]
    return [f"{some(names, FEW)}: every entry of the gradient is zero"] if names else []
