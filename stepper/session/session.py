"""The session: one target, its lanes, the cursor over what they recorded, and run control.

The asynchronous face, for the app; `notebook` and `headless` drive the same code. One lane runs the script forward;
another, made when it is needed, replays it from the same starting state to iterations that are no longer, or never
were, recorded.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Mapping
from enum import Enum
from typing import TypeVar

import msgspec

from stepper.inferior.protocol import Ended, Launch, Line
from stepper.record import Array, Event, Record, Region, Survey, Window
from stepper.session import navigation
from stepper.session.errors import Misuse
from stepper.session.lane import Lane, LaneLost
from stepper.session.navigation import Cursor, Place, Step
from stepper.session.options import Options
from stepper.session.process import new_hash_seed
from stepper.session.target import launch_of

T = TypeVar("T")


class State(Enum):
    """What the script is doing."""

    STARTING = "starting"
    STOPPED = "stopped"
    RUNNING = "running"
    REPLAYING = "replaying"
    ENDED = "ended"
    FAILED = "failed"
    LOST = "lost"


class Session:
    """A target being debugged. Attributes are replaced, never changed in place, and may be read at any time."""

    def __init__(self, target: str, options: Options | None = None) -> None:
        self.target = target
        self.options = options or Options()
        self.script = ""
        self.source = ""
        self.loop: tuple[int, int] | None = None
        self.lines: list[Line] = []
        self.defaults: dict[str, str] = {}
        self.settings: Mapping[str, bool | int | float | str | None] = {}
        self.engines: list[str] = []
        self.device = self.options.device or "cpu"
        self.dtype = ""
        self.threads = 0
        self.versions: dict[str, str] = {}
        self.state = State.STARTING
        self.notice = ""
        self.traceback = ""
        self.cursor = Cursor(None, -1)
        self._launch: Launch | None = None
        self._hash_seed = new_hash_seed()
        self._main: Lane | None = None
        self._replay: Lane | None = None
        self._busy = asyncio.Lock()
        self._listeners: list[Callable[[], None]] = []
        self._statements: tuple[Record, int | None, list[int]] | None = None

    # ---------------------------------------------------------------------------------------------- opening, closing

    def launch(self) -> None:
        """Start the script's process. Raises Misuse for everything that is known to be wrong already."""
        self._launch = launch_of(self.target, self.options)
        self.script = self._launch.script
        self._main = Lane(self._launch, self._hash_seed)

    async def connect(self) -> None:
        """Attach to the running event loop; messages of the script's process arrive from now on."""
        if self._main is None:
            self.launch()
        self._lane.on_message = self._told
        await self._lane.connect()

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
            if first is None and not self.traceback and self._lane.ended is not None:
                self.notice = "the script ended without a pass through the training loop"
            self._stand(first, None)

    async def close(self) -> None:
        """End every process of the session."""
        self._listeners.clear()
        for lane in (self._main, self._replay):
            if lane is not None:
                lane.on_message = lambda: None
                await lane.close(gently=lane is self._main)

    def subscribe(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call `listener` on the event loop after any change; the answer takes it back."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener) if listener in self._listeners else None

    # ------------------------------------------------------------------------------------------------------- looking

    @property
    def losses(self) -> list[float | None]:
        """One loss for each finished iteration."""
        return self._main.losses if self._main is not None else []

    @property
    def total(self) -> int | None:
        """How many iterations there will be, where that is known."""
        if self._main is None:
            return None
        return self._main.ended.iterations if self._main.ended is not None else self._main.total

    @property
    def seed(self) -> int | None:
        """The seed asked for."""
        return self.options.seed

    @property
    def records(self) -> dict[int | None, Record]:
        """What is recorded and can be read now, by iteration (None: the setup)."""
        replayed = self._replay.records if self._replay is not None else {}
        return {**replayed, **(self._main.records if self._main is not None else {})}

    @property
    def record(self) -> Record | None:
        """The record the cursor stands in."""
        lane = self._lane_with(self.cursor.iteration)
        return lane.records[self.cursor.iteration] if lane is not None else None

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

    def output(self, start: int = 0, end: int | None = None) -> str:
        """What the script has printed (both streams), by byte offsets."""
        return self._lane.process.output(start, end).decode("utf-8", "replace")

    async def window(
        self,
        iteration: int | None,
        copy: int,
        rows: int,
        columns: int,
        region: Region | None = None,
        axes: tuple[int, int] | None = None,
    ) -> Window:
        """A picture of a recorded value, pooled to at most rows × columns cells; `axes` are shown instead of the last
        two. LookupError where it is not kept."""
        return await self._looked(iteration, lambda lane: lane.window(iteration, copy, rows, columns, region, axes))

    async def survey(self, iteration: int | None, copy: int, bins: int) -> Survey:
        """Where a recorded value's extremes are, and its distribution. LookupError where it is not kept."""
        return await self._looked(iteration, lambda lane: lane.survey(iteration, copy, bins))

    async def array(self, iteration: int | None, copy: int) -> Array:
        """A whole recorded value. LookupError where it is not kept."""
        return await self._looked(iteration, lambda lane: lane.array(iteration, copy))

    async def _looked(self, iteration: int | None, look: Callable[[Lane], Awaitable[T]]) -> T:
        lane = self._lane_with(iteration)
        if lane is None:
            raise LookupError(f"iteration {iteration} is not recorded")
        try:
            return await look(lane)
        except LaneLost as lost:
            raise LookupError(f"the values are gone: {lost}") from lost

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
        """Go to an iteration (None: the setup), to its first statement or to an event of it."""
        async with self._busy:
            self.notice = ""
            await self._go(iteration, event)

    async def run(self, until: int | None = None) -> None:
        """Go on at full speed: to iteration `until`, which is recorded, to the end, or until paused.

        Where the number of iterations is known the last one is recorded. The cursor stands where the run stopped.
        """
        async with self._busy:
            self.notice = ""
            lane = self._lane
            if self._over():
                self._say("the script has ended; g goes to any iteration")
                return
            if until is not None and until < lane.position:
                await self._go(until, None)
                return
            self._set_state(State.RUNNING)
            await self._drive(lane, until + 1 if until is not None else None, until, record_last=until is None)
            if not self._over() and lane.position != 0 and lane.position != (-1 if until is None else until + 1):
                await self._drive(lane, lane.position + 1, lane.position)  # paused: show the iteration it stands at
            await self._after_run()

    async def pause(self) -> None:
        """Stop a run, or a replay, at the next loop head."""
        for lane in (self._replay, self._main):
            if lane is not None and not lane.standing:
                try:
                    await lane.pause()
                except LaneLost:
                    continue  # the loss itself is told by the lane's reader

    # ---------------------------------------------------------------------------------------------------- inner work

    @property
    def _lane(self) -> Lane:
        assert self._main is not None
        return self._main

    def _failed(self) -> bool:
        return self._lane.ended is not None and self._lane.ended.traceback is not None

    def _failed_in(self) -> int | None:
        """The iteration that the script failed in, or behind; None where it failed in its setup, or not at all."""
        return self._lane.ended.failed_in if self._lane.ended is not None else None

    def _end_of(self, ended: Ended) -> str:
        """How the run ended, for one who asked for an iteration past it."""
        if ended.failed_in is not None and ended.failed_in >= ended.iterations:
            return f"the script failed in iteration {ended.failed_in}"
        if ended.iterations:
            return f"the last iteration is {ended.iterations - 1}"
        return "the script failed in its setup" if self._failed() else "there was no pass through the training loop"

    def _over(self) -> bool:
        return self._lane.ended is not None or self._lane.lost is not None

    def _lane_with(self, iteration: int | None) -> Lane | None:
        return next((lane for lane in (self._main, self._replay) if lane and iteration in lane.records), None)

    def _told(self) -> None:
        """A message came in."""
        self._read_facts()
        self._notify()

    def _read_facts(self) -> None:
        lane = self._lane
        if lane.hello is not None and not self.source:
            self.source, self.loop, self.lines = lane.hello.source, lane.hello.loop, lane.hello.lines
            self.defaults = lane.hello.settings
        if lane.started is not None:
            started = lane.started
            self.settings, self.device, self.threads = started.settings, started.device, started.threads
            self.versions = started.versions
        self.engines = lane.engines or (lane.started.engines if lane.started is not None else [])
        if lane.ended is not None and lane.ended.traceback is not None:
            self.traceback = lane.ended.traceback
            self.state = State.FAILED
        elif lane.lost is not None and lane.ended is None:
            self.traceback = lane.lost
            self.state = State.LOST

    def _notify(self) -> None:
        for listener in list(self._listeners):
            listener()

    def _say(self, notice: str) -> None:
        self.notice = notice
        self._notify()

    def _set_state(self, state: State) -> None:
        if self.state not in (State.FAILED, State.LOST) or state is State.REPLAYING:
            self.state = state
        self._notify()

    def _rest(self) -> None:
        """Nothing runs any more: say how things stand."""
        self.state = State.ENDED if self._lane.ended is not None else State.STOPPED
        self._read_facts()

    async def _drive(
        self, lane: Lane, until: int | None, record_from: int | None, *, record_last: bool = False
    ) -> None:
        """Let a lane run, and wait until it stands."""
        try:
            await lane.run(until, record_from, record_last=record_last)
            await lane.wait_standing()
        except LaneLost:
            self._read_facts()

    async def _ensure(self, iteration: int) -> bool:
        """Have `iteration` recorded, by running on or by a replay. False where there is no such iteration."""
        if self._lane_with(iteration) is not None:
            return True
        lane = self._lane
        if not self._over() and lane.position <= iteration:
            if lane.position < iteration or lane.position == 0:
                self._set_state(State.RUNNING if lane.position else State.STARTING)
            await self._drive(lane, iteration + 1, iteration)
        elif iteration < lane.position or iteration == self._failed_in():
            await self._replay_to(iteration)
        return self._lane_with(iteration) is not None

    async def _replay_to(self, iteration: int) -> None:
        """Record an iteration in a lane of its own that starts from the very same state."""
        lane = self._replay
        self.notice = f"replaying from the start to iteration {iteration}"
        if lane is None or lane.lost is not None or (lane.standing and (lane.position > iteration or not lane.stopped)):
            if lane is not None:
                await lane.close()
            assert self._launch is not None
            states = self._lane.started.random_states if self._lane.started is not None else {}
            launch = msgspec.structs.replace(self._launch, random_states=states, record_setup=False)
            lane = self._replay = Lane(launch, self._hash_seed)
            lane.on_message = self._notify
            await lane.connect()
        else:
            self.notice = f"replaying to iteration {iteration}"
        self._set_state(State.REPLAYING)
        await lane.wait_standing()
        if lane.ended is None and lane.lost is None:
            await self._drive(lane, iteration + 1, iteration)
        differing = _first_difference(lane.losses, self.losses)
        if iteration not in lane.records:
            self.notice = lane.lost or f"the replay was stopped before iteration {iteration}"
        elif differing is not None:
            self.notice = f"the replay is another run: its loss differs at iteration {differing}"
        else:
            self.notice = ""

    async def _go(self, iteration: int | None, event: int | None) -> None:
        if iteration is not None and iteration < 0:
            self._say("iterations count from 0")
            return
        if iteration is None or await self._ensure(iteration):
            self._stand(iteration, event)
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
        failed = self._failed_in()
        if failed is not None:
            if failed not in lane.records:
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
        self._notify()


def _first_difference(replayed: list[float | None], original: list[float | None]) -> int | None:
    """The first iteration whose losses are not the same number (NaN is NaN)."""
    for index, (one, other) in enumerate(zip(replayed, original, strict=False)):
        if one != other and not (one is not None and other is not None and math.isnan(one) and math.isnan(other)):
            return index
    return None


__all__ = ["Misuse", "Session", "State"]
