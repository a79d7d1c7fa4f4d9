"""Which loop is the training loop."""

from __future__ import annotations

import ast

from stepper.program.errors import ProgramError
from stepper.program.instrument import LoopNode
from stepper.program.losses import Losses
from stepper.program.scopes import FUNCTIONS, Script

LOOPS = (ast.For, ast.AsyncFor, ast.While)


def choose(script: Script, losses: Losses, wanted: str | None) -> LoopNode | None:
    loops = [node for node in ast.walk(script.source.tree) if isinstance(node, LOOPS)]
    if wanted == "none":
        return None
    if wanted is not None:
        for node in loops:
            if str(node.lineno) == wanted:
                return node
    if loops:
        return loops[0]
    raise ProgramError("no training loop found")


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
    for node in ast.walk(script.source.tree):
        match node:
            case ast.Call(func=ast.Name(id=name)) if name == function.name and not method:
                if function in script.definitions(script.scope_around(node), name):
                    found.append(node)
            case ast.Call(func=ast.Attribute(attr=name)) if name == function.name and method:
                found.append(node)
    return found
