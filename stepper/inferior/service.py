"""The service thread: takes the debugger's requests, answers from kept copies, and never touches a live value."""

from __future__ import annotations

import threading
from os import _exit as leave  # the script may put another in its place
from time import perf_counter

from stepper.engines.numpy import NumpyEngine
from stepper.engines.survey import histogram, survey
from stepper.inferior.channel import Channel
from stepper.inferior.control import Control
from stepper.inferior.copies import Copy
from stepper.inferior.protocol import (
    GetArray,
    GetHistograms,
    GetRecord,
    GetSurvey,
    GetWindow,
    Pause,
    Quit,
    Range,
    Reply,
    Request,
    Run,
)
from stepper.inferior.runner import Runner
from stepper.record import Window

SAMPLE = 1 << 14
"""Elements that a small histogram is made of, at most."""


TOGETHER_SECONDS = 0.005  # how long answers wait for others that were asked for at once
HEAD_SECONDS = 0.25  # how long a pause waits for a loop head


class Service(threading.Thread):
    """Serves one connection until it ends; a debugger that has gone takes the process with it."""

    def __init__(self, channel: Channel, control: Control, runner: Runner) -> None:
        super().__init__(name="stepper-service", daemon=True)
        self._channel = channel
        self._control = control
        self._runner = runner

    def run(self) -> None:
        replies: list[Reply] = []
        begun = perf_counter()
        while True:
            try:
                request = self._channel.request()
            except (ConnectionError, OSError):
                leave(0)
            if not replies:
                begun = perf_counter()
            replies.append(self._answer(request))
            # what was asked for together is answered together, if that does not take long
            if not self._channel.waiting or perf_counter() - begun > TOGETHER_SECONDS:
                self._channel.send(*replies)
                replies.clear()

    def _answer(self, request: Request) -> Reply:
        try:
            return self._answered(request)
        except Exception as error:
            return Reply(request.id, error=f"{type(error).__name__}: {error}")

    def _answered(self, request: Request) -> Reply:
        match request:
            case Run():
                self._control.run(request.until, request.record_from, request.record_last)
            case Pause():
                self._control.pause()
                self._runner.interrupt()
                later = threading.Timer(HEAD_SECONDS, self._runner.stand_anywhere)
                later.daemon = True
                later.start()
            case Quit():
                self._control.quit()
            case GetRecord():
                self._runner.store.look(request.iteration)
                record = self._runner.records.get(request.iteration)
                if record is None:
                    raise LookupError(f"iteration {request.iteration} is not recorded")
                return Reply(request.id, record=record)
            case GetWindow():
                copy = self._runner.store.get(request.iteration, request.copy)
                if request.axes is not None or request.along is not None:
                    return Reply(request.id, window=_turned(copy, request))
                return Reply(request.id, window=copy.window(request.region, request.rows, request.columns))
            case GetSurvey():
                copy = self._runner.store.get(request.iteration, request.copy)
                other = self._runner.store.get(request.iteration, request.less) if request.less is not None else None
                less = other.engine.ndarray(other.kept) if other is not None else None
                return Reply(request.id, survey=survey(copy.engine.ndarray(copy.kept), request.bins, less))
            case GetHistograms():
                return Reply(request.id, histograms=[self._histogram(request, each) for each in request.ranges])
            case GetArray():
                copy = self._runner.store.get(request.iteration, request.copy)
                return Reply(request.id, array=copy.engine.array(copy.kept))
        return Reply(request.id)

    def _histogram(self, request: GetHistograms, each: Range) -> list[int]:
        """Counts of a sample; empty where its values are not kept, or have no numbers."""
        try:
            copy = self._runner.store.get(request.iteration, each.copy)
            return histogram(copy.engine.sample(copy.kept, SAMPLE), each.low, each.high, request.bins)
        except (LookupError, TypeError, ValueError):
            return []


def _turned(copy: Copy, request: GetWindow) -> Window:
    """A picture of two other axes than the last two, or of one against all others: of a view that has them last."""
    import numpy

    array = copy.engine.ndarray(copy.kept)
    axes = request.axes if request.along is None else (request.along,)
    if axes is None or len({*axes}) != len(axes) or not all(0 <= axis < array.ndim for axis in axes):
        raise LookupError(f"a tensor of {array.ndim} axes has no axes {axes}")
    view = numpy.moveaxis(array, axes, range(-len(axes), 0))
    if request.along is not None:
        view = view.reshape(-1, view.shape[-1]) if view.size else view.reshape(0, view.shape[-1])
    return NumpyEngine().window(view, request.region, request.rows, request.columns)
