"""Checking the gradients of a recorded iteration by finite differences, in a process of its own.

The process runs to the head of the iteration and stays there; what the loss would be with one number of a parameter
moved is tried in copies of it (`Nudge`). The run that is shown has no part in it.
"""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

import msgspec

from stepper.record import Parameter, Record
from stepper.session.check import behind
from stepper.session.check.absolute_errors import of_an_array
from stepper.session.check.gradient_check import (
    GradientCheck,
    Verdict,
)
from stepper.session.check.record_check import RecordCheck, Tell
from stepper.session.continuing import Continuing
from stepper.session.errors import Misuse, ScriptFailed, last_line
from stepper.session.findings.labels import named
from stepper.session.findings.lossless import not_in_the_record, without_loss
from stepper.session.findings.nonfinite import where_it_began
from stepper.session.lane import Lane, LaneLost


class Checking(Continuing):
    """A target whose gradients can be checked."""

    async def check(
        self, iteration: int, entries: int | None = None, tell: Tell = lambda *_: None, names: Sequence[str] = ()
    ) -> GradientCheck:
        """Compare the gradients of a recorded iteration with finite differences of its loss: along a random direction
        through all entries of all parameters, and at so many entries of each, those with the largest gradients and some
        spread over it. None: `ENTRIES`, of more than `MANY` parameters only of those that a direction does not tell of.
        With `names` only those parameters, or the ones in the modules that are called so.

        Raises LookupError where the iteration is not recorded, Misuse where there is nothing to differentiate or no
        parameter is called so, and ScriptFailed where the script does not come so far again.
        """
        record = self.records.get(iteration)
        if record is None:
            raise LookupError(f"iteration {iteration} is not recorded")
        if record.loss is None or not record.losses:
            why = without_loss(record, self.losses, self.options.loss)
            raise Misuse(f"{self.target}: iteration {iteration} has no loss to differentiate: {why}")
        if not math.isfinite(record.loss):
            began = where_it_began(record)
            told = f"the loss of iteration {iteration} is {record.loss}: it has no gradients"
            raise Misuse(f"{self.target}: {told}{began and '; '}{began}")
        if not record.parameters:
            why = "updates no parameter whose gradient could be checked"
            raise Misuse(f"{self.target}: iteration {iteration} {not_in_the_record(record) or why}")
        parameters = named(self.target, record.parameters, names)
        await self.counted(iteration)
        record = self.records.get(iteration, record)
        try:
            async with self._at_head(iteration) as lane:
                whole = await self._checked(lane, record, entries, parameters, tell)
            if any(each.verdict is Verdict.DIFFERS for each in whole.parameters):
                whole = await self._by_squares(record, whole, entries, tell)
        except LaneLost as lost:
            raise ScriptFailed(str(lost), f"{self.target}: {lost}\n") from lost
        tell(whole, "")
        return whole

    @asynccontextmanager
    async def _at_head(self, iteration: int, loss: str | None = None) -> AsyncIterator[Lane]:
        """A lane that stands at the head of an iteration; `loss` is another loss that it has. Raises ScriptFailed where
        the script does not come so far."""
        lane = self._anew(record_setup=False, loss=loss)
        try:
            await lane.connect()
            await lane.wait_standing()
            await lane.run(iteration, None)
            await lane.wait_standing()
            if not lane.stopped or lane.position != iteration:
                raise self._not_so_far(lane)
            yield lane
        finally:
            await lane.close()

    async def _by_squares(self, record: Record, whole: GradientCheck, entries: int | None, tell: Tell) -> GradientCheck:
        """Gradients that are not those of the loss: where that is told by absolute errors, by their squares, if one of
        them agrees so, and none with the loss itself."""
        squares = of_an_array(record, self.options.loss)
        if squares is None or any(each.agrees_by_something for each in whole.parameters):
            return whole
        try:
            async with self._at_head(whole.iteration, squares.loss) as lane:
                (tried,) = await lane.push([], [None], losses=1, held=False, behind=0)
                if not tried.losses:
                    return whole
                other = msgspec.structs.replace(record, loss=tried.losses[-1], losses=tried.losses[-1:])
                check = RecordCheck(self, lane, other, entries, made=squares.others)
                found = await check.run([each.name for each in whole.parameters], tell)
        except (Misuse, ScriptFailed, LaneLost, LookupError):
            return whole  # what a function calls so is something else, or nothing, where its loop's passes end
        if not any(each.agrees_by_something for each in found.parameters):
            return whole
        squared = f"half the sum of the squares of {squares.errors} ({other.loss:.6g})"
        said = f"compared not with the loss, which tells absolute values, but with {squared}"
        return replace(found, loss=whole.loss, hint="; ".join(filter(None, (said, found.hint))))

    def _not_so_far(self, lane: Lane) -> ScriptFailed:
        """Why the script, run again beside the first run, ended before it came to the iteration."""
        told = (lane.ended.traceback if lane.ended is not None else None) or lane.lost or "it ended"
        why = last_line(told, (self.script, *self.files))
        again = "run again for the check, beside the first run, the script did not come so far"
        return ScriptFailed(f"{again}: {why}", f"{told.rstrip()}\n{self.target}: {again}\n")

    async def _checked(
        self, lane: Lane, record: Record, entries: int | None, parameters: Sequence[Parameter], tell: Tell
    ) -> GradientCheck:
        """What the pass moved, and then what is moved behind it only."""
        own, there = behind.parted(record, parameters)
        names = tuple(each.name for each in there)

        def ahead(known: GradientCheck, following: str) -> None:
            tell(replace(known, ahead=(*known.ahead, *names)), following or names[0] if names else following)

        whole = await RecordCheck(self, lane, record, entries).run([each.name for each in own], ahead)
        if not there:
            return whole
        if not record.losses_behind:
            whole = replace(whole, parameters=(*whole.parameters, *behind.unchecked(there)))
            tell(whole, "")
            return whole
        check, count = RecordCheck(self, lane, behind.of_there(record), entries, behind=True), len(record.losses_behind)

        def more(known: GradientCheck, following: str) -> None:
            tell(behind.joined(whole, known, count), following)

        return behind.joined(whole, await check.run(names, more), count)
