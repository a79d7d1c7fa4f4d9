"""Trying out what the loss of an iteration would be with other numbers: in copies of the process, forked at its head.

A copy has everything as it was there, generators and all; it runs the pass, tells its losses through a pipe and ends at
once, without the script's exit handlers. Nothing of it comes back into the run. Copies that notice nothing of one
another (see `alone`) run side by side.
"""

from __future__ import annotations

import builtins
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from os import _exit as leave  # the script may put another in its place
from types import FrameType
from typing import Any

import msgspec

from stepper.engines.base import Engine
from stepper.engines.detached import Detached
from stepper.engines.modes import torch_module
from stepper.inferior.alone import Silence, reads_together, room
from stepper.inferior.forks import Forks, Told
from stepper.inferior.pages import gather
from stepper.inferior.protocol import Nudge, Push, Reply, Tried
from stepper.inferior.reaching import Reached, reach
from stepper.inferior.recording.frames import own_frames
from stepper.inferior.recording.losses import LossKeeper
from stepper.inferior.recording.naming import passing_names
from stepper.program.program import Program
from stepper.record import Summary

FORK: Callable[[], int] | None = getattr(os, "fork", None)  # not every system has it, and a script may replace it
ENOUGH = 2  # copies that ran by themselves, and did nothing that others would notice
TAKING = ("named", "backward", "of", "held")  # the probes that losses are taken by
PROBES = ("loss", "backward", "loss_of", "loss_held")  # and what the program calls them

Act = Callable[[float], float]
"""Has a copy be another, and tells the number that it has then."""


