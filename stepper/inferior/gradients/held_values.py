"""What containers hold that a statement reads: of `loss = sum(terms)` a probe sees `terms`, which is no value. What is
in it was told where it was bound, stored into or appended, or where a function was called with it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache

from stepper.inferior.recording.drafts import MADE, Draft, Happening

_ELEMENT = re.compile(r"([A-Za-z_][\w.]*)\[")
_GROWN = ("append", "insert", "extend")


class HeldValues:
    """Looks through one record."""

    def __init__(self, happenings: Sequence[Happening], place: Mapping[int, int]) -> None:
        """`place`: where each event stands in the order in which they ended."""
        self._place = place
        self._told: dict[str, list[tuple[Happening, bool, list[Draft]]]] = {}  # by name, whether it is bound anew there
        for each in happenings:
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
        return found


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
        ast.unparse(target) for node in _nodes(text) if isinstance(node, ast.Assign) for target in node.targets
    )


@lru_cache(maxsize=1024)
def _grown(text: str) -> tuple[str, frozenset[str]] | None:
    """The list that a statement adds to, and what it adds."""
    for node in _nodes(text):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _GROWN:
            added = {ast.get_source_segment(text, each) or "" for each in node.args}
            return ast.unparse(node.func.value), frozenset(added)
    return None


@lru_cache(maxsize=1024)
def names_read(text: str) -> frozenset[str]:
    """The names and attributes that are read whole, and not one element of them."""
    picked = {id(node.value) for node in _nodes(text) if isinstance(node, ast.Subscript)}
    whole = (node for node in _nodes(text) if isinstance(node, ast.Name | ast.Attribute) and id(node) not in picked)
    return frozenset(ast.unparse(node) for node in whole if isinstance(node.ctx, ast.Load))


@lru_cache(maxsize=256)
def _nodes(text: str) -> tuple[ast.AST, ...]:
    try:
        return tuple(ast.walk(ast.parse(text)))
    except (SyntaxError, ValueError):
        return ()  # the head of a block
