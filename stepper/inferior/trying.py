"""Trying out what the loss of an iteration would be with other numbers: in copies of the process, forked at its head.

A copy has everything as it was there, generators and all; it runs the pass, tells its losses through a pipe and ends at
once, without the script's exit handlers. Nothing of it comes back into the run.
"""

from __future__ import annotations

import builtins
import os
import signal
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from os import _exit as leave  # the script may put another in its place
from select import select
from types import FrameType
from typing import Any

import msgspec

from stepper.engines.base import Engine
from stepper.inferior.frames import own_frames
from stepper.inferior.losses import LossKeeper
from stepper.inferior.naming import passing_names
from stepper.inferior.protocol import Nudge, Reply, Tried
from stepper.inferior.reaching import Reached, reach
from stepper.program.program import Program

FORK: Callable[[], int] | None = getattr(os, "fork", None)  # not every system has it, and a script may replace it
FILES = "/dev/fd"  # the open files of this process, by number
SECONDS = 120.0
"""How long one pass may take."""
TAKING = ("named", "backward", "of", "held")  # the probes that losses are taken by
PROBES = ("loss", "backward", "loss_of", "loss_held")  # and what the program calls them

_tried = msgspec.msgpack.Decoder(Tried)


class Trials:
    """Answers nudges, on the script's thread, while it stands at a head."""

    def __init__(self, program: Program, engines: Sequence[Engine], losses: LossKeeper) -> None:
        self._engines = engines
        self._losses = losses
        self._files = {program.path, program.home, *(module.path for module in program.modules)}
        self._passing = passing_names(program.sites)
        self._pipe = -1  # in a copy: where its losses are told
        self._number: float | None = None
        self._enough = 0
        self._reached: dict[str, Reached] = {}
        self.answer = Reply(0)

    def stand(self) -> None:
        """The process has come to another head: parameters may be other objects by now."""
        self._reached.clear()

    def copied(self, nudge: Nudge) -> bool:
        """Try each number of a nudge. True in a copy, which has to run the pass; in the process itself False, and
        `answer` is to be sent."""
        tried: list[Tried] = []
        try:
            fork = _copier()
            reached = self._reached.get(nudge.parameter)
            if reached is None:
                reached = reach(nudge.parameter, nudge.like, *self._holders(), self._engines, self._passing)
                self._reached[nudge.parameter] = reached  # until the process goes on
            states = [(engine, engine.random_state()) for engine in self._engines]
            for number in nudge.numbers:
                offsets = list(_offsets())
                ours, theirs = os.pipe()
                with warnings.catch_warnings(action="ignore"):
                    process = fork()
                if process == 0:
                    os.close(ours)
                    self._become(theirs, nudge, reached, number, states)
                    return True
                os.close(theirs)
                tried.append(_outcome(process, ours))
                for descriptor, offset in offsets:
                    os.lseek(descriptor, offset, os.SEEK_SET)  # what a copy has read is there for the next
        except (LookupError, OSError) as error:
            self.answer = Reply(nudge.id, error=str(error.args[-1] if error.args else error))
        else:
            self.answer = Reply(nudge.id, tried=tried)
        return False

    def over(self, error: str = "") -> None:
        """In a copy, its pass is over: tell what came of it, and end. Elsewhere, nothing."""
        if self._pipe >= 0:
            told = Tried(self._number, self._losses.current(), error)
            os.write(self._pipe, msgspec.msgpack.encode(told))
            leave(0)

    def _become(
        self,
        pipe: int,
        nudge: Nudge,
        reached: Reached,
        number: float | None,
        states: list[tuple[Engine, bytes | None]],
    ) -> None:
        """This process is a copy: it says nothing, has the other number, and ends with the pass."""
        self._pipe, self._enough = pipe, nudge.losses
        silence = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silence, 1)
        os.dup2(silence, 2)
        self._losses.forget()
        self._losses.head()
        for taking, probe in zip(TAKING, PROBES, strict=True):
            setattr(builtins, f"__stepper_{probe}__", self._counted(getattr(self._losses, taking)))
        builtins.__stepper_iteration__ = self.over  # type: ignore[attr-defined]
        builtins.__stepper_leave__ = self._left  # type: ignore[attr-defined]
        torch = sys.modules.get("torch")
        if torch is not None:
            torch.set_num_threads(1)  # the threads that shared the work were not copied
        for engine, state in states:
            if state is not None:
                engine.set_random_state(state)  # Python seeds its own anew in a forked process
        try:
            self._number = None if number is None else reached.write(nudge.index, number)
        except Exception as error:
            self.over(f"{nudge.parameter} cannot be written to: {error}")

    def _counted(self, take: Callable[..., Any]) -> Callable[..., Any]:
        """A probe that takes losses, and ends the pass when there are as many as there were."""

        def taken(*values: Any) -> Any:
            given = take(*values)
            if len(self._losses.current()) >= self._enough:
                self.over()
            return given

        return taken

    def _left(self) -> None:
        """The loop was left; where there was no loss yet, it may come behind the loop."""
        if self._losses.current():
            self.over()
        self._losses.cut()

    def _holders(self) -> tuple[list[FrameType], list[dict[str, Any]]]:
        """The script's frames, innermost first, and the namespaces of its files."""
        frames = list(own_frames(self._files))
        spaces = {id(each.f_globals): each.f_globals for each in frames}
        main = vars(sys.modules["__main__"])
        others = [vars(each) for each in list(sys.modules.values()) if getattr(each, "__file__", None) in self._files]
        for space in (main, *others):
            spaces.setdefault(id(space), space)
        return frames, list(spaces.values())


def _copier() -> Callable[[], int]:
    """What copies this process. Raises LookupError where a copy would not work."""
    if FORK is None:
        raise LookupError("on this system no process can be copied, so nothing can be tried beside it")
    cuda = getattr(sys.modules.get("torch"), "cuda", None)
    if cuda is not None and cuda.is_initialized():
        raise LookupError("a process that uses CUDA cannot be copied: check the gradients with --device cpu")
    return FORK


def _offsets() -> Iterator[tuple[int, int]]:
    """The places that open files are read at, which a copy shares with this process."""
    for name in os.listdir(FILES) if os.path.isdir(FILES) else ():
        try:
            yield int(name), os.lseek(int(name), 0, os.SEEK_CUR)
        except OSError:
            continue  # a pipe, a socket, or the listing itself


def _outcome(process: int, pipe: int) -> Tried:
    """What a copy tells; its end."""
    told = b""
    try:
        while select([pipe], [], [], SECONDS)[0]:
            part = os.read(pipe, 1 << 16)
            if not part:
                break
            told += part
            with suppress(msgspec.DecodeError):  # there is more to come
                return _tried.decode(told)
        else:
            os.kill(process, signal.SIGKILL)
            return Tried(None, [], f"it did not come to its loss within {SECONDS:.0f} seconds")
    finally:
        os.close(pipe)
        os.waitpid(process, 0)
    return Tried(None, [], "its process died")
