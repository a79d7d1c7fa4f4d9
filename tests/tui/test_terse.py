"""Less is sent to the terminal, and it shows the same."""

from __future__ import annotations

import pyte
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.color import Color, ColorSystem
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from stepper.tui.terse import terse

colours = st.sampled_from(
    [None, *map(Color.parse, ("red", "bright_blue", "default", "color(123)", "#102030", "#ffaa00", "#ffaa01"))]
)
styles = st.builds(
    lambda front, back, **flags: Style.from_color(front, back) + Style(**flags),
    colours, colours, bold=st.booleans(), italic=st.booleans(), underline=st.booleans(), reverse=st.booleans(),
)  # fmt: skip
strips = st.lists(st.builds(Segment, st.sampled_from(["a", "bc", " ", "×", ""]), st.none() | styles), max_size=8)
places = st.lists(st.tuples(st.integers(0, 8), st.integers(0, 5), st.builds(Strip, strips)), max_size=8)
TRUE = ColorSystem.TRUECOLOR


def screen(data: str) -> list[object]:
    shown = pyte.Screen(30, 6)
    pyte.Stream(shown).feed(data)
    return [[shown.buffer[y][x] for x in range(30)] for y in range(6)]


@given(places)
def test_the_terminal_shows_the_same(places: list[tuple[int, int, Strip]]) -> None:
    usual = "".join(
        f"\x1b[{y + 1};{x + 1}H" + "".join(style.render(text) if style else text for text, style, _ in strip)
        for x, y, strip in places
    )
    # behind both comes a text without a style: both leave the terminal as a reset does
    assert screen(terse(places, TRUE) + "end") == screen(usual + "end")
    assert len(terse(places, TRUE)) <= len(usual)


@pytest.mark.parametrize(
    ("pieces", "sent"),
    [
        ([("plain", "")], "plain"),
        ([("a", "#010203 on #040506"), ("b", "#010203 on #070809")],
         "\x1b[38;2;1;2;3;48;2;4;5;6ma\x1b[48;2;7;8;9mb\x1b[0m"),
        ([("a", "bold red"), ("b", "bold red")], "\x1b[1;31mab\x1b[0m"),
        ([("a", "red"), ("b", ""), ("c", "red")], "\x1b[31ma\x1b[0mb\x1b[31mc\x1b[0m"),
        ([("a", "bold red"), ("b", "red")], "\x1b[1;31ma\x1b[0;31mb\x1b[0m"),
    ],
)  # fmt: skip
def test_only_what_differs_is_sent(pieces: list[tuple[str, str]], sent: str) -> None:
    strip = Strip([Segment(text, Style.parse(style)) for text, style in pieces])
    assert terse([(2, 4, strip)], TRUE) == f"\x1b[5;3H{sent}"


def test_a_link_is_around_its_text() -> None:
    style = Style(link="https://here")
    assert terse([(0, 0, Strip([Segment("a", style)]))], TRUE) == f"\x1b[1;1H{style.render('a')}"
