"""What an expression of the script comes to, worked out of what probes saw of its parts: an update reads more than has
an event of its own."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from typing import Any

from stepper.engines.arrays import numpy_module
from stepper.inferior.recording.drafts import Draft, value_of
from stepper.inferior.spelling.texts import SCATTERED

Read = Mapping[str, Draft]

OPERATORS: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}


class Unknown(Exception):
    """A part of an expression whose value no probe saw."""


def number_worked_out(text: str, read: Read) -> float | None:
    """The number that an expression comes to; None where that is not known, or no single number."""
    try:
        found = value_in(ast.parse(text, mode="eval").body, read)
    except (Unknown, ArithmeticError, LookupError, SyntaxError, TypeError, ValueError):
        return None
    return float(found) if isinstance(found, int | float) and not isinstance(found, bool) else None


def value_in(node: ast.expr, read: Read) -> Any:
    """An expression's value, of what was read; computed as the script did. Raises Unknown."""
    known = looked_up(ast.unparse(node), read)
    if known is not None:
        return known
    match node:
        case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
            return number
        case ast.BinOp(left=left, op=op, right=right) if type(op) in OPERATORS:
            return OPERATORS[type(op)](value_in(left, read), value_in(right, read))
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -value_in(operand, read)
        case ast.Call(func=ast.Name(id="int"), args=[number], keywords=[]):
            return int(value_in(number, read))
        case ast.Subscript(value=value, slice=index):
            return value_in(value, read)[index_in(index, read)]
    raise Unknown


def index_in(node: ast.expr, read: Read) -> Any:
    """The same of an index."""
    match node:
        case ast.Slice(lower=lower, upper=upper, step=step):
            return slice(*(None if bound is None else index_in(bound, read) for bound in (lower, upper, step)))
        case ast.Tuple(elts=elements):
            return tuple(index_in(element, read) for element in elements)
        case ast.List(elts=elements):
            return [index_in(element, read) for element in elements]
        case ast.Call(func=ast.Name(id=name), args=[ast.Constant(value=int() as axis), index]) if name == SCATTERED:
            numbers = numpy_module().asarray(value_in(index, read))
            places = list(numpy_module().indices(numbers.shape))
            places[axis] = numbers
            return tuple(places)
    number = value_in(node, read)
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
