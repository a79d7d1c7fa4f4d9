"""Signals from outside, as by `kill` or a terminal that is closed: the terminal is given back, and taken anew when the
app goes on."""

from __future__ import annotations

import os
import signal
import termios
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import Any

from textual.app import App


def mind_signals(app: App[Any], last: Callable[[], None]) -> None:
    """Do `last`, and give the terminal back, before SIGTERM or SIGHUP ends the process; take it anew, and paint, when
    the process goes on after a stop that it knew nothing of.

    Textual takes every SIGCONT for the end of a SIGTSTP, at which it has given the terminal back: after any other stop
    it starts a second reader of keys beside the first, and the process never ends.
    """
    driver = getattr(app, "_driver", None)  # where Textual has it no more, signals are dealt with as it does
    stopping, going_on = signal.getsignal(signal.SIGTSTP), signal.getsignal(signal.SIGCONT)
    if driver is None or not driver.can_suspend or not callable(stopping) or not callable(going_on):
        return
    given_back = False

    def stop(number: int, frame: FrameType | None) -> None:
        nonlocal given_back
        given_back = True
        stopping(number, frame)

    def go_on(number: int, frame: FrameType | None) -> None:
        nonlocal given_back
        known, given_back = given_back, False
        if not app.is_running:
            return
        if not known:
            driver.suspend_application_mode()
        going_on(number, frame)
        if not known:
            app.call_later(app.refresh, layout=True)

    def end(number: int, frame: FrameType | None) -> None:
        signal.signal(number, signal.SIG_DFL)
        if app.is_running:
            last()
            with suppress(OSError, termios.error):  # a terminal that was closed takes nothing any more
                driver.suspend_application_mode()
        os.kill(os.getpid(), number)

    signal.signal(signal.SIGTERM, end)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as nohup leaves it
        signal.signal(signal.SIGHUP, end)
    signal.signal(signal.SIGTSTP, stop)
    signal.signal(signal.SIGCONT, go_on)
