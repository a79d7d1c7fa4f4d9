"""What a person can do about a failure that plain Python would not have had, or had if it was run otherwise."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

from stepper.session.errors import innermost

MOST_AROUND = 4
"""Folders around a script, at most, that may be the one it was meant to run in."""
MISSING = re.compile(r"^ModuleNotFoundError: No module named '(\w+)[\w.]*'(?:; .*)?\s*\Z", re.MULTILINE)
"""The end of a traceback where an import found nothing."""
NO_INPUT = "EOFError: EOF when reading a line"
"""What `input()` says where there is nothing to read."""
QUIT_AT_ONCE = re.compile(r"^bdb\.BdbQuit$", re.MULTILINE)
"""What pdb says then."""


def wants_input(traceback: str) -> bool:
    """Whether a script failed since there was nothing for its `input()` to read."""
    return traceback.rstrip().endswith(NO_INPUT)


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
    where, shows = ("its setup", "setup") if failed_in is None else (f"iteration {failed_in}", failed_in)
    return f"iteration {iteration} was not reached: the script failed in {where}; trace --iteration {shows} shows how"


def advice(traceback: str, files: Sequence[str]) -> str:
    """One line for a script that failed since it wanted the keyboard, which is the debugger's; else nothing.

    `files` are the paths of the script's own, its own path first.
    """
    if not wants_input(traceback) and not QUIT_AT_ONCE.search(traceback):
        return ""
    where = innermost(traceback, files) or "the script"
    if QUIT_AT_ONCE.search(traceback):
        return f"{where} starts pdb, which cannot have the app's keyboard: leave it out, and set a breakpoint there"
    return (
        f"{where} asks for input(), which cannot have the app's keyboard: give the script a value in its place "
        "(its own arguments, after --), or pipe one to `stepper run` or `stepper trace`"
    )
