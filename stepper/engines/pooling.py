"""Pictures of tensors: which elements a window's cells cover, and their means.

Cell i of r covers rows ⌊i·H/r⌋ to ⌊(i+1)·H/r⌋, and there are never more cells than elements. Knows of NumPy only in
`pool`; the same rule on other devices is in `device`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

from stepper.engines.arrays import numpy_module
from stepper.record import Region, Window

BAND = 1 << 22  # elements that are looked at together, so that converted copies stay small
EXACT = 1 << 16  # elements up to which float32 is summed in float64, since it costs nothing
LARGEST = 1 << 53  # up to here floats hold every integer
LIFT = 70  # sums of up to 2^70 numbers scaled by 2^-70 cannot overflow


def resolve(shape: Sequence[int], region: Region | None) -> Region:
    """`region` (None: all) cut to what a tensor of this shape has, with every leading index filled in.

    Raises LookupError where a leading index is out of range.
    """
    extents = tuple(shape)
    height = extents[-2] if len(extents) > 1 else 1
    width = extents[-1] if extents else 1
    outer = extents[:-2]
    given = region.leading[: len(outer)] if region is not None else ()
    leading = given + (0,) * (len(outer) - len(given))
    for index, extent in zip(leading, outer, strict=True):
        if not 0 <= index < max(1, extent):
            raise LookupError(f"leading index {index} is out of range for an axis of {extent}")
    if region is None:
        top, bottom, left, right = 0, height, 0, width
    else:
        top = min(max(0, region.top), height)
        bottom = min(max(top, region.bottom), height)
        left = min(max(0, region.left), width)
        right = min(max(left, region.right), width)
    if 0 in outer:
        bottom = top
    return Region(top, bottom, left, right, leading)


def edges(extent: int, cells: int) -> list[int]:
    """Where each of `cells` begins among `extent` elements, and the end of the last."""
    return [index * extent // cells for index in range(cells + 1)]


def window(
    shape: Sequence[int],
    region: Region | None,
    rows: int,
    columns: int,
    cells: Callable[[Region, int, int], list[float]],
    element: Callable[[Region], object] | None = None,
) -> Window:
    """A window over `region`; `cells` computes the means over a resolved region, in so many rows and columns, and
    `element`, where there is more than a picture, answers the number that is the whole of one."""
    where = resolve(shape, region)
    height, width = where.bottom - where.top, where.right - where.left
    rows, columns = min(max(0, rows), height), min(max(0, columns), width)
    if not rows or not columns:
        return Window(tuple(shape), where, 0, 0, [])
    exact = _exact(element(where)) if element is not None and height == width == 1 else ""
    return Window(tuple(shape), where, rows, columns, cells(where, rows, columns), exact)


def _exact(number: object) -> str:
    """A number that a float of 64 bits may not hold, written out; empty for those that it holds."""
    if isinstance(number, complex):
        return repr(number).strip("()")
    return str(number) if isinstance(number, int) and abs(number) > LARGEST else ""


def pool(read: Callable[[int, int], Any], height: int, width: int, rows: int, columns: int) -> list[float]:
    """Means over the cells of a matrix. `read(top, bottom)` gives rows of it, (n, width), as a NumPy array of numbers.

    NumPy's error state must be neutral.
    """
    if (rows, columns) == (height, width):  # an element is its own mean
        elements: list[float] = _numbers(read(0, height)).astype("float64", copy=False).ravel().tolist()
        return elements
    starts, across = edges(height, rows), edges(width, columns)
    step = max(1, rows * BAND // max(1, height * width))
    cells: list[float] = []
    for first in range(0, rows, step):
        bounds = starts[first : first + step + 1]
        block = _numbers(read(bounds[0], bounds[-1]))
        down = [bound - bounds[0] for bound in bounds]
        cells.extend(_means(block, down, across))
    return cells


def _numbers(block: Any) -> Any:
    """A block as float32 or float64: true is 1, complex numbers count by absolute value."""
    numpy = numpy_module()
    if block.dtype.kind == "c":
        block = numpy.absolute(block)
    if block.dtype.char == "f" and block.size > EXACT and block.dtype.isnative:
        return block
    return block.astype(numpy.float64, copy=False)


def _means(block: Any, down: list[int], across: list[int]) -> list[float]:
    numpy = numpy_module()
    counts = numpy.multiply.outer(numpy.diff(down), numpy.diff(across))
    means = _sums(block, down, across) / counts
    wrong = ~numpy.isfinite(means)
    if wrong.any() and block.size > means.size:
        # Finite numbers whose sum is beyond the range; an infinity or a NaN that is really there stays
        lifted = numpy.ldexp(block.astype(numpy.float64), -LIFT)
        means[wrong] = numpy.ldexp(_sums(lifted, down, across) / counts, LIFT)[wrong]
    cells: list[float] = means.ravel().tolist()
    return cells


def _sums(block: Any, down: list[int], across: list[int]) -> Any:
    """Columns first: that leaves little, and sums along memory are fast and pairwise."""
    numpy = numpy_module()
    if len(across) - 1 < block.shape[1]:
        block = numpy.add.reduceat(block, across[:-1], axis=1)
    block = block.astype(numpy.float64, copy=False)
    if len(down) - 1 < block.shape[0]:
        block = numpy.add.reduceat(block, down[:-1], axis=0)
    return block


def part_of_picture(picture: Window, region: Region | None, rows: int, columns: int) -> Window:
    """A window over a tensor of which only a picture of the whole is left: means of the picture's cells.

    Raises LookupError for other leading indices than those of the picture, and for a part in cells that are smaller.
    """
    whole, part = picture.region, resolve(picture.shape, region)
    if part.leading != whole.leading:
        raise LookupError("only a pooled picture of the first page of this value is kept: see --memory")
    finer = rows * whole.bottom > picture.rows * (part.bottom - part.top)
    finer = finer or columns * whole.right > picture.columns * (part.right - part.left)
    if finer and part != whole:
        raise LookupError(
            f"only a pooled picture of {picture.rows}×{picture.columns} cells of this value is kept: see --memory"
        )

    def cells(where: Region, rows: int, columns: int) -> list[float]:
        down = _spans(where.top, where.bottom, rows, whole.bottom, picture.rows)
        across = _spans(where.left, where.right, columns, whole.right, picture.columns)
        lines = [picture.cells[row * picture.columns : (row + 1) * picture.columns] for row in range(picture.rows)]
        return [
            sum(sum(line[left:right]) for line in lines[top:bottom]) / ((bottom - top) * (right - left))
            for top, bottom in down
            for left, right in across
        ]

    return window(picture.shape, region, rows, columns, cells)


def _spans(first: int, last: int, cells: int, extent: int, kept: int) -> list[tuple[int, int]]:
    """Which of the `kept` cells along an axis of `extent` elements lie under each of `cells` over a part of it."""
    bounds = [first + bound for bound in edges(last - first, cells)]
    return [
        (start * kept // extent, max(start * kept // extent + 1, end * kept // extent))
        for start, end in pairwise(bounds)
    ]


def pool_numbers(rows_of_numbers: Sequence[Sequence[float]], rows: int, columns: int) -> list[float]:
    """Means over the cells of a few plain numbers, row by row, without NumPy."""
    down, across = edges(len(rows_of_numbers), rows), edges(len(rows_of_numbers[0]), columns)
    cells: list[float] = []
    for top, bottom in pairwise(down):
        band = rows_of_numbers[top:bottom]
        for left, right in pairwise(across):
            count = (bottom - top) * (right - left)
            cells.append(sum(sum(each / count for each in row[left:right]) for row in band))
    return cells
