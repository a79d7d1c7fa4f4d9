"""Copies of this process that run at the same time, or one by one: begun, waited for, and what each tells."""

from __future__ import annotations

import os
import signal
import warnings
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from select import select
from types import TracebackType

import msgspec

from stepper.inferior.alone import places
from stepper.inferior.protocol import Tried

SECONDS = 120.0
"""How long one pass may take."""
KIBIBYTE = 1024


class Told(msgspec.Struct):
    """What a copy came to; whether it did nothing, at its end, that another would notice; and the bytes it took."""

    tried: Tried
    alone: bool = False
    bytes: int = 0


_told = msgspec.msgpack.Decoder(Told)


class Forks:
    """At most `at_once` copies at a time, which are told of in the order in which they were begun.

    In a `with` statement, at whose end none is left.
    """

    def __init__(self, copier: Callable[[], int], at_once: int) -> None:
        self._copier = copier
        self._at_once = at_once
        self._running: deque[tuple[int, int]] = deque()  # each with the pipe that it tells through
        self._places: dict[int, int] = {}

    def __enter__(self) -> Forks:
        self._places = places()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process, _ in self._running:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        while self._running:
            self.finished()

    @property
    def running(self) -> bool:
        """Whether there are some to be waited for."""
        return bool(self._running)

    @property
    def full(self) -> bool:
        """Whether one has to finish before another can begin."""
        return len(self._running) >= self._at_once

    def fork(self) -> int | None:
        """Begin another. In it, the pipe to tell through; None in this process. Raises OSError where there cannot be
        one."""
        ours, theirs = os.pipe()
        try:
            with warnings.catch_warnings(action="ignore"):
                process = self._copier()
        except OSError:
            os.close(ours)
            os.close(theirs)
            raise
        if process == 0:
            os.close(ours)
            for _, pipe in self._running:
                os.close(pipe)
            self._running.clear()  # they are not this process's own
            return theirs
        os.close(theirs)
        self._running.append((process, ours))
        return None

    def finished(self) -> Told:
        """Wait for the one that was begun first."""
        process, pipe = self._running.popleft()
        told = _outcome(process, pipe)
        moved = places()
        for descriptor, place in self._places.items():
            if moved.get(descriptor, place) != place:
                os.lseek(descriptor, place, os.SEEK_SET)  # what a copy has read is there for the next
                told.alone = False
        return told


def _outcome(process: int, pipe: int) -> Told:
    """What a copy tells; its end."""
    told = Told(Tried(None, [], "its process died"))
    said = b""
    try:
        while select([pipe], [], [], SECONDS)[0]:
            part = os.read(pipe, 1 << 16)
            if not part:
                break
            said += part
            with suppress(msgspec.DecodeError):  # there is more to come
                told = _told.decode(said)
                break
        else:
            os.kill(process, signal.SIGKILL)
            told = Told(Tried(None, [], f"it did not come to its loss within {SECONDS:.0f} seconds"))
    finally:
        os.close(pipe)
        _, _, usage = os.wait4(process, 0)
        told.bytes = KIBIBYTE * usage.ru_maxrss
    return told
