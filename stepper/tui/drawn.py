"""Screens that are painted our way where Textual is one that this is known of, and Textual's own way elsewhere.

What paints a screen, Textual keeps to itself: another version of it may have other parts, or let them do other things.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from textual.geometry import Region
from textual.screen import Screen, ScreenResultType
from textual.widget import Widget

from stepper.tui.tried import tried

OF_WIDGETS = (
    "_horizontal_scrollbar",
    "_layout_required",
    "_repaint_required",
    "_scroll_required",
    "_set_dirty",
    "_vertical_scrollbar",
)
OF_SCREENS = ("_compositor", "_dirty_widgets", "_on_timer_update")
OF_COMPOSITORS = ("_dirty_regions", "_regions_to_spans", "visible_widgets")
"""What is used of each beside what anybody may use."""


class DrawnScreen(Screen[ScreenResultType]):
    """A screen that is painted so, if it can be."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.ours = tried() and self._take_compositor()
        """Whether it is painted our way."""

    def _take_compositor(self) -> bool:
        """Take one that paints less; not where anything is missing that it, or the rest of this, stands on."""
        try:
            from stepper.tui.painting import SparseCompositor
        except ImportError:
            return False
        compositor = SparseCompositor()
        parts = {**dict.fromkeys(OF_WIDGETS + OF_SCREENS, self), **dict.fromkeys(OF_COMPOSITORS, compositor)}
        whole = all(hasattr(owner, name) for name, owner in parts.items())
        if whole:
            self._compositor = compositor
        return whole

    def soil(self, widget: Widget, *regions: Region) -> None:
        """Some regions of a widget are to be painted anew; only where it is done our way."""
        widget._set_dirty(*regions)
        self._note(widget)

    def paint(self, widgets: Iterable[Widget]) -> None:
        """Paint what changed: now, where none of these widgets, which may be all that did, has yet to say that its size
        or its place is another. Textual would be told by two messages, and wake a timer."""
        if not self.ours:
            self.check_idle()
            return
        shown = [each for each in widgets if each.display]
        shown += [bar for each in shown for bar in (each._vertical_scrollbar, each._horizontal_scrollbar) if bar]
        changing = self._layout_required or any(each._layout_required or each._scroll_required for each in shown)
        if changing or self._scroll_required or getattr(self.app, "_batch_count", True):
            self.check_idle()
            return
        for each in shown:
            if each._repaint_required:
                each._repaint_required = False
                self._note(each)
        if self._dirty_widgets:
            self._on_timer_update()

    def _note(self, widget: Widget) -> None:
        """Something of a widget is to be painted anew, and the widget knows what."""
        if widget.display and self in self._compositor:
            self._dirty_widgets.add(widget)
            self.check_idle()
