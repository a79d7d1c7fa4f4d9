"""What can go wrong for a person who asks for something."""

import re


class Misuse(Exception):
    """The target cannot be run as asked. The message is one plain line that says what to do (exit code 2)."""


class ScriptFailed(Exception):
    """The script raised, or its process died. `traceback` is its own, with its own lines (exit code 1)."""

    def __init__(self, message: str, traceback: str) -> None:
        super().__init__(message)
        self.traceback = traceback


def last_line(traceback: str, script: str) -> str:
    """What a traceback says went wrong, in one line, with the innermost line of the script: `ValueError: x (line 3)`.

    What is no traceback (how a process died) is taken as it is, its first line.
    """
    *_, last = re.split(r'^ *(?=File ".*", line \d+)', traceback, flags=re.MULTILINE)
    lines = [line.strip() for line in last.splitlines() if line.strip() and not line.startswith(" ")]
    if last.startswith("File "):
        lines = lines[1:]
    named = re.findall(rf'^ *File "{re.escape(script)}", line (\d+)', traceback, flags=re.MULTILINE)
    where = f" (line {named[-1]})" if named else ""
    return (lines[0] if lines else "the script failed") + where
