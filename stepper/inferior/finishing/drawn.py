"""Names of what a pass draws from data: such a name is data, be it a single number, and no setting.

Pure: reads the text of statements.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from functools import lru_cache

from stepper.inferior.recording.drafts import Happening, is_numbered
from stepper.inferior.spelling.texts import statement_of

LOOPS = ("for ", "async for ")
_EXTENTS = ("shape", "size")


def drawn(happenings: Iterable[Happening]) -> set[str]:
    """The names that loops hand out, and those bound to an element: `x, y = points[i, 0], points[i, 1]`, `state, reward
    = transition`, of what a loop hands out; and what an environment answers."""
    found: set[str] = set()
    for happening in happenings:
        if happening.kind == "statement" and happening.site.bound:
            if happening.site.text.startswith(LOOPS):
                found.update(happening.site.bound)
            else:
                found.update(_elements(happening.site.text))
                taken_apart = _taken_apart(happening.site.text)
                if taken_apart == "step" or taken_apart in found:
                    found.update(happening.site.bound)
    return found


@lru_cache(maxsize=4096)
def _taken_apart(text: str) -> str:
    """What a statement takes apart: the name of it, or of the method that gives it."""
    if "," not in text.partition("=")[0]:
        return ""
    match statement_of(text):
        case ast.Assign(targets=[ast.Tuple()], value=ast.Name(id=name)):
            return name
        case ast.Assign(targets=[ast.Tuple()], value=ast.Call(func=ast.Attribute(attr="step"), args=[_, *_])):
            return "step"
    return ""


@lru_cache(maxsize=4096)
def _elements(text: str) -> frozenset[str]:
    """The names that a statement binds to elements, by index, of something."""
    if "[" not in text:
        return frozenset()
    statement = statement_of(text)
    if not isinstance(statement, ast.Assign):
        return frozenset()
    found: set[str] = set()
    for target in statement.targets:
        value = statement.value
        pairs = [(target, value)]
        if isinstance(target, (ast.Tuple, ast.List)):
            parts = value.elts if isinstance(value, (ast.Tuple, ast.List)) else [value] * len(target.elts)
            pairs = list(zip(target.elts, parts, strict=False))
        found.update(name.id for name, part in pairs if isinstance(name, ast.Name) and _is_element(part))
    return frozenset(found)


def _is_element(value: ast.expr) -> bool:
    """Whether this is an element of data by its index, and not how large something is (`X.shape[0]`)."""
    if not isinstance(value, ast.Subscript) or isinstance(value.slice, ast.Slice):
        return False
    base = value.value
    extent = isinstance(base, ast.Attribute) and base.attr in _EXTENTS
    return not extent and not isinstance(base, ast.Call) and is_numbered(ast.unparse(value))
