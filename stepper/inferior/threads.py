"""Our own threads. `threading` does not list them: a script that counts its threads, or has each that begins profiled,
is to find its own."""

from __future__ import annotations

from _thread import start_new_thread
from collections.abc import Callable
from threading import Lock
from time import sleep

_lock = Lock()
_running = 0


def begin(work: Callable[[], object], seconds: float = 0.0) -> None:
    """Do this work in a thread of its own, after so many seconds. The process does not wait for its end."""
    global _running

    def run() -> None:
        global _running
        try:
            sleep(seconds)
            work()
        finally:
            with _lock:
                _running -= 1

    with _lock:
        _running += 1
    start_new_thread(run, ())


def running() -> int:
    """How many there are."""
    return _running


def forked() -> None:
    """This is a forked process, which has none of them."""
    global _running, _lock
    _running, _lock = 0, Lock()
