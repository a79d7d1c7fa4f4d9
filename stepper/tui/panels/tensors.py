"""Every value the iteration has named by the cursor: what it is, where it lies, and its statistics."""

from __future__ import annotations

from typing import ClassVar

from textual.strip import Strip

from stepper.record import Event
from stepper.tui.history import History, Sighting
from stepper.tui.panels.columns import COLUMNS, DEVICE, DTYPE, NAME, ROLE, SHAPE, fit, shared, texts
from stepper.tui.panels.lines import EMPTY, LinePanel, Piece, Row
from stepper.tui.scene import Scene

CHANGED, READ = "◆", "›"
Line = tuple[str, Sighting]
"""A mark, and the value it stands before."""


class TensorsPanel(LinePanel):
    """One line for each label; what the statement under the cursor changed comes first."""

    TITLE = "Tensors"
    HELP = (
        f"{CHANGED} changed or made by the statement under the cursor · {READ} read by it\n"
        "what the statement changed comes first, then what it read, then all else, the latest first\n"
        "each line: the last value of that name by the cursor; min, max and mean are over finite elements\n"
        "on: the device · zeros: elements that are exactly 0 · NaN/∞: elements that are not finite"
    )
    PARTS: ClassVar[frozenset[str]] = frozenset(
        {"heading", "touched", "changed", "read", "data", "parameter", "activation", "gradient", "loss"}
    )
    COMPONENT_CLASSES: ClassVar[set[str]] = {f"line-panel--{part}" for part in PARTS}

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._lines: list[Line] = []
        self._widths: list[int] = []
        self._fitted: tuple[int, History | None] = (0, None)
        self._cells: dict[Sighting, tuple[str, ...]] = {}

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
        if self._fitted != (self.inner.width, history):
            self._fitted = (self.inner.width, history)
            self._fit(history)
        self._replace(_by_relevance(history, cursor))
        # room for all the labels the record will come to: a step must not change the scrollable size
        self.set_count(len(history.order) + 1)
        if self.scroll_offset.y:
            self.scroll_to(y=0, animate=False, force=True, immediate=True)

    def _fit(self, history: History) -> None:
        """Choose the columns by the labels' last values, so that they do not move from step to step."""
        last = [sightings[-1] for sightings in history.labels.values()]
        dtype, device = shared([sighting.value.summary for sighting in last])
        said = tuple(column for column, text in ((DEVICE, device), (DTYPE, dtype)) if text)
        widths = fit([texts(sighting) for sighting in last], self.inner.width, said)
        common = f" · {dtype}{' ' if dtype and device else ''}{'on ' + device if device else ''}"
        self.retitle(self.TITLE + (common if said else ""))
        if widths != self._widths:
            self._widths = widths
            self.refresh()

    def _replace(self, lines: list[Line]) -> None:
        old, self._lines = self._lines, lines
        size = max(len(old), len(lines))
        self.touch(
            index + 1 for index in range(size) if index >= len(old) or index >= len(lines) or old[index] != lines[index]
        )
        if bool(old) != bool(lines):
            self.refresh()

    def render_line(self, y: int) -> Strip:
        """The heading stays where it is when the lines scroll."""
        return self.strip_of(0) if y == 0 and self._lines else super().render_line(y)

    def row(self, index: int) -> Row:
        """The heading, or a label's line."""
        if index == 0:
            return _heading(self._widths) if self._lines else EMPTY
        if index > len(self._lines):
            return EMPTY
        mark, sighting = self._lines[index - 1]
        cells = self._cells.get(sighting)
        if cells is None:
            cells = self._cells[sighting] = texts(sighting)
        return _row(mark, sighting, cells, self._widths)


def _by_relevance(history: History, cursor: Event) -> list[Line]:
    """What the statement changed, what it read, then all else, the latest first: what matters is always in view."""
    changed, read = history.touched(cursor)
    own = {value.label for value in cursor.values if value.when != "operand"}
    found = [sighting for label in history.order if (sighting := history.last(label, cursor)) is not None]

    def rank(sighting: Sighting) -> tuple[int, int, int, int]:
        label = sighting.value.label
        group = 0 if label in own else 1 if label in changed else 2 if label in read else 3
        named = label.replace(".", "").isidentifier()
        return (group, 0 if named or group == 3 else 1, -sighting.moment[0], sighting.moment[1])

    found.sort(key=rank)
    marks = {**dict.fromkeys(read, READ), **dict.fromkeys(changed, CHANGED)}
    return [(marks.get(sighting.value.label, " "), sighting) for sighting in found]


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
