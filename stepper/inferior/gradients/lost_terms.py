"""Terms of a loss that no gradient goes back through, though parameters that the loss trains make them, too:
`loss = cross_entropy + 0.01 * w.detach().pow(2).sum()`. The parameters have another path to the loss, and a gradient.

Found by the flow of the very objects: from what a backward pass begins with back through what only adds, scales and
rearranges, as the nodes of the graph say. What was added there and hangs in no graph is a term that is cut off, where
it was made of such a parameter in this pass. None is what is meant to have no gradient: what was made of the other
addend (straight through), what a live value outside is made of, too (a baseline, a target), what is taken away from,
or lined up with, many numbers, and what had a backward pass of its own.
"""

from __future__ import annotations

import re
from collections.abc import Container, Hashable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import NamedTuple

from stepper.inferior.gradients.cut_off import LEAF, WITHIN, Flow, as_they_ended, is_integer, key_of
from stepper.inferior.gradients.held_values import HeldValues, names_read
from stepper.inferior.gradients.read_as_numbers import ReadAsNumbers
from stepper.inferior.recording.drafts import MADE, READ, Draft, Happening
from stepper.inferior.recording.tracks import Track
from stepper.inferior.spelling.made_anew import is_made_anew
from stepper.record import Backward, Contribution, OptimizerStep

ADDED = frozenset(["Add", "Sub", "Rsub", "Stack", "Cat"])
SCALED = frozenset(["Mul", "Div"])
REDUCED = ["Neg", "Mean", "Sum", "Clone", "ToCopy", "Alias", "Expand", "Select", "Slice", "Index"]
VIEWED = ["View", "Reshape", "UnsafeView", "Squeeze", "Unsqueeze", "T", "Transpose", "Permute"]
REARRANGED = frozenset([*REDUCED, *VIEWED])
_PLACE = re.compile(r"\[(\d+)\]")  # in a container of layers, which has `net.0.weight` where Python has `net[0].weight`
_NUMBERED = re.compile(r"Backward\d*$")


class Lost(NamedTuple):
    """A term: what it is called, the statement that adds it, the one that cuts it off, and the parameters in it; not
    `known`: all that are trained, since a library's object hides what lies before the cut."""

    label: str
    added: Happening
    cut: Happening
    parameters: tuple[str, ...]
    known: bool


class _Beyond(NamedTuple):
    """What lies behind a term: `dead`, itself and what it was made of that hangs in no graph; `live`, what that was
    made of and does; `cuts`, the events that made the ones of the others."""

    dead: set[Hashable]
    live: set[Hashable]
    cuts: set[int]


def lost_terms(happenings: Sequence[Happening], tracks: Mapping[str, Track]) -> list[Lost]:
    """Those of each backward pass, in their order."""
    nodes: dict[int, dict[int, set[str]]] = {}  # by backward pass and the event that made their values
    for each in happenings:
        if isinstance(each.detail, Backward) and each.detail.creator is not None and each.parent is not None:
            kinds = nodes.setdefault(each.parent, {}).setdefault(each.detail.creator, set())
            kinds.add(_NUMBERED.sub("", each.detail.node))
    found: dict[tuple[int, str], Lost] = {}
    search: _Search | None = None
    for root, made_by in nodes.items():
        numbers = ReadAsNumbers(happenings, root, made_by)
        added = {event: kinds for event, kinds in made_by.items() if kinds & ADDED}
        if not (
            any(_adds_what_is_dead(happenings[event], kinds) for event, kinds in made_by.items())
            or any(numbers.among(happenings[event], _read(happenings[event])) for event in added)
        ):
            continue
        search = search or _Search(happenings, tracks, nodes)
        for lost in search.of(happenings[root], made_by, numbers):
            found.setdefault((lost.added.id, lost.label), lost)
    return list(found.values())


