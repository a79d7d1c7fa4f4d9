"""Sums in a hand-written update of which one addend is the step, and the others are decays of what it changes.

Pure: reads the text of a statement.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from stepper.program.vocabulary import names_decay, names_error, names_gradient, names_rate


def undecayed(sum_: ast.expr | str, name: str, *, kept: bool = False) -> ast.expr | None:
    """The one addend of a sum that is no decay of what is changed, where all others are: `lr * g` of
    `lr * g + lr * decay * w`, or of `(1 - lr * decay) * w - lr * g`. None for anything else: `a * w - b` may be the
    slope of a parabola. `kept`: what is changed may itself be among them."""
    whole = ast.parse(sum_, mode="eval").body if isinstance(sum_, str) else sum_
    addends = [each for each in _addends(whole) if not (kept and ast.unparse(each) == name)]
    decays = [each for each in addends if _is_decay(each, name)]
    others = [each for each in addends if each not in decays]
    if len(others) != 1 or not decays:
        return None
    told = all(any(map(names_decay, _names(each))) for each in decays)
    return others[0] if told or _is_computed(others[0]) else None


def _is_computed(addend: ast.expr) -> bool:
    """Whether an addend is named a gradient or an error, or computes more than a multiple of what has another name."""
    parts = list(ast.walk(addend))
    if any(isinstance(node, ast.Call | ast.MatMult | ast.Add | ast.Sub) for node in parts):
        return True
    return any(names_gradient(each) or names_error(each) for each in _names(addend))


def _names(node: ast.expr) -> list[str]:
    """The last parts of the names and paths in an expression."""
    found = [each.id for each in ast.walk(node) if isinstance(each, ast.Name)]
    return found + [each.attr for each in ast.walk(node) if isinstance(each, ast.Attribute)]


def _is_decay(addend: ast.expr, name: str) -> bool:
    """Whether an addend is what is changed times a named number or a small one: `2 * w` may be a slope of the loss."""
    factors = list(_factors(addend))
    others = [each for each in factors if ast.unparse(each) != name]
    if len(others) != len(factors) - 1:
        return False
    parts = [node for each in others for node in ast.walk(each)]
    if any(isinstance(node, ast.Call | ast.Subscript) for node in parts):
        return False
    return any(
        isinstance(node, ast.Name)
        or (isinstance(node, ast.Constant) and isinstance(node.value, float) and abs(node.value) < 1)
        for node in parts
        if not (isinstance(node, ast.Name) and names_rate(node.id))
    )


def _factors(node: ast.expr) -> Iterator[ast.expr]:
    match node:
        case ast.BinOp(left=left, op=ast.Mult() | ast.Div(), right=right):
            yield from _factors(left)
            yield from _factors(right)
        case ast.UnaryOp(operand=operand):
            yield from _factors(operand)
        case _:
            yield node


def _addends(node: ast.expr) -> Iterator[ast.expr]:
    match node:
        case ast.BinOp(left=left, op=ast.Add() | ast.Sub(), right=right):
            yield from _addends(left)
            yield from _addends(right)
        case _:
            yield node
