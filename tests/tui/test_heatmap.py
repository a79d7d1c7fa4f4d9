"""Heat maps as text: sign and size without colour, blocked cells, what is not finite."""

import math
import sys

from hypothesis import given
from hypothesis import strategies as st

from stepper.record import Region, Summary, Window
from stepper.tui.panels import heatmap


def window(rows: list[list[float]]) -> Window:
    shape = (len(rows), len(rows[0]))
    return Window(shape, Region(0, shape[0], 0, shape[1]), *shape, [cell for row in rows for cell in row])


def text(picture: Window, mask: Window | None = None, wide: int = 1, whole: bool = False) -> list[str]:
    grid = heatmap.Grid(picture.rows, picture.columns, wide, 1, (1, 1), whole)
    most = heatmap.limit(picture)
    rows = [heatmap.line(picture, mask, index, grid, most) for index in range(picture.rows)]
    return ["".join(piece for piece, _ in pieces) for pieces in rows]


def test_sign_and_size_are_told_without_colour() -> None:
    assert text(window([[-6, -3, -1, 0, 1, 3, 6]])) == ["=-, '+#"]


def test_blocked_cells_and_trouble_have_glyphs_of_their_own() -> None:
    picture = window([[1.0, 1.0, math.nan, math.inf, -math.inf]])
    mask = window([[1.0, 0.75, 1.0, 0.0, 0.0]])
    assert text(picture, mask) == ["×#?»«"], "what is blocked in part keeps its sign"


def test_numbers_at_the_ends_of_their_range_have_a_colour() -> None:
    largest, smallest = sys.float_info.max, 5e-324
    assert heatmap.painted(-largest, largest) == ("=", "heat:-6")
    assert heatmap.painted(largest / 2, largest) == ("+", "heat:3")
    assert heatmap.painted(largest, smallest) == ("▲", "heat:6")
    assert heatmap.painted(smallest, largest) == ("'", "heat:1")


def test_a_mask_tells_how_much_of_a_cell_is_blocked() -> None:
    mask = window([[0.0, 0.01, 0.25, 0.5, 0.75, 0.99, 1.0]])
    pieces = heatmap.mask_line(mask, 0, heatmap.Grid(1, 7, 1, 1, (3, 3)))
    assert "".join(piece for piece, _ in pieces) == " ··:+x×"


def test_what_is_beyond_the_scale_is_marked_at_every_size_of_cell() -> None:
    picture = window([[1.0] * 99 + [-1e6, 1e6]])
    for wide in (1, 3, 8):
        assert heatmap.BELOW in text(picture, wide=wide)[0]
        assert heatmap.ABOVE in text(picture, wide=wide)[0]


def test_wide_cells_show_their_values() -> None:
    assert text(window([[1.5, -0.25]]), window([[0.0, 1.0]]), wide=8) == ["  +1.50   -0.25×"]
    assert text(window([[1.0, -25.0, 123456.0]]), wide=8, whole=True)[0].split() == ["+1", "-25", "+1e5"]
    picture = window([[1.0, 0.0, 2.0]])
    grid = heatmap.Grid(1, 3, 8, 1, (1, 1), whole=True, unsigned=True)
    pieces = heatmap.line(picture, None, 0, grid, heatmap.limit(picture))
    assert "".join(piece for piece, _ in pieces).split() == ["1", "0", "2"], "what is never negative has no sign"


def test_the_scale_of_single_elements_is_that_of_the_largest_or_of_three_deviations() -> None:
    usual = heatmap.usual
    assert usual(Summary(kind="tensor", type="a", min=-2.0, max=1.0, mean=0.0, std=1.0)) == 2.0
    assert usual(Summary(kind="tensor", type="a", min=-2.0, max=90.0, mean=0.0, std=1.0)) == 3.0
    assert usual(Summary(kind="scalar", type="a", value=-55.25)) == 55.25
    assert usual(Summary(kind="scalar", type="a", value=math.nan)) == usual(Summary(kind="tensor", type="a")) == 1.0


def test_one_outlier_does_not_hide_the_rest() -> None:
    picture = window([[1.0] * 99 + [1e6]])
    assert heatmap.limit(picture) == 1.0
    assert heatmap.limit(window([[0.0, math.nan]])) == 1.0


@given(
    st.integers(1, 500), st.integers(1, 500), st.sampled_from([0, 1, 2, 4, 16]), st.integers(1, 99), st.integers(1, 60)
)
def test_cells_are_as_large_as_there_is_room_for(rows: int, columns: int, zoom: int, width: int, height: int) -> None:
    wide, high = heatmap.cell((rows, columns), zoom, width, height)
    assert 1 <= wide <= heatmap.NUMBER + 1 and 1 <= high <= 2
    across = -(-columns // zoom) if zoom else 0
    if across and across <= width:
        assert across * wide <= width
        assert wide == heatmap.NUMBER + 1 or across * (wide + 1) > width


@given(st.integers(1, 5000), st.integers(1, 5000), st.integers(1, 200), st.integers(1, 60))
def test_a_grid_fits_its_room_and_covers_its_matrix(rows: int, columns: int, width: int, height: int) -> None:
    grid = heatmap.layout((rows, columns), width, height)
    assert grid is not None
    assert grid.columns * grid.wide <= width
    assert grid.rows * grid.high <= height
    assert grid.rows * grid.pooled[0] >= rows
    assert grid.columns * grid.pooled[1] >= columns


def test_there_is_no_grid_where_there_is_nothing_to_draw() -> None:
    assert heatmap.layout((0, 5), 10, 10) is None
    assert heatmap.layout((5, 5), 10, 0) is None
    assert [heatmap.matrix(shape) for shape in [(), (4,), (2, 3), (5, 6, 7, 8)]] == [(1, 1), (1, 4), (2, 3), (7, 8)]
