"""Lets the script stand in the midst of an iteration, wherever it is, and says which line that is."""

from __future__ import annotations

import sys
from collections.abc import Callable
from threading import get_ident
from time import perf_counter, sleep
from types import FrameType
from typing import Any

from stepper.inferior.channel import Channel
from stepper.inferior.control import Control
from stepper.inferior.ours import is_ours
from stepper.inferior.protocol import Stopped
from stepper.inferior.recording.recorder import Recorder
from stepper.record import Spot

RECORD_SECONDS = 1.0  # how long a pause waits for an iteration to be recorded to its end
AGAIN_SECONDS = 0.02  # between two tries to let the script stand


class Standing:
    """`begun` says how many iterations have begun, `recording` whether the last is being recorded; `went_on` is told
    when the script does."""

    def __init__(
        self,
        recorder: Recorder,
        control: Control,
        channel: Channel,
        begun: Callable[[], int],
        recording: Callable[[], bool],
        went_on: Callable[[], None],
    ) -> None:
        self._recorder = recorder
        self._control = control
        self._channel = channel
        self._begun = begun
        self._recording = recording
        self._went_on = went_on
        self._pending: Any = None  # kept, since C code calls it
        self._asked = False  # and it has not answered yet

    def anywhere(self) -> None:
        """On a thread of its own: no head came, so let the script stand between two of its instructions.

        An iteration that is recorded has `RECORD_SECONDS` more, since then it is complete. Not in the setup.
        """
        import ctypes

        if self._pending is None:
            self._pending = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p)(self._in_pass)
        begun = perf_counter()
        while self._control.pausing:
            if not self._recording() or perf_counter() - begun > RECORD_SECONDS:
                self._recorder.asked = self._before
                if not self._asked:
                    self._asked = True
                    ctypes.pythonapi.Py_AddPendingCall(self._pending, None)
            sleep(AGAIN_SECONDS)
        self._recorder.asked = None

    def _in_pass(self, _: object) -> int:
        """On the script's thread, wherever it is. Not within our own code, which may hold a lock: it is asked again."""
        self._asked = False
        frame: FrameType | None = sys._getframe(1)
        own = self._own_files()
        while frame is not None and frame.f_code.co_filename not in own:
            if self._recording() and is_ours(frame.f_code.co_filename):
                return 0
            frame = frame.f_back
        self._stand(Spot("", 0) if frame is None else self._spot_of(frame))
        return 0

    def where(self) -> Spot | None:
        """From any thread: the line of the script's own files that its thread is at; None where it is at none."""
        frame, own = sys._current_frames().get(self._recorder.thread), self._own_files()
        while frame is not None and frame.f_code.co_filename not in own:
            frame = frame.f_back
        return None if frame is None else self._spot_of(frame)

    def _own_files(self) -> set[str]:
        program = self._recorder.program
        return {program.path, *(module.path for module in program.modules)}

    def _spot_of(self, frame: FrameType) -> Spot:
        file = frame.f_code.co_filename
        return Spot("" if file == self._recorder.program.home else file, frame.f_lineno)

    def _before(self, spot: Spot) -> None:
        """A statement is about to be recorded. Pending calls are run where a probe begins, in our code."""
        if get_ident() == self._recorder.thread:
            self._stand(spot)

    def _stand(self, spot: Spot) -> None:
        """Stand at a line, in the midst of an iteration, if told to."""
        begun = self._begun()
        while begun and self._control.pausing:
            self._control.stand()
            self._channel.send(Stopped(begun, spot, recording=self._recording()))
            self._control.wait()
            self._went_on()
