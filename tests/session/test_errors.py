"""What a traceback says in one line: what the script itself said last, and its innermost own line."""

from __future__ import annotations

import traceback

import pytest

from stepper.session.errors import last_line

CAUSED = """
def inner(x):
    raise KeyError(x)

try:
    inner("a")
except KeyError as error:
    raise ValueError("boom\\n  indented\\nFile") from error
"""
IN_A_LIBRARY = """
import json
json.loads(
    "{"
)
"""


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("x = 1\nx.y", "AttributeError: 'int' object has no attribute 'y' (line 2)"),
        ("raise ValueError", "ValueError (line 1)"),
        (CAUSED, "ValueError: boom (line 8)"),
    ],
)
def test_the_last_error_and_its_line(source: str, told: str) -> None:
    with pytest.raises(Exception) as raised:
        exec(compile(source, "a script.py", "exec"), {})
    assert last_line("".join(traceback.format_exception(raised.value)), ["a script.py"]) == told


def test_an_error_inside_a_library_has_the_scripts_own_line() -> None:
    with pytest.raises(ValueError) as raised:
        exec(compile(IN_A_LIBRARY, "s.py", "exec"), {})
    told = last_line("".join(traceback.format_exception(raised.value)), ["s.py"])
    assert told.startswith("json.decoder.JSONDecodeError: Expecting property name") and told.endswith("(line 3)")


@pytest.mark.parametrize("text", ["the process was ended by signal SIGSEGV, in iteration 3", "", "  \n"])
def test_what_is_no_traceback_is_taken_as_it_is(text: str) -> None:
    assert last_line(text, ["s.py"]) == (text.strip() or "the script failed")
