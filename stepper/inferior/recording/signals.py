"""What the script's handlers of signals raise, wherever Python was when it ran them: in our own code, too."""

from __future__ import annotations

import signal
from types import CodeType
from typing import Any


def raised_by_handler(error: BaseException) -> bool:
    """Whether a signal's handler raised this (`signal.alarm`, to give up what takes too long): it is meant for the
    script, and no fault of what it came in."""
    codes = [_code_of(signal.getsignal(each)) for each in signal.valid_signals()]
    step = error.__traceback__
    while step is not None:
        if any(step.tb_frame.f_code is code for code in codes):
            return True
        step = step.tb_next
    return False


def _code_of(handler: Any) -> CodeType | None:
    """That of a function or a method."""
    return getattr(getattr(handler, "__func__", handler), "__code__", None)
