"""Arrays and numbers as text for a terminal's width, without NumPy: only from what a record holds."""

import math
from collections.abc import Iterator, Sequence

from stepper.record import Array, Summary
from stepper.session.export import elements

SMALL = 100  # elements that are still shown in full
LINE = 120  # letters that a line may take before it is folded
EDGE = 3  # rows and columns that are shown at each end of what is larger

Number = bool | int | float | complex


def number(value: Number | None, digits: int = 5) -> str:
    """A number in few characters: 5 significant digits, `nan` and `inf` by name, `-` for none."""
    if value is None:
        return "-"
    if isinstance(value, bool | int):
        return str(value)
    if isinstance(value, complex):
        imaginary = number(value.imag, digits)
        return f"{number(value.real, digits)}{'' if imaginary[0] in '+-' else '+'}{imaginary}j"
    return f"{value:.{digits}g}" if math.isfinite(value) else str(value)


def shape_text(shape: Sequence[int] | None) -> str:
    """`(64, 1000)`, as Python writes it; empty for what has no shape."""
    if shape is None:
        return ""
    return f"({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})"


def summary_text(summary: Summary) -> str:
    """One line of what is known of a value: shape, type and statistics, and a warning of what is not finite."""
    if summary.kind == "other":
        return summary.type
    if summary.kind == "scalar":
        value = summary.value
        text = value if isinstance(value, str) else str(value)
        return f"{text}  {summary.type}"
    parts = [shape_text(summary.shape), summary.dtype or summary.type]
    if summary.device not in (None, "cpu"):
        parts.append(str(summary.device))
    parts += [f"{name} {number(value)}" for name, value in _statistics(summary)]
    if summary.nonfinite:
        counts = (("nan", summary.nan), ("inf", summary.inf), ("-inf", summary.neginf))
        parts.append("! " + ", ".join(f"{count} {name}" for name, count in counts if count))
    return "  ".join(parts)


def _statistics(summary: Summary) -> Iterator[tuple[str, float | None]]:
    if summary.dtype == "bool":
        yield "true", summary.positive
        yield "false", summary.zero
    elif summary.size > 1:
        yield "min", summary.min
        yield "max", summary.max
        yield "mean", summary.mean
        if summary.zero:
            yield "zeros", summary.zero
    elif summary.min is not None:
        yield "|value|" if (summary.dtype or "").startswith("complex") else "value", summary.min


def table(array: Array, indent: str) -> list[str]:
    """An array as rows of numbers: in full where it is small, its corners where it is not. Leading axes are stacked.

    Raises LookupError for a type that has no plain numbers.
    """
    cells = elements(array)
    if not cells:
        return [f"{indent}(empty)"]
    columns = array.shape[-1] if array.shape else 1
    if columns == 1 and len(cells) > 1:
        return _column(cells, indent)
    rows = [cells[start : start + columns] for start in range(0, len(cells), columns)]
    whole = len(cells) <= SMALL
    texts = [_row([number(cell, 4) for cell in row], whole) for row in (rows if whole else _ends(rows))]
    lines = _aligned(texts, indent)
    if lines is None:
        return [line for row in texts for line in _folded(row, texts, indent)]
    if not whole and len(rows) > 2 * EDGE:
        lines.insert(EDGE, indent + f"… {len(rows) - 2 * EDGE} more rows")
    return lines


def _column(cells: list[Number], indent: str) -> list[str]:
    """A column, laid down to save the page's height: as many of its cells a line as fit, transposed (`ᵀ`)."""
    texts = _row([number(cell, 4) for cell in cells], len(cells) <= SMALL)
    lines = _folded(texts, [texts], indent)
    lines[-1] += "  ᵀ"
    return lines


def _aligned(texts: list[list[str]], indent: str) -> list[str] | None:
    """A line for each row, the figures of a column below each other; None where a line would be too long."""
    widths = [max(len(row[place]) for row in texts) for place in range(len(texts[0]))]
    if len(indent) + sum(widths) + 2 * len(widths) > LINE:
        return None
    return [indent + "  ".join(f"{cell:>{width}}" for cell, width in zip(row, widths, strict=True)) for row in texts]


def _folded(row: list[str], texts: list[list[str]], indent: str) -> list[str]:
    """A row in as many lines as it takes, the figures of all rows below each other; where there are several rows, what
    goes on is indented."""
    width = max(len(cell) for each in texts for cell in each)
    more = "  " if len(texts) > 1 else ""
    count = max(1, (LINE - len(indent) - len(more)) // (width + 2))
    lines = [row[start : start + count] for start in range(0, len(row), count)]
    return [
        indent + (more if place else "") + "  ".join(f"{cell:>{width}}" for cell in line)
        for place, line in enumerate(lines)
    ]


def _row(cells: list[str], whole: bool) -> list[str]:
    if whole or len(cells) <= 2 * EDGE:
        return cells
    return [*cells[:EDGE], "…", *cells[-EDGE:]]


def _ends(rows: list[list[Number]]) -> list[list[Number]]:
    return rows if len(rows) <= 2 * EDGE else rows[:EDGE] + rows[-EDGE:]


def mask_picture(mask: Array, indent: str, width: int = 100, height: int = 16) -> list[str]:
    """A bool array as a picture: `█` where the gradient passes, `·` where it is blocked; cut to `height` × `width`."""
    cells = elements(mask)
    columns = mask.shape[-1] if mask.shape else 1
    rows = [cells[start : start + columns] for start in range(0, len(cells), columns)] if columns else []
    lines = [indent + "".join("·" if blocked else "█" for blocked in row[:width]) for row in rows[:height]]
    left_out = [f"{len(rows) - height} more rows"] if len(rows) > height else []
    left_out += [f"{columns - width} more columns"] if columns > width else []
    return lines + ([f"{indent}… {' and '.join(left_out)}"] if left_out else [])
