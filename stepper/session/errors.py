"""What can go wrong for a person who asks for something."""


class Misuse(Exception):
    """The target cannot be run as asked. The message is one plain line that says what to do (exit code 2)."""


class ScriptFailed(Exception):
    """The script raised, or its process died. `traceback` is its own, with its own lines (exit code 1)."""

    def __init__(self, message: str, traceback: str) -> None:
        super().__init__(message)
        self.traceback = traceback
