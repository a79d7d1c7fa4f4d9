"""Running sums of gradients that a script keeps by hand, and carries on from iteration to iteration (momentum): what a
gradient may be called and is none: `delta = 0.9 * delta + dw`, or `delta *= 0.9` and then `delta += dw`.

What it was before comes from an earlier iteration, and is scaled. A gradient that this iteration made, and that is
scaled before a penalty is added (`dw = dw * scale + decay * w`), is still one. A list is one sum, of whose elements a
loop makes each by itself (`v[i] = 0.9 * v[i] + dw[i]`).
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import groupby
from typing import Literal, NamedTuple

from stepper.inferior.recording.copies import Copy
from stepper.inferior.recording.drafts import Draft, Happening
from stepper.inferior.spelling.added import element_of
from stepper.inferior.spelling.texts import reads, statement_of
from stepper.program.aliases import is_alias
from stepper.record import is_path

Step = Literal["scaled", "added", "both", ""]
_IN_PLACE: dict[tuple[str, ...], Step] = {
    ("mul_",): "scaled",
    ("add_",): "added",
    ("sub_",): "added",
    ("mul_", "add_"): "both",
    ("mul_", "sub_"): "both",
}  # what methods that change a tensor in place do with what it was
LOOKUPS = frozenset(("get", "setdefault", "pop"))


class Parts(NamedTuple):
    """What was kept of a sum, as it was added, and all that went into what was added to it."""

    kept: Copy
    added: frozenset[Copy]


class Velocity(NamedTuple):
    """Such a sum, as it was before this iteration added to it (scaled or not), and behind that. `between`: what it was
    while only some of its elements had been; `run`: of a list in a list, the loop that goes through the rows; `parts`
    looks for what it was added of."""

    label: str
    before: Copy
    after: Copy
    between: tuple[Copy, ...] = ()
    run: int | None = None
    parts: Callable[[], Parts | None] = lambda: None


def velocities(happenings: Sequence[Happening]) -> list[Velocity]:
    """Those of a record, in the order in which they were begun to be added to."""
    statements = [happening for happening in happenings if happening.kind == "statement"]
    if not any(_step(happening.text) in ("scaled", "both") for happening in statements):
        return []
    parents = {happening.id: happening.parent for happening in happenings}
    inside: dict[int | None, list[Happening]] = {}
    for happening in happenings:
        if happening.kind == "expression":
            inside.setdefault(happening.parent, []).append(happening)
    made: set[Copy] = set()
    scaled: dict[Copy, Copy] = {}  # and what was before, of a list whose elements are scaled one by one
    found: list[tuple[str, list[Copy], int | None]] = []  # with what it was before, and behind each step
    parts: dict[Copy, list[Copy]] = {}  # such states of lists whose elements are made one by one, by the last
    for happening in statements:
        came = [draft for draft in happening.drafts if draft.when in ("result", "after") and draft.copy is not None]
        step = _step(happening.text)
        for draft in came if step else ():
            before = _before((happening, *inside.get(happening.id, ())), draft)
            if before is None or draft.copy is None or not is_path(draft.label):
                continue  # what is only between the methods of a chain has no name
            part = draft.when == "after" and _list_of(happening.text) == draft.label
            if part and before in parts:
                states = parts[draft.copy] = parts.pop(before)
                states.append(draft.copy)
            elif step == "scaled" and (before not in made or (part and before in scaled)):
                scaled[draft.copy] = scaled.get(before, before) if part else draft.copy
            elif (step == "both" and before not in made) or (step == "added" and before in scaled):
                states = [scaled.get(before, before), draft.copy]
                run = parents.get(happening.parent) if part and happening.parent is not None else None
                found.append((draft.label, states, run))
                if part:
                    parts[draft.copy] = states
        if not only_names(happening):
            made.update(draft.copy for draft in came if draft.copy is not None)
    return [Velocity(label, states[0], states[-1], tuple(states[1:-1]), run) for label, states, run in found]


def only_names(happening: Happening) -> bool:
    """Whether a statement gives what exists already one more name, as it is."""
    return is_alias(happening.site) or _looks_up(happening.text)


def of_rows(sums: Iterable[Velocity]) -> list[Velocity]:
    """Those of lists of lists, of which a loop goes through the rows, and another in it through each row's numbers."""
    rows = (each for each in sums if each.run is not None and not (each.before.gone or each.after.gone))
    found = []
    for (label, _, engine), group in groupby(rows, lambda each: (each.label, each.run, each.before.engine)):
        run, element = list(group), element_of(label)
        if engine.name == "python":
            before, after = [row.before.kept for row in run], [row.after.kept for row in run]
            holder = label if element is None else element[0]
            found.append(Velocity(holder, Copy(engine, before), Copy(engine, after)))
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
        case ast.Expr(value=ast.Call() as call):
            return _IN_PLACE.get(tuple(_methods(call)), "")
        case ast.Assign(targets=[target], value=ast.BinOp(left=left, op=ast.Add() | ast.Sub(), right=right)):
            own = ast.unparse(target)
            kept = [each for each in (left, right) if reads(each, own)]
            if [ast.unparse(each) for each in kept] == [own]:
                return "added"
            return "both" if len(kept) == 1 and _is_scaled(kept[0], own) else ""
        case ast.Assign(targets=[target], value=ast.BinOp(op=ast.Mult()) as product):
            return "scaled" if _is_scaled(product, ast.unparse(target)) else ""
    return ""


def _methods(node: ast.expr) -> Iterator[str]:
    """The methods that are called in a chain, the first one first: `mul_`, `add_` of `v.mul_(0.9).add_(g)`."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        yield from _methods(node.func.value)
        yield node.func.attr


@lru_cache(maxsize=1024)
def _list_of(text: str) -> str:
    """The list of which a statement makes one element; empty where it makes none."""
    match statement_of(text):
        case ast.AugAssign(target=ast.Subscript(value=value)) | ast.Assign(targets=[ast.Subscript(value=value)]):
            return ast.unparse(value)
    return ""


@lru_cache(maxsize=1024)
def _looks_up(text: str) -> bool:
    """Whether a statement gives what a dict or an object has already: `config.setdefault("m", zeros)`,
    `m = state.get("m")`, `m = getattr(layer, "m")`."""
    match statement_of(text):
        case ast.Assign(value=ast.Call(func=ast.Name(id="getattr"))):
            return True
        case ast.Expr(value=value) | ast.Assign(value=value):
            return isinstance(value, ast.Call) and getattr(value.func, "attr", "") in LOOKUPS
    return False


def _is_scaled(node: ast.expr, own: str) -> bool:
    """Whether this is `own` times something."""
    match node:
        case ast.BinOp(left=left, op=ast.Mult(), right=right):
            return own in (ast.unparse(left), ast.unparse(right))
    return False
