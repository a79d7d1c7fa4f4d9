"""Where the graph of gradients ends on the way from a parameter to the loss: `detach()`, `no_grad()`, `.item()`.

Found by the flow of the very objects, and not by how it is written: a value that does not hang in the graph although
what it was made of does, and that the loss was made of. One that a graph of its own begins at does not hang in it
either: `torch.tensor(loss.item(), requires_grad=True)`.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence

from stepper.inferior.drafts import Draft, Happening
from stepper.inferior.tracking import Track

BY_MODE, WITHIN, LEAF = -1, 1, 2
"""What a draft's `graph` says of a value that is in none because gradients were switched off; of one that gradients go
back through; and of one that they end in."""


def cut_off(happenings: Sequence[Happening], tracks: Iterable[Track]) -> dict[str, int]:
    """The statement behind which no gradient goes back, for each parameter that got none, was used, and whose value
    went on to the loss all the same, as far as that can be followed."""
    names = [each.name for each in tracks if not (each.frozen or each.grad or each.arrived or each.returned)]
    wanted = {each.name: each for each in tracks if each.name in names and each.before.copy is not None}
    roots = {each.parent for each in happenings if each.kind == "backward"}
    if not wanted or not roots:
        return {}
    flow = _Flow(happenings, list(wanted.values()))
    found: dict[str, int] = {}
    for happening in _as_they_ended(happenings):
        if happening.kind != "backward":
            flow.pass_through(happening)
        if happening.id in roots:
            reached = flow.cuts_of(draft for draft in happening.drafts if draft.graph in (WITHIN, LEAF))
            for event, bits in sorted(reached.items()):
                for place, name in enumerate(wanted):
                    if bits >> place & 1:
                        found.setdefault(name, flow.statement(event))
    return found


class _Flow:
    """By value, what it was made of: `live`, the parameters that gradients would go back to, as bits; and `dead`, those
    beyond a cut, by the event of that."""

    def __init__(self, happenings: Sequence[Happening], wanted: Sequence[Track]) -> None:
        self._happenings = happenings
        self._bits: dict[tuple[int, str], int] = {}
        for place, track in enumerate(wanted):
            for label in (track.name, track.label):
                self._bits[id(track.before.copy), label] = 1 << place
        self._live: dict[Hashable, int] = {}
        self._dead: dict[Hashable, dict[int, int]] = {}
        self._leaves: set[Hashable] = set()  # that were read as such: what is written to them leaves them what they are
        self._inside: dict[int | None, int] = {}  # of layers that ran in an event, and no expression has taken yet
        self._parts: dict[int | None, list[Draft]] = {}  # what the expressions in a statement made

    def cuts_of(self, drafts: Iterable[Draft]) -> dict[int, int]:
        """The cuts behind these values, each with the parameters that are beyond it."""
        found: dict[int, int] = {}
        for draft in drafts:
            for event, bits in self._dead.get(_key(draft), {}).items():
                found[event] = found.get(event, 0) | bits
        return found

    def pass_through(self, happening: Happening) -> None:
        """An event is over: what it made was made of what it read."""
        read = [draft for draft in happening.drafts if draft.when in ("operand", "before")]
        live = self._live_of(read)
        self._leaves.update(_key(draft) for draft in read if draft.graph == LEAF)
        if happening.kind in ("module", "call"):
            live |= self._inside.pop(happening.id, 0)
            self._inside[happening.parent] = self._inside.get(happening.parent, 0) | live
            return
        above = happening.parent if happening.kind == "expression" else happening.id
        live |= self._inside.pop(above, 0)
        if happening.kind == "statement":  # what stands between two that are seen may be seen by nobody: a tuple, say
            parts = self._parts.pop(happening.id, [])
            live, read = live | self._live_of(parts), read + parts
        dead = self.cuts_of(read)
        for draft in happening.drafts:
            if draft.when in ("result", "after"):
                self._make(draft, happening, live, dead)
                if happening.kind == "expression":
                    self._parts.setdefault(happening.parent, []).append(draft)

    def _live_of(self, drafts: Iterable[Draft]) -> int:
        live = 0
        for draft in drafts:
            live |= self._live.get(_key(draft), 0) | self._bits.get((id(draft.copy), draft.label), 0)
        return live

    def _make(self, draft: Draft, happening: Happening, live: int, dead: dict[int, int]) -> None:
        key = _key(draft)
        known = self._live.get(key, 0) or key in self._dead
        within = draft.graph == WITHIN or (draft.graph == LEAF and key in self._leaves)
        if known and draft.when == "result":
            return  # handed on, or by another name
        if known:
            live, dead = live | self._live.get(key, 0), {**self._dead.get(key, {}), **dead}
        if dead:
            self._dead[key] = dict(dead)
        if live and within:
            self._live[key] = live
        elif live:
            self._live.pop(key, None)
            self._cut(key, draft, happening, live)

    def _cut(self, key: Hashable, draft: Draft, happening: Happening, bits: int) -> None:
        event = self._switched_off(happening) if draft.graph == BY_MODE else happening
        dead = self._dead.setdefault(key, {})
        dead[event.id] = dead.get(event.id, 0) | bits

    def _switched_off(self, happening: Happening) -> Happening:
        """Of those around an event the outermost that ended, too, while no gradients were asked for."""
        found, around = happening, happening.parent
        while around is not None:
            above = self._happenings[around]
            made = [draft.graph for draft in above.drafts if draft.when == "result" and draft.graph is not None]
            if made and BY_MODE not in made:
                break
            found, around = (above if made else found), above.parent
        return found

    def statement(self, event: int) -> int:
        """The statement that an event stands in."""
        found = self._happenings[event]
        while found.kind != "statement" and found.parent is not None:
            found = self._happenings[found.parent]
        return found.id


def _key(draft: Draft) -> Hashable:
    """What tells a value from others of the same numbers: a detached one from what it was detached of."""
    if draft.token:
        return draft.token
    if draft.copy is not None:
        return "copy", id(draft.copy)
    return draft.label, draft.summary.value if draft.summary is not None else None


def _as_they_ended(happenings: Sequence[Happening]) -> list[Happening]:
    """What was inside an event comes before it."""
    last = [each.id for each in happenings]
    for each in reversed(happenings):
        if each.parent is not None:
            last[each.parent] = max(last[each.parent], last[each.id])
    return sorted(happenings, key=lambda each: (last[each.id], -each.id))
