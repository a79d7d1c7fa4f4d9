"""Which names are looks at another array, taken once and for all: `W = theta[:12].reshape(3, 4)`, `b = theta[12:]`.

A change of the one in place is a change of the other, wherever it happens. Knows text only, nothing of a walk.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Callable
from functools import partial

from stepper.program.flow.effects import Place
from stepper.program.scopes import Scope, Script
from stepper.program.syntax import assigned
from stepper.program.vocabulary import words

DEPTH = 2
_LOOKING = words(
    "reshape view ravel transpose swapaxes squeeze unsqueeze permute narrow t split array_split hsplit vsplit chunk"
)


def looks(script: Script, place_of: Callable[[Scope, ast.AST], Place | None]) -> dict[Place, set[Place]]:
    """By name or attribute that is bound to nothing but looks: what these are looks at, be it by way of others."""
    bound: Counter[Place] = Counter()
    found: dict[Place, set[Place]] = {}
    added = {id(node.target) for node in script.nodes if isinstance(node, ast.AugAssign)}
    for node in script.nodes:
        if isinstance(node, (ast.Name, ast.Attribute)) and isinstance(node.ctx, ast.Store) and id(node) not in added:
            place = place_of(script.scope_around(node), node)
            if place is not None:
                bound[place] += 1
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            scope = script.scope_around(node)
            for target, value in assigned(node):
                whole = _looked_at(value, partial(script.is_import, scope))
                base = None if whole is None else place_of(scope, whole)
                for part in target.elts if isinstance(target, ast.Tuple) else [target]:
                    place = place_of(scope, part)
                    if place is not None and base is not None:
                        found.setdefault(place, set()).add(base)
                        bound[place] -= 1
    found = {place: bases for place, bases in found.items() if bound[place] == 0}
    for bases in found.values():
        for _ in range(DEPTH):
            bases |= {each for base in bases for each in found.get(base, ())}
    found = {place: bases - {place} for place, bases in found.items()}
    return {place: bases for place, bases in found.items() if bases}


def _looked_at(node: ast.expr, is_import: Callable[[ast.AST], bool]) -> ast.expr | None:
    """The name or attribute that an expression is a look at; None where it is none."""
    match node:
        case ast.Subscript(value=value, slice=index) if _is_of_slices(index):
            pass
        case ast.Attribute(value=value, attr="T" | "mT"):
            pass
        case ast.Call(func=ast.Attribute(value=value, attr=name), args=given) if name in _LOOKING:
            if is_import(value):  # `np.split(theta, [12])`
                if not given:
                    return None
                value = given[0]
        case _:
            return None
    is_one = isinstance(value, ast.Name) or (isinstance(value, ast.Attribute) and value.attr not in ("T", "mT"))
    return value if is_one else _looked_at(value, is_import)


def _is_of_slices(index: ast.expr) -> bool:
    """Whether an index picks a stretch: `a:b`, or one of several axes of which others are counted from 0."""
    parts = index.elts if isinstance(index, ast.Tuple) else [index]
    plain = (ast.Slice, ast.Constant)
    return any(isinstance(part, ast.Slice) for part in parts) and all(isinstance(part, plain) for part in parts)
