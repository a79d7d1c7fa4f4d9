"""Pictures of kept copies: those that are asked for, and those that are going to be."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from time import thread_time

from stepper.engines.arrays import numpy_module
from stepper.engines.numpy import NumpyEngine
from stepper.inferior.protocol import GetWindow, Picture
from stepper.inferior.recording.copies import Copy
from stepper.record import Window

LITTLE = 1 << 20
"""Bytes that are gone through for a picture that nobody has asked for yet, at most."""
SECONDS = 0.002
"""What a record spends on such pictures, at most: of its own time, and not of what a busy machine lets it wait."""


def picture(copy: Copy, request: GetWindow) -> Window:
    """What is asked for. Raises LookupError, TypeError or ValueError where there is none."""
    if request.axes is not None or request.along is not None:
        return _turned(copy, request)
    return copy.window(request.region, request.rows, request.columns)


def ahead(copies: Sequence[Copy], requests: Sequence[GetWindow]) -> list[Picture]:
    """Those that take next to no time, of the copies of a record that is about to be told."""
    found = []
    end = thread_time() + SECONDS
    for each in requests:
        copy = copies[each.copy] if 0 <= each.copy < len(copies) else None
        if copy is None or copy.weight > LITTLE or copy.elsewhere:
            continue
        with suppress(LookupError, TypeError, ValueError):  # which is told to whoever asks
            found.append(Picture(each, picture(copy, each)))
        if thread_time() > end:
            break
    return found


def _turned(copy: Copy, request: GetWindow) -> Window:
    """A picture of two other axes than the last two, or of one against all others: of a view that has them last."""
    numpy = numpy_module()
    array = copy.engine.ndarray(copy.kept)
    axes = request.axes if request.along is None else (request.along,)
    if axes is None or len({*axes}) != len(axes) or not all(0 <= axis < array.ndim for axis in axes):
        raise LookupError(f"a tensor of {array.ndim} axes has no axes {axes}")
    view = numpy.moveaxis(array, axes, range(-len(axes), 0))
    if request.along is not None:
        view = view.reshape(-1, view.shape[-1]) if view.size else view.reshape(0, view.shape[-1])
    return NumpyEngine().window(view, request.region, request.rows, request.columns)
