"""What a person can do about a failure that plain Python would not have had, or had if it was run otherwise."""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Mapping, Sequence

from stepper.session.errors import frames, innermost

MOST_AROUND = 4
"""Folders around a script, at most, that may be the one it was meant to run in."""
MISSING = re.compile(r"^ModuleNotFoundError: No module named '(\w+)[\w.]*'(?:; .*)?\s*\Z", re.MULTILINE)
"""The end of a traceback where an import found nothing."""
NO_INPUT = "EOFError: EOF when reading a line"
"""What `input()` says where there is nothing to read."""
QUIT_AT_ONCE = re.compile(r"^bdb\.BdbQuit$", re.MULTILINE)
"""What pdb says then."""
STDIN = "sys.stdin"
NO_READING = {"close", "closed", "encoding", "fileno", "isatty", "reconfigure"}
"""What is asked of `sys.stdin` without reading from it."""


def wants_input(traceback: str) -> bool:
    """Whether a script failed since there was nothing for its `input()` to read."""
    return traceback.rstrip().endswith(NO_INPUT)


def reads_stdin(traceback: str, texts: Mapping[str, str]) -> str:
    """The line of a script's own that reads `sys.stdin`, in a file that a failure came through and not behind the place
    where it did: with nothing there to read, that may be why. Empty where there is none.

    `texts` are those of the files by their paths, the script's first.
    """
    from stepper.record import place  # whoever only complains need not load the record

    for file, line in reversed(frames(traceback, tuple(texts))):
        found = [each for each in _reading_lines(texts[file]) if each <= line]
        if found:
            return place(found[-1], "" if file == next(iter(texts)) else file)
    return ""


def _reading_lines(text: str) -> list[int]:
    """The lines of a text on which `sys.stdin` is read, or given to something that may."""
    if "stdin" not in text:
        return []
    try:
        nodes = list(ast.walk(ast.parse(text)))
    except (SyntaxError, ValueError):
        return []
    named = {id(node): node.lineno for node in nodes if isinstance(node, ast.Attribute) and ast.unparse(node) == STDIN}
    idle = {id(node.value) for node in nodes if isinstance(node, ast.Attribute) and node.attr in NO_READING}
    return sorted(line for node, line in named.items() if node not in idle)


def as_module(traceback: str, script: str) -> str:
    """One line for a script that failed since what it imports lies in a folder around it, where Python looks for it
    only if the script is run as a module from there; else nothing."""
    missing = MISSING.search(traceback)
    if missing is None:
        return ""
    folder, file = os.path.split(os.path.abspath(script))
    name = file.removesuffix(".py")
    for _ in range(MOST_AROUND):
        folder, package = os.path.split(folder)
        name = f"{package}.{name}"
        there = os.path.join(folder, missing[1])
        if not package or "." in package:
            break
        if os.path.isdir(there) or os.path.isfile(f"{there}.py"):
            where = "" if folder == os.getcwd() else f", started in {folder}"
            return f"{missing[1]} is found if the script runs as a module: stepper -m {name}{where}"
    return ""


def not_reached(iteration: int | None, failed_in: int | None) -> str:
    """One line for an iteration that was asked for, of a script that failed in one before it (None: in its setup)."""
    if iteration is None or (failed_in is not None and failed_in >= iteration):
        return ""
    return f"iteration {iteration} was not reached: {shown_by(failed_in)}"


def shown_by(failed_in: int | None) -> str:
    """One line on how to look at what led to a failure in an iteration (None: in the setup)."""
    where, shows = ("its setup", "setup") if failed_in is None else (f"iteration {failed_in}", failed_in)
    return f"the script failed in {where}; trace --iteration {shows} shows how"


def advice(traceback: str, files: Sequence[str], texts: Mapping[str, str] | None = None) -> str:
    """One line for a script that failed since it wanted the keyboard, which is the debugger's; else nothing.

    `files` are the paths of the script's own, its own path first; `texts` is what they say, where that may be why.
    """
    where = innermost(traceback, files) or "the script"
    if QUIT_AT_ONCE.search(traceback):
        return f"{where} starts pdb, which cannot have the app's keyboard: leave it out, and set a breakpoint there"
    if wants_input(traceback):
        wanted = f"{where} asks for input(), which cannot have the app's keyboard"
    elif where := reads_stdin(traceback, texts or {}):
        wanted = f"{where} reads sys.stdin, which has nothing in the app"
    else:
        return ""
    return (
        f"{wanted}: give the script a value in its place "
        "(its own arguments, after --), or pipe one to `stepper run` or `stepper trace`"
    )
