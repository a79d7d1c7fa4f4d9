"""Runs the program on the process's main thread and decides, at each head of the training loop, what comes next.

Plain iterations run in batches: the head of a plain iteration is one call of a C iterator (see `losses`), so that
running on without looking costs nothing. The batch that is under way is cut short by putting another head in place.
"""

from __future__ import annotations

import builtins
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import chain
from os import _exit as leave  # the script may put another in its place
from threading import get_ident
from time import perf_counter
from typing import Any

from stepper.engines.base import Engine, having
from stepper.engines.pool import POOL
from stepper.inferior.channel import Channel
from stepper.inferior.control import Control
from stepper.inferior.evaluating import Evaluator
from stepper.inferior.finishing.finish import Finisher
from stepper.inferior.lengths import passes_over
from stepper.inferior.passes import PassCount
from stepper.inferior.pictured import ahead
from stepper.inferior.protocol import (
    MOST_REACHED,
    Ended,
    Progress,
    Reached,
    Recorded,
    Stop,
    Stopped,
    WhatIf,
    packed,
    unpacked_size,
)
from stepper.inferior.recording.conditions import Conditions
from stepper.inferior.recording.differences import Differences
from stepper.inferior.recording.losses import LossKeeper
from stepper.inferior.recording.recorder import Recorder
from stepper.inferior.recording.store import Store
from stepper.inferior.standing import Standing
from stepper.inferior.trying import Trials
from stepper.inferior.whatif import WhatIfs
from stepper.inferior.whereabouts import Whereabouts
from stepper.program.nodes import stop_flag
from stepper.program.program import Program
from stepper.record import Record

BATCH_SECONDS = 0.05  # cut short by all that cannot wait; each costs some 70 µs
REPORT_SECONDS = 0.04  # so that each batch of this length is told of
QUIET_SECONDS = 0.01  # after which those who wait for what a record shows have it
LARGEST_BATCH = 4096
SLOW_BATCH = 160  # at most so many fit in a batch where an iteration takes so long that a line of Python is nothing
FIRST = 256  # so many iterations take a line of Python each, however short they are


STYLES = ("python", "numpy", "torch", "autograd", "function", "module", "optim")


def _rank(engine: str) -> tuple[int, str]:
    """Built-in engines in the order of their abstraction, then those of others by name."""
    return (STYLES.index(engine) if engine in STYLES else len(STYLES), engine)


