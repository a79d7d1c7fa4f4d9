"""A terminal program seen from outside: when it first paints, and how long a key takes to a settled screen.

The program runs in a pseudo-terminal; what it writes goes through a terminal emulator (pyte), so that "painted" means
that there are letters on the screen.
"""

import fcntl
import os
import pty
import select
import signal
import struct
import tempfile
import termios
import time
from collections.abc import Callable, Sequence
from types import TracebackType

import pyte

QUIET = 0.06  # a screen is settled after so many seconds without output


class Terminal:
    """One program in a pseudo-terminal of `columns` × `rows`, started at once; ended with the `with` statement."""

    def __init__(self, command: Sequence[str], columns: int = 120, rows: int = 40) -> None:
        self._screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self._screen)
        self._drawn = 0
        self.written = bytearray()  # all of it
        self.arrivals: list[float] = []  # when each piece of it came
        self._home = tempfile.TemporaryDirectory()  # the arrangement of whoever runs this is not the program's
        self.started = time.perf_counter()
        self._painted = self.started
        self._status: int | None = None
        self.stopped = False  # as the shell's ctrl+z does
        self._process, self._descriptor = pty.fork()
        if self._process == 0:
            for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGTSTP):
                signal.signal(number, signal.SIG_DFL)  # whoever runs this may ignore them, as under nohup
            os.environ.update(
                TERM="xterm-256color", COLORTERM="truecolor", LANG="C.UTF-8", XDG_CONFIG_HOME=self._home.name
            )
            os.execvp(command[0], list(command))
        fcntl.ioctl(self._descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def __enter__(self) -> "Terminal":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._status is None:
            self.signal(signal.SIGKILL)
            os.waitpid(self._process, 0)
        os.close(self._descriptor)
        self._home.cleanup()

    @property
    def text(self) -> str:
        """What the screen shows now. Drawn only here: a terminal that took the time to draw would be measured, too."""
        self._stream.feed(bytes(self.written[self._drawn :]))
        self._drawn = len(self.written)
        return "\n".join(self._screen.display)

    def wait_until_closed(self, timeout: float = 60.0) -> int:
        """The program's exit code; raises TimeoutError where it does not end by itself."""
        deadline = time.perf_counter() + timeout
        while time.perf_counter() < deadline:
            self._pump(0.05)
            if (status := self.status()) is not None:
                self.settle(0.05)
                return status
        raise TimeoutError(f"still running after {timeout} s\n{self.text}")

    def status(self) -> int | None:
        """The program's exit code, a signal's number with a minus before it; None while it runs."""
        if self._status is None:
            process, status = os.waitpid(self._process, os.WNOHANG | os.WUNTRACED)
            if process and os.WIFSTOPPED(status):
                self.stopped = True
            elif process:
                self._status = os.waitstatus_to_exitcode(status)
        return self._status

    def wait_until_stopped(self, timeout: float = 60.0) -> None:
        """Until the program has stopped itself, as for the shell's job control."""
        self.wait_until(lambda: self.status() is None and self.stopped, timeout)

    def go_on(self) -> None:
        """Let a program that has stopped itself go on, as the shell's `fg` does."""
        self.stopped = False
        self.signal(signal.SIGCONT)

    def signal(self, number: signal.Signals) -> None:
        """Send the program a signal."""
        os.kill(self._process, number)

    def resize(self, columns: int, rows: int) -> None:
        """Give the terminal another size, and tell the program, as a terminal's window does."""
        self._screen.resize(rows, columns)
        fcntl.ioctl(self._descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.signal(signal.SIGWINCH)

    def wait_for(self, *words: str, timeout: float = 60.0) -> float:
        """Seconds from the start until the screen shows all of `words` (none: anything at all)."""
        deadline = time.perf_counter() + timeout
        while time.perf_counter() < deadline:
            text = self.text
            if text.strip() and all(word in text for word in words):
                return self._painted - self.started
            self._pump(0.2)
        raise TimeoutError(f"not on the screen within {timeout} s: {', '.join(words) or 'anything'}\n{self.text}")

    def wait_until(self, condition: Callable[[], bool], timeout: float = 60.0) -> None:
        """Take in what the program writes until `condition` holds."""
        deadline = time.perf_counter() + timeout
        while not condition():
            if time.perf_counter() > deadline:
                raise TimeoutError(f"not within {timeout} s\n{self.text}")
            self._pump(0.05)

    def memory(self) -> int:
        """Bytes of memory that the program itself has in use now (Linux)."""
        with open(f"/proc/{self._process}/statm", encoding="ascii") as sizes:
            return int(sizes.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def settle(self, quiet: float = 0.3, timeout: float = 10.0) -> None:
        """Read until nothing has come for `quiet` seconds."""
        deadline = time.perf_counter() + timeout
        while self._pump(quiet) is not None and time.perf_counter() < deadline:
            continue

    def send(self, keys: str, pause: float = 0.0) -> None:
        """Type `keys`, and take in what the program writes within `pause` seconds of the last that it wrote."""
        os.write(self._descriptor, keys.encode())
        self.settle(pause, pause)

    def press(self, key: str) -> float:
        """Seconds from writing `key` to the last output of the burst it causes."""
        start = time.perf_counter()
        os.write(self._descriptor, key.encode())
        last = self._pump(2.0)
        if last is None:
            raise TimeoutError(f"nothing changed on {key}\n{self.text}")
        while (later := self._pump(QUIET)) is not None:
            last = later
        return last - start

    def _pump(self, timeout: float) -> float | None:
        """Take in what the program writes next; the time at which it came, None where nothing did."""
        if not select.select([self._descriptor], [], [], timeout)[0]:
            return None
        try:
            data = os.read(self._descriptor, 1 << 16)
        except OSError:  # the program has closed its terminal
            return None
        arrived = time.perf_counter()
        self.written += data
        self.arrivals.append(arrived)
        if not data:
            return None
        self._painted = arrived
        return arrived
