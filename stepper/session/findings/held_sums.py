"""From which iteration on a gradient that a script adds up itself (`self.dw += x.T @ d`) has been a sum.

Pure: reads records only. From one record to the next a value is known by its figures.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from stepper.record import Event, Held, Record, Summary, Value
from stepper.session.findings.versions import last_part


class Begun(NamedTuple):
    """The first iteration (None: before all) that is in a sum; where not `certain`, the first that may be: the records
    end there. `passes`: how many iterations added to it, as far as is known."""

    iteration: int | None
    certain: bool
    passes: int


class HeldSums:
    """Looks into records, and into each only once."""

    def __init__(self) -> None:
        self._known: dict[int | None, tuple[Record, list[tuple[Value | None, Value]]]] = {}

    def begun(self, records: Mapping[int | None, Record], record: Record, held: Held) -> Begun:
        """Where the sum began that a gradient of `record` was added to."""
        if len(self._known) > len(records) + 1:  # what the session has given up is not held here
            self._known = {at: known for at, known in self._known.items() if records.get(at) is known[0]}
        value, passes = held.row or held.before, 1
        for iteration in range((record.iteration or 0) - 1, -1, -1):
            earlier = records.get(iteration)
            if earlier is None:
                return Begun(iteration, False, passes)
            found, made = self._first(earlier, value)
            passes += made
            if made and (found is None or not _is_something(found.summary)):
                return Begun(iteration, True, passes)
            value = found or value
        return Begun(None, True, passes)

    def _first(self, record: Record, value: Value) -> tuple[Value | None, bool]:
        """What was added to in an iteration to come to a value (None: nothing, it was made anew), and whether it was
        changed there at all."""
        made, found = False, value
        for before, after in reversed(self._changes(record)):
            if _alike(after, found):
                if before is None:
                    return None, True
                made, found = True, before
        return found, made

    def _changes(self, record: Record) -> list[tuple[Value | None, Value]]:
        """The values that an iteration's statements made, with what each was before."""
        known = self._known.get(record.iteration)
        if known is None or known[0] is not record:
            known = self._known[record.iteration] = (record, list(_all_changed(record)))
        return known[1]


def _all_changed(record: Record) -> Iterator[tuple[Value | None, Value]]:
    """The same, but for what was there already, and only has another name now (`for w, g in zip(weights, grads)`)."""
    seen = set[int | None]()
    for event in record.events:
        if event.kind == "statement":
            yield from (pair for pair in _changed(event) if pair[0] is not None or pair[1].copy not in seen)
        seen |= {value.copy for value in event.values} - {None}


def _changed(event: Event) -> list[tuple[Value | None, Value]]:
    found: list[tuple[Value | None, Value]] = []
    for value in event.values:
        if value.when in ("result", "after") and value.role in ("gradient", "other"):
            same = (each for each in event.values if each.label == value.label and each.when in ("before", "operand"))
            found.append((next(same, None), value))
    return found


def _alike(value: Value, another: Value) -> bool:
    """Whether two values are the same, as far as their figures, and the names of single numbers, tell."""
    one, other = value.summary, another.summary
    if one.kind == "scalar" or other.kind == "scalar":
        return one.value == other.value and last_part(value.label) == last_part(another.label)
    if one.shape != other.shape or one.dtype != other.dtype or (one.min, one.max) != (other.min, other.max):
        return False
    return one.l2 == other.l2 or one.l2 is None or other.l2 is None


def _is_something(summary: Summary) -> bool:
    return bool(summary.largest or summary.nonfinite)
