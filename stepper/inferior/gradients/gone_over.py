"""The gradient of a list that a comprehension steps by products which no list holds: `W = [[w - lr * d * a for w, a in
zip(row, x)] for row, d in zip(W, delta)]`. Nothing is seen inside; it is worked out again from what was read, and held
against what the list was and became."""

from __future__ import annotations

import ast
import math
from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any

from stepper.inferior.gradients.angle import is_multiple
from stepper.inferior.gradients.worked_out import Unknown, value_in
from stepper.inferior.recording.copies import Copy
from stepper.inferior.recording.drafts import Draft, Happening
from stepper.inferior.recording.tracks import Track
from stepper.inferior.spelling.added import Added, added
from stepper.inferior.spelling.texts import statement_of
from stepper.program.vocabulary import names_rate

MANY = 1 << 16  # numbers: of more the script's own work, done again, would take long


def gone_over(track: Track, happenings: Sequence[Happening], moments: set[Copy]) -> Draft | None:
    """None where the list was moved otherwise, where something that is read is not known, and where it was moved along
    what the script keeps of gradients: `moments`, a velocity's copies."""
    before, after = track.before.copy, None if track.after is None else track.after.copy
    if len(track.updates) != 1 or before is None or after is None or before.gone or after.gone:
        return None
    (update,) = track.updates
    made = _made(update.text)
    if (
        made is None
        or not before.engine.name == after.engine.name == "python"
        or math.prod(track.before.shape or ()) > MANY
    ):
        return None
    names = {part.id for part in ast.walk(made) if isinstance(part, ast.Name)}
    later = ((each, _lazy(each, names)) for each in happenings[: update.id])
    lazy = {each.site.bound[0]: whole for each, whole in later if whole is not None}
    term = _term(made)
    if term is None or term.quotient or (len(term.factors) < 2 and not lazy):
        return None
    read = {draft.label: draft for each in happenings[: update.id] for draft in each.drafts}
    if any(name in read and read[name].copy in moments for name in names):
        return None
    step = ast.parse(term.gradient, mode="eval").body
    try:
        was = value_in(_unfolded(_with(made, _element(made).left), lazy), read)
        found = value_in(_unfolded(_with(made, step), lazy), read)
        moved = _difference(after.kept, before.kept)
    except (Unknown, ArithmeticError, LookupError, TypeError, ValueError):
        return None
    gradient = Copy(before.engine, found)
    if (
        was != before.kept
        or track.before.shape in ((1,), (1, 1))
        or not is_multiple(Copy(before.engine, moved), gradient)
    ):
        return None
    return Draft(term.gradient, "gradient", "operand", gradient)


def _made(text: str) -> ast.ListComp | None:
    """The comprehension whose elements a statement binds, or the like of it, as one."""
    match statement_of(text):
        case ast.Assign(targets=[_], value=ast.Call(func=ast.Name(id="list"), args=[inner])):
            return _as_comprehension(inner)
        case ast.Assign(targets=[_], value=value):
            return _as_comprehension(value)
    return None


def _as_comprehension(node: ast.expr) -> ast.ListComp | None:
    match node:
        case ast.ListComp():
            return node
        case ast.GeneratorExp(elt=element, generators=generators):
            return ast.ListComp(element, generators)
        case ast.Call(func=ast.Name(id="map"), args=[ast.Lambda(args=arguments, body=body), *parts]) if len(
            arguments.args
        ) == len(parts):
            target = ast.Tuple([ast.Name(each.arg, ast.Store()) for each in arguments.args], ast.Store())
            whole = ast.Call(ast.Name("zip", ast.Load()), parts, [])
            return ast.ListComp(body, [ast.comprehension(target, whole, [], 0)])
    return None


def _lazy(happening: Happening, names: set[str]) -> ast.ListComp | None:
    """What makes the elements of one of these names that is bound to no list: `g = map(lambda v: e * v, x)`."""
    if happening.kind != "statement" or names.isdisjoint(happening.site.bound) or len(happening.site.bound) != 1:
        return None
    match statement_of(happening.text):
        case ast.Assign(value=ast.GeneratorExp() | ast.Call(func=ast.Name(id="map"))):
            return _made(happening.text)
    return None


def _element(node: ast.expr) -> ast.BinOp:
    """What a comprehension makes its elements of, be they lists made by another. Raises Unknown."""
    match node:
        case ast.ListComp(elt=element):
            return _element(element)
        case ast.BinOp(op=ast.Add() | ast.Sub()):
            return node
    raise Unknown


def _term(made: ast.ListComp) -> Added | None:
    try:
        element = _element(made)
    except Unknown:
        return None
    sign = "+" if isinstance(element.op, ast.Add) else "-"
    rate = lambda name: 1.0 if names_rate(name.rpartition(".")[2]) else None  # noqa: E731
    return added(f"_ {sign}= {ast.unparse(element.right)}", rate)


def _with(node: ast.expr, element: ast.expr) -> ast.expr:
    """A comprehension that makes other elements of the same."""
    if isinstance(node, ast.ListComp):
        return ast.ListComp(_with(node.elt, element), node.generators)
    return element


def _unfolded(node: ast.expr, lazy: Mapping[str, ast.ListComp]) -> ast.expr:
    """A copy: what a statement's text is parsed to is kept for the next that has the same."""
    unfolded: ast.expr = _Unfolding(lazy).visit(deepcopy(node)) if lazy else node
    return unfolded


class _Unfolding(ast.NodeTransformer):
    """Puts what makes its elements when it is gone through in the place of its name."""

    def __init__(self, lazy: Mapping[str, ast.ListComp]) -> None:
        self._lazy = lazy

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self._lazy.get(node.id, node) if isinstance(node.ctx, ast.Load) else node


def _difference(new: Any, old: Any) -> Any:
    if isinstance(new, list):
        return [_difference(each, other) for each, other in zip(new, old, strict=True)]
    return new - old
