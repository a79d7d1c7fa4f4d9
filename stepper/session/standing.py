"""Where one stands in what was recorded: the cursor, and putting it where a run, a replay or a failure has led."""

from __future__ import annotations

from collections.abc import Callable

from stepper.record import Event, Record
from stepper.session.driving import REPLAY_SECONDS, Driving
from stepper.session.findings import navigation
from stepper.session.findings.navigation import Cursor, Place
from stepper.session.options import Options


class Standing(Driving):
    """A target that is looked at from a place in its records."""

    def __init__(self, target: str, options: Options | None = None, *, count_later: bool = False) -> None:
        super().__init__(target, options, count_later=count_later)
        self.cursor = Cursor(None, -1)
        self._statements: tuple[Record, int | None, list[int]] | None = None

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
            held = self._statements = (record, frame, navigation.statements_around(record, frame))
        return navigation.place_of(record, event.id, held[2])

    # ---------------------------------------------------------------------------------------------------- going there

    async def _go(self, iteration: int | None, event: int | None) -> None:
        if iteration is not None and iteration < 0:
            self._say("iterations count from 0")
            return
        if iteration is None or await self._ensure(iteration):
            self._stand(iteration, event)
        elif self._lane.lost is not None and await self._death_is_recorded():
            self._stand(self._died_in, None)
        elif self._lane.spot is not None and not self.notice:
            await self._come_to_rest()
        elif not self._over() and 0 < self._lane.position <= iteration and not self.notice:
            await self._come_to_rest()
            if self.cursor.iteration is not None and self.cursor.iteration < iteration and not self.notice:
                self._say(f"paused on the way, at iteration {self.cursor.iteration}: g {iteration} goes on")
        else:
            self._rest()
            if self._lane.ended is not None and not self.notice:
                self.notice = self._end_of(self._lane.ended)
            elif self._lane.lost is not None and not self.notice:
                self.notice = self._nothing_runs_on()
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

    async def _come_to_rest(self, expected: int | None = None) -> None:
        """A run is over that was to come to the head of iteration `expected`: say how, and show where it stands."""
        lane = self._lane
        if lane.spot is not None:
            self._rest()
            here, where = lane.position - 1, self.named(lane.spot)
            if lane.at_breakpoint:
                self._say(f"stopped at {where} in iteration {here}, which is not recorded: g {here} replays it")
            elif lane.midway is not None:
                self._say(f"paused in iteration {here}, {where}, while it is recorded: g {here} goes on to its end")
            else:
                self._say(
                    f"paused in iteration {here}, {where}; it is not recorded: c goes on, g {lane.position} to the next"
                )
            return
        if not self._over() and lane.position not in (0, expected) and lane.position - 1 not in lane.records:
            await self._drive(lane, lane.position + 1, lane.position)  # paused: show the iteration it stands at
        await self._after_run()

    async def _after_run(self) -> None:
        """Stand where a run has stopped: at the newest record, or on the statement that failed."""
        lane = self._lane
        await self._look_into_death()
        failed = self.failed_in()
        if failed is not None:
            if self._lane_with(failed) is None:
                await self._replay_to(failed)
            if self._lane_with(failed) is not None:
                self._stand(failed, None)
                return
        done = lane.ended.iterations if lane.ended is not None and not self._failed() else 0
        if done and await self._stand_at_the_end(done - 1):
            return
        newest = max((iteration for iteration in self.records if iteration is not None), default=None)
        # who stands in it already stays where he is
        self._stand(newest, self.cursor.event if newest == self.cursor.iteration and self.cursor.event >= 0 else None)

    async def _stand_at_the_end(self, last: int) -> bool:
        """Stand on the last statement of the last iteration, of a script that has ended, where all is done. Where that
        is not recorded and a replay would take long, say so: False."""
        ended = f"the script ended after {last + 1} iteration{'s' if last else ''}"
        if self._lane_with(last) is None and self._lane.seconds <= REPLAY_SECONDS:
            await self._ensure(last)
        record = self._recorded(last)
        if record is None:
            self.notice = f"{ended}; the last one is not recorded: g {last} replays it"
            return False
        said = f"; {self.notice}" if self.notice else ""
        self.notice = ended + said
        self._stand(last, navigation.last_statement(record))
        return True

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
