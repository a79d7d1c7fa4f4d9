"""Lines that are too long for their place."""

import pytest
from rich.cells import cell_len

from stepper.tui.panels.lines import wrapped


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("", [""]),
        ("one two", ["one two"]),
        ("one two three", ["one two", "three"]),
        ("abcdefghijkl mno", ["abcdefgh", "ijkl mno"]),
        ("a 学学学学学 b", ["a", "学学学学", "学 b"]),
    ],
)
def test_words_are_kept_whole_where_that_can_be(text: str, lines: list[str]) -> None:
    assert wrapped(text, 8) == lines
    assert all(cell_len(line) <= 8 for line in lines)


@pytest.mark.parametrize("width", [0, 1])
def test_words_lose_nothing_where_there_is_no_room(width: int) -> None:
    assert "".join(wrapped("ab 学 \u0301", width)) == "ab学\u0301"
