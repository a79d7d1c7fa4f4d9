"""`--loop LINE` and `--loop none` say which loop the training loop is."""

import pytest

from stepper.program.program import ProgramError, analyse
from tests.program.test_loops import loop_line

NESTED = """\
for a in range(2):
    for b in range(3):
        w = 1
        while w < 4:
            w += 1
"""


def test_a_line_names_the_loop_that_starts_there() -> None:
    for line in (1, 2, 4):
        assert loop_line(analyse(NESTED, "s.py", loop=str(line))) == line


def test_a_line_inside_names_the_innermost_loop_around_it() -> None:
    assert loop_line(analyse(NESTED, "s.py", loop="3")) == 2
    assert loop_line(analyse(NESTED, "s.py", loop="5")) == 4


@pytest.mark.parametrize("line", ["7", "0", "x", "-1", "1.5"])
def test_a_line_without_a_loop_is_refused_and_the_loops_are_named(line: str) -> None:
    with pytest.raises(ProgramError, match="loops are at lines 1, 2, 4"):
        analyse(NESTED, "s.py", loop=line)


def test_the_only_loop_is_named_in_the_singular() -> None:
    with pytest.raises(ProgramError, match=r"no loop at line 1; its loop is at line 2$"):
        analyse("x = 1\nfor i in range(3):\n    x = x - 0.1 * x\n", "s.py", loop="1")


def test_a_line_in_a_script_without_loops_is_refused() -> None:
    with pytest.raises(ProgramError, match="no loop at line 1; it has no loops"):
        analyse("x = 1\n", "s.py", loop="1")


def test_the_whole_script_can_be_one_iteration() -> None:
    program = analyse("x = 1\ny = x + 1\n", "s.py", loop="none")
    assert program.loop is None
    assert {site.spine for site in program.sites} == {False}


def test_the_loops_around_stand_outermost_first() -> None:
    program = analyse(NESTED, "s.py", loop="4")
    assert program.loop is not None
    lines = [program.sites[site].line for site in program.loop.enclosing]
    assert lines == [1, 2]
