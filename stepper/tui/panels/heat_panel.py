"""The base of panels with heat maps: the colours of the levels, made from the theme's."""

from __future__ import annotations

from typing import ClassVar

from rich.style import Style
from textual.color import Color

from stepper.tui.panels import heatmap
from stepper.tui.panels.lines import LinePanel


class HeatPanel(LinePanel):
    """Knows the parts `heat:-6` … `heat:6`."""

    PARTS: ClassVar[frozenset[str]] = frozenset({"negative", "zero", "positive"})
    COMPONENT_CLASSES: ClassVar[set[str]] = {f"line-panel--{part}" for part in PARTS}

    def part_style(self, part: str) -> Style:
        """Heat levels are blended between the panel's `zero` and its `negative` or `positive` colours."""
        if not part.startswith("heat:"):
            return super().part_style(part)
        step = int(part.removeprefix("heat:"))
        zero = self.get_component_styles("line-panel--zero").background
        end = self.get_component_styles(f"line-panel--{'positive' if step > 0 else 'negative'}").background
        colour = zero.blend(end, abs(step) / heatmap.LEVELS)
        text = colour.get_contrast_text(0.75)
        return Style.from_color(Color.blend(colour, text, text.a).with_alpha(1).rich_color, colour.rich_color)
