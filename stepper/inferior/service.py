"""The service thread: takes the debugger's requests, answers from kept copies, and never touches a live value.

What takes long is an errand: it goes on in steps of a few milliseconds while nobody waits for an answer, the newest
first.
"""

from __future__ import annotations

from collections.abc import Iterator
from os import _exit as leave  # the script may put another in its place
from os import getpgid, getpid, killpg
from signal import SIGKILL
from time import perf_counter

from stepper.engines.survey import histogram, surveying
from stepper.inferior import threads
from stepper.inferior.channel import Channel
from stepper.inferior.control import Control
from stepper.inferior.direction import product
from stepper.inferior.pictured import picture
from stepper.inferior.protocol import (
    AT_WORK,
    Count,
    Counted,
    Evaluate,
    GetArray,
    GetHistograms,
    GetProduct,
    GetRecord,
    GetSurvey,
    GetWindow,
    Message,
    Nudge,
    Pause,
    Push,
    Quit,
    Range,
    Reply,
    Request,
    Run,
    StopAt,
    Where,
)
from stepper.inferior.recording.copies import Copy
from stepper.inferior.runner import Runner

SAMPLE = 1 << 14
"""Elements that a small histogram is made of, at most."""


TELL_SECONDS = 0.1  # between two messages of what has been counted
TOGETHER_SECONDS = 0.005  # how long answers wait for others that were asked for at once
HEAD_SECONDS = 0.25  # how long a pause waits for a loop head


class Service:
    """Serves one connection until it ends; a debugger that has gone takes the process with it."""

    def __init__(self, channel: Channel, control: Control, runner: Runner) -> None:
        self._channel = channel
        self._control = control
        self._runner = runner
        self._errands: list[Iterator[Message | None]] = []

    def run(self) -> None:
        """Serve from now on."""
        replies: list[Reply] = []
        begun = perf_counter()
        while True:
            while self._errands and not self._channel.waiting:
                self._go_on()
            try:
                request = self._channel.request()
            except (ConnectionError, OSError):
                _end_all()
            if not replies:
                begun = perf_counter()
            if isinstance(request, Count):
                self._errands.append(self._count(request))
            elif isinstance(request, GetSurvey):
                self._errands.append(self._survey(request))
            elif not (
                isinstance(request, Nudge | Push) and self._control.nudge(request)
            ):  # which the script's thread answers
                replies.append(self._answer(request))
            # what was asked for together is answered together, if that does not take long
            if not self._channel.waiting or perf_counter() - begun > TOGETHER_SECONDS:
                self._channel.send(*replies)
                replies.clear()

    def _go_on(self) -> None:
        """One step of the newest errand."""
        errand = self._errands[-1]
        try:
            message = next(errand)
        except StopIteration:
            self._errands.remove(errand)
            return
        if message is not None:
            self._channel.send(message)

    def _count(self, request: Count) -> Iterator[Message | None]:
        """An errand: tell in good time of each of a record's large values what is known so far, then all of it."""
        try:
            for number, copy in enumerate(self._runner.store.shelf(request.iteration).copies):
                if copy.outlined:
                    yield from self._count_one(request.iteration, number, copy)
        except Exception as error:
            yield Reply(request.id, error=_said(error))
        else:
            yield Reply(request.id)

    def _count_one(self, iteration: int | None, number: int, copy: Copy) -> Iterator[Message | None]:
        told = perf_counter()
        for summary in copy.count():
            self._runner.store.shelf(iteration)  # raises where it had to make room: then nobody can look at it
            if summary.counted is None or perf_counter() - told > TELL_SECONDS:
                told = perf_counter()
                yield Counted(iteration, {number: summary})
            else:
                yield None

    def _survey(self, request: GetSurvey) -> Iterator[Message | None]:
        """An errand: where a copy's extremes are, and its distribution."""
        try:
            copy = self._runner.store.get(request.iteration, request.copy)
            other = self._runner.store.get(request.iteration, request.less) if request.less is not None else None
            less = other.engine.ndarray(other.kept) if other is not None else None
            for survey in surveying(copy.engine.ndarray(copy.kept), request.bins, less):
                yield None if survey is None else Reply(request.id, survey=survey)
        except Exception as error:
            yield Reply(request.id, error=_said(error))

    def _answer(self, request: Request) -> Reply:
        try:
            return self._answered(request)
        except Exception as error:
            return Reply(request.id, error=_said(error))

    def _answered(self, request: Request) -> Reply:
        match request:
            case Run():
                self._control.stop_from = request.stop_from
                self._runner.arm()
                self._control.ahead = request.ahead
                self._control.run(request.until, request.record_from, request.record_last, request.stop_from)
            case StopAt():
                self._runner.stop_at(request.stops, noting=request.noting)
            case Pause():
                self._control.pause()
                self._runner.interrupt()
                threads.begin(self._runner.standing.anywhere, HEAD_SECONDS)
            case Where():
                return Reply(request.id, spot=self._runner.standing.where())
            case Quit():
                self._control.quit()
            case Nudge() | Push():
                raise LookupError("the script stands at the head of no iteration")
            case GetRecord():
                self._runner.store.look(request.iteration)
                record = self._runner.records.get(request.iteration)
                if record is None:
                    raise LookupError(f"iteration {request.iteration} is not recorded")
                return Reply(request.id, record=record)
            case GetWindow():
                copy = self._runner.store.get(request.iteration, request.copy)
                return Reply(request.id, window=picture(copy, request))
            case GetHistograms():
                return Reply(request.id, histograms=[self._histogram(request, each) for each in request.ranges])
            case GetArray():
                copy = self._runner.store.get(request.iteration, request.copy)
                return Reply(request.id, array=copy.engine.array(copy.kept))
            case GetProduct():
                copy = self._runner.store.get(request.iteration, request.copy)
                return Reply(request.id, product=product(copy.engine.ndarray(copy.kept), request.seed, request.part))
            case Evaluate():
                if not self._control.stands:
                    raise LookupError(AT_WORK)
                return Reply(request.id, value=self._runner.evaluator.value(request))
        return Reply(request.id)

    def _histogram(self, request: GetHistograms, each: Range) -> list[int]:
        """Counts of a sample; empty where its values are not kept, or have no numbers."""
        try:
            copy = self._runner.store.get(request.iteration, each.copy)
            return histogram(copy.engine.sample(copy.kept, SAMPLE), each.low, each.high, request.bins)
        except (LookupError, TypeError, ValueError):
            return []


def _end_all() -> None:
    """The debugger has gone, killed perhaps: end this process, and those that the script has started."""
    if getpgid(0) == getpid():  # the session gives it a process group of its own
        killpg(0, SIGKILL)
    leave(0)


def _said(error: Exception) -> str:
    """What went wrong; of what is said to a person on purpose only that."""
    return str(error) if type(error) is LookupError else f"{type(error).__name__}: {error}"
