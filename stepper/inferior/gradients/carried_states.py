"""What a script carries on from iteration to iteration under one name, and makes anew of what it was and of something
else: by the values that come and go, however the rule is spelled. Whether it is a running sum of gradients, its numbers
tell.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

from stepper.inferior.gradients.velocities import Parts, Velocity, only_names
from stepper.inferior.recording.copies import Copy
from stepper.inferior.recording.drafts import Draft, Happening, value_of
from stepper.record import is_path


def carried_states(happenings: Sequence[Happening]) -> list[Velocity]:
    """Each such value as it came from an earlier iteration, and what it was made into here, but for parameters. It is
    made under its own name, or put there when it is made."""
    over = sorted((each for each in happenings if each.ended), key=lambda each: each.ended)  # inner ones first
    made = {copy for each in over for _, copy in _made(each)}
    held: dict[str, Copy] = {}
    sources: dict[Copy, set[Copy]] = {}  # of what this iteration made, what all it was made of
    makers: dict[Copy, Happening] = {}
    found: dict[tuple[str, Copy], Copy] = {}  # what became of it, the last
    for happening in over:
        of: set[Copy] = set()
        for draft in happening.drafts:
            if draft.copy is not None and draft.when in ("operand", "before"):
                of |= sources.get(draft.copy, {draft.copy})
            if _is_named(draft) and draft.copy is not None and draft.copy not in made:
                held[draft.label] = draft.copy
        names = only_names(happening)
        for draft in happening.drafts:
            copy = draft.copy
            if copy is None or not _comes(draft) or (names and copy not in made) or not _is_event(happening):
                continue
            if not names:
                sources.setdefault(copy, of)
                makers.setdefault(copy, happening)
            before, its = held.get(draft.label), sources.get(copy, set())
            if _is_named(draft) and before in its and len(its) > 1 and before is not None:
                found[draft.label, before] = copy
            elif names:
                held.pop(draft.label, None)  # the name is another value's now
    return [
        Velocity(label, before, after, parts=partial(_parts, before, after, sources, makers))
        for (label, before), after in found.items()
    ]


def _parts(
    before: Copy, after: Copy, sources: Mapping[Copy, set[Copy]], makers: Mapping[Copy, Happening]
) -> Parts | None:
    """What was kept of a state, and all that the rest was made of, where a sum has them apart: 0.9·v, and lr·g."""
    read = list(_read(makers[after]))
    kept = [copy for copy in read if copy is before or sources.get(copy) == {before}]
    others = [copy for copy in read if copy not in kept]
    if len(set(kept)) != 1 or any(before in sources.get(copy, ()) for copy in others):
        return None
    of, waiting = set(others), others
    while waiting:
        maker = makers.get(waiting.pop())
        more = [] if maker is None else [copy for copy in _read(maker) if copy not in of]
        of.update(more)
        waiting += more
    return Parts(kept[0], frozenset(of))


def _read(happening: Happening) -> Iterator[Copy]:
    """What an event made something of; what lay before where that is stored is no part of it."""
    stored = any(draft.when == "result" for draft in happening.drafts)
    for draft in happening.drafts:
        if draft.copy is not None and (draft.when == "operand" or (draft.when == "before" and not stored)):
            yield draft.copy


def _made(happening: Happening) -> Iterator[tuple[Draft, Copy]]:
    """What an event made or changed, unless it only gives what exists one more name."""
    if _is_event(happening) and not only_names(happening):
        for draft in happening.drafts:
            if draft.copy is not None and _comes(draft):
                yield draft, draft.copy


def _is_event(happening: Happening) -> bool:
    return happening.kind in ("statement", "expression")


def _comes(draft: Draft) -> bool:
    return draft.when in ("result", "after")


def _is_named(draft: Draft) -> bool:
    """Whether this is the value of a name, an attribute or an element, and of no parameter."""
    return draft.role != "parameter" and is_path(draft.label)


def carried_number(happenings: Sequence[Happening], update: Happening, slope: float) -> str:
    """What a single number goes by that an update moved along its gradient `slope`: one that the script carries on from
    an earlier iteration, and that this gradient made smaller, as momentum is on its way past a minimum. A sum with a
    wrong sign grows, and a rate that decays is made of no gradient. Empty where there is none."""
    makers: dict[str, list[Happening]] = {}
    for happening in happenings[: update.id]:
        made = {draft.label for draft in happening.drafts if _comes(draft)}
        for label in made if happening.kind == "statement" else ():
            makers.setdefault(label, []).append(happening)
    for label, numbers in _behind(update, makers):
        if label in numbers and slope in numbers.values() and _is_made_smaller(label, makers[label]):
            return label
    return ""


def _behind(update: Happening, makers: Mapping[str, Sequence[Happening]]) -> Iterator[tuple[str, dict[str, float]]]:
    """The names of the numbers that went into an update, the nearest first, each with all that it was made of here."""
    waiting, met = list(_numbers_read(update)), set[str]()
    while waiting:
        label = waiting.pop(0)
        if label in met:
            continue
        met.add(label)
        read = [_numbers_read(maker) for maker in makers.get(label, ())]
        yield label, {other: number for each in read for other, number in each.items()}
        waiting += [other for each in read for other in each]


def _numbers_read(happening: Happening) -> dict[str, float]:
    """The single numbers that a statement reads, by name, but for parameters."""
    read = (each for each in happening.drafts if each.when in ("operand", "before") and _is_named(each))
    found = ((each.label, value_of(each)) for each in read)
    return {label: float(value) for label, value in found if isinstance(value, int | float)}


def _is_made_smaller(label: str, makers: Sequence[Happening]) -> bool:
    """Whether these statements, the first of which reads what an earlier iteration left, make a number smaller, and
    leave its sign."""
    before = _numbers_read(makers[0]).get(label)
    after = [value_of(each) for each in makers[-1].drafts if _comes(each) and each.label == label][-1]
    return bool(before) and isinstance(after, int | float) and 0 < after / (before or 1.0) < 1
