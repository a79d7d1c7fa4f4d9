"""What a person can do about a failure that plain Python would not have had. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from stepper.session.errors import innermost

NO_INPUT = "EOFError: EOF when reading a line"
"""What `input()` says where there is nothing to read."""
QUIT_AT_ONCE = re.compile(r"^bdb\.BdbQuit$", re.MULTILINE)
"""What pdb says then."""


def wants_input(traceback: str) -> bool:
    """Whether a script failed since there was nothing for its `input()` to read."""
    return traceback.rstrip().endswith(NO_INPUT)


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
