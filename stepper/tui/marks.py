"""What there is to mark on a timeline, and where. Pure.

Iteration i of `count` lies in column ⌊i · width / count⌋, so that a run of any length fits its width.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from stepper.record import Record
from stepper.tui.history import History
from stepper.tui.panels.series import Series

RECORDED, WHOLLY, PRINTED, AMONG, STOPPED, FAILED = "▪", "█", "›", "╌", "●", "✗"
NAN, INFINITE, INSIDE = "?", "∞", "!"


@dataclass(frozen=True)
class Facts:
    """What a record says of its iteration: whether it printed, failed, and made anything that is not finite. `output`:
    how many bytes the script had printed when it began, and when it was over; −1 where that is unknown."""

    printed: bool
    failed: bool
    nonfinite: bool
    output: tuple[int, int] = (-1, -1)


def facts(record: Record) -> Facts:
    """Of one record."""
    return Facts(
        printed=any(event.output[1] > event.output[0] >= 0 for event in record.events),
        failed=record.error is not None,
        nonfinite=any(
            value.summary.nonfinite
            for event in record.events
            for value in event.values
            if value.when in ("result", "after")
        )
        and History(record).nonfinite is not None,
        output=(
            min((event.output[0] for event in record.events if event.output[0] >= 0), default=-1),
            max((event.output[1] for event in record.events), default=-1),
        ),
    )


class Ledger:
    """The facts of the records there are; each record is looked at once."""

    def __init__(self) -> None:
        self.facts: dict[int, Facts] = {}
        self._seen: dict[int, Record] = {}

    def follow(self, records: Mapping[int | None, Record]) -> None:
        """Take in new records, forget those that are gone."""
        for iteration, record in records.items():
            if iteration is not None and self._seen.get(iteration) is not record:
                self._seen[iteration] = record
                self.facts[iteration] = facts(record)
        for iteration in [at for at in self._seen if at not in records]:
            del self._seen[iteration], self.facts[iteration]


@dataclass(frozen=True)
class Axis:
    """`count` iterations in `width` columns."""

    count: int
    width: int

    def column(self, iteration: int) -> int:
        """Where an iteration lies."""
        return min(self.width - 1, iteration * self.width // max(1, self.count))

    def first(self, column: int) -> int:
        """The first iteration of a column, or the one that reaches into it."""
        return min(self.count - 1, max(0, -(-column * self.count // self.width)))

    def within(self, column: int) -> int:
        """How many iterations begin in a column."""
        return max(0, -(-(column + 1) * self.count // self.width) - -(-column * self.count // self.width))


@dataclass
class Rows:
    """The marks of each kind, by column."""

    recorded: dict[int, str] = field(default_factory=dict)
    printed: dict[int, str] = field(default_factory=dict)
    stopped: dict[int, str] = field(default_factory=dict)
    trouble: dict[int, str] = field(default_factory=dict)


def rows(axis: Axis, series: Series, known: Mapping[int, Facts], stops: Iterable[int]) -> Rows:
    """All marks. Losses are marked where the first of those that the series keeps together is not finite."""
    found = Rows()
    counts: dict[int, int] = {}
    for iteration, fact in known.items():
        column = axis.column(iteration)
        counts[column] = counts.get(column, 0) + 1
        if fact.printed:
            found.printed[column] = PRINTED
        if fact.nonfinite:
            found.trouble.setdefault(column, INSIDE)
        if fact.failed:
            found.trouble[column] = FAILED
    for before, after in pairwise(sorted(known)):
        if known[after].output[0] > known[before].output[1] >= 0:  # some of those between them printed that
            for column in range(axis.column(before + 1), axis.column(after - 1) + 1 if after - before > 1 else 0):
                found.printed.setdefault(column, AMONG)
    for column, count in counts.items():
        found.recorded[column] = WHOLLY if count >= axis.within(column) > 1 else RECORDED
    for iteration in stops:
        found.stopped[axis.column(iteration)] = STOPPED
    for bucket in series.buckets:
        if bucket.nan or bucket.infinite:
            column = axis.column(bucket.wrong)
            if found.trouble.get(column) != FAILED:
                found.trouble[column] = NAN if bucket.nan else INFINITE
    return found


class Troubles:
    """Where the loss ceased to be finite, as far as `MOST` such places; followed as the losses come."""

    MOST = 1000

    def __init__(self) -> None:
        self.starts: list[int] = []
        self._count = 0
        self._wrong = False

    def follow(self, losses: Sequence[float | None]) -> None:
        """Take in what has been appended since last time; start anew if it has become shorter."""
        if len(losses) < self._count:
            self.starts, self._count, self._wrong = [], 0, False
        for at in range(self._count, len(losses)):
            now = wrong(losses[at])
            if now and not self._wrong and len(self.starts) < self.MOST:
                self.starts.append(at)
            self._wrong = now
        self._count = len(losses)


def wrong(loss: float | None) -> bool:
    """Whether a loss is NaN or infinite."""
    return loss is not None and not math.isfinite(loss)
