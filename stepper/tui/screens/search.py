"""A small input: what to look for in the record."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input, Label

from stepper.terminal_text import visible
from stepper.tui.screens.question import Question


class SearchScreen(Question[str | None]):
    """Answers the text (empty: the same as last time), None for nothing."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "Cancel")]
    DEFAULT_CSS = """
    SearchScreen > Vertical { width: 64; }
    """

    def __init__(
        self,
        last: str,
        title: str = "Search the record",
        advice: str = "",
        wrong: Callable[[str], str] | None = None,
    ) -> None:
        """`wrong` says what is wrong with a text, which can then be mended; nothing where it may be answered."""
        super().__init__()
        self._last = last
        self._title = title
        self._wrong = wrong
        self._advice = advice or "a text, a name, or nan or inf · enter goes to the next, esc closes"

    def compose(self) -> ComposeResult:
        """One input, with what was looked for last."""
        with Vertical() as box:
            box.border_title = self._title
            yield Input(placeholder=self._last)
            yield Label(self._advice)
            yield Label("", id="problem")

    @on(Input.Submitted)
    def search(self, event: Input.Submitted) -> None:
        """Answer, or say what is wrong with it."""
        text = event.value.strip()
        wrong = self._wrong(text) if text and self._wrong is not None else ""
        if wrong:
            problem = self.query_one("#problem", Label)
            problem.update(Content(visible(wrong)))
            problem.display = True
        else:
            self.dismiss(text)
