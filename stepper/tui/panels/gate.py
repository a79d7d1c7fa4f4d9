"""A ReLU-like gate: what went in, which entries it blocked, and the gradient on both sides of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import ClassVar

from textual.binding import BindingType

from stepper.record import Gate, Region, Value, Window
from stepper.tui import figures
from stepper.tui.actions import bindings
from stepper.tui.panels import heatmap
from stepper.tui.panels.heat_panel import HeatPanel
from stepper.tui.panels.heatmap import Grid
from stepper.tui.panels.lines import Piece, Row, pad
from stepper.tui.pictures import WindowKey
from stepper.tui.scene import Scene

HEAD = 4
"""Lines above the maps: the gate, its counts, the maps' titles, the share of each unit that is blocked."""
GAP = 2
_CACHE = 64


@dataclass(frozen=True)
class Map:
    """One of the pictures side by side: what it shows, where it starts, and the window it needs."""

    title: str
    value: Value
    key: WindowKey | None
    mask: WindowKey | None
    grid: Grid
    left: int
    width: int
    is_input: bool


class GatePanel(HeatPanel):
    """One gate at a time: that of the cursor, or the one chosen with `,` and `.`; `z` shows single entries."""

    TITLE = "Gate"
    HELP = (
        "h: the input of the ReLU\ngrad before: ∂L/∂output   grad after: ∂L/∂h, zero where the gate is shut\n"
        f"{heatmap.BLOCKED} blocked: the ReLU stops the gradient there   {heatmap.MOSTLY} in most of the cell\n"
        "blocked counts entries of all samples, active the others; a dead unit is blocked for every sample\n"
        "a soft gate (leaky ReLU, GELU, SiLU …) passes shares of a gradient: attenuated entries pass less than half, "
        "and are drawn like blocked ones\n"
        "the bars above a map: which share of each unit's samples is blocked, █ all of them\n"
        f"colours are centred at zero; signs and sizes: {' '.join(heatmap.NEGATIVE[::-1])} below zero, "
        f"{' '.join(heatmap.POSITIVE)} above   {heatmap.NAN} NaN   {heatmap.INFINITE} infinite\n"
        "a cell is the mean of as many entries as the first line tells"
    )
    COMPONENT_CLASSES: ClassVar[set[str]] = {"line-panel--heading"}
    BINDINGS: ClassVar[list[BindingType]] = bindings("gate")

    def __init__(self, ask: Callable[[WindowKey], Awaitable[Window]], *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._ask = ask
        self._windows: dict[WindowKey, Window | str] = {}
        self._pending: set[WindowKey] = set()
        self._chosen: int | None = None
        self._zoomed = False
        self._corner = (0, 0)
        self._gate: Gate | None = None
        self._wanted: tuple[Map, ...] = ()
        self._drawn: tuple[Map, ...] = ()
        self._legend = ""
        self._last: tuple[object, ...] = ()

    # ----------------------------------------------------------------------------------------------- what to show

    def show(self, scene: Scene) -> None:
        """Look for the gate to show; ask for its windows where they are not here yet; redraw what changed."""
        moved = scene.event is not self.scene.event or scene.history is not self.scene.history
        if scene.generation != self.scene.generation:
            self._chosen = None
            self._windows.clear()
        super().show(scene)
        if moved:
            self.refill()

    def on_resize(self) -> None:
        """Fit the maps to the room."""
        self.refill()

    @property
    def gates(self) -> list[Gate]:
        """The gates of the record under the cursor, in order of occurrence."""
        return self.scene.record.gates if self.scene.record else []

    @property
    def waiting(self) -> bool:
        """Whether a picture has been asked for and has not come yet."""
        return bool(self._pending)

    def action_choose(self, step: int) -> None:
        """Show the next or previous gate of the record."""
        if self.gates and self._gate is not None:
            index = next((i for i, gate in enumerate(self.gates) if gate is self._gate), 0)
            self._chosen = (index + step) % len(self.gates)
            self.refill()

    def action_zoom(self) -> None:
        """Between the whole gate and its single entries."""
        self._zoomed = not self._zoomed
        self.refill()

    def action_pan(self, down: int, across: int) -> None:
        """Move over the entries, half a map at a time."""
        if self._zoomed and self._wanted:
            grid = self._wanted[0].grid
            top, left = self._corner
            step_down, step_across = max(1, grid.rows // 2), max(1, grid.columns // 2)
            self._corner = (max(0, top + down * step_down), max(0, left + across * step_across))
            self.refill()

    def refill(self) -> None:
        """Work out everything anew: gate, maps, windows, lines."""
        self._gate = self._pick()
        self._wanted = self._maps(self._gate) if self._gate is not None and self.display and self.inner.width else ()
        missing = {
            key
            for drawn in self._wanted
            for key in (drawn.key, drawn.mask)
            if key is not None and key not in self._windows
        }
        if not missing:
            self._drawn = self._wanted
        for key in missing - self._pending:
            self._pending.add(key)
            self.run_worker(self._fetch(key), group="windows", exit_on_error=False)
        self._redraw()

    async def _fetch(self, key: WindowKey) -> None:
        try:
            answer: Window | str = await self._ask(key)
        except Exception as error:  # whatever went wrong is shown in place of the picture
            answer = str(error) or type(error).__name__
        finally:
            self._pending.discard(key)
        if key.generation != self.scene.generation:
            return
        while len(self._windows) >= _CACHE:
            self._windows.pop(next(iter(self._windows)))
        self._windows[key] = answer
        if all(k in self._windows for drawn in self._wanted for k in (drawn.key, drawn.mask) if k is not None):
            self._drawn = self._wanted
            self._redraw()

    def _pick(self) -> Gate | None:
        gates, history, cursor = self.gates, self.scene.history, self.scene.event
        if not gates or history is None or cursor is None:
            return None
        if self._chosen is not None and self._chosen < len(gates):
            return gates[self._chosen]
        end = history.completion(cursor)[0]
        reached = [gate for gate in gates if gate.event <= end]
        return reached[-1] if reached else gates[0]

    def _maps(self, gate: Gate) -> tuple[Map, ...]:
        width, height = self.inner.width, self.inner.height - HEAD
        values = [("h", gate.h)]
        if gate.grad_before is not None:
            values.append(("grad before", gate.grad_before))
        if gate.grad_after is not None:
            values.append(("grad after", gate.grad_after))
        extent = heatmap.matrix(gate.h.summary.shape or ())
        if len(values) == 3 and width < 72 and extent[1] * 3 + 2 * GAP > width:
            del values[1]
        each = (width - GAP * (len(values) - 1)) // len(values)
        maps: list[Map] = []
        for index, (name, value) in enumerate(values):
            built = self._map(name, value, gate, index * (each + GAP), each, height)
            if built is not None:
                maps.append(built)
        return tuple(maps)

    def _map(self, name: str, value: Value, gate: Gate, left: int, width: int, height: int) -> Map | None:
        shape = value.summary.shape or ()
        extent = heatmap.matrix(shape)
        leading = (0,) * max(0, len(shape) - 2)
        region = Region(0, extent[0], 0, extent[1], leading) if leading else None
        whole = heatmap.layout(extent, width, height)
        if whole is not None and self._zoomed and whole.is_pooled:
            rows, columns = min(extent[0], height), min(extent[1], width)
            top, start = min(self._corner[0], extent[0] - rows), min(self._corner[1], extent[1] - columns)
            self._corner = (top, start)
            region = Region(top, top + rows, start, start + columns, leading)
            whole = heatmap.layout((rows, columns), width, height)
        if whole is None:
            return None
        key = self._key(value, whole, region)
        shut = gate.closed if gate.closed is not None else gate.mask
        mask = self._key(shut, whole, region) if shut.summary.shape == shape else None
        return Map(self._title(name, value, whole, region), value, key, mask, whole, left, width, name == "h")

    def _key(self, value: Value, grid: Grid, region: Region | None) -> WindowKey | None:
        if value.copy is None:
            return None
        return WindowKey(self.scene.generation, self.scene.iteration, value.copy, grid.rows, grid.columns, region)

    def _title(self, name: str, value: Value, grid: Grid, region: Region | None) -> str:
        text = f"{name} {figures.shape(value.summary.shape)}" if name == "h" else name
        if region is not None and self._zoomed:
            text = f"{name} [{region.top}:{region.bottom}, {region.left}:{region.right}]"
        elif region is not None:
            text += f" [{', '.join(map(str, region.leading))}, :, :]"
        return text

    # ----------------------------------------------------------------------------------------------- drawing

    def _redraw(self) -> None:
        drawn = (
            self.scene.history,
            self._gate and id(self._gate),
            self._wanted,
            self._drawn,
            len(self._windows),
            self.inner,
            self._gate and self._ahead(self._gate),
        )
        if drawn == self._last:
            return
        self._last = drawn
        rows = self._lines()
        self.set_rows(rows)
        legend = heatmap.LEGEND if self._wanted and self.inner.width > len(heatmap.LEGEND) + 4 else ""
        if legend != self._legend:
            self._legend = self.border_subtitle = legend

    def _lines(self) -> list[Row]:
        gate = self._gate
        if gate is None:
            self.retitle(self.TITLE)
            if self.scene.record is None:
                return []
            place = "the setup" if self.scene.iteration is None else "this iteration"
            return [Row(((f"No ReLU-like gate ran in {place}.", "muted"),))]
        index = next((i for i, other in enumerate(self.gates) if other is gate), 0)
        title = self.TITLE if len(self.gates) == 1 else f"{self.TITLE} {index + 1} of {len(self.gates)}"
        self.retitle(title + self._ahead(gate))
        rows = [self._heading(gate), self._counts(gate), self._titles(), self._shares()]
        height = self.inner.height - HEAD
        if not all(drawn.value.copy is not None for drawn in self._wanted):
            return [*rows, Row((("Its values were not kept.", "muted"),))]
        # both gradients share one scale: what the gate took away must look like less, not like the same
        gradients = heatmap.limit(*(self._window(drawn.key) for drawn in self._drawn if not drawn.is_input))
        limits = [heatmap.limit(self._window(drawn.key)) if drawn.is_input else gradients for drawn in self._drawn]
        return rows + [self._map_line(offset, limits) for offset in range(height)]

    def _heading(self, gate: Gate) -> Row:
        pieces: list[Piece] = [(gate.label, "strong"), (f"  {gate.op}, line {gate.line}", "muted")]
        grid = self._wanted[0].grid if self._wanted else None
        if grid is not None and grid.is_pooled:
            pieces.append((f"   1 cell = {grid.pooled[0]}×{grid.pooled[1]} entries", "muted"))
        keys = [(", . choose", "muted")] if len(self.gates) > 1 else []
        if sum(len(text) for text, _ in [*pieces, *keys]) >= self.inner.width:
            keys = []  # the help tells them too
        return Row(pad(pieces, keys, self.inner.width))

    def _ahead(self, gate: Gate) -> str:
        """What of the gate the cursor has not come to yet: it is drawn all the same, and said to be ahead."""
        history, cursor = self.scene.history, self.scene.event
        if history is None or cursor is None:
            return ""
        if history.record.events[gate.event].id > history.completion(cursor)[0] or not history.seen(gate.h, cursor):
            return f" · ahead of the cursor, line {gate.line}"
        last = gate.grad_after if gate.grad_after is not None else gate.grad_before
        if last is not None and not history.seen(last, cursor):
            return f" · gradients ahead, line {history.line_of(last)}"
        return ""

    def _counts(self, gate: Gate) -> Row:
        total = gate.active + gate.blocked
        share = f" ({100 * gate.blocked / total:.1f}%)" if total else ""
        dead = len(gate.dead_units)
        pieces: list[Piece] = [
            (f"active {figures.count(gate.active)}", "good"),
            ("  ", ""),
            (f"blocked {figures.count(gate.blocked)}{share}", "note"),
            ("  ", ""),
            *([(f"attenuated {figures.count(gate.attenuated)}", "note"), ("  ", "")] if gate.soft else []),
            (f"dead units {dead} of {gate.units}", "bad" if dead else "muted"),
        ]
        if dead:
            pieces.append((": " + ", ".join(map(str, gate.dead_units[:40])), "bad"))
        return Row(tuple(pieces))

    def _titles(self) -> Row:
        pieces: list[Piece] = []
        for index, drawn in enumerate(self._wanted):
            last = index == len(self._wanted) - 1
            pieces.append((figures.fit(drawn.title, drawn.width) + ("" if last else " " * GAP), "heading"))
        return Row(tuple(pieces))

    def _shares(self) -> Row:
        pieces: list[Piece] = []
        column = 0
        for drawn in self._drawn:
            mask = self._window(drawn.mask)
            if mask is None:
                continue
            bars = heatmap.shares(mask, drawn.grid)
            pieces += [(" " * (drawn.left - column), ""), *bars]
            column = drawn.left + sum(len(text) for text, _ in bars)
        return Row(tuple(pieces))

    def _map_line(self, offset: int, limits: list[float]) -> Row:
        pieces: list[Piece] = []
        column = 0
        for drawn, most in zip(self._drawn, limits, strict=True):
            window = self._windows.get(drawn.key) if drawn.key is not None else None
            pieces.append((" " * (drawn.left - column), ""))
            column = drawn.left
            if isinstance(window, str):
                if offset == 0:
                    pieces.append((figures.fit(window, drawn.width), "muted"))
                    column += drawn.width
                continue
            index, within = divmod(offset, drawn.grid.high)
            if window is None or index >= window.rows:
                continue
            middle = (drawn.grid.high - 1) // 2
            cells = heatmap.line(window, self._window(drawn.mask), index, drawn.grid, most, within == middle)
            pieces += cells
            column += sum(len(text) for text, _ in cells)
        return Row(tuple(pieces))

    def _window(self, key: WindowKey | None) -> Window | None:
        window = self._windows.get(key) if key is not None else None
        return window if isinstance(window, Window) else None
