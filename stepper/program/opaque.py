"""What stays without probes: functions and classes that are compiled, traced or transformed as a whole."""

from __future__ import annotations

import ast

from stepper.program.scopes import Script
from stepper.program.syntax import FUNCTIONS, path_root
from stepper.program.vocabulary import makes_opaque, only_calls


def opaque(script: Script) -> frozenset[int]:
    """The ids of the functions that get no probes."""
    found: set[int] = set()
    for node in (*script.functions, *script.classes):
        if any(_compiles(script, decorator) for decorator in node.decorator_list):
            found.update(_functions_of(node))
    transforming = hands_over(script)
    for call in script.nodes:
        if isinstance(call, ast.Call) and (transforming or not only_calls(script.dotted(call.func))):
            found |= _handed_over(script, call)
    _spread(script, found)
    return frozenset(found)


def hands_over(script: Script) -> bool:
    """Whether a file has something compiled or transformed that may reach into others: by a call, or by a decorator but
    those that take in nothing without a decorator of its own (numba's), or read the text (`torch.jit`'s)."""
    decorators = [each for node in (*script.functions, *script.classes) for each in node.decorator_list]
    if any(_compiles(script, each) and not _stays_inside(script, each) for each in decorators):
        return True
    inside = {id(part) for each in decorators for part in ast.walk(each)}
    calls = (call for call in script.nodes if isinstance(call, ast.Call) and id(call) not in inside)
    return any(_transforms(script, call) or _in_place(script, call) for call in calls)


def _transforms(script: Script, call: ast.Call) -> bool:
    return _compiles(script, call.func) and not only_calls(script.dotted(call.func))


def _stays_inside(script: Script, decorator: ast.AST) -> bool:
    path = script.dotted(decorator.func if isinstance(decorator, ast.Call) else decorator)
    return path.startswith(("numba.", "torch.jit."))


def _in_place(script: Script, call: ast.Call) -> bool:
    """`model.compile()`"""
    function = call.func
    return (
        isinstance(function, ast.Attribute)
        and function.attr == "compile"
        and not call.args
        and not script.is_import(script.module, function.value)
    )


def _compiles(script: Script, node: ast.AST) -> bool:
    if isinstance(node, ast.Call):
        # @partial(jax.jit, static_argnums=0) and @torch.compile(dynamic=True)
        last = script.dotted(node.func).split(".")[-1]
        return _compiles(script, node.func) or (last == "partial" and any(_compiles(script, a) for a in node.args))
    root = path_root(node)
    if root is None or root.id not in script.imports:
        return False
    return makes_opaque(script.dotted(node))


def _handed_over(script: Script, call: ast.Call) -> set[int]:
    found: set[int] = set()
    if _in_place(script, call):
        return _modules(script)
    if not _compiles(script, call.func):
        return found
    scope = script.scope_around(call)
    for argument in (*call.args, *(keyword.value for keyword in call.keywords)):
        if isinstance(argument, ast.Name):
            defined = script.definitions(scope, argument.id)
            for node in defined:
                found.update(_functions_of(node))
            if not defined and script.kind(scope, argument.id) == "variable":
                found |= _modules(script)
        elif isinstance(argument, ast.Attribute):
            for method in script.methods.get(argument.attr, []):
                found.update(_functions_of(method))
            if argument.attr not in script.methods and path_root(argument) is not None:
                found |= _modules(script)
        elif isinstance(argument, ast.Call):
            found |= _modules(script)
    return found


def _modules(script: Script) -> set[int]:
    """All functions of the script's own nn.Module classes."""
    found: set[int] = set()
    for cls in script.classes:
        if script.is_a(cls, "Module", "ModuleList", "Sequential", "LightningModule"):
            found.update(_functions_of(cls))
    return found


def _functions_of(node: ast.AST) -> set[int]:
    return {id(inner) for inner in ast.walk(node) if isinstance(inner, FUNCTIONS)}


def _spread(script: Script, found: set[int]) -> None:
    """What an opaque function calls by name is compiled or transformed with it."""
    waiting = [node for node in script.functions if id(node) in found]
    while waiting:
        function = waiting.pop()
        scope = script.scope(function)
        for call in ast.walk(function):
            if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
                continue
            for node in script.definitions(scope, call.func.id):
                if isinstance(node, FUNCTIONS) and id(node) not in found:
                    found.update(_functions_of(node))
                    waiting.append(node)
