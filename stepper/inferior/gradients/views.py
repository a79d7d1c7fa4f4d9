"""The gradient of a parameter that is changed through parts of it, which have names of their own: `row = table[i]`, and
then `row -= lr * g`. What each part was moved by is found as that of a parameter is, and put where the part lies."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from stepper.engines.arrays import numpy_module
from stepper.engines.base import Engine
from stepper.engines.layout import Layout
from stepper.inferior.gradients.elements import Parts, put_together
from stepper.inferior.recording.drafts import Draft, value_of
from stepper.inferior.recording.tracks import Track


def of_views(track: Track, arrays: Engine, gradient_of: Callable[[Track], Draft | None]) -> Parts | None:
    """None unless all that changed the parameter did so through its parts, no two of which overlap, and each has a
    gradient. `arrays` is the engine for arrays of our own."""
    numpy = numpy_module()
    views, before = track.views, track.before.copy
    changed = [each.id for view in views for each in view.track.updates]
    if not views or before is None or before.gone or sorted(changed) != [each.id for each in track.updates]:
        return None
    whole = numpy.zeros(before.engine.extents(before.kept))
    filled = numpy.zeros(whole.size, dtype=bool)
    gradients: dict[str, Draft] = {}
    for view in views:
        placed = view.whole.of_part(view.part)
        found = gradient_of(view.track) if placed is not None else None
        value = None if found is None else _numbers_of(found)
        if placed is None or found is None or value is None or view.whole.shape != whole.shape:
            return None
        places = _strided(_as_they_lie(view.whole), view.part.shape, *placed).ravel()
        value = numpy.broadcast_to(value, view.part.shape).ravel() if numpy.ndim(value) == 0 else numpy.ravel(value)
        if value.size != places.size or filled[places].any():
            return None
        filled[places] = True
        whole.ravel()[places] = value
        gradients[found.label] = found
    read = all(each.copy is not None and not each.copy.computed for each in gradients.values())
    copy = put_together(whole, arrays, read=read)
    return Parts(Draft(", ".join(gradients), "gradient", "operand", copy), not filled.all())


def _as_they_lie(whole: Layout) -> Any:
    """The places of an array's elements in the order of its axes, in the order in which they lie in memory."""
    numpy = numpy_module()
    in_order = numpy.arange(math.prod(whole.shape))
    found = numpy.empty_like(in_order)
    found[_strided(in_order, whole.shape, 0, whole.steps).ravel()] = in_order
    return found


def _strided(numbers: Any, shape: tuple[int, ...], first: int, steps: tuple[int, ...]) -> Any:
    in_bytes = tuple(step * numbers.itemsize for step in steps)
    return numpy_module().lib.stride_tricks.as_strided(numbers[first:], shape, in_bytes)


def _numbers_of(found: Draft) -> object:
    """The numbers of a gradient; None where they are not kept, or not real."""
    if found.copy is None:
        number = value_of(found)
        return number if isinstance(number, int | float) else None
    if found.copy.gone or found.copy.elsewhere:
        return None
    value = found.copy.engine.ndarray(found.copy.kept)
    return None if value is None or value.dtype.kind not in "fiu" else value
