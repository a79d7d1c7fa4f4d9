"""The session: one target, the cursor over what was recorded of it, and run control.

The asynchronous face, for the app; `notebook` and `headless` drive the same code.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from stepper.record import Event, Record
from stepper.session import navigation
from stepper.session.breakpoints import Breakpoints, Interrupted, ahead, behind
from stepper.session.divergence import first_not_finite, told
from stepper.session.errors import Misuse
from stepper.session.lane import LaneLost
from stepper.session.lanes import Lanes, State
from stepper.session.navigation import Cursor, Place, Step
from stepper.session.options import Options


class Session(Lanes):
    """A target being debugged."""

    def __init__(self, target: str, options: Options | None = None, *, count_later: bool = False) -> None:
        super().__init__(target, options, count_later=count_later)
        self.cursor = Cursor(None, -1)
        self.breakpoints = Breakpoints()
        self.stops: frozenset[int] = frozenset()
        """The iterations in which a run came to a breakpoint."""
        self._interrupted = False
        self._warned = False
        self._busy = asyncio.Lock()
        self._statements: tuple[Record, int | None, list[int]] | None = None

    async def open(self) -> None:
        """Run the setup and record iteration 0; the cursor stands on its first statement, or on what failed.

        Raises Misuse where the target cannot be run as asked.
        """
        if self._main is None:
            self.launch()
        if self._lane.hello is None and self._lane.lost is None:
            await self.connect()
        async with self._busy:
            await self._lane.wait_standing()
            self._read_facts()
            if not self._over():
                await self._ensure(0)
            first = 0 if 0 in self.records else None
            if self._lane.lost is not None:
                first = await self._look_into_death()
            if first is None and not self.traceback and self._lane.ended is not None:
                self.notice = "the script ended without a pass through the training loop"
            self._stand(first, None)

    # ------------------------------------------------------------------------------------------------------- looking

    @property
    def record(self) -> Record | None:
        """The record the cursor stands in."""
        return self._recorded(self.cursor.iteration)

    @property
    def event(self) -> Event | None:
        """The event the cursor stands on."""
        record = self.record
        return record.events[self.cursor.event] if record is not None and self.cursor.event >= 0 else None

    @property
    def place(self) -> Place:
        """Which statement of how many, in the cursor's frame."""
        record, event = self.record, self.event
        if record is None or event is None:
            return Place(0, 0)
        frame = navigation.frame_of(record, event)
        held = self._statements
        if held is None or held[0] is not record or held[1] != frame:
            held = self._statements = (record, frame, navigation.statements_of(record, frame))
        return Place(sum(number <= event.id for number in held[2]), len(held[2]))

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
                self._say(f"there are only {count} iterations, 0 to {count - 1}")
                return
            await self._go(iteration, event)

    async def run(self, until: int | None = None) -> None:
        """Go on: to iteration `until`, which is recorded; without one to the next breakpoint, the end, or until paused.

        Without breakpoints at full speed, and where the number of iterations is known the last one is recorded. With
        some, iterations are recorded until one of them reaches a breakpoint. The cursor stands where the run stopped.
        """
        async with self._busy:
            self.notice = ""
            await self._run(until)
            self._warn()

    async def reverse(self) -> None:
        """Go back to the breakpoint before the cursor; without breakpoints, to the first iteration."""
        async with self._busy:
            self.notice = ""
            if self.breakpoints.lines:
                await self._seek(backward=True)
            else:
                await self._go(0, None)

    async def pause(self) -> None:
        """Stop a run, or a replay, at the next loop head, or inside the iteration where that takes long."""
        self._interrupted = True
        for lane in (self._replay, self._main):
            if lane is not None and not lane.standing:
                try:
                    await lane.pause()
                except LaneLost:
                    continue  # the loss itself is told by the lane's reader

    # --------------------------------------------------------------------------------------------------- breakpoints

    def toggle_breakpoint(self, line: int) -> bool:
        """Set a breakpoint, or take it away; whether there is one now. NoStatement where nothing begins on the line."""
        there = self.breakpoints.toggle(line, self.source)
        self._notify()
        return there

    def clear_breakpoints(self) -> None:
        """Take all breakpoints away."""
        self.breakpoints.clear()
        self._notify()

    async def _seek(self, *, backward: bool) -> None:
        """To the next breakpoint, or the one before."""
        self._interrupted, here, last = False, self.cursor, self.cursor.iteration

        async def reach(iteration: int) -> Record | None:
            nonlocal last
            there = not self._interrupted and await self._ensure(iteration, alone=True)
            last = iteration if there else last
            if self._interrupted:
                raise Interrupted
            return self._recorded(iteration) if there else None

        if not self._over():
            self._set_state(State.RUNNING)
        try:
            if backward:
                found = await behind(here, self.record, self.breakpoints.lines, reach, self._recorded)
            else:
                found = await ahead(here, self.record, self.breakpoints.lines, reach)
        except Interrupted:
            self._stand(last, None)
            return
        if found is not None:
            if found.iteration is not None:
                self.stops |= {found.iteration}
            await self._go(found.iteration, found.event)
        elif backward:
            self._rest()
            self._say("no breakpoint was reached before this")
        else:
            await self._after_run()
            self._say("no breakpoint was reached after this" if self.cursor == here else self.notice)

    # ---------------------------------------------------------------------------------------------------- inner work

    async def _run(self, until: int | None) -> None:
        lane = self._lane
        if until is None and self.breakpoints.lines:
            await self._seek(backward=False)
            return
        if self._over():
            self._say("the script has ended; g goes to any iteration")
            return
        if until is not None and until < lane.position:
            await self._go(until, None)
            return
        self._set_state(State.RUNNING)
        await self._drive(lane, until + 1 if until is not None else None, until, record_last=until is None)
        if lane.line is not None:
            self._rest()
            self._say(
                f"paused in iteration {lane.position - 1}, line {lane.line}; it is not recorded: "
                f"c goes on, g {lane.position} to the next"
            )
            return
        if not self._over() and lane.position != 0 and lane.position != (-1 if until is None else until + 1):
            await self._drive(lane, lane.position + 1, lane.position)  # paused: show the iteration it stands at
        await self._after_run()

    def _warn(self) -> None:
        """Say from which iteration on the losses are not finite: once, and again at the script's end."""
        first = first_not_finite(self.losses)
        if first is None or (self._warned and not self._over()):
            return
        self._warned = True
        there = "" if self.cursor.iteration == first else f"; g {first} goes there"
        self._say(told(self.losses, first) + there + (f"; {self.notice}" if self.notice else ""))

    async def _go(self, iteration: int | None, event: int | None) -> None:
        if iteration is not None and iteration < 0:
            self._say("iterations count from 0")
            return
        if iteration is None or await self._ensure(iteration):
            self._stand(iteration, event)
        elif self._lane.lost is not None and self._recorded(died := await self._look_into_death()) is not None:
            self._stand(died, None)
        else:
            self._rest()
            if self._lane.ended is not None and not self.notice:
                self.notice = self._end_of(self._lane.ended)
            self._notify()

    async def _back(self, event_of: Callable[[Record], int] | None) -> None:
        """To the iteration before the cursor's, or to the setup before iteration 0."""
        iteration = self.cursor.iteration
        if iteration is None:
            self._say("this is the beginning")
            return
        before = iteration - 1 if iteration > 0 else None
        if before is None and None not in self.records:
            self._say("the setup was not recorded")
            return
        if before is None or await self._ensure(before):
            self._stand(before, event_of(self.records[before]) if event_of is not None else None)
        else:
            self._rest()
            self._notify()

    async def _after_run(self) -> None:
        """Stand where a run has stopped: at the newest record, or on the statement that failed."""
        lane = self._lane
        await self._look_into_death()
        failed = self._failed_in()
        if failed is not None:
            if self._lane_with(failed) is None:
                await self._replay_to(failed)
            if self._lane_with(failed) is not None:
                self._stand(failed, None)
                return
        recorded = [iteration for iteration in lane.records if iteration is not None]
        newest = max(recorded, default=None)
        if lane.ended is not None and newest != lane.ended.iterations - 1:
            self.notice = f"the script ended after {lane.ended.iterations} iterations; g goes to any of them"
        self._stand(newest, None)

    def _stand(self, iteration: int | None, event: int | None) -> None:
        """Put the cursor on an event; by default the first statement, or the one that failed."""
        self._rest()
        record = self.records.get(iteration)
        if record is None:
            self._move(iteration, -1)
            return
        if event is None:
            failed = navigation.failed_event(record) if record.error is not None else None
            event = failed if failed is not None else navigation.first_statement(record)
        self._move(iteration, event)

    def _move(self, iteration: int | None, event: int) -> None:
        self.cursor = Cursor(iteration, event)
        record = self.record
        if record is not None and not self.dtype:
            self.dtype = next((p.before.summary.dtype or p.before.summary.type for p in record.parameters), "")
        self._fill_in(iteration)
        self._notify()


__all__ = ["Misuse", "Session", "State"]
