"""Updates of several parameters at once, of what lies beside each in a zip: `w, b = (p + v for p, v in zip((w, b),
velocities))`. Pure: reads the text of a statement."""

from __future__ import annotations

import ast
from functools import lru_cache

from stepper.inferior.spelling.texts import statement_of

GATHERING = ("tuple", "list")


@lru_cache(maxsize=1024)
def beside(text: str, target: str) -> tuple[str, ...]:
    """What a statement reads for one of its targets, `w` of `w, b = …`, or for an element of its target, `v[0]` of
    `v = …`; nothing where it does not go through a zip."""
    match statement_of(text):
        case ast.Assign(targets=[ast.Tuple(elts=targets)], value=value):
            names = [ast.unparse(each) for each in targets]
            return _at(value, names.index(target)) if target in names else ()
        case ast.Assign(targets=[one], value=value):
            holder, _, index = target.removesuffix("]").rpartition("[")
            return _at(value, int(index)) if index.isdigit() and ast.unparse(one) == holder else ()
    return ()


def _at(value: ast.expr, index: int) -> tuple[str, ...]:
    match value:
        case ast.Call(func=ast.Name(id=name), args=[argument]) if name in GATHERING:
            return _at(argument, index)
        case ast.ListComp(generators=[generator]) | ast.GeneratorExp(generators=[generator]):
            match generator.iter:
                case ast.Call(func=ast.Name(id="zip"), args=parts) if not generator.ifs:
                    return tuple(_element(part, index) for part in parts)
    return ()


def _element(part: ast.expr, index: int) -> str:
    match part:
        case ast.Tuple(elts=elements) | ast.List(elts=elements) if index < len(elements):
            return ast.unparse(elements[index])
    return f"{ast.unparse(part)}[{index}]"
