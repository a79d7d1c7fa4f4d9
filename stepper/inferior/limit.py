"""Limits to what may take long: Python code is ended where it is, as by an exception. What runs inside one call of a
library's is ended when that returns, or with the debugger."""

from __future__ import annotations

import ctypes
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Lock, get_ident
from typing import TypeVar

from stepper.inferior import threads

T = TypeVar("T")
SET_DEATH_SIGNAL, GET_DEATH_SIGNAL = 1, 2  # of Linux's prctl: what the kernel sends a process whose parent has died


class TookLong(Exception):
    """It has not come to its end in time."""


def within(seconds: float, work: Callable[[], T]) -> T:
    """What `work` returns. Raises TookLong where that takes longer than so many seconds, else whatever it raises."""
    lock, over, thread = Lock(), Event(), get_ident()

    def end() -> None:
        over.wait(seconds)
        with lock:
            if not over.is_set():
                ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(TookLong))

    threads.begin(end)
    try:
        return work()
    finally:
        with lock:
            over.set()
        _take()


@contextmanager
def with_the_debugger() -> Iterator[None]:
    """Meanwhile this process ends when the debugger does, be it killed: a single endless call of C would let none of
    our threads notice. Where the system has no such signal, nothing."""
    if sys.platform != "linux":
        yield
        return
    control, before = ctypes.CDLL(None).prctl, ctypes.c_int(0)
    control(GET_DEATH_SIGNAL, ctypes.byref(before))
    control(SET_DEATH_SIGNAL, ctypes.c_ulong(signal.SIGKILL))
    try:
        yield
    finally:
        control(SET_DEATH_SIGNAL, ctypes.c_ulong(before.value))


def _take() -> None:
    """An exception that is on its way comes with the next call, and not to whoever is returned to."""
