"""Every value the iteration has named by the cursor: what it is, where it lies, and its statistics."""

from __future__ import annotations

from typing import ClassVar

from textual.strip import Strip

from stepper.tui.history import History, Sighting
from stepper.tui.panels.columns import COLUMNS, NAME, ROLE, SHAPE, fit, shared, texts
from stepper.tui.panels.lines import EMPTY, LinePanel, Piece, Row
from stepper.tui.scene import Scene

CHANGED, READ = "◆", "›"


class TensorsPanel(LinePanel):
    """One line for each label, in the order in which they appeared, so that a line keeps its place while one steps."""

    TITLE = "Tensors"
    HELP = (
        f"{CHANGED} changed or made by the statement under the cursor · {READ} read by it\n"
        "each line: the last value of that name by the cursor; min, max and mean are over finite elements\n"
        "on: the device · zeros: elements that are exactly 0 · NaN/∞: elements that are not finite"
    )
    PARTS: ClassVar[frozenset[str]] = frozenset(
        {"heading", "touched", "changed", "read", "data", "parameter", "activation", "gradient", "loss"}
    )
    COMPONENT_CLASSES: ClassVar[set[str]] = {f"line-panel--{part}" for part in PARTS}

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._rows: list[Row] = []
        self._widths: list[int] = []
        self._fitted: tuple[int, History | None] = (0, None)
        self._cells: dict[int, tuple[Sighting, tuple[str, ...]]] = {}

    def show(self, scene: Scene) -> None:
        """Redraw the lines whose value changed, or began or ceased to be what the statement touches."""
        moved = scene.event is not self.scene.event or scene.history is not self.scene.history
        if scene.history is not self.scene.history:
            self._cells.clear()
        super().show(scene)
        if moved:
            self._refill()

    def on_resize(self) -> None:
        """Choose the columns anew."""
        self._refill()

    def _refill(self) -> None:
        history, cursor = self.scene.history, self.scene.event
        if history is None or cursor is None:
            self._replace([])
            self.set_count(0)
            return
        changed, read = history.touched(cursor)
        seen: list[tuple[str, Sighting, tuple[str, ...]]] = []
        for index, label in enumerate(history.order):
            sighting = history.last(label, cursor)
            if sighting is None:
                continue
            known = self._cells.get(index)
            if known is None or known[0] is not sighting:
                known = self._cells[index] = (sighting, texts(sighting))
            seen.append((label, sighting, known[1]))
        if self._fitted != (self.inner.width, history):
            # by the values the labels will have in the end, so that columns do not move while one steps
            last = [sightings[-1] for sightings in history.labels.values()]
            common = shared([sighting.value.summary for sighting in last])
            self._widths = fit([texts(sighting) for sighting in last], self.inner.width, bool(common))
            self.retitle(f"{self.TITLE} · {common}" if common else self.TITLE)
            self._fitted = (self.inner.width, history)
        widths = self._widths
        rows = [_heading(widths)]
        focus = 0
        for label, sighting, cells in seen:
            mark = CHANGED if label in changed else READ if label in read else " "
            if mark == CHANGED:
                focus = len(rows)
            rows.append(_row(mark, sighting, cells, widths))
        self._replace(rows)
        # room for all the labels the record will come to: a step must not change the scrollable size
        self.set_count(len(history.order) + 1)
        if focus:
            # the heading covers the first visible line
            self.keep_visible(focus, margin=2)

    def _replace(self, rows: list[Row]) -> None:
        old, self._rows = self._rows, rows
        size = max(len(old), len(rows))
        self.touch(
            index for index in range(size) if index >= len(old) or index >= len(rows) or old[index] != rows[index]
        )

    def render_line(self, y: int) -> Strip:
        """The heading stays where it is when the lines scroll."""
        return self.strip_of(0) if y == 0 and self._rows else super().render_line(y)

    def row(self, index: int) -> Row:
        """The heading, or a label's line."""
        return self._rows[index] if index < len(self._rows) else EMPTY


def _heading(widths: list[int]) -> Row:
    pieces: list[Piece] = [("  ", "heading")]
    for column, width in zip(COLUMNS, widths, strict=True):
        if width:
            title = column.title[:width]
            pieces.append(((title.rjust(width) if column.right else title.ljust(width)) + " ", "heading"))
    return Row(tuple(pieces))


def _row(mark: str, sighting: Sighting, cells: tuple[str, ...], widths: list[int]) -> Row:
    part = {CHANGED: "changed", READ: "read"}.get(mark, "")
    value = sighting.value
    pieces: list[Piece] = [(f"{mark} ", part)]
    for index, (column, width, text) in enumerate(zip(COLUMNS, widths, cells, strict=True)):
        if not width:
            continue
        style = "" if column.right or index == SHAPE else "muted"
        if index == NAME:
            # what the script has no name for is written as it stands there, and steps back behind the names
            style = part or ("" if value.label.replace(".", "").isidentifier() else "muted")
        elif index == ROLE and value.role in TensorsPanel.PARTS:
            style = value.role
        elif index == len(COLUMNS) - 1 and value.summary.nonfinite:
            style = "bad"
        text = text[: width - 1] + "…" if len(text) > width else text
        pieces.append(((text.rjust(width) if column.right else text.ljust(width)) + " ", style))
    return Row(tuple(pieces), "touched" if mark == CHANGED else "")
