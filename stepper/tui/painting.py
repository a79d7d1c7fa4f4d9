"""What is sent to the terminal: of what changed on a screen only what can be seen, and in few bytes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from rich.color import ColorSystem
from rich.console import Console
from textual._compositor import Compositor, CompositorUpdate
from textual._context import visible_screen_stack
from textual.geometry import Region
from textual.screen import Screen, ScreenResultType
from textual.strip import Strip
from textual.widget import Widget

from stepper.tui.terse import terse


class Painted(CompositorUpdate):
    """Pieces of lines, each with the column and the row of the screen at which it begins."""

    def __init__(self, places: list[tuple[int, int, Strip]]) -> None:
        self.places = places

    def render_segments(self, console: Console) -> str:
        """What the terminal is sent."""
        return terse(self.places, console._color_system or ColorSystem.TRUECOLOR)


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
            runs: list[list[tuple[int, int, int]]] = []
            behind: list[tuple[int, int, int]] = []
            for y, left, right in spans:
                first, last = max(left, seen.x), min(right, seen.right)
                if first >= last or not seen.y <= y < seen.bottom:
                    behind.append((y, left, right))
                    continue
                if not runs or runs[-1][-1][0] != y - 1:
                    runs.append([])
                runs[-1].append((y, first, last))
                behind += [(y, *rest) for rest in ((left, first), (last, right)) if rest[0] < rest[1]]
            spans = behind
            for run in runs:
                lines = Region(seen.x, run[0][0], seen.width, len(run)).translate(-region.offset)
                for (y, first, last), strip in zip(run, widget.render_lines(lines), strict=True):
                    yield first, y, strip.crop(first - seen.x, last - seen.x)


class DrawnScreen(Screen[ScreenResultType]):
    """A screen that is painted so."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._compositor = SparseCompositor()

    def soil(self, widget: Widget) -> None:
        """Some lines of a widget are to be painted anew."""
        if widget.display and self in self._compositor:
            self._dirty_widgets.add(widget)
            self.check_idle()

    def paint(self, widgets: Iterable[Widget]) -> None:
        """Paint what changed: now, where none of these widgets, which may be all that did, has yet to say that its size
        or its place is another. Textual would be told by two messages, and wake a timer."""
        shown = [each for each in widgets if each.display]
        shown += [bar for each in shown for bar in (each._vertical_scrollbar, each._horizontal_scrollbar) if bar]
        changing = self._layout_required or any(each._layout_required or each._scroll_required for each in shown)
        if changing or self._scroll_required or self.app._batch_count:
            self.check_idle()
            return
        for each in shown:
            if each._repaint_required:
                each._repaint_required = False
                self.soil(each)
        if self._dirty_widgets:
            self._on_timer_update()
