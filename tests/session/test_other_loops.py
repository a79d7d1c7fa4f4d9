"""That a script has several loops that train is said, with what names each."""

from stepper.record import LoopHead
from stepper.session.findings.loops import other_loops, wanted

HERE = LoopHead("/a/two.py", 10, "for t in range(3)")
THERE = LoopHead("/a/nets/fit.py", 4, "while True")


def relative(file: str) -> str:
    return file.removeprefix("/a/")


def test_one_loop_is_nothing_to_speak_of() -> None:
    assert not other_loops([], "/a/two.py", relative) and not other_loops([HERE], "/a/two.py", relative)


def test_a_loop_of_another_file_is_named_with_it() -> None:
    assert [wanted(each, "/a/two.py", relative) for each in (HERE, THERE)] == ["10", "nets/fit.py:4"]
    assert other_loops([HERE, THERE], "/a/two.py", relative) == (
        "line 10 (for t in range(3)) is taken as the training loop; nets/fit.py:4 (while True) trains, too"
    )


def test_a_loop_that_nothing_marks_may_be_another() -> None:
    unmarked = [LoopHead("/a/two.py", line, "for t in range(3)", True) for line in (4, 10)]
    assert other_loops(unmarked, "/a/two.py", relative).endswith("line 10 (for t in range(3)) may be meant, too")


def test_a_line_inside_a_loop_is_said_to_be() -> None:
    assert other_loops([LoopHead("/a/two.py", 10, "for t in range(3)", within=12)], "/a/two.py", relative) == (
        "line 12 is inside the loop of line 10 (for t in range(3)), which is taken as the training loop"
    )


def test_of_many_loops_some_are_named() -> None:
    told = other_loops([HERE, THERE, HERE, HERE, HERE, HERE], "/a/two.py", relative)
    assert told.endswith("line 10 (for t in range(3)), line 10 (for t in range(3)) and 2 more train, too")
