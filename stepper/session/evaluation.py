"""The value of a Python expression of what a record holds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from stepper.inferior.protocol import AT_WORK, TOOK_LONG
from stepper.record import Record, Value
from stepper.session.expressions import Asked, Labels, asked, proposed
from stepper.session.findings.sightings import Sightings, as_left


class Keeper(Protocol):
    """Whoever has the records, and answers for them: a session, or one of its lanes."""

    async def evaluate(self, iteration: int | None, label: str, asked: Asked) -> Value:
        """As `Lane.evaluate` has it."""


class AtWork(LookupError):
    """The script runs: it can be asked again when it stands."""


class TookLong(LookupError):
    """It has not come to an end, and is likely not to the next time."""


async def evaluated(keeper: Keeper, iteration: int | None, text: str, labels: Labels, asked: Asked) -> Value:
    """What an expression comes to, kept with the record of an iteration (None: the setup). Raises LookupError, in one
    line, where it has no value, which may be a TookLong, and AtWork."""
    try:
        return await keeper.evaluate(iteration, text, asked)
    except LookupError as problem:
        said = str(problem)
        if said.startswith(TOOK_LONG):
            raise TookLong(said) from None
        raise AtWork(said) if said == AT_WORK else LookupError(proposed(said, text, labels)) from None


class End:
    """What a record holds at its end. A name that a function has, too, is that of whoever called it."""

    def __init__(self, record: Record) -> None:
        self._iteration = record.iteration
        self._held = {value.label: value for event in record.events for value in event.values}
        self._held.update(as_left(record))
        sightings = Sightings(record)
        for label, seen in sightings.labels.items():
            meant = sightings.meant(label, record.events[0])
            if len(meant) < len(seen):
                self._held[label] = meant[-1].value
        for parameter in record.parameters:  # `layers[0].w`, that methods call `self.w`, and a loop `layer.w`
            self._held.setdefault(parameter.name, parameter.after)
        self._labels = Labels(self._held)

    async def evaluated(self, keeper: Keeper, text: str) -> Value:
        """What an expression, `checked` before, comes to there. Raises LookupError, in one line, where it has no value,
        and AtWork."""
        held: Callable[[str], Value | None] = self._held.get
        return await evaluated(keeper, self._iteration, text, self._labels, asked(text, self._labels, held))
