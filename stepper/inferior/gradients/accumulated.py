"""Gradients that a script adds up itself (`self.dw += x.T @ d`), in a place that held something of earlier iterations
when this one began to add to it: a zeroing that was forgotten, or accumulation on purpose.

A value is followed back by its bits, from what the update used to the first statement of the iteration that added to
it. What was made anew in the iteration, or begins with zeros, is no such sum; nor is a velocity, which is scaled.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from functools import cached_property, lru_cache
from types import EllipsisType
from typing import Any, NamedTuple

from stepper.engines.base import Engine
from stepper.inferior.recording.copies import NOWHERE, Copy
from stepper.inferior.recording.drafts import Draft, Happening, holder_of, is_list
from stepper.inferior.spelling.texts import reads, statement_of
from stepper.program.vocabulary import names_gradient
from stepper.record import is_path

SCALINGS = 3  # statements and expressions between a sum and the gradient that is used: a mean of it, clipped
Key = Copy | tuple[str, float | int]


class Accumulated(NamedTuple):
    """A sum: what it was before the iteration added to it, in the event `first`, and behind the last addition."""

    before: Draft
    after: Draft
    first: Happening


class Accumulations:
    """Looks into the events of one record, in their order."""

    def __init__(self, happenings: Sequence[Happening]) -> None:
        self._happenings = happenings

    @cached_property
    def _first(self) -> int:
        """The first event that added to something called a gradient; behind all where none did."""
        adding = (each for each in self._happenings if each.kind == "statement" and _adds(each.text))
        sums = (each.id for each in adding if any(map(_is_made_gradient, each.drafts)))
        return next(sums, len(self._happenings))

    @cached_property
    def _makers(self) -> dict[Key, list[tuple[Happening, Draft]]]:
        """By what tells a value from others, what made it."""
        makers: dict[Key, list[tuple[Happening, Draft]]] = {}
        for happening in self._happenings:
            made = [draft for draft in happening.drafts if _is_made(draft)]
            if not made or happening.kind not in ("statement", "expression"):
                continue
            named = (each for each in happening.drafts if each.when == "operand" and is_path(each.label))
            read = {_key(each) for each in named}  # and has only another name now
            for draft in made:
                key = _key(draft)
                if key is not None and key not in read:
                    makers.setdefault(key, []).append((happening, draft))
        return makers

    def of(self, gradient: Draft, update: int) -> Accumulated | None:
        """The sum that the gradient used by the event `update` is, or is a multiple of; None where it holds nothing of
        earlier iterations."""
        if self._first >= update:
            return None
        made = self._maker(gradient, update)
        for _ in range(SCALINGS):
            if made is None or _sum_before(*made) is not None:
                break
            made = self._scaled(*made)
        if made is None or not _is_called_gradient(made[1]):
            return None
        after, first = made[1], made[0]
        while True:
            before = _sum_before(*made)
            if before is None or _is_zero(before):
                return None
            first = made[0]
            earlier = self._maker(before, first.id)
            if earlier is None:
                begun = self._is_made_anew(before, first) or self._is_a_parameters(before, first)
                return None if begun else Accumulated(before, after, first)
            made = earlier

    def _maker(self, draft: Draft, end: int) -> tuple[Happening, Draft] | None:
        """What made a value last, before an event. Where one added to something to make these bits of an array, others
        that have them handed them on."""
        key = _key(draft)
        found = [each for each in self._makers.get(key, []) if each[0].id < end] if key is not None else []
        added = [each for each in found if draft.copy is not None and _sum_before(*each) is not None]
        return (added or found)[-1] if found else None

    def _scaled(self, happening: Happening, made: Draft) -> tuple[Happening, Draft] | None:
        """What made the gradient of which an event made another of its shape: `dw / n`, `np.clip(dw, -5, 5)`."""
        shape = made.shape
        for draft in happening.drafts:
            if draft.when in ("operand", "before") and _is_called_gradient(draft) and draft.shape == shape:
                found = self._maker(draft, happening.id)
                if found is not None:
                    return found
        return None

    def _is_a_parameters(self, before: Draft, first: Happening) -> bool:
        """Whether a statement ahead of the event `first` gave it its name, as a further one of a parameter's: `grad =
        w`, the penalty's part."""
        key = _key(before)
        for happening in reversed(self._happenings[: first.id]):
            if happening.kind == "statement" and any(
                draft.when == "result" and draft.label == before.label for draft in happening.drafts
            ):
                read = [each for each in happening.drafts if each.when == "operand" and is_path(each.label)]
                same = [each for each in read if key is not None and _key(each) == key]
                return any(each.role == "parameter" for each in same)
        return False

    def _is_made_anew(self, before: Draft, first: Happening) -> bool:
        """Whether it was made in this iteration before the event `first`, and something unseen changed it since: an
        array by its memory, which nothing else has while it lives; a number by its name, where no other object can have
        one called so."""
        if before.copy is None and "." in before.label:
            return False
        around, outer = set(), first.parent
        while outer is not None:
            around.add(outer)
            outer = self._happenings[outer].parent
        made = (
            draft
            for makers in self._makers.values()
            for happening, draft in makers
            if happening.kind == "statement" and happening.id < first.id and happening.id not in around
            if _sum_before(happening, draft) is None
        )
        if before.copy is None or before.copy.key is NOWHERE:
            return any(draft.label == before.label for draft in made)
        return any(draft.copy is not None and draft.copy.key == before.copy.key for draft in made)


def is_added_to(happening: Happening, made: Draft) -> bool:
    """Whether a statement made a value by adding to another than zeros."""
    came = (each for each in happening.drafts if each.when in ("result", "after") and each.same_value(made))
    sums = (_sum_before(happening, each) for each in came)
    return any(before is not None and not _is_zero(before) for before in sums)


def stacked(engine: Engine, rows: Sequence[tuple[Draft | None, Accumulated | None]]) -> Accumulated | None:
    """The sums that are rows of one list, in one; None where no row is such a sum, or one's numbers are not known. Each
    row comes with the gradient that was used: one that is no such sum held nothing of earlier iterations."""
    sums = [found for _, found in rows if found is not None]
    if not sums:
        return None
    held, became = list[Any](), list[Any]()
    for used, found in rows:
        after = used if found is None else found.after
        numbers = None if after is None else _numbers(after)
        before = [0.0] * len(numbers or ()) if found is None else _numbers(found.before)
        if numbers is None or before is None:
            return None
        held.append(before)
        became.append(numbers)
    first, label = min((each.first for each in sums), key=lambda each: each.id), holder_of(sums[0].after.label)
    before_all = Draft(label, "gradient", "before", Copy(engine, held))
    return Accumulated(before_all, Draft(label, "gradient", "after", Copy(engine, became)), first)


def _numbers(row: Draft) -> list[Any] | None:
    """The numbers of a list; None where they are not kept, or it is none."""
    return row.copy.kept if is_list(row) and row.copy is not None and not row.copy.gone else None


def _sum_before(happening: Happening, made: Draft) -> Draft | None:
    """What a statement that made a value had added to: `g` of `g += d`, `g[i] += d`, `g = g + d`, `g[:] = g + d`,
    `g.add_(d)`, `np.add(g, d, out=g)`, `np.add.at(g, i, d)`; None where it did anything else."""
    if happening.kind != "statement" or not _adds(happening.text):
        return None
    kept = ("before",) if made.when == "after" else ("before", "operand")
    alike = (each for each in happening.drafts if each.when in kept and each.label == made.label)
    return next((each for each in alike if each.shape == made.shape), None)


@lru_cache(maxsize=1024)
def _adds(text: str) -> bool:
    match statement_of(text):
        case ast.AugAssign(target=target, op=ast.Add() | ast.Sub(), value=value):
            return not reads(value, ast.unparse(target))  # `mean += rate * (g - mean)`
        case ast.Assign(targets=[target], value=ast.BinOp(left=left, op=ast.Add() | ast.Sub() as op, right=right)):
            own = ast.unparse(_filled(target))
            if isinstance(op, ast.Add) and own == ast.unparse(right):
                left, right = right, left
            return own == ast.unparse(left) and not reads(right, own)
        case ast.Expr(value=ast.Call(func=ast.Attribute(attr="add_" | "sub_"), keywords=[])):
            return True
        case ast.Expr(value=ast.Call(func=ast.Attribute(attr="add" | "subtract"), args=[left, right], keywords=[out])):
            own = ast.unparse(left)
            return out.arg == "out" and ast.unparse(out.value) == own and not reads(right, own)
    return False


def _filled(target: ast.expr) -> ast.expr:
    """What an assignment fills whole: `g` of `g[:] = …` and `g[...] = …`."""
    match target:
        case ast.Subscript(value=value, slice=ast.Slice(None, None, None) | ast.Constant(value=EllipsisType())):
            return value
    return target


def _is_made(draft: Draft) -> bool:
    return draft.when in ("result", "after")


def _is_made_gradient(draft: Draft) -> bool:
    return _is_made(draft) and _is_called_gradient(draft)


def _is_called_gradient(draft: Draft) -> bool:
    if draft.role == "gradient":
        return True
    return draft.role == "other" and is_path(draft.label) and names_gradient(_tail(draft.label))


def _tail(label: str) -> str:
    """What an object calls a value, whatever the object and the place in it is called: `dw` of `self.dw[0]`."""
    return holder_of(label).rpartition(".")[2]


def _key(draft: Draft) -> Key | None:
    """What tells a value from others: its copy, or of a plain number its name and itself."""
    if draft.copy is not None:
        return draft.copy
    number = draft.summary.value if draft.summary is not None else None
    return (_tail(draft.label), number) if type(number) in (int, float) else None  # type: ignore[return-value]


def _is_zero(draft: Draft) -> bool:
    summary = (draft.copy.described or draft.copy.outline) if draft.copy is not None else draft.summary
    return summary is not None and not summary.largest and not summary.nonfinite