class Trials:
    """Answers nudges, on the script's thread, while it stands at a head."""

    def __init__(self, program: Program, engines: Sequence[Engine], losses: LossKeeper) -> None:
        self._engines = engines
        self._losses = losses
        self._files = {program.path, program.home, *(module.path for module in program.modules)}
        self._passing = passing_names(program.sites)
        self._pipe = -1  # in a copy: where its losses are told
        self._silence: Silence | None = None
        self._number: float | None = None
        self._enough = self._behind = 0
        self._late: Callable[[], None] | None = None  # in a copy: what is to be done when the loop has been left
        self._reached: dict[str, Reached] = {}
        self._alone = 0  # copies that did nothing that others would notice
        self._noticed = False  # one did
        self._gathered = False  # this process's memory lies in large pages, so that copies take less
        self._known: int | None = None  # the file whose memory is shared with the debugger
        self._reads_together = True  # copies would: of this process's files, found once for all of them
        self._largest = 0  # bytes that one took
        self._detached: bytes | None = None  # what the pass has detached, with nothing moved
        self._detached_behind = 0  # so many losses behind it were waited for then
        self._keeping: tuple[Detached, int] | None = None  # in a copy that takes it down, and the file that it goes to
        self.answer = Reply(0)

    def stand(self) -> None:
        """The process has come to another head: parameters may be other objects by now, and the pass another."""
        self._reached.clear()
        self._alone, self._noticed, self._gathered = 0, False, False
        self._detached = None

    def copied(self, nudge: Nudge | Push) -> bool:
        """Try each number of a nudge. True in a copy, which has to run the pass; in the process itself False, and
        `answer` is to be sent."""
        try:
            copier = _copier()
            if not self._gathered:
                self._gathered = True
                gather()
            self._known = self._losses.whereabouts.inode
            self._reads_together = reads_together(self._known)
            act = self._act(nudge)
            states = [(engine, engine.random_state()) for engine in self._engines if engine.reseeded]
            taken = self._detached is not None and self._detached_behind == nudge.behind
            if nudge.held and not taken and self._take_down(copier, nudge, states):
                return True
            told = self._all_told(copier, nudge, act, states)
        except (LookupError, OSError) as error:
            self.answer = Reply(nudge.id, error=str(error.args[-1] if error.args else error))
            return False
        if told is None:
            return True
        self._largest = max(self._largest, *(each.bytes for each in told), 0)
        self.answer = Reply(nudge.id, tried=[each.tried for each in told])
        return False

    def _all_told(
        self, copier: Callable[[], int], nudge: Nudge | Push, act: Act, states: list[tuple[Engine, bytes | None]]
    ) -> list[Told] | None:
        """The same as `_told`, by copies side by side where they notice nothing of one another; where they turn out to
        have, one by one again."""
        at_once = 1 if self._noticed or self._alone < ENOUGH else room(self._largest)
        if at_once > 1:
            with suppress(OSError):  # so many are too many
                told = self._told(nudge, act, states, Forks(copier, at_once))
                if told is None or all(each.alone for each in told):
                    return told
            self._noticed = True
        told = self._told(nudge, act, states, Forks(copier, 1))
        if told is not None:
            self._alone += sum(each.alone for each in told)
            self._noticed |= not all(each.alone for each in told)
        return told

    def _take_down(
        self, copier: Callable[[], int], nudge: Nudge | Push, states: list[tuple[Engine, bytes | None]]
    ) -> bool:
        """Have a copy take down what its pass detaches. True in that copy. Raises LookupError where it cannot."""
        with tempfile.TemporaryFile() as file, Forks(copier, 1) as copies:
            pipe = copies.fork()
            if pipe is not None:
                self._keeping = Detached(), os.dup(file.fileno())
                self._begin(pipe, nudge, float, None, states)
                return True
            told = copies.finished().tried
            if told.error:
                raise LookupError(told.error)
            self._detached = os.pread(file.fileno(), os.fstat(file.fileno()).st_size, 0)
            self._detached_behind = nudge.behind
        return False

    def _act(self, nudge: Nudge | Push) -> Act:
        """What a copy is to do with a number. Raises LookupError where a parameter is not reached."""
        if isinstance(nudge, Nudge):
            place = self._reach(nudge.parameter, nudge.like)
            return lambda number: place.write(nudge.index, number)
        ways = [
            (self._reach(move.parameter, move.like).along(move.seed, move.part), move.scale) for move in nudge.moves
        ]

        def push(step: float) -> float:
            for go, scale in ways:
                go(step * scale)
            return step

        return push

    def _reach(self, name: str, like: Summary) -> Reached:
        reached = self._reached.get(name)
        if reached is None:
            reached = reach(name, like, *self._holders(), self._engines, self._passing)
            self._reached[name] = reached  # until the process goes on
        return reached

    def _told(
        self, nudge: Nudge | Push, act: Act, states: list[tuple[Engine, bytes | None]], copies: Forks
    ) -> list[Told] | None:
        """What came of each number; None in a copy. Raises OSError where this process cannot be copied."""
        told: list[Told] = []
        with copies:
            for number in nudge.numbers:
                if copies.full:
                    told.append(copies.finished())
                pipe = copies.fork()
                if pipe is not None:
                    self._begin(pipe, nudge, act, number, states)
                    return None
            while copies.running:
                told.append(copies.finished())
        return told

    def over(self, error: str = "") -> None:
        """In a copy, its pass is over: tell what came of it, and end. Elsewhere, nothing."""
        if self._pipe >= 0:
            try:
                alone = self._silence is not None and self._silence.kept
                if self._keeping is not None and not error:
                    detached, file = self._keeping
                    os.pwrite(file, detached.told(), 0)
                losses = self._losses.behind() if self._behind else self._losses.current()
                told = Told(Tried(self._number, losses, error), alone)
                os.write(self._pipe, msgspec.msgpack.encode(told))
            finally:
                leave(0)  # also where nobody is there any more to be told: the script might go on with any error

    def _begin(
        self,
        pipe: int,
        nudge: Nudge | Push,
        act: Act,
        number: float | None,
        states: list[tuple[Engine, bytes | None]],
    ) -> None:
        """This process is a copy: whatever fails, it ends, and never goes on as if it were the one that was copied."""
        self._pipe = pipe
        try:
            self._become(nudge, act, number, states)
        except BaseException as error:
            self.over(f"its process could not begin: {error}")

    def _become(
        self, nudge: Nudge | Push, act: Act, number: float | None, states: list[tuple[Engine, bytes | None]]
    ) -> None:
        """A copy says nothing, has the other number, and ends with the pass."""
        self._enough, self._behind = nudge.losses, nudge.behind
        self._silence = Silence(self._known, self._reads_together)
        self._losses.forget()
        self._losses.head()
        for taking, probe in zip(TAKING, PROBES, strict=True):
            setattr(builtins, f"__stepper_{probe}__", self._counted(getattr(self._losses, taking)))
        builtins.__stepper_iteration__ = self.over  # type: ignore[attr-defined]
        builtins.__stepper_leave__ = self._left  # type: ignore[attr-defined]
        torch = torch_module()
        if torch is not None:
            torch.set_num_threads(1)  # the threads that shared the work were not copied
        for engine, state in states:
            if state is not None:
                engine.set_random_state(state)

        def move() -> None:
            try:
                self._number = None if number is None else act(number)
            except Exception as error:
                name = nudge.parameter if isinstance(nudge, Nudge) else "what is to be moved"
                self.over(f"{name} cannot be written to: {error}")

        if nudge.behind:
            self._late = move
        else:
            move()
        if self._keeping is not None:
            self._keeping[0].keep()
        elif nudge.held and self._detached is not None:
            Detached().hold(self._detached)

    def _counted(self, take: Callable[..., Any]) -> Callable[..., Any]:
        """A probe that takes losses, and ends the pass when there are as many as there were."""

        def taken(*values: Any) -> Any:
            given = take(*values)
            if self._behind:
                enough = len(self._losses.behind()) >= self._behind
            else:
                enough = len(self._losses.current()) >= self._enough
            if enough:
                self.over()
            return given

        return taken

    def _left(self) -> None:
        """The loop was left; where there was no loss yet, it may come behind the loop."""
        if self._losses.current() and not self._behind:
            self.over()
        self._losses.cut()
        late, self._late = self._late, None
        if late is not None:
            late()

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
    torch = torch_module()
    if torch is not None and torch.cuda.is_initialized():
        raise LookupError("a process that uses CUDA cannot be copied: check the gradients with --device cpu")
    return FORK
