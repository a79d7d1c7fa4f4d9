"""Textual's palette, for a person who is fast: clicked while its list changes, closed while it searches."""

from __future__ import annotations

from typing import Any

from textual import on
from textual.app import ComposeResult
from textual.command import CommandList, CommandPalette
from textual.worker import Worker, WorkerState

from stepper.tui.screens.options import OptionsList
from stepper.tui.screens.question import AnswersOnce


class Commands(CommandList, OptionsList):
    """The palette's own list."""


class Palette(CommandPalette, AnswersOnce[None]):
    """The palette of commands, or of what it is given instead."""

    DEFAULT_CSS = """
    Palette Input > .input--placeholder { color: auto 68%; }
    """

    def compose(self) -> ComposeResult:
        """As Textual has it, with a list of our own."""
        for widget in super().compose():
            yield Commands() if type(widget) is CommandList else widget

    def run_worker(self, *work: Any, **options: Any) -> Worker[Any]:
        """A search that begins, or goes on, when the palette has been closed finds no list any more: that is no error
        that ends the app."""
        return super().run_worker(*work, **{**options, "exit_on_error": False})

    @on(Worker.StateChanged)
    def searched(self, message: Worker.StateChanged) -> None:
        """A search that fails while the list is there is one."""
        if message.state is WorkerState.ERROR and message.worker.error is not None and self.query(CommandList):
            raise message.worker.error
