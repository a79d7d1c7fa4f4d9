"""Every value the iteration has named by the cursor: what it is, where it lies, and its statistics."""

from __future__ import annotations

from typing import ClassVar

from rich.cells import cell_len
from textual import events
from textual.binding import BindingType
from textual.content import Content
from textual.geometry import Offset
from textual.message import Message

from stepper.record import Event, Value
from stepper.session.findings.sightings import Sighting
from stepper.terminal_text import visible
from stepper.tui import figures, names
from stepper.tui.actions import bindings
from stepper.tui.begun import beside
from stepper.tui.hints import POINTED_OUT
from stepper.tui.history import History
from stepper.tui.panels.columns import (
    COLUMNS,
    DEVICE,
    DTYPE,
    HEALTH,
    MEAN,
    NAME,
    NONFINITE,
    ROLE,
    SHAPE,
    SPREAD,
    fit,
    pill,
    shared,
    short_role,
    sort_key,
    texts,
    tightened,
    title,
    with_type,
)
from stepper.tui.panels.lines import EMPTY, EVERYTHING, Drawn, LinePanel, Piece, Row
from stepper.tui.scene import Scene
from stepper.tui.sketches import Draw, Sketched, Sketches

CHANGED, READ, WATCHED = "◆", "›", "="
Line = tuple[str, Sighting]
"""A mark, and the value it stands before."""


