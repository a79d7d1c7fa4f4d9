"""The base of panels with iterations from left to right: a point that is read, and gone to."""

from __future__ import annotations

from textual import events
from textual.message import Message

from stepper.tui.panels.lines import LinePanel
from stepper.tui.scene import Scene


class PointPanel(LinePanel):
    """Subclasses say how many iterations there are to read (`count`), and draw anew (`redraw`)."""

    LABEL = 9
    """Columns left of the axis."""

    class Go(Message):
        """The cursor shall go to an iteration."""

        def __init__(self, iteration: int) -> None:
            super().__init__()
            self.iteration = iteration

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.point: int | None = None
        """The iteration that is read."""

    def show(self, scene: Scene) -> None:
        """Another target has other iterations; and a point that the cursor has come to goes on with it."""
        if scene.generation != self.scene.generation:
            self.point = None
        elif self.point is not None and self.point == self.scene.iteration:
            self.point = scene.iteration
        super().show(scene)

    @property
    def count(self) -> int:
        """How many iterations can be read."""
        return len(self.scene.losses)

    @property
    def span(self) -> int:
        """How many iterations the axis has."""
        return self.count

    @property
    def wide(self) -> int:
        """Columns of the axis."""
        return max(0, self.inner.width - self.LABEL - 1)

    def redraw(self) -> None:
        """Draw what is read."""

    def read(self, iteration: int) -> None:
        """Read an iteration, or the nearest that there is."""
        if self.count:
            self.point = max(0, min(iteration, self.count - 1))
            self.redraw()

    def action_point(self, step: int) -> None:
        """Read the point a column to the left or right; the first is that of the cursor's iteration."""
        if self.point is None:
            self.read(self.scene.iteration or 0)
        else:
            self.read(self.point + step * max(1, self.span // max(1, self.wide)))

    def action_edge(self, end: bool) -> None:
        """Read the first or the last point."""
        self.read(self.count if end else 0)

    def action_go(self) -> None:
        """Go to the iteration of the point that is read."""
        if self.point is not None:
            self.post_message(self.Go(self.point))

    def at(self, column: int) -> int:
        """The iteration at a column of the axis."""
        return round(column * (self.span - 1) / max(1, self.wide - 1))

    def pointed(self, x: int, y: int) -> int | None:
        """The iteration at a place inside the panel."""
        column = x - self.LABEL - 1
        return self.at(column) if 0 <= column < self.wide and self.count else None

    def on_click(self, click: events.Click) -> None:
        """Read a point, or go to the one that is read."""
        at = click.get_content_offset(self)
        there = self.pointed(at.x, at.y) if at is not None else None
        if there is not None:
            last = self.point
            self.read(there)
            if last == self.point:
                self.action_go()
