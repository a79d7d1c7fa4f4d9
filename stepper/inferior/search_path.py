"""Where a script says that modules are to be looked for (`sys.path.insert(0, "src")`), read off its text.

Places are worked out of the script's own path and of what `os.path` and `pathlib` make of it; what depends on anything
else is not known before the script runs.
"""

from __future__ import annotations

import ast
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

FUNCTIONS: dict[str, Callable[..., Any]] = {
    "os.fspath": os.fspath,
    "os.getcwd": os.getcwd,
    "os.path.abspath": os.path.abspath,
    "os.path.dirname": os.path.dirname,
    "os.path.expanduser": os.path.expanduser,
    "os.path.join": os.path.join,
    "os.path.normpath": os.path.normpath,
    "os.path.realpath": os.path.realpath,
    "pathlib.Path": Path,
    "pathlib.Path.cwd": Path.cwd,
    "str": str,
}
CONSTANTS = {"os.pardir": os.pardir, "os.curdir": os.curdir, "os.sep": os.sep, "os.path.sep": os.sep}
METHODS = frozenset(["absolute", "as_posix", "expanduser", "joinpath", "resolve"])
ATTRIBUTES = frozenset(["parent", "parents"])


def added(tree: ast.Module, script: str) -> tuple[list[str], list[str]]:
    """The places that a script puts in front of the others, and those that it puts behind, in the order that Python
    looks through them."""
    reader = _Reader(tree, script)
    ahead: list[str] = []
    behind: list[str] = []
    written = (node for node in ast.walk(tree) if isinstance(node, (ast.Call, ast.AugAssign)))
    for node in sorted(written, key=lambda node: (node.lineno, node.col_offset)):
        match node:
            case ast.Call(func=ast.Attribute(attr="insert") as called, args=[_, place]):
                if reader.dotted(called) == "sys.path.insert":
                    ahead[:0] = reader.places(place)
            case ast.Call(func=ast.Attribute(attr="append") as called, args=[place]):
                if reader.dotted(called) == "sys.path.append":
                    behind += reader.places(place)
            case (
                ast.Call(func=ast.Attribute(attr="extend", value=path), args=[ast.List(elts=items)])
                | ast.AugAssign(target=path, op=ast.Add(), value=ast.List(elts=items))
            ):
                if reader.dotted(path) == "sys.path":
                    behind += [place for item in items for place in reader.places(item)]
    return ahead, behind


class _Reader:
    """Evaluates the expressions that make a path."""

    def __init__(self, tree: ast.Module, script: str) -> None:
        self._script = script
        self._imports: dict[str, str] = {}
        self._bound: dict[str, list[ast.expr]] = {}
        for node in ast.walk(tree):
            match node:
                case ast.Import(names=names):
                    self._imports.update((each.asname, each.name) for each in names if each.asname)
                case ast.ImportFrom(module=str(module), names=names, level=0):
                    self._imports.update((each.asname or each.name, f"{module}.{each.name}") for each in names)
                case ast.Assign(targets=[ast.Name(id=name)], value=value):
                    self._bound.setdefault(name, []).append(value)

    def places(self, node: ast.expr) -> Iterator[str]:
        """The place that an expression gives, as the import system writes it; nothing where that is not known."""
        try:
            found = self._value(node, 0)
        except (TypeError, ValueError, OSError, LookupError, RuntimeError, AttributeError):
            return  # the script will fail there itself, or have it from elsewhere
        if isinstance(found, str):
            yield os.path.join(os.getcwd(), found)

    def dotted(self, node: ast.AST) -> str:
        """The full name of a path of names, through the script's imports; empty for anything else."""
        match node:
            case ast.Name(id=name):
                return self._imports.get(name, name)
            case ast.Attribute(value=value, attr=attribute):
                before = self.dotted(value)
                return f"{before}.{attribute}" if before else ""
        return ""

    def _value(self, node: ast.expr, depth: int) -> Any:
        """Raises LookupError for what is not known."""
        if depth > 20:
            raise LookupError
        deeper = depth + 1
        full = self.dotted(node)
        match node:
            case ast.Constant(value=str() | int() as value):
                return value
            case ast.Name(id="__file__"):
                return self._script
            case ast.Name(id=name) if len(self._bound.get(name, ())) == 1:
                return self._value(self._bound[name][0], deeper)
            case ast.Attribute() if full in CONSTANTS:
                return CONSTANTS[full]
            case ast.Attribute(value=value, attr=attribute) if attribute in ATTRIBUTES:
                return getattr(self._path(value, deeper), attribute)
            case ast.Subscript(value=ast.Attribute(attr="parents") as parents, slice=index):
                return self._value(parents, deeper)[self._value(index, deeper)]
            case ast.BinOp(left=left, op=ast.Div(), right=right):
                return self._value(left, deeper) / self._value(right, deeper)
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                return self._value(left, deeper) + self._value(right, deeper)
            case ast.JoinedStr(values=parts):
                return "".join(str(self._value(part, deeper)) for part in parts)
            case ast.FormattedValue(value=value, format_spec=None):
                return self._value(value, deeper)
            case ast.Call(func=called, args=arguments, keywords=[]):
                given = [self._value(argument, deeper) for argument in arguments]
                if (function := FUNCTIONS.get(self.dotted(called))) is not None:
                    return function(*given)
                if isinstance(called, ast.Attribute) and called.attr in METHODS:
                    return getattr(self._path(called.value, deeper), called.attr)(*given)
        raise LookupError

    def _path(self, node: ast.expr, depth: int) -> Path:
        found = self._value(node, depth)
        if not isinstance(found, Path):
            raise LookupError
        return found
