"""Where the graph of gradients ends on the way from a parameter to the loss: `detach()`, `no_grad()`, `.item()`.

Found by the flow of the very objects, and not by how it is written: a value that does not hang in the graph although
what it was made of does, and that the loss was made of. One that a graph of its own begins at does not hang in it
either: `torch.tensor(loss.item(), requires_grad=True)`; nor does another look at what hangs in it, `h.data`. Where all
values hang in graphs (`torch.zeros(1, requires_grad=True) + loss.item()`), it ends where gradients came to what was
made, and to nothing that it was made of.
"""

from __future__ import annotations

import ast
from collections.abc import Hashable, Iterable, Sequence
from functools import lru_cache

from stepper.inferior.recording.drafts import Draft, Happening
from stepper.inferior.recording.tracks import Track
from stepper.inferior.spelling.added import pair_of, plainly, texts_in
from stepper.inferior.spelling.made_anew import is_made_anew
from stepper.record import Backward, nodes_of

BY_MODE, WITHIN, LEAF = -1, 1, 2
"""What a draft's `graph` says of a value that is in none because gradients were switched off; of one that gradients go
back through; and of one that they end in."""

COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
NONE = (0, 0)


def cut_off(happenings: Sequence[Happening], tracks: Iterable[Track]) -> dict[str, int]:
    """The statement behind which no gradient goes back, for each parameter that got none, was used, and whose value
    went on to the loss all the same, as far as that can be followed. Of several losses it is the last before the step
    that passed it over: a discriminator's, say, comes before the generator's, and is meant not to reach that."""
    names = [each.name for each in tracks if not (each.frozen or each.grad or each.arrived or each.returned)]
    wanted = {each.name: each for each in tracks if each.name in names and each.before.copy is not None}
    roots = {each.parent for each in happenings if each.kind == "backward"}
    if not wanted or not roots:
        return {}
    held = _holders(happenings)
    used = (each for each in happenings if each.kind != "backward")
    seen = {id(draft.copy) for each in used for draft in each.drafts if not (each.id in held and is_held(draft))}
    wanted = {name: each for name, each in wanted.items() if id(each.before.copy) in seen}
    if not wanted:
        return {}  # those that got none were not used: of a layer that this pass left out
    found: dict[str, int] = {}
    for reached in (None, _gone_through(happenings)):
        missing = [(index, each) for index, each in enumerate(wanted.values()) if each.name not in found]
        flow = Flow(happenings, list(wanted.values()), reached)
        for happening in as_they_ended(happenings):
            if happening.kind != "backward":
                flow.pass_through(happening)
            if happening.id in roots:
                cuts = flow.cuts_of(draft for draft in happening.drafts if draft.graph in (WITHIN, LEAF))
                for index, track in missing:
                    beyond = [event for event, bits in cuts.items() if bits >> index & 1]
                    event = min(beyond, key=lambda each: (each in flow.counted, each), default=None)
                    if event is not None and (track.name not in found or happening.id < track.passed_over):
                        found[track.name] = flow.statement(event)
        if len(found) == len(wanted):
            break
    return found


def _holders(happenings: Sequence[Happening]) -> set[int]:
    """The calls of modules whose `forward` is the script's own: what it reads of their parameters, its lines tell."""
    calls = {each.parent for each in happenings if each.kind == "call"}
    return {each.id for each in happenings if each.kind == "module" and each.id in calls}


def is_held(draft: Draft) -> bool:
    """Whether a module only has it."""
    return draft.role == "parameter" and draft.when == "operand"


def _gone_through(happenings: Sequence[Happening]) -> set[int]:
    """The events that made what gradients came to, and those around them."""
    found: set[int] = set()
    for each in happenings:
        event = each.detail.creator if isinstance(each.detail, Backward) else None
        while event is not None and event not in found:
            found.add(event)
            event = happenings[event].parent
    return found