class TensorsPanel(LinePanel):
    """One line for each label; what the statement under the cursor changed comes first, unless sorted otherwise."""

    TITLE = "Tensors"
    HELP = (
        f"{CHANGED} changed or made by the statement under the cursor · {READ} read by it\n"
        f"{WATCHED} an expression that is watched, worked out of what is recorded; delete takes the selected one "
        "away\n"
        f"{POINTED_OUT} the graph of gradients ends at this value: parameters that an optimizer has get none by it\n"
        "what the statement changed comes first, then what it read, then all else, the latest first\n"
        "each line: the last value of that name by the cursor; min, max and mean are over finite elements, of "
        "complex ones over |z|\n"
        "a name too long for its column loses what all names share, then its parts are abbreviated: …1.att…que…weight\n"
        "≈ before a shape: there was no room for the elements (--memory), a summary and a pooled picture are kept\n"
        "health: the shares of « −∞, - negative, 0 zero, + positive, » +∞ and ? NaN elements; none is left out\n"
        "histogram: how the elements lie between min and max, of a sample where there are very many\n"
        "…: a large tensor is still being counted; its range is known at once, the shares grow, the rest follows\n"
        "type: f32 is float32, i64 int64, bf16 bfloat16 · on: the device · zeros: elements that are exactly 0\n"
        "NaN/∞: elements that are not finite · update of w: after − before, worked out in float64, whatever w has\n"
        "/ shows only names, roles and phases with a text in them; a click on a heading sorts by it"
    )
    PARTS: ClassVar[frozenset[str]] = frozenset(
        {"heading", "touched", "changed", "read", "data", "parameter", "activation", "gradient", "loss", "line",
         "negative", "zero", "positive"}
    )  # fmt: skip
    BINDINGS: ClassVar[list[BindingType]] = bindings("tensors")

    class Open(Message):
        """The value of a label shall be looked at; with `parameter`, the gradient that its update used."""

        def __init__(self, label: str, parameter: str = "") -> None:
            super().__init__()
            self.label = label
            self.parameter = parameter

    class Unwatch(Message):
        """An expression shall be watched no more."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    def __init__(self, draw: Draw, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.sketches = Sketches(draw, lambda work: beside(work, self.call_later), self._sketched)
        self._to_ask = False
        self._lines: list[Line] = []
        self._widths: list[int] = []
        self._fitted: tuple[int, History | None] = (0, None)
        self._cells: dict[Sighting, tuple[str, ...]] = {}
        self._labels: tuple[str, ...] = ()
        self._common = ""
        self._usual = ""
        """The dtype that is not told in each line; empty where there is a column for it."""
        self._tight = False
        """Whether shapes are written without blanks."""
        self._selected: tuple[bool, str] | None = None
        """Whether it is watched, and its label: what is watched may be a name of the record by itself."""
        self._name_told = ""
        self._sorted: int | None = None
        self._reversed = False
        self.filter = ""

    def forget(self) -> None:
        """Its histograms are of other values."""
        self.sketches.clear()

    def show(self, scene: Scene) -> None:
        """Redraw the lines of what is watched, too, when its values have come."""
        before = self.scene
        super().show(scene)
        if scene.watched != before.watched and (scene.event, scene.history) == (before.event, before.history):
            self.refill()

    def on_resize(self) -> None:
        """Choose the columns anew."""
        self.refill()

    def refill(self) -> None:
        """Redraw the lines whose value changed, or began or ceased to be what the statement touches."""
        history, cursor = self.scene.history, self.scene.event
        if history is None or cursor is None:
            self._replace([])
            self.set_count(0)
            return
        if self._fitted != (self.inner.width, history):
            self._fitted = (self.inner.width, history)
            self._fit(history)
        self._replace(self._arranged(history, cursor))
        self._tell_name()
        # room for all the labels the record will come to: a step must not change the scrollable size
        self.set_count(len(history.order) + len(self.scene.watched) + 1)
        if self.scroll_offset.y:
            self.scroll_to(y=0, animate=False, force=True, immediate=True)
        if self.inner.height > 0:
            self.ask()
        else:
            self._to_ask = True
            self.call_after_refresh(self.ask)  # once there is room for lines

    def _arranged(self, history: History, cursor: Event) -> list[Line]:
        lines = _by_relevance(history, cursor)
        if self.filter:
            lines = [line for line in lines if self._passes(line[1], history)]
        column = self._sorted
        if column is not None:
            # what has nothing in the column stays at the end either way
            lines.sort(key=lambda line: sort_key(line[1], column)[1:], reverse=self._reversed)
            lines.sort(key=lambda line: sort_key(line[1], column)[0])
        return [*((WATCHED, sighting) for sighting in self.scene.watched), *lines]

    def _passes(self, sighting: Sighting, history: History) -> bool:
        value = sighting.value
        phase = history.record.events[sighting.event].phase
        return any(self.filter.lower() in text.lower() for text in (value.label, value.role, phase))

    def _fit(self, history: History) -> None:
        """Choose the columns by the labels' last values, so that they do not move from step to step."""
        last = [sightings[-1] for sightings in history.labels.values()]
        self._labels = tuple(history.labels)
        dtype, device = shared([sighting.value.summary for sighting in last])
        said = tuple(column for column, text in ((DEVICE, device), (DTYPE, dtype)) if text)
        width = self.inner.width
        cells = [texts(sighting, whole=False) for sighting in last]
        widths = fit(cells, width, said)
        self._usual = "" if widths[DTYPE] else dtype
        if self._usual:
            cells = [with_type(each, sighting.value.summary, dtype) for each, sighting in zip(cells, last, strict=True)]
            widths = fit(cells, width, said)
        self._tight = widths[SHAPE] < max((cell_len(each[SHAPE]) for each in cells), default=0)
        common = f" · {dtype}{' ' if dtype and device else ''}{'on ' + device if device else ''}"
        self._common = common if said else ""
        self._entitle()
        if widths != self._widths:
            self._widths = widths
            self.refresh()
        self._cells = {}

    def _texts(self, sighting: Sighting) -> tuple[str, ...]:
        cells = texts(sighting)
        if self._usual:
            cells = with_type(cells, sighting.value.summary, self._usual)
        return tightened(cells) if self._tight else cells

    def _entitle(self) -> None:
        only = f" · only {self.filter}" if self.filter else ""
        self.retitle(self.TITLE + self._common + only, self.TITLE + only, self.TITLE)

    def _replace(self, lines: list[Line]) -> None:
        selected = self.selected
        old, self._lines = self._lines, lines
        size = max(len(old), len(lines))
        changed = {at for at in range(size) if at >= len(old) or at >= len(lines) or old[at] != lines[at]}
        if self.selected != selected:  # with the same lines, where that of the selected label has gone or come
            changed |= {at for at in (selected, self.selected) if at is not None}
        self.touch(at + 1 for at in changed)
        if bool(old) != bool(lines):
            self.refresh()

    # ----------------------------------------------------------------------------------------------- histograms

    @property
    def waiting(self) -> bool:
        """Whether histograms have not come yet."""
        return self._to_ask or self.sketches.waiting

    def _sketch_of(self, sighting: Sighting) -> Sketched | None:
        """What to ask for; None for a value without a range."""
        value, summary = sighting.value, sighting.value.summary
        if value.copy is None or summary.kind != "tensor" or summary.min is None or summary.max is None:
            return None
        return Sketched(self.scene.generation, self.scene.iteration, value.copy, summary.min, summary.max)

    def ask(self) -> None:
        """Ask for the histograms of the lines that are seen."""
        self._to_ask = False
        if self.display and self._widths and self._widths[SPREAD]:
            top = max(0, self.scroll_offset.y)
            seen = self._lines[top : top + self.inner.height]
            self.sketches.want(filter(None, (self._sketch_of(sighting) for _, sighting in seen)))

    def _sketched(self, came: set[Sketched]) -> None:
        self.touch(index + 1 for index, (_, sighting) in enumerate(self._lines) if self._sketch_of(sighting) in came)

    def validate_scroll_y(self, value: float) -> float:
        """Not past the last line: the room for those that are still to come is empty."""
        last = len(self._lines) + 1 - self.inner.height
        return float(max(0, min(super().validate_scroll_y(value), last)))

    def watch_scroll_y(self, old: float, new: float) -> None:
        """Other lines are seen."""
        super().watch_scroll_y(old, new)
        self.ask()

    # ----------------------------------------------------------------------------------------------- choosing

    @property
    def selected(self) -> int | None:
        """The line of the selected label, among those that are shown; the first where that is not one of them."""
        found = (index for index, line in enumerate(self._lines) if _identity(line) == self._selected)
        return next(found, 0 if self._lines else None)

    def _tell_name(self) -> None:
        """Say the selected label whole, at the bottom of the frame, where it is shortened."""
        at = self.selected if self.has_focus else None
        chosen = self._lines[at][1].value.label if at is not None else None
        whole = chosen is not None and names.shortened(self._labels, self._widths[NAME]).get(chosen) != chosen
        said = chosen if whole and chosen is not None else ""
        if said != self._name_told:
            self._name_told = said
            self.border_subtitle = Content(visible(said))

    def _some(self) -> bool:
        """Whether there is a value for a key; else it is said that there is none."""
        if not self._lines:
            self.notice("There is no value here.")
        return bool(self._lines)

    def _select(self, index: int) -> None:
        if self._some():
            before, index = self.selected, max(0, min(index, len(self._lines) - 1))
            self._selected = _identity(self._lines[index])
            self.touch({index + 1, *([before + 1] if before is not None else [])})
            # the heading covers the first visible line
            self.keep_visible(index + 1, 1)
            self._tell_name()

    def action_line(self, step: int) -> None:
        """Select the line above or below."""
        self._select((self.selected or 0) + step)

    def action_page(self, step: int) -> None:
        """Select the line a page away: the heading covers one, and one is seen before and after."""
        self._select((self.selected or 0) + step * max(1, self.inner.height - 2))

    def action_edge(self, index: int) -> None:
        """Select the first line, or the last."""
        self._select(index % len(self._lines) if self._lines else 0)

    def action_open(self) -> None:
        """Look at the selected value."""
        if not self._some():
            return
        mark, sighting = self._lines[self.selected or 0]
        value = sighting.value
        words = _words(value) if mark == WATCHED else None
        if words is not None:
            self.notice(f"{value.label}: {words}")  # of which the line may show a part
        else:
            self.post_message(self.Open(value.label))

    def select_watched(self, text: str) -> None:
        """Select an expression that is watched, once it is shown."""
        self._selected = True, text

    def action_remove(self) -> None:
        """Watch the selected expression no more."""
        if self._lines and self._lines[self.selected or 0][0] == WATCHED:
            self.post_message(self.Unwatch(self._lines[self.selected or 0][1].value.label))
        else:
            self.notice(f"Nothing that is watched is selected: it has {WATCHED} before it.")

    def action_sort(self, step: int) -> None:
        """Sort by the next column that is shown, at last by relevance again."""
        shown: list[int | None] = [None, *(index for index, width in enumerate(self._widths) if width)]
        place = shown.index(self._sorted) if self._sorted in shown else 0
        self._sorted, self._reversed = shown[(place + step) % len(shown)], False
        self._some()
        self._again()

    def action_reverse(self) -> None:
        """The other way round."""
        if self._some() and self._sorted is None:
            self.notice("Nothing is sorted: choose a column first.")
        self._reversed = not self._reversed
        self._again()

    def set_filter(self, text: str) -> None:
        """Show only what has `text` in its name, role or phase; all for an empty one."""
        self.filter = text
        self._entitle()
        self._again()

    def _again(self) -> None:
        self.refill()
        self.refresh()

    def on_focus(self) -> None:
        """The selection is seen while the panel has the focus."""
        self._tell_name()
        self.refresh()

    def on_blur(self) -> None:
        """And not otherwise."""
        self._tell_name()
        self.refresh()

    def on_click(self, click: events.Click) -> None:
        """Select a line, or look at the one that is selected; on the heading, sort."""
        if (at := click.get_content_offset(self)) is None:
            return
        y, x = at.y, at.x - 2
        if y == 0:
            for index, width in enumerate(self._widths):
                if 0 <= x < width:
                    self._reversed = not self._reversed if self._sorted == index else False
                    self._sorted = index
                    self._again()
                x -= width + 1 if width else 0
            return
        index = y + self.scroll_offset.y - 1
        if 0 <= index < len(self._lines):
            if _identity(self._lines[index]) == self._selected:  # the first line until one is: that selects it
                self.action_open()
            else:
                self._select(index)

    def copied(self) -> str:
        """The table with all its columns, and names and shapes whole."""
        cells = [texts(sighting) for _, sighting in self._lines]
        widths = fit(cells, EVERYTHING)
        rows = [_heading(widths, None, False)] if cells else []
        rows += [_row(mark, each, text, widths) for (mark, each), text in zip(self._lines, cells, strict=True)]
        return "\n".join("".join(text for text, _ in row.pieces).rstrip() for row in rows)

    # ----------------------------------------------------------------------------------------------- drawing

    def line_at(self, y: int, scrolled: Offset, width: int) -> Drawn:
        """The heading stays where it is when the lines scroll."""
        heading = y == 0 and (self._lines or self.filter)
        return self.line_of(0, scrolled, width) if heading else super().line_at(y, scrolled, width)

    def row(self, index: int) -> Row:
        """The heading, or a label's line."""
        if index == 0:
            if self._lines or self.filter:
                return _heading(self._widths, self._sorted, self._reversed)
            return Row((("No value so far.", "muted"),)) if self.scene.history is not None else EMPTY
        if index > len(self._lines):
            nothing = self.filter and not self._lines and index == 1
            return Row((("Nothing so far has that in its name, role or phase.", "muted"),)) if nothing else EMPTY
        mark, sighting = self._lines[index - 1]
        cells = self._cells.get(sighting)
        if cells is None:
            cells = self._cells[sighting] = self._texts(sighting)
        sketch = self._sketch_of(sighting)
        bars = (self.sketches.bars(sketch) if sketch is not None else "") or ""
        words = _words(sighting.value) if mark == WATCHED else None
        if mark == WATCHED and sighting.value.summary.kind == "scalar" and not self._has_room_for(sighting.value.label):
            words = words or cells[MEAN]
        if words is not None:
            return self._in_words(sighting.value, words)
        label = sighting.value.label
        name = label if mark == WATCHED else names.shortened(self._labels, self._widths[NAME])[label]
        history = self.scene.history
        cut = history is not None and history.cuts(sighting)
        row = _row(mark, sighting, (name, *cells[NAME + 1 : SPREAD], bars, *cells[SPREAD + 1 :]), self._widths, cut)
        chosen = self.has_focus and index - 1 == self.selected
        return Row(row.pieces, "current") if chosen else row

    def _has_room_for(self, expression: str) -> bool:
        """Whether one is seen whole in the columns that it has: its name's and its role's."""
        return cell_len(expression) <= self._widths[NAME] + 1 + self._widths[ROLE]

    def _in_words(self, value: Value, words: str) -> Row:
        """The line of an expression that comes to no figures: a shape, a text; or why there is none."""
        width = max(0, self.inner.width - 2)
        room = max(self._widths[NAME], width // 3, min(cell_len(value.label), width - cell_len(words) - 1))
        name = figures.fit(value.label, room)
        said = figures.fit(words, max(0, width - len(name) - 1))
        style = "" if value.summary.kind == "scalar" else "muted" if words == figures.COMING else "bad"
        pieces = ((f"{WATCHED} ", "muted"), (f"{name} ", ""), (said, style))
        chosen = self.has_focus and self._lines[self.selected or 0][1].value is value
        return Row(pieces, "current") if chosen else Row(pieces)


def _words(value: Value) -> str | None:
    """What an expression comes to in words, or why it comes to nothing; None for numbers."""
    if value.summary.kind == "other":
        return value.summary.type
    return value.summary.value if isinstance(value.summary.value, str) else None


def _identity(line: Line) -> tuple[bool, str]:
    mark, sighting = line
    return mark == WATCHED, sighting.value.label


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


def _heading(widths: list[int], chosen: int | None, backward: bool) -> Row:
    pieces: list[Piece] = [("  ", "heading")]
    for index, (column, width) in enumerate(zip(COLUMNS, widths, strict=True)):
        if width:
            text = title(index, widths)[:width]
            if index == chosen:  # the blank behind a column has room for the sign
                text += "▾" if backward else "▴"
            pieces.append(((text.rjust(width) if column.right else text).ljust(width + 1), "heading"))
    return Row(tuple(pieces))


def _row(mark: str, sighting: Sighting, cells: tuple[str, ...], widths: list[int], cut: bool = False) -> Row:
    part = {CHANGED: "changed", READ: "read"}.get(mark, "")
    value = sighting.value
    pieces: list[Piece] = [(mark, part), (POINTED_OUT if cut else " ", "bad" if cut else part)]
    if mark == WATCHED and widths[ROLE]:  # an expression has none: it may be written there, too
        widths = [*widths]
        widths[NAME], widths[ROLE] = widths[NAME] + 1 + widths[ROLE], 0
    for index, (column, width, text) in enumerate(zip(COLUMNS, widths, cells, strict=True)):
        if not width:
            continue
        if index == HEALTH and text:
            pieces += [*pill(value.summary), (" ", "")]
            continue
        style = "" if column.right or index == SHAPE else "muted"
        if index == NAME:
            # what the script has no name for is written as it stands there, and steps back behind the names
            style = part or ("" if value.label.replace(".", "").isidentifier() else "muted")
        elif index == SPREAD:
            style = "line"
        elif index == ROLE:
            style = value.role if value.role in TensorsPanel.PARTS else style
            text = text if len(text) <= width else short_role(text)
        elif index == NONFINITE and value.summary.nonfinite:
            style = "bad"
            text = text if len(text) <= width else figures.kinds(value.summary)
        pieces.append(((text.rjust(width) if column.right else figures.fit(text, width)) + " ", style))
    return Row(tuple(pieces), "touched" if mark == CHANGED else "")
