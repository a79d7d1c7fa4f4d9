"""The spine: what lexically contains the training loop, and what leads to it through the script's own functions."""

from __future__ import annotations

import ast

from stepper.program.scopes import Script
from stepper.program.syntax import FUNCTIONS

LoopNode = ast.For | ast.AsyncFor | ast.While
LOOPS = (ast.For, ast.AsyncFor, ast.While)


def spine(script: Script, loop: LoopNode | None) -> frozenset[int]:
    """The ids of what is on the spine: the loop, what lexically contains it, and what calls the functions that do."""
    if loop is None:
        return frozenset()
    found: set[int] = set()
    waiting: list[ast.AST] = [loop]
    while waiting:
        node: ast.AST | None = waiting.pop()
        while node is not None and id(node) not in found:
            found.add(id(node))
            if isinstance(node, FUNCTIONS):
                waiting += callers(script, node)
            node = script.parents.get(id(node))
    return frozenset(found)


def callers(script: Script, function: ast.AST) -> list[ast.AST]:
    """The calls of a function of the script, by name or attribute name."""
    assert isinstance(function, FUNCTIONS)
    method = script.class_of(function) is not None
    found: list[ast.AST] = []
    home = script.source_of(function) is script.source  # a module calls nothing of the script's
    for node in ast.walk(script.source.tree) if home else script.nodes:
        match node:
            case ast.Call(func=ast.Name(id=name)) if name == function.name and not method:
                if function in script.definitions(script.scope_around(node), name):
                    found.append(node)
            case ast.Call(func=ast.Attribute(attr=name)) if name == function.name and method:
                found.append(node)
    return found


def enclosing(script: Script, loop: LoopNode) -> list[ast.AST]:
    """The loops around the training loop, outermost first, as far as there is one way to it."""
    found: list[ast.AST] = []
    seen: set[int] = set()
    node: ast.AST | None = loop
    while node is not None:
        node = script.parents.get(id(node))
        if isinstance(node, LOOPS):
            found.append(node)
        if isinstance(node, FUNCTIONS):
            calls = callers(script, node)
            if len(calls) != 1 or id(node) in seen:
                break
            seen.add(id(node))
            node = calls[0]
    return found[::-1]
