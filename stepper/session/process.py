"""Starts the script's process: a fresh interpreter, a socket pair, and a file that takes all its output."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, NamedTuple

import stepper
from stepper.inferior.protocol import NOT_RECORDING, SETUP, WHEREABOUTS, Launch, frame

THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
ROOT = str(Path(stepper.__file__).resolve().parent.parent)
# sys.path[0] is where the interpreter was told to look for scripts: ours while our own modules load, then the script's.
BOOT = "import sys; sys.path[0] = {root!r}; from stepper.inferior.main import main; main({descriptor}, {whereabouts})"


class Whereabouts(NamedTuple):
    """The iteration that was being recorded, the event and the line of its newest statement, and iterations begun."""

    iteration: int
    event: int
    line: int
    begun: int

    @property
    def recorded(self) -> bool:
        """Whether anything was being recorded, so that the statement is known."""
        return self.iteration != NOT_RECORDING and self.event >= 0

    @property
    def halt(self) -> tuple[int | None, int]:
        """The statement, as `Launch.halt` names it."""
        return (None if self.iteration == SETUP else self.iteration, self.event)

    def __str__(self) -> str:
        return f" at line {self.line}, in {'the setup' if self.iteration == SETUP else f'iteration {self.iteration}'}"


class Process:
    """One script's process. Its standard output and error go, in order, to one unnamed file.

    A file rather than a pipe: nobody has to read while the script holds the interpreter's lock, and an offset into it
    says which statement wrote what. `stdin` is as for `subprocess.Popen`; None lets the script read what we were given.
    """

    def __init__(self, launch: Launch, hash_seed: str, stdin: int | None = subprocess.DEVNULL) -> None:
        ours, theirs = socket.socketpair()
        self.socket = ours
        self._output: IO[bytes] = tempfile.TemporaryFile(prefix="stepper-output-")  # noqa: SIM115 (closed by kill)
        self._whereabouts: IO[bytes] = tempfile.TemporaryFile(prefix="stepper-whereabouts-")  # noqa: SIM115 (as above)
        self._whereabouts.write(WHEREABOUTS.pack(NOT_RECORDING, -1, 0, 0))
        self._whereabouts.flush()
        shared = self._whereabouts.fileno()
        boot = BOOT.format(root=ROOT, descriptor=theirs.fileno(), whereabouts=shared)
        append = os.open(f"/proc/self/fd/{self._output.fileno()}", os.O_WRONLY | os.O_APPEND) if _has_proc() else None
        try:
            self._popen = subprocess.Popen(
                [sys.executable, "-c", boot],
                stdin=stdin,
                stdout=append if append is not None else self._output,
                stderr=subprocess.STDOUT,
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

    def wait(self, timeout: float) -> int | None:
        """The exit code, if it comes within `timeout` seconds."""
        try:
            return self._popen.wait(timeout)
        except subprocess.TimeoutExpired:
            return None

    def kill(self) -> None:
        """End it and all it started, now."""
        if self._popen.poll() is None:
            try:
                os.killpg(self._popen.pid, signal.SIGKILL)
            except ProcessLookupError:
                self._popen.kill()
            self._popen.wait()
        self._output.close()
        self._whereabouts.close()

    def whereabouts(self) -> Whereabouts:
        """Where the script was when last it said so; of use when the process has died."""
        return Whereabouts(*WHEREABOUTS.unpack(os.pread(self._whereabouts.fileno(), WHEREABOUTS.size, 0)))

    def describe_death(self) -> str:
        """How the process ended, in words."""
        code = self.wait(2.0)
        if code is None:
            return "the script's process closed its connection"
        if code < 0:
            try:
                name = signal.Signals(-code).name
            except ValueError:
                name = f"signal {-code}"
            return f"the script's process was ended by {name}{self._place()}"
        return f"the script's process ended with exit code {code}{self._place()}"

    def _place(self) -> str:
        """Where it ended, as far as that is known."""
        at = self.whereabouts()
        return str(at) if at.recorded else ""


def new_hash_seed() -> str:
    """A hash seed for a session, as random as the one plain Python would have drawn."""
    return str(secrets.randbelow(4_294_967_295) + 1)


def _has_proc() -> bool:
    return os.path.isdir("/proc/self/fd")
