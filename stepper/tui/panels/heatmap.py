"""A heat map as rows of pieces: colour by level, and a glyph in each cell for those who see no colour.

Pure: turns windows into text and level names. Which colours the levels have is the panel's business.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain

from stepper.record import Summary, Window
from stepper.tui import figures
from stepper.tui.panels.lines import Piece

LEVELS = 6
"""Steps of colour on each side of zero."""
POSITIVE = ("'", "+", "#")
NEGATIVE = (",", "-", "=")
BLOCKED, NAN, BELOW_ALL, ABOVE_ALL = "×", "?", "«", "»"
MASK = (" ", "·", ":", "+", "x", BLOCKED)
"""From none of a cell blocked to all of it."""
ABOVE, BELOW = "▲", "▼"
"""Beyond the scale: clipped to the strongest colour."""
ROUNDING = 1.000001
NUMBER = 7
"""A cell of this many columns shows its value in figures."""
SIGNS = f"{' '.join(NEGATIVE[::-1])} negative · {' '.join(POSITIVE)} positive"


@dataclass(frozen=True)
class Grid:
    """How a matrix is laid out: `rows` × `columns` cells, `wide` × `high` characters each, of `pooled` elements, which
    may be `whole` numbers all, or `unsigned`: none of their dtype is negative."""

    rows: int
    columns: int
    wide: int
    high: int
    pooled: tuple[int, int]
    whole: bool = False
    unsigned: bool = False

    @property
    def is_pooled(self) -> bool:
        """Whether a cell stands for more than one element."""
        return self.pooled != (1, 1)


def matrix(shape: tuple[int, ...]) -> tuple[int, int]:
    """Rows and columns of a tensor's last two axes: (1, 1) for a 0-d one, (1, n) for a 1-d one."""
    if not shape:
        return (1, 1)
    return (1, shape[0]) if len(shape) == 1 else (shape[-2], shape[-1])


