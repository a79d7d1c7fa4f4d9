"""Files of Python source, read as Python reads them."""

from __future__ import annotations

import ast
import io
import os
import sys
import tokenize
from collections.abc import Mapping
from types import MappingProxyType

from stepper.inferior.by_name import Found, hooked, outermost
from stepper.inferior.ours import holds_installed, holds_us, is_installed
from stepper.inferior.search_path import added
from stepper.program.beside import File, Find
from stepper.program.errors import ProgramError


def decoded(data: bytes) -> str:
    """The text of a source file, by its encoding declaration. Raises ProgramError."""
    if b"\0" in data:
        raise ProgramError("is not Python: it holds null bytes")
    encoding = "utf-8"
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        return io.TextIOWrapper(io.BytesIO(data), encoding, newline=None).read()
    except UnicodeDecodeError as error:
        raise ProgramError(_not_in(encoding, data)) from error
    except (SyntaxError, LookupError) as error:
        undeclared = str(error).startswith("invalid or missing")
        raise ProgramError(_not_in(encoding, data) if undeclared else f"is not Python: {error}") from error


def _not_in(encoding: str, data: bytes) -> str:
    """Where a file is not in its encoding, and what to do."""
    where = ""
    try:
        data.decode(encoding)
    except UnicodeDecodeError as error:  # its place is in all of the file, not in a piece that was read
        line = len((data[: error.start] + b"x").splitlines())
        where = f" on line {line} (byte 0x{data[error.start]:02x})"
    remedy = "save it as UTF-8, or declare its encoding at the top (# coding: latin-1)"
    return f"is not {encoding.upper()}{where}: {remedy}"


def script_text(path: str, texts: Mapping[str, str]) -> str:
    """A script's text: that of `texts`, where it was read before. Raises ProgramError."""
    if path in texts:
        return texts[path]
    try:
        with open(path, "rb") as file:
            return decoded(file.read())
    except OSError as error:
        raise ProgramError(f"cannot be read: {error.strerror or error}") from error


def own_modules(
    script: str,
    source: str = "",
    texts: Mapping[str, str] = MappingProxyType({}),
    module: Found | None = None,
) -> Find:
    """Finds the files of a script's own modules: beside it, and wherever else Python was told to look for modules that
    are installed nowhere (`PYTHONPATH`, an editable installation), be it by the script itself. `texts` are those of
    files that were read before, by path. A script that runs as a `module` has its own in the working directory, and in
    the package around it, wherever that is."""
    ahead, behind = _added(source, script)
    beside = folder_of(script, module)
    further = (os.path.abspath(entry) for entry in sys.path[1:] if entry)  # the import system follows no links
    roots: list[str] = []
    for root in (*ahead, *(() if sys.flags.safe_path else (beside,)), *further, *behind):
        installed = is_installed(root) or is_installed(os.path.realpath(root)) or holds_installed(root)
        ours = holds_us(root) or installed
        if root not in roots and (root == beside or not ours):
            roots.append(root)

    around, folder = outermost(module) if module is not None else ("", "")

    def find(name: str) -> File | None:
        top, *inner = name.split(".")
        if name in sys.modules or top in sys.builtin_module_names:
            return None  # it is there already, and no file is read for it
        places = [os.path.join(root, top) for root in roots]
        places += [place for place in hooked(top) if not is_installed(place)]
        for place in (*places, folder) if top == around else places:
            bare = os.path.join(place, *inner)
            for path, package in ((os.path.join(bare, "__init__.py"), True), (f"{bare}.py", False)):
                if path in texts:
                    return File(path, texts[path], package)
                try:
                    with open(path, "rb") as file:
                        return File(path, decoded(file.read()), package)
                except (OSError, ProgramError):
                    continue
        return None

    return find


def _added(source: str, script: str) -> tuple[list[str], list[str]]:
    """The places that a script itself puts in front of the others, and behind them."""
    if "sys" not in source:
        return [], []
    try:
        return added(ast.parse(source), script)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return [], []  # whoever reads it as a program says what is wrong


def folder_of(script: str, module: Found | None = None) -> str:
    """What Python puts first among the places that it looks for modules in: where a script lies; the working directory,
    where it runs as a module."""
    return os.getcwd() if module is not None else os.path.dirname(os.path.realpath(script))
