"""Windows: as much of a tensor as the eye can see, and no more."""

import msgspec


class Region(msgspec.Struct, frozen=True, gc=False):
    """A half-open rectangle of a tensor's last two axes: rows [top, bottom), columns [left, right).

    `leading` fixes the index of every axis before those two. A 0-d tensor is 1 × 1, a 1-d one a single row.
    """

    top: int
    bottom: int
    left: int
    right: int
    leading: tuple[int, ...] = ()


def index_of(flat: int, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The index of the element at a place in C order."""
    index: list[int] = []
    for extent in reversed(shape):
        flat, place = divmod(flat, extent)
        index.append(place)
    return tuple(reversed(index))


def flat_of(index: tuple[int, ...], shape: tuple[int, ...]) -> int:
    """The place in C order of the element at an index."""
    flat = 0
    for place, extent in zip(index, shape, strict=True):
        flat = flat * extent + place
    return flat


PICTURE = (48, 96)
"""Rows and columns, at most, of the picture that is kept of a value for which there is no room."""


class Window(msgspec.Struct, frozen=True, gc=False):
    """`rows` × `columns` cells over a region, row by row in `cells`.

    A cell that covers several elements is their mean; where one of those is NaN the cell is NaN, else where one is
    infinite the cell is that infinity (NaN where both are). `shape` is that of the whole tensor. `exact` is the element
    of a window over a single one, written out where a cell does not hold it: a complex number, a large integer.
    """

    shape: tuple[int, ...]
    region: Region
    rows: int
    columns: int
    cells: list[float]
    exact: str = ""


class Array(msgspec.Struct, frozen=True, gc=False):
    """A whole tensor: little-endian, C order. `dtype` is NumPy's name for `data` (bfloat16 comes as float32)."""

    shape: tuple[int, ...]
    dtype: str
    data: bytes


class Survey(msgspec.Struct, frozen=True, gc=False):
    """Where a tensor's extremes are (None where it has no finite element, or only such), and its distribution.

    `counts` are those of equal bins from `low`, the smallest finite element, to `high`, the largest; `counted`
    elements are in them: all finite ones, or a regular sample of very many. Empty where the range is beyond floats.
    """

    largest: tuple[int, ...] | None
    smallest: tuple[int, ...] | None
    nonfinite: tuple[int, ...] | None
    low: float
    high: float
    counts: list[int]
    counted: int

    @property
    def furthest(self) -> tuple[int, ...] | None:
        """Where the finite element furthest from zero is: the largest in size."""
        return self.largest if self.high >= -self.low else self.smallest
