"""One of several: a list to choose from by the arrows, the mouse, or the first letters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Label, OptionList
from textual.widgets.option_list import Option

from stepper.terminal_text import visible
from stepper.tui.screens.options import OptionsList
from stepper.tui.screens.question import Question


class PickScreen(Question[int | None]):
    """Answers the number of the line that was chosen, None for none."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q", "dismiss(None)", "Cancel")]
    DEFAULT_CSS = """
    PickScreen {
        & > Vertical { width: 90%; max-width: 110; }
        & OptionList { max-height: 30; }
    }
    """

    def __init__(self, title: str, lines: Sequence[str], current: int) -> None:
        super().__init__()
        self._title = title
        self._lines = lines
        self._current = current

    def compose(self) -> ComposeResult:
        """The lines, the present one highlighted."""
        with Vertical() as box:
            box.border_title = self._title
            yield OptionsList(*(Option(Content(visible(line))) for line in self._lines), names=self._lines)
            yield Label("arrows and enter, or a click, choose · esc closes")

    def on_mount(self) -> None:
        """Arrows move at once."""
        options = self.query_one(OptionList)
        options.highlighted = self._current
        options.focus()

    @on(OptionList.OptionSelected)
    def chosen(self, message: OptionList.OptionSelected) -> None:
        """That one."""
        self.dismiss(message.option_index)