class Flow:
    """By value, what it was made of: `live`, the parameters that gradients would go back to, as bits; and `dead`, those
    beyond a cut, by the event of that. `reached`: the events that made what gradients came to; None: not asked for."""

    def __init__(self, happenings: Sequence[Happening], wanted: Sequence[Track], reached: set[int] | None) -> None:
        self._happenings = happenings
        self._reached = reached
        self._holders = _holders(happenings)
        self._passed_by: set[Hashable] = set()  # what hangs in a graph, and no gradient came to it
        self._lying: dict[Hashable, Draft] = {}  # by place in memory: what hangs in a graph
        self._named: dict[tuple[str, str], Draft] = {}  # by function and label
        self._bits: dict[tuple[int, str], int] = {}
        # By where a parameter lies, which a function may call otherwise: `self.gates[0]`
        self._at: dict[Hashable, int] = {}
        for index, track in enumerate(wanted):
            for label in (track.name, track.label):
                self._bits[id(track.before.copy), label] = 1 << index
            self._bits[id(track.before.copy), ""] = 1 << index
            self._at[track.place] = 1 << index
        self._live: dict[Hashable, int] = {}
        self.dead: dict[Hashable, dict[int, int]] = {}
        self.counted: set[int] = set()  # cuts that made integers: `arange(len(h))`, which of its numbers is the largest
        # By function and name: an object that is no value, with the parameters that gradients would go back to by what
        # it was made of, and the cuts behind that.
        self._objects: dict[tuple[str, str], tuple[int, dict[int, int]]] = {}
        self._heads: set[int] = set()  # cuts that are the heads of functions
        self._leaves: set[Hashable] = set()  # that were read as such: what is written to them leaves them what they are
        # Of layers that ran in an event, and no expression has taken yet
        self._inside: dict[int | None, tuple[int, int]] = {}
        self._parts: dict[int | None, list[Draft]] = {}  # what the expressions in a statement made

    def cuts_of(self, drafts: Iterable[Draft]) -> dict[int, int]:
        """The cuts behind these values, each with the parameters that are beyond it."""
        found: dict[int, int] = {}
        for draft in drafts:
            for event, bits in self.dead.get(key_of(draft), {}).items():
                found[event] = found.get(event, 0) | bits
        return found

    def live_of(self, draft: Draft) -> int:
        """The parameters that gradients would go back to from a value, as bits."""
        return self._live.get(key_of(draft), 0)

    def pass_through(self, happening: Happening) -> None:
        """An event is over: what it made was made of what it read."""
        read = [draft for draft in happening.drafts if draft.when in ("operand", "before")]
        if happening.kind in ("statement", "expression") and is_made_anew(happening.text):
            read = []  # `total = x.new_zeros(1)`, to which the losses are added
        if happening.id in self._holders:
            read = [draft for draft in read if not is_held(draft)]
        self._look_again(read, happening)
        live, lost = self._live_of(read, happening)
        self._leaves.update(key_of(draft) for draft in read if draft.graph == LEAF)
        if happening.kind in ("module", "call"):
            live, lost = _both(self._inside.pop(happening.id, NONE), (live, lost))
            if self._reached is not None and happening.id not in self._reached:
                live, lost = 0, live | lost
            self._inside[happening.parent] = _both(self._inside.get(happening.parent, NONE), (live, lost))
            return
        above = happening.parent if happening.kind == "expression" else happening.id
        inside = self._inside.pop(above, NONE)
        live, lost = _both((live, lost), inside if self._is_reached(happening) else (inside[0] | inside[1], 0))
        if happening.kind == "statement":  # what stands between two that are seen may be seen by nobody: a tuple, say
            parts = self._parts.pop(happening.id, [])
            names = (self._named.get((happening.function, name)) for name in _unseen(happening.text))
            parts += [draft for draft in names if draft is not None]
            live, lost = _both((live, lost), self._live_of(parts, happening))
            read = read + parts
        dead = self.cuts_of(read)
        if happening.kind == "statement":
            live = self._through_objects(happening, read, live, dead)
        if lost:
            dead[happening.id] = dead.get(happening.id, 0) | lost
        given = [draft for draft in happening.drafts if draft.when in ("operand", "before")]
        results = {key_of(draft) for draft in happening.drafts if draft.when == "result"}
        beside = (live, dead)
        # of `[loss, other]` neither is made of the other
        if happening.kind == "statement" and any(key_of(draft) in results for draft in given):
            own = [draft for draft in given if key_of(draft) not in results]
            beside = (self._live_of(own, happening)[0] | inside[0], self.cuts_of(own))
        chosen = {key_of(draft) for draft in given if draft.graph == 0}  # `max(kl, floor)` hands on what it was given
        for draft in happening.drafts:
            if draft.when == "after" or (draft.when == "result" and key_of(draft) not in chosen):
                self._make(draft, happening, *(beside if draft.when == "result" else (live, dead)))
                if happening.kind == "expression":
                    taken = {key_of(each) for each in read}
                    others = [each for each in self._parts.get(happening.parent, []) if key_of(each) not in taken]
                    self._parts[happening.parent] = [*others, draft]
            self._named[happening.function, draft.label] = draft
        if happening.kind == "statement":
            self._fill_objects(happening)

    def _fill_objects(self, happening: Happening) -> None:
        """A statement is over that made objects of which the items are seen, or put items into some: one whose items
        lie beyond cuts, all of them, holds nothing else, whatever ran while it was made."""
        items: dict[str, list[Draft]] = {}
        for draft in happening.drafts:
            name, bracket, _ = draft.label.partition("[")
            if bracket and name.isidentifier() and draft.when in ("result", "after"):
                items.setdefault(name, []).append(draft)
        bound, _ = _bound_and_read(happening.text) if items else (frozenset[str](), ())
        for name, drafts in items.items():
            self._look_again(drafts, happening)
            live, dead = self._live_of(drafts, happening)[0], self.cuts_of(drafts)
            if name not in bound:
                held, cuts = self._objects.get((happening.function, name), (0, {}))
                dead.update({event: dead.get(event, 0) | bits for event, bits in cuts.items()})
                self._objects[happening.function, name] = held | live, dead
            elif not live and all(self.dead.get(key_of(draft)) for draft in drafts):
                self._objects[happening.function, name] = 0, dead

    def _through_objects(self, happening: Happening, read: list[Draft], live: int, dead: dict[int, int]) -> int:
        """A statement is over that read these: with what the objects it read hold, none of which is a value that is
        seen (a distribution). One that it makes holds all of it; of `d, v = Normal(m, s), value(h)` its own part."""
        bound, names = _bound_and_read(happening.text)
        for name in names:
            held, cuts = self._objects.get((happening.function, name), (0, {}))
            live |= held
            dead.update({event: dead.get(event, 0) | bits for event, bits in cuts.items()})
        seen = {draft.label for draft in happening.drafts if draft.when == "result"}
        for name in bound - seen:
            part = pair_of(happening.text, name)
            own = [draft for draft in read if plainly(draft.label) in texts_in(part)] if part != happening.text else []
            held, cuts = (self._live_of(own, happening)[0], self.cuts_of(own)) if own else (live, dict(dead))
            self._objects[happening.function, name] = held, cuts
        for name in bound & seen:
            self._objects.pop((happening.function, name), None)
        if not seen and live and happening.text.startswith("return "):
            call = self._happenings[happening.id]
            while call.kind != "call" and call.parent is not None:
                call = self._happenings[call.parent]
            self._inside[call.id] = _both(self._inside.get(call.id, NONE), (live, 0))
        return live

    def _look_again(self, read: Iterable[Draft], happening: Happening) -> None:
        """What is read and hangs in no graph may be another look at what does: `h.data`, over the same memory."""
        for draft in read:
            key = key_of(draft)
            if draft.graph in (0, BY_MODE) and not (key in self._live or key in self.dead):
                other = self._lying.get(draft.place)
                there = key_of(other) if other is not None and _is_still(other, draft) else None
                bits = self._live.get(there, 0) | self._bits.get((id(draft.copy), ""), 0)
                self.dead.update({key: dict(self.dead[there])} if there in self.dead else {})
                if bits:
                    self._cut(key, draft, happening, bits)

    def _is_reached(self, happening: Happening) -> bool:
        """Whether gradients came to what an event made, where that is asked for."""
        return self._reached is not None and happening.id in self._reached

    def _live_of(self, drafts: Iterable[Draft], happening: Happening) -> tuple[int, int]:
        """The parameters that gradients would go back to from these values; and those that they do not go back to,
        though they came to what was made of them."""
        live = lost = 0
        for draft in drafts:
            key = key_of(draft)
            own = self._bits.get((id(draft.copy), draft.label), 0)
            own = own or (self._at.get(draft.place, 0) if draft.graph == LEAF else 0)
            if self._is_reached(happening) and (own or key in self._passed_by):
                lost |= self._live.get(key, 0) | own
            else:
                live |= self._live.get(key, 0) | own
        return live, lost

    def _make(self, draft: Draft, happening: Happening, live: int, dead: dict[int, int]) -> None:
        key = key_of(draft)
        if draft.when == "result" and (key in self._live or key in self.dead):
            return  # handed on, or by another name
        within = draft.graph == WITHIN or (draft.graph == LEAF and key in self._leaves)
        if dead:
            self.dead[key] = dict(dead)
        if live and within:
            self._live[key] = live
            self._lying[draft.place] = draft
            if self._reached is not None and happening.id not in self._reached:
                self._passed_by.add(key)
        elif live:
            self._live.pop(key, None)
            self._cut(key, draft, happening, live)

    def _cut(self, key: Hashable, draft: Draft, happening: Happening, bits: int) -> None:
        event = self._switched_off(happening) if draft.graph == BY_MODE else happening
        # Of cuts in a row it is the last: without one before (the maximum that a softmax subtracts) this would be left
        dead = {other: left for other, held in self.dead.get(key, {}).items() if (left := held & ~bits)}
        dead[event.id] = dead.get(event.id, 0) | bits
        self.dead[key] = dead
        if is_integer(draft):
            self.counted.add(event.id)

    def _switched_off(self, happening: Happening) -> Happening:
        """Of those around an event the outermost that ended, too, while no gradients were asked for; or the head of a
        function that began so, where whoever calls it asks for them (`@torch.no_grad()`)."""
        found, around = happening, happening.parent
        while around is not None:
            above = self._happenings[around]
            made = [draft.graph for draft in above.drafts if draft.when == "result" and draft.graph is not None]
            if made and BY_MODE not in made:
                break
            if above.kind == "call" and self._begins_switched_off(above):
                found = above
            found, around = (above if made else found), above.parent
        if found.kind == "call":
            self._heads.add(found.id)
        return found

    def _begins_switched_off(self, call: Happening) -> bool:
        """Whether no gradients were asked for when a call began; all that it was handed may hang in a graph, and then
        another call of the same function tells."""
        known = any(self._happenings[head].site == call.site for head in self._heads)
        return known or any(draft.graph == BY_MODE for draft in call.drafts)

    def statement(self, event: int) -> int:
        """The statement that an event stands in; or the head of a function, where that is the cut."""
        found = self._happenings[event]
        if event in self._heads:
            return event
        while found.kind != "statement" and found.parent is not None:
            found = self._happenings[found.parent]
        return found.id


