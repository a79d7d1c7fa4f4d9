"""How far one event moved parameters: from what they were before it to what they were after it. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator

from stepper.record import Event, OptimizerStep, Record, Summary, Value


class Updates:
    """The Euclidean norms of the differences that a record has, by the copies before and after: of each parameter over
    the whole iteration, over each step of an optimizer, and over each line that is not all that moved one."""

    def __init__(self, record: Record) -> None:
        self._norms: dict[tuple[int, int], float] = {}
        self._parameters: set[int] = set()
        for parameter in record.parameters:
            self._add(parameter.before, parameter.after, parameter.update.summary)
        for event in record.events:
            for before, after in _pairs(event) if event.moved else ():
                moved = next((value for value in event.moved if value.label == after.label), None)
                if before is not None and moved is not None:
                    self._add(before, after, moved.summary)
            step = event.detail
            if isinstance(step, OptimizerStep) and step.update is not None:
                for before, after in _pairs(event):
                    if before is not None and after.label == step.parameter:
                        self._add(before, after, event.values[step.update].summary)

    def _add(self, before: Value, after: Value, difference: Summary) -> None:
        if before.copy is None or after.copy is None:
            return
        self._parameters |= {before.copy, after.copy}
        norm = math.nan if difference.nan else math.inf if difference.nonfinite else difference.l2
        if norm is not None:
            self._norms[before.copy, after.copy] = norm

    def of(self, event: Event) -> float | None:
        """The norm of after − before over all parameters that `event` changed. None where it changed none, and where
        the record lacks the difference of one: what all of the iteration did to it is not what this event did."""
        norms: dict[tuple[int | None, int | None], float] = {}  # by copies: a parameter can have several names
        for before, after in _pairs(event):
            pair = (None if before is None else before.copy, after.copy)
            if after.role != "parameter" and self._parameters.isdisjoint(pair):
                continue
            norm = self._norm(*pair, after.summary)
            if norm is None:
                return None
            norms[pair] = norm
        if not norms:
            return None
        # hypot of NaN and infinity is infinity
        return math.nan if any(map(math.isnan, norms.values())) else math.hypot(*norms.values())

    def _norm(self, before: int | None, after: int | None, left: Summary) -> float | None:
        if before is None or after is None:
            return None
        if before == after:  # the same bits
            return math.nan if left.nonfinite else 0.0
        return self._norms.get((before, after))


def _pairs(event: Event) -> Iterator[tuple[Value | None, Value]]:
    """What an event changed, before and after it."""
    befores = {value.label: value for value in event.values if value.when == "before"}
    return ((befores.get(value.label), value) for value in event.values if value.when == "after")
