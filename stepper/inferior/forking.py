"""A script that forks is warned of its own threads only, not of the one that serves the debugger.

From Python 3.12 on, `os.fork` warns where the process has several threads. The warning's filter is put in place without
`warnings` being told, for otherwise what it has shown once it would show again.
"""

from __future__ import annotations

import functools
import os
import re
import sys
import threading
import warnings
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from stepper.inferior import threads

_SILENT = ("ignore", re.compile(r"This process \(pid=\d+\) is multi-threaded"), DeprecationWarning, None, 0)


def install() -> None:
    """Let `os.fork` and `os.forkpty` warn as they would without us."""
    os.register_at_fork(after_in_child=threads.forked)
    if sys.version_info >= (3, 12):
        for name in ("fork", "forkpty"):
            if hasattr(os, name):
                setattr(os, name, as_without_us(getattr(os, name)))


def as_without_us(fork: Callable[[], Any]) -> Callable[[], Any]:
    """`fork`, which returns a process's number or begins a tuple with it, warning of the script's own threads only."""

    @functools.wraps(fork)
    def forked() -> Any:
        filters: list[Any] = warnings.filters  # type: ignore[assignment]
        filters.insert(0, _SILENT)
        try:
            found = fork()
        finally:
            with suppress(ValueError):
                filters.remove(_SILENT)
        if (found if type(found) is int else found[0]) and _threads_of_the_script() > 1:
            warnings.warn(
                f"This process (pid={os.getpid()}) is multi-threaded, "
                f"use of {fork.__name__}() may lead to deadlocks in the child.",
                DeprecationWarning,
                stacklevel=2,
            )
        return found

    return forked


def _threads_of_the_script() -> int:
    """The threads of this process less our own, those without Python among them as far as the system tells."""
    try:
        return _threads() - threads.running()
    except (OSError, ValueError, IndexError):
        return threading.active_count()


def _threads() -> int:
    with open("/proc/self/stat", encoding="ascii", errors="replace") as file:
        return int(file.read().rpartition(")")[2].split()[17])
