"""Scripts that fail: their own traceback, and the cursor on the statement that failed."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from stepper.session import Cursor, Options, ScriptFailed, State, Step
from stepper.session.headless import run_losses, trace
from tests.session.support import opened, script, text_at

pytestmark = pytest.mark.start("anew")


FAILING = """
import sys
w = 2.0
def check(number, value):
    if number == {at}:
        raise ValueError(f"bad {{value}}")
    return value
for i in range(8):
    loss = w * w
    check(i, w)
    w = w - 0.1
"""


@pytest.mark.parametrize("at", [0, 3])
async def test_a_failing_pass_that_is_recorded_is_stood_in(tmp_path: Path, at: int) -> None:
    async with opened(script(tmp_path, FAILING.format(at=at))) as session:
        await session.go(at)
        assert session.state is State.FAILED
        assert session.cursor.iteration == at and text_at(session).startswith("raise ValueError")
        assert len(session.losses) == at
        assert (
            session.traceback.endswith(f"ValueError: bad {2.0 - 0.1 * at}\n") or "ValueError: bad" in session.traceback
        )
        assert session.traceback.count("\n  File ") == 2 and "stepper" not in session.traceback
        failed = [event.text for event in session.records[at].events if event.error]
        assert failed[0] == "check(i, w)"


async def test_a_failing_pass_that_was_not_recorded_is_replayed(tmp_path: Path) -> None:
    async with opened(script(tmp_path, FAILING.format(at=5))) as session:
        await session.run()
        assert session.state is State.FAILED and len(session.losses) == 5 and session.count == 6
        assert session.cursor.iteration == 5 and text_at(session).startswith("raise ValueError")
        await session.step(Step.PREVIOUS_ITERATION)
        assert session.cursor == Cursor(4, 0)
        await session.go(6)
        assert session.cursor == Cursor(4, 0) and "failed in iteration 5" in session.notice


async def test_a_failure_in_the_setup_stands_in_the_setup(tmp_path: Path) -> None:
    source = "w = 1.0\nv = {}['missing']\nfor i in range(3):\n    loss = w * w\n    w = w - 0.1\n"
    async with opened(script(tmp_path, source)) as session:
        assert session.state is State.FAILED and session.losses == []
        assert session.cursor.iteration is None and text_at(session) == "v = {}['missing']"
        assert session.traceback.endswith("KeyError: 'missing'\n")
        await session.go(0)
        assert "failed in its setup" in session.notice and session.cursor.iteration is None


@pytest.mark.parametrize("until", [None, 2])
async def test_a_failure_behind_the_loop_belongs_to_the_last_pass_and_loses_no_loss(
    tmp_path: Path, until: int | None
) -> None:
    source = "w = 1.0\nfor i in range(3):\n    loss = w * w\n    w = w - 0.1\nprint(undefined)\n"
    async with opened(script(tmp_path, source)) as session:
        await session.run(until)
        assert session.state is State.FAILED and len(session.losses) == 3
        assert session.cursor.iteration == 2 and text_at(session) == "print(undefined)"


async def test_a_failing_head_belongs_to_the_pass_before_it(tmp_path: Path) -> None:
    source = """
    def batches():
        yield 1.0
        yield 2.0
        raise OSError("disk")
    w = 1.0
    for batch in batches():
        loss = w * batch
        w = w - 0.1 * batch
    """
    async with opened(script(tmp_path, source)) as session:
        await session.run()
        assert session.state is State.FAILED and session.losses == [1.0, 1.8]
        assert session.traceback.endswith("OSError: disk\n") and session.cursor.iteration == 1


@pytest.mark.parametrize(
    ("leave", "code"),
    [("os._exit(5)", 5), ("sys.exit(5)", 5), ("sys.exit()", 0), ("raise ValueError()", 1), ("break", 0)],
)
async def test_a_forked_process_leaves_by_itself(tmp_path: Path, leave: str, code: int) -> None:
    source = f"""
    import os, sys
    w = 1.0
    for i in range(3):
        loss = w * w
        child = os.fork()
        if child == 0:
            {leave}
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        w = w - 0.1 * code
    """
    async with opened(script(tmp_path, source)) as session, asyncio.timeout(60):
        await session.run()
        once, twice = 1 - 0.1 * code, 1 - 0.1 * code - 0.1 * code
        assert session.state is State.ENDED and session.losses == [1.0, once * once, twice * twice]


def test_a_forked_process_that_trains_does_not_wait_to_be_stepped(tmp_path: Path) -> None:
    source = """
    import multiprocessing

    def train(w, end):
        for i in range(5):
            loss = w * w
            w = w - 0.1 * loss
        end.send(w)

    for w in (1.0, 2.0):
        here, there = multiprocessing.Pipe()
        child = multiprocessing.get_context("fork").Process(target=train, args=(w, there))
        child.start()
        assert here.poll(60)
        print(here.recv())
        child.join()
    train(3.0, there)
    """
    path = script(tmp_path, source)
    traced = trace(path, Options(), 1)
    assert traced.losses[0] == 9.0 and traced.record.loss == (3.0 - 0.9) ** 2, "the script's own training"


def test_what_a_forked_process_says_at_its_end_is_what_plain_python_says(tmp_path: Path) -> None:
    source = """
    import os, sys
    w = 1.0
    for i in range(2):
        loss = w * w
        if (child := os.fork()) == 0:
            if i:
                sys.exit("enough")
            raise ValueError("of the child")
        os.waitpid(child, 0)
        w = w - 0.1
    """
    path, said = script(tmp_path, source), bytearray()
    plain = subprocess.run([sys.executable, path], stderr=subprocess.PIPE, check=True)
    run_losses(path, Options(), None, lambda *_: None, said.extend)
    assert b"of the child" in plain.stderr and b"enough" in plain.stderr
    assert bytes(said) == plain.stderr


@pytest.mark.parametrize(
    ("code", "state", "done"), [("", "ENDED", 3), ("0", "ENDED", 3), ("3", "FAILED", 2), ("True", "FAILED", 2)]
)
async def test_leaving_by_exit_is_an_end_or_a_failure_by_its_code(
    tmp_path: Path, code: str, state: str, done: int
) -> None:
    source = f"""
    import sys
    w = 1.0
    for i in range(5):
        loss = w * w
        if i == 2:
            sys.exit({code})
        w = w - 0.1
    """
    async with opened(script(tmp_path, source)) as session:
        await session.run()
        assert session.state is State[state] and len(session.losses) == done
        assert (state == "FAILED") == ("status" in session.traceback)


@pytest.mark.parametrize(
    ("setup", "first", "end", "told"),
    [
        (
            "sys.exit(4)",
            "pass",
            "pass",
            "the script left by itself with status 4 (SystemExit), at line 3, in the setup",
        ),
        (
            "pass",
            "i > 0 and sys.exit('no more data')",
            "pass",
            "no more data\nthe script left by itself with status 1 (SystemExit), at line 5, in iteration 1; "
            "iteration 0 was finished",
        ),
        (
            "pass",
            "pass",
            "os._exit(9)",
            "the script left by itself with status 9 (os._exit), at line 8, after iteration 7; "
            "iterations 0 to 7 were finished",
        ),
    ],
)
def test_how_a_script_left_by_itself_is_said_plainly(
    tmp_path: Path, setup: str, first: str, end: str, told: str
) -> None:
    source = "import os, sys\nw = 1.0\n{}\nfor i in range(8):\n    {}\n    loss = w * w\n    w = w - 0.1\n{}\n"
    path = script(tmp_path, source.format(setup, first, end))
    with pytest.raises(ScriptFailed) as raised:
        run_losses(path, Options(), None, lambda *_: None)
    *said, last = told.splitlines()
    assert raised.value.traceback.splitlines() == [*said, f"{path}: {last}"]


@pytest.mark.parametrize(
    ("setup", "inside", "told", "past"),
    [
        ("sys.exit('bad')", "pass", "status 1 (SystemExit), at line 3, in the setup", ""),
        (
            "pass",
            "i == 2 and sys.exit(3)",
            "status 3 (SystemExit), at line 5, in iteration 2",
            "; g goes to any iteration",
        ),
        (
            "pass",
            "i == 2 and os._exit(3)",
            "status 3 (os._exit), at line 5, in iteration 2",
            "; g goes to any iteration",
        ),
    ],
)
async def test_how_a_script_left_is_told_in_the_same_words_to_whoever_asks_for_more(
    tmp_path: Path, setup: str, inside: str, told: str, past: str
) -> None:
    source = f"import os, sys\nw = 1.0\n{setup}\nfor i in range(8):\n    {inside}\n    loss = w * w\n    w = w - 0.1\n"
    async with opened(script(tmp_path, source)) as session:
        await session.go(7)
        assert session.notice == f"the script left by itself with {told}"
        await session.run()
        assert session.notice == f"the script left by itself with {told}{past}"


async def test_a_script_that_has_failed_is_not_said_to_have_ended(tmp_path: Path) -> None:
    async with opened(script(tmp_path, FAILING.format(at=3))) as session:
        await session.go(3)
        await session.run()
        assert session.notice == "the script has failed; g goes to any iteration"


def test_a_parting_word_that_cannot_be_printed_does_no_harm(tmp_path: Path) -> None:
    source = """
    class Word:
        def __str__(self):
            raise ValueError
    w = 1.0
    for i in range(3):
        loss = w * w
        w = w - 0.1
    raise SystemExit(Word())
    """
    with pytest.raises(ScriptFailed) as raised:
        run_losses(script(tmp_path, source), Options(), None, lambda *_: None)
    assert "status 1 (SystemExit), at line 9, after iteration 2" in raised.value.traceback


async def test_a_chained_exception_is_told_whole_with_the_lines_of_the_script(tmp_path: Path) -> None:
    source = """
    w = 1.0
    for i in range(3):
        loss = w * w
        try:
            {}["key"]
        except KeyError as error:
            raise RuntimeError("outer") from error
        w = w - 0.1
    """
    async with opened(script(tmp_path, source)) as session:
        assert "KeyError: 'key'" in session.traceback and "direct cause" in session.traceback
        assert session.traceback.endswith("RuntimeError: outer\n")
        assert "line 6" in session.traceback and "line 8" in session.traceback
        assert "inferior" not in session.traceback


def test_exit_handlers_run_and_globals_go_behind_them_and_their_output_is_shown(tmp_path: Path) -> None:
    source = """
    import atexit, builtins
    kept = dict(vars(builtins))  # as a library may have them
    gone = []
    class Late:
        def __init__(self, name):
            self.name = name
        def __del__(self):
            gone.append(self.name)
            print(gone)
    first, last = Late("first"), Late("last")
    atexit.register(print, "goodbye")
    w = 1.0
    for i in range(3):
        loss = w * w
        w = w - 0.1
    """
    printed: list[bytes] = []
    run_losses(script(tmp_path, source), Options(), None, lambda *_: None, printed.append)
    assert b"".join(printed) == b"goodbye\n['first']\n['first', 'last']\n"


def test_what_is_let_go_of_at_the_very_end_runs_as_it_does_by_itself(tmp_path: Path) -> None:
    """There nothing is left among the builtins of what was put there."""
    source = """
    import colorsys
    class Kept:
        def __del__(self):
            print("let go")
    def numbers():
        try:
            yield 1.0
        finally:
            print("closed")
    colorsys.kept, colorsys.numbers = Kept(), numbers()
    w = next(colorsys.numbers)
    for i in range(3):
        loss = w * w
        w = w - 0.1
    """
    printed: list[bytes] = []
    run_losses(script(tmp_path, source), Options(), None, lambda *_: None, printed.append)
    assert b"".join(printed) == b"let go\nclosed\n"


def test_an_exception_hook_of_the_scripts_own_is_called(tmp_path: Path) -> None:
    source = """
    import sys
    sys.excepthook = lambda kind, error, trace: print("hooked", kind.__name__)
    w = 1.0
    for i in range(3):
        loss = w * w
        w = w / (i - 1)
    """
    printed: list[bytes] = []
    with pytest.raises(ScriptFailed):
        run_losses(script(tmp_path, source), Options(), None, lambda *_: None, printed.append)
    assert b"".join(printed) == b"hooked ZeroDivisionError\n"


def test_a_loop_that_is_never_entered_ends_without_a_pass(tmp_path: Path) -> None:
    losses: list[float | None] = []
    source = "w = 1.0\nfor i in range(0):\n    loss = w * w\n    w = w - 0.1\n"
    run_losses(script(tmp_path, source), Options(), None, lambda first, found, total: losses.extend(found))
    assert losses == []


async def test_half_a_character_and_endless_numbers_reach_the_debugger(tmp_path: Path) -> None:
    source = r"""
    text, big = "\ud800abc", 10**400
    w = 1.0
    for epoch in range(10**12):
        for i in range(10**12):
            loss = w * w
            both = text + str(big % 7)
            w = w - 0.1
            if i == 2:
                raise KeyError("\ud8ff")
    """
    async with opened(script(tmp_path, source), Options(settings=("big=" + "9" * 40,))) as session:
        await session.run()
        assert session.state is State.FAILED and len(session.losses) == 2 and session.total == 2
        assert session.traceback.endswith("KeyError: '\\ud8ff'\n")
        both = [value for event in session.records[2].events for value in event.values if value.label == "both"]
        assert both[0].summary.value == "\\ud800abc" + str(int("9" * 40) % 7)


async def test_what_a_setup_said_before_it_left_is_its_own(tmp_path: Path) -> None:
    source = "import sys\nprint('usage: nothing')\nsys.exit(print('bad option') or 2)\n"
    source += "w = 1.0\nfor i in range(3):\n    loss = w * w\n    w -= 0.1\n"
    async with opened(script(tmp_path, source)) as session:
        assert session.state is State.FAILED and session.record is not None
        last = session.record.events[-1]
        assert last.error == "SystemExit: 2"
        assert session.output(*last.output) == "bad option\n"


async def test_a_training_loop_in_a_thread_is_said_not_to_be_recorded(tmp_path: Path) -> None:
    source = """
    import threading
    def train():
        w = 1.0
        for i in range(3):
            loss = w * w
            w = w - 0.1 * loss
    thread = threading.Thread(target=train)
    thread.start()
    thread.join()
    """
    async with opened(script(tmp_path, source)) as session:
        await session.go(1)
        record = session.records[1]
        assert not record.events
        (fault,) = record.faults
        assert fault == "the training loop runs in a thread of the script's own: what threads do is not recorded"
