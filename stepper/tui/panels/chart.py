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
    """`rows` of text from the top; `marks` are columns with NaN (`?`) or infinite (`∞`) losses; `low` and `high` the
    values at the bottom and the top edge (None where there is nothing to draw)."""

    rows: list[str]
    low: float | None = None
    high: float | None = None
    marks: dict[int, str] = field(default_factory=dict)


def draw(series: Series, width: int, height: int, logarithmic: bool) -> Picture:
    """`series` in `width` × `height` characters. On a logarithmic scale, what is not above zero leaves a gap."""
    blank = [" " * width for _ in range(height)]
    if width <= 0 or height <= 0 or not series.count:
        return Picture(blank)
    columns = _columns(series, width * 2)
    marks: dict[int, str] = {}
    for index, bucket in enumerate(columns):
        if bucket is not None and (bucket.nan or bucket.infinite):
            mark = "∞" if bucket.infinite else "?"
            marks[index // 2] = "∞" if marks.get(index // 2) == "∞" else mark
    ranges = [_range(bucket, logarithmic) for bucket in columns]
    lows = [low for found in ranges if found for low in found[:1]]
    highs = [found[1] for found in ranges if found]
    if not lows:
        return Picture(blank, marks=marks)
    low, high = min(lows), max(highs)
    if high - low <= 1e-12 * max(abs(low), abs(high)):
        spread = abs(high) * 0.01 or 1.0
        low, high = low - spread, high + spread
    _bridge(ranges, {index for index, bucket in enumerate(columns) if bucket and bucket.finite and not ranges[index]})
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
    rows = ["".join(chr(0x2800 + bits) if bits else " " for bits in line) for line in grid]
    if logarithmic:
        low, high = 10**low, 10**high
    return Picture(rows, low, high, marks)


def column_of(iteration: int, count: int, width: int) -> int | None:
    """The character column of an iteration in a chart of `count` iterations; None where it is outside."""
    if not 0 <= iteration < count or width <= 0:
        return None
    if count >= width * 2:
        return iteration * width * 2 // count // 2
    return round(iteration * (width * 2 - 1) / max(1, count - 1)) // 2


def _columns(series: Series, wide: int) -> list[Bucket | None]:
    columns: list[Bucket | None] = [None] * wide
    for index, bucket in enumerate(series.buckets):
        start = index * series.size
        if series.count >= wide:
            column = start * wide // series.count
        else:
            column = round(start * (wide - 1) / max(1, series.count - 1))
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
