"""Having iterations recorded: by running the script on, by a replay from the very same start, or up to its death."""

from __future__ import annotations

import asyncio
import math
import signal
from collections.abc import Iterable
from time import monotonic
from typing import NamedTuple

import msgspec

from stepper.inferior.protocol import SETUP, Ended, Stop
from stepper.session.cost import GROWTH, MOST, NEIGHBOURS, SECONDS, neighbours, on_the_way
from stepper.session.edited import changed_since
from stepper.session.lane import Lane, LaneLost
from stepper.session.lanes import State
from stepper.session.options import Options
from stepper.session.pausing import Pausing

LONG_SECONDS = 1.5  # after which the next iteration is said to be under way
REPLAY_SECONDS = 30.0  # what a process may have been at work for its death, or its end, to be replayed unasked


class Stops(NamedTuple):
    """Lines to stop before, in iterations from `first` on that are not recorded; or (`noting`) only to take note of."""

    stops: tuple[Stop, ...]
    first: int
    noting: bool = False


class Driving(Pausing):
    """Lets the lanes run. Knows no cursor."""

    def __init__(self, target: str, options: Options | None = None, *, count_later: bool = False) -> None:
        super().__init__(target, options, count_later=count_later)
        self._replay_seconds = SECONDS  # what the last replay from the start took
        self._stretch = (-1, NEIGHBOURS)  # the first iteration that the last one recorded, and how many it was to
        self._looked_into = False

    async def end(self) -> None:
        """As `Lanes` has it; nobody need look into that death."""
        self._looked_into = True
        await super().end()

    # ------------------------------------------------------------------------------------------------- a death

    async def _look_into_death(self) -> int | None:
        """Have what led to the process's death recorded, by a replay that ends before the statement that it died in.

        Returns its iteration (None for the setup, and where it could not be recorded). A process that had run for long,
        or was killed from outside while nothing was recorded, is not started anew without being asked.
        """
        lane = self._lane
        if lane.lost is None or self._looked_into:
            return self._died_in
        self._looked_into = True
        at = lane.process.whereabouts()
        if lane.seconds > REPLAY_SECONDS or (not at.recorded and lane.process.exit_code == -signal.SIGKILL):
            return None
        self.notice = "replaying from the start to where the process died"
        self._replaying_to = None
        self._set_state(State.REPLAYING)
        if not at.recorded:
            scout = await self._again(record_setup=lane.started is None)
            if scout.lost is None:
                await self._drive(scout, None, at.begun)
            at = scout.process.whereabouts()
            if scout.lost is None or not at.recorded:
                self.notice = "the replay did not die again"
                return None
        replay = await self._again(record_setup=at.iteration == SETUP, halt=at.halt)
        if replay.ended is None and replay.lost is None:
            await self._drive(replay, None, at.halt[0])
        if at.halt[0] in replay.records:
            self.notice = ""
            self._died_in, self._death_recorded = at.halt[0], True
            lane.losses.extend(replay.losses[len(lane.losses) :])  # what it had not told yet
            lane.lost = f"{lane.process.death()}{at.told(lane.elsewhere)}"
        else:
            self.notice = f"the replay did not come to where the process died{at.told(lane.elsewhere)}"
        self._read_facts()
        return self._died_in

    async def _death_is_recorded(self) -> bool:
        """Whether what led to the process's death is recorded, now at least: in iteration `_died_in`."""
        await self._look_into_death()
        return self._death_recorded and self._recorded(self._died_in) is not None

    async def _again(self, *, record_setup: bool, halt: tuple[int | None, int] | None = None) -> Lane:
        """A new lane from the very same start, in place of the one for replays."""
        old, self._replay = self._replay, None
        if old is not None:
            await old.close()
        lane = self._replay = self._anew(record_setup=record_setup, halt=halt, stops=self._holding())
        lane.answers = self.answers
        lane.on_message = self._notify
        await lane.connect()
        await self._until_standing(lane)
        return lane

    def _anew(
        self,
        *,
        record_setup: bool,
        halt: tuple[int | None, int] | None = None,
        stops: Iterable[Stop] = (),
        loss: str | None = None,
    ) -> Lane:
        """A new lane from the very same start, which is the caller's to connect, and to close. `loss`: an expression
        that is the loss there, instead of what it is elsewhere."""
        states = self._lane.started.random_states if self._lane.started is not None else {}
        launch = msgspec.structs.replace(
            self._lane.found,
            random_states=states,
            record_setup=record_setup,
            halt=halt,
            run=None,
            texts=self.texts,
            stops=list(stops),
            loss=self._lane.found.loss if loss is None else loss,
        )
        return Lane(launch, self._hash_seed)

    # ----------------------------------------------------------------------------------------------------- recording

    def _holding(self) -> tuple[Stop, ...]:
        """The breakpoints that hold now: their conditions are asked in whatever is recorded."""
        return ()

    async def _drive(
        self,
        lane: Lane,
        until: int | None,
        record_from: int | None,
        *,
        record_last: bool = False,
        stops: Stops | None = None,
    ) -> None:
        """Let a lane run, and wait until it stands."""
        try:
            first = None if stops is None else stops.first
            if stops is None:
                await lane.stop_at(self._holding())
            else:
                await lane.stop_at(stops.stops, noting=stops.noting)
            await lane.run(until, record_from, record_last=record_last, stop_from=first)
            await self._until_standing(lane)
        except LaneLost:
            self._read_facts()

    async def _ensure(self, iteration: int) -> bool:
        """Have `iteration` recorded, by running on or by a replay. False where there is no such iteration."""
        if (known := self._lane_with(iteration)) is not None:
            if known is self._replay and (differing := _first_difference(known.losses, self.losses)) is not None:
                self.notice = _other_loss(differing)
            return True
        lane = self._lane
        if not self._over() and (lane.position <= iteration or iteration == lane.midway):
            if lane.position < iteration or lane.position == 0:
                self._set_state(State.RUNNING if lane.position else State.STARTING)
                before = on_the_way(self._newest(), self.options.memory)
                await self._drive(lane, iteration + 1, max(lane.position, iteration - before))
            else:
                await self._record_next(lane, iteration)
        elif iteration == self._died_in:
            self._looked_into = False
            await self._look_into_death()
        elif iteration < lane.position or iteration == self.failed_in() or (lane.lost and iteration < len(lane.losses)):
            await self._replay_to(iteration)
        return self._lane_with(iteration) is not None

    async def _record_next(self, lane: Lane, iteration: int) -> None:
        """Record the iteration that the lane stands before. Mostly it is over at once, and nothing is said."""
        told = f"iteration {iteration} takes long to be recorded; p pauses inside it"

        def tell() -> None:
            self.notice = self.notice if self.working_out else told
            self._set_state(State.RUNNING)

        timer = asyncio.get_running_loop().call_later(LONG_SECONDS, tell)
        try:
            await self._drive(lane, iteration + 1, iteration)
        finally:
            timer.cancel()
            self.notice = "" if self.notice == told else self.notice

    async def _replay_stopping(self, until: int, stops: Stops) -> Lane:
        """Have a replay run at full speed to the head of iteration `until`, or to a stop. Answers its lane."""
        lane = self._replay
        self._replaying_to = until
        self._set_state(State.REPLAYING)
        if lane is None or not lane.stopped or lane.lost is not None or lane.position > stops.first:
            lane = await self._again(record_setup=False)
        if lane.ended is None and lane.lost is None:
            await self._drive(lane, until, None, stops=stops)
        return lane

    async def _replay_to(self, iteration: int) -> None:
        """Record an iteration in a lane of its own that starts from the very same state.

        Whoever goes back is likely to go back further, and each time would take a new process: so the iterations
        before it are recorded on the way, as many as cost little, and more each time.
        """
        lane, begun = self._replay, monotonic()
        self._replaying_to = iteration + 1
        self.notice = f"replaying from the start to iteration {iteration}"
        if lane is None or lane.lost is not None or (lane.standing and not _leads_to(lane, iteration)):
            self._set_state(State.REPLAYING)
            lane = await self._again(record_setup=False)
        else:
            self.notice = f"replaying to iteration {iteration}"
        self._set_state(State.REPLAYING)
        await self._until_standing(lane)
        if lane.ended is None and lane.lost is None:
            most = min(MOST, GROWTH * self._stretch[1]) if iteration + 1 == self._stretch[0] else NEIGHBOURS
            before = neighbours(self._newest(), self.options.memory, most, self._replay_seconds)
            anew, first = lane.position == 0, max(lane.position - (lane.midway is not None), iteration - before)
            self._stretch = first, most
            await self._drive(lane, iteration + 1, first)
            if anew:
                self._replay_seconds = monotonic() - begun
        differing = _first_difference(lane.losses, self.losses)
        if iteration not in lane.records:
            stopped = f"the replay was stopped before iteration {iteration}"
            if lane.spot is not None:
                where = self.named(lane.spot)
                stopped = f"the replay is paused in iteration {lane.position - 1}, {where}: g {iteration} goes on"
            self.notice = lane.lost or (stopped if lane.ended is None else _other_end(lane.ended, differing))
        elif differing is not None:
            self.notice = _other_loss(differing)
        else:
            self.notice = changed_since(self.texts)

    def _another_run(self) -> str:
        """What to say where a replay has shown by now that it is another run; else nothing."""
        replay = self._replay
        differing = None if replay is None else _first_difference(replay.losses, self.losses)
        if replay is not None and replay.ended is not None and replay.ended.iterations < len(self.losses):
            return _other_end(replay.ended, differing)
        return "" if differing is None else _other_loss(differing)


def _leads_to(lane: Lane, iteration: int) -> bool:
    """Whether a standing lane can still record an iteration."""
    return lane.stopped and (lane.position <= iteration or lane.midway == iteration)


def _other_loss(differing: int) -> str:
    """What to say where one stands in a record of a replay that had other losses."""
    return f"the replay is another run: its loss differs at iteration {differing}"


def _other_end(ended: Ended, differing: int | None) -> str:
    """What to say of a replay that was over before the iteration which it was to record."""
    count = ended.iterations
    told = f"the replay is another run: it ended after {count} iteration{'' if count == 1 else 's'}"
    if ended.traceback is not None:
        told += f" ({ended.traceback.strip().splitlines()[-1]})"
    return told if differing is None else f"{told}, and its loss differs at iteration {differing}"


def _first_difference(replayed: list[float | None], original: list[float | None]) -> int | None:
    """The first iteration whose losses are not the same number (NaN is NaN)."""
    for index, (one, other) in enumerate(zip(replayed, original, strict=False)):
        if one != other and not (one is not None and other is not None and math.isnan(one) and math.isnan(other)):
            return index
    return None
