"""The script's own modules: files beside it that it imports, directly or through each other.

Found in the text alone, before anything runs: `import a.b`, `from .layers import Dense`, `import_module("a.b")`, at any
depth of a file. What is imported by a computed name stays as it is. Pure: who looks for the files, and reads them, is
handed in.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from typing import NamedTuple

from stepper.program.errors import ProgramError
from stepper.program.source import Source

MOST = 64  # files; whoever has more is not looking at all of them
LONGEST = 200_000  # characters of one file: what is longer was not written by hand


class File(NamedTuple):
    """A file that a module's name stands for. `package`: it is a package's `__init__.py`."""

    path: str
    text: str
    package: bool


Find = Callable[[str], File | None]
"""The file of a module, by its dotted name; None where it is not the script's own."""


class Beside(NamedTuple):
    """One of the script's own modules, parsed."""

    name: str
    source: Source


def beside(script: ast.Module, find: Find, package: str = "") -> list[Beside]:
    """The modules that a script imports, in the order they are met, and those of the `package` that it lies in; those
    that cannot be parsed are left out: Python itself will say so where they are imported."""
    found: dict[str, Beside | None] = {}
    paths: set[str] = set()
    waiting = [*_imports(script, package), *_steps(package)]
    while waiting and len(paths) < MOST:
        name = waiting.pop(0)
        if name in found:
            continue
        found[name] = None
        file = find(name)
        if file is None or file.path in paths or len(file.text) > LONGEST:
            continue
        paths.add(file.path)
        try:
            source = Source(file.text, file.path, name if file.package else name.rpartition(".")[0])
        except ProgramError:
            continue
        found[name] = Beside(name, source)
        waiting += _imports(source.tree, source.package)
    return [each for each in found.values() if each is not None]


def _imports(tree: ast.Module, package: str) -> Iterator[str]:
    """The dotted names that the imports of a module may mean; `package` is the one that it lies in."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                for alias in names:
                    yield from _steps(alias.name)
            case ast.ImportFrom(module=module, names=names, level=level):
                base = imported_from(package, level, module)
                if base is not None:
                    yield from _steps(base)
                    yield from (f"{base}.{alias.name}" if base else alias.name for alias in names if alias.name != "*")
            case ast.Call() if (name := imported_by(node, package)) is not None:
                yield from _steps(name)


def imported_by(call: ast.Call, package: str) -> str | None:
    """The module that a call of `importlib.import_module` imports, where its name is written out."""
    match call:
        case ast.Call(
            func=ast.Attribute(value=ast.Name(id="importlib"), attr="import_module") | ast.Name(id="import_module"),
            args=[ast.Constant(value=str(name)), *rest],
        ):
            module = name.lstrip(".")
            if module == name:
                return name
            match [*rest, *(keyword.value for keyword in call.keywords)]:
                case [ast.Constant(value=str(anchor))]:
                    return imported_from(anchor, len(name) - len(module), module)
                case [ast.Name(id="__package__" | "__name__")]:  # the latter means a package's own, or fails
                    return imported_from(package, len(name) - len(module), module)
    return None


def imported_from(package: str, level: int, module: str | None) -> str | None:
    """What `from ..a import b` imports from; None where it leads out of all packages."""
    if level == 0:
        return module or ""
    parts = package.split(".") if package else []
    if level > len(parts):
        return None
    return ".".join([*parts[: len(parts) - level + 1], *([module] if module else [])])


def _steps(name: str) -> Iterator[str]:
    """`a`, `a.b` and `a.b.c` of `a.b.c`: all of them are imported."""
    parts = name.split(".") if name else []
    for end in range(1, len(parts) + 1):
        yield ".".join(parts[:end])
