"""Which names hold random generators, and nothing else: `g = torch.Generator().manual_seed(0)`, which is no gradient.

Knows text only, nothing of a walk.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Callable

from stepper.program.flow.effects import Place
from stepper.program.scopes import Scope, Script
from stepper.program.syntax import assigned

_MAKERS = frozenset({"Generator", "default_rng", "RandomState", "Random", "SystemRandom", "manual_seed"})


def generators(script: Script, place_of: Callable[[Scope, ast.AST], Place | None]) -> frozenset[Place]:
    """The names that are bound to new generators only."""
    bound: Counter[Place] = Counter()
    made: Counter[Place] = Counter()
    for node in script.nodes:
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            place = place_of(script.scope_around(node), node)
            if place is not None:
                bound[place] += 1
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            for target, value in assigned(node):
                place = place_of(script.scope_around(node), target) if isinstance(target, ast.Name) else None
                if place is not None and isinstance(value, ast.Call) and _makes_generator(script, node, value):
                    made[place] += 1
    return frozenset(place for place, times in made.items() if bound[place] == times)


def _makes_generator(script: Script, node: ast.AST, call: ast.Call) -> bool:
    """Whether a library's call makes a generator."""
    match call.func:
        case ast.Attribute(value=ast.Call() as inner, attr="manual_seed"):  # which hands it on
            call = inner
    maker = call.func
    name = maker.attr if isinstance(maker, ast.Attribute) else getattr(maker, "id", "")
    return name in _MAKERS and script.is_import(script.scope_around(node), maker)
