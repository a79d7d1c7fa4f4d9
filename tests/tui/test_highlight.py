"""Source in coloured pieces."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepper.tui.highlight import highlight
from tests.tui.standin import SCRIPT


@pytest.mark.parametrize("source", [SCRIPT, "def f(:\n  '''open", "x = f'{a} b'\n\n\tif x:\n\t\tpass\n", ""])
def test_no_character_is_lost(source: str) -> None:
    lines = ["".join(text for text, _ in pieces) for pieces in highlight(source)]
    assert lines == source.expandtabs(4).splitlines()


@given(st.text(alphabet="ab'\"#(\n\t =+1f{}", max_size=40))
def test_no_source_is_too_strange(source: str) -> None:
    lines = ["".join(text for text, _ in pieces) for pieces in highlight(source)]
    assert lines == source.expandtabs(4).splitlines()


def test_parts_are_told_apart() -> None:
    pieces = dict(piece for line in highlight("for t in range(20):  # hello\n    s = 'a' + f(t)") for piece in line)
    assert (pieces["for"], pieces["range"], pieces["20"], pieces["# hello"], pieces["'a'"], pieces["f"]) == (
        "keyword", "builtin", "number", "comment", "string", "function",
    )  # fmt: skip
