"""Classes that are records: named tuples and dataclasses, whose objects are no more than what their fields hold.

Knows text only, nothing of a walk.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from stepper.program.scopes import Script


def is_record(script: Script, cls: ast.ClassDef) -> bool:
    """Whether a class of the script is a named tuple, or a dataclass."""
    made = (each.func if isinstance(each, ast.Call) else each for each in cls.decorator_list)
    return script.is_a(cls, "NamedTuple") or any(_last(each) == "dataclass" for each in made)


def record_fields(script: Script) -> frozenset[str]:
    """The names of the fields of all such classes, and of those that `namedtuple("Params", "W b")` makes."""
    found = {
        statement.target.id
        for cls in script.classes
        if is_record(script, cls)
        for statement in cls.body
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name)
    }
    for node in script.nodes:
        if isinstance(node, ast.Call) and _last(node.func) == "namedtuple" and len(node.args) > 1:
            found.update(_texts(node.args[1]))
    return frozenset(found)


def _texts(node: ast.expr) -> Iterator[str]:
    match node:
        case ast.Constant(value=str() as text):
            yield from text.replace(",", " ").split()
        case ast.List(elts=elements) | ast.Tuple(elts=elements):
            for element in elements:
                yield from _texts(element)


def _last(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
