"""The service thread: takes the debugger's requests, answers from kept copies, and never touches a live value."""

from __future__ import annotations

import os
import threading

from stepper.inferior.channel import Channel
from stepper.inferior.control import Control
from stepper.inferior.protocol import GetArray, GetRecord, GetWindow, Pause, Quit, Reply, Request, Run
from stepper.inferior.runner import Runner


class Service(threading.Thread):
    """Serves one connection until it ends; a debugger that has gone takes the process with it."""

    def __init__(self, channel: Channel, control: Control, runner: Runner) -> None:
        super().__init__(name="stepper-service", daemon=True)
        self._channel = channel
        self._control = control
        self._runner = runner

    def run(self) -> None:
        while True:
            try:
                request = self._channel.request()
            except (ConnectionError, OSError):
                os._exit(0)
            self._channel.send(self._answer(request))

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
            case Quit():
                self._control.quit()
            case GetRecord():
                record = self._runner.records.get(request.iteration)
                if record is None:
                    raise LookupError(f"iteration {request.iteration} is not recorded")
                return Reply(request.id, record=record)
            case GetWindow():
                copy = self._runner.store.get(request.iteration, request.copy)
                picture = copy.engine.window(copy.kept, request.region, request.rows, request.columns)
                return Reply(request.id, window=picture)
            case GetArray():
                copy = self._runner.store.get(request.iteration, request.copy)
                return Reply(request.id, array=copy.engine.array(copy.kept))
        return Reply(request.id)
