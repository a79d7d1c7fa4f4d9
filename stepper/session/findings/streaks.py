"""For how many iterations running a unit has been dead, as far as the records tell. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce

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


def runs(record: Record, gate: Gate) -> list[Gate]:
    """The gates of a record that are runs of this one: several where samples come one at a time, or where a layer is
    used again."""
    return [other for other in record.gates if _alike(other, gate)]


def streaks(records: Mapping[int | None, Record], iteration: int | None, gate: Gate) -> dict[int, Streak]:
    """The streak of each unit of a gate that was dead in all runs of it in an iteration: one that only some samples
    block is not dead. Iterations in which the gate did not run are passed over.

    The setup is no iteration: there, every streak is 1.
    """
    own = records.get(iteration)
    open_units = set(gate.by_unit.dead)
    common = _dead(own, gate) if own is not None else None
    if common is not None:
        open_units &= common
    if iteration is None:
        return dict.fromkeys(open_units, Streak(1, True))
    found: dict[int, Streak] = {}
    length, at = 1, iteration - 1
    while open_units:
        record = records.get(at)
        if at < 0 or record is None:
            found.update(dict.fromkeys(open_units, Streak(length, at < 0)))
            break
        earlier = _dead(record, gate)
        if earlier is not None:
            ended = open_units - earlier
            found.update(dict.fromkeys(ended, Streak(length, True)))
            open_units -= ended
            length += 1
        at -= 1
    return found


def _alike(one: Gate, other: Gate) -> bool:
    return (one.label, one.op, one.line, one.by_unit.count) == (other.label, other.op, other.line, other.by_unit.count)


def _dead(record: Record, gate: Gate) -> set[int] | None:
    """The units that were dead in all runs of the gate; None where it did not run."""
    dead = [set(other.by_unit.dead) for other in runs(record, gate)]
    return reduce(set.intersection, dead) if dead else None
