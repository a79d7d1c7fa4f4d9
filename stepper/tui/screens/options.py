"""A list that may change while it is clicked, and have no room."""

from __future__ import annotations

from typing import Literal

from textual.events import Click
from textual.widgets import OptionList


class Options(OptionList):
    """A click on what was listed a moment ago, and is not any more, picks nothing; a list without room has no pages."""

    async def _on_click(self, event: Click) -> None:
        if event.style.meta.get("option", -1) >= self.option_count:
            event.prevent_default()

    def _move_page(self, direction: Literal[-1, 1]) -> None:
        if self.scrollable_content_region:  # else no line is laid out
            super()._move_page(direction)
