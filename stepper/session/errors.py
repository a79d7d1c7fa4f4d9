"""What can go wrong for a person who asks for something."""

import re
from collections.abc import Sequence


class Misuse(Exception):
    """The target cannot be run as asked. The message is one plain line that says what to do (exit code 2)."""


class ScriptFailed(Exception):
    """The script raised, or its process died. `traceback` is its own, with its own lines (exit code 1).

    `unreached`: what is to be said of an iteration that was asked for, and not come to; `shown`: how to look at what
    led to it, for a person at a terminal, since others read a traceback to its end.
    """

    def __init__(self, message: str, traceback: str, unreached: str = "", shown: str = "") -> None:
        super().__init__(message)
        self.traceback = traceback
        self.unreached = unreached
        self.shown = shown


class GradientsDiffer(Exception):
    """A gradient is not what finite differences say, or nothing could be told; all has been said (exit code 1)."""


def last_line(traceback: str, files: Sequence[str]) -> str:
    """What a traceback says went wrong, in one line, with the innermost line of the script's: `ValueError: x (line 3)`.

    What is no traceback (how a process died) is taken as it is, its first line.
    """
    *_, last = re.split(r'^ *(?=File ".*", line \d+)', traceback, flags=re.MULTILINE)
    lines = [line.strip() for line in last.splitlines() if line.strip() and not line.startswith(" ")]
    if last.startswith("File "):
        lines = lines[1:]
    where = innermost(traceback, files)
    return (lines[0] if lines else "the script failed") + (f" ({where})" if where else "")


def innermost(traceback: str, files: Sequence[str]) -> str:
    """The innermost line of the script's own files in a traceback, to be read; empty where there is none.

    `files` are their paths, the script's first.
    """
    found = frames(traceback, files)
    if not found:
        return ""
    from stepper.record import Spot  # whoever only complains need not load the record

    file, line = found[-1]
    return Spot("" if file == files[0] else file, line).place


def frames(traceback: str, files: Sequence[str]) -> list[tuple[str, int]]:
    """The files and lines that a traceback leads through, the innermost last, as far as they are of these files."""
    any_of = "|".join(map(re.escape, files))
    return [
        (file, int(line))
        for file, line in re.findall(rf'^ *File "({any_of})", line (\d+)', traceback, flags=re.MULTILINE)
    ]
