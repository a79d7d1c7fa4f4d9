"""What a script carries on from iteration to iteration under one name, and makes anew of what it was and of something
else: by the values that come and go, however the rule is spelled. Whether it is a running sum of gradients, its numbers
tell.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from stepper.inferior.gradients.velocities import Velocity, only_names
from stepper.inferior.recording.copies import Copy
from stepper.inferior.recording.drafts import Draft, Happening, is_path


def carried_states(happenings: Sequence[Happening]) -> list[Velocity]:
    """Each such value as it came from an earlier iteration, and what it was made into here, but for parameters."""
    over = sorted((each for each in happenings if each.ended), key=lambda each: each.ended)  # inner ones first
    made = {copy for each in over for _, copy in _made(each)}
    held: dict[str, Copy] = {}
    sources: dict[Copy, set[Copy]] = {}  # of what this iteration made, what all it was made of
    found: dict[tuple[str, Copy], Copy] = {}  # what became of it, the last
    for happening in over:
        of: set[Copy] = set()
        for draft in happening.drafts:
            if draft.copy is not None and draft.when in ("operand", "before"):
                of |= sources.get(draft.copy, {draft.copy})
            if _is_named(draft) and draft.copy is not None and draft.copy not in made:
                held[draft.label] = draft.copy
        if only_names(happening):
            for draft in happening.drafts:
                if _comes(draft) and draft.copy in made:
                    held.pop(draft.label, None)  # the name is another value's now
            continue
        for draft, copy in _made(happening):
            sources.setdefault(copy, of)
            before = held.get(draft.label)
            if _is_named(draft) and before in sources[copy] and len(sources[copy]) > 1 and before is not None:
                found[draft.label, before] = copy
    return [Velocity(label, before, after) for (label, before), after in found.items()]


def _made(happening: Happening) -> Iterator[tuple[Draft, Copy]]:
    """What an event made or changed, unless it only gives what exists one more name."""
    if happening.kind in ("statement", "expression") and not only_names(happening):
        for draft in happening.drafts:
            if draft.copy is not None and _comes(draft):
                yield draft, draft.copy


def _comes(draft: Draft) -> bool:
    return draft.when in ("result", "after")


def _is_named(draft: Draft) -> bool:
    """Whether this is the value of a name, an attribute or an element, and of no parameter."""
    return draft.role != "parameter" and is_path(draft.label)
