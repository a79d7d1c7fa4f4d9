"""Text of a script, without what a terminal would obey."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepper.terminal_text import each_visible, printed, visible

SEQUENCES = (
    "\x1b[31m", "\x1b[0m", "\x1b[2J", "\x1b[H", "\x1b[?1049h", "\x1b[A", "\x1b[2B", "\x1b[C", "\x1b[3D", "\x1b[K",
    "\x1b[1K", "\x1b[2K", "\x1b[E", "\x1b[F", "\x1b[5G", "\x1b]0;title\x07", "\x1b]8;;http://a\x1b\\", "\x1bPq\x1b\\",
    "\x1b7", "\x1b(B", "\x1bc", "\x9b31m", "\x9d0;title\x9c", "\x1b", "\x1b[", "\x1b]", "\x1b[99999999999999A",
)  # fmt: skip
TEXTS = st.lists(
    st.one_of(
        st.sampled_from(SEQUENCES),
        st.sampled_from("\r\n\b\t\v\f\a\0\x7f\x85\u2028\u202e\ud800"),
        st.text("ab 1é漢m;[", max_size=4),
        st.text(max_size=4),
    ),
    max_size=20,
).map("".join)


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("", []),
        ("plain\n", ["plain"]),
        ("a\n\nb\n", ["a", "", "b"]),
        ("a\r\nb\r\n", ["a", "b"]),
        ("\x1b[H\x1b[J", []),
        ("\x1b[2J\x1b[Hhello", ["hello"]),
        ("B \x1b[1;31mred\x1b[0m end\n", ["B red end"]),
        ("\x1b[38;5;196mx\x1b[m", ["x"]),
        ("title \x1b]0;evil\x07 end", ["title  end"]),
        ("link \x1b]8;;http://x\x1b\\here\x1b]8;;\x1b\\", ["link here"]),
        ("never ended \x1b]0;a\nnext", ["never ended ", "next"]),
        ("alt \x1b[?1049l end", ["alt  end"]),
        ("bell \x07 abc\x08\x08X", ["bell  aXc"]),
        ("eight bits \x9b31mred", ["eight bits red"]),
        ("cut \x1b[3", ["cut "]),
        ("0%|   |\r50%|#  |\r100%|###|", ["100%|###|"]),
        ("a longer line\rshort", ["shortger line"]),
        ("a longer line\rshort\x1b[K", ["short"]),
        ("a longer line\r\x1b[2Kshort", ["short"]),
        ("abcd\x1b[2D\x1b[1K", ["   d"]),
        ("a\tb", ["a   b"]),
        ("one\ntwo\x1b[A\rONE\x1b[B\rTWO\n", ["ONE", "TWO"]),
        ("one\ntwo\x1b[9A!", ["one!", "two"]),
        ("\n\rinner 1\x1b[A\r", ["inner 1"]),
        ("far \x1b[999999999Cx", [f"far {' ' * 3996}x"]),
        ("\u202eturned", ["turned"]),
        ("half \ud800", ["half \ufffd"]),
    ],
)
def test_output_is_what_a_terminal_would_have_left_of_it(text: str, lines: list[str]) -> None:
    assert printed(text) == lines


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("two\nlines", "two\nlines"),
        ("\x1b[31mred\x1b[0m [bold]markup[/bold] \x1b[2J\x1b[H bad", "red [bold]markup[/bold]  bad"),
        ("a\rb\tc\r\nd", "a b c\nd"),
        ("\x1b]2;title\x1b\\said", "said"),
        ("a\x00b\x7fc", "abc"),
        ("half \udcff", "half \ufffd"),
    ],
)
def test_a_message_keeps_all_that_can_be_read(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_the_columns_of_source_code_stay_as_they_are() -> None:
    assert each_visible('s = "\x1b[1m\x07"  # \x85') == 's = "␛[1m␇"  # �'


def _harmless(text: str) -> bool:
    return not any(unicodedata.category(sign) in ("Cc", "Cs", "Zl", "Zp") or sign == "\u202e" for sign in text)


@given(TEXTS)
def test_nothing_a_terminal_would_obey_is_left_of_any_text(text: str) -> None:
    lines = printed(text)
    assert all(map(_harmless, lines))
    assert _harmless(visible(text).replace("\n", ""))
    assert visible(visible(text)) == visible(text)
    assert len(each_visible(text)) == len(text)
    assert _harmless(each_visible(text).replace("\n", ""))


@given(st.lists(st.text("ab 1é漢m;[", min_size=1).filter(str.strip), max_size=5))
def test_what_holds_no_controls_is_left_as_it_is(lines: list[str]) -> None:
    text = "".join(f"{line}\n" for line in lines)
    assert printed(text) == lines
    assert visible(text) == text
