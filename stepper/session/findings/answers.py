"""What came of breakpoints' conditions, iteration by iteration: kept when the records that told it are gone."""

from __future__ import annotations

from stepper.record import Asked, Record, Spot


class Answers:
    """By iteration, line and condition. An event's number is the same in every record of the same iteration."""

    def __init__(self) -> None:
        self._known: dict[tuple[int | None, Spot, str], Asked] = {}

    def take(self, record: Record) -> None:
        """Take in what a record tells."""
        for asked in record.asked:
            self._known[record.iteration, asked.spot, asked.condition] = asked

    def of(self, iteration: int | None, spot: Spot, condition: str) -> Asked | None:
        """What came of a condition in an iteration (None: the setup); None where it was not asked there."""
        return self._known.get((iteration, spot, condition))
