"""A small input for a line of Python: the base of those that ask for an expression, or a statement."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input, Label

from stepper.session.expressions import checked
from stepper.terminal_text import visible
from stepper.tui.screens.question import Question


class ExpressionScreen(Question[str | None]):
    """Answers a Python expression, or what else `KIND` says (empty: none), None for no change."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "Cancel")]
    DEFAULT_CSS = """
    ExpressionScreen > Vertical { width: 76; }
    """
    KIND: ClassVar[str] = "expression"
    EXAMPLE: ClassVar[str] = ""
    """What may be typed."""
    SAID: ClassVar[tuple[str, ...]] = ()
    """What there is to know, and what keys do."""

    def __init__(self, title: str, present: str = "") -> None:
        """`title`: what it is for; `present`: the one that there is."""
        super().__init__()
        self._title = title
        self._present = present

    def compose(self) -> ComposeResult:
        """One input, and what may be typed."""
        with Vertical() as box:
            box.border_title = Content(visible(self._title))
            yield Input(self._present, placeholder=f"a Python {self.KIND}, such as {self.EXAMPLE}")
            for said in self.said:
                yield Label(Content(visible(said)))
            yield Label("", id="problem")

    @property
    def said(self) -> tuple[str, ...]:
        """What there is to know just now."""
        return self.SAID

    def checked(self, text: str) -> str:
        """The text as it is answered. Raises ValueError, with what is wrong with it."""
        return checked(text)

    @on(Input.Submitted)
    def take(self, event: Input.Submitted) -> None:
        """Answer, or say what is wrong with it."""
        try:
            text = self.checked(event.value)
        except ValueError as error:
            problem = self.query_one("#problem", Label)
            problem.update(Content(visible(str(error))))
            problem.display = True
        else:
            self.dismiss(text)
