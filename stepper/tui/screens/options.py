"""A list that may change while it is clicked, and have no room; and whose lines can be read in every theme."""

from __future__ import annotations

from typing import Literal

from rich.segment import Segment
from textual.events import Click
from textual.strip import Strip
from textual.widgets import OptionList

from stepper.tui.panels.legible import quiet


class OptionsList(OptionList):
    """A click on what was listed a moment ago, and is not any more, picks nothing; a list without room has no pages."""

    async def _on_click(self, event: Click) -> None:
        if event.style.meta.get("option", -1) >= self.option_count:
            event.prevent_default()

    def _move_page(self, direction: Literal[-1, 1]) -> None:
        if self.scrollable_content_region:  # else no line is laid out
            super()._move_page(direction)

    def render_line(self, y: int) -> Strip:
        """A line; its quiet parts, also of that which is highlighted, as quiet as can be read."""
        strip = super().render_line(y)
        parts = (Segment(text, style and quiet(style), control) for text, style, control in strip)
        return Strip(parts, strip.cell_length)
