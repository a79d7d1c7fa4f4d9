"""Every value the iteration has named by the cursor: what it is, where it lies, and its statistics."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from stepper.record import Summary
from stepper.tui import figures
from stepper.tui.history import History, Sighting
from stepper.tui.panels.lines import EMPTY, LinePanel, Piece, Row
from stepper.tui.scene import Scene

CHANGED, READ = "◆", "›"


@dataclass(frozen=True)
class Column:
    """`least` and `most` bound the width; `right` aligns figures; columns with the highest `give` go first."""

    title: str
    least: int
    most: int
    right: bool = False
    give: int = 0


COLUMNS = (
    Column("name", 6, 26),
    Column("role", 4, 10, give=2),
    Column("shape", 6, 22),
    Column("dtype", 5, 10, give=3),
    Column("on", 3, 8, give=5),
    Column("min", 7, 7, right=True),
    Column("max", 7, 7, right=True),
    Column("mean", 7, 7, right=True),
    Column("zeros", 5, 7, right=True, give=4),
    Column("NaN/∞", 5, 9, right=True, give=1),
)


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
                known = self._cells[index] = (sighting, _texts(sighting))
            seen.append((label, sighting, known[1]))
        if self._fitted != (self.inner.width, history):
            # by the values the labels will have in the end, so that columns do not move while one steps
            last = [_texts(sightings[-1]) for sightings in history.labels.values()]
            self._widths = fit_columns(last, self.inner.width)
            self._fitted = (self.inner.width, history)
        widths = self._widths
        rows = [self._heading(widths)]
        focus = 0
        for label, sighting, texts in seen:
            mark = CHANGED if label in changed else READ if label in read else " "
            if mark == CHANGED:
                focus = len(rows)
            rows.append(_row(mark, sighting, texts, widths))
        self._replace(rows)
        # room for all the labels the record will come to: a step must not change the scrollable size
        self.set_count(len(history.order) + 1)
        if focus:
            self.keep_visible(focus, margin=1)

    def _replace(self, rows: list[Row]) -> None:
        old, self._rows = self._rows, rows
        size = max(len(old), len(rows))
        self.touch(
            index for index in range(size) if index >= len(old) or index >= len(rows) or old[index] != rows[index]
        )

    def _heading(self, widths: list[int]) -> Row:
        pieces: list[Piece] = [("  ", "heading")]
        for column, width in zip(COLUMNS, widths, strict=True):
            if width:
                title = column.title[:width]
                pieces.append(((title.rjust(width) if column.right else title.ljust(width)) + " ", "heading"))
        return Row(tuple(pieces))

    def row(self, index: int) -> Row:
        """The heading, or a label's line."""
        return self._rows[index] if index < len(self._rows) else EMPTY


def _texts(sighting: Sighting) -> tuple[str, ...]:
    value, summary = sighting.value, sighting.value.summary
    if summary.kind == "scalar":
        text = figures.scalar(summary.value)
        return (value.label, value.role, "", summary.type, "", text, text, text, "", _scalar_trouble(summary))
    return (
        value.label,
        value.role,
        figures.shape(summary.shape),
        summary.dtype or summary.type,
        summary.device or "",
        figures.figure(summary.min),
        figures.figure(summary.max),
        figures.figure(summary.mean),
        figures.count(summary.zero),
        figures.nonfinite(summary) or "0",
    )


def _scalar_trouble(summary: Summary) -> str:
    return "nan" if summary.nan else "∞" if summary.nonfinite else ""


def fit_columns(rows: list[tuple[str, ...]], width: int) -> list[int]:
    """Widths of the columns for what is in them; 0 for those there is no room for."""
    widths = []
    for index, column in enumerate(COLUMNS):
        longest = max((len(texts[index]) for texts in rows), default=0)
        widths.append(max(min(longest, column.most), min(column.least, column.most), len(column.title)))
    by_give = sorted(range(len(COLUMNS)), key=lambda index: -COLUMNS[index].give)
    for index in by_give:
        excess = 2 + sum(size + 1 for size in widths if size) - 1 - width
        if excess <= 0:
            break
        if COLUMNS[index].give:
            widths[index] = 0
    excess = 2 + sum(size + 1 for size in widths if size) - 1 - width
    for index in (0, 2):
        cut = min(max(0, excess), widths[index] - COLUMNS[index].least)
        widths[index] -= max(0, cut)
        excess -= max(0, cut)
    return widths


def _row(mark: str, sighting: Sighting, texts: tuple[str, ...], widths: list[int]) -> Row:
    part = {CHANGED: "changed", READ: "read"}.get(mark, "")
    pieces: list[Piece] = [(f"{mark} ", part)]
    summary = sighting.value.summary
    for index, (column, width, text) in enumerate(zip(COLUMNS, widths, texts, strict=True)):
        if not width:
            continue
        if index in (5, 6) and summary.kind == "scalar":
            text = ""  # a scalar is its own mean: once is enough
        style = part if index == 0 else "muted"
        if index == 1:
            style = sighting.value.role if sighting.value.role in TensorsPanel.PARTS else "muted"
        elif column.right or index == 2:
            style = ""
        if index == len(COLUMNS) - 1 and summary.nonfinite:
            style = "bad"
        text = text[: width - 1] + "…" if len(text) > width else text
        pieces.append(((text.rjust(width) if column.right else text.ljust(width)) + " ", style))
    return Row(tuple(pieces), "touched" if mark == CHANGED else "")