def layout(extent: tuple[int, int], width: int, height: int) -> Grid | None:
    """The grid for a matrix of `extent` in `width` × `height` characters; None where there is nothing to draw."""
    rows, columns = extent
    if rows <= 0 or columns <= 0 or width <= 0 or height <= 0:
        return None
    down, across = math.ceil(rows / height), math.ceil(columns / width)
    shown_rows, shown_columns = math.ceil(rows / down), math.ceil(columns / across)
    wide = min(NUMBER + 1, width // shown_columns)
    high = min(2 if wide > 3 else 1, height // shown_rows)
    return Grid(shown_rows, shown_columns, wide, high, (down, across))


def cell(extent: tuple[int, int], zoom: int, width: int, height: int) -> tuple[int, int]:
    """How wide and high a cell is, in characters, where it covers `zoom` elements down and across, or, at 0, as many as
    it must for all to be seen: as large as there is room for, up to what shows a figure."""
    if not zoom:
        grid = layout(extent, width, height)
        return (grid.wide, grid.high) if grid is not None else (1, 1)
    rows, columns = (max(1, math.ceil(count / zoom)) for count in extent)
    wide = max(1, min(NUMBER + 1, width // columns))
    return (wide, max(1, min(2 if wide > 3 else 1, height // rows)))


def limit(*windows: Window | None) -> float:
    """The size that gets the strongest colour: the 98th percentile, so that one outlier does not hide the rest."""
    cells = chain.from_iterable(window.cells for window in windows if window is not None)
    sizes = sorted(map(abs, filter(math.isfinite, cells)))
    if not sizes:
        return 1.0
    return sizes[min(len(sizes) - 1, int(len(sizes) * 0.98))] or sizes[-1] or 1.0


def usual(summary: Summary) -> float:
    """The size that gets the strongest colour when single elements are shown: that of the largest element, but not
    more than three standard deviations from the mean. It stays the same when the tensor is scrolled."""
    extremes = [abs(each) for each in (summary.min, summary.max) if each is not None and math.isfinite(each)]
    if not extremes:
        single = summary.value  # a scalar has no statistics
        return abs(single) or 1.0 if isinstance(single, int | float) and math.isfinite(single) else 1.0
    spread = abs(summary.mean or 0.0) + 3 * (summary.std or 0.0)
    return (min(max(extremes), spread) if math.isfinite(spread) and spread > 0 else max(extremes)) or 1.0


def painted(cell: float, most: float, blocked: float = 0.0) -> Piece:
    """The glyph of a cell, and the name of its style: `heat:-6` … `heat:6`, or `bad`. Of step 0 is zero only, so that a
    small entry never looks like none."""
    size = abs(cell)
    if not size < math.inf:
        return (NAN if size != size else ABOVE_ALL if cell > 0 else BELOW_ALL, "bad")
    # not LEVELS * size, which may be infinite, and neither may this
    step = LEVELS if size >= most else math.ceil(size / most * LEVELS) or (1 if size else 0)
    if blocked >= 1:
        return (BLOCKED, (_POSITIVE if cell > 0 else _NEGATIVE)[step][1])
    if size > most * ROUNDING:
        return _ABOVE if cell > 0 else _BELOW
    return (_POSITIVE if cell > 0 else _NEGATIVE)[step]


_POSITIVE, _NEGATIVE = (
    [(" ", "heat:0"), *((glyphs[step * 3 // LEVELS], f"heat:{sign}{step + 1}") for step in range(LEVELS))]
    for glyphs, sign in ((POSITIVE, ""), (NEGATIVE, "-"))
)
_ABOVE, _BELOW = (ABOVE, f"heat:{LEVELS}"), (BELOW, f"heat:-{LEVELS}")


@lru_cache(maxsize=4096)
def ceiling(share: float, most: int) -> int:
    """The step of `most` that a share between 0 and 1 falls into; 0 for none only, `most` for all only. The shares of a
    pooled mask are few: they are kept."""
    if not share > 0:
        return 0
    return most if share >= 1 else min(most - 1, max(1, math.ceil(share * (most - 1))))


def line(window: Window, mask: Window | None, index: int, grid: Grid, most: float, first: bool = True) -> list[Piece]:
    """Row `index` of the picture as pieces. `first`: whether this line of a high cell is the one with the glyphs."""
    start = index * window.columns
    cells = window.cells[start : start + window.columns]
    stopped = mask.cells[start : start + window.columns] if mask is not None else [0.0] * len(cells)
    pieces = [painted(cell, most, blocked) for cell, blocked in zip(cells, stopped, strict=False)]
    if not first:
        pieces = [(" ", name) for _, name in pieces]
    elif grid.wide > NUMBER and not grid.is_pooled:
        pieces = [
            (f"{_number(cell, grid)}{text if text in (BLOCKED, ABOVE, BELOW) else ' '}".rjust(grid.wide), name)
            for cell, (text, name) in zip(cells, pieces, strict=True)
        ]
    return _joined(pieces, grid.wide)


def mask_line(mask: Window, index: int, grid: Grid, first: bool = True) -> list[Piece]:
    """Row `index` of a mask: how much of each cell is blocked."""
    painted: list[Piece] = []
    for share in mask.cells[index * mask.columns : (index + 1) * mask.columns]:
        step = ceiling(share, len(MASK) - 1)
        painted.append((MASK[step] if first else " ", f"mask:{step}"))
    return _joined(painted, grid.wide)


def _joined(cells: list[Piece], wide: int) -> list[Piece]:
    """Cells of `wide` characters; neighbours of one style are one piece."""
    pieces: list[Piece] = []
    run, style = "", ""
    for text, name in cells:
        if wide > 1:
            text = _centred(text, wide)
        if name == style:
            run += text
            continue
        if run:
            pieces.append((run, style))
        run, style = text, name
    if run:
        pieces.append((run, style))
    return pieces


_centred = lru_cache(maxsize=256)(str.center)


def _number(cell: float, grid: Grid) -> str:
    if not math.isfinite(cell):
        return figures.figure(cell)
    return _signed(cell, grid.whole).removeprefix("+" if grid.unsigned else "")


def _signed(cell: float, whole: bool) -> str:
    if whole and abs(cell) < 1e5:
        return f"{cell:+.0f}"
    text = f"{cell:+.2f}" if 0.01 <= abs(cell) < 100 or cell == 0 else f"{cell:+.0f}" if 100 <= abs(cell) < 1e5 else ""
    if text:
        return text
    mantissa, power = f"{cell:+.0e}".split("e")
    return f"{mantissa}e{int(power)}"
