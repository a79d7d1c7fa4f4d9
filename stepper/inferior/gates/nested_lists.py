"""Lists of lists whose elements loops store one by one (`a[i][j] = max(0.0, z[i][j])`): no probe sees more than a row
change, and what became of the whole only when it is read next. Reads what a recorder wrote down."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from stepper.inferior.recording.copies import Copy
from stepper.inferior.recording.drafts import Draft, Happening, is_list, value_of
from stepper.inferior.spelling.added import element_of, index_of, target_of

Reads = list[Draft]
Frame = int | None


class Run(NamedTuple):
    """The turns of the outermost of the loops that go through a list of lists; `rows` are those that were changed."""

    loop: Happening
    stores: list[Happening]
    begun: Draft
    reads: Reads
    rows: dict[int, Copy]


class NestedLists:
    """Follows them through a record. `finished` are the runs of which it is known what became of the whole."""

    def __init__(self, happenings: Sequence[Happening]) -> None:
        self.finished: list[tuple[Run, Draft]] = []
        self._happenings = happenings
        self._open: dict[tuple[Frame, str], Run] = {}
        self._inside: dict[int, list[Happening]] = {}
        for each in happenings:
            if each.kind == "expression" and each.parent is not None:
                self._inside.setdefault(each.parent, []).append(each)

    def store(self, event: Happening, frame: Frame, row: Draft, loops: Sequence[Happening]) -> None:
        """A statement changed an element of this row, inside these loops, the innermost first."""
        at, index = element_of(row.label), index_of(event.text)
        if at is None or index is None or not target_of(event.text).startswith(f"{row.label}["):
            return
        label, place = at
        whole = next((draft for draft in event.drafts if _is_whole(draft, label, row)), None)
        names = {node.id for node in (*ast.walk(index), *ast.walk(ast.parse(place))) if isinstance(node, ast.Name)}
        around = [loop for loop in loops if not names.isdisjoint(loop.site.bound)]
        if whole is None or not around:
            return
        run = self._open.get((frame, label))
        if run is None or run.loop is not around[-1]:
            self._put_together(run)
            run = self._open[frame, label] = Run(around[-1], [], whole, [], {})
        run.stores.append(event)
        number = next((value_of(draft) for draft in event.drafts if draft.label == place and draft.copy is None), None)
        if isinstance(number, int) and row.copy is not None:
            run.rows[number] = row.copy
        run.reads.extend(draft for draft in self._read(event, run.loop) if draft.label != label)

    def end(self) -> None:
        """The record is over: what was never read as a whole is known by its rows."""
        for run in self._open.values():
            self._put_together(run)

    def _put_together(self, run: Run | None) -> None:
        whole = None if run is None else run.begun.copy
        if run is None or whole is None or sorted(run.rows) != list(range((run.begun.shape or (0,))[0])):
            return
        rows = [run.rows[number] for number in sorted(run.rows)]
        if not any(row.gone for row in rows):
            made = Copy(whole.engine, [row.kept for row in rows])
            self.finished.append((run, Draft(run.begun.label, run.begun.role, "after", made)))

    def _read(self, event: Happening, loop: Happening) -> Iterator[Draft]:
        """The lists of lists that a store read, and the conditions that it stands in."""
        around = event
        while around is not loop:
            for each in (around, *self._inside.get(around.id, ())):
                yield from (draft for draft in each.drafts if draft.when == "operand" and _is_nested(draft))
            around = self._happenings[around.parent or 0]

    def learn(self, event: Happening, frame: Frame) -> None:
        """What a later event sees of a whole."""
        for draft in event.drafts if self._open else ():
            run = self._open.get((frame, draft.label))
            if run is not None and draft.when != "result" and _is_nested(draft) and not self._is_inside(event, run):
                self.finished.append((run, draft))
                del self._open[frame, draft.label]

    def _is_inside(self, event: Happening, run: Run) -> bool:
        parent: int | None = event.id
        while parent is not None and parent > run.loop.id:
            parent = self._happenings[parent].parent
        return parent == run.loop.id


def _is_nested(draft: Draft) -> bool:
    return is_list(draft) and len(draft.shape or ()) > 1


def _is_whole(draft: Draft, label: str, row: Draft) -> bool:
    return draft.label == label and is_list(draft) and (draft.shape or ())[1:] == row.shape
