"""Whether a value may be a parameter's gradient by its shape, and where it lies among the events."""

from __future__ import annotations

from collections.abc import Sequence

from stepper.inferior.recording.drafts import Draft, Happening
from stepper.inferior.recording.tracks import Track


def shape_of(draft: Draft) -> tuple[int, ...] | None:
    """A value's shape; None for a single number, whoever keeps it.

    Axes of length 1 in front don't count: NumPy adds a gradient of shape (3,) to a bias of (1, 3).
    """
    shape = draft.shape or ()
    while len(shape) > 1 and shape[0] == 1:
        shape = shape[1:]
    return shape or None


def fits(draft: Draft, track: Track) -> bool:
    """Whether a value is of a parameter's shape, or a number for the only element of one: `b += vb`."""
    shape = shape_of(track.before)
    return shape_of(draft) == shape or (shape == (1,) and shape_of(draft) is None and draft.role != "setting")


def is_itself(draft: Draft, track: Track) -> bool:
    """Whether a value is what the parameter itself was, under its name or by its copy."""
    return draft.label.removesuffix(".data") == track.name or (
        draft.copy is not None and draft.copy is track.before.copy
    )


def is_inside(happening: Happening, outer: Happening, happenings: Sequence[Happening]) -> bool:
    """Whether an event happened inside another, however deep."""
    parent = happening.parent
    while parent is not None and parent > outer.id:
        parent = happenings[parent].parent
    return parent == outer.id


def is_stepped_anew(track: Track, happenings: Sequence[Happening]) -> bool:
    """Whether a forward pass read a parameter between two of its steps: the gradient of the last one is that of another
    sample, and tells nothing of where the steps led together."""
    if len(track.updates) < 2:
        return False
    first, last = track.updates[0].id, track.updates[-1].id
    stepped = {id(draft.copy) for update in track.updates[:-1] for draft in update.drafts if draft.when != "operand"}
    return any(
        draft.when == "operand"
        and (draft.label == track.name or (draft.copy is not None and id(draft.copy) in stepped))
        for each in happenings[first + 1 : last]
        if each.phase in ("forward", "loss")
        for draft in each.drafts
    )
