"""How a script ended: its exit code, its own traceback, and the words for one that left by itself."""

from __future__ import annotations

import sys
import traceback
from types import FrameType, TracebackType

from stepper.inferior.ours import is_ours
from stepper.inferior.recording.scalars import describe_error, tellable
from stepper.program.program import Program
from stepper.record import Spot


class Left(SystemExit):
    """The script has called `os._exit`: nothing of it runs any more, no `finally` and no exit handler."""

    def at(self, frame: FrameType | None) -> Left:
        """With the traceback that an exception raised in this frame would have."""
        while frame is not None:
            self.__traceback__ = TracebackType(self.__traceback__, frame, max(frame.f_lasti, 0), frame.f_lineno)
            frame = frame.f_back
        return self


Left.__name__ = "os._exit"  # so that it is told as what it is


def clean_exit(error: BaseException) -> bool:
    """Whether the script left with status 0."""
    return isinstance(error, SystemExit) and exit_code(error) == 0


def exit_code(error: BaseException | None) -> int:
    """The exit code that plain Python would have ended with; `error` is what was raised, if anything."""
    if error is None:
        return 0
    if isinstance(error, SystemExit):
        if isinstance(error.code, int):
            return int(error.code) if abs(error.code) < 1 << 31 else -1  # as Python does with one that is too long
        return 0 if error.code is None else 1
    return 1


def at_head(error: BaseException, program: Program) -> bool:
    """Whether what raised is the training loop's own head: asking for the next pass, when the last one was over."""
    loop = program.loop
    if loop is None or (last := program.sites[loop.site].end_line) >= loop.end_line:
        return False
    step = error.__traceback__
    while step is not None:
        if step.tb_frame.f_code.co_filename == program.home and loop.line <= step.tb_lineno <= last:
            return True
        step = step.tb_next
    return False


def call_excepthook(error: BaseException) -> None:
    """A script that has put an exception hook of its own in place expects it to be called."""
    hook = sys.excepthook
    if hook is sys.__excepthook__:
        return
    try:
        hook(type(error), error, error.__traceback__)
    except BaseException as raised:
        print(f"Error in sys.excepthook: {describe_error(raised)}", file=sys.__stderr__)


def own_traceback(error: BaseException) -> str:
    """The traceback as plain Python would print it, without our frames."""
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        current.__traceback__ = _without_ours(current.__traceback__)
        current = current.__cause__ or current.__context__
    return tellable("".join(traceback.format_exception(error)))


def innermost(error: BaseException, program: Program) -> Spot | None:
    """The innermost line of the script's own files that an error came through."""
    own = {program.path, *(module.path for module in program.modules)}
    found = None
    step = error.__traceback__
    while step is not None:
        file = step.tb_frame.f_code.co_filename
        if file in own:
            found = Spot("" if file == program.path else file, step.tb_lineno)
        step = step.tb_next
    return found


def leaving(error: SystemExit, spot: Spot | None, iterations: int, last: int | None) -> str:
    """That the script left by itself: how, where and what is whole; after what it said, as plain Python would print it.

    `spot` is the line that it left at; `iterations` were finished, and in number `last`, or behind it, it left (None:
    in its setup).
    """
    status = exit_code(error)
    said = "" if isinstance(error.code, int) else describe_error(error).partition(": ")[2] + "\n"
    how = "os._exit" if isinstance(error, Left) else "SystemExit"
    place = "in the setup" if last is None else f"{'after' if last < iterations else 'in'} iteration {last}"
    whole = {0: "", 1: "; iteration 0 was finished"}.get(
        iterations, f"; iterations 0 to {iterations - 1} were finished"
    )
    where = f"at {spot.place}, {place}" if spot is not None else place
    return f"{said}the script left by itself with status {status} ({how}), {where}{whole}\n"


def _without_ours(step: TracebackType | None) -> TracebackType | None:
    """A traceback less the frames of this package at its head (and wherever else they stand)."""
    kept: list[TracebackType] = []
    while step is not None:
        if not is_ours(step.tb_frame.f_code.co_filename):
            kept.append(step)
        step = step.tb_next
    chain: TracebackType | None = None
    for item in reversed(kept):
        chain = TracebackType(chain, item.tb_frame, item.tb_lasti, item.tb_lineno)
    return chain
