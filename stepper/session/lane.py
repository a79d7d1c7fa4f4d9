"""A lane: one process running the script, as the session sees it. A replay is a lane of its own."""

from __future__ import annotations

import asyncio
import itertools
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from subprocess import DEVNULL
from time import monotonic
from typing import TypeVar, Unpack

import msgspec

from stepper.inferior.protocol import (
    HEADER,
    MOST_REACHED,
    Awaited,
    Count,
    Counted,
    Ended,
    Evaluate,
    GetArray,
    GetHistograms,
    GetProduct,
    GetSurvey,
    GetWindow,
    Hello,
    Launch,
    Message,
    Move,
    Nudge,
    Pause,
    Progress,
    Push,
    Quit,
    Range,
    Reached,
    Recorded,
    Refused,
    Reply,
    Request,
    Run,
    Started,
    Stop,
    StopAt,
    Stopped,
    Tried,
    Where,
    body_length,
    frame,
)
from stepper.record import Array, Record, Region, Spot, Summary, Survey, Value, Window, filled
from stepper.session.errors import Misuse
from stepper.session.expressions import Asked
from stepper.session.findings.answers import Answers
from stepper.session.process import Process

T = TypeVar("T")
QUIET_SECONDS = 0.3  # after which it is looked up what the script has done, since one of its iterations takes long
MOST_AHEAD = 24  # windows of a record that are asked for before it is there
EXIT_SECONDS = 5.0  # for a script's exit handlers, and the threads it left running
_messages = msgspec.msgpack.Decoder(Message)


class LaneLost(Exception):
    """The process is gone; the message says how it ended."""


async def _aside(work: Callable[..., T], *arguments: object) -> T:
    """Do what blocks in a thread; at the very end of a program, when none is begun any more, do it here."""
    try:
        return await asyncio.to_thread(work, *arguments)
    except RuntimeError:
        return work(*arguments)


