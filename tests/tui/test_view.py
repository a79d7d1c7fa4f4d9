"""What of a tensor is in view: cells, cursor, zoom, slices."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stepper.tui.panels.columns import PILL, pill
from stepper.tui.view import View, parse
from tests.tui.recorded import summary

EXTENTS = st.lists(st.integers(1, 70), min_size=0, max_size=4).map(tuple)
MOVES = st.lists(st.sampled_from(["nearer", "farther", "down", "right", "far", "wheel", "slice", "turn"]), max_size=12)


def moved(view: View, move: str, width: int, height: int) -> View:
    row, column = view.place
    down, across = view.factor(width, height)
    return {
        "nearer": lambda: view.zoomed(True, width, height),
        "farther": lambda: view.zoomed(False, width, height),
        "down": lambda: view.to(row + down, column, width, height),
        "right": lambda: view.to(row, column + across, width, height),
        "far": lambda: view.to(10**6, 10**6, width, height),
        "wheel": lambda: view.scrolled(3, 3, width, height),
        "slice": lambda: view.through(1),
        "turn": view.turn,
    }[move]()


@settings(max_examples=150)
@given(shape=EXTENTS, moves=MOVES, width=st.integers(1, 30), height=st.integers(1, 20))
def test_the_cursor_is_always_in_view_and_in_the_cell_that_covers_it(
    shape: tuple[int, ...], moves: list[str], width: int, height: int
) -> None:
    view = View.of(shape)
    for move in moves:
        view = moved(view, move, width, height)
        assert all(0 <= at < extent for at, extent in zip(view.index, shape, strict=True))
        grid = view.grid(width, height)
        assert grid is not None
        assert 0 < grid.rows <= height
        assert 0 < grid.columns <= width
        cell = grid.cell(*view.place)
        assert cell is not None, move
        top, bottom, left, right = grid.span(cell)
        assert top <= view.place[0] < bottom
        assert left <= view.place[1] < right


def test_zooming_goes_from_the_whole_to_single_elements_and_back() -> None:
    view = View.of((1000, 100))
    sides = []
    for closer in [True] * 8 + [False] * 8:
        view = view.zoomed(closer, 50, 20)
        sides.append(view.zoom)
    assert sides == [32, 16, 8, 4, 2, 1, 1, 1, 2, 4, 8, 16, 32, 0, 0, 0]


def test_slices_are_counted_like_an_odometer_and_any_two_axes_can_be_shown() -> None:
    view = View.of((2, 3, 4, 5))
    assert view.slice == "[0, 0, :, :]"
    for _ in range(3):
        view = view.through(1)
    assert view.slice == "[1, 0, :, :]"
    there = parse("1, :, :, -1", view)
    assert (there.slice, there.turned, there.extent, there.leading) == ("[1, :, :, 4]", (1, 2), (3, 4), (1, 4))
    assert parse("1, 2, 3, 4", view).index == (1, 2, 3, 4)
    assert view.turn().slice == "[1, :, 0, :]"
    assert View.of((7,)).turn() == View.of((7,))


@pytest.mark.parametrize("text", ["1", "1, 2, 3, 9", "1, :, 2, 3", "a, b, c, d", "", ":, :, :, :", "--1, 0, 0, 0"])
def test_what_is_no_place_is_refused_in_words(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w+ \w+"):
        parse(text, View.of((2, 3, 4, 5)))


@given(st.lists(st.sampled_from([-np.inf, -1.0, 0.0, 2.0, np.inf, np.nan]), min_size=1, max_size=300))
def test_a_health_pill_is_always_full_and_leaves_nothing_out(numbers: list[float]) -> None:
    array = np.array(numbers)
    text = "".join(part for part, _ in pill(summary(array)))
    assert len(text) == PILL
    glyphs = {"«": array == -np.inf, "-": array == -1, "0": array == 0, "+": array == 2, "»": array == np.inf,
              "?": np.isnan(array)}  # fmt: skip
    assert set(text) == {glyph for glyph, there in glyphs.items() if there.any()}


@pytest.mark.parametrize(
    ("shape", "part", "size"),
    [((), "[]", "1"), ((900,), "[3:5]", "4"), ((9, 9), "[1:2, 3:5]", "6×4"), ((2, 3, 9, 9), "[0, 0, 1:2, 3:5]", "6×4")],
)
def test_a_part_is_told_as_a_slice_of_the_tensor(shape: tuple[int, ...], part: str, size: str) -> None:
    view = View.of(shape)
    assert view.part(1, 2, 3, 5) == part
    assert view.size((6 if len(shape) > 1 else 1, 4 if shape else 1)) == size
