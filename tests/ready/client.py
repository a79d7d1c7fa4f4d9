"""Starts scripts' processes by forking them from one that has the libraries ready, where that makes no difference."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from threading import Lock
from typing import IO

from stepper.session.process import ROOT

# The frames beneath a script are those that stepper's own start has
BOOT = (
    "import sys; sys.path[: not sys.flags.safe_path] = [{root!r}]; from tests.ready.server import serve; "
    "from stepper.inferior.main import main; main(*serve({descriptor}, {libraries!r}))"
)
STATUS = struct.Struct("=i")  # as in `server`
SEED = "PYTHONHASHSEED"


class Ready:
    """The process that others are forked from: it begins with the first, and ends with `close`.

    `libraries` is what it has loaded, by its name in `server`; `environment` is what it and all that are forked have.
    """

    def __init__(self, libraries: str, environment: Mapping[str, str]) -> None:
        self._libraries = libraries
        self._environment = dict(environment)
        self._other = {"PYTEST_CURRENT_TEST"} if SEED in environment else {"PYTEST_CURRENT_TEST", SEED}
        self._asked: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def start(
        self,
        command: Sequence[str],
        *,
        stdin: int | None,
        stdout: int | IO[bytes],
        stderr: int,
        pass_fds: tuple[int, int],
        start_new_session: bool,
        env: Mapping[str, str],
    ) -> Forked | subprocess.Popen[bytes]:
        """What `subprocess.Popen` is asked for a script's process. One with another environment is started as ever."""
        if self._but_other(env) != self._but_other(self._environment):
            return subprocess.Popen(
                command,
                stdin=stdin,
                stdout=stdout,
                stderr=stderr,
                pass_fds=pass_fds,
                start_new_session=start_new_session,
                env=env,
            )
        request = {"descriptors": [0, 1, 2, *pass_fds], "folder": os.getcwd(), SEED: env[SEED]}
        ours, theirs = os.pipe()
        nothing = os.open(os.devnull, os.O_RDONLY)
        read = nothing if stdin == subprocess.DEVNULL else 0 if stdin is None else stdin
        written = stdout if isinstance(stdout, int) else stdout.fileno()
        try:
            asked = self._asked or self._begun()
            socket.send_fds(asked, [json.dumps(request).encode()], [theirs, read, written, written, *pass_fds])
        finally:
            os.close(nothing)
            os.close(theirs)
        return Forked(ours)

    def _but_other(self, environment: Mapping[str, str]) -> dict[str, str]:
        return {name: text for name, text in environment.items() if name not in self._other}

    def _begun(self) -> socket.socket:
        self._asked, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-c", BOOT.format(root=ROOT, descriptor=theirs.fileno(), libraries=self._libraries)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
                env=self._environment,
            )
        return self._asked

    def close(self) -> None:
        """End it. What was forked from it goes on."""
        if self._asked is not None and self._process is not None:
            self._asked.close()
            self._process.wait()


class Forked:
    """A process that was forked, with the part of `subprocess.Popen` that is wanted of it."""

    def __init__(self, status: int) -> None:
        self._status = status
        self._lock = Lock()  # several threads may wait for it
        self.returncode: int | None = None
        self.pid = self._read()

    def _read(self) -> int:
        number: int = STATUS.unpack(os.read(self._status, STATUS.size))[0]
        return number

    def poll(self) -> int | None:
        """The exit code, if it has ended."""
        try:
            return self.wait(0)
        except subprocess.TimeoutExpired:
            return None

    def wait(self, timeout: float | None = None) -> int:
        """The exit code, when it has ended. Raises `subprocess.TimeoutExpired`."""
        while self.returncode is None:
            if not select.select([self._status], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired("a forked process", timeout or 0.0)
            with self._lock:
                if self.returncode is None:
                    self.returncode = os.waitstatus_to_exitcode(self._read())
        return self.returncode

    def kill(self) -> None:
        """End it at once, unless it has ended."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)

    def __del__(self) -> None:
        os.close(self._status)
