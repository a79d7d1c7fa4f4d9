"""How far single statements moved parameters, where neither the iteration as a whole nor an optimizer says it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from typing import NamedTuple

from stepper.inferior.recording.copies import Copy
from stepper.inferior.recording.differences import Differences
from stepper.inferior.recording.drafts import Draft, Happening
from stepper.record import OptimizerStep, Role

Pair = tuple[Copy, Copy]


class Moved(NamedTuple):
    """What the statement of this event moved a parameter by: after − before in float64."""

    event: int
    label: str
    difference: Copy


def moved(
    happenings: Iterable[Happening],
    told: Collection[Pair],
    parameters: Collection[Copy],
    role: Callable[[Draft], Role],
    differences: Differences,
) -> Iterator[Moved]:
    """What statements changed of parameters: of what has that `role`, or one of these copies. `told` are the pairs,
    before and after, of which the record has the difference already. Lists have none: theirs would be worked out number
    by number."""
    found = list(happenings)
    known = {*told, *(pair for each in found if isinstance(each.detail, OptimizerStep) for _, pair in _pairs(each))}
    for happening in found:
        for draft, pair in _pairs(happening) if happening.kind == "statement" else ():
            before, after = pair
            if pair in known or not _subtractable(before, after):
                continue
            if role(draft) == "parameter" or before in parameters or after in parameters:
                yield Moved(happening.id, draft.label, differences.of(after, before))


def _pairs(happening: Happening) -> Iterator[tuple[Draft, Pair]]:
    """What an event changed: as it was after it, and the copies before and after it."""
    befores = {draft.label: draft.copy for draft in happening.drafts if draft.when == "before"}
    for draft in happening.drafts:
        before = befores.get(draft.label)
        if draft.when == "after" and before is not None and draft.copy is not None and draft.copy is not before:
            yield draft, (before, draft.copy)


def _subtractable(before: Copy, after: Copy) -> bool:
    if before.gone or after.gone or "python" in (before.engine.name, after.engine.name):
        return False
    shape = before.engine.extents(before.kept)
    return shape is not None and shape == after.engine.extents(after.kept)
