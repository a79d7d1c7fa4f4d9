"""How numbers and shapes are written on the screen. Pure text: knows no widget."""

import math
import struct

from rich.cells import cell_len

from stepper.record import Summary

WIDTH = 7
"""No figure is longer than this unless asked for, sign and exponent included."""


COMING = "…"
"""In place of a figure that is still being worked out, and behind one that still grows."""


def figure(number: float | None, width: int = WIDTH) -> str:
    """`number` in at most `width` characters: `12.35`, `2.835e7`, `-1e-10`, `nan`, `∞`, `-∞`; `–` for none."""
    if number is None:
        return "–"
    if isinstance(number, float) and math.isnan(number):
        return "nan"
    if isinstance(number, float) and math.isinf(number):
        return "∞" if number > 0 else "-∞"
    if number == 0:
        return "0"
    size = abs(number)
    if size < 1_000_000 and float(number).is_integer():
        return str(int(number))
    if 0.001 <= size < 99_999.5:
        for digits in range(max(4, width - 2), 1, -1):
            text = f"{number:.{digits}g}"
            if "e" not in text and len(text) <= width:
                return text
    for digits in range(max(3, width - 5), -1, -1):
        text = _exponent(number, digits)
        if len(text) <= width:
            return text
    return _exponent(number, 0)


class Element(str):
    """An element that no float holds, written out."""


def exact(number: float | Element, dtype: str) -> str:
    """All digits that tell `number` from its neighbours of the same dtype."""
    if isinstance(number, Element):
        if not dtype.startswith("complex"):
            return number
        both, part = complex(number), "float32" if dtype == "complex64" else "float64"
        imaginary = exact(both.imag, part)
        return f"{exact(both.real, part)}{'' if imaginary.startswith('-') else '+'}{imaginary}j"
    if math.isnan(number) or math.isinf(number):
        return figure(number)
    if "int" in dtype and float(number).is_integer():
        return str(int(number))
    if dtype == "bool" and number in (0, 1):
        return str(bool(number))
    code = {"float32": "f", "float16": "e"}.get(dtype)
    if dtype == "bfloat16":
        return f"{number:.4g}"
    if code is None:
        return repr(float(number))
    for digits in range(3, 17):
        text = f"{number:.{digits}g}"
        try:
            if struct.unpack(code, struct.pack(code, float(text)))[0] == number:
                return text
        except OverflowError:  # rounded up beyond the range
            continue
    return repr(float(number))


def _exponent(number: float, digits: int) -> str:
    try:
        mantissa, power = f"{float(number):.{digits}e}".split("e")
    except OverflowError:  # a Python int beyond the range of floats
        text = str(abs(int(number)))
        mantissa, power = ("-" if number < 0 else "") + text[0], str(len(text) - 1)
    if "." in mantissa:
        mantissa = mantissa.rstrip("0").rstrip(".")
    return f"{mantissa}e{int(power)}"


def count(number: int | None) -> str:
    """A count in at most seven characters: `6400`, `12.3k`, `4.5M`."""
    if number is None:
        return "–"
    if number < 100_000:
        return str(number)
    for unit, size in (("G", 10**9), ("M", 10**6), ("k", 10**3)):
        if number >= size:
            return f"{number / size:.3g}{unit}" if number < 1000 * size else f"{number // size}{unit}"
    return str(number)


def duration(nanoseconds: int) -> str:
    """A time in at most six characters: `85µs`, `1.2ms`, `340ms`, `2.1s`; empty where it is unknown."""
    if nanoseconds <= 0:
        return ""
    for unit, size in (("s", 10**9), ("ms", 10**6), ("µs", 10**3)):
        if nanoseconds >= size:
            number = nanoseconds / size
            return f"{number:.1f}{unit}" if number < 10 else f"{number:.0f}{unit}"
    return f"{nanoseconds}ns"


def shape(extents: tuple[int, ...] | None) -> str:
    """A shape as Python writes it: `(64, 100)`, `(64,)`, `()`; empty where the value has none."""
    if extents is None:
        return ""
    if len(extents) == 1:
        return f"({extents[0]},)"
    return "(" + ", ".join(map(str, extents)) + ")"


def tight(text: str) -> str:
    """A shape without blanks: `(64,100)`."""
    return text.replace(", ", ",")


def scalar(value: bool | int | float | str | None) -> str:
    """A scalar's value in few characters."""
    if isinstance(value, bool) or value is None:
        return str(value)
    if isinstance(value, str):
        text = value.replace("\n", "⏎")
        return f"'{text[:20]}…'" if len(text) > 21 else f"'{text}'"
    return figure(value)


def brief(summary: Summary) -> str:
    """What is said of a value at the end of a source line: its shape, or a scalar's value; else its type."""
    if summary.kind == "scalar":
        return scalar(summary.value)
    if summary.kind == "tensor":
        if summary.size == 1 and summary.mean is not None:
            return figure(summary.mean)
        if summary.size == 1 and summary.nonfinite:
            return "nan" if summary.nan else "∞" if summary.inf else "-∞"
        text = shape(summary.shape)
        return f"{text} {nonfinite(summary)}" if summary.nonfinite else text
    return ""


def nonfinite(summary: Summary) -> str:
    """How many elements are NaN and infinite: `12 nan`, `3 ∞`, `12 nan 3 ∞`; empty where all are finite."""
    infinite = (summary.inf or 0) + (summary.neginf or 0)
    parts = [f"{count(summary.nan)} nan"] if summary.nan else []
    if infinite:
        parts.append(f"{count(infinite)} ∞")
    return " ".join(parts)


def kinds(summary: Summary) -> str:
    """The same where there is no room for how many."""
    infinite = (summary.inf or 0) + (summary.neginf or 0)
    return " ".join(kind for kind, number in (("nan", summary.nan), ("∞", infinite)) if number)


def middle(text: str, width: int, head: int | None = None) -> str:
    """`text` in at most `width` columns, cut in the middle: long names differ at their ends. `head`: columns that are
    kept before the cut; a third without it."""
    if cell_len(text) <= width:
        return text
    if width < 2:
        return beginning(text, width)
    first = beginning(text, min(width - 1, (width - 1) // 3 if head is None else head))
    return f"{first}…{ending(text, width - 1 - cell_len(first))}"


def fit(text: str, width: int) -> str:
    """`text` in exactly `width` columns, cut with an ellipsis where it is longer."""
    if cell_len(text) > width:
        text = beginning(text, width - 1) + "…" if width > 0 else ""
    return text + " " * (width - cell_len(text))


def beginning(text: str, width: int) -> str:
    """As much of the beginning of `text` as `width` columns hold: a wide character takes two."""
    if text.isascii():
        return text[: max(0, width)]
    used = 0
    for at, character in enumerate(text):
        used += cell_len(character)
        if used > width:
            return text[:at]
    return text


def ending(text: str, width: int) -> str:
    """As much of the end of `text` as `width` columns hold."""
    used = 0
    for at in range(len(text) - 1, -1, -1):
        used += cell_len(text[at])
        if used > width:
            return text[at + 1 :]
    return text
