"""A list that may change while it is clicked."""

from __future__ import annotations

from textual.events import Click
from textual.widgets import OptionList


class Options(OptionList):
    """A click on what was listed a moment ago, and is not any more, picks nothing."""

    async def _on_click(self, event: Click) -> None:
        if event.style.meta.get("option", -1) >= self.option_count:
            event.prevent_default()
