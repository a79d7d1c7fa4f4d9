"""What is computed over Python's lists element by element, as one operation: a comprehension, of which a probe sees
only what comes out, and a loop that stores or appends one number after the other. Reads what a recorder wrote down."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from stepper.inferior.gates.nested_lists import NestedLists, Run
from stepper.inferior.recording.drafts import Draft, Happening, is_list
from stepper.inferior.spelling.added import index_of
from stepper.inferior.spelling.texts import statement_of

Reads = list[Draft]
COMPREHENSIONS = (ast.ListComp, ast.GeneratorExp)
LOOPS = ("for ", "while ", "async for ")
FURTHEST = 8  # numbers with names of their own between two lists


class Whole(NamedTuple):
    """What a loop made of a list: its stores, what all of them read, and the list as it was after the last."""

    stores: list[Happening]
    reads: Reads
    made: Draft


class WrittenOut:
    """The `wholes` of a record; `reads` has by event what its comprehensions go through;
    `parts` are the events that each changed no more than an element."""

    def __init__(self, happenings: Sequence[Happening]) -> None:
        self.reads: dict[int, Reads] = {}
        self.parts: set[int] = set()
        self._happenings = happenings
        self._read_by: dict[int, Reads] = {}  # by event, when it was asked for first
        self._frames: dict[int, int | None] = {}  # by event: the call that it happens in
        self._latest: dict[tuple[int | str | None, str], Draft] = {}  # by frame, or wherever
        self._numbers: dict[tuple[int | None, str], Happening] = {}  # what bound a plain number last
        self._stored: dict[tuple[int | None, str], Draft] = {}  # the list that it was stored in as it is
        stores: dict[tuple[int, str], list[tuple[Happening, Reads, Draft]]] = {}
        nested = NestedLists(happenings)
        for event in happenings:
            frame = self._frames[event.id] = self._frame_of(event)
            self.reads.update(self._gone_through(event, frame))
            for loop, draft in self._stores(event):
                stores.setdefault((loop, draft.label), []).append((event, self._read(event, loop), draft))
                self.parts.add(event.id)
            row = _changed(event) if event.id in self.parts else None
            if row is not None:
                nested.store(event, frame, row, list(self._loops(event)))
            nested.learn(event, frame)
            self._learn(event, frame)
        nested.end()
        ends = {key: several[-1][2] for key, several in stores.items()}
        ends |= {(run.loop.id, draft.label): draft for run, draft in nested.finished}
        rows = {event.id for run, _ in nested.finished for event in run.stores}
        alone = {key: several for key, several in stores.items() if several[-1][0].id not in rows}
        self.wholes = [_whole(loop, several, ends) for (loop, _), several in alone.items()]
        self.wholes += [_whole_of_rows(run, draft, ends) for run, draft in nested.finished]

    def _frame_of(self, event: Happening) -> int | None:
        if event.kind == "call":
            return event.id
        return None if event.parent is None else self._frames[event.parent]

    def _learn(self, event: Happening, frame: int | None) -> None:
        for draft in event.drafts:
            key = frame, draft.label
            if is_list(draft):
                self._latest[key] = self._latest["", draft.label] = draft
            elif draft.copy is None and draft.when in ("result", "after") and event.kind == "statement":
                self._numbers[key] = event
                self._stored.pop(key, None)
        stored = _stored_number(event.text) if event.id in self.parts else None
        after = _changed(event) if stored is not None else None
        if stored is not None and after is not None:
            self._stored[frame, stored] = after

    def _gone_through(self, event: Happening, frame: int | None) -> Iterator[tuple[int, Reads]]:
        if event.kind in ("statement", "expression") and any(is_list(draft) for draft in event.drafts):
            found = (self._seen(frame, path) for path in paths_gone_through(event.text))
            reads = [draft.as_operand() for draft in found if draft is not None]
            if reads:
                yield event.id, reads

    def _seen(self, frame: int | None, path: str) -> Draft | None:
        keys = (frame, path), (None, path), ("", path if "." in path else "")
        return next((self._latest[key] for key in keys if key in self._latest), None)

    # ------------------------------------------------------------------------------------------------- loops

    def _stores(self, event: Happening) -> Iterator[tuple[int, Draft]]:
        """The loops whose turns an event is one of, by what it changes: those that bind its index; of what grows the
        nearest."""
        if event.kind != "statement":
            return
        target = _changed(event)
        if target is None:
            return
        index = index_of(event.text)
        names = None if index is None else {node.id for node in ast.walk(index) if isinstance(node, ast.Name)}
        for loop in self._loops(event):
            if names is None or loop.text.startswith("while") or not names.isdisjoint(loop.site.bound):
                yield loop.id, target
            if names is None:
                return

    def _loops(self, event: Happening) -> Iterator[Happening]:
        parent = event.parent
        while parent is not None and self._happenings[parent].kind == "statement":
            if self._happenings[parent].text.startswith(LOOPS):
                yield self._happenings[parent]
            parent = self._happenings[parent].parent

    def _read(self, event: Happening, loop: int) -> Reads:
        """What a store read, and the conditions and loops that it stands in; of numbers with names of their own, the
        lists that they come from."""
        found: Reads = []
        waiting, met = [event], set[int]()
        while waiting and len(met) < FURTHEST:
            each = waiting.pop(0)
            met.add(each.id)
            frame = self._frames[each.id]
            around = each
            while True:
                for draft in self._operands(around):
                    if is_list(draft):
                        found.append(draft)
                    elif (stored := self._stored.get((frame, draft.label))) is not None:
                        found.append(stored)
                    elif (maker := self._numbers.get((frame, draft.label))) is not None and maker.id not in met:
                        waiting += [maker] if maker.id > loop else []
                if around.parent is None or around.id <= loop or self._happenings[around.parent].kind != "statement":
                    break
                around = self._happenings[around.parent]
        return found

    def _operands(self, event: Happening) -> Reads:
        """What an event read. Of a loop that is asked once for each store in it: it bound something in every turn."""
        known = self._read_by.get(event.id)
        if known is None:
            drafts = (*event.drafts, *self.reads.get(event.id, ()))
            known = self._read_by[event.id] = [draft for draft in drafts if draft.when in ("operand", "before")]
        return known


def _changed(event: Happening) -> Draft | None:
    """The list that a statement changed."""
    return next((draft for draft in reversed(event.drafts) if draft.when == "after" and is_list(draft)), None)


def _whole(loop: int, stores: list[tuple[Happening, Reads, Draft]], ends: Mapping[tuple[int, str], Draft]) -> Whole:
    """A loop's stores, in one: of other lists that change in the same loop, what they are at its end."""
    made = stores[-1][2]
    begun = next((draft for _, reads, _ in stores for draft in reads if _is_begun(draft, made)), None)
    others = {draft.label: draft for _, reads, _ in stores for draft in reads if draft.label != made.label}
    read = [ends.get((loop, label), draft).as_operand() for label, draft in others.items()]
    return Whole([event for event, _, _ in stores], [*([] if begun is None else [begun]), *read], made)


