"""A small input: where on its line a breakpoint stops."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input, Label

from stepper.session.expressions import NotAnExpression, checked
from stepper.terminal_text import visible
from stepper.tui.screens.question import Question


class ConditionScreen(Question[str | None]):
    """Answers a Python expression (empty: none, it always stops), None for no change."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "Cancel")]
    DEFAULT_CSS = """
    ConditionScreen > Vertical { width: 76; }
    """

    def __init__(self, place: str, condition: str) -> None:
        """`place`: the line, to be read; `condition`: the present one."""
        super().__init__()
        self._place = place
        self._condition = condition

    def compose(self) -> ComposeResult:
        """One input, and what may be typed."""
        with Vertical() as box:
            box.border_title = Content(visible(f"Stop on {self._place} only where"))
            yield Input(self._condition, placeholder="a Python expression, such as t == 300 or loss > 10")
            yield Label(
                "It is evaluated before the line runs, and changes no number of the run; what it prints, or takes from "
                "an iterator, is done each time."
            )
            yield Label("enter takes it (empty: it always stops), esc leaves it as it was")
            yield Label("", id="problem")

    @on(Input.Submitted)
    def take(self, event: Input.Submitted) -> None:
        """Answer, or say what is wrong with it."""
        try:
            condition = checked(event.value)
        except NotAnExpression as error:
            problem = self.query_one("#problem", Label)
            problem.update(Content(visible(str(error))))
            problem.display = True
        else:
            self.dismiss(condition)
