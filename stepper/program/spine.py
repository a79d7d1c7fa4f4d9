"""The spine: what lexically contains the training loop, and what leads to it through the script's own functions."""

from __future__ import annotations

import ast

from stepper.program.scopes import Script
from stepper.program.syntax import FUNCTIONS, Function

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
                waiting += leading(script, loop, node)
            node = script.parents.get(id(node))
    return frozenset(found)


def leading(script: Script, loop: LoopNode, function: Function) -> list[ast.AST]:
    """The calls of a function that may lead to the loop: not those that a pass itself makes, be it of a method that
    only bears that name (the model's in `Trainer.train`: `self.model.train()`), where there is any other."""
    calls = callers(script, function)
    if len(calls) < 2:
        return calls
    inside = _run_by(script, loop)
    return [call for call in calls if id(call) not in inside] or calls


def _run_by(script: Script, loop: LoopNode) -> set[int]:
    """The ids of all that a pass of the loop runs: its body, and the functions that are called by a name of theirs."""
    found: set[int] = set()
    waiting: list[ast.AST] = [*loop.body]
    while waiting:
        for part in ast.walk(waiting.pop()):
            found.add(id(part))
            match part:
                case ast.Call(func=ast.Name(id=name)):
                    called = script.definitions(script.scope_around(part), name)
                case ast.Call(func=ast.Attribute(attr=name)):
                    called = [*script.methods.get(name, ())]
                case _:
                    continue
            waiting += [each for each in called if isinstance(each, FUNCTIONS) and id(each) not in found]
            found.update(id(each) for each in called)
    return found


def callers(script: Script, function: Function) -> list[ast.AST]:
    """The calls of a function of the script, by name or attribute name."""
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
            calls = leading(script, loop, node)
            if len(calls) != 1 or id(node) in seen:
                break
            seen.add(id(node))
            node = calls[0]
    return found[::-1]
