"""The base of the screens that open over the main one and answer something."""

from __future__ import annotations

from textual.await_complete import AwaitComplete
from textual.screen import ModalScreen, ScreenResultType

from stepper.tui.drawn import DrawnScreen


class AnswersOnce(DrawnScreen[ScreenResultType]):
    """A second enter or click, made before the screen is gone, would close another screen, or the app."""

    _answered = False

    def dismiss(self, result: ScreenResultType | None = None) -> AwaitComplete:
        """Close with a result."""
        if self._answered:
            return AwaitComplete()
        self._answered = True
        return super().dismiss(result)


class Question(ModalScreen[ScreenResultType], AnswersOnce[ScreenResultType]):
    """A box in the middle, which stays on the screen; where it has not the room, it scrolls."""

    DEFAULT_CSS = """
    Question {
        align: center middle;
        & > Vertical, & > VerticalScroll {
            height: auto; border: round $primary; background: $surface; padding: 0 1;
            max-width: 100%; max-height: 100%; overflow-y: auto;
        }
        & OptionList, & OptionList:focus { height: auto; border: none; background: $surface; }
        & Label { width: 1fr; color: $text-muted; }
        & Input > .input--placeholder { color: auto 68%; }
        & #problem { color: $text-error; display: none; }
    }
    """
