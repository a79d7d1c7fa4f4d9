"""Classes that are records: named tuples and dataclasses, whose objects are no more than what their fields hold; and
those that keep an array beside its gradient (`p.data`, `p.grad`), without being a number themselves.

Knows text only, nothing of a walk.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from stepper.program.scopes import Script
from stepper.program.syntax import FUNCTIONS

NUMERIC = frozenset({"backward", "__add__", "__mul__", "__sub__", "__matmul__", "__getattr__"})


def is_record(script: Script, cls: ast.ClassDef) -> bool:
    """Whether a class of the script is a named tuple, or a dataclass."""
    made = (each.func if isinstance(each, ast.Call) else each for each in cls.decorator_list)
    named = any(isinstance(base, ast.Call) and _last(base.func) == "namedtuple" for base in cls.bases)
    return named or script.is_a(cls, "NamedTuple") or any(_last(each) == "dataclass" for each in made)


def keeps_data(script: Script) -> bool:
    """Whether `p.data` is what an object of the script's own keeps, an attribute like any other, and not once more the
    values of a tensor: its own classes that have one do no arithmetic, and no library with such tensors is there."""
    if script.uses_torch:
        return False
    keeping = [cls for cls in script.classes if any(map(_stores_data, ast.walk(cls)))]
    methods = {
        node.name for cls in keeping for base in script.bases(cls) for node in base.body if isinstance(node, FUNCTIONS)
    }
    return bool(keeping) and not methods & NUMERIC


def _stores_data(node: ast.AST) -> bool:
    match node:
        case ast.Attribute(value=ast.Name(id="self"), attr="data", ctx=ast.Store()):
            return True
    return False


def record_fields(script: Script) -> frozenset[str]:
    """The names of the fields of all such classes, and of those that `namedtuple("Params", "W b")` makes, or
    `NamedTuple("Batch", [("x", ndarray)])`."""
    found = {
        statement.target.id
        for cls in script.classes
        if is_record(script, cls)
        for statement in cls.body
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name)
    }
    for node in script.nodes:
        if isinstance(node, ast.Call) and makes_record(node) and len(node.args) > 1:
            found.update(_texts(node.args[1]))
    return frozenset(found)


def makes_record(call: ast.Call) -> bool:
    """Whether a call makes a class of named tuples."""
    return _last(call.func) in ("namedtuple", "NamedTuple")


def _texts(node: ast.expr) -> Iterator[str]:
    match node:
        case ast.Constant(value=str() as text):
            yield from text.replace(",", " ").split()
        case ast.List(elts=elements) | ast.Tuple(elts=elements):
            for element in elements:
                yield from _texts(element)


def _last(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
