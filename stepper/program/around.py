"""Where a pass stands in the loops around the training loop: the names that those bind and that its body can read."""

from __future__ import annotations

import ast

from stepper.program.scopes import Script
from stepper.program.spine import LoopNode, enclosing, leading
from stepper.program.syntax import FUNCTIONS, parameters, target_names


def names_around(script: Script, loop: LoopNode) -> list[str]:
    """The names at the training loop's head that the loops around it count by (`epoch`), outermost first.

    Those of its own scope, and the parameters of its function to which the one call hands what a loop there binds.
    Each is surely bound where the loop's body begins: what the script deletes anywhere is left out.
    """
    scope = script.scope_around(loop)
    found: list[str] = []
    for outer in enclosing(script, loop):
        if isinstance(outer, (ast.For, ast.AsyncFor)):
            names = target_names(outer.target)
            here = script.scope_around(outer) is scope
            found += names if here else _handed(script, loop, names)
    unbound = _deleted(script)
    own = set() if isinstance(loop, ast.While) else set(target_names(loop.target))
    return [name for name in dict.fromkeys(found) if name not in own and name not in unbound]


def _handed(script: Script, loop: LoopNode, names: list[str]) -> list[str]:
    """The parameters of the function around `loop` that its one call gives one of these names."""
    function = next((each for each in script.ancestors(loop) if isinstance(each, FUNCTIONS)), None)
    calls = leading(script, loop, function) if function is not None else []
    if function is None or len(calls) != 1 or not isinstance(calls[0], ast.Call):
        return []
    call = calls[0]
    places = parameters(function)[1 if script.class_of(function) is not None else 0 :]
    given = [*zip(places, call.args, strict=False), *((each.arg, each.value) for each in call.keywords)]
    return [place for place, value in given if place and isinstance(value, ast.Name) and value.id in names]


def _deleted(script: Script) -> set[str]:
    """Names that may be unbound again: by `del`, or as an exception's at the end of its handler."""
    deleted: set[str] = set()
    for node in ast.walk(script.source.tree):
        if isinstance(node, ast.Delete):
            parts = (part for target in node.targets for part in ast.walk(target))
            deleted.update(part.id for part in parts if isinstance(part, ast.Name))
        elif isinstance(node, ast.ExceptHandler) and node.name:
            deleted.add(node.name)
    return deleted
