"""Less is sent to the terminal, and it shows the same."""

from __future__ import annotations

import pyte
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.color import Color
from rich.style import Style
from textual.drivers.headless_driver import HeadlessDriver

from stepper.tui.terse import terse, terse_driver
from tests.tui.screen import app_of
from tests.tui.standin import Standin

colours = st.sampled_from(
    [None, *map(Color.parse, ("red", "bright_blue", "default", "color(123)", "#102030", "#ffaa00", "#ffaa01"))]
)
styles = st.builds(
    lambda front, back, **flags: Style.from_color(front, back) + Style(**flags),
    colours, colours, bold=st.booleans(), italic=st.booleans(), underline=st.booleans(), reverse=st.booleans(),
)  # fmt: skip
pieces = st.tuples(styles, st.sampled_from(["a", "bc", " ", "×", "\n\r", "\x1b[2;3H", "\x1b[4;1H"]))


def screen(data: str) -> list[object]:
    shown = pyte.Screen(20, 6)
    pyte.Stream(shown).feed(data)
    return [[shown.buffer[y][x] for x in range(20)] for y in range(6)]


@given(st.lists(pieces, max_size=30))
def test_the_terminal_shows_the_same(texts: list[tuple[Style, str]]) -> None:
    data = "".join(style.render(text) for style, text in texts)
    assert screen(terse(data)) == screen(data)
    assert len(terse(data)) <= len(data)


@pytest.mark.parametrize(
    ("data", "sent"),
    [
        ("", ""),
        ("plain", "plain"),
        ("\x1b[38;2;1;2;3;48;2;4;5;6ma\x1b[0m\x1b[38;2;1;2;3;48;2;7;8;9mb\x1b[0m", None),
        ("\x1b[1;31ma\x1b[0m\x1b[1;31mb\x1b[0m", "\x1b[1;31mab\x1b[0m"),
        ("\x1b[31ma\x1b[0m\x1b[2;2H\x1b[32mb\x1b[0m", "\x1b[31ma\x1b[0m\x1b[2;2H\x1b[32mb\x1b[0m"),
    ],
)
def test_only_what_differs_is_sent(data: str, sent: str | None) -> None:
    expected = "\x1b[38;2;1;2;3;48;2;4;5;6ma\x1b[48;2;7;8;9mb\x1b[0m" if sent is None else sent
    assert terse(data) == expected


async def test_the_app_writes_through_it() -> None:
    said: list[str] = []

    class Said(HeadlessDriver):
        def write(self, data: str) -> None:
            said.append(data)

    app = app_of(Standin())
    driver = terse_driver(Said)
    driver(app).write("\x1b[1ma\x1b[0m\x1b[1mb\x1b[0m")
    assert said == ["\x1b[1mab\x1b[0m"]
    assert app.driver_class.__qualname__ == driver.__qualname__
