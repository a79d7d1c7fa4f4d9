"""Source in coloured pieces."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepper.tui.highlight import column, highlight
from tests.tui.recorded import SCRIPT


@pytest.mark.parametrize("source", [SCRIPT, "def f(:\n  '''open", "x = f'{a} b'\n\n\tif x:\n\t\tpass\n", ""])
def test_no_character_is_lost(source: str) -> None:
    lines = ["".join(text for text, _ in pieces) for pieces in highlight(source)]
    assert lines == source.expandtabs(4).splitlines()


@given(st.text(alphabet="ab'\"#(\n\t =+1f{}", max_size=40))
def test_no_source_is_too_strange(source: str) -> None:
    lines = ["".join(text for text, _ in pieces) for pieces in highlight(source)]
    assert lines == source.expandtabs(4).splitlines()


def test_columns_are_found_where_tabs_were() -> None:
    source = "if x:\r\n\ty =\tf(学)\n"
    (_, pieces) = highlight(source)
    line = "".join(text for text, _ in pieces)
    start = source.split("\r\n")[1].index("f(")
    assert line[column(source, 2, start) : column(source, 2, start + 4)] == "f(学)"
    assert column("y = f(x)", 1, 4) == 4


def test_parts_are_told_apart() -> None:
    pieces = dict(piece for line in highlight("for t in range(20):  # hello\n    s = 'a' + f(t)") for piece in line)
    assert (pieces["for"], pieces["range"], pieces["20"], pieces["# hello"], pieces["'a'"], pieces["f"]) == (
        "keyword", "builtin", "number", "comment", "string", "function",
    )  # fmt: skip
