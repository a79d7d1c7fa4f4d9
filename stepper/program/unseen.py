"""Statements that change something where no probe sees it: in a comprehension or a lambda, which stay as they are
(`[p.sub_(lr * g) for p, g in zip(params, grads)]`). Pure: looks at the text only."""

from __future__ import annotations

import ast

from stepper.program.syntax import COMPREHENSIONS
from stepper.program.vocabulary import COLLECTING_METHODS, mutates_argument, mutates_receiver

_SIMPLE = (ast.Expr, ast.Assign, ast.AnnAssign, ast.AugAssign)


def unseen(tree: ast.Module) -> frozenset[int]:
    """Their ids: those in which such a comprehension or lambda stands, and those that read a name which is bound to
    such a lambda."""
    nodes = [node for node in ast.walk(tree) if isinstance(node, _SIMPLE)]
    changing: set[str] = set()
    for node in nodes:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Lambda() as function) if _changes(function):
                changing.add(name)
    return frozenset(id(node) for node in nodes if _runs(node, changing))


def _runs(node: ast.stmt, changing: set[str]) -> bool:
    """Whether a statement may run what changes something unseen; one that only names a lambda does not."""
    match node:
        case ast.Assign(value=ast.Lambda()):
            return False
    parts = list(ast.walk(node))
    if any(isinstance(part, ast.Name) and part.id in changing for part in parts):
        return True
    return any(isinstance(part, (ast.Lambda, *COMPREHENSIONS)) and _changes(part) for part in parts)


def _changes(node: ast.AST) -> bool:
    """Whether what is called inside changes a value in place: its receiver, its first argument, or its `out`."""
    return any(_changes_in_place(part) for part in ast.walk(node) if isinstance(part, ast.Call))


def _changes_in_place(call: ast.Call) -> bool:
    if any(keyword.arg == "out" for keyword in call.keywords):
        return True
    match call.func:
        case ast.Attribute(attr=name):
            return name not in COLLECTING_METHODS and (mutates_receiver(name) or mutates_argument(name))
        case ast.Name(id=name):
            return mutates_argument(name)
    return False
