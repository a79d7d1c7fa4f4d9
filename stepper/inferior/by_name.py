"""A module that is named, as for `python -m`: where its file is, found without importing anything; and its beginning.

What Python does then is in the standard library's `runpy`, and it is `runpy` that does it here.
"""

from __future__ import annotations

import difflib
import os
import pkgutil
import sys
from collections.abc import Iterable
from importlib.machinery import (
    BuiltinImporter,
    ExtensionFileLoader,
    FrozenImporter,
    ModuleSpec,
    PathFinder,
    SourceFileLoader,
    SourcelessFileLoader,
)
from types import ModuleType
from typing import NamedTuple

from stepper.inferior.refusal import Refusal
from stepper.program.errors import ProgramError

MAIN = "__main__"
LIKE = 0.65  # by how much a name must be like the one that was meant
NAMED = 4  # modules of a package that are named to someone who has named none


class Found(NamedTuple):
    """A module whose code is to run: its full name (`package.__main__` for a package), and its file."""

    name: str
    path: str


def located(name: str) -> Found:
    """The module that `python -m NAME` would run from the working directory. Raises ProgramError."""
    ours = sys.path[0]
    sys.path[:1] = [] if sys.flags.safe_path else [os.getcwd()]
    try:
        spec = _spec(name)
        places = spec.submodule_search_locations
        if places is not None:
            spec = _main_of(name, places)
    finally:
        sys.path[: not sys.flags.safe_path] = [ours]
    if isinstance(spec.loader, SourceFileLoader) and spec.origin is not None:
        return Found(spec.name, spec.origin)
    if spec.origin in ("built-in", "frozen"):
        what = "is built into Python itself"
    elif isinstance(spec.loader, ExtensionFileLoader):
        what = f"is an extension module ({spec.origin})"
    elif isinstance(spec.loader, SourcelessFileLoader):
        what = f"is compiled already ({spec.origin})"
    else:
        what = f"is loaded from {spec.origin}"
    raise ProgramError(f"{what}, which has no Python source to step through")


def of_file(path: str, levels: int) -> tuple[str, str]:
    """The name that a file of a package has as a module, and the folder that it is found from. `levels`: so many
    packages are around it at least."""
    folder, file = os.path.split(os.path.realpath(path))
    parts = [file.removesuffix(".py")]
    while (len(parts) <= levels or os.path.isfile(os.path.join(folder, "__init__.py"))) and os.path.basename(folder):
        folder, package = os.path.split(folder)
        parts.insert(0, package)
    return ".".join(parts), folder


def outermost(module: Found) -> tuple[str, str]:
    """The outermost package that a module lies in, and its folder; empty where it lies in none."""
    package, *inner = module.name.split(".")
    folder = module.path
    for _ in inner:
        folder = os.path.dirname(folder)
    return (package, folder) if inner else ("", "")


def hooked(name: str) -> list[str]:
    """Where hooks of the import system, such as an editable installation puts there, have a package or module that is
    outside all packages: its folder, or its file without the suffix."""
    if name in sys.stdlib_module_names:
        return []
    for finder in sys.meta_path:
        if finder in (BuiltinImporter, FrozenImporter, PathFinder) or not hasattr(finder, "find_spec"):
            continue
        spec = finder.find_spec(name, None, None)
        if spec is not None:
            places = spec.submodule_search_locations
            return [(spec.origin or "").removesuffix(".py")] if places is None else list(places)
    return []


def become(main: ModuleType, module: Found) -> None:
    """Import the packages that a module lies in, and let `main` be what `python -m` makes of `__main__` before the
    module's code runs in it. Raises Refusal where it is another module then, and whatever the packages raise."""
    import runpy

    if module.name in sys.modules:
        raise Refusal(f"there is another module {module.name} in stepper's own process: rename it")
    try:
        _, spec, _ = runpy._get_module_details(module.name, _NotFound)  # type: ignore[attr-defined]
    except _NotFound as error:
        raise Refusal(f"{module.path} is not found once what is around it is imported: {error}") from None
    if spec.origin != module.path:
        raise Refusal(f"is {spec.origin} once what is around it is imported, and {module.path} before: rename one")
    sys.argv[0] = module.path
    main.__dict__.update(
        __name__=MAIN,
        __file__=spec.origin,
        __cached__=spec.cached,
        __doc__=None,
        __loader__=spec.loader,
        __package__=spec.parent,
        __spec__=spec,
    )


class _NotFound(Exception):
    """What `runpy` is to raise where it does not find a module."""


def _spec(name: str) -> ModuleSpec:
    """What the import system finds under a name. Raises ProgramError."""
    if "/" in name or os.sep in name or name.endswith(".py"):
        close = name.removesuffix(".py").strip("./").replace(os.sep, ".")
        raise ProgramError(f"-m takes a module's name, not a file's: -m {close}" if close else "names no module")
    if not all(name.split(".")) or name.split(".")[-1] == MAIN == name:
        raise ProgramError("is no module's name, as package.train is")
    full, _, rest = name.partition(".")
    finders = [finder for finder in sys.meta_path if hasattr(finder, "find_spec")]
    specs = (finder.find_spec(full, None, None) for finder in finders)
    spec = next((spec for spec in specs if spec is not None), None)
    places: Iterable[str] | None = None
    for part in (*filter(None, rest.split(".")), None):
        if spec is None:
            raise ProgramError(_missing(full, places))
        places = spec.submodule_search_locations
        if part is None:
            break
        if places is None:
            raise ProgramError(f"{full} is no package, so there is no {full}.{part} in it")
        full = f"{full}.{part}"
        spec = _within(places, full)
    assert spec is not None
    return spec


def _within(places: Iterable[str], name: str) -> ModuleSpec | None:
    """What there is of a name in folders, as `PathFinder` finds it; that one needs the packages around it imported."""
    portions: list[str] = []
    for place in places:
        finder = pkgutil.get_importer(place)
        spec = finder.find_spec(name) if finder is not None else None
        if spec is not None and spec.loader is not None:
            return spec
        if spec is not None:
            portions += spec.submodule_search_locations or []
    if not portions:
        return None
    package = ModuleSpec(name, None, is_package=True)
    package.submodule_search_locations = portions
    return package


def _main_of(name: str, places: Iterable[str]) -> ModuleSpec:
    spec = _within(places, f"{name}.{MAIN}")
    if spec is None or spec.submodule_search_locations is not None:
        inside = [f"-m {name}.{each}" for each in _names(places) if not each.startswith("_")]
        some = ", ".join(inside[:NAMED]) + (" …" if len(inside) > NAMED else "")
        raise ProgramError(
            f"is a package without a module {MAIN}, so there is nothing in it to run"
            + (f"; name one of its modules: {some}" if inside else "")
        )
    return spec


def _missing(name: str, places: Iterable[str] | None) -> str:
    package, _, last = name.rpartition(".")
    close = difflib.get_close_matches(last, _names(places), 1, LIKE)
    hint = f"did you mean -m {f'{package}.' if package else ''}{close[0]}?" if close else ""
    if not package and not hint:
        hint = f"it is looked for in {os.getcwd()}, and where Python looks for modules"
    return f"there is no module {name}" + (f"; {hint}" if hint else "")


def _names(places: Iterable[str] | None) -> list[str]:
    """The names of the modules in some folders; None: of all that can be imported."""
    return [module.name for module in pkgutil.iter_modules(None if places is None else list(places))]
