"""The session: one target, the cursor over what was recorded of it, and run control.

The asynchronous face, for the app; `notebook` and `headless` drive the same code.
"""

from __future__ import annotations

import asyncio

from stepper.session.check.checking import Checking
from stepper.session.errors import Misuse
from stepper.session.findings import navigation
from stepper.session.findings.divergence import first_not_finite, told
from stepper.session.findings.extent import only
from stepper.session.findings.loops import other_loops
from stepper.session.findings.navigation import Step
from stepper.session.findings.processes import other_processes
from stepper.session.lanes import State
from stepper.session.options import Options


class Session(Checking):
    """A target being debugged."""

    def __init__(self, target: str, options: Options | None = None, *, count_later: bool = False) -> None:
        super().__init__(target, options, count_later=count_later)
        self._warned = False
        self._busy = asyncio.Lock()

    async def analysed(self) -> None:
        """Wait until the script is known to be one that can be run; its process then goes on by itself. Raises Misuse
        where it is not."""
        await self.connect()
        await self._lane.wait(lambda: self._lane.hello is not None or self._lane.standing)
        if self._lane.refused is not None:
            await self._lane.wait_standing()

    async def open(self) -> None:
        """Run the setup and record iteration 0; the cursor stands on its first statement, or on what failed.

        Raises Misuse where the target cannot be run as asked.
        """
        if self._main is None:
            self.launch()
        if self._lane.hello is None and self._lane.lost is None:
            await self.connect()
        async with self._busy:
            await self._until_standing(self._lane)
            self._read_facts()
            if not self._over():
                await self._ensure(0)
            first = 0 if 0 in self.records else None
            if self._lane.lost is not None:
                first = await self._look_into_death()
            others = other_loops(self.loops, self.script, self.relative)
            another = f"{others}: v, Loop takes another" if others else ""
            if first is None and not self.traceback and self._lane.ended is not None:
                ended = "the script ended without a pass through the training loop"
                files = {**self.modules, self.home: self.source}
                elsewhere = other_processes(files, self.script, self.relative)
                self.notice = f"{ended}: {elsewhere or another}" if elsewhere or another else ended
            elif first is None and not self._over():
                self.notice = "paused before iteration 0: i records it"
            elif another and not self.traceback:
                self.notice = another
            self._stand(first, None)

    # -------------------------------------------------------------------------------------------------------- moving

    async def step(self, step: Step) -> None:
        """Move the cursor by one step, running or replaying what is not recorded. An end is said in `notice`."""
        async with self._busy:
            self.notice = ""
            record, cursor = self.record, self.cursor
            if step is Step.ITERATION:
                await self._go(0 if cursor.iteration is None else cursor.iteration + 1, None)
                return
            if step is Step.PREVIOUS_ITERATION:
                await self._back(None)
                return
            if record is None or cursor.event < 0:
                self._say("nothing is recorded here")
                return
            move = {
                Step.NEXT: navigation.next_statement,
                Step.PREVIOUS: navigation.previous_statement,
                Step.INTO: navigation.into,
                Step.BACK_INTO: navigation.back_into,
                Step.OUT: navigation.out,
            }[step]
            event = move(record, cursor.event)
            if event is not None:
                self._move(cursor.iteration, event)
            elif step is Step.OUT:
                self._say("this is the outermost frame")
            elif step in (Step.NEXT, Step.INTO):
                await self._go(0 if cursor.iteration is None else cursor.iteration + 1, None)
            else:
                await self._back(navigation.last_statement if step is Step.PREVIOUS else lambda r: len(r.events) - 1)

    async def go(self, iteration: int | None, event: int | None = None) -> None:
        """Go to an iteration (None: the setup), to its first statement or to an event of it.

        Where it is known that there are not so many, nothing runs, and `notice` says how many there are.
        """
        async with self._busy:
            self.notice = ""
            count = self.count
            if iteration is not None and count and iteration >= count and not self._over():
                self._say(only(count))
                return
            await self._go(iteration, event)

    async def run(self, until: int | None = None) -> None:
        """Go on: to iteration `until`, which is recorded; without one to the next breakpoint, the end, or until paused.

        At full speed, and where the number of iterations is known the last one is recorded. With breakpoints, the next
        few iterations are recorded, since the stop may be near; one that is found further away is replayed, to be
        shown. The cursor stands where the run stopped.
        """
        async with self._busy:
            self.notice = ""
            await self._run(until)
            self._warn()

    async def reverse(self) -> None:
        """Go back to the breakpoint before the cursor; without breakpoints, to the first iteration."""
        async with self._busy:
            self.notice = ""
            if self.breakpoints.spots:
                await self._continue_backward()
            else:
                await self._go(0, None)

    async def pause(self) -> None:
        """As `Pausing` has it; what is looked for by running on, or back, is looked for no further."""
        self._interrupted = True
        await super().pause()

    # ---------------------------------------------------------------------------------------------------- inner work

    async def _run(self, until: int | None) -> None:
        lane = self._lane
        if until is None:
            await self._continue()
            return
        if self._over():
            self._say(self._nothing_runs_on())
            return
        if until < lane.position:
            await self._go(until, None)
            return
        self._set_state(State.RUNNING)
        await self._drive(lane, until + 1, until)
        await self._come_to_rest(until + 1)

    def _warn(self) -> None:
        """Say from which iteration on the losses are not finite: once, and again at the script's end."""
        first = first_not_finite(self.losses)
        if first is None or (self._warned and not self._over()):
            return
        self._warned = True
        there = "" if self.cursor.iteration == first else "; D goes there"
        self._say(told(self.losses, first) + there + (f"; {self.notice}" if self.notice else ""))


__all__ = ["Misuse", "Session", "State"]
