"""The base of the screens that open over the main one and answer something."""

from __future__ import annotations

from textual.await_complete import AwaitComplete
from textual.screen import ModalScreen, ScreenResultType


class Question(ModalScreen[ScreenResultType]):
    """Answers once. A second enter, pressed before the screen is gone, would close another screen, or the app."""

    _answered = False

    def dismiss(self, result: ScreenResultType | None = None) -> AwaitComplete:
        """Close with a result."""
        if self._answered:
            return AwaitComplete()
        self._answered = True
        return super().dismiss(result)
