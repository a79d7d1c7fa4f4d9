"""Numbers and shapes in few characters."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from stepper.tui import figures


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (None, "–"), (0.0, "0"), (-0.0, "0"), (64, "64"), (21128.0, "21128"), (12.3456, "12.346"),
            (-0.066667, "-0.0667"),
        (28345123.4, "2.835e7"), (-1.6e-10, "-2e-10"), (math.nan, "nan"), (math.inf, "∞"), (-math.inf, "-∞"),
        (99999.7, "1e5"), (1e300, "1e300"), (10**400, "1e400"),
    ],
)  # fmt: skip
def test_a_figure_is_short_and_says_the_size(number: float | None, text: str) -> None:
    assert figures.figure(number) == text


@given(st.floats(-1e300, 1e300), st.integers(7, 12))
def test_no_figure_is_wider_than_asked_and_all_are_near(number: float, width: int) -> None:
    text = figures.figure(number, width)
    assert len(text) <= width
    assert float(text) == pytest.approx(number, rel=0.5, abs=1e-320)


def test_shapes_are_written_as_python_writes_them() -> None:
    assert [figures.shape(extents) for extents in [(64, 100), (7,), (), None]] == ["(64, 100)", "(7,)", "()", ""]


def test_counts_stay_within_seven_characters() -> None:
    assert [figures.count(number) for number in (0, 6400, 123_456, 4_500_000, None)] == [
        "0",
        "6400",
        "123k",
        "4.5M",
        "–",
    ]


def test_a_text_is_cut_with_an_ellipsis() -> None:
    assert figures.fit("grad_h_relu", 8) == "grad_h_…"
    assert figures.fit("h", 3) == "h  "


@given(st.text("ab学🎉é", max_size=12), st.integers(0, 10))
def test_a_text_of_wide_characters_is_cut_to_columns(text: str, width: int) -> None:
    assert cell_len(figures.fit(text, width)) == width
    middle = figures.middle(text, width)
    assert cell_len(middle) <= width and (middle == text or width < 2 or "…" in middle)
