"""The gradient of a list that a comprehension steps by products which no list holds: `W = [[w - lr * d * a for w, a in
zip(row, x)] for row, d in zip(W, delta)]`. Nothing is seen inside; it is worked out again from what was read, and held
against what the list was and became."""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from stepper.inferior.gradients.angle import is_multiple
from stepper.inferior.gradients.worked_out import OPERATORS, Unknown, looked_up
from stepper.inferior.recording.copies import Copy
from stepper.inferior.recording.drafts import Draft, Happening
from stepper.inferior.recording.tracks import Track
from stepper.inferior.spelling.added import Added, added
from stepper.inferior.spelling.texts import statement_of
from stepper.program.vocabulary import names_rate

MANY = 1 << 16  # numbers: of more the script's own work, done again, would take long
THROUGH: dict[str, Callable[..., Any]] = {"range": range, "len": len, "zip": zip, "enumerate": enumerate}


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
        values = _Values(read, lazy)
        was = values.of(_with(made, _element(made).left), {})
        found = values.of(_with(made, step), {})
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
            target = ast.Tuple([ast.Name(each.arg) for each in arguments.args])
            whole = ast.Call(ast.Name("zip"), parts, [])
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


class _Values:
    """The values of expressions, of what was `read`; `lazy` is what makes its elements when they are gone through."""

    def __init__(self, read: Mapping[str, Draft], lazy: Mapping[str, ast.ListComp]) -> None:
        self._read = read
        self._lazy = lazy

    def of(self, node: ast.expr, held: Mapping[str, Any]) -> Any:
        """`held` are the names that comprehensions around it bind. Raises Unknown."""
        match node:
            case ast.Constant(value=int() | float() as number):
                return number
            case ast.Name(id=name) if name in held:
                return held[name]
            case ast.Name(id=name) if name in self._lazy:
                return self.of(self._lazy[name], {})
            case ast.Name() | ast.Attribute():
                known = looked_up(ast.unparse(node), self._read)
                if known is not None:
                    return known
            case ast.Subscript(value=whole, slice=index):
                return self.of(whole, held)[self.of(index, held)]
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return -self.of(operand, held)
            case ast.BinOp(left=left, op=op, right=right) if type(op) in OPERATORS:
                return OPERATORS[type(op)](self.of(left, held), self.of(right, held))
            case ast.Call(func=ast.Name(id=name), args=parts, keywords=[]) if name in THROUGH:
                return THROUGH[name](*(self.of(part, held) for part in parts))
            case ast.ListComp(elt=element, generators=[ast.comprehension(target=target, iter=whole, ifs=[])]):
                return [self.of(element, {**held, **_bound(target, each)}) for each in self.of(whole, held)]
        raise Unknown


def _bound(target: ast.expr, value: Any) -> dict[str, Any]:
    match target:
        case ast.Name(id=name):
            return {name: value}
        case ast.Tuple(elts=parts):
            found: dict[str, Any] = {}
            for part, each in zip(parts, value, strict=True):
                found |= _bound(part, each)
            return found
    raise Unknown


def _difference(new: Any, old: Any) -> Any:
    if isinstance(new, list):
        return [_difference(each, other) for each, other in zip(new, old, strict=True)]
    return new - old
