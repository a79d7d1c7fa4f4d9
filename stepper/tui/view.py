"""What of a tensor the viewer shows: which two axes, where the others are fixed, where the cursor is, how far it is
zoomed. Pure: turns keys into indices, and indices into regions.

A matrix is made of any tensor: axis `axes[0]` down, `axes[1]` across; −1 stands for an axis that is not there, of one
element (both for a 0-d tensor, the first for a 1-d one).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from stepper.record import Region

Index = tuple[int, ...]


@dataclass(frozen=True)
class Grid:
    """What is drawn: rows and columns `top`… `bottom`, `left`… `right`, in `rows` × `columns` cells, each of `factor`
    elements down and across (less at the lower and right edge)."""

    top: int
    bottom: int
    left: int
    right: int
    rows: int
    columns: int
    factor: tuple[int, int]

    def cell(self, row: int, column: int) -> tuple[int, int] | None:
        """The cell in which an element lies; None where it is not in view."""
        if not (self.top <= row < self.bottom and self.left <= column < self.right):
            return None
        height, width = self.bottom - self.top, self.right - self.left
        # cell i of n covers ⌊i·H/n⌋ to ⌊(i+1)·H/n⌋, as in the windows
        return (
            ((row - self.top + 1) * self.rows - 1) // height,
            ((column - self.left + 1) * self.columns - 1) // width,
        )

    def span(self, cell: tuple[int, int]) -> tuple[int, int, int, int]:
        """The rows and columns that a cell covers: top, bottom, left, right."""
        height, width = self.bottom - self.top, self.right - self.left
        return (
            self.top + cell[0] * height // self.rows, self.top + (cell[0] + 1) * height // self.rows,
            self.left + cell[1] * width // self.columns, self.left + (cell[1] + 1) * width // self.columns,
        )  # fmt: skip


@dataclass(frozen=True)
class View:
    """`index` is the cursor, one number for each axis. `zoom` is the side of a cell in elements, 0: as large as it must
    be for all to be seen. `top` and `left` are the first row and column in view."""

    shape: Index
    axes: tuple[int, int]
    index: Index
    zoom: int = 0
    top: int = 0
    left: int = 0

    @staticmethod
    def of(shape: Index) -> View:
        """The whole of the last two axes, the cursor on the first element."""
        count = len(shape)
        return View(shape, (count - 2 if count > 1 else -1, count - 1), (0,) * count)

    # ----------------------------------------------------------------------------------------------- as a matrix

    @property
    def extent(self) -> tuple[int, int]:
        """Rows and columns of the matrix."""
        down, across = self.axes
        return (self.shape[down] if down >= 0 else 1, self.shape[across] if across >= 0 else 1)

    @property
    def empty(self) -> bool:
        """Whether there is no element."""
        return 0 in self.shape

    @property
    def place(self) -> tuple[int, int]:
        """The cursor's row and column."""
        down, across = self.axes
        return (self.index[down] if down >= 0 else 0, self.index[across] if across >= 0 else 0)

    @property
    def fixed(self) -> tuple[int, ...]:
        """The axes that are not shown."""
        return tuple(axis for axis in range(len(self.shape)) if axis not in self.axes)

    @property
    def turned(self) -> tuple[int, int] | None:
        """The two axes, where they are not the last two in order."""
        count = len(self.shape)
        return None if count < 2 or self.axes == (count - 2, count - 1) else self.axes

    @property
    def leading(self) -> Index:
        """Where the axes that are not shown are fixed."""
        return tuple(self.index[axis] for axis in self.fixed)

    @property
    def slice(self) -> str:
        """`[3, :, :, 0]`."""
        return "[" + ", ".join(":" if axis in self.axes else str(at) for axis, at in enumerate(self.index)) + "]"

    def part(self, top: int, bottom: int, left: int, right: int) -> str:
        """Rows and columns of the matrix as a slice of the tensor: `[3, 0:18, 0:8]`, `[0:18]` of a 1-d one."""
        of = {self.axes[0]: f"{top}:{bottom}", self.axes[1]: f"{left}:{right}"}
        return "[" + ", ".join(of.get(axis, str(at)) for axis, at in enumerate(self.index)) + "]"

    def size(self, factor: tuple[int, int]) -> str:
        """How many elements a cell covers: `6×9`, `18` of a 1-d tensor."""
        return f"{factor[0]}×{factor[1]}" if len(self.shape) > 1 else str(factor[1])

    def grid(self, width: int, height: int) -> Grid | None:
        """What is drawn in `width` × `height` cells; None where there is no room or no element."""
        rows, columns = self.extent
        if self.empty or width <= 0 or height <= 0:
            return None
        down, across = self.factor(width, height)
        top = min(self.top, max(0, rows - 1)) if self.zoom else 0
        left = min(self.left, max(0, columns - 1)) if self.zoom else 0
        bottom, right = min(rows, top + height * down), min(columns, left + width * across)
        return Grid(
            top, bottom, left, right, math.ceil((bottom - top) / down), math.ceil((right - left) / across),
            (down, across),
        )  # fmt: skip

    def factor(self, width: int, height: int) -> tuple[int, int]:
        """Elements of a cell, down and across."""
        if self.zoom:
            return (self.zoom, self.zoom)
        rows, columns = self.extent
        return (max(1, math.ceil(rows / height)), max(1, math.ceil(columns / width)))

    def region(self, grid: Grid) -> Region:
        """What a window is asked for."""
        return Region(grid.top, grid.bottom, grid.left, grid.right, self.leading)

    # ----------------------------------------------------------------------------------------------- moving

    def to(self, row: int, column: int, width: int, height: int) -> View:
        """The cursor on a row and column of the matrix, which is scrolled as far as it must be."""
        rows, columns = self.extent
        place = (max(0, min(row, rows - 1)), max(0, min(column, columns - 1)))
        index = list(self.index)
        for axis, at in zip(self.axes, place, strict=True):
            if axis >= 0:
                index[axis] = at
        return replace(self, index=tuple(index)).visible(width, height)

    def visible(self, width: int, height: int) -> View:
        """Scrolled as little as brings the cursor into view."""
        if not self.zoom or width <= 0 or height <= 0:
            return self
        firsts = []
        for first, at, cells, count in zip(
            (self.top, self.left), self.place, (height, width), self.extent, strict=True
        ):
            room = cells * self.zoom
            first = min(first, at // self.zoom * self.zoom)
            if at >= first + room:
                first = (at // self.zoom + 1) * self.zoom - room
            firsts.append(max(0, min(first, max(0, math.ceil(count / self.zoom) * self.zoom - room))))
        return replace(self, top=firsts[0], left=firsts[1])

    def scrolled(self, down: int, across: int, width: int, height: int) -> View:
        """Scrolled by cells; the cursor stays where it is, or at the edge of what is seen."""
        if not self.zoom:
            return self
        rows, columns = self.extent
        top = max(0, min(self.top + down * self.zoom, math.ceil(rows / self.zoom) * self.zoom - height * self.zoom))
        left = max(
            0, min(self.left + across * self.zoom, math.ceil(columns / self.zoom) * self.zoom - width * self.zoom)
        )
        moved = replace(self, top=top, left=left)
        row, column = self.place
        row = max(top, min(row, min(rows, top + height * self.zoom) - 1))
        column = max(left, min(column, min(columns, left + width * self.zoom) - 1))
        return moved.to(row, column, width, height)

    def zoomed(self, closer: bool, width: int, height: int) -> View:
        """Nearer, down to one element a cell, or farther, up to the whole; the cursor stays in view."""
        whole = max(replace(self, zoom=0).factor(width, height))
        side = self.zoom or whole
        side = (1 << max(0, (side - 1).bit_length() - 1)) if closer else side * 2
        if not closer and side >= whole:
            return replace(self, zoom=0, top=0, left=0)
        if self.zoom == 0 and whole == 1:
            return self
        row, column = self.place
        top, left = (max(0, at // side - cells // 2) * side for at, cells in ((row, height), (column, width)))
        return replace(self, zoom=side, top=top, left=left).visible(width, height)

    def near(self, width: int, height: int) -> View:
        """One element a cell, the cursor in the middle as far as that can be."""
        row, column = self.place
        top, left = max(0, row - height // 2), max(0, column - width // 2)
        return replace(self, zoom=1, top=top, left=left).visible(width, height)

    def through(self, step: int) -> View:
        """The next or previous slice: the axes that are not shown, counted like an odometer."""
        index = list(self.index)
        for axis in reversed(self.fixed):
            index[axis] += step
            if 0 <= index[axis] < self.shape[axis]:
                break
            index[axis] %= max(1, self.shape[axis])
        return replace(self, index=tuple(index))

    def turn(self) -> View:
        """The next two axes, in order: rows and columns from the last two to the first two."""
        count = len(self.shape)
        pairs = [(a, b) for a in range(count) for b in range(a + 1, count)]
        if len(pairs) < 2:
            return self
        where = pairs.index(self.axes) if self.axes in pairs else 0
        return replace(self, axes=pairs[where - 1], zoom=0, top=0, left=0)


def parse(text: str, view: View) -> View:
    """Where `text` leads: `12, 87` is an element, `3, :, :, 0` a slice. Raises ValueError, in words."""
    words = [word.strip() for word in text.strip().strip("[]()").split(",")]
    words = [word for word in words if word]
    count = len(view.shape)
    if len(words) != count:
        raise ValueError(f"this tensor has {count} axes: type {count} numbers, or : for the two that are shown")
    index = list(view.index)
    for axis, word in enumerate(words):
        if word == ":":
            continue
        if not word.removeprefix("-").isdecimal():
            raise ValueError(f"{word} is no index")
        at = int(word) + (view.shape[axis] if word.startswith("-") else 0)
        if not 0 <= at < view.shape[axis]:
            raise ValueError(f"axis {axis} has {view.shape[axis]} elements, 0 to {view.shape[axis] - 1}")
        index[axis] = at
    shown = [axis for axis, word in enumerate(words) if word == ":"]
    if shown and len(shown) != min(2, count):
        raise ValueError("leave two axes open with :")
    axes = (shown[0], shown[1]) if len(shown) == 2 else view.axes
    there = replace(view, index=tuple(index))
    return there if axes == view.axes else replace(there, axes=axes, zoom=0, top=0, left=0)
