"""The lines of the viewer: title, reading, map, table, histogram. Pure."""

from __future__ import annotations

import math

from rich.cells import cell_len

from stepper.record import Survey, Value, Window
from stepper.tui import figures
from stepper.tui.names import Names
from stepper.tui.panels import heatmap
from stepper.tui.panels.columns import short
from stepper.tui.panels.lines import Piece, Row, mark, muted, pad
from stepper.tui.panels.subject import Subject
from stepper.tui.pictures import UNKEPT
from stepper.tui.view import Grid, View

HEAD = 2
HISTOGRAM = 6
SHORT = 8
"""Lines above the picture, and of the histogram below it; columns of a name in the title at least."""
_EIGHTHS = " ▁▂▃▄▅▆▇█"


def message_lines(subject: Subject | None, recorded: bool, width: int) -> list[Row]:
    """What is said where there is no picture."""
    if not recorded:
        return []
    if subject is None:
        return muted("This statement has no tensor; enter in Tensors opens one.", width)
    if subject.value is None:
        return [Row(((subject.label, "strong"), ("  has no value yet", "muted")))]
    summary = subject.value.summary
    head = [(subject.label, "strong"), (f"  {figures.shape(summary.shape)} {summary.dtype or summary.type}", "muted")]
    if summary.kind == "scalar":
        value = summary.value
        return [Row(tuple(head)), Row(((repr(value) if isinstance(value, float) else str(value), ""),))]
    return [Row(tuple(head)), Row(((nothing_to_move_to(subject.value), "muted"),))]


def nothing_to_move_to(value: Value | None) -> str:
    """Why there is no element to look at."""
    if value is None:
        return "There is no tensor here."
    if value.summary.kind == "scalar":
        return "It is a single number."
    empty = value.summary.shape is not None and 0 in value.summary.shape
    return "It has no element." if empty else "Its values were not kept."


def sentence(problem: str) -> str:
    """Why its elements could not be had, as `pictures.reason` has it."""
    return f"Its elements were {UNKEPT}." if problem == UNKEPT else f"{problem[:1].upper()}{problem[1:]}."


def is_complex(dtype: str) -> bool:
    """Whether what is read of the elements are absolute values."""
    return dtype.startswith("complex")


def title_line(subject: Subject, names: Names, view: View, what: str, grid: Grid | None, width: int) -> Row:
    """Name, slice, shape, and how much of it is seen; a name that can be read is worth more than all the words."""
    said = _said(subject, view, what)
    rooms = [width - sum(cell_len(text) for text, _ in pieces) for pieces in said]
    names_in = ((form, at) for form in names.forms(subject.label) for at, room in enumerate(rooms))
    name, at = next(
        ((form, at) for form, at in names_in if cell_len(form) <= rooms[at]),
        (names.fitted(subject.label, max(SHORT, rooms[-1])), len(said) - 1),
    )
    pieces: list[Piece] = [(name, "strong"), *said[at]]
    right: list[Piece] = []
    if grid is not None and grid.factor != (1, 1):
        right = [(f"1 cell = {view.size(grid.factor)}", "muted")]
    if sum(cell_len(text) for text, _ in [*pieces, *right]) >= width:
        right = []
    return Row(pad(pieces, right, width))


def _said(subject: Subject, view: View, what: str) -> list[list[Piece]]:
    """What is said behind the name, and the same in less and less room."""
    summary = subject.value.summary if subject.value is not None else None
    slice_ = f" {view.slice}" if view.fixed or view.turned else ""
    dtype = summary.dtype or "" if summary is not None else ""
    magnitude = " |z|" if is_complex(dtype) else ""
    pooled = subject.value is not None and subject.value.pooled
    shape = figures.shape(view.shape)
    forms = (
        (f"{shape} {dtype}", "pooled picture only (--memory)", f"ahead of the cursor, {subject.ahead}"),
        (f"{shape} {dtype}", "pooled (--memory)", f"ahead, {subject.ahead}"),
        (f"{shape} {short(dtype)}", "pooled", f"ahead, {subject.ahead}"),
        (f"{figures.tight(shape)} {short(dtype)}", "pooled", "ahead"),
    )
    return [
        [
            (slice_, "heading"),
            (f"  {kind}{magnitude}", "muted"),
            *([(f"  {picture}", "note")] if pooled else []),
            *([(f"  {what}", "note")] if subject.before is not None else []),
            *([(f"  {ahead}", "note")] if subject.ahead else []),
        ]
        for kind, picture, ahead in forms
    ]


