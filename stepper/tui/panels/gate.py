"""A ReLU-like gate: what went in, which entries it blocked, and the gradient on both sides of it, under one cursor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from textual import events
from textual.binding import BindingType

from stepper.record import Gate, Region, Value, Window
from stepper.session.findings.streaks import Streak, runs, streaks
from stepper.tui.actions import bindings
from stepper.tui.panels import heatmap
from stepper.tui.panels.gate_lines import (
    DEAD,
    Arrangement,
    Drawing,
    arrange,
    dead_elsewhere,
    dead_lines,
    heading,
    legend,
    listed,
    map_lines,
    next_dead,
    noted,
    reading_height,
    readings,
    shut,
    values_of,
)
from stepper.tui.panels.lines import Row, muted
from stepper.tui.panels.view_panel import ViewPanel
from stepper.tui.pictures import Ask, WindowKey
from stepper.tui.view import Grid, View

HEAD = 2
"""Lines that tell of the gate as a whole; more where there is much room and many units are dead."""
NO_ROOM = "There is no room here for its maps."
HIGH = 24
"""Lines of a panel from which the dead units may take several."""
ALL = 1 << 62


class GatePanel(ViewPanel):
    """One gate at a time: that of the cursor, or the one that was chosen."""

    TITLE = "Gate"
    HELP = (
        "h: the input of the ReLU · mask: what it blocks · grad before: ∂L/∂output · grad after: ∂L/∂h, zero where "
        "the gate is shut; one cursor and one scroll for all four, the values under it are exact\n"
        "blocked: entries whose gradient the operation's own rule stops; active: the others\n"
        f"mask: {' '.join(heatmap.MASK[1:])} from little of a cell blocked to all of it; over the gradients only "
        f"{heatmap.BLOCKED}, all of it\n"
        "a soft gate (leaky ReLU, GELU, SiLU …) passes a share of each gradient, drawn in place of the mask; "
        "attenuated entries pass less than half, and count as shut in the bars\n"
        "a dead unit is blocked for every sample; in brackets, or once for all, for how many iterations running, of "
        "those in which the gate ran; 3+: for 3 at least, what was before is not recorded; d goes to the next one, "
        "after the last to those of the next gate\n"
        "where a gate ran several times in an iteration, a sample at a time, say, only those units have such a number "
        "that were dead in all of its runs\n"
        "along axis 0: its rows are the units, as in h = W @ A; axis 1: channels, as after a convolution; a guess: "
        "nothing tells what made h; not said where it is the last axis, as in h = X @ W\n"
        f"the bars above a map: which share of each unit's entries is blocked; {DEAD}: a dead unit is among them\n"
        f"colours are centred at zero; signs and sizes: {' '.join(heatmap.NEGATIVE[::-1])} below zero, "
        f"{' '.join(heatmap.POSITIVE)} above   {heatmap.NAN} NaN   {heatmap.BELOW_ALL} −∞   {heatmap.ABOVE_ALL} +∞   "
        f"{heatmap.ABOVE} {heatmap.BELOW} beyond the scale\n"
        "1 cell = 6×9: a cell is the mean of 6 rows and 9 columns"
    )
    PARTS: ClassVar[frozenset[str]] = frozenset({"heading", "cell"})
    BINDINGS: ClassVar[list[BindingType]] = bindings("gate")

    def __init__(self, ask: Ask, *, id: str | None = None) -> None:
        super().__init__(ask, id=id)
        self._chosen: int | None = None
        self._gate: Gate | None = None
        self._streaks: Mapping[int, Streak] = {}
        self._runs: list[Gate] = []
        self._counted: tuple[object, ...] = ()
        self._drawing: Drawing | None = None
        self._body: list[Row] = []
        self._body_for: tuple[object, ...] = ()
        self._came = 0
        self._dead: list[Row] = []
        self._whole = True
        self._last: tuple[object, ...] = ()

    # ----------------------------------------------------------------------------------------------- what to show

    def forget(self) -> None:
        """Its gates are others."""
        super().forget()
        self._chosen = None

    @property
    def gates(self) -> list[Gate]:
        """The gates of the record under the cursor, in order of occurrence."""
        return self.scene.record.gates if self.scene.record else []

    @property
    def view(self) -> View | None:
        """What of the four maps is shown."""
        gate = self._gate
        if gate is None or gate.h.summary.shape is None:
            return None
        shape = gate.h.summary.shape
        return self._views.get((gate.label, shape)) or View.of(shape)

    def look(self, view: View) -> None:
        """Show this part of all maps."""
        if self._gate is not None:
            self._views[self._gate.label, view.shape] = view
            self.refill()

    @property
    def lacking(self) -> str:
        """Why there is no element to move to."""
        return "There is no gate here." if self._gate is None else "The gate has no element."

    @property
    def listed(self) -> list[str]:
        """The gates of the record, a line for each."""
        return listed(self.gates)

    @property
    def number(self) -> int:
        """Which of them is shown."""
        return next((i for i, gate in enumerate(self.gates) if gate is self._gate), 0)

    def choose(self, number: int) -> None:
        """Show this one from now on, wherever the cursor is."""
        if 0 <= number < len(self.gates):
            self._chosen = number
            self.refill()

    def action_choose(self, step: int) -> None:
        """Show the next or previous gate of the record."""
        if len(self.gates) > 1:
            self.choose((self.number + step) % len(self.gates))
        else:
            self.notice("There is no other gate here.")

    def action_follow(self) -> None:
        """Show the gate that the cursor came to last, again."""
        if self._chosen is None:
            self.notice("The gate of the statement is shown already.")
        self._chosen = None
        self.refill()

    def action_dead(self) -> None:
        """To the next dead unit: after the last one of this gate to the first of the next that has any."""
        view, gates, number = self.view, self.gates, self.number
        if self._gate is None or view is None:
            self.notice("There is no gate here.")
            return
        unit = view.index[self._gate.by_unit.axis] if view.index else -1
        for other in (number, *range(number + 1, len(gates)), *range(number + 1)):
            if other != self.number and gates[other].by_unit.dead:
                self.choose(other)
            place = next_dead(gates[other], self.view.index, unit) if self.view is not None else None
            if place is not None:
                self.jump(place)
                return
            unit = -1
        self.notice("There is no dead unit here.")

    def on_click(self, click: events.Click) -> None:
        """Put the cursor there, in whichever map, or on the unit of a bar; above: choose a gate, or a dead unit."""
        drawing, at = self._drawing, click.get_content_offset(self)
        if drawing is None or at is None:
            return
        if at.y < self._head:
            self.call_later(self.run_action, "dead" if at.y else "app.pick_gate")
            return
        above = self._head + reading_height(self.inner.width) + (0 if self._aligned(drawing.gate, drawing.view) else 1)
        there = drawing.arrangement.at(at.x, at.y - above)
        if there is None:
            return
        cell = (max(0, there[1]) // drawing.high, there[0] // drawing.wide)
        if cell[0] < drawing.grid.rows and cell[1] < drawing.grid.columns:
            top, _, left, _ = drawing.grid.span(cell)
            if there[1] < 0:  # a bar: its unit
                top = drawing.view.place[0]
            self.look(drawing.view.to(top, left, *self.cells(drawing.view)))

    def copied(self) -> str:
        """The element and the unit under the cursor."""
        rows = readings(self._drawing, 1000) if self._drawing is not None else []
        return "\n".join("".join(text for text, _ in row.pieces).rstrip() for row in rows) or super().copied()

    def _pick(self) -> Gate | None:
        gates, history, cursor = self.gates, self.scene.history, self.scene.event
        if not gates or history is None or cursor is None:
            return None
        if self._chosen is not None and self._chosen < len(gates):
            return gates[self._chosen]
        end = history.completion(cursor)[0]
        reached = [gate for gate in gates if gate.event <= end]
        return reached[-1] if reached else gates[0]

    # ----------------------------------------------------------------------------------------------- drawing

    def refill(self) -> None:
        """Work out everything anew: gate, windows, lines. Pictures that are not here yet are asked for."""
        if not self.display or not self.inner.width:
            return
        gate = self._gate = self._pick()
        ahead = self._ahead(gate) if gate is not None else ()
        wanted = (self.scene.history, id(gate), self.view, self.inner, self._came, ahead)
        if wanted == self._last:
            return
        self._last = wanted
        if gate is None or self.scene.history is None:
            self._nothing()
            return
        title = self.TITLE if len(self.gates) == 1 else f"{self.TITLE} {self.number + 1} of {len(self.gates)}"
        self.retitle(*(title + each for each in ahead), title)
        self._count_streaks(gate)
        width = self.inner.width
        view, height = self.view, self.inner.height
        unit = view.index[gate.by_unit.axis] if view is not None and view.index else None
        elsewhere = dead_elsewhere(self.gates, self.number)
        most = height // 6 if height >= HIGH else 1
        dead = dead_lines(gate, self._streaks, unit, width, most, elsewhere, self._runs)
        self._dead = [*noted(gate, width, max(2, height // 5)), *dead]
        drawing = self._gather(gate)
        self.set_rows([heading(gate, self.scene.history.names, width), *self._dead, *self._lines(gate, drawing)])
        self.remark(legend(drawing.view, drawing.grid, width - 4) if drawing is not None else "")

    def arrived(self) -> None:
        self._came += 1
        if not self.pictures.waiting:  # nothing is drawn until all of it is here
            self.refill()

    def _nothing(self) -> None:
        self._drawing, self._body = None, []
        self.retitle(self.TITLE)
        self.remark("")
        place = "the setup" if self.scene.iteration is None else "this iteration"
        record = self.scene.record
        text = f"No ReLU-like gate ran in {place}."
        if record is not None and record.pooled:
            text = f"No gate is told in {place}: elements that would tell are past --memory."
        rows = muted(text, self.inner.width)
        self.set_rows(rows if record is not None else [])

    def _count_streaks(self, gate: Gate) -> None:
        """For how many iterations its units have been dead; the same for every step inside a record."""
        counted = (self.scene.history, id(gate))
        if counted != self._counted:
            self._counted = counted
            self._streaks = streaks(self.scene.records, self.scene.iteration, gate)
            self._runs = runs(self.scene.record, gate) if self.scene.record is not None else []

    def _ahead(self, gate: Gate) -> tuple[str, ...]:
        """What of the gate the cursor has not come to yet, in more words and in fewer: it is drawn all the same, and
        said to be ahead."""
        history, cursor = self.scene.history, self.scene.event
        if history is None or cursor is None:
            return ()
        if history.record.events[gate.event].id > history.completion(cursor)[0] or not history.seen(gate.h, cursor):
            where = gate.place
            return (f" · ahead of the cursor, {where}", f" · ahead, {where}", " · ahead")
        last = gate.grad_after if gate.grad_after is not None else gate.grad_before
        if last is not None and not history.seen(last, cursor):
            return (f" · gradients ahead, {history.place_of(last, cursor)}", " · gradients ahead", " · ∂ ahead")
        return ()

    def _lines(self, gate: Gate, drawing: Drawing | None) -> list[Row]:
        """What is below the counts: as it was, until all of what is asked for has come."""
        if drawing is None:
            self._drawing = None
            kept = any(value.copy is not None for value in values_of(gate).values())
            empty = self.view is None or self.view.empty
            text = "" if kept and empty else NO_ROOM if kept else "Its values were not kept."
            return muted(text, self.inner.width) if text else []
        same_room = (self.scene.generation, self.inner)
        if self._whole or self._body_for != same_room:
            self._drawing, self._body_for = drawing, same_room
            self._body = readings(drawing, self.inner.width) + map_lines(drawing, self.inner.width)
        return self._body

    @property
    def _head(self) -> int:
        return HEAD - 1 + max(1, len(self._dead))

    @staticmethod
    def _aligned(gate: Gate, view: View) -> bool:
        """Whether a column of the maps is a unit, or several."""
        return view.axes[1] == gate.by_unit.axis

    def _arrangement(self, gate: Gate, view: View) -> Arrangement | None:
        above, titles = (0, 2) if self._aligned(gate, view) else (1, 1)
        height = self.inner.height - self._head - reading_height(self.inner.width) - above
        return arrange(view.extent, len(values_of(gate)), self.inner.width, height, titles)

    def _cell(self, gate: Gate, view: View) -> tuple[int, int, Arrangement] | None:
        """The size of a cell in characters."""
        arrangement = None if view.empty else self._arrangement(gate, view)
        if arrangement is None:
            return None
        return (*heatmap.cell(view.extent, view.zoom, arrangement.width, arrangement.height), arrangement)

    def cells(self, view: View) -> tuple[int, int]:
        """How many there is room for in each map."""
        found = self._cell(self._gate, view) if self._gate is not None else None
        if found is None:
            return (1, 1)
        return (max(1, found[2].width // found[0]), max(1, found[2].height // found[1]))

    def _gather(self, gate: Gate) -> Drawing | None:
        """Everything that is here; what is not is asked for, and `_whole` is False."""
        self._whole = True
        view = self.view
        cell = self._cell(gate, view) if view is not None else None
        if view is None or cell is None or gate.h.copy is None:
            return None
        grid = view.grid(*self.cells(view))
        if grid is None:
            return None
        wide, high, arrangement = cell
        maps: dict[str, Window | str | None] = {}
        element: dict[str, float | str | None] = {}
        at = grid.cell(*view.place)
        row, column = view.place
        for kind, value in values_of(gate).items():
            window = maps[kind] = self._window(value, view, grid.rows, grid.columns, view.region(grid))
            if grid.factor == (1, 1) and at is not None:
                here = at[0] * grid.columns + at[1]
                element[kind] = window.cells[here] if isinstance(window, Window) else window
            else:
                region = Region(row, row + 1, column, column + 1, view.leading)
                one = self._window(value, view, 1, 1, region)
                element[kind] = one.cells[0] if isinstance(one, Window) else one
        unit, units = self._shares(gate, view, grid)
        return Drawing(gate, view, grid, wide, high, arrangement, maps, element, unit, units, self._streaks, self._runs)

    def _window(self, value: Value, view: View, rows: int, columns: int, region: Region) -> Window | str | None:
        if value.summary.shape != view.shape:
            return "has another shape"
        if value.copy is None:
            return "was not kept"
        whole = region == Region(0, view.extent[0], 0, view.extent[1]) and view.turned is None
        where = None if whole else region
        scene = self.scene
        return self._ask(WindowKey(scene.generation, scene.iteration, value.copy, rows, columns, where, view.turned))

    def _ask(self, key: WindowKey) -> Window | str | None:
        found = self.pictures.window(key)
        self._whole = self._whole and found is not None
        return found

    def _shares(self, gate: Gate, view: View, grid: Grid) -> tuple[float | None, Window | None]:
        """Which share of the cursor's unit is blocked, and of each unit in view, over all samples."""
        mask = shut(gate)
        if mask.copy is None or mask.summary.shape != view.shape or not view.shape:
            return None, None
        aligned, axis = self._aligned(gate, view), gate.by_unit.axis

        def share(first: int, last: int, columns: int) -> Window | None:
            key = WindowKey(
                self.scene.generation, self.scene.iteration, mask.copy or 0, 1, columns,
                Region(0, ALL, first, last), None, axis,
            )  # fmt: skip
            window = self._ask(key)
            return window if isinstance(window, Window) and window.cells else None

        unit = view.index[axis]
        one = share(unit, unit + 1, 1)
        if aligned:
            units = share(grid.left, grid.right, grid.columns)
        else:
            count = gate.by_unit.count
            units = share(0, count, min(count, max(1, self.inner.width - 6)))
        return one.cells[0] if one is not None else None, units
