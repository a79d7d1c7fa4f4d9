"""Passes of an iteration that are run again, in copies of a process, with numbers of its parameters moved a little.

The process stands at the head of the iteration; see `checking`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import msgspec

from stepper.inferior.protocol import Awaited, Move, Tried
from stepper.record import Parameter, Record
from stepper.session.check.finite_difference import Losses
from stepper.session.lane import Lane

SAME_LOSS = 1e4  # unit roundoffs that the loss of a copy, which has one thread, may differ by


class Passes:
    """`unit`: the unit roundoff of the loss; `held`: what is detached from the graph stays as it is, whatever is moved;
    `behind`: the losses are those that are computed behind the pass. `times`: by the place of a loss, how many times it
    the gradients are that of, and it is told."""

    def __init__(
        self,
        lane: Lane,
        record: Record,
        unit: float,
        *,
        held: bool = False,
        behind: bool = False,
        times: Mapping[int, float] | None = None,
    ) -> None:
        self._times = times or {}
        self._lane = lane
        self._record = record
        self._unit = unit
        count = len(record.losses)
        self._asked: Awaited = {"losses": 0 if behind else count, "held": held, "behind": count if behind else 0}
        self.count = 0  # that were run
        self.base: Losses = []  # where nothing is moved
        self.noise = 0.0  # how much the loss differs when it is computed again
        self.unlike = ""  # why the iteration, run again, is another
        self.heard: Callable[[], None] = lambda: None  # called before others are run

    async def begin(self) -> None:
        """Run two in which nothing is moved, before all others."""
        self.unlike = await self._try_unchanged()

    async def _try_unchanged(self) -> str:
        """Why the loss is not the recorded one, or not the same twice; empty where it is."""
        try:
            first, second = await self.push([], [None, None])
        except LookupError as reason:
            return str(reason.args[0] if reason.args else reason)
        if first.error or second.error or not first.losses or not second.losses:
            return f"the iteration cannot be run again: {first.error or second.error or 'it has no loss'}"
        recorded = self._record.loss
        assert recorded is not None
        recorded *= self._times.get(len(first.losses) - 1, 1.0)
        allowed = SAME_LOSS * self._unit * abs(recorded)
        if not abs(first.losses[-1] - recorded) <= allowed:
            return f"run again, the iteration has another loss: {first.losses[-1]:.6g}"
        self.noise = abs(first.losses[-1] - second.losses[-1])
        if self.noise > allowed:
            return "its loss differs each time it is run: it depends on more than the random generators"
        self.base = first.losses
        return ""

    async def push(self, moves: list[Move], numbers: list[float | None]) -> list[Tried]:
        """A pass for each number, with the parameters moved so far along their directions."""
        self.heard()
        self.count += len(numbers)
        return self._told(await self._lane.push(moves, numbers, **self._asked))

    async def nudge(self, parameter: Parameter, flat: int, numbers: Sequence[float | None]) -> list[Tried]:
        """A pass for each number, with one element of a parameter being that. Raises LookupError where it cannot be
        written to."""
        self.heard()
        self.count += len(numbers)
        tried = await self._lane.nudge(parameter.name, parameter.before.summary, flat, list(numbers), **self._asked)
        if tried and None not in numbers and all(each.number is None for each in tried):
            raise LookupError(tried[0].error)
        return self._told(tried)

    def _told(self, tried: list[Tried]) -> list[Tried]:
        if not self._times:
            return tried
        return [
            msgspec.structs.replace(
                each, losses=[loss * self._times.get(place, 1.0) for place, loss in enumerate(each.losses)]
            )
            for each in tried
        ]
