"""What hangs in a graph and is read on the way to a loss as a plain number only: `loss + 0.5 * float(w.norm())`,
`terms.append(w.norm().item())`. A number of Python's is no value that is followed by itself. But of what was made of it
the graph has no node: no gradient came to it, though one came to what reads it.
"""

from __future__ import annotations

import ast
from collections.abc import Container, Hashable, Iterable, Mapping, Sequence
from functools import lru_cache

from stepper.inferior.gradients.cut_off import WITHIN, key_of
from stepper.inferior.recording.drafts import MADE, Draft, Happening
from stepper.inferior.spelling.added import plainly
from stepper.record import nodes_of


class ReadAsNumbers:
    """Those of one backward pass. Nothing is told of a pass of which not all nodes are known."""

    def __init__(self, happenings: Sequence[Happening], root: int, made_by: Mapping[int, Container[str]]) -> None:
        """`root`: the event of the pass; `made_by`: the events that made the values of its graph."""
        self._whole = not happenings[root].note
        self._reached = _with_those_around(happenings, made_by)
        made = (draft for each in self._reached for draft in happenings[each].drafts if draft.when in MADE)
        self._copies = {id(draft.copy) for draft in made if draft.copy is not None}  # also what layers gave
        self._makers: dict[Hashable, list[Happening]] = {}
        for each in happenings[:root] if self._whole else ():
            if each.kind in ("statement", "expression"):
                for draft in each.drafts:
                    if draft.when in MADE and draft.graph == WITHIN:
                        self._makers.setdefault(key_of(draft), []).append(each)

    def among(self, event: Happening, drafts: Iterable[Draft]) -> list[Draft]:
        """Which of these, that an event reads, it reads as numbers; not what it only decides by."""
        return [each for each in drafts if self._is_one(each) and not only_steers(event.text, each.label)]

    def leave(self, event: Happening, drafts: Sequence[Draft]) -> bool:
        """Whether something of these is left that hangs in the graph, and is not read as a number."""
        as_numbers = self.among(event, drafts)
        return any(draft.graph == WITHIN and draft not in as_numbers for draft in drafts)

    def _is_one(self, draft: Draft) -> bool:
        if draft.graph != WITHIN:
            return False
        makers = self._makers.get(key_of(draft), ())
        changed = any(each.when == "after" and key_of(each) == key_of(draft) for one in makers for each in one.drafts)
        reached = id(draft.copy) in self._copies or any(each.id in self._reached for each in makers)
        return bool(makers) and not changed and not reached


def _with_those_around(happenings: Sequence[Happening], events: Iterable[int]) -> set[int]:
    found: set[int] = set()
    for each in events:
        event: int | None = each
        while event is not None and event not in found:
            found.add(event)
            event = happenings[event].parent
    return found


@lru_cache(maxsize=1024)
def only_steers(text: str, label: str) -> bool:
    """Whether an expression is read for what is done, and goes into no value: in a comparison, an index, the condition
    of a choice, or an argument with a name (`alpha` of `torch.add(loss, other, alpha=h.item())`)."""
    wanted = plainly(label)
    inner = (each for node in nodes_of(text) for part in _steering(node) for each in ast.walk(part))
    return any(isinstance(each, ast.expr) and ast.unparse(each) == wanted for each in inner)


def _steering(node: ast.AST) -> list[ast.AST]:
    match node:
        case ast.keyword(value=part) | ast.Subscript(slice=part) | ast.IfExp(test=part):
            return [part]
        case ast.Compare():
            return [node]
    return []
