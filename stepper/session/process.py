"""Starts the script's process: a fresh interpreter, a socket pair, and a file that takes all its output."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import struct
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from subprocess import DEVNULL, STDOUT, Popen, TimeoutExpired
from typing import IO, NamedTuple

import stepper
from stepper.inferior.protocol import (
    LOSSES,
    LOSSES_KEPT,
    NO_LOSS,
    NOT_RECORDING,
    NOWHERE,
    SETUP,
    WHEREABOUTS,
    Launch,
    frame,
)
from stepper.record import place

THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
ROOT = str(Path(stepper.__file__).resolve().parent.parent)
# sys.path[0] is where the interpreter was told to look for scripts: ours while our own modules load, then the script's.
BOOT = (
    "import sys; sys.path[: not sys.flags.safe_path] = [{root!r}]; "
    "from stepper.inferior.main import main; main({descriptor}, {whereabouts})"
)
NOTHING = struct.pack("=q", NO_LOSS)


class Whereabouts(NamedTuple):
    """Where a script was when last it said so: see `WHEREABOUTS`.

    The iteration being recorded, the event and the line of its newest statement; the iteration under way, and whether
    none can have begun behind it; the losses that are known: those from iteration `since` to the one before `over`.
    """

    iteration: int
    event: int
    line: int
    under_way: int
    for_sure: int
    over: int
    since: int

    @property
    def recorded(self) -> bool:
        """Whether anything was being recorded, so that the statement is known."""
        return self.iteration != NOT_RECORDING and self.event >= 0

    @property
    def halt(self) -> tuple[int | None, int]:
        """The statement, as `Launch.halt` names it."""
        return (None if self.iteration == SETUP else self.iteration, self.event)

    @property
    def begun(self) -> int:
        """The iteration under way; 0 in the setup."""
        return max(0, self.under_way)

    def told(self, file: str = "") -> str:
        """That, to be read behind how the process ended. `file`: which the line is of, where that is not the script."""
        if self.recorded:
            return f" at {place(self.line, file)}, in {_named(self.iteration)}"
        if self.under_way == SETUP:
            return " in the setup"
        if not self.for_sure:
            return f" in iteration {self.under_way} or later"
        return f" {'in' if self.over <= self.under_way else 'after'} iteration {self.under_way}"


def _named(iteration: int) -> str:
    return "the setup" if iteration == SETUP else f"iteration {iteration}"


class Process:
    """One script's process. Its standard output and error go, in order, to one unnamed file.

    A file rather than a pipe: nobody has to read while the script holds the interpreter's lock, and an offset into it
    says which statement wrote what. `stdin` is as for `subprocess.Popen`; None lets the script read what we were given.
    """

    def __init__(self, launch: Launch, hash_seed: str, stdin: int | None = DEVNULL) -> None:
        ours, theirs = socket.socketpair()
        self.socket = ours
        self._output: IO[bytes] = tempfile.TemporaryFile(prefix="stepper-output-")  # noqa: SIM115 (closed by close)
        self._whereabouts: IO[bytes] = tempfile.TemporaryFile(prefix="stepper-whereabouts-")  # noqa: SIM115 (as above)
        self._whereabouts.write(WHEREABOUTS.pack(*NOWHERE) + bytes(LOSSES.size))
        self._whereabouts.flush()
        shared = self._whereabouts.fileno()
        boot = BOOT.format(root=ROOT, descriptor=theirs.fileno(), whereabouts=shared)
        append = os.open(f"/proc/self/fd/{self._output.fileno()}", os.O_WRONLY | os.O_APPEND) if _has_proc() else None
        try:
            self._popen = Popen(
                [sys.executable, "-c", boot],
                stdin=stdin,
                stdout=append if append is not None else self._output,
                stderr=STDOUT,
                pass_fds=(theirs.fileno(), shared),
                start_new_session=True,  # an interrupt at the terminal is the debugger's, which then ends the process
                env=self._environment(launch, hash_seed),
            )
        finally:
            theirs.close()
            if append is not None:
                os.close(append)
        ours.sendall(frame(launch))

    @staticmethod
    def _environment(launch: Launch, hash_seed: str) -> Mapping[str, str]:
        environment = dict(os.environ)
        # A replay has to walk sets of strings in the same order: one hash seed for all processes of a session.
        environment.setdefault("PYTHONHASHSEED", hash_seed)
        if launch.threads is not None:
            environment.update(dict.fromkeys(THREAD_VARIABLES, str(launch.threads)))
        return environment

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative: the number of the signal that ended it."""
        return self._popen.poll()

    def output(self, start: int = 0, end: int | None = None) -> bytes:
        """What the script has written, from byte `start` to byte `end`."""
        size = os.fstat(self._output.fileno()).st_size if end is None else end
        return os.pread(self._output.fileno(), max(0, size - start), start)

    @property
    def printed(self) -> int:
        """How many bytes it has written; none any more once it is closed."""
        return 0 if self._output.closed else os.fstat(self._output.fileno()).st_size

    def wait(self, timeout: float) -> int | None:
        """The exit code, if it comes within `timeout` seconds."""
        try:
            return self._popen.wait(timeout)
        except TimeoutExpired:
            return None

    def kill(self) -> None:
        """End it and all it started, now. What it has written stays."""
        if self._popen.poll() is None:
            try:
                os.killpg(self._popen.pid, signal.SIGKILL)
            except ProcessLookupError:
                self._popen.kill()
            self._popen.wait()

    def close(self) -> None:
        """The same, and nobody asks any more what it has written."""
        self.kill()
        self._output.close()
        self._whereabouts.close()

    def whereabouts(self) -> Whereabouts:
        """Where the script was when last it said so; of use when the process has died."""
        return Whereabouts(*WHEREABOUTS.unpack(os.pread(self._whereabouts.fileno(), WHEREABOUTS.size, 0)))

    def losses_from(self, first: int) -> list[float | None]:
        """The losses of iterations from `first` on that the process knew, and may not have told."""
        at = self.whereabouts()
        if at.since > first or at.over <= first or at.over - first > LOSSES_KEPT:
            return []
        kept = os.pread(self._whereabouts.fileno(), LOSSES.size, WHEREABOUTS.size)
        found = [kept[8 * (number % LOSSES_KEPT) :][:8] for number in range(first, at.over)]
        return [None if loss == NOTHING else struct.unpack("=d", loss)[0] for loss in found]

    def describe_death(self, file: str = "") -> str:
        """How the process ended, and where, in words. `file` is as for `Whereabouts.told`."""
        return f"{self.death()}{self.whereabouts().told(file)}"

    def death(self) -> str:
        """The same, without where."""
        code = self.wait(2.0)
        if code is None:
            return "the script's process closed its connection"
        if code < 0:
            try:
                name = signal.Signals(-code).name
            except ValueError:
                name = f"signal {-code}"
            return f"the script's process was ended by {name}"
        return f"the script's process ended with exit code {code}"


def new_hash_seed() -> str:
    """A hash seed for a session, as random as the one plain Python would have drawn."""
    return str(secrets.randbelow(4_294_967_295) + 1)


def _has_proc() -> bool:
    return os.path.isdir("/proc/self/fd")
