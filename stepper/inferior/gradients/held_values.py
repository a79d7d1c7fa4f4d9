"""What containers hold that a statement reads: of `loss = sum(terms)` a probe sees `terms`, which is no value. What is
in it was told where it was bound, stored into or appended, or where a function was called with it. No probe looks into
a comprehension: what a list holds that is written out there (`for w, term in zip(weights, [a, b.item()])`) was told
where its names were bound, or where the parts of it were made that have none (`h.norm().item()`).
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache

from stepper.inferior.recording.drafts import MADE, Draft, Happening
from stepper.inferior.spelling.added import plainly
from stepper.program.syntax import COMPREHENSIONS
from stepper.record import nodes_of

_ELEMENT = re.compile(r"([A-Za-z_][\w.]*)\[")
_GROWN = ("append", "insert", "extend")
_DISPLAYS = (ast.List, ast.Tuple, ast.Dict)


class HeldValues:
    """Looks through one record."""

    def __init__(self, happenings: Sequence[Happening], place: Mapping[int, int]) -> None:
        """`place`: where each event stands in the order in which they ended."""
        self._place = place
        self._told: dict[str, list[tuple[Happening, bool, list[Draft]]]] = {}  # by name, whether it is bound anew there
        self._named: dict[str, list[tuple[Happening, Draft]]] = {}
        self._happenings = happenings
        self._parts: dict[tuple[int, str], Draft] = {}  # by the statement that they are parts of, and their texts
        for each in happenings:
            made = next((draft for draft in each.drafts if draft.when == "result"), None)
            if each.kind == "expression" and made is not None:
                self._parts[self._statement(each), plainly(each.text)] = made
            for draft in each.drafts if each.kind == "statement" else ():
                if draft.when in MADE:
                    self._named.setdefault(draft.label, []).append((each, draft))
            if each.kind in ("statement", "call"):
                for name, bound, drafts in _told(each):
                    self._told.setdefault(name, []).append((each, bound, drafts))

    def read_by(self, event: Happening) -> list[list[Draft]]:
        """What the containers hold that an event reads as such, each by itself."""
        found: list[list[Draft]] = []
        for name in names_read(event.text) & self._told.keys():
            held: dict[str, Draft] = {}
            for each, bound, drafts in self._told[name]:
                begun = each.id < event.id if each.kind == "call" else self._place[each.id] < self._place[event.id]
                if begun and each.function == event.function:
                    held = {} if bound else held
                    held |= {_own_name(each, draft): draft for draft in drafts}
            found.append(list(held.values()))
        statement = self._statement(event)
        for elements in _written_out(event.text):
            found.append([draft for each in elements for draft in self._made_in(each, event, statement)])
        return found

    def _made_in(self, element: ast.AST, event: Happening, statement: int) -> Iterator[Draft]:
        """What an element that is written out there is made of: the largest parts of it that are known."""
        known: Draft | None = None
        if isinstance(element, ast.Name):
            known = self._last(element.id, event)
        elif isinstance(element, ast.expr):
            known = self._parts.get((statement, ast.unparse(element)))
        if known is not None:
            yield known
        else:
            for part in ast.iter_child_nodes(element):
                yield from self._made_in(part, event, statement)

    def _statement(self, event: Happening) -> int:
        """The one that an event is a part of."""
        while event.kind != "statement" and event.parent is not None:
            event = self._happenings[event.parent]
        return event.id

    def _last(self, name: str, event: Happening) -> Draft | None:
        """What a name stood for when an event began."""
        known = self._named.get(name, ())
        before = (made for each, made in known if each.id < event.id and each.function == event.function)
        return next(reversed(list(before)), None)


def _own_name(event: Happening, draft: Draft) -> str:
    """What an element is called; one that is appended has no name yet."""
    return draft.label if draft.when in MADE else f"{event.id} {draft.label}"


def _told(event: Happening) -> Iterator[tuple[str, bool, list[Draft]]]:
    """The containers whose elements an event tells, each with those."""
    when = ("operand",) if event.kind == "call" else MADE
    found: dict[str, list[Draft]] = {}
    for draft in event.drafts:
        element = _ELEMENT.match(draft.label) if draft.when in when else None
        if element is not None:
            found.setdefault(element.group(1), []).append(draft)
    bound = _bound(event.text)
    for label, parts in _elements(event.text).items() if event.kind == "statement" else ():
        if not any(draft.label == label and draft.when in MADE for draft in event.drafts):  # a number, made of these
            read = [each for each in event.drafts if each.when == "operand" and each.label in parts]
            found.setdefault(label.rpartition("[")[0], []).extend(read)
    for name, drafts in found.items():
        yield name, event.kind == "call" or name in bound, drafts
    for name in bound - found.keys():
        yield name, True, []
    grown = _grown(event.text) if event.kind == "statement" else None
    if grown is not None:
        name, arguments = grown
        read = [each for each in event.drafts if each.when == "operand" and each.label != name]
        yield name, False, [each for each in read if each.label in arguments] or read  # a number that is made of them


@lru_cache(maxsize=1024)
def _bound(text: str) -> frozenset[str]:
    return frozenset(
        ast.unparse(target) for node in nodes_of(text) if isinstance(node, ast.Assign) for target in node.targets
    )


@lru_cache(maxsize=1024)
def _elements(text: str) -> dict[str, frozenset[str]]:
    """The elements of the containers that a statement writes out and binds to a name, each with the texts of all that
    it is made of. One that is a container itself holds a term and its weight, perhaps."""
    found: dict[str, frozenset[str]] = {}
    for node in nodes_of(text):
        if isinstance(node, ast.Assign) and isinstance(node.value, _DISPLAYS):
            for key, each in _keyed(node.value):
                texts = frozenset(ast.unparse(part) for part in ast.walk(each) if isinstance(part, ast.expr))
                found |= {f"{ast.unparse(target)}[{key}]": texts for target in node.targets}
    return found


@lru_cache(maxsize=1024)
def _written_out(text: str) -> tuple[tuple[ast.expr, ...], ...]:
    """The elements of each container that is written out within a comprehension, or gone through by it; of one of pairs
    (a term and its weight) the first of each, and the second of each."""
    inside = [each for node in nodes_of(text) if isinstance(node, COMPREHENSIONS) for each in ast.walk(node)]
    displays = {id(each): each for each in inside if isinstance(each, _DISPLAYS)}
    nested = {id(part) for each in displays.values() for part in ast.walk(each) if part is not each}
    found: list[tuple[ast.expr, ...]] = []
    for each in (display for key, display in displays.items() if key not in nested):
        found.append(tuple(element for _, element in _keyed(each)))
        found += zip(*(row.elts for row in _parts(each) if isinstance(row, ast.List | ast.Tuple)), strict=False)
    return tuple(filter(None, found))


def _parts(display: ast.List | ast.Tuple | ast.Dict) -> list[ast.expr]:
    return display.values if isinstance(display, ast.Dict) else display.elts


def _keyed(display: ast.List | ast.Tuple | ast.Dict) -> list[tuple[str, ast.expr]]:
    if isinstance(display, ast.Dict):
        pairs = zip(display.keys, display.values, strict=True)
        found = [(ast.unparse(key), each) for key, each in pairs if key is not None]
    else:
        found = [(str(place), each) for place, each in enumerate(display.elts)]
    return [(key, each) for key, each in found if not isinstance(each, _DISPLAYS)]


@lru_cache(maxsize=1024)
def _grown(text: str) -> tuple[str, frozenset[str]] | None:
    """The list that a statement adds to, and what it adds."""
    for node in nodes_of(text):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _GROWN:
            added = {ast.get_source_segment(text, each) or "" for each in node.args}
            return ast.unparse(node.func.value), frozenset(added)
    return None


@lru_cache(maxsize=1024)
def names_read(text: str) -> frozenset[str]:
    """The names and attributes that are read whole, and not one element of them; one after the other, by a name that a
    comprehension binds, is whole."""
    heads = [each for node in nodes_of(text) if isinstance(node, COMPREHENSIONS) for each in node.generators]
    through = {part.id for head in heads for part in ast.walk(head.target) if isinstance(part, ast.Name)}
    one = [node for node in nodes_of(text) if isinstance(node, ast.Subscript)]
    picked = {id(node.value) for node in one if not (isinstance(node.slice, ast.Name) and node.slice.id in through)}
    whole = (node for node in nodes_of(text) if isinstance(node, ast.Name | ast.Attribute) and id(node) not in picked)
    return frozenset(ast.unparse(node) for node in whole if isinstance(node.ctx, ast.Load))
