"""Gradients that lie beside the parameters they are of: in a container of the same keys, or in what a comprehension
goes through together with them. Inside that nothing is seen."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property, lru_cache

from stepper.inferior.gradients.fitting import is_inside, shape_of
from stepper.inferior.gradients.known_gradients import KnownGradients
from stepper.inferior.recording.drafts import Draft, Happening
from stepper.inferior.recording.tracks import Track
from stepper.inferior.spelling.added import paths_in_comprehension, plainly
from stepper.inferior.spelling.zipped import beside
from stepper.record import is_path

MEMBER = re.compile(r"\.(?=[A-Za-z_])|\[")  # where a label goes on to what something holds
MOMENTS = 3  # how many statements lie between a gradient and the step: Adam's m, its corrected m, the update


class GradientsBeside:
    """Reads the events of one record."""

    def __init__(self, happenings: Sequence[Happening], known: KnownGradients) -> None:
        self._happenings = happenings
        self._known = known

    def of(self, track: Track, update: Happening) -> Draft | None:
        """`weights = [w - lr * g for w, g in zip(weights, grads)]`, inside which nothing is seen: `weights[0]` used
        `grads[0]`, of its shape, where the statement reads `grads`."""
        for holder, key in _splits(track.name):
            for number, other, draft in reversed(self._members.get(key, [])):
                beside = number < update.id and other != holder and shape_of(draft) == shape_of(track.before)
                if beside and re.search(rf"(?<![\w.]){re.escape(other)}(?!\w)", update.text):
                    return draft
        return self._list_beside(track, update)

    def of_made(self, update: Happening, track: Track) -> Draft | None:
        """`loss, params = step(params, x)`, or `params = new`: what lies beside where the new value was made, inside
        the call, or before."""
        new = next((each for each in update.drafts if each.when == "result" and each.label == track.label), None)
        for happening in reversed(self._makers.get(id(new.copy), []) if new is not None else []):
            if happening.id < update.id or is_inside(happening, update, self._happenings):
                found = self.of(track, happening)
                if found is not None:
                    return found
        return None

    @cached_property
    def _makers(self) -> dict[int, list[Happening]]:
        """The statements that a value is the result of, by its copy."""
        found: dict[int, list[Happening]] = {}
        for happening in self._happenings:
            for draft in happening.drafts if happening.kind == "statement" else ():
                if draft.when == "result" and draft.copy is not None:
                    found.setdefault(id(draft.copy), []).append(happening)
        return found

    def zipped(self, track: Track, update: Happening, target: str, deep: int = MOMENTS) -> Draft | None:
        """`w, b = (p + v for p, v in zip((w, b), vs))`, inside which nothing is seen: the gradient that lies beside a
        parameter, or beside what does, `vs = tuple(0.9 * v - rate * g for v, g in zip(vs, (dw, db)))`."""
        texts = beside(update.text, target)
        earlier = self._happenings[: update.id]
        for text in texts:
            drafts = (draft for each in reversed(earlier) for draft in each.drafts if plainly(draft.label) == text)
            draft = next(drafts, None)
            if draft is not None and shape_of(draft) == shape_of(track.before) and self._known.is_gradient(draft):
                return draft
        for text in texts if deep else ():
            made = next((each for each in reversed(earlier) if beside(each.text, text)), None)
            found = self.zipped(track, made, text, deep - 1) if made is not None else None
            if found is not None:
                return found
        return None

    def _list_beside(self, track: Track, update: Happening, deep: int = MOMENTS) -> Draft | None:
        """`w = [a - lr * g for a, g in zip(w, dw)]`, of numbers in lists: the gradient of its shape that is read, or of
        which a list is made that is: `v = [mu * a - lr * g for a, g in zip(v, dw)]`."""
        read = paths_in_comprehension(update.text) - {track.label, track.name}
        if not read or shape_of(track.before) is None:
            return None
        inside = [each for each in self._happenings[update.id + 1 :] if each.parent == update.id]
        for happening in (*inside, *reversed(self._happenings[: update.id])):  # what it read itself is the latest
            for draft in reversed(happening.drafts):
                if draft.label in read and draft.copy is not None and self._known.is_gradient(draft):
                    return draft if shape_of(draft) == shape_of(track.before) else None
        for happening in reversed(self._happenings[: update.id] if deep else ()):
            if happening.kind == "statement" and any(self._is_moment(draft, read) for draft in happening.drafts):
                return self._list_beside(track, happening, deep - 1)
        return None

    def _is_moment(self, draft: Draft, names: frozenset[str]) -> bool:
        """Whether a value was bound to one of these names, and is no parameter."""
        bound = draft.when == "result" and draft.label in names and draft.role in ("other", "activation")
        return bound and id(draft.copy) not in self._known.parameters

    @cached_property
    def _members(self) -> dict[str, list[tuple[int, str, Draft]]]:
        """The gradients that lie in containers, by what is written behind the container to reach them."""
        found: dict[str, list[tuple[int, str, Draft]]] = {}
        for happening in self._happenings:
            for draft in happening.drafts:
                if (
                    ("[" in draft.label or "." in draft.label)
                    and self._known.is_gradient(draft)
                    and is_path(draft.label)
                ):
                    for holder, key in _splits(draft.label):
                        found.setdefault(key, []).append((happening.id, holder, draft))
        return found


@lru_cache(maxsize=4096)
def _splits(label: str) -> list[tuple[str, str]]:
    """The ways to tell what keeps a value from how it is reached there: `self.params['w']` is `['w']` of `self.params`,
    and `.params['w']` of `self`."""
    return [(label[: match.start()], label[match.start() :]) for match in MEMBER.finditer(label)]
