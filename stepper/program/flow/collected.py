"""What the lists hold that an optimizer is made with: written out, gathered bit by bit, or added up.

`params = []`, then `params.append(w)`, `params += [b]`; `params = weights + biases`. Knows text only, no walk.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Mapping

from stepper.program.flow.effects import Place
from stepper.program.scopes import Scope, Script

_GATHERED = (ast.List, ast.Tuple, ast.ListComp)
DEPTH = 3


class Collected:
    """Looked up by the list's place."""

    def __init__(
        self,
        script: Script,
        place_of: Callable[[Scope, ast.AST], Place | None],
        places_in: Callable[[Scope, ast.AST], set[Place]],
        held: Mapping[Place, set[Place]],
    ) -> None:
        self._held = {place: set(others) for place, others in held.items()}
        for node in script.nodes:
            match node:
                case ast.Call(func=ast.Attribute(value=target, attr="append" | "extend"), args=[value]):
                    pass
                case ast.AugAssign(target=target, op=ast.Add(), value=value) if isinstance(value, _GATHERED):
                    pass
                case ast.Assign(targets=[target], value=ast.BinOp(op=ast.Add()) as value):
                    pass
                case _:
                    continue
            scope = script.scope_around(node)
            place = place_of(scope, target)
            if place is not None:
                others = places_in(scope, value) - {place}
                if isinstance(value, ast.BinOp):
                    others &= self._held.keys()  # of lists, that is, and no sum of numbers
                self._held.setdefault(place, set()).update(others)

    def of(self, places: Iterable[Place]) -> set[Place]:
        """These places, and what the lists in them hold."""
        found = set(places)
        for _ in range(DEPTH):
            found |= {each for place in found for each in self._held.get(place, ())}
        return found
