"""`for j, g in enumerate(dw): w[j] -= lr * g`: a gradient of which the updates read one number after the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from stepper.inferior.recording.drafts import Draft, Happening, value_of
from stepper.inferior.recording.tracks import Track


def gone_through(track: Track, happenings: Sequence[Happening]) -> Draft | None:
    """The latest list of which a parameter's updates read all numbers, in their order, under the name of a gradient;
    None where there is none."""
    before, updates = track.before.copy, track.updates
    shape = before.outline.shape if before is not None and not before.gone else None
    if shape is None or len(shape) != 1 or len(updates) != shape[0] or shape[0] < 2:
        return None
    read = [_read(update) for update in updates]
    for name in read[0]:
        numbers = [each[name] for each in read if name in each]
        if len(numbers) == len(read):
            found = next((draft for draft in _lists(happenings, updates[0].id) if _is(draft, numbers)), None)
            if found is not None:
                return Draft(found.label, "gradient", "operand", found.copy)
    return None


def _read(update: Happening) -> dict[str, float]:
    """The single numbers called gradients that an update read, by name."""
    read = {draft.label: value_of(draft) for draft in update.drafts if draft.when == "operand" and _is_gradient(draft)}
    return {name: value for name, value in read.items() if isinstance(value, int | float)}


def _is_gradient(draft: Draft) -> bool:
    return draft.role == "gradient"


def _lists(happenings: Sequence[Happening], end: int) -> Iterator[Draft]:
    """What statements ahead of an event left as gradients, the latest first."""
    for happening in reversed(happenings[:end]):
        if happening.kind == "statement":
            yield from (
                draft
                for draft in reversed(happening.drafts)
                if draft.when in ("result", "after") and draft.copy is not None and _is_gradient(draft)
            )


def _is(draft: Draft, numbers: Sequence[float]) -> bool:
    """Whether a list, or an array, holds just these numbers."""
    copy = draft.copy
    if copy is None or copy.gone or copy.outline.shape != (len(numbers),):
        return False
    held = copy.engine.ndarray(copy.kept).tolist()
    pairs = zip(held, numbers, strict=True)
    return all(one == other or (one != one and other != other) for one, other in pairs)  # NaN, of whatever type
