"""What an expression of the script comes to, worked out of what probes saw of its parts: an update reads more than has
an event of its own."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from stepper.engines.arrays import numpy_module
from stepper.inferior.recording.drafts import Draft, value_of
from stepper.inferior.spelling.texts import SCATTERED

Read = Mapping[str, Draft]
Held = Mapping[str, Any]
"""The names that comprehensions around an expression bind."""

OPERATORS: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}


THROUGH: dict[str, Callable[..., Any]] = {"range": range, "len": len, "zip": zip, "enumerate": enumerate}


class Unknown(Exception):
    """A part of an expression whose value no probe saw."""


def number_worked_out(text: str, read: Read) -> float | None:
    """The number that an expression comes to; None where that is not known, or no single number."""
    try:
        found = value_in(ast.parse(text, mode="eval").body, read)
    except (Unknown, ArithmeticError, LookupError, SyntaxError, TypeError, ValueError):
        return None
    return float(found) if isinstance(found, int | float) and not isinstance(found, bool) else None


def value_in(node: ast.expr, read: Read, held: Held = MappingProxyType({})) -> Any:
    """An expression's value, of what was read; computed as the script did. Raises Unknown."""
    if isinstance(node, ast.Name) and node.id in held:
        return held[node.id]
    known = None if held and _uses(node, held) else looked_up(ast.unparse(node), read)
    if known is not None:
        return known
    match node:
        case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
            return number
        case ast.BinOp(left=left, op=op, right=right) if type(op) in OPERATORS:
            return OPERATORS[type(op)](value_in(left, read, held), value_in(right, read, held))
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -value_in(operand, read, held)
        case ast.Call(func=ast.Name(id="int"), args=[number], keywords=[]):
            return int(value_in(number, read, held))
        case ast.Call(func=ast.Name(id=name), args=parts, keywords=[]) if name in THROUGH:
            return THROUGH[name](*(value_in(part, read, held) for part in parts))
        case ast.Subscript(value=value, slice=index):
            return value_in(value, read, held)[index_in(index, read, held)]
        case ast.ListComp(elt=element, generators=[ast.comprehension(target=target, iter=whole, ifs=[])]):
            members = value_in(whole, read, held)
            return [value_in(element, read, {**held, **_bound(target, each)}) for each in members]
    raise Unknown


def _uses(node: ast.expr, held: Held) -> bool:
    return any(isinstance(part, ast.Name) and part.id in held for part in ast.walk(node))


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


def index_in(node: ast.expr, read: Read, held: Held = MappingProxyType({})) -> Any:
    """The same of an index."""
    match node:
        case ast.Slice(lower=lower, upper=upper, step=step):
            return slice(*(None if bound is None else index_in(bound, read, held) for bound in (lower, upper, step)))
        case ast.Tuple(elts=elements):
            return tuple(index_in(element, read, held) for element in elements)
        case ast.List(elts=elements):
            return [index_in(element, read, held) for element in elements]
        case ast.Call(func=ast.Name(id=name), args=[ast.Constant(value=int() as axis), index]) if name == SCATTERED:
            numbers = numpy_module().asarray(value_in(index, read, held))
            places = list(numpy_module().indices(numbers.shape))
            places[axis] = numbers
            return tuple(places)
    number = value_in(node, read, held)
    if isinstance(number, list) and all(type(each) in (int, bool) for each in number):
        return number
    kind = getattr(getattr(number, "dtype", None), "kind", None)  # of an array
    if kind in ("i", "u", "b"):
        return number if number.shape else number.item()
    if type(number) is not int:
        raise Unknown
    return number


def looked_up(text: str, read: Read) -> Any:
    """A number, or an array or list of numbers, that a probe saw; None for anything else."""
    draft = read.get(text)
    if draft is None:
        return None
    if draft.copy is None:
        value = value_of(draft)
        return value if isinstance(value, int | float) and not isinstance(value, bool) else None
    copy = draft.copy
    if copy.gone or draft.shape is None:
        return value_of(draft)
    return copy.kept if copy.engine.name == "python" else copy.engine.ndarray(copy.kept)
