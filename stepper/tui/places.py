"""The places the cursor jumped from, to go back and forth between. Knows what a cursor is, and moves nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stepper.session import Cursor

MOST = 100


class Places:
    """As a browser keeps its pages: going back remembers where one was, a new jump forgets what lay ahead."""

    def __init__(self) -> None:
        self._behind: list[Cursor] = []
        self._ahead: list[Cursor] = []

    def left(self, here: Cursor) -> None:
        """The cursor jumps away from `here`."""
        if not self._behind or self._behind[-1] != here:
            self._behind.append(here)
        del self._behind[:-MOST]
        self._ahead.clear()

    def go(self, step: int, here: Cursor) -> Cursor | None:
        """Where to go back (−1) or forth (1) from `here`; None where there is nothing."""
        source, other = (self._behind, self._ahead) if step < 0 else (self._ahead, self._behind)
        if not source:
            return None
        other.append(here)
        return source.pop()
