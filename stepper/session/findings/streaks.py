"""For how many iterations running a unit has been dead, as far as the records tell. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from stepper.record import Gate, Record


@dataclass(frozen=True)
class Streak:
    """`iterations` in which the gate ran and the unit was dead, the last one included, without a break between.

    `whole`: the first of them is known, either because the unit was not dead before or because there was no iteration
    before. Otherwise the records end there, and it may be more.
    """

    iterations: int
    whole: bool

    def __str__(self) -> str:
        return f"{self.iterations}" if self.whole else f"{self.iterations}+"


def streaks(records: Mapping[int | None, Record], iteration: int | None, gate: Gate) -> dict[int, Streak]:
    """The streak of each dead unit of a gate of an iteration. Iterations in which the gate did not run are passed over.

    The setup is no iteration: there, every streak is 1.
    """
    open_units = set(gate.by_unit.dead)
    if iteration is None:
        return dict.fromkeys(open_units, Streak(1, True))
    own = records.get(iteration)
    number = _number(own, gate) if own is not None else 0
    found: dict[int, Streak] = {}
    length, at = 1, iteration - 1
    while open_units:
        record = records.get(at)
        if at < 0 or record is None:
            found.update(dict.fromkeys(open_units, Streak(length, at < 0)))
            break
        earlier = _same(record, gate, number)
        if earlier is not None:
            ended = open_units.difference(earlier.by_unit.dead)
            found.update(dict.fromkeys(ended, Streak(length, True)))
            open_units -= ended
            length += 1
        at -= 1
    return found


def _alike(one: Gate, other: Gate) -> bool:
    return (one.label, one.op, one.line, one.by_unit.count) == (other.label, other.op, other.line, other.by_unit.count)


def _number(record: Record, gate: Gate) -> int:
    """How many gates like this one ran before it: a layer that is used several times has a gate for each use."""
    return next((n for n, g in enumerate(g for g in record.gates if _alike(g, gate)) if g is gate), 0)


def _same(record: Record, gate: Gate, number: int) -> Gate | None:
    alike = [other for other in record.gates if _alike(other, gate)]
    return alike[number] if number < len(alike) else None
