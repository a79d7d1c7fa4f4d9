"""What an object keeps of what its class was called with: `Affine(params["W1"])`, and `self.W = W` in its `__init__`.

A change of the one in place is a change of the other. Knows text only, nothing of a walk.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator

from stepper.program.flow.effects import FIELD, Place
from stepper.program.scopes import Scope, Script
from stepper.program.syntax import FUNCTIONS, Function, parameters

PlaceOf = Callable[[Scope, ast.AST], Place | None]


def handed(script: Script, place_of: PlaceOf) -> dict[Place, set[Place]]:
    """By attribute that is set from an argument of `__init__` and nowhere else: the places whose objects it holds."""
    kept: dict[tuple[int, str], set[str]] = {}
    setting: set[int] = set()
    for cls in script.classes:
        for made in script.methods_of([cls], "__init__"):
            names = set(_positional(made)) | {a.arg for a in made.args.kwonlyargs}
            for target, name in _kept(made, names):
                kept.setdefault((id(made), name), set()).add(target.attr)
                setting.add(id(target))
    elsewhere = {
        node.attr
        for node in script.nodes
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and id(node) not in setting
    }
    found: dict[Place, set[Place]] = {}
    for call in script.nodes:
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
            continue
        scope = script.scope_around(call)
        classes = [d for d in script.definitions(scope, call.func.id) if isinstance(d, ast.ClassDef)]
        for made in script.methods_of(classes, "__init__"):
            for name, argument in _arguments(made, call):
                attributes = kept.get((id(made), name), set()) - elsewhere
                places = set(_objects(script, scope, argument, place_of)) if attributes else set()
                for attribute in attributes:
                    own = (FIELD, attribute)
                    found.setdefault(own, set()).update(places - {own})
    return {place: places for place, places in found.items() if places}


def _positional(function: Function) -> list[str]:
    return [a.arg for a in (*function.args.posonlyargs, *function.args.args)][1:]


def _kept(function: Function, names: set[str]) -> Iterator[tuple[ast.Attribute, str]]:
    """The attributes that a function sets to one of its parameters."""
    for node in ast.walk(function):
        if not isinstance(node, ast.Assign):
            continue
        for target in node.targets:
            pairs = [(target, node.value)]
            if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                pairs = list(zip(target.elts, node.value.elts, strict=False))
            for to, value in pairs:
                match value:
                    case ast.Call(func=ast.Name(id="list" | "tuple"), args=[ast.Name(id=name)]) | ast.Name(id=name):
                        if isinstance(to, ast.Attribute) and name in names:
                            yield to, name


def _arguments(function: Function, call: ast.Call) -> Iterator[tuple[str, ast.expr]]:
    if not any(isinstance(argument, ast.Starred) for argument in call.args):
        yield from zip(_positional(function), call.args, strict=False)
    for keyword in call.keywords:
        if keyword.arg is not None:
            yield keyword.arg, keyword.value


def _objects(script: Script, scope: Scope, node: ast.expr, place_of: PlaceOf) -> Iterator[Place]:
    """The places whose objects an argument is or holds; a function's own parameters may be anything."""
    match node:
        case ast.List(elts=elements) | ast.Tuple(elts=elements):
            for element in elements:
                yield from _objects(script, scope, element, place_of)
        case ast.Subscript(value=value):
            yield from _objects(script, scope, value, place_of)
        case ast.Name(id=name):
            owner = script.owner(scope, name)
            function = owner.node if owner is not None else None
            given = parameters(function) if isinstance(function, FUNCTIONS) else []
            place = place_of(scope, node)
            if place is not None and name not in given:
                yield place
        case ast.Attribute():
            place = place_of(scope, node)
            if place is not None:
                yield place
