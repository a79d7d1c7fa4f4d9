"""The gradient of a parameter that is changed through parts of it, which have names of their own: `row = table[i]`, and
then `row -= lr * g`. What each part was moved by is found as that of a parameter is, and put where the part lies."""

from __future__ import annotations

from collections.abc import Callable

from stepper.engines.arrays import numpy_module
from stepper.engines.base import Engine
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
    numbers = numpy.arange(whole.size)
    filled = numpy.zeros(whole.size, dtype=bool)
    gradients: dict[str, Draft] = {}
    for view in views:
        placed = view.whole.of_part(view.part)
        found = gradient_of(view.track) if placed is not None else None
        value = None if found is None else _numbers_of(found)
        if placed is None or found is None or value is None or view.whole.shape != whole.shape:
            return None
        first, steps = placed
        steps_in_bytes = tuple(step * numbers.itemsize for step in steps)
        places = numpy.lib.stride_tricks.as_strided(numbers[first:], view.part.shape, steps_in_bytes).ravel()
        value = numpy.broadcast_to(value, view.part.shape).ravel() if numpy.ndim(value) == 0 else numpy.ravel(value)
        if value.size != places.size or filled[places].any():
            return None
        filled[places] = True
        whole.ravel()[places] = value
        gradients[found.label] = found
    read = all(each.copy is not None and not each.copy.computed for each in gradients.values())
    copy = put_together(whole, arrays, read=read)
    return Parts(Draft(", ".join(gradients), "gradient", "operand", copy), not filled.all())


def _numbers_of(found: Draft) -> object:
    """The numbers of a gradient; None where they are not kept, or not real."""
    if found.copy is None:
        number = value_of(found)
        return number if isinstance(number, int | float) else None
    if found.copy.gone or found.copy.elsewhere:
        return None
    value = found.copy.engine.ndarray(found.copy.kept)
    return None if value is None or value.dtype.kind not in "fiu" else value
