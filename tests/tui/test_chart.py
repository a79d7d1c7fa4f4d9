"""The loss chart: condensed without losing an extreme, and honest about what it cannot draw."""

import math

from hypothesis import given, settings
from hypothesis import strategies as st

from stepper.tui.panels.chart import column_of, draw
from stepper.tui.panels.series import MOST, Series


def series(losses: list[float | None]) -> Series:
    made = Series()
    made.follow(losses)
    return made


def test_a_falling_loss_falls() -> None:
    picture = draw(series([float(100 - index) for index in range(100)]), 20, 5, logarithmic=False)
    assert (picture.low, picture.high) == (1.0, 100.0)
    heights = [next(y for y in range(5) if picture.rows[y][x] != " ") for x in range(20)]
    assert heights == sorted(heights)
    assert (heights[0], heights[-1]) == (0, 4)


def test_few_points_are_joined_to_a_line() -> None:
    picture = draw(series([4.0, 1.0, 2.0]), 12, 3, logarithmic=False)
    assert all(any(row[x] != " " for row in picture.rows) for x in range(12))


def test_another_run_is_drawn_on_the_same_scales() -> None:
    picture = draw(series([4.0, 3.0]), 8, 4, logarithmic=False, beside=series([4.0, 2.0, 1.0, 0.0]))
    assert (picture.low, picture.high) == (0.0, 4.0)
    assert [any(row[x] != " " for row in picture.rows) for x in range(8)] == [True] * 3 + [False] * 5
    assert picture.beside[3][7] != " " and picture.rows[0][0] == picture.beside[0][0] != " "


def test_what_is_not_finite_is_marked_where_it_happened() -> None:
    picture = draw(series([3.0, 2.0, math.nan, 1.0, math.inf, 2.0]), 12, 3, logarithmic=False)
    assert sorted(picture.marks.values()) == ["?", "∞"]
    assert column_of(2, 6, 12) in picture.marks
    only = draw(series([math.nan] * 5), 12, 3, logarithmic=False)
    assert set(only.marks.values()) == {"?"}
    assert only.high is None


def test_a_logarithmic_scale_leaves_out_what_is_not_above_zero() -> None:
    picture = draw(series([100.0, 0.0, -5.0, 1.0]), 10, 4, logarithmic=True)
    assert picture.low is not None
    assert picture.high is not None
    assert (round(picture.low), round(picture.high)) == (1, 100)
    assert draw(series([0.0, -1.0]), 10, 4, logarithmic=True).high is None
    gap = draw(series([100.0, -5.0, 1.0]), 10, 4, logarithmic=True)
    assert {row[1:-1] for row in gap.rows} == {" " * 8}, "no line leads across what is left out"
    assert " " * 8 not in {row[1:-1] for row in draw(series([100.0, 5.0, 1.0]), 10, 4, logarithmic=True).rows[1:3]}


def test_iterations_without_a_loss_leave_no_trace() -> None:
    assert draw(series([None, None]), 10, 4, logarithmic=False).high is None


def test_a_hundred_thousand_losses_take_no_more_room_than_a_few_thousand() -> None:
    losses: list[float | None] = [float(index % 977) for index in range(100_000)]
    losses[54_321] = 1e9
    made = series(losses)
    assert len(made.buckets) <= MOST
    assert draw(made, 40, 8, logarithmic=False).high == 1e9


@settings(max_examples=30)
@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=6000), st.integers(1, 6000))
def test_condensing_bit_by_bit_is_condensing_at_once(losses: list[float | None], cut: int) -> None:
    made = Series()
    made.follow(losses[:cut])
    made.follow(losses)
    assert made.buckets == series(losses).buckets
    finite = [loss for loss in losses if loss is not None]
    assert min(bucket.low for bucket in made.buckets) == min(finite)
    assert max(bucket.high for bucket in made.buckets) == max(finite)


def test_a_shorter_list_is_another_run() -> None:
    made = series([1.0, 2.0, 3.0])
    made.follow([7.0])
    assert (made.count, made.buckets[0].low) == (1, 7.0)
