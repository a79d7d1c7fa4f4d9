"""The script's frames, and what the names in them stand for, read so that the script does not notice."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator
from inspect import CO_OPTIMIZED
from types import FrameType
from typing import Any

KEEPS_NAMES = frozenset(("locals", "vars", "eval", "exec", "dir", "f_locals"))
"""Through these a function may come to hold the very dict by which its names are read before Python 3.13."""


def _holders(names: dict[str, Any]) -> int:
    """How many references there are to a dict, this function's own included."""
    return sys.getrefcount(names)


def _unheld() -> int:
    """The same of one that nobody but its frame has. Measured, since Python versions differ in what they count."""
    names = sys._getframe().f_locals
    return _holders(names)


UNHELD = _unheld()


def own_frames(files: Collection[str], depth: int = 1) -> Iterator[FrameType]:
    """The frames of code in these files, innermost first; the first `depth` frames of the stack are ours."""
    return (frame for frame in callers(sys._getframe(depth)) if frame.f_code.co_filename in files)


def callers(frame: FrameType | None) -> Iterator[FrameType]:
    """A frame, and those that wait for it, innermost first."""
    while frame is not None:
        yield frame
        frame = frame.f_back


def is_function(frame: FrameType) -> bool:
    """Whether a frame has names of its own, and not a namespace that is one anyway."""
    return bool(frame.f_code.co_flags & CO_OPTIMIZED)


def names_in(frame: FrameType) -> dict[str, Any]:
    """What the names of a function's frame stand for, those that are bound. LookupError where it might notice."""
    if sys.version_info >= (3, 13):
        return dict(frame.f_locals)
    if not KEEPS_NAMES.isdisjoint(frame.f_code.co_names):
        raise LookupError("its names cannot be read unnoticed in a function that calls locals(), eval() or the like")
    held = frame.f_locals
    if _holders(held) > UNHELD:
        raise LookupError("its names cannot be read unnoticed: what it has called holds them")
    found = dict(held)
    held.clear()  # the frame keeps this dict: it would keep the values alive
    return found