class Lane:
    """Speaks the protocol, keeps what arrived, and wakes whoever waits for a change.

    `position` is the iteration at whose head the script stands, or the number of iterations done when it has ended.
    """

    def __init__(self, launch: Launch, hash_seed: str, *, stdin: int | None = DEVNULL) -> None:
        self.launch = launch
        self.hash_seed = hash_seed
        self.process = Process(launch, hash_seed, stdin)
        self.hello: Hello | None = None
        self.started: Started | None = None
        self.refused: str | None = None
        self.ended: Ended | None = None
        self.lost: str | None = None
        self._began: float | None = monotonic()  # when it went on, while it is at work
        self.seconds = 0.0  # how long it was at work before
        self.stopped = False
        self.position = 0
        self.spot: Spot | None = None  # where it stands inside the iteration before `position`
        self.at_breakpoint = False  # whether it stands there since there is a breakpoint
        self._midway = False  # whether that iteration is being recorded
        self._ran = False
        self._called_off = False  # told to pause in the setup, which does not stop
        self.reached: deque[int] = deque(maxlen=MOST_REACHED)  # the latest iterations that came to a line to be noted
        self._stops: tuple[tuple[Stop, ...], bool] = (tuple(launch.stops), False)
        self.answers = Answers()
        """Where it is told what came of the conditions of breakpoints."""
        self.parting = ""
        """What it printed at its exit, when it had been let go."""
        self.losses: list[float | None] = []
        self.total: int | None = None
        self.records: dict[int | None, Record] = {}
        self.counting: set[int | None] = set()
        """The records of whose large values more is to be known than they say."""
        self.engines: list[str] = []
        self.on_message: Callable[[], None] = lambda: None
        self._windows: dict[GetWindow, Window | None] = {}  # that were asked for, each as if it were request 0
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[Reply]] = {}
        self._changed: asyncio.Event | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._unsent = b""
        self._task: asyncio.Task[None] | None = None
        self._quiet: asyncio.Task[None] | None = None
        self._heard = 0

    # ------------------------------------------------------------------------------------------------- connection

    async def connect(self) -> None:
        """Attach to the running event loop; messages arrive from now on."""
        self.process.socket.setblocking(False)
        reader, self._writer = await asyncio.open_connection(sock=self.process.socket)
        self._changed = asyncio.Event()
        self._task = asyncio.create_task(self._read(reader), name="stepper-lane")
        self._quiet = asyncio.create_task(self._catch_up(), name="stepper-quiet")

    async def close(self, *, gently: bool = False) -> None:
        """End the process. `gently` lets a script that is over run its exit handlers first."""
        if gently:
            await self.leave()
        tasks = [task for task in (self._task, self._quiet) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._writer is not None:
            self._writer.close()
            with suppress(OSError):  # the process has ended before
                await self._writer.wait_closed()
        else:
            self.process.socket.close()
        await _aside(self.process.close)

    async def end(self) -> None:
        """End the process; what is known of it stays."""
        await self.leave()
        await _aside(self.process.kill)
        if self._task is not None:
            await asyncio.wait({self._task}, timeout=EXIT_SECONDS)  # for the end of its messages
        self.lost = "the script's process was ended"

    async def leave(self) -> None:
        """Let a script that is over run its exit handlers, and its process end by itself."""
        if self.ended is not None and self._writer is not None and self.lost is None:
            before = self.process.printed
            self._writer.write(frame(Quit(0)))
            await _aside(self.process.wait, EXIT_SECONDS)
            self.parting = self.process.output(before).decode("utf-8", "replace")

    async def _read(self, reader: asyncio.StreamReader) -> None:
        try:
            while True:
                header = await reader.readexactly(HEADER.size)
                body = await reader.readexactly(body_length(header))
                message = _messages.decode(body)
                self._heard += 1
                self._take(message)
                if not isinstance(message, Reply):  # whoever asked has it; how things stand is as it was
                    self._tell()
        except (asyncio.IncompleteReadError, ConnectionError, ValueError, msgspec.DecodeError) as error:
            self._has_come_to_rest()
            if isinstance(error, asyncio.IncompleteReadError | ConnectionError):
                self.lost = await _aside(self.process.describe_death, self.elsewhere)
                self.losses.extend(self.process.losses_from(len(self.losses)))
            else:
                self.lost = f"the script's process sent what cannot be read: {error}"
            for future in self._waiting.values():
                if not future.done():
                    future.set_exception(LaneLost(self.lost))
            self._waiting.clear()
            self._tell()

    async def _catch_up(self) -> None:
        """Iterations are told of in batches, at a later one's head. Where that is long in coming, take in the losses of
        those that are over."""
        while self.lost is None:
            heard = self._heard
            await asyncio.sleep(QUIET_SECONDS)
            if heard != self._heard or self.standing:
                continue
            over = self.process.losses_from(len(self.losses))
            over = over[: max(0, self.process.whereabouts().under_way - len(self.losses))]
            if over:
                self.losses.extend(over)
                self._tell()

    def _tell(self) -> None:
        if self._changed is not None:
            self._changed.set()
        self.on_message()

    def _take(self, message: Message) -> None:
        match message:
            case Hello():
                self.hello = message
            case Refused():
                self.refused = message.message
            case Started():
                self.started = message
            case Progress():
                # More may be known already (`_catch_up`) than what was under way then.
                self.losses[message.first : message.first + len(message.losses)] = message.losses
                self.total = message.total
            case Recorded():
                for iteration in message.evicted:
                    self.records.pop(iteration, None)
                    self.counting.discard(iteration)
                self.records[message.record.iteration] = message.record
                self.answers.take(message.record)
                self.counting.discard(message.record.iteration)
                if message.counting:
                    self.counting.add(message.record.iteration)
                self.engines = message.engines or self.engines
                self._windows |= {each.asked: each.window for each in message.pictures}
            case Counted():
                if message.iteration in self.records:
                    self.records[message.iteration] = filled(self.records[message.iteration], message.summaries)
            case Stopped():
                self.stopped = True
                self._has_come_to_rest()
                self.position, self.spot = message.iteration, message.spot
                self.at_breakpoint, self._midway = message.breakpoint, message.recording
            case Reached():
                self.reached.extend(message.iterations)
            case Ended():
                self.ended = message
                self._has_come_to_rest()
                self.position = message.iterations
            case Reply():
                future = self._waiting.pop(message.id, None)
                if future is not None and not future.done():
                    future.set_result(message)

    def _has_come_to_rest(self) -> None:
        if self._began is not None:
            self.seconds += monotonic() - self._began
            self._began = None

    # -------------------------------------------------------------------------------------------------- requests

    async def _ask(self, request: Request) -> Reply:
        if self.lost is not None:
            raise LaneLost(self.lost)
        assert self._writer is not None
        future: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._waiting[request.id] = future
        if not self._unsent:
            asyncio.get_running_loop().call_soon(self.send)
        self._unsent += frame(request)
        if isinstance(request, Run):
            self.send()  # the script's work begins; whatever else is to be done in this turn is done beside it
        try:
            reply = await future
        finally:
            self._waiting.pop(request.id, None)
        if reply.error is not None:
            raise LookupError(reply.error)
        return reply

    def send(self) -> None:
        """Send what was asked for in this turn of the loop, all at once; without this it is sent at the turn's end."""
        if self._unsent and self._writer is not None and not self._writer.is_closing():
            self._writer.write(self._unsent)
        self._unsent = b""

    async def run(
        self, until: int | None, record_from: int | None, *, record_last: bool = False, stop_from: int | None = None
    ) -> None:
        """Let the script go on; returns at once (see `standing`). Not if it was told to pause before."""
        self._ran = True
        if self._called_off:
            self._called_off = False
        elif self.ended is None:
            self.stopped, self.spot, self.at_breakpoint = False, None, False
            self._began = monotonic() if self._began is None else self._began  # the setup may still be at work
            ahead = self._ahead(record_from)
            await self._ask(Run(next(self._numbers), until, record_from, record_last, stop_from, ahead))

    def _ahead(self, iteration: int | None) -> list[GetWindow]:
        """Of an iteration that is to be recorded the same is likely to be asked as was of the one before."""
        asked = [] if iteration is None else [each for each in self._windows if each.iteration == iteration - 1]
        self._windows.clear()
        return [msgspec.structs.replace(each, iteration=iteration) for each in asked]

    async def stop_at(self, stops: tuple[Stop, ...], *, noting: bool = False) -> None:
        """Stop before the statements on these lines, where nothing is recorded, from now on; or only note (`reached`)
        which iterations come to them. In what is recorded, ask their conditions."""
        if self._stops != (stops, noting):
            self._stops = (stops, noting)
            await self._ask(StopAt(next(self._numbers), list(stops), noting))

    async def pause(self) -> None:
        """Ask the script to stop at its next loop head, or where it is if that takes long."""
        if not self._ran:
            self._called_off = True
        elif self.ended is None:
            await self._ask(Pause(next(self._numbers)))

    async def where(self) -> Spot | None:
        """The line of the script's own that it is at now; None where it is at none. Raises LaneLost."""
        return (await self._ask(Where(next(self._numbers)))).spot

    async def count(self, iteration: int | None) -> None:
        """Have all of a record's summaries; they come into the record one by one. Raises as `window` does."""
        if iteration in self.counting:
            await self._ask(Count(next(self._numbers), iteration))
            self.counting.discard(iteration)

    async def window(
        self,
        iteration: int | None,
        copy: int,
        rows: int,
        columns: int,
        region: Region | None,
        axes: tuple[int, int] | None = None,
        along: int | None = None,
    ) -> Window:
        """A picture of a kept copy. LookupError where it is no longer kept, LaneLost where the process is gone."""
        asked = GetWindow(0, iteration, copy, rows, columns, region, axes, along)
        found = self._windows[asked] = self._windows.pop(asked, None)  # which makes it the latest
        if len(self._windows) > MOST_AHEAD:
            del self._windows[next(iter(self._windows))]
        if found is None:
            found = (await self._ask(msgspec.structs.replace(asked, id=next(self._numbers)))).window
            assert found is not None
        return found

    async def survey(self, iteration: int | None, copy: int, bins: int, less: int | None = None) -> Survey:
        """Where a kept copy's extremes are, and its distribution. Raises as `window` does."""
        reply = await self._ask(GetSurvey(next(self._numbers), iteration, copy, bins, less))
        assert reply.survey is not None
        return reply.survey

    async def histograms(self, iteration: int | None, ranges: list[Range], bins: int) -> list[list[int]]:
        """Small histograms of kept copies, of a sample of each; empty for one that is not kept. Raises as `window`."""
        reply = await self._ask(GetHistograms(next(self._numbers), iteration, ranges, bins))
        assert reply.histograms is not None
        return reply.histograms

    async def product(self, iteration: int | None, copy: int, seed: int, part: tuple[int, int] | None = None) -> float:
        """A kept copy's product with the random direction of a seed, through a `part` as in a `Move`. Raises as
        `window` does."""
        reply = await self._ask(GetProduct(next(self._numbers), iteration, copy, seed, part))
        assert reply.product is not None
        return reply.product

    async def evaluate(self, iteration: int | None, label: str, asked: Asked) -> Value:
        """The value of an expression of kept values, which is kept under its `label`. LookupError where it has none,
        or the script is at work; LaneLost where the process is gone."""
        reply = await self._ask(Evaluate(next(self._numbers), iteration, label, asked.text, list(asked.operands)))
        assert reply.value is not None
        return reply.value

    async def array(self, iteration: int | None, copy: int) -> Array:
        """A whole kept copy. Raises as `window` does."""
        reply = await self._ask(GetArray(next(self._numbers), iteration, copy))
        assert reply.array is not None
        return reply.array

    async def nudge(
        self, parameter: str, like: Summary, index: int, numbers: list[float | None], **asked: Unpack[Awaited]
    ) -> list[Tried]:
        """What the iteration that the lane stands before comes to with other numbers; see `Nudge`. LookupError where
        the parameter cannot be reached, LaneLost where the process is gone."""
        reply = await self._ask(Nudge(next(self._numbers), parameter, like, index, numbers, **asked))
        assert reply.tried is not None
        return reply.tried

    async def push(self, moves: list[Move], numbers: list[float | None], **asked: Unpack[Awaited]) -> list[Tried]:
        """The same with several parameters moved at once; see `Push`. Raises as `nudge` does."""
        reply = await self._ask(Push(next(self._numbers), moves, numbers, **asked))
        assert reply.tried is not None
        return reply.tried

    # ---------------------------------------------------------------------------------------------------- waiting

    @property
    def found(self) -> Launch:
        """The launch; that of a module, once it is found, with its file."""
        if self.hello is None:
            return self.launch
        return msgspec.structs.replace(self.launch, script=self.hello.script, module=self.hello.module)

    @property
    def standing(self) -> bool:
        """Whether nothing more will happen without a request."""
        return self.stopped or self.ended is not None or self.lost is not None or self.refused is not None

    @property
    def elsewhere(self) -> str:
        """The path of the file that has the training loop, where that is not the script; else empty."""
        return self.hello.home if self.hello is not None and self.hello.home != self.hello.script else ""

    @property
    def midway(self) -> int | None:
        """The iteration in whose midst the script stands, where that is recorded once it goes on."""
        return self.position - 1 if self.stopped and self.spot is not None and self._midway else None

    async def wait(self, condition: Callable[[], bool]) -> None:
        """Wait until `condition` holds; it is looked at after every message. Ends as well when the process is gone."""
        assert self._changed is not None
        while not condition() and self.lost is None:
            self._changed.clear()
            await self._changed.wait()

    async def wait_standing(self) -> None:
        """Wait until the script stands. Raises Misuse where the target was refused."""
        await self.wait(lambda: self.standing)
        if self.refused is not None:
            raise Misuse(f"{self.launch.name}: {self.refused}")
