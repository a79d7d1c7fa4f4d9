"""A script whose process is killed, or dies of itself: where it was is told, and nothing recorded is lost."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from time import monotonic, sleep

import pytest

from stepper.session import Options, ScriptFailed, State
from stepper.session.headless import run_losses
from tests.session.support import opened, script, text_at

pytestmark = pytest.mark.start("anew")

DYING = """
import ctypes, os
w = 1.0
def check(number):
    twice = 2 * number
    if twice == {at}:
        {how}
    return twice
for i in range(6):
    loss = w * w
    check(i)
    w = w - 0.1
"""


DEATHS = [("os.kill(os.getpid(), 9)", "SIGKILL"), ("ctypes.string_at(0)", "SIGSEGV"), ("os.abort()", "SIGABRT")]


@pytest.mark.parametrize(("how", "said"), DEATHS)
async def test_a_process_that_dies_in_a_recorded_pass_is_stood_in_at_the_statement(
    tmp_path: Path, how: str, said: str
) -> None:
    async with opened(script(tmp_path, DYING.format(at=4, how=how))) as session:
        await session.go(1)
        await session.go(2)
        assert session.state is State.LOST and f"{said} at line 7, in iteration 2" in session.traceback
        assert session.cursor.iteration == 2 and text_at(session) == how
        assert next(event.text for event in session.records[2].events if event.error) == "check(i)"
        assert set(session.records) == {None, 0, 1, 2} and len(session.losses) == 2
        await session.go(0)
        assert text_at(session) == "for i in range(6)"
        await session.go(2)
        assert text_at(session) == how


async def test_a_process_that_dies_at_full_speed_dies_again_and_is_then_recorded(tmp_path: Path) -> None:
    async with opened(script(tmp_path, DYING.format(at=8, how="ctypes.string_at(0)"))) as session:
        await session.run()
        assert session.state is State.LOST and "SIGSEGV at line 7, in iteration 4" in session.traceback
        assert session.cursor.iteration == 4 and text_at(session) == "ctypes.string_at(0)"
        assert len(session.losses) == 4
        await session.go(2)  # never recorded, and its process is gone
        assert session.cursor.iteration == 2 and text_at(session) == "for i in range(6)"
        await session.go(4)
        assert text_at(session) == "ctypes.string_at(0)"


async def test_a_process_that_is_killed_at_full_speed_is_not_started_anew(tmp_path: Path) -> None:
    async with opened(script(tmp_path, DYING.format(at=8, how="os.kill(os.getpid(), 9)"))) as session:
        await session.run()
        assert session.state is State.LOST and len(session.losses) == 4
        assert session.traceback == "the script's process was ended by SIGKILL in iteration 4"
        assert set(session.records) == {None, 0}
        here = session.cursor
        for step in (session.go(6), session.go(4)):
            await step
            assert session.cursor == here, "it is not known where in its iteration it died"
            assert session.notice == f"{session.traceback}; g goes to any iteration"


KILL = "os.kill(os.getpid(), 9)"


LOOP = """
import os
w = 1.0
{setup}
for i in range(8):
    {first}
    loss = w * w
    w = w - 0.1
    {last}
{end}
"""


@pytest.mark.parametrize(
    ("place", "what", "where", "done"),
    [
        ("setup", KILL, "in the setup", 0),
        ("first", f"if i == 5: {KILL}", "in iteration 5", 5),
        ("last", f"if i == 3: {KILL}", "in iteration 3", 3),
        ("last", f"if i == 3: os.fork() or os._exit(0)\n    if i == 6: {KILL}", "in iteration 6", 6),
        ("end", KILL, "after iteration 7", 8),
    ],
)
def test_the_losses_of_a_run_that_is_killed_are_told_and_where_it_was(
    tmp_path: Path, place: str, what: str, where: str, done: int
) -> None:
    source = LOOP.format(**{**dict.fromkeys(("setup", "first", "last", "end"), "pass"), place: what})
    plain: list[float | None] = []
    told: list[float | None] = []
    run_losses(
        script(tmp_path, LOOP.format(setup="", first="pass", last="pass", end=""), "plain.py"),
        Options(),
        None,
        lambda first, found, total: plain.extend(found),
    )
    with pytest.raises(ScriptFailed, match=f"ended by SIGKILL {where}$"):
        run_losses(script(tmp_path, source), Options(), None, lambda first, found, total: told.extend(found))
    assert told == plain[:done]


def test_losses_that_are_none_or_not_finite_outlive_a_killed_process(tmp_path: Path) -> None:
    source = """
    import os
    w = 1.0
    for i in range(6):
        if i != 1:
            loss = w * (float("nan") if i == 2 else float("-inf") if i == 3 else 1.0)
        w = w - 0.1
        if i == 4:
            os.kill(os.getpid(), 9)
    """
    told: list[float | None] = []
    with pytest.raises(ScriptFailed, match="in iteration 4"):
        run_losses(script(tmp_path, source), Options(), None, lambda first, found, total: told.extend(found))
    assert repr(told) == "[1.0, None, nan, -inf]"


async def test_a_process_that_dies_in_its_setup_is_stood_in_there(tmp_path: Path) -> None:
    source = "import ctypes\nw = 1.0\nctypes.string_at(0)\nfor i in range(3):\n    loss = w * w\n    w = w - 0.1\n"
    async with opened(script(tmp_path, source)) as session:
        assert session.state is State.LOST and "SIGSEGV at line 3, in the setup" in session.traceback
        assert session.cursor.iteration is None and text_at(session) == "ctypes.string_at(0)"


@pytest.mark.parametrize("status", [0, 7])
async def test_leaving_by_the_shortest_way_loses_nothing(tmp_path: Path, status: int) -> None:
    async with opened(script(tmp_path, DYING.format(at=4, how=f"os._exit({status})"))) as session:
        await session.run()
        assert session.state is (State.FAILED if status else State.ENDED)
        assert len(session.losses) == 2 + (not status)
        if status:
            assert session.cursor.iteration == 2 and text_at(session) == "os._exit(7)"
            assert session.traceback == (
                "the script left by itself with status 7 (os._exit), at line 7, in iteration 2; "
                "iterations 0 to 1 were finished\n"
            )
        await session.go(2)
        assert [event.text for event in session.records[2].events][-1] == f"os._exit({status})"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a process with another")
def test_an_endless_expression_ends_with_a_debugger_that_is_killed(tmp_path: Path) -> None:
    """A single call of C lets none of our threads notice that nobody is there any more."""
    begun = tmp_path / "begun"
    text = f"import os\nfor i in range(3):\n    number = os.getpid()\n    open({str(begun)!r}, 'a').close()\n"
    code = f"""
import stepper
with stepper.open({script(tmp_path, text)!r}, loop=2) as run:
    print(run.iteration(0)["number"].summary.value, flush=True)
    run.iteration(0).evaluate("open({str(begun)!r}, 'w').write('now') and sum(range(10**12))")
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as debugger:
        assert debugger.stdout is not None
        process = int(debugger.stdout.readline())
        until(lambda: begun.exists() and begun.stat().st_size > 0)
        debugger.kill()
    until(lambda: not runs(process))


def runs(process: int) -> bool:
    """Whether it is there, and has not ended without being waited for."""
    status = Path(f"/proc/{process}/stat")
    try:
        return status.read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def until(met: Callable[[], bool]) -> None:
    """Wait for it, for a minute at most."""
    end = monotonic() + 60.0
    while not met():
        assert monotonic() < end
        sleep(0.01)
