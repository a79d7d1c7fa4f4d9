"""A small input: an expression to watch."""

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


class WatchScreen(Question[str | None]):
    """Answers a Python expression; None, or an empty one, for none."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "Cancel")]
    DEFAULT_CSS = """
    WatchScreen > Vertical { width: 76; }
    """

    def compose(self) -> ComposeResult:
        """One input, and what may be typed."""
        with Vertical() as box:
            box.border_title = "Watch"
            yield Input(placeholder="a Python expression, such as (h > 0).mean(0) or w1.grad.norm()")
            yield Label(
                "It is worked out of what the record holds where the cursor stands, of copies, with the script's "
                "modules (np, torch); the run goes on as it would."
            )
            yield Label("enter shows it in Tensors, esc closes")
            yield Label("", id="problem")

    @on(Input.Submitted)
    def take(self, event: Input.Submitted) -> None:
        """Answer, or say what is wrong with it."""
        try:
            text = checked(event.value)
        except NotAnExpression as error:
            problem = self.query_one("#problem", Label)
            problem.update(Content(visible(str(error))))
            problem.display = True
        else:
            self.dismiss(text)