def _whole_of_rows(run: Run, made: Draft, ends: Mapping[tuple[int, str], Draft]) -> Whole:
    """The same of a list of lists, of which no store saw more than a row change."""
    read = {draft.label: ends.get((run.loop.id, draft.label), draft).as_operand() for draft in run.reads}
    after = Draft(made.label, made.role, "after", made.copy, made.summary)
    return Whole(run.stores, [run.begun.as_operand(), *read.values()], after)


def _is_begun(draft: Draft, made: Draft) -> bool:
    return draft.when == "before" and draft.label == made.label and draft.shape == made.shape


@lru_cache(maxsize=2048)
def paths_gone_through(text: str) -> tuple[str, ...]:
    """The names and paths in the comprehensions of a statement or an expression."""
    found = statement_of(text) if " for " in text else None
    inside = (node for node in ast.walk(found) if isinstance(node, COMPREHENSIONS)) if found is not None else ()
    paths: dict[str, None] = {}
    for comprehension in inside:
        for node in ast.walk(comprehension):
            if isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Load):
                paths[ast.unparse(node)] = None
    return tuple(paths)


@lru_cache(maxsize=2048)
def _stored_number(text: str) -> str | None:
    """The name of the number that a statement stores as it is (`z[j] = s`)."""
    match statement_of(text):
        case ast.Assign(targets=[ast.Subscript()], value=ast.Name(id=name)):
            return name
        case ast.Expr(value=ast.Call(func=ast.Attribute(attr="append"), args=[ast.Name(id=name)])):
            return name
    return None