def is_integer(draft: Draft) -> bool:
    """Whether a value is one of integers, or of truth values: such have no gradient, wherever they come from."""
    summary = draft.copy.outline if draft.copy is not None else draft.summary
    return summary is not None and (summary.dtype or summary.type).startswith(("int", "uint", "bool"))


def _is_still(one: Draft, other: Draft) -> bool:
    """Whether what two looks at one place saw is the same, and nothing that came to lie there since."""
    if one.copy is None or other.copy is None or one.copy is other.copy:
        return one.copy is other.copy
    return one.copy.outline == other.copy.outline


def _both(one: tuple[int, int], other: tuple[int, int]) -> tuple[int, int]:
    return one[0] | other[0], one[1] | other[1]


@lru_cache(maxsize=1024)
def _unseen(text: str) -> frozenset[str]:
    """The names in a statement that are read where no probe looks: inside comprehensions."""
    inside = [node for node in nodes_of(text) if isinstance(node, COMPREHENSIONS)]
    return frozenset(name.id for node in inside for name in ast.walk(node) if isinstance(name, ast.Name))


@lru_cache(maxsize=1024)
def _bound_and_read(text: str) -> tuple[frozenset[str], frozenset[str]]:
    """The plain names that a statement binds, and those that it reads."""
    nodes = nodes_of(text)
    names = [node for node in nodes if isinstance(node, ast.Name)]
    stored = [node for node in nodes if isinstance(node, ast.Subscript | ast.Attribute)]
    into = {id(node.value) for node in stored if isinstance(node.ctx, ast.Store)}  # of `held[0] = x` nothing is read
    bound = frozenset(each.id for each in names if isinstance(each.ctx, ast.Store))
    return bound, frozenset(each.id for each in names if isinstance(each.ctx, ast.Load) and id(each) not in into)


def key_of(draft: Draft) -> Hashable:
    """What tells a value from others of the same numbers: a detached one from what it was detached of."""
    if draft.token:
        return draft.token
    if draft.copy is not None:
        return "copy", id(draft.copy)
    return draft.label, draft.summary.value if draft.summary is not None else None


def as_they_ended(happenings: Sequence[Happening]) -> list[Happening]:
    """What was inside an event comes before it."""
    last = [each.id for each in happenings]
    for each in reversed(happenings):
        if each.parent is not None:
            last[each.parent] = max(last[each.parent], last[each.id])
    return sorted(happenings, key=lambda each: (last[each.id], -each.id))
