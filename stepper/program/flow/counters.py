"""Which of a loop's targets are counters: positions, or keys of what is looped over. Knows text only."""

from __future__ import annotations

import ast

from stepper.program.flow.row_keys import Elements, row_keys
from stepper.program.syntax import unwrapped


def counters(node: ast.For | ast.AsyncFor, elements_of: Elements) -> list[str]:
    """The names that a loop's head binds to a position or a key: what they pick is chosen by the loop itself.

    `elements_of` tells the elements that a collection is written out with.
    """
    iterable = unwrapped(node.iter)
    first = node.target.elts[0] if isinstance(node.target, (ast.Tuple, ast.List)) and node.target.elts else node.target
    match iterable:
        case ast.Call(func=ast.Name(id="range" | "xrange" | "trange")):
            names = [node.target]
        case ast.Call(func=ast.Name(id="enumerate"), args=[inner, *_]):
            names = [first]
            if first is not node.target and _is_keyed(node.body, inner, node.target.elts[-1]):  # type: ignore[attr-defined]
                names.append(node.target.elts[-1])  # type: ignore[attr-defined]
        case ast.Call(func=ast.Attribute(attr="items" | "keys" | "named_parameters")):
            names = [first]
        case ast.Tuple(elts=elements) | ast.List(elts=elements) if elements and all(
            isinstance(element, ast.Constant) for element in elements
        ):
            names = [node.target]
        case ast.Name() | ast.Attribute() if _is_keyed(node.body, iterable, node.target):
            names = [node.target]
        case _:
            names = []
    return [name.id for name in names if isinstance(name, ast.Name)] + row_keys(node, elements_of)


def _is_keyed(body: list[ast.stmt], iterable: ast.expr, target: ast.expr) -> bool:
    """Whether what is looped over is itself looked up by the loop's target: `for k in params: … params[k] …`."""
    if not isinstance(target, ast.Name) or not isinstance(iterable, (ast.Name, ast.Attribute)):
        return False
    mapping = ast.unparse(iterable)
    return any(
        isinstance(part, ast.Subscript)
        and isinstance(part.slice, ast.Name)
        and part.slice.id == target.id
        and ast.unparse(part.value) == mapping
        for statement in body
        for part in ast.walk(statement)
    )
