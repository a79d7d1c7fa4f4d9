"""A line chart in braille dots: for each dot column the range of the values that fall into it. Pure.

Source of the dots' numbering: Unicode's Braille Patterns block (U+2800), bits by column, then row.
"""

import math
from dataclasses import dataclass, field
from itertools import pairwise

from stepper.tui.panels.series import Bucket, Series

_BITS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))


@dataclass
class Picture:
    """`rows` of text from the top, `beside` those of another series; `marks` are columns with NaN (`?`) or infinite
    (`∞`) losses; `low` and `high` the values at the bottom and the top edge (None where there is nothing to draw)."""

    rows: list[str]
    beside: list[str] = field(default_factory=list)
    low: float | None = None
    high: float | None = None
    marks: dict[int, str] = field(default_factory=dict)


def draw(series: Series, width: int, height: int, logarithmic: bool, beside: Series | None = None) -> Picture:
    """`series` in `width` × `height` characters, with another one on the same scales `beside` it. On a logarithmic
    scale, what is not above zero leaves a gap."""
    blank = [" " * width for _ in range(height)]
    if width <= 0 or height <= 0 or not series.count:
        return Picture(blank)
    drawn = [series] if beside is None else [series, beside]
    count = max(each.count for each in drawn)
    both = [_columns(each, width * 2, count) for each in drawn]
    columns = both[0]
    marks: dict[int, str] = {}
    for index, bucket in enumerate(columns):
        if bucket is not None and (bucket.nan or bucket.infinite):
            mark = "∞" if bucket.infinite else "?"
            marks[index // 2] = "∞" if marks.get(index // 2) == "∞" else mark
    ranges = [[_range(bucket, logarithmic) for bucket in each] for each in both]
    there = [found for each in ranges for found in each if found]
    if not there:
        return Picture(blank, marks=marks)
    low, high = min(found[0] for found in there), max(found[1] for found in there)
    if high - low <= 1e-12 * max(abs(low), abs(high)):
        spread = abs(high) * 0.01 or 1.0
        low, high = low - spread, high + spread
    rows = []
    for found, each in zip(ranges, both, strict=True):
        _bridge(found, {index for index, bucket in enumerate(each) if bucket and bucket.finite and not found[index]})
        rows.append(_curve(found, low, high, width, height))
    if logarithmic:
        low, high = 10**low, 10**high
    return Picture(rows[0], rows[1] if beside is not None else [], low, high, marks)


def _curve(ranges: list[tuple[float, float] | None], low: float, high: float, width: int, height: int) -> list[str]:
    """Ranges, one for each dot column, as lines of text."""
    dots = height * 4
    grid = [[0] * width for _ in range(height)]
    previous: tuple[int, int] | None = None
    for index, found in enumerate(ranges):
        if found is None:
            previous = None
            continue
        top = round((high - found[1]) / (high - low) * (dots - 1))
        bottom = round((high - found[0]) / (high - low) * (dots - 1))
        first, last = top, bottom
        if previous is not None:  # join steep pieces, so that the curve has no holes
            first, last = min(top, previous[1] + 1), max(bottom, previous[0] - 1)
        previous = (top, bottom)
        for dot in range(max(0, first), min(dots - 1, last) + 1):
            grid[dot // 4][index // 2] |= _BITS[index % 2][dot % 4]
    return ["".join(chr(0x2800 + bits) if bits else " " for bits in line) for line in grid]


def column_of(iteration: int, count: int, width: int) -> int | None:
    """The character column of an iteration in a chart of `count` iterations; None where it is outside."""
    if not 0 <= iteration < count or width <= 0:
        return None
    if count >= width * 2:
        return iteration * width * 2 // count // 2
    return round(iteration * (width * 2 - 1) / max(1, count - 1)) // 2


def _columns(series: Series, wide: int, count: int) -> list[Bucket | None]:
    """A series' buckets on an axis of `count` iterations."""
    columns: list[Bucket | None] = [None] * wide
    for index, bucket in enumerate(series.buckets):
        start = index * series.size
        column = start * wide // count if count >= wide else round(start * (wide - 1) / max(1, count - 1))
        there = columns[column]
        if there is None:
            there = columns[column] = Bucket()
        there.merge(bucket)
    return columns


def _range(bucket: Bucket | None, logarithmic: bool) -> tuple[float, float] | None:
    if bucket is None or not bucket.finite:
        return None
    if not logarithmic:
        return (bucket.low, bucket.high)
    if bucket.high <= 0:
        return None
    return (math.log10(bucket.low_positive), math.log10(bucket.high))


def _bridge(ranges: list[tuple[float, float] | None], left_out: set[int]) -> None:
    """Fill the gaps between neighbouring points along a straight line, where there are fewer points than columns, and
    none of them is left out there."""
    known = [index for index, found in enumerate(ranges) if found is not None]
    for left, right in pairwise(known):
        start, end = ranges[left], ranges[right]
        if start is None or end is None or not left_out.isdisjoint(range(left, right)):
            continue
        for index in range(left + 1, right):
            share = (index - left) / (right - left)
            value = start[0] + (end[0] - start[0]) * share
            ranges[index] = (value, value)
