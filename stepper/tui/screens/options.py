"""A list that may change while it is clicked, and have no room; whose lines are found by their first letters, and can
be read in every theme."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from rich.segment import Segment
from textual.events import Click, Key
from textual.strip import Strip
from textual.visual import VisualType
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from stepper.tui.panels.legible import quiet


class OptionsList(OptionList):
    """A click on what was listed a moment ago, and is not any more, picks nothing; a list without room has no pages."""

    def __init__(self, *content: VisualType | Option | None, names: Sequence[str] = ()) -> None:
        """`names` has one for each line that is to be found by its first letter."""
        super().__init__(*content)
        self._names = names

    def on_key(self, event: Key) -> None:
        """A letter leads to the next line whose name begins with it, and from the last to the first; unless it has
        another meaning on this screen."""
        letter = (event.character or "").casefold()
        if not letter.isalnum() or event.key in self.screen.active_bindings:
            return
        here = -1 if self.highlighted is None else self.highlighted
        order = (*range(here + 1, len(self._names)), *range(min(here + 1, len(self._names))))
        found = next((at for at in order if self._names[at].casefold().startswith(letter)), None)
        if found is not None:
            self.highlighted = found
            event.stop()

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
