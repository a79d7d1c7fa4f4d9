"""Which lines of a script zero gradients. Pure: reads texts only."""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Iterator, Set
from functools import lru_cache

AGAIN = (ast.For, ast.AsyncFor, ast.While, ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
"""What stands in one of these may run once more in a later iteration."""


@lru_cache(maxsize=64)
def zeroing_lines(source: str, name: str = ".grad") -> tuple[int, ...]:
    """The lines that zero gradients: `zero_grad()`, `.grad = None`, `.grad *= 0`, `.grad.detach_().zero_()`, inside
    loops and functions. Of one that the script adds up itself under another `name` (`self.dw`, `grads['w']`) those that
    set what is called so, or zero in place what a loop goes through (`for g in grads: g.fill(0)`)."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return ()
    own = name.partition("[")[0].rpartition(".")[2]
    again = [inner for node in ast.walk(tree) if isinstance(node, AGAIN) for inner in _run_again(node)]
    if own == "grad":
        return tuple(sorted({line for node in again for line in _zeroing(node)}))
    targets = {part.id for node in ast.walk(tree) for part in _loop_targets(node)}
    return tuple(
        sorted({node.lineno for node in again if isinstance(node, ast.stmt | ast.expr) and _sets(node, own, targets)})
    )


@lru_cache(maxsize=1024)
def zeroes(text: str) -> bool:
    """Whether a statement zeroes gradients (`.grad`), of whatever."""
    try:
        return any(True for node in ast.walk(ast.parse(textwrap.dedent(text))) for _ in _zeroing(node))
    except SyntaxError:
        return False


def _run_again(node: ast.AST) -> Iterator[ast.AST]:
    """What is inside something that runs again, but for the making of objects in it."""
    waiting = [node]
    while waiting:
        inner = waiting.pop()
        if not (isinstance(inner, ast.FunctionDef) and inner.name == "__init__"):
            yield inner
            waiting += ast.iter_child_nodes(inner)


def _loop_targets(node: ast.AST) -> Iterator[ast.Name]:
    if isinstance(node, ast.For | ast.comprehension):
        yield from (part for part in ast.walk(node.target) if isinstance(part, ast.Name))


def _sets(node: ast.AST, name: str, targets: Set[str]) -> bool:
    """Whether a statement or call sets what is called `name`, or zeroes in place what a loop goes through."""

    def is_own(target: ast.expr) -> bool:
        return _last(target) == name

    def is_held(target: ast.expr) -> bool:
        return is_own(target) or _last(target) in targets

    def is_set(target: ast.expr, value: ast.expr) -> bool:
        match target, value:
            case ast.Tuple(elts=elements), _:
                return any(map(is_own, elements))
            case ast.Subscript(value=base), ast.Constant(value=0 | 0.0):
                return is_held(base)
        made_of_it = any(is_own(part) for part in ast.walk(value) if isinstance(part, ast.expr))
        return is_own(target) and (not made_of_it or _called(value) in ("zeros_like", "zeros"))

    match node:
        case ast.Assign(targets=several, value=value):
            return any(is_set(target, value) for target in several)
        case ast.AugAssign(target=target, op=ast.Mult(), value=ast.Constant(value=0 | 0.0)):
            return is_held(target)
        case ast.Call(func=ast.Attribute(attr="fill" | "fill_" | "zero_" | "clear", value=base)):
            return is_held(base)
    return False


def _called(node: ast.expr) -> str:
    """The last part of the name of what is called; empty where nothing is."""
    return _last(node.func) if isinstance(node, ast.Call) else ""


def _last(node: ast.expr) -> str:
    """What a target is called, whatever keeps it and whichever part of it is meant: `dw` of `self.dw[:]`."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case ast.Subscript(value=value):
            return _last(value)
    return ""


def _zeroing(node: ast.AST) -> Iterator[int]:
    match node:
        case ast.Call(func=ast.Attribute(attr="zero_grad")):
            yield node.lineno
        case ast.Call(func=ast.Attribute(attr="zero_" | "fill_", value=value)) if _is_gradient(value):
            yield node.lineno
        case ast.Call(func=ast.Attribute(attr="_foreach_zero_")):
            yield node.lineno
        case ast.AugAssign(target=target, op=ast.Mult(), value=ast.Constant(value=0)) if _is_gradient(target):
            yield node.lineno
        case ast.Assign(targets=targets, value=value) if any(map(_is_gradient, targets)) and not _is_seed(value):
            yield node.lineno
        case ast.Delete(targets=targets) if any(map(_is_gradient, targets)):
            yield node.lineno


def _is_seed(value: ast.expr) -> bool:
    """Whether this is what a backward pass of a script's own begins with: 1, or an array of ones."""
    match value:
        case ast.Constant(value=int() | float() as number):
            return bool(number)
        case ast.Call(func=ast.Attribute(attr=name) | ast.Name(id=name)):
            return name in ("ones", "ones_like")
    return False


def _is_gradient(node: ast.AST) -> bool:
    match node:
        case ast.Attribute(attr="grad"):
            return True
        case ast.Attribute(attr="data", value=value) | ast.Subscript(value=value):
            return _is_gradient(value)
        case ast.Call(func=ast.Attribute(attr="detach" | "detach_", value=value)):
            return _is_gradient(value)
    return False
