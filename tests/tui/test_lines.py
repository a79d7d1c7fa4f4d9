"""Lines that are too long for their place."""

import pytest
from rich.cells import cell_len

from stepper.tui.panels.lines import pad, wrapped


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


def test_lines_after_the_first_are_indented() -> None:
    assert wrapped("ab = cd  + efghijklmno", 8, "  ") == ["ab = cd", "  +", "  efghij", "  klmno"]
    assert wrapped("a  =  '学  学'", 20, "  ") == ["a  =  '学  学'"], "blanks in it stay as they are"


@pytest.mark.parametrize("width", range(8, 20))
def test_what_is_on_the_right_stays_in_the_line_beside_wide_characters(width: int) -> None:
    pieces = pad([("学学", ""), ("a学学学学", "")], [("(3,)", "")], width)
    line = "".join(text for text, _ in pieces)
    assert cell_len(line) == width and line.endswith("(3,)")


@pytest.mark.parametrize("width", [12, 20, 40, 60])
def test_what_is_too_long_on_the_right_is_cut_and_the_beginning_stays(width: int) -> None:
    code, result = "12U · w -= g", "(50, 16) 800 nan … (16, 8) 128 nan"
    line = "".join(text for text, _ in pad([("✓", ""), (code, "")], [(result, "")], width, 8))
    assert cell_len(line) == width
    assert line.startswith("✓12U · ")
    assert line.endswith(result if width > 8 + len(result) else "…")


@pytest.mark.parametrize("width", [0, 1])
def test_words_lose_nothing_where_there_is_no_room(width: int) -> None:
    assert "".join(wrapped("ab 学 \u0301", width)) == "ab学\u0301"
