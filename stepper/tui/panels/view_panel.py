"""The base of panels that look at a tensor through a view: moving the cursor, scrolling, zooming, slicing."""

from __future__ import annotations

from textual import events
from textual.content import Content
from textual.timer import Timer

from stepper.terminal_text import visible
from stepper.tui.begun import beside
from stepper.tui.panels.heat_panel import HeatPanel
from stepper.tui.pictures import Ask, Pictures
from stepper.tui.view import Index, View, parse

WHEEL = 3
"""Cells that one turn of the wheel scrolls by."""
PATIENCE = 0.5
"""Seconds after which it is said that a picture is still to come; until then the last one stays without a word."""
COMING = "the picture is being made …"
ELEMENTS = "Each cell is one element already."


class ViewPanel(HeatPanel):
    """Subclasses say what is looked at (`view`) and in how many cells (`cells`), and take up another view (`look`)."""

    def __init__(self, ask: Ask, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.pictures = Pictures(ask, lambda work: beside(work, self.call_later), self.arrived)
        self._views: dict[tuple[str, Index], View] = {}
        """What was last shown of each label, by its shape."""

    @property
    def waiting(self) -> bool:
        """Whether a picture has not come yet."""
        return self.pictures.waiting

    def forget(self) -> None:
        """Its tensors are others."""
        self._views.clear()
        self.pictures.clear()

    def on_resize(self) -> None:
        """Fit the pictures to the room."""
        self.refill()

    def arrived(self) -> None:
        """A picture is here."""
        self.refill()

    @property
    def view(self) -> View | None:
        """What of the tensor is shown; None where there is none."""
        return None

    def cells(self, view: View) -> tuple[int, int]:
        """How many cells there is room for, across and down."""
        return (1, 1)

    def look(self, view: View) -> None:
        """Show this from now on."""

    def remark(self, text: str) -> None:
        """Say this at the bottom of the frame; while a picture is long in coming, that it is."""
        if not self.waiting:
            self._late = False
        elif not self._late and self._timer is None:
            self._timer = self.set_timer(PATIENCE, self._grow_late)
        self._remark = text
        shown = COMING if self._late else text
        if shown != self.remarked:
            self.remarked = shown
            self.border_subtitle = Content(visible(shown))

    def _grow_late(self) -> None:
        self._timer = None
        self._late = self.waiting
        self.remark(self._remark)

    remarked = ""
    """What stands at the bottom of the frame."""
    _late = False
    _remark = ""
    _timer: Timer | None = None

    @property
    def _seen(self) -> View | None:
        """The view, if there is any element in it to move to."""
        view = self.view
        return None if view is None or view.empty else view

    @property
    def lacking(self) -> str:
        """Why there is no element to move to."""
        return "There is no tensor here."

    def _told(self) -> View | None:
        """The same, for a key, of which it is said why it does nothing where there is none."""
        view = self._seen
        if view is None:
            self.notice(self.lacking)
        return view

    def action_cell(self, down: int, across: int) -> None:
        """Move the cursor by cells."""
        view = self._told()
        if view is not None:
            room = self.cells(view)
            factor = view.factor(*room)
            row, column = view.place
            self.look(view.to(row + down * factor[0], column + across * factor[1], *room))

    def action_page(self, down: int, across: int) -> None:
        """Move by what is in view."""
        view = self._told()
        if view is not None:
            columns, rows = self.cells(view)
            self.action_cell(down * max(1, rows - 1), across * max(1, columns - 1))

    def action_edge(self, down: int, across: int) -> None:
        """To the first (−1) or last (1) row and column; 0 stays."""
        view = self._told()
        if view is not None:
            place = [
                at if way == 0 else 0 if way < 0 else count - 1
                for way, at, count in zip((down, across), view.place, view.extent, strict=True)
            ]
            self.look(view.to(place[0], place[1], *self.cells(view)))

    def action_nearer(self, closer: bool) -> None:
        """Zoom."""
        view = self._told()
        if view is not None:
            zoomed = view.zoomed(closer, *self.cells(view))
            if zoomed == view:
                self.notice(ELEMENTS if closer else "The whole of it is in view.")
            self.look(zoomed)

    def action_whole(self) -> None:
        """Between the whole tensor and single elements."""
        view = self._told()
        if view is not None:
            room = self.cells(view)
            if not view.zoom and view.factor(*room) == (1, 1):
                self.notice(ELEMENTS)
            self.look(View(view.shape, view.axes, view.index) if view.zoom else view.near(*room))

    def action_through(self, step: int) -> None:
        """The next slice."""
        view = self._told()
        if view is not None and view.fixed:
            self.look(view.through(step))
        elif view is not None:
            self.notice("It has no other slice: all its axes are shown.")

    def action_axes(self) -> None:
        """Other two axes."""
        view = self._told()
        if view is not None and len(view.shape) > 2:
            self.look(view.turn())
        elif view is not None:
            self.notice("It has no other axes to show.")

    def jump(self, place: Index) -> None:
        """The cursor on an element."""
        view = self._seen
        if view is not None and len(place) == len(view.shape):
            near = View(view.shape, view.axes, place, view.zoom, view.top, view.left)
            self.look(near.visible(*self.cells(near)))

    def go_to(self, text: str) -> str:
        """Where `12, 87` or `3, :, :, 0` leads; answers what is wrong with it, or nothing."""
        view = self.view
        if view is None:
            return "there is no tensor to move in"
        try:
            near = parse(text, view)
        except ValueError as error:
            return str(error)
        self.look(near.visible(*self.cells(near)))
        return ""

    # ----------------------------------------------------------------------------------------------- mouse

    def _wheel(self, event: events.MouseEvent, way: int) -> None:
        event.stop()
        view = self._seen
        if view is None:
            return
        if event.ctrl:
            self.action_nearer(way < 0)
        else:
            down, across = (0, way * WHEEL) if event.shift else (way * WHEEL, 0)
            self.look(view.scrolled(down, across, *self.cells(view)))

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Scroll the picture down; to the right with shift, zoom out with ctrl."""
        self._wheel(event, 1)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Scroll the picture up; to the left with shift, zoom in with ctrl."""
        self._wheel(event, -1)

    def on_mouse_scroll_right(self, event: events.MouseScrollRight) -> None:
        """Scroll the picture to the right."""
        event.stop()
        if (view := self._seen) is not None:
            self.look(view.scrolled(0, WHEEL, *self.cells(view)))

    def on_mouse_scroll_left(self, event: events.MouseScrollLeft) -> None:
        """Scroll the picture to the left."""
        event.stop()
        if (view := self._seen) is not None:
            self.look(view.scrolled(0, -WHEEL, *self.cells(view)))
