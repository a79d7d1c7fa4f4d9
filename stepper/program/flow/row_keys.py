"""Which of a loop's targets are keys, of rows of a key, a parameter and its gradient: `("W", l.W, l.dW)`.

Knows text only. Rows whose other parts nobody changes are data: `for label, x in [("cat", a), ("dog", b)]`; but what
an attribute is looked up by is a key, wherever it comes from: `for name, gname in layer.names(): getattr(layer, name)`.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator

from stepper.program.syntax import path_root, target_names, unwrapped
from stepper.program.vocabulary import mutates_receiver

Elements = Callable[[ast.expr], list[ast.expr]]


def row_keys(node: ast.For | ast.AsyncFor, elements_of: Elements) -> list[str]:
    """The names that a loop's head binds to keys of rows whose other parts its body changes, or of attributes."""
    parts, rows = _rows(node.target, unwrapped(node.iter), elements_of)
    keys = {
        part.id for part, column in zip(parts, rows, strict=False) if isinstance(part, ast.Name) and _is_keys(column)
    }
    others = {part.id for part in parts if isinstance(part, ast.Name)} - keys
    changed = {name for statement in node.body for part in ast.walk(statement) for name in _changed(part, keys)}
    naming = _naming(node.body).intersection(target_names(node.target))
    return sorted(keys | naming if others & changed else naming)


def _naming(body: list[ast.stmt]) -> set[str]:
    """The names that say which attribute is meant: `name` of `setattr(layer, name, value)`."""
    found: set[str] = set()
    for node in (part for statement in body for part in ast.walk(statement)):
        match node:
            case ast.Call(func=ast.Name(id="getattr" | "setattr"), args=[_, named, *_]):
                pass
            case ast.Subscript(value=ast.Call(func=ast.Name(id="vars")) | ast.Attribute(attr="__dict__"), slice=named):
                pass
            case _:
                continue
        found |= {part.id for part in ast.walk(named) if isinstance(part, ast.Name)}
    return found


def _rows(target: ast.expr, iterable: ast.expr, elements_of: Elements) -> tuple[list[ast.expr], list[list[ast.expr]]]:
    """The parts of a target, and what is written out for each of them."""
    if not isinstance(target, (ast.Tuple, ast.List)):
        return [], []
    parts = target.elts
    match iterable:
        case ast.Call(func=ast.Name(id="enumerate"), args=[inner, *_]):
            return _rows(parts[-1], unwrapped(inner), elements_of)
        case ast.Call(func=ast.Name(id="zip"), args=columns):
            return parts, [_column(unwrapped(column), elements_of) for column in columns]
    rows = [row.elts for row in elements_of(iterable) if isinstance(row, (ast.Tuple, ast.List))]
    fitting = [row for row in rows if len(row) == len(parts)]
    return parts, [list(column) for column in zip(*fitting, strict=True)]


def _column(column: ast.expr, elements_of: Elements) -> list[ast.expr]:
    match column:
        case ast.Call(func=ast.Name(id="range")):
            return [ast.Constant(0)]
    return elements_of(column)


def _is_keys(column: list[ast.expr]) -> bool:
    return bool(column) and all(map(_is_key, column))


def _is_key(node: ast.expr) -> bool:
    """A constant, or what is made up with one: `f"{i}.W"`, `("dense", "W")`, `name + ".W"`."""
    match node:
        case ast.Tuple(elts=elements):
            return any(map(_is_key, elements))
        case ast.BinOp(left=left, op=ast.Add() | ast.Mod(), right=right):
            return any(isinstance(side, ast.Constant) and isinstance(side.value, str) for side in (left, right))
    return isinstance(node, (ast.Constant, ast.JoinedStr))


def _changed(node: ast.AST, keys: set[str]) -> Iterator[str]:
    """The names whose objects a node changes in place, or hands on together with their key."""
    match node:
        case ast.AugAssign(target=ast.Name(id=name)):
            yield name
        case ast.Subscript(value=value, ctx=ast.Store()) | ast.Attribute(value=value, ctx=ast.Store()):
            if (root := path_root(value)) is not None:
                yield root.id
        case ast.Call(func=function, args=arguments):
            changes = isinstance(function, ast.Attribute) and mutates_receiver(function.attr)
            if changes and (root := path_root(function)) is not None:
                yield root.id
            handed = [*arguments, *(keyword.value for keyword in node.keywords)]
            names = {argument.id for argument in handed if isinstance(argument, ast.Name)}
            if names & keys:
                yield from names - keys
            for keyword in node.keywords:
                if keyword.arg == "out" and isinstance(keyword.value, ast.Name):
                    yield keyword.value.id
