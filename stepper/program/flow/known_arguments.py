"""What a function's parameters are known to be in one call, None, True or False, and which way a condition in them
goes: `if optimizer:` of a pass that only evaluates, and is given none. Pure: reads syntax.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection

from stepper.program.syntax import FUNCTIONS, Function

Known = bool | None


def known_arguments(callee: ast.AST, call: ast.AST, given: Collection[str], first: int) -> dict[str, Known]:
    """The parameters that a call leaves at, or gives, None, True or False. `given`: those that it gives; `first`: how
    many come before its arguments. None of them where it is not plain what the call hands over: the function goes by
    another name there, or is wrapped, or the arguments are unpacked."""
    if not isinstance(callee, FUNCTIONS) or not isinstance(call, ast.Call) or not _is_plain(callee, call):
        return {}
    own = callee.args
    positional = [each.arg for each in (*own.posonlyargs, *own.args)]
    values = {name: value for name, value in defaults(callee).items() if name not in given}
    values |= dict(zip(positional[first:], call.args, strict=False))
    values |= {each.arg: each.value for each in call.keywords if each.arg is not None}
    constants = {name: value for name, value in values.items() if isinstance(value, ast.Constant)}
    return {name: each.value for name, each in constants.items() if each.value is None or isinstance(each.value, bool)}


def defaults(function: Function) -> dict[str, ast.expr]:
    """The parameters of a function that a call need not give, and what they are then."""
    own = function.args
    positional = [each.arg for each in (*own.posonlyargs, *own.args)]
    values = dict(zip(reversed(positional), reversed(own.defaults), strict=False))
    named = zip(own.kwonlyargs, own.kw_defaults, strict=True)
    return values | {each.arg: value for each, value in named if value is not None}


def unpacks(call: ast.Call) -> bool:
    """Whether it is not plain what a call hands over: `step(*given)`, `step(**options)`."""
    return any(isinstance(each, ast.Starred) for each in call.args) or any(each.arg is None for each in call.keywords)


def outcome(test: ast.expr, value_of: Callable[[str], tuple[Known] | None]) -> bool | None:
    """Whether a condition holds, by what is known of names (`value_of`: the value, alone); None where that tells
    nothing."""
    match test:
        case ast.Name(id=name):
            known = value_of(name)
            return None if known is None else bool(known[0])
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            holds = outcome(operand, value_of)
            return None if holds is None else not holds
        case ast.Compare(
            left=ast.Name(id=name), ops=[ast.Is() | ast.IsNot() as op], comparators=[ast.Constant(value=v)]
        ):
            known = value_of(name)
            return None if known is None else (known[0] is v) is isinstance(op, ast.Is)
        case ast.BoolOp(op=op, values=parts):
            told = [outcome(part, value_of) for part in parts]
            decides = isinstance(op, ast.Or)
            return decides if decides in told else None if None in told else not decides
    return None


def _is_plain(callee: ast.FunctionDef | ast.AsyncFunctionDef, call: ast.Call) -> bool:
    name = getattr(call.func, "id", getattr(call.func, "attr", None))
    return name == callee.name and not callee.decorator_list and not unpacks(call)
