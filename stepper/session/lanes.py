"""A target and the processes that run it: what is known of it, and what they recorded.

One lane runs the script forward; another, made when it is needed, replays it from the same starting state to iterations
that are no longer, or never were, recorded. Knows no cursor.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from enum import Enum
from typing import TypeVar

import msgspec

from stepper.inferior.protocol import Ended, Line, Range
from stepper.record import Array, LoopHead, Record, Region, Spot, Survey, Value, Window, place
from stepper.session.edited import Edits
from stepper.session.expressions import Asked
from stepper.session.findings.answers import Answers
from stepper.session.findings.extent import cannot_grow
from stepper.session.lane import Lane, LaneLost
from stepper.session.options import Options
from stepper.session.process import new_hash_seed
from stepper.session.target import folder_of, launch_of

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


class Lanes:
    """A target being run. Attributes are replaced, never changed in place, and may be read at any time.

    `count_later`: records come before their very large values are counted; `counted` waits for the rest.
    """

    def __init__(self, target: str, options: Options | None = None, *, count_later: bool = False) -> None:
        self.target = target
        self.options = options or Options()
        self.script = ""
        self.home, self.source = "", ""  # the file that has the training loop: the script, or one of its own modules
        self.modules: Mapping[str, str] = {}  # the texts of the others, by path
        self.loop: tuple[int, int] | None = None
        self.loops: Sequence[LoopHead] = ()  # that train; the first was taken, where none was named
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
        self.rested = 0
        """How many bytes the script had printed when it last came to stand."""
        self.answers = Answers()
        """What came of the conditions of breakpoints."""
        self._count_later = count_later
        self._edits = Edits()
        self._hash_seed = new_hash_seed()
        self._main: Lane | None = None
        self._replay: Lane | None = None
        self._replaying_to: int | None = None  # how many iterations the replay is to make
        self._countable: bool | None = None
        self._died_in: int | None = None
        self._death_recorded = False  # in `_died_in`, which is the setup where it is None
        self._listeners: list[Callable[[], None]] = []
        self._fillings: dict[tuple[Lane, int | None], asyncio.Task[None]] = {}

    def launch(self, like: Lanes | None = None) -> None:
        """Start the script's process; `like` another session of this target it draws the numbers that this drew, and
        runs the texts that this ran. Raises Misuse for everything that is known to be wrong already."""
        launch = msgspec.structs.replace(launch_of(self.target, self.options), count_later=self._count_later)
        if like is not None and like._main is not None and like._main.started is not None:
            self._hash_seed = like._hash_seed
            launch = msgspec.structs.replace(launch, random_states=like._main.started.random_states, texts=like.texts)
        self.script = launch.script
        self._main = Lane(launch, self._hash_seed)
        self._main.answers = self.answers

    @property
    def texts(self) -> dict[str, str]:
        """The texts of the script, and of the modules that its setup imported, as they were run, by path: what is
        imported later may be written first."""
        started = self._main.started if self._main is not None else None
        loaded = (self.script, *(started.loaded if started is not None else ()))
        texts = {**self.modules, self.home: self.source} if self.source else {}
        return {path: text for path, text in texts.items() if path in loaded}

    def edited(self) -> tuple[str, ...]:
        """The paths of those files that hold another text by now. Costs a look at the time of each."""
        return self._edits.changed(self.texts)

    async def connect(self) -> None:
        """Attach to the running event loop; messages of the script's process arrive from now on."""
        if self._main is None:
            self.launch()
        self._lane.on_message = self._told
        await self._lane.connect()

    async def end(self) -> None:
        """End every process of the session. What is known of its records, and what was printed, can still be read;
        tensors cannot."""
        for lane in (self._main, self._replay):
            if lane is not None:
                await lane.end()
        self._told()

    async def close(self) -> None:
        """End every process of the session, and all that is known of them."""
        self._listeners.clear()
        for task in self._fillings.values():
            task.cancel()
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
    def files(self) -> tuple[str, ...]:
        """The paths of the script's own files, that which has the training loop first."""
        return (self.home, *self.modules)

    def relative(self, file: str) -> str:
        """The path of one of these files, as seen from where the script's modules are found first."""
        return os.path.relpath(file, folder_of(self.target, self.script))

    def named(self, spot: Spot) -> str:
        """A line, to be read; with its file's name where that is not the script."""
        file = spot.file or self.home
        return place(spot.line, "" if file == self.script else file)

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
    def count(self) -> int | None:
        """How many iterations one can go to, one that failed included; None where there may be more than is known."""
        lane = self._main
        if lane is not None and lane.ended is not None:
            failed = lane.ended.failed_in
            return max(lane.ended.iterations, 0 if failed is None else failed + 1)
        if self.loop is None or self._over():
            return None
        if self._countable is None:
            self._countable = cannot_grow(self.source, self.loop[0])
        return self.total if self._countable else None

    @property
    def progress(self) -> tuple[int, int | None]:
        """Iterations done, and how many there are to do, where that is known: those of a replay while one is made."""
        if self.state is not State.REPLAYING:
            return len(self.losses), self.total
        return len(self._replay.losses) if self._replay is not None else 0, self._replaying_to

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
    def printed(self) -> int:
        """How many bytes the script has printed so far (both streams)."""
        return self._main.process.printed if self._main is not None else 0

    def output(self, start: int = 0, end: int | None = None) -> str:
        """What the script has printed (both streams), by byte offsets."""
        return self._lane.process.output(start, end).decode("utf-8", "replace")

    def output_of(self, iteration: int | None, start: int = 0, end: int | None = None) -> str:
        """The same of the process that recorded an iteration, whose offsets are that record's: a replay may print
        longer or shorter lines, as of the time. Nothing where the iteration is not recorded."""
        lane = self._lane_with(iteration)
        return "" if lane is None else lane.process.output(start, end).decode("utf-8", "replace")

    def replayed(self, iteration: int | None) -> bool:
        """Whether what is recorded of an iteration is a replay's."""
        lane = self._lane_with(iteration)
        return lane is not None and lane is not self._main

    @property
    def parting(self) -> str:
        """What a script that was over printed at its exit, when the session was closed."""
        return self._main.parting if self._main is not None else ""

    def _fill_in(self, iteration: int | None) -> None:
        """Somebody looks at a record: what it does not say yet of its large values is to come."""
        lane = self._lane_with(iteration)
        if lane is None or iteration not in lane.counting or (lane, iteration) in self._fillings:
            return

        async def fill_in() -> None:
            with suppress(LookupError):  # it had to make room, or its process is gone, while it was counted
                await self.counted(iteration)

        task = self._fillings[lane, iteration] = asyncio.create_task(fill_in())
        task.add_done_callback(lambda _: self._fillings.pop((lane, iteration)))

    async def counted(self, iteration: int | None) -> None:
        """Wait until every summary of a record is whole. LookupError where it is no longer kept before that."""
        await self._looked(iteration, lambda lane: lane.count(iteration))

    async def window(
        self,
        iteration: int | None,
        copy: int,
        rows: int,
        columns: int,
        region: Region | None = None,
        axes: tuple[int, int] | None = None,
        along: int | None = None,
    ) -> Window:
        """A picture of a recorded value, pooled to at most rows × columns cells; `axes` are shown instead of the last
        two, or axis `along` across and all others, folded into one, down. LookupError where it is not kept."""
        return await self._looked(
            iteration, lambda lane: lane.window(iteration, copy, rows, columns, region, axes, along)
        )

    async def survey(self, iteration: int | None, copy: int, bins: int, less: int | None = None) -> Survey:
        """Where a recorded value's extremes are, and its distribution; of its difference from the value `less` of the
        same shape, where that is given. LookupError where one is not kept."""
        return await self._looked(iteration, lambda lane: lane.survey(iteration, copy, bins, less))

    async def histograms(
        self, iteration: int | None, ranges: Sequence[tuple[int, float, float]], bins: int
    ) -> list[list[int]]:
        """Small histograms of recorded values, given as (copy, smallest, largest element); of a sample of each, so that
        the cost does not grow with them. Empty for one that is not kept, or has no numbers."""
        asked = [Range(*each) for each in ranges]
        return await self._looked(iteration, lambda lane: lane.histograms(iteration, asked, bins))

    def send(self) -> None:
        """Let the script's process begin at once with what was asked of it, while the asker does something else."""
        for lane in (self._main, self._replay):
            if lane is not None:
                lane.send()

    async def array(self, iteration: int | None, copy: int) -> Array:
        """A whole recorded value. LookupError where it is not kept."""
        return await self._looked(iteration, lambda lane: lane.array(iteration, copy))

    async def evaluate(self, iteration: int | None, label: str, asked: Asked) -> Value:
        """The value of an expression of a record's values, kept as `label` for windows and arrays like any other of the
        record. LookupError, in one line, where it has none, or the script is at work."""
        return await self._looked(iteration, lambda lane: lane.evaluate(iteration, label, asked))

    async def product(self, iteration: int | None, copy: int, seed: int, part: tuple[int, int] | None = None) -> float:
        """A recorded value's product with the random direction of a seed, through a `part` of it as in a `Move`.
        LookupError where it is not kept."""
        return await self._looked(iteration, lambda lane: lane.product(iteration, copy, seed, part))

    async def _looked(self, iteration: int | None, look: Callable[[Lane], Awaitable[T]]) -> T:
        lane = self._lane_with(iteration)
        if lane is None:
            raise LookupError(f"iteration {iteration} is not recorded")
        try:
            return await look(lane)
        except LaneLost as lost:
            raise LookupError(f"the values are gone: {lost}") from lost

    # ---------------------------------------------------------------------------------------------- how things stand

    @property
    def _lane(self) -> Lane:
        assert self._main is not None
        return self._main

    def _failed(self) -> bool:
        return self._lane.ended is not None and self._lane.ended.traceback is not None

    def failed_in(self) -> int | None:
        """The iteration that the script failed in, or behind; None where it failed in its setup, or not at all."""
        return self._lane.ended.failed_in if self._lane.ended is not None else self._died_in

    def _end_of(self, ended: Ended) -> str:
        """How the run ended, for one who asked for an iteration past it."""
        if ended.failed_in is not None and ended.failed_in >= ended.iterations:
            return _how_left(ended) or f"the script failed in iteration {ended.failed_in}"
        if ended.iterations:
            return f"the last iteration is {ended.iterations - 1}"
        if not self._failed():
            return "there was no pass through the training loop"
        return _how_left(ended) or "the script failed in its setup"

    def _nothing_runs_on(self) -> str:
        """Why, for one who lets a script run on that is over."""
        ended, lost = self._lane.ended, self._lane.lost or ""
        if ended is None:
            how = lost
        elif self._failed():
            how = _how_left(ended) or "the script has failed"
        else:
            how = "the script has ended"
        return f"{how}; g goes to any iteration" if self.losses else how

    def _over(self) -> bool:
        return self._lane.ended is not None or self._lane.lost is not None

    def _lane_with(self, iteration: int | None) -> Lane | None:
        return next((lane for lane in (self._main, self._replay) if lane and iteration in lane.records), None)

    def _recorded(self, iteration: int | None) -> Record | None:
        lane = self._lane_with(iteration)
        return lane.records[iteration] if lane is not None else None

    def _newest(self) -> Record | None:
        """The iteration that was recorded last."""
        lanes = [lane for lane in (self._replay, self._main) if lane is not None]
        return next((record for lane in lanes for record in reversed(lane.records.values()) if _whole(record)), None)

    def _told(self) -> None:
        """A message came in."""
        self._read_facts()
        self._notify()

    def _read_facts(self) -> None:
        lane = self._lane
        if lane.hello is not None and not self.source:
            self.source, self.loop, self.lines = lane.hello.source, lane.hello.loop, lane.hello.lines
            self.defaults = lane.hello.settings
            self.home, self.modules = lane.hello.home, lane.hello.modules
            self.script, self.loops = lane.hello.script, lane.hello.loops
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

    def heard(self) -> None:
        """What was said last has been read; what is wrong with the run is not over by that."""
        if self.notice and self.state in (State.STOPPED, State.ENDED):
            self._say("")

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
        self.rested = self.printed
        self._read_facts()


def _how_left(ended: Ended) -> str:
    """How and where the script left by itself, in the words that its end was told in; else nothing."""
    return ended.traceback.splitlines()[-1].partition("; ")[0] if ended.left and ended.traceback else ""


def _whole(record: Record) -> bool:
    return record.iteration is not None and record.error is None
