"""Whether what a text makes takes another value's shape, type and device, and none of its numbers: `x.new_zeros(3)`."""

from __future__ import annotations

import ast
from functools import lru_cache

from stepper.inferior.spelling.texts import statement_of

_LIKE = frozenset(("zeros_like", "ones_like", "empty_like", "rand_like", "randn_like", "randint_like"))
_ANEW = _LIKE | {"new_zeros", "new_ones", "new_empty"}
_FILLED = frozenset(("full_like", "new_full", "new_tensor"))
"""These take their numbers from an argument."""


@lru_cache(maxsize=2048)
def is_made_anew(text: str) -> bool:
    """Whether a statement or an expression does no more than that."""
    match statement_of(text):
        case ast.Assign(value=ast.Call() as call) | ast.AnnAssign(value=ast.Call() as call):
            return _makes_anew(call)
        case ast.Return(value=ast.Call() as call) | ast.Expr(value=ast.Call() as call):
            return _makes_anew(call)
    return False


def _makes_anew(call: ast.Call) -> bool:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    if name in _ANEW:
        return True
    given = call.args[-1:] + [keyword.value for keyword in call.keywords if keyword.arg in ("data", "fill_value")]
    return name in _FILLED and bool(given) and all(map(_is_number, given))


def _is_number(node: ast.expr) -> bool:
    match node:
        case ast.UnaryOp(operand=operand):
            return _is_number(operand)
        case ast.Call(func=ast.Name(id="float"), args=[ast.Constant()]):
            return True
        case ast.List(elts=elements):
            return all(map(_is_number, elements))
    return isinstance(node, ast.Constant)
