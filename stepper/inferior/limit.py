"""A limit to what may take long: Python code is ended where it is, as by an exception. What runs inside one call of a
library's is ended when that returns."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from threading import Event, Lock, get_ident
from typing import TypeVar

from stepper.inferior import threads

T = TypeVar("T")


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


def _take() -> None:
    """An exception that is on its way comes with the next call, and not to whoever is returned to."""
