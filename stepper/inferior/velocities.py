"""Running sums of gradients that a script keeps by hand, and carries on from iteration to iteration (momentum): what a
gradient may be called and is none: `delta = 0.9 * delta + dw`, or `delta *= 0.9` and then `delta += dw`.

What it was before comes from an earlier iteration, and is scaled. A gradient that this iteration made, and that is
scaled before a penalty is added (`dw = dw * scale + decay * w`), is still one.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Literal, NamedTuple

from stepper.inferior.copies import Copy
from stepper.inferior.drafts import Draft, Happening
from stepper.inferior.texts import reads, statement_of
from stepper.program.aliases import is_alias

LOOKUPS = frozenset(("get", "setdefault", "pop"))

Step = Literal["scaled", "added", "both", ""]


class Velocity(NamedTuple):
    """Such a sum, as it was before this iteration added to it (scaled or not), and behind that."""

    label: str
    before: Copy
    after: Copy


def velocities(happenings: Sequence[Happening]) -> list[Velocity]:
    """Those of a record, in the order in which they were added to."""
    inside: dict[int | None, list[Happening]] = {}
    for happening in happenings:
        if happening.kind == "expression":
            inside.setdefault(happening.parent, []).append(happening)
    made: set[Copy] = set()
    scaled: set[Copy] = set()
    found: list[Velocity] = []
    for happening in happenings:
        if happening.kind != "statement":
            continue
        came = [draft for draft in happening.drafts if draft.when in ("result", "after") and draft.copy is not None]
        step = _step(happening.text)
        for draft in came if step else ():
            before = _before((happening, *inside.get(happening.id, ())), draft)
            if before is None or draft.copy is None:
                continue
            if step == "scaled" and before not in made:
                scaled.add(draft.copy)
            elif (step == "both" and before not in made) or (step == "added" and before in scaled):
                found.append(Velocity(draft.label, before, draft.copy))
        if not is_alias(happening.site) and not _looks_up(happening.text):
            made.update(draft.copy for draft in came if draft.copy is not None)
    return found


def _before(happenings: Iterable[Happening], came: Draft) -> Copy | None:
    """What a value was, of the same name, when a statement or an expression in it read or changed it."""
    drafts = (draft for happening in happenings for draft in happening.drafts)
    return next((each.copy for each in drafts if each.label == came.label and each.when in ("before", "operand")), None)


@lru_cache(maxsize=1024)
def _step(text: str) -> Step:
    """What a statement does with what its target was: it scales it, adds to it, or both."""
    match statement_of(text):
        case ast.AugAssign(op=ast.Mult()):
            return "scaled"
        case ast.AugAssign(op=ast.Add() | ast.Sub()):
            return "added"
        case ast.Assign(targets=[target], value=ast.BinOp(left=left, op=ast.Add() | ast.Sub(), right=right)):
            own = ast.unparse(target)
            kept = [each for each in (left, right) if reads(each, own)]
            return "both" if len(kept) == 1 and _is_scaled(kept[0], own) else ""
    return ""


@lru_cache(maxsize=1024)
def _looks_up(text: str) -> bool:
    """Whether a statement gives what a dict has already: `config.setdefault("m", zeros)`, `m = state.get("m")`."""
    match statement_of(text):
        case ast.Expr(value=value) | ast.Assign(value=value):
            return isinstance(value, ast.Call) and getattr(value.func, "attr", "") in LOOKUPS
    return False


def _is_scaled(node: ast.expr, own: str) -> bool:
    """Whether this is `own` times something."""
    match node:
        case ast.BinOp(left=left, op=ast.Mult(), right=right):
            return own in (ast.unparse(left), ast.unparse(right))
    return False
