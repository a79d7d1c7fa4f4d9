"""Any tensor, whole or element by element: a heat map or a table, with a cursor that reads index and exact value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from textual import events
from textual.binding import BindingType

from stepper.record import PICTURE, Region, Survey, Value, Window
from stepper.tui import figures
from stepper.tui.actions import bindings
from stepper.tui.panels import heatmap
from stepper.tui.panels.lines import Row
from stepper.tui.panels.subject import Pin, Subject, holds, subject_of
from stepper.tui.panels.view_panel import ViewPanel
from stepper.tui.panels.viewer_lines import (
    HEAD,
    HISTOGRAM,
    histogram_lines,
    is_complex,
    map_lines,
    message_lines,
    nothing_to_move_to,
    reading,
    sentence,
    table_lines,
    title_line,
)
from stepper.tui.pictures import UNKEPT, Ask, SurveyKey, WindowKey
from stepper.tui.scene import Scene
from stepper.tui.view import Grid, Index, View

WHATS = ("after", "before", "difference")
TABLE, TABLE_LEFT, RANGES_LEFT = 10, 7, 12
"""Columns of a cell of the table, and of the row numbers before it, or of the ranges of rows."""


@dataclass(frozen=True)
class Drawing:
    """All that the lines are made of, with its pictures here."""

    subject: Subject
    view: View
    grid: Grid
    wide: int
    high: int
    window: Window
    value: float | str | None
    table: bool


class ViewerPanel(ViewPanel):
    """Shows the value of one label by the cursor, or, unless one was chosen, what the statement made."""

    TITLE = "Viewer"
    HELP = (
        "any tensor: enter in Tensors opens one and pins it; f, or a jump to another place, goes back to what the "
        "statement under the cursor made\n"
        "the second line reads the element under the cursor, exactly; a cell of several elements is their mean\n"
        "of complex numbers a cell has the absolute value |z|, the second line the number itself\n"
        f"colours are centred at zero; signs and sizes: {' '.join(heatmap.NEGATIVE[::-1])} below zero, "
        f"{' '.join(heatmap.POSITIVE)} above   {heatmap.NAN} NaN   {heatmap.BELOW_ALL} −∞   {heatmap.ABOVE_ALL} +∞\n"
        f"{heatmap.ABOVE} {heatmap.BELOW} beyond the scale, which ends three standard deviations from the mean\n"
        "difference: after − before, of what a statement changed in place\n"
        "the histogram counts finite elements in equal bins from the smallest to the largest"
    )
    PARTS: ClassVar[frozenset[str]] = frozenset({"heading", "cell", "gutter", "line"})
    BINDINGS: ClassVar[list[BindingType]] = bindings("viewer")

    def __init__(self, ask: Ask, *, id: str | None = None) -> None:
        super().__init__(ask, id=id)
        self._pin: Pin | None = None
        self._pin_drawn: Pin | None = None
        self._follow_key = "f"
        self._what = 0
        self._table = False
        self._histogram = False
        self._wish = ""
        self._drawing: Drawing | None = None

    # ----------------------------------------------------------------------------------------------- what to show

    def show(self, scene: Scene) -> None:
        """Follow the label to its value by the cursor."""
        super().show(scene)
        if self.repinned:
            self.refill()

    @property
    def repinned(self) -> bool:
        """Whether something else was opened, or nothing any more, than is drawn."""
        return self._pin is not self._pin_drawn

    def forget(self) -> None:
        """Its tensors are others."""
        super().forget()
        self._drawing = None

    def open(self, label: str, generation: int, parameter: str = "") -> None:
        """Show the value of `label`, from now on, as long as the target is this one; with `parameter`, its gradient."""
        self._pin = Pin(generation, label, parameter)
        self.refill()

    def unpin(self) -> None:
        """Follow the statement again, from the next scene on."""
        self._pin = None

    def take_key(self, follow: str) -> None:
        """The key that the title names."""
        self._follow_key = follow
        self._entitle()

    def _entitle(self) -> None:
        self._pin_drawn = self._pin
        pinned = holds(self._pin, self.scene)
        said = [f"{self.TITLE} · pinned · {self._follow_key} follows", f"{self.TITLE} · pinned"] if pinned else []
        self.retitle(*said, self.TITLE)

    @property
    def subject(self) -> Subject | None:
        """What is looked at: the chosen label, or what the statement under the cursor made or read."""
        return subject_of(self.scene, self._pin)

    @property
    def view(self) -> View | None:
        """What of it is shown."""
        subject = self.subject
        if subject is None or subject.value is None or subject.value.summary.shape is None:
            return None
        key = (subject.label, subject.value.summary.shape)
        view = self._views.get(key) or View.of(key[1])
        # of a pooled picture there is the whole alone
        return View(view.shape, view.axes, view.index) if self._pooled else view

    @property
    def _pooled(self) -> bool:
        shown = self.value
        return shown is not None and shown.pooled

    @property
    def value(self) -> Value | None:
        """The value that is shown."""
        return self.value_in(self.scene)

    @property
    def lacking(self) -> str:
        """Why there is no element to move to."""
        return nothing_to_move_to(self.value)

    def value_in(self, scene: Scene) -> Value | None:
        """What would be shown of a scene, also while the panel is hidden: for export."""
        subject = subject_of(scene, self._pin)
        return subject.shown(WHATS[self._what]) if subject is not None else None

    def copied(self) -> str:
        """The element under the cursor; of a table, all that is in view, with tabs between."""
        drawing, shown = self._drawing, self.value
        if drawing is None or shown is None:
            return super().copied()
        dtype, window = shown.summary.dtype or "", drawing.window
        if drawing.table:
            texts = [figures.exact(cell, dtype) for cell in window.cells]
            starts = range(0, len(texts), window.columns)
            return "\n".join("\t".join(texts[start : start + window.columns]) for start in starts)
        return figures.exact(drawing.value, dtype) if isinstance(drawing.value, float | figures.Element) else ""

    # ----------------------------------------------------------------------------------------------- drawing

    def refill(self) -> None:
        """Work out what is to be seen; draw it when its pictures are here."""
        if not self.display or not self.inner.width:
            return
        self._entitle()
        self._show_rows(self._made())
        self.remark("")

    def _made(self) -> list[Row] | None:
        subject, view, room = self.subject, self.view, self.inner
        what = WHATS[self._what] if subject is not None and subject.before is not None else "after"
        shown = subject.shown(what) if subject is not None else None
        if subject is None or shown is None or view is None or shown.copy is None or view.empty:
            self._drawing = None
            self._wish_for("")
            return message_lines(subject, self.scene.record is not None, room.width)
        wide, high = self._cell(view)
        grid = view.grid(*self.cells(view))
        if grid is None or self.scene.history is None:
            return None
        names = self.scene.history.names
        key = self._key(shown.copy, grid.rows, grid.columns, view.region(grid), view)
        window: Window | str | None = self.pictures.window(key)
        if what == "difference":
            window = self._difference(subject, grid, view)
        survey = self.pictures.survey(self._survey_key(subject, what)) if self._histogram or self._wish else None
        if self._fulfil(survey):
            return None  # drawn by now, where the wish led
        if isinstance(window, str):
            return [title_line(subject, names, view, what, None, room.width), Row(((window, "bad"),))]
        if window is None:
            return None  # the last picture stays until this one is here
        value = self._element(subject, what, view, grid, window)
        if value is None and self._drawing is not None and self.pictures.waiting:
            return None  # one repaint, not two
        self._drawing = drawing = Drawing(subject, view, grid, wide, high, window, value, self._table)
        most = heatmap.usual(shown.summary) if grid.factor == (1, 1) and what != "difference" else heatmap.limit(window)
        rows = [
            title_line(subject, names, view, what, grid, room.width),
            reading(view, grid, window, value, shown.summary.dtype or "", room.width),
        ]
        if drawing.table:
            rows += table_lines(view, grid, window, TABLE, self._table_left)
        else:
            rows += map_lines(view, grid, window, wide, high, most, shown.summary.dtype or "")
        if self._histogram:
            rows = rows[: max(HEAD, room.height - HISTOGRAM)]
            rows += [Row()] * (room.height - HISTOGRAM - len(rows))
            rows += histogram_lines(survey, room.width, shown.summary.size)
        return rows

    def _show_rows(self, rows: list[Row] | None) -> None:
        if rows is not None:
            self.set_rows(rows)

    def _cell(self, view: View) -> tuple[int, int]:
        """The size of a cell in characters."""
        if self._table:
            return (TABLE, 1)
        return heatmap.cell(view.extent, view.zoom, self.inner.width, self._height)

    def cells(self, view: View) -> tuple[int, int]:
        """How many there is room for, in a map or a table."""
        wide, high = self._cell(view)
        if self._table:
            room = (max(1, (self.inner.width - self._table_left) // wide), max(1, self._height - 1))
        else:
            room = (max(1, self.inner.width // wide), max(1, self._height // high))
        return (min(room[0], PICTURE[1]), min(room[1], PICTURE[0])) if self._pooled else room

    @property
    def _table_left(self) -> int:
        return RANGES_LEFT if self._pooled else TABLE_LEFT

    @property
    def _height(self) -> int:
        return max(1, self.inner.height - HEAD - (HISTOGRAM if self._histogram else 0))

    def _key(self, copy: int, rows: int, columns: int, region: Region, view: View) -> WindowKey:
        whole = region == Region(0, view.extent[0], 0, view.extent[1]) and view.turned is None
        return WindowKey(
            self.scene.generation, self.scene.iteration, copy, rows, columns, None if whole else region, view.turned
        )

    def _survey_key(self, subject: Subject, what: str) -> SurveyKey | None:
        shown = subject.shown(what)
        if shown is None or shown.copy is None:
            return None
        before = subject.before if what == "difference" else None
        less = before.copy if before is not None else None
        return SurveyKey(self.scene.generation, self.scene.iteration, shown.copy, less)

    def _element(self, subject: Subject, what: str, view: View, grid: Grid, window: Window) -> float | str | None:
        """The element under the cursor: a cell of the picture, where a cell is one element; else it is asked for."""
        cell = grid.cell(*view.place)
        shown = subject.shown(what)
        larger = what != "difference" and shown is not None and _larger_than_floats(shown)
        if grid.factor == (1, 1) and cell is not None and not larger:
            return window.cells[cell[0] * window.columns + cell[1]]
        if what != "difference":
            return self._exact(shown, view) if shown is not None else None
        if subject.value is None or subject.before is None:
            return None
        one, other = self._exact(subject.value, view, False), self._exact(subject.before, view, False)
        return one - other if isinstance(one, float) and isinstance(other, float) else one if other is None else other

    def _exact(self, value: Value, view: View, written: bool = True) -> float | str | None:
        """The element under the cursor, `written` out where no float holds it; or why it is not there."""
        if value.copy is None:
            return None
        row, column = view.place
        region = Region(row, row + 1, column, column + 1, view.leading)
        window = self.pictures.window(self._key(value.copy, 1, 1, region, view))
        if not isinstance(window, Window):
            return window
        if written and window.exact:
            return figures.Element(window.exact)
        return window.cells[0] if window.cells else None

    def _difference(self, subject: Subject, grid: Grid, view: View) -> Window | str | None:
        windows: list[Window] = []
        for value in (subject.value, subject.before):
            if value is None or value.copy is None:
                return "What it was before was not kept."
            window = self.pictures.window(self._key(value.copy, grid.rows, grid.columns, view.region(grid), view))
            if not isinstance(window, Window):
                return window
            windows.append(window)
        after, before = windows
        cells = [one - other for one, other in zip(after.cells, before.cells, strict=True)]
        return Window(after.shape, after.region, after.rows, after.columns, cells)

    # ----------------------------------------------------------------------------------------------- moving

    def look(self, view: View) -> None:
        """Show this of the tensor from now on."""
        subject = self.subject
        if subject is not None:
            self._views[subject.label, view.shape] = view
            self.refill()

    def action_nearer(self, closer: bool) -> None:
        """Zoom; a table shows every element."""
        if self._pooled:
            self.notice(f"Single elements were {UNKEPT}.")
        elif self._table:
            self.notice("A table shows single elements already.")
        else:
            super().action_nearer(closer)

    def action_whole(self) -> None:
        """Between the whole tensor and single elements."""
        if self._pooled:
            self.notice(f"Single elements were {UNKEPT}.")
        elif self._table:
            self.notice("A table shows single elements already.")
        else:
            super().action_whole()

    def action_table(self) -> None:
        """Between colours and figures."""
        view = self._told()
        self._table = not self._table
        if view is not None and not view.empty:
            near = View(view.shape, view.axes, view.index, 1 if self._table else 0)
            self.look(near.visible(*self.cells(near)))

    def action_histogram(self) -> None:
        """Show or hide it."""
        self._told()
        self._histogram = not self._histogram
        self.refill()

    def action_what(self) -> None:
        """After, before, difference."""
        subject = self.subject
        if subject is None:
            self.notice("The viewer shows no value: open one with enter in Tensors.")
            return
        if subject.before is None:
            self.notice(f"{subject.label} was not changed in place here: there is no before.")
            return
        self._what = (self._what + 1) % len(WHATS)
        self.refill()

    def action_follow(self) -> None:
        """Show what the statement made, again."""
        if not holds(self._pin, self.scene):
            self.notice("What the statement made is shown already.")
        self._pin = None
        self.refill()

    def action_extreme(self, which: str) -> None:
        """Jump to the largest element, or another that the survey tells, as soon as it is known where that is."""
        if self._seen is None or self.value is None or self.value.copy is None:
            self.notice(self.lacking)
            return
        self._wish_for(which)
        self.refill()

    def _wish_for(self, which: str) -> None:
        if self._wish and not which:
            self.post_message(self.Found())
        self._wish = which

    @property
    def seeking(self) -> bool:
        """Whether it is not known yet where the largest element is, or another that was asked for."""
        return bool(self._wish)

    def _fulfil(self, survey: Survey | str | None) -> bool:
        """Go where the person wished to go, if that is known by now. Whether it was, and all is drawn."""
        wish = self._wish
        if not wish or survey is None:
            return False
        self._wish_for("")
        place: Index | None = getattr(survey, wish) if isinstance(survey, Survey) else None
        if place is None:
            words = {"nonfinite": "Every element is finite."}.get(wish, "No element is finite.")
            self.notice(sentence(survey) if isinstance(survey, str) else words)
            return False
        self.jump(place)
        return True

    # ----------------------------------------------------------------------------------------------- mouse

    def on_click(self, click: events.Click) -> None:
        """Put the cursor there."""
        drawing = self._drawing
        if drawing is None:
            return
        left, above = (self._table_left, 1) if drawing.table else (0, 0)
        x, y = click.x - self.gutter.left - left, click.y - self.gutter.top - HEAD - above
        cell = (y // drawing.high if not drawing.table else y, x // drawing.wide)
        if x >= 0 <= y and cell[0] < drawing.grid.rows and cell[1] < drawing.grid.columns:
            top, _, start, _ = drawing.grid.span(cell)
            self.look(drawing.view.to(top, start, *self.cells(drawing.view)))


def _larger_than_floats(value: Value) -> bool:
    """Whether a cell of a picture may not hold an element of it as it is."""
    dtype = value.summary.dtype or ""
    return is_complex(dtype) or dtype in ("int", "int64", "uint64")
