"""The text of one statement, read: what rules about updates and gradients by hand go by."""

from __future__ import annotations

import ast
import textwrap
from functools import lru_cache

SCATTERED = "scattered"
"""What stands in a subscript for the places that `scatter_add_` adds to: `w[scattered(axis, index)] += d`."""


@lru_cache(maxsize=4096)
def statement_of(text: str) -> ast.stmt | None:
    """The statement; None for what is not one of Python's, or not only one (the head of a loop). A ufunc's call is
    written as what it does: `np.add.at(w, i, d)` as `w[i] += d`."""
    try:
        (statement,) = ast.parse(textwrap.dedent(text)).body
    except (SyntaxError, ValueError):
        return None
    return _spelled_out(statement) or statement


@lru_cache(maxsize=1024)
def is_unbuffered(text: str) -> bool:
    """Whether a statement adds all of what an index has more than once: a ufunc's `at`, or a tensor's `index_add_`."""
    try:
        (statement,) = ast.parse(textwrap.dedent(text)).body
    except (SyntaxError, ValueError):
        return False
    return _spelled_out(statement) is not None


def _spelled_out(statement: ast.stmt) -> ast.stmt | None:
    match statement:
        case ast.Expr(
            value=ast.Call(
                func=ast.Attribute(value=ast.Attribute(attr="add" | "subtract" as name), attr="at"),
                args=[whole, index, value],
                keywords=[],
            )
        ):
            op = ast.Add() if name == "add" else ast.Sub()
            return ast.AugAssign(ast.Subscript(whole, index, ast.Store()), op, value)
        case ast.Expr(
            value=ast.Call(
                func=ast.Attribute(value=whole, attr="index_add_"),
                args=[ast.Constant(value=0 | 1 as axis), index, value],
                keywords=[] | [ast.keyword(arg="alpha")] as scales,
            )
        ):
            index = index if axis == 0 else ast.Tuple([ast.Slice(), index], ast.Load())
            value = ast.BinOp(scales[0].value, ast.Mult(), value) if scales else value
            return ast.AugAssign(ast.Subscript(whole, index, ast.Store()), ast.Add(), value)
        case ast.Expr(
            value=ast.Call(
                func=ast.Attribute(value=whole, attr="index_put_"),
                args=[ast.Tuple(elts=[*indices]), value],
                keywords=[ast.keyword(arg="accumulate", value=ast.Constant(value=True))],
            )
        ):
            index = indices[0] if len(indices) == 1 else ast.Tuple(indices, ast.Load())
            return ast.AugAssign(ast.Subscript(whole, index, ast.Store()), ast.Add(), value)
        case ast.Expr(
            value=ast.Call(
                func=ast.Attribute(value=whole, attr="scatter_add_"), args=[ast.Constant(value=int()), _, value] as args
            )
        ):
            scattered = ast.Call(ast.Name(SCATTERED, ast.Load()), args[:2], [])
            return ast.AugAssign(ast.Subscript(whole, scattered, ast.Store()), ast.Add(), value)
    return None


@lru_cache(maxsize=1024)
def is_call(text: str) -> bool:
    """Whether a statement binds what a call gives, or an expression is one."""
    match statement_of(text):
        case ast.Assign(value=ast.Call()) | ast.Expr(value=ast.Call()):
            return True
    return False


@lru_cache(maxsize=1024)
def goes_through(text: str) -> bool:
    """Whether an expression is a list comprehension."""
    match statement_of(text):
        case ast.Expr(value=ast.ListComp()):
            return True
    return False


@lru_cache(maxsize=1024)
def is_literal(text: str) -> bool:
    """Whether a statement gives a name a number that is written out: `lr = 0.1`."""
    match statement_of(text):
        case ast.Assign(value=ast.Constant()):
            return True
    return False


def reads(node: ast.expr, text: str) -> bool:
    """Whether an expression is, or has in it, what is written so."""
    return any(isinstance(part, ast.expr) and ast.unparse(part) == text for part in ast.walk(node))
