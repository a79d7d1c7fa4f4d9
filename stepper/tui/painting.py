"""What is sent to the terminal: of what changed on a screen only what can be seen, and in few bytes.

It stands on parts that Textual keeps to itself, and can be imported only where those are there: see `drawn`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from rich.console import COLOR_SYSTEMS, Console
from textual._compositor import Compositor, CompositorUpdate
from textual._context import visible_screen_stack
from textual.geometry import Region
from textual.screen import Screen
from textual.strip import Strip

from stepper.tui.terse import terse


class Painted(CompositorUpdate):
    """Pieces of lines, each with the column and the row of the screen at which it begins."""

    def __init__(self, places: list[tuple[int, int, Strip]]) -> None:
        self.places = places

    def render_segments(self, console: Console) -> str:
        """What the terminal is sent."""
        return terse(self.places, COLOR_SYSTEMS[console.color_system or "truecolor"])


class SparseCompositor(Compositor):
    """Textual's asks every widget for all its lines, cuts them wherever any widget begins or ends, and takes what is in
    front of what changed; this one asks only the widgets that are in front there."""

    def render_update(  # type: ignore[override]  # the app only wants a CompositorUpdate
        self, full: bool = False, screen_stack: list[Screen[Any]] | None = None, simplify: bool = False
    ) -> object:
        """Paint what changed since the last time; all (`full`) is wanted for a picture, and not for a terminal."""
        if full:
            return super().render_update(full, screen_stack, simplify)
        visible_screen_stack.set(screen_stack or [])
        regions = {each.intersection(self.size.region) for each in self._dirty_regions}
        self._dirty_regions.clear()
        places = list(self._in_front(regions))
        return Painted(places) if places else None

    def _in_front(self, regions: Iterable[Region]) -> Iterator[tuple[int, int, Strip]]:
        """What is seen in some regions of the screen."""
        spans = list(self._regions_to_spans(regions))
        for widget, (region, clip) in self.visible_widgets.items():  # from the front to the back
            seen = region.intersection(clip)
            start, end, top, bottom = seen.x, seen.right, seen.y, seen.bottom
            runs: list[list[tuple[int, int, int]]] = []
            behind: list[tuple[int, int, int]] = []
            for span in spans:
                y, left, right = span
                if not top <= y < bottom or left >= end or right <= start:
                    behind.append(span)
                    continue
                first, last = max(left, start), min(right, end)
                if not runs or runs[-1][-1][0] != y - 1:
                    runs.append([])
                runs[-1].append((y, first, last))
                behind += [(y, *rest) for rest in ((left, first), (last, right)) if rest[0] < rest[1]]
            spans = behind
            for run in runs:
                lines = Region(seen.x, run[0][0], seen.width, len(run)).translate(-region.offset)
                for (y, first, last), strip in zip(run, widget.render_lines(lines), strict=True):
                    yield first, y, strip.crop(first - seen.x, last - seen.x)
