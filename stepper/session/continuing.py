"""Running on to the next breakpoint or to the end, and back to the breakpoint before: at full speed where it is far."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from time import monotonic
from typing import TypeVar

from stepper.inferior.protocol import Stop
from stepper.record import Record, Spot
from stepper.session.breakpoints import Breakpoint, Breakpoints
from stepper.session.cost import SECONDS
from stepper.session.driving import Stops
from stepper.session.expressions import with_meant
from stepper.session.findings.navigation import Cursor
from stepper.session.lane import Lane, LaneLost
from stepper.session.lanes import State
from stepper.session.options import Options
from stepper.session.standing import Standing
from stepper.session.stops import Interrupted, Sought, ahead, behind

T = TypeVar("T")
RECORDING_SECONDS = SECONDS
"""For so long `continue` records each iteration it comes to, before it looks at full speed for one that comes to a
breakpoint: there a replay has to follow, and takes as long. So neither a near stop nor a far one takes more than about
twice what it must."""


class Continuing(Standing):
    """A target that is run to its breakpoints."""

    def __init__(self, target: str, options: Options | None = None, *, count_later: bool = False) -> None:
        super().__init__(target, options, count_later=count_later)
        self.breakpoints = Breakpoints()
        self.stops: frozenset[int] = frozenset()
        """The iterations in which a run came to a breakpoint."""
        self._interrupted = False
        self._arming: set[asyncio.Task[None]] = set()
        self._known_stops: tuple[tuple[Stop, ...], int, list[int]] | None = None

    def toggle_breakpoint(self, line: int, file: str = "", condition: str = "") -> bool:
        """Set a breakpoint, or take it away; whether there is one now. With another `condition` than it has, one that
        is there gets that, and stays.

        `file` is the path of one of the modules; without it, it is the file that has the training loop. Raises
        NoStatement where nothing begins on the line, NotAnExpression for what is no Python expression.
        """
        spot = Spot(file, line)
        there = self.breakpoints.toggle(spot, self._text(file), condition, self.named(spot))
        self._changed_breakpoints()
        return there

    def set_condition(self, line: int, file: str = "", condition: str = "") -> None:
        """Have a breakpoint on a line stop only where a Python expression holds (empty: always); it is set where there
        is none. Raises as `toggle_breakpoint` does."""
        spot = Spot(file, line)
        self.breakpoints.put(spot, self._text(file), condition, self.named(spot))
        self._changed_breakpoints()

    def check_line(self, spot: Spot) -> None:
        """Raises NoStatement where no breakpoint can be set on a line."""
        self.breakpoints.check(spot, self._text(spot.file), self.named(spot))

    def change_condition(self, each: Breakpoint, condition: str) -> None:
        """Give a breakpoint, in whatever file, another condition (empty: none). Raises NotAnExpression."""
        self.breakpoints.change(each, condition)
        self._changed_breakpoints()

    def switch_breakpoint(self, each: Breakpoint) -> None:
        """Let a breakpoint not hold for a while, or hold again."""
        self.breakpoints.switch(each)
        self._changed_breakpoints()

    def remove_breakpoint(self, each: Breakpoint) -> None:
        """Take a breakpoint away."""
        self.breakpoints.remove(each)
        self._changed_breakpoints()

    def _or_asking(self, spot: Spot | None) -> str:
        """The condition of a breakpoint."""
        held = (each for each in self.breakpoints.stops if spot in (None, each.spot))
        asked = next((each for each in held if each.condition), None)
        return "" if asked is None else f", or the condition of a breakpoint on {self.named(asked.spot)}"

    def keep_breakpoints(self, of: Continuing) -> None:
        """Have the breakpoints of a session before this one: those in files that this target has hold."""
        self.breakpoints = Breakpoints(of.breakpoints.all)
        self._read_facts()

    def clear_breakpoints(self) -> None:
        """Take all breakpoints away."""
        self.breakpoints.clear()
        self._changed_breakpoints()

    @property
    def sources(self) -> dict[str, str]:
        """The texts of the script's files by path; that of the training loop by the empty one."""
        return {"": self.source, **self.modules}

    def _text(self, file: str) -> str:
        return self.modules[file] if file else self.source

    def _read_facts(self) -> None:
        super()._read_facts()
        self.breakpoints.files = self.files

    def _holding(self) -> tuple[Stop, ...]:
        return self.breakpoints.stops

    def _sought(self) -> Sought:
        return Sought(self.breakpoints.stops, self.answers)

    def _changed_breakpoints(self) -> None:
        """They hold at once, also while the script runs."""
        if self.state is State.RUNNING and not self._lane.standing:
            task = asyncio.get_running_loop().create_task(self._stop_at(self.breakpoints.stops))
            self._arming.add(task)
            task.add_done_callback(self._arming.discard)
        self._notify()

    async def _stop_at(self, stops: tuple[Stop, ...]) -> None:
        with suppress(LaneLost):  # which is told by the lane's reader
            await self._lane.stop_at(stops)

    # ------------------------------------------------------------------------------------------------ forth and back

    async def _continue(self) -> None:
        """To the next breakpoint; without one to the script's end, at full speed."""
        if self._over() and not self.breakpoints.spots:
            here = self.cursor
            if self._lane.ended is not None and not self._failed():
                await self._after_run()
            if self.cursor == here:
                self._say(self._nothing_runs_on())
            return
        self._interrupted, here, begun = False, self.cursor, monotonic()
        stood = self._lane.position, self._lane.spot

        def near(iteration: int) -> bool:
            sought, known = self._sought(), self._recorded(iteration)
            if known is not None and sought.unasked(known):
                return False
            return bool(sought.stops) and (monotonic() - begun < RECORDING_SECONDS or known is not None)

        if not self._over():
            self._set_state(State.RUNNING)
        try:
            record = await self._reach(here.iteration) if self._sought().stops else self.record
            found = await ahead(here, record, self._sought, self._reach, self._find, near)
        except Interrupted:
            if (self._lane.position, self._lane.spot) == stood:
                self._stand(here.iteration, here.event)
            else:
                await self._come_to_rest()
            return
        if found is not None:
            await self._stop(found)
        elif self._lane.at_breakpoint:
            await self._come_to_rest()
        else:
            await self._after_run()
            spots = self.breakpoints.spots
            none = "no breakpoint was reached after this" if spots else ""
            if any(spot.file for spot in spots):
                none += " (in other files than the loop's, none is while the setup runs)"
            self._say("; ".join(dict.fromkeys(filter(None, (none, none and self._another_run(), self.notice)))))

    async def _continue_backward(self) -> None:
        """To the breakpoint before the cursor."""
        self._interrupted, here = False, self.cursor
        if not self._over():
            self._set_state(State.RUNNING)
        try:
            record = await self._reach(here.iteration)
            found = await behind(here, record, self._sought, self._reach, self._asked, self._passed)
        except Interrupted:
            self._stand(here.iteration, here.event)
            return
        if found is not None:
            await self._stop(found)
        else:
            if here.iteration is not None:
                await self._ensure(here.iteration)  # its record may have gone with the process that replayed it
            self._stand(here.iteration, here.event)
            gone = "the breakpoints were cleared, so that nothing was looked for any further"
            none = "; ".join(filter(None, ("no breakpoint was reached before this", self._another_run())))
            self._say(none if self.breakpoints.spots else gone)

    async def _reach(self, iteration: int | None) -> Record | None:
        there = not self._interrupted and (iteration is None or await self._ensure(iteration))
        record = self._recorded(iteration) if there else None
        while record is not None and not self._interrupted and (sought := self._sought()).unasked(record):
            await self._ask(iteration)
            if sought == self._sought():
                break  # a replay that is another run does not come to it
        if self._interrupted:
            raise Interrupted
        return record

    async def _ask(self, iteration: int | None) -> None:
        """Have the conditions asked in an iteration that was recorded when they were others."""
        if iteration is None:
            self.notice = "replaying the setup, to ask a condition"
            self._replaying_to = None
            self._set_state(State.REPLAYING)
            await self._again(record_setup=True)
        elif iteration == self._died_in:
            self._looked_into = False
            await self._look_into_death()
        else:
            await self._replay_to(iteration)

    def _asked(self, iteration: int | None) -> Record | None:
        """What is recorded of an iteration, if all conditions were asked in it."""
        record = self._recorded(iteration)
        return None if record is None or self._sought().unasked(record) else record

    async def _find(self, first: int) -> tuple[int, frozenset[Spot]] | None:
        """The first iteration from `first` on that comes to a breakpoint, and the line; it is not recorded."""
        lane, stops = self._lane, self.breakpoints.stops
        if stops and first < lane.position:
            self.notice = f"replaying from iteration {first} on, to the next breakpoint"
            replay = await self._replay_stopping(lane.position, Stops(stops, first))
            if replay.at_breakpoint:
                return _stop_of(replay)
        if self._over() or self._interrupted:
            return self._unless_interrupted(None)
        self._set_state(State.RUNNING)
        await self._drive(lane, None, None, record_last=True, stops=Stops(self.breakpoints.stops, first))
        if lane.at_breakpoint:
            return _stop_of(lane)
        last = lane.position - 1  # recorded as it ran, so that nothing stopped in it
        there = self._over() and last >= first and last in lane.records
        return self._unless_interrupted((last, frozenset[Spot]()) if there else None)

    async def _passed(self, end: int) -> list[int]:
        """The iterations before `end` that come to a breakpoint."""
        stops = self.breakpoints.stops
        known = self._known_stops
        if known is None or known[0] != stops or known[1] < end or not any(each < end for each in known[2]):
            self.notice = "replaying from the start to find the breakpoint before this"
            lane = await self._replay_stopping(end, Stops(stops, 0, noting=True))
            known = self._known_stops = self._unless_interrupted((stops, end, list(lane.reached)))
        return [each for each in known[2] if each < end]

    def _unless_interrupted(self, answer: T) -> T:
        if self._interrupted:
            raise Interrupted
        return answer

    async def _stop(self, found: Cursor) -> None:
        """Stand at a breakpoint."""
        if found.iteration is not None:
            self.stops |= {found.iteration}
        await self._go(found.iteration, found.event)
        lane, said = self._lane, []
        if problem := self._problem():
            said.append(problem)
        if lane.at_breakpoint and lane.spot is not None and found.iteration == lane.position - 1:
            where = self.named(lane.spot)
            said.append(f"the run stands before {where}; what is shown of this iteration is a replay")
        if said:
            self._say("; ".join(said))

    def _problem(self) -> str:
        """What to say where one stands since a condition could not be evaluated: once."""
        event, record = self.event, self.record
        found = self._sought().asked(event, record) if event is not None and record is not None else None
        stop, asked = found or (None, None)
        if (
            record is None
            or event is None
            or stop is None
            or asked is None
            or stop.told
            or event.id not in asked.failed
        ):
            return ""
        there = (each for each in (record, self.records.get(None)) if each is not None)
        labels = {value.label for each in there for happened in each.events for value in happened.values}
        problem = with_meant(asked.problem.rstrip("."), labels)
        self.breakpoints.tell(stop.spot, problem)
        return (
            f"{self.named(stop.spot)}: its condition {stop.condition} failed with {problem}; "
            "for that it stops no more, until it is given another"
        )


def _stop_of(lane: Lane) -> tuple[int, frozenset[Spot]]:
    """The iteration that a lane stands in at a breakpoint, and the line before which it does."""
    return lane.position - 1, frozenset(() if lane.spot is None else (lane.spot,))