def _adds_what_is_dead(event: Happening, kinds: set[str]) -> bool:
    read = _read(event)
    if kinds & ADDED:
        return any(map(_may_be_dead, read)) or all(draft.graph != WITHIN for draft in read)  # they lie in a container
    return kinds <= REARRANGED | SCALED and any(map(_begins_anew, read))


def _read(event: Happening) -> list[Draft]:
    return [draft for draft in event.drafts if draft.when in READ]


def _begins_anew(draft: Draft) -> bool:
    return draft.graph == LEAF and draft.role != "parameter"


def _may_be_dead(draft: Draft) -> bool:
    return draft.graph != WITHIN and not is_integer(draft) and draft.role != "setting"


class _Search:
    """Looks for such terms in one record."""

    def __init__(self, happenings: Sequence[Happening], tracks: Mapping[str, Track], roots: Iterable[int]) -> None:
        """`roots`: the events of backward passes."""
        self._happenings = happenings
        self._tracks = [each for each in tracks.values() if not each.frozen and each.before.copy is not None]
        self._parameters = {id(each.before.copy) for each in self._tracks}
        self._roots = {each: self._begun(each) for each in roots}

    def of(self, root: Happening, made_by: Mapping[int, set[str]], numbers: ReadAsNumbers) -> Iterator[Lost]:
        """The terms of one backward pass. `made_by`: the nodes of its graph, by the event that made their values."""
        trained, on_the_way = self._trained(root), set[Hashable]()
        candidates = list(self._candidates(root, made_by, numbers, on_the_way)) if trained else []
        readers = self._readers(set(made_by) - {event.id for _, event in candidates})
        for draft, event in candidates:
            beyond, cuts = self._beyond(draft, event), self._cuts_of(draft, event)
            known = set().union(*map(self._names, cuts.values()))
            if not known and not beyond.cuts:
                known, cuts = self._held_in_objects(beyond.dead)
            if not (known & trained if known else beyond.cuts) or self._is_meant(beyond, on_the_way, root, readers):
                continue
            names = known & trained if known else trained
            ordered = tuple(each.name for each in self._tracks if each.name in names)
            cut = max((self._flow.statement(each) for each in (*cuts, *beyond.cuts)), key=self._place.__getitem__)
            added = self._flow.statement(event.id)
            yield Lost(draft.label, self._happenings[added], self._happenings[cut], ordered, bool(known))

    def _begun(self, root: int) -> set[Hashable]:
        """What a backward pass begins with."""
        read = (draft for draft in self._happenings[root].drafts if draft.when in READ)
        return {key_of(draft) for draft in read if draft.graph in (WITHIN, LEAF)}

    def _cuts_of(self, term: Draft, event: Happening) -> dict[int, int]:
        """The cuts behind a term, each with the parameters beyond it."""
        if term.graph == WITHIN:  # a number is made of it where it is read
            bits = self._flow.live_of(term)
            return {self._reader(term, event).id: bits} if bits else {}
        return self._flow.cuts_of([term])

    def _reader(self, term: Draft, event: Happening) -> Happening:
        """The event that read a term: that which adds it, or put it into a container before."""
        return next((each for each in self._happenings if any(term is draft for draft in each.drafts)), event)

    def _names(self, bits: int) -> set[str]:
        return {each.name for place, each in enumerate(self._tracks) if bits >> place & 1}

    def _is_trained(self, draft: Draft) -> bool:
        """Whether gradients end in it because it is a parameter itself (`x @ w + bias`), whatever a step by hand makes
        it of later in the pass."""
        return draft.graph == LEAF and id(draft.copy) in self._parameters

    def _trained(self, root: Happening) -> set[str]:
        """The parameters that a backward pass sends gradients to, and that the next step, if there is one, moves: of
        those of a discriminator a generator's step moves none."""
        reached, stepped = set[str](), set[str]()
        updates = {update.id: each.name for each in self._tracks for update in each.updates}
        for each in self._happenings[root.id + 1 :]:
            if isinstance(each.detail, Contribution):
                if each.parent is not None and self._happenings[each.parent].parent == root.id:
                    reached.add(each.detail.parameter)
                elif stepped:
                    break  # another backward pass, behind the step
            elif isinstance(each.detail, OptimizerStep):
                stepped.add(each.detail.parameter)
            elif each.id in updates:
                stepped.add(updates[each.id])
        return reached & stepped if stepped else reached

    def _candidates(
        self, root: Happening, made_by: Mapping[int, set[str]], numbers: ReadAsNumbers, on_the_way: set[Hashable]
    ) -> Iterator[tuple[Draft, Happening]]:
        """What is added on the way to the loss and hangs in no graph, with the event that adds it. What does hang in
        one is noted `on_the_way`."""
        waiting: list[tuple[Hashable, int]] = [(key, self._place[root.id] + 1) for key in self._roots[root.id]]
        looked = set[int]()
        first = root.id if root.id in made_by else None  # `(loss + other).backward()`
        while waiting or first is not None:
            event, first = first, None
            if event is None:
                key, end = waiting.pop()
                on_the_way.add(key)
                made = (each for each in self._made.get(key, ()) if each in made_by and self._place[each] < end)
                event = max(made, key=self._place.__getitem__, default=None)
            if event is None or event in looked:
                continue
            looked.add(event)
            read = _read(self._happenings[event])
            if event == root.id:  # its pass has changed gradients
                read = [draft for draft in read if draft.when == "operand"]
            kinds = made_by[event]
            held = self._held.read_by(self._happenings[event]) if kinds & ADDED else []
            if kinds & SCALED:  # of weights and terms, each in a list of their own, only these are added
                weights = [each for each in held if not numbers.leave(self._happenings[event], each)]
                held = [each for each in held if each not in weights]
                scales = {key_of(draft) for each in weights for draft in each}
                read = [draft for draft in read if key_of(draft) not in scales]
            read += [draft for each in held for draft in each]
            as_numbers = numbers.among(self._happenings[event], read) if kinds & ADDED else []
            read = [draft for draft in read if draft not in as_numbers]
            live = [(key_of(draft), self._place[event]) for draft in read if draft.graph == WITHIN]
            if (kinds <= ADDED | REARRANGED or (held and kinds <= ADDED | REARRANGED | SCALED)) and kinds & ADDED:
                alone = all(draft.shape in ((), None) for draft in read)
                yield from ((each, self._happenings[event]) for each in as_numbers)
                for draft in filter(_may_be_dead, read):
                    if (alone or "Add" in kinds) and not self._is_trained(draft):
                        yield draft, self._happenings[event]
                waiting += live
            elif kinds <= REARRANGED | SCALED and len(set(live)) == 1:
                waiting += live
            elif kinds <= REARRANGED | SCALED and not live:
                yield from ((draft, self._happenings[event]) for draft in read if _begins_anew(draft))

    def _beyond(self, term: Draft, event: Happening) -> _Beyond:
        """What a term is made of, back to what hangs in a graph."""
        if term.graph == WITHIN:
            return _Beyond(set(), {key_of(term)}, {self._reader(term, event).id})
        found, waiting = _Beyond({key_of(term)}, set(), set()), [key_of(term)]
        while waiting:
            for made, draft in self._read_for(waiting.pop(), event):
                key = key_of(draft)
                if draft.graph == WITHIN:
                    found.live.add(key)
                    found.cuts.add(made)
                elif key not in found.dead and draft.graph != LEAF:
                    found.dead.add(key)
                    waiting.append(key)
        return found

    def _held_in_objects(self, dead: set[Hashable]) -> tuple[set[str], dict[int, int]]:
        """The parameters in the objects that were read by what made these, of nothing that is seen: of
        `sum(p.detach().abs().sum() for p in net.parameters())`, or a function of the script's that is called with net.
        And the events that did."""
        found, cuts = set[str](), dict[int, int]()
        for event in {event for key in dead for event in self._made.get(key, ())}:
            made = self._happenings[event]
            seen = any(draft.when in READ for draft in made.drafts)
            if made.kind in ("statement", "expression") and not seen and not any(map(is_integer, made.drafts)):
                held = tuple(_PLACE.sub(r".\1", name) + "." for name in names_read(made.text))
                names = {each.name for each in self._tracks if f"{each.name}.".startswith(held)}
                found |= names
                cuts |= {event: 0} if names else {}
        return found, cuts

    def _is_meant(
        self, beyond: _Beyond, on_the_way: set[Hashable], root: Happening, readers: Container[Hashable]
    ) -> bool:
        """Whether a term is one that is to have no gradient."""
        if any(keys & beyond.live for number, keys in self._roots.items() if number < root.id):
            return True
        above, waiting = set(beyond.live), list(beyond.live)
        while waiting:
            for _, draft in self._read_for(waiting.pop(), root):
                if draft.graph == WITHIN and key_of(draft) not in above:
                    above.add(key_of(draft))
                    waiting.append(key_of(draft))
        made = (key for key in beyond.dead if key in self._flow.dead or self._is_cut(key))
        return not on_the_way.isdisjoint(above) or any(key in readers for key in made)

    def _is_cut(self, key: Hashable) -> bool:
        """Whether a value was made of what hangs in a graph."""
        events = self._made.get(key, ())
        return any(draft.graph == WITHIN for each in events for draft in self._happenings[each].drafts)

    def _read_for(self, key: Hashable, end: Happening) -> Iterator[tuple[int, Draft]]:
        """What was read by the events that made a value, each with the event."""
        for event in self._made.get(key, ()):
            if self._place[event] < self._place[end.id]:
                drafts = self._happenings[event].drafts
                given = {key_of(draft) for draft in drafts if draft.when == "result"}  # to a list, where it was read
                yield from ((event, each) for each in drafts if each.when in READ and key_of(each) not in given)

    @cached_property
    def _flow(self) -> Flow:
        """What each value was made of, and beyond which cuts."""
        flow = Flow(self._happenings, self._tracks, None)
        for each in self._ended:
            if each.kind != "backward":
                flow.pass_through(each)
        return flow

    @cached_property
    def _ended(self) -> list[Happening]:
        return as_they_ended(self._happenings)

    @cached_property
    def _place(self) -> dict[int, int]:
        """Where each event stands in the order in which they ended."""
        return {each.id: place for place, each in enumerate(self._ended)}

    @cached_property
    def _made(self) -> dict[Hashable, list[int]]:
        """The events that made a value, or changed it; what only hands it on (into a list) does neither."""
        found: dict[Hashable, list[int]] = {}
        for each in self._happenings:
            if each.kind not in ("statement", "expression") or is_made_anew(each.text):
                continue
            given = {key_of(draft) for draft in each.drafts if draft.when == "operand"}
            for draft in each.drafts:
                if draft.when in MADE and not (draft.when == "result" and key_of(draft) in given):
                    found.setdefault(key_of(draft), []).append(each.id)
        return found

    @cached_property
    def _held(self) -> HeldValues:
        return HeldValues(self._happenings, self._place)

    def _readers(self, makers: set[int]) -> set[Hashable]:
        """What these events read and hangs in no graph; of a layer, what the expression reads that calls it."""
        ran = (self._happenings[event] for event in makers if self._happenings[event].kind == "module")
        made = {id(draft.copy) for each in ran for draft in each.drafts if draft.when == "result"} - {id(None)}
        calls = {
            each.id
            for each in self._happenings
            if each.kind in ("expression", "statement")
            and any(
                draft.graph == WITHIN and draft.when == "result" and id(draft.copy) in made for draft in each.drafts
            )
        }
        read = (draft for event in makers | calls for draft in self._happenings[event].drafts if draft.when in READ)
        return {key_of(draft) for draft in read if draft.graph != WITHIN}
