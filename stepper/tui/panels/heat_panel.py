"""The base of panels with heat maps: the colours of the levels, made from the theme's."""

from __future__ import annotations

from typing import ClassVar

from rich.style import Style
from textual.color import Color

from stepper.tui.panels import heatmap
from stepper.tui.panels.lines import LinePanel, readable_on

CONTRAST = 0.85
"""How far the glyphs' colours lie from that of zero, towards black and white."""


class HeatPanel(LinePanel):
    """Knows the parts `heat:-6` … `heat:6`, and `mask:0` … `mask:5`."""

    PARTS: ClassVar[frozenset[str]] = frozenset({"negative", "zero", "positive", "blocked"})

    def part_style(self, part: str) -> Style:
        """The levels are blended between the panel's `zero` and its `negative`, `positive` or `blocked` colours."""
        kind, _, number = part.partition(":")
        if kind not in ("heat", "mask"):
            return super().part_style(part)
        step = int(number)
        most = heatmap.LEVELS if kind == "heat" else len(heatmap.MASK) - 1
        name = "blocked" if kind == "mask" else "positive" if step > 0 else "negative"
        zero = self.app.get_component_styles("line-panel--zero").background
        end = self.app.get_component_styles(f"line-panel--{name}").background
        if end.ansi is not None:  # the terminal's own colours cannot be blended: the signs alone tell sizes
            colour = end if step else Color.parse("ansi_default")
            return Style.from_color(readable_on(colour).rich_color, colour.rich_color)
        colour = zero.blend(zero + end, abs(step) / most)
        # one of two, whatever the level: where only the background changes, only that is sent to the terminal
        text = Color.blend(zero, colour.get_contrast_text(1), CONTRAST)
        return Style.from_color(text.rich_color, colour.rich_color)