class Runner:
    """Owns the iteration count, the losses and the records of one run of the program."""

    def __init__(
        self,
        program: Program,
        engines: list[Engine],
        numpy: Engine,
        channel: Channel,
        control: Control,
        started: Callable[[], None],
        memory: int,
        record_setup: bool,
        count_later: bool = False,
        what_if: Sequence[WhatIf] = (),
    ) -> None:
        self.control = control
        self.engines = engines
        self.losses = LossKeeper()
        self.losses.engines = engines
        self.store = Store(memory)
        self.records: dict[int | None, Record] = {}  # packed, ready to be sent
        self.recorder = Recorder(program, engines, self.store, self.losses, Differences(numpy))
        self.conditions = self.recorder.conditions = Conditions(program.sites, engines, self._aside)
        self.evaluator = Evaluator(program, self.store, engines, self._aside)
        self.recorder.halted = self._halt
        self.recorder.enough = self._leave_modules
        self._what_if = WhatIfs(what_if, engines, self._aside)
        self._trials = Trials(program, engines, self.losses)
        self._finisher = Finisher(self.recorder, program.home, numpy, count_later=count_later)
        self._channel = channel
        self._started = started
        self._record_setup = record_setup
        loop = program.loop
        self._count = PassCount(loop.site, loop.enclosing) if loop is not None else PassCount(-1, ())
        self.standing = Standing(
            self.recorder, control, channel, self._started_so_far, lambda: self._recording, self._went_on
        )
        self.begun = 0
        self.failed_in: int | None = None
        self._reported = 0
        self._finished: list[float | None] = []
        self._reached: deque[int] = deque(maxlen=MOST_REACHED)
        self._stoppable = False  # whether the program has any of the lines that are to be stopped at
        self._hooks = ExitStack()
        self._recording = False
        self._batch = 1
        self._since = perf_counter()
        self._last_report = perf_counter()

    # ------------------------------------------------------------------------------------------------------ probes

    def install(self, stops: Sequence[Stop] = ()) -> None:
        """Put the probes where the program's code finds them, and begin the record of the setup. `stops` are as for
        `stop_at`."""
        probes: dict[str, Any] = {
            "statement": self.recorder.statement,
            "value": self.recorder.value,
            "before": self.recorder.before,
            "owner": self.recorder.owner,
            "key": self.recorder.key,
            "done": self.recorder.done,
            "enter": self.recorder.enter,
            "caught": self.recorder.caught,
            "iteration": self._heads().__next__,
            "iterable": self.iterable,
            "leave": self.losses.cut,
            "passed": self.recorder.passed,
            "over": self.recorder.over,
            "left": self.recorder.left,
            "again": self.recorder.again,
            "loss": self.losses.named,
            "backward": self.losses.backward,
            "loss_of": self.losses.of,
            "loss_held": self.losses.held,
            "loss_spare": self.losses.spare,
            "recording": False,
            "beside": False,
            "counting": True,
            "armed": False,
            "stop": self._reach,
        }
        for name, probe in probes.items():
            setattr(builtins, f"__stepper_{name}__", probe)
        for key in self.recorder.program.stops:
            setattr(builtins, stop_flag(key), False)
        if stops:
            self.stop_at(stops, noting=False)
        if self._record_setup:
            self._begin_record(None)

    def iterable(self, site: int, value: Any) -> Any:
        """The training loop, or one around it, is entered."""
        self._count.entered(site, lambda: self._passes_over(value), self._started_so_far)
        if self.control.record_last and not self._recording:
            self.interrupt()  # which iteration is the last may just have become known
        return value

    def _passes_over(self, value: Any) -> int | None:
        program = self.recorder.program
        texts = {program.path: program.source, **{each.path: each.source for each in program.modules}}
        with self._aside():
            return passes_over(value, texts)

    def leave(self) -> None:
        """The training loop was left while recording: the pass is over, its record goes on until the next head."""
        self.losses.cut()
        try:
            self.recorder.end_pass()
        except Exception as error:
            self.recorder.fault(error)

    def stop_at(self, stops: Sequence[Stop], *, noting: bool) -> None:
        """From any thread: where code that is not recorded is to stop from now on, or what it is to take note of."""
        there, wanted = self.recorder.program.stops, {stop.spot for stop in stops}
        self.control.noting = noting
        self.conditions.replace(stops)
        for key, spot in there.items():
            setattr(builtins, stop_flag(key), spot in wanted)
        self._stoppable = not wanted.isdisjoint(there.values())
        self.arm()

    def arm(self) -> None:
        """From any thread: from now on the script is recorded, or can stop, where that is so; else that is all it is
        asked. Looked at again once it is written: another thread may have had another answer."""
        armed: bool | None = None
        while armed is not (wanted := self._recording or (self._stoppable and self.control.stop_from is not None)):
            armed = builtins.__stepper_armed__ = wanted  # type: ignore[attr-defined]

    def _reach(self, key: str) -> None:
        """On the script's thread, or one of its own: a statement with a breakpoint is about to run, unrecorded."""
        if get_ident() != self.recorder.thread or self._recording or self.conditions.asking:
            return
        iteration = self._started_so_far() - 1
        first = self.control.stop_from
        if first is None or iteration < max(0, first) or self.control.over:
            return
        if not self.conditions.stops(self.recorder.program.stops[key], sys._getframe(1)):
            return
        if self.control.noting:
            if not self._reached or self._reached[-1] != iteration:
                self._reached.append(iteration)
            return
        done = self.losses.drain_finished()
        self.begun += len(done)
        self._finished += done
        self._report()
        self.interrupt()  # what comes after this iteration is decided by the one who lets it go on
        self.control.stand()
        self._channel.send(Stopped(iteration + 1, self.recorder.program.stops[key], breakpoint=True))
        self.control.wait()
        self._since = perf_counter()

    def forked(self) -> None:
        """In a process that the script forked: it never stops."""
        self.control.forked()
        self._what_if.forked()
        self._stoppable = False
        builtins.__stepper_armed__ = False  # type: ignore[attr-defined]
        self.recorder.forked()
        self.losses.whereabouts = Whereabouts()

    def _went_on(self) -> None:
        self._since = perf_counter()

    def _started_so_far(self) -> int:
        """Iterations begun; those of the batch under way are counted by their marks."""
        return self.begun if self._recording else self.begun + self.losses.begun()

    def interrupt(self) -> None:
        """Cut the batch under way short, from any thread: the next head is decided anew."""
        builtins.__stepper_iteration__ = self._heads().__next__  # type: ignore[attr-defined]

    def _heads(self) -> Iterator[Any]:
        return chain.from_iterable(self._decisions())

    def _decisions(self) -> Iterator[Iterator[Any]]:
        while True:
            try:
                heads = self._decide()
            except BaseException:  # a signal's handler of the script's, which may catch this and go on
                self.interrupt()  # this iterator is over
                if not self._recording:
                    self._hooks.close()
                raise
            yield heads

    # --------------------------------------------------------------------------------------------------- decisions

    def _decide(self) -> Iterator[Any]:
        """At a head: finish what went before, stand if told to, and say how the next iterations run."""
        self._finish_iterations()
        if self.begun == 0 and not self._recording:
            self._since = perf_counter()
        iteration = self.begun
        if iteration == 0:
            self._started()
            for engine in self.engines:
                engine.begins()
        if self._what_if.next == iteration:
            self._report()  # it may end the run
            self._what_if.carry_out(iteration)
        while self.control.must_stop(iteration):
            self.store.look(iteration - 1)
            self._report()
            self.control.stand(at_head=True)
            self._trials.stand()
            self._channel.send(Stopped(iteration))
            for _ in POOL.prepare() if self.control.idle(QUIET_SECONDS) else ():
                if not self.control.idle():
                    break  # else the next record finds its memory there
            while (nudge := self.control.wait_at_head()) is not None:
                if self._trials.copied(nudge):
                    return iter((False,))
                self._channel.send(self._trials.answer)
            self._since = perf_counter()
        if perf_counter() - self._last_report > REPORT_SECONDS:
            self._report()
        self._channel.send()
        if self.control.over:
            raise SystemExit(0)
        until = self.control.until
        record_from = self._first_to_record(iteration)
        if record_from is not None and iteration >= record_from:
            self.losses.whereabouts.begin(iteration, alone=True)
            self.losses.head()
            self.begun += 1
            self._begin_record(iteration)
            return iter((True,))
        count = self._batch
        if record_from is not None:
            count = min(count, record_from - iteration)
        for end in (until, self._what_if.next):
            if end is not None:
                count = min(count, end - iteration)
        if self._batch <= SLOW_BATCH or iteration < FIRST:
            return self.losses.told_heads(iteration, max(1, min(count, SLOW_BATCH)))
        self.losses.whereabouts.begin(iteration, alone=False)
        return self.losses.plain_heads(max(1, count))

    def _first_to_record(self, iteration: int) -> int | None:
        """The next iteration, from this one on, that is to be recorded."""
        last = self._count.total - 1 if self.control.record_last and self._count.total is not None else None
        wanted = [at for at in (self.control.record_from, last) if at is not None]
        if last is not None and last < iteration:
            wanted.remove(last)
        return min(wanted, default=None)

    def _finish_iterations(self) -> None:
        """Take in the iterations begun since the last head."""
        if self._recording:
            self._end_record(None)
            return
        drained = self.losses.drain()
        if not drained:
            return
        now = perf_counter()
        each = (now - self._since) / len(drained)
        self._since = now
        self._batch = max(1, min(LARGEST_BATCH, int(BATCH_SECONDS / each) if each > 0 else LARGEST_BATCH))
        if len(drained) <= SLOW_BATCH:
            for number, loss in enumerate(drained, self.begun):
                self.losses.whereabouts.over(number, loss)
        self.begun += len(drained)
        self._finished += drained

    def _begin_record(self, iteration: int | None) -> None:
        self.recorder.start(iteration)
        self._recording = True
        for engine in having(self.engines, "recording"):
            self._hooks.enter_context(engine.recording(self.recorder))
        if iteration is not None:
            self.recorder.learn(vars(sys.modules["__main__"]))
        self.arm()
        builtins.__stepper_recording__ = True  # type: ignore[attr-defined]
        builtins.__stepper_beside__ = iteration is not None  # type: ignore[attr-defined]
        builtins.__stepper_leave__ = self.leave  # type: ignore[attr-defined]

    def _end_record(self, error: str | None, unfinished: bool = False) -> None:
        """The record is complete: work it out, for the next that is sent."""
        builtins.__stepper_recording__ = False  # type: ignore[attr-defined]
        self._leave_modules()
        builtins.__stepper_leave__ = self.losses.cut  # type: ignore[attr-defined]
        self._recording = False
        self.arm()
        iteration = self.recorder.iteration
        losses, behind = self.losses.current(), self.losses.behind()
        self.losses.forget()
        self.recorder.stop()
        self._hooks.close()
        with ExitStack() as neutral:
            for engine in having(self.engines, "neutral"):
                neutral.enter_context(engine.neutral())
            record, shelf = self._finisher.finish([] if iteration is None else losses, error, behind)
            pictures = ahead(shelf.copies, [each for each in self.control.ahead if each.iteration == iteration])
        sent = self.records[iteration] = packed(record)
        shelf.size += unpacked_size(sent)
        evicted = self.store.close(iteration, shelf)
        for other in evicted:
            self.records.pop(other, None)
        if iteration is not None and not unfinished:
            self._finished.append(record.loss)
        self._report()
        counting = any(copy.outlined for copy in shelf.copies)
        used = sorted(self.recorder.used, key=_rank)
        self._channel.send_with_next(Recorded(sent, evicted, used, counting, pictures))

    def _leave_modules(self) -> None:
        """What happens in the functions of other files is not recorded from here on; in the setup it never is."""
        builtins.__stepper_beside__ = False  # type: ignore[attr-defined]

    @contextmanager
    def _aside(self) -> Iterator[None]:
        with self.recorder.aside(), self.losses.aside():
            yield

    def _halt(self) -> None:
        """The statement has been reached that a process before this one died in: what led to it is the record."""
        died = "the script's process died here"
        for frame in self.recorder.frames():
            for happening in frame.open:
                happening.error = died
        self._end_record(died, unfinished=True)
        self._channel.send(Ended(self._reported, 1))
        self.control.wait_for_quit()
        leave(1)

    def _report(self) -> None:
        """Tell the debugger, with the next that is sent, of the iterations finished since the last report."""
        self._last_report = perf_counter()
        if self._reached:
            self._channel.send_with_next(Reached(list(self._reached)))
            self._reached.clear()
        if self._finished:
            self._channel.send_with_next(Progress(self._reported, self._finished, self._count.total))
            self._reported += len(self._finished)
            self._finished = []

    def end_copy(self, message: str) -> None:
        """The script is over in a forked process: end it if it is a copy that tries a nudge, not one of the script."""
        self._trials.over(message)

    def finish(self, error: BaseException | None, message: str | None, *, at_head: bool = False) -> int:
        """The script is over. Returns how many iterations it finished: all that began but one that an error left."""
        if self._recording:
            unfinished = error is not None and not (at_head or self.recorder.pass_over)
            if error is not None:
                self.recorder.raised(error)
            self._end_record(message, unfinished)
        else:
            unfinished = error is not None and not at_head and self.losses.cut_short
            drained = self.losses.drain()
            self._finished += drained[:-1] if unfinished else drained
        self._report()
        self._channel.send()
        if error is not None and self._reported + unfinished > 0:
            self.failed_in = self._reported if unfinished else self._reported - 1
        return self._reported