def reading(view: View, grid: Grid, window: Window, value: float | str | None, dtype: str, width: int) -> Row:
    """The element under the cursor, the cell it lies in, and what part of the tensor is in view."""
    index = f"[{', '.join(map(str, view.index))}] " if view.index else ""
    whole = isinstance(value, figures.Element)
    pieces: list[Piece] = [(f"{index}{'|z| ' if is_complex(dtype) and not whole else ''}= ", "muted")]
    if isinstance(value, str) and not isinstance(value, figures.Element):
        pieces.append((value, "note"))
    else:
        pieces.append(("…" if value is None else figures.exact(value, dtype), "strong"))
    cell = grid.cell(*view.place)
    if cell is not None and grid.factor != (1, 1):
        top, bottom, left, right = grid.span(cell)
        mean = window.cells[cell[0] * window.columns + cell[1]]
        pieces.append((f"  mean of {view.part(top, bottom, left, right)} {figures.figure(mean)}", "muted"))
    rows, columns = view.extent
    seen: list[Piece] = []
    if (grid.bottom - grid.top, grid.right - grid.left) != (rows, columns):
        seen = [(view.part(grid.top, grid.bottom, grid.left, grid.right), "muted")]
    if sum(len(text) for text, _ in [*pieces, *seen]) >= width:
        seen = []
    return Row(pad(pieces, seen, width))


def map_lines(view: View, grid: Grid, window: Window, wide: int, high: int, most: float, dtype: str = "") -> list[Row]:
    """The heat map, a row of cells in `high` lines, the cursor's cell in a style of its own."""
    whole = dtype == "bool" or dtype.lstrip("u").startswith("int")
    unsigned = dtype == "bool" or dtype.startswith("uint") or is_complex(dtype)
    layout = heatmap.Grid(grid.rows, grid.columns, wide, high, grid.factor, whole, unsigned)
    at = grid.cell(*view.place)
    rows: list[Row] = []
    for index in range(window.rows):
        for within in range(high):
            first = within == (high - 1) // 2
            pieces: tuple[Piece, ...] = tuple(heatmap.line(window, None, index, layout, most, first))
            if at is not None and at[0] == index:
                pieces = mark(pieces, at[1] * wide, (at[1] + 1) * wide, "cell")
            rows.append(Row(pieces))
    return rows


def table_lines(view: View, grid: Grid, window: Window, wide: int, left: int) -> list[Row]:
    """The elements in figures, with row and column numbers; where a cell is a mean, with the ranges that it covers."""
    at = grid.cell(*view.place)
    spans = [grid.span((0, column))[2:] for column in range(window.columns)]
    heading = " " * left + "".join(f"{_range(*span):>{wide}}" for span in spans)
    rows = [Row(((heading, "heading"),))]
    for index in range(window.rows):
        cells = window.cells[index * window.columns : (index + 1) * window.columns]
        pieces: list[Piece] = [(f"{_range(*grid.span((index, 0))[:2]):>{left - 1}} ", "heading")]
        for column, cell in enumerate(cells):
            chosen = at == (index, column)
            name = "cell" if chosen else "" if math.isfinite(cell) else "bad"
            pieces.append((f"{figures.figure(cell, wide - 1):>{wide}}", name))
        rows.append(Row(tuple(pieces)))
    return rows


def _range(first: int, end: int) -> str:
    return str(first) if end - first == 1 else f"{first}:{end}"


def histogram_lines(survey: Survey | str | None, width: int, size: int) -> list[Row]:
    """Bars of eighths, four lines high, over the range of the elements and the whole width; above them how many were
    counted."""
    if not isinstance(survey, Survey):
        return [Row(), Row(((survey or "counting …", "muted"),))]
    if not survey.counts:
        return [Row(), Row((("No finite element to count.", "muted"),))]
    together = math.ceil(len(survey.counts) / max(1, width))
    bins = [sum(survey.counts[index : index + together]) for index in range(0, len(survey.counts), together)]
    bars = [bins[column * len(bins) // width] for column in range(width)]
    most = max(bins)
    high = HISTOGRAM - 2
    of = f"{figures.count(survey.counted)} of {figures.count(size)} elements" if survey.counted < size else ""
    rows = [Row(((f"histogram  tallest bin {figures.count(most)}  {of}", "muted"),))]
    for line in range(high, 0, -1):
        text = ""
        for count in bars:
            eighths = math.ceil(count / most * high * 8) - (line - 1) * 8
            text += _EIGHTHS[max(0, min(8, eighths))]
        rows.append(Row(((text, "line"),)))
    low, top = figures.figure(survey.low), figures.figure(survey.high)
    return [*rows, Row(((f"{low}{top:>{max(1, width - len(low))}}", "muted"),))]
