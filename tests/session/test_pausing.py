"""Telling a script to pause that is inside one long call: what it is at is said. So is it of an expression."""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from stepper.session import Options, Session, State
from stepper.session.expressions import Asked
from tests.session.support import opened, script

LOOP = """
import ctypes, os
w = 1.0
for i in range(9):
    loss = w * w
    if i == 2:
        {call}
    w = w - 0.1
"""


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stepper.session.pausing.PATIENCE_SECONDS", 0.2)
    monkeypatch.setattr("stepper.session.pausing.AGAIN_SECONDS", 0.02)


def blocking(folder: Path) -> str:
    """A command for a shell that makes the file `here`, and then waits until somebody writes to `pipe`."""
    os.mkfifo(folder / "pipe")
    return f"touch {folder / 'here'}; read line < {folder / 'pipe'}"


def let_go(folder: Path) -> None:
    """End that command."""
    (folder / "pipe").write_text("go on\n")


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.001)


@pytest.mark.parametrize("recorded", [True, False])
async def test_what_a_script_is_at_that_was_told_to_pause_is_said_until_it_stands(
    tmp_path: Path, recorded: bool
) -> None:
    call = f"os.system({blocking(tmp_path)!r})"
    async with opened(script(tmp_path, LOOP.format(call=call))) as session:
        if recorded:
            await session.go(1)
        running = asyncio.create_task(session.go(2) if recorded else session.run())
        await until((tmp_path / "here").exists)
        await session.pause()
        await until(lambda: session.notice.startswith("waiting for line 7: os.system("))
        assert session.notice.endswith("…; it pauses when that is over, r runs anew, q quits")
        session.set_condition(7, condition="w > 5")
        await until(lambda: "…, or the condition of a breakpoint on line 7; it pauses" in session.notice)
        await asyncio.to_thread(let_go, tmp_path)
        await asyncio.wait_for(running, 60)
        assert session.state is State.STOPPED and "waiting" not in session.notice


async def test_what_a_setup_is_at_that_was_told_to_pause_is_said(tmp_path: Path) -> None:
    (tmp_path / "data.py").write_text(f"import os\ndef load():\n    os.system({blocking(tmp_path)!r})\n")
    source = "import data\ndata.load()\nw = 1.0\nfor i in range(4):\n    loss = w * w\n    w = w - 0.1\n"
    session = Session(script(tmp_path, source), Options())
    opening = asyncio.create_task(session.open())
    try:
        await until((tmp_path / "here").exists)
        await session.pause()
        await until(lambda: session.notice.startswith("waiting for data.py line 3: os.system("))
        await asyncio.to_thread(let_go, tmp_path)
        await asyncio.wait_for(opening, 60)
        assert session.notice == "paused before iteration 0: i records it"
    finally:
        await session.close()


async def test_a_call_that_keeps_all_threads_from_running_is_said_to(tmp_path: Path) -> None:
    call = f"ctypes.PyDLL(None).system({blocking(tmp_path).encode()!r})"
    async with opened(script(tmp_path, LOOP.format(call=call))) as session:
        await session.go(1)
        running = asyncio.create_task(session.go(2))
        await until((tmp_path / "here").exists)
        pausing = asyncio.create_task(session.pause())
        await until(
            lambda: session.notice.startswith("waiting for a call at line 7, in iteration 2, which lets nothing")
        )
        await asyncio.to_thread(let_go, tmp_path)
        await asyncio.wait_for(asyncio.gather(running, pausing), 60)
        assert "waiting" not in session.notice


async def test_what_is_watched_and_keeps_the_script_from_going_on_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stepper.session.pausing.ENDLESS_SECONDS", 0.3)
    monkeypatch.setattr("stepper.session.driving.LONG_SECONDS", 0.3)
    async with opened(script(tmp_path, LOOP.format(call="pass"))) as session:
        said: list[str] = []
        session.subscribe(lambda: said.append(session.notice))
        call = f"os.system({blocking(tmp_path)!r})"
        asking = asyncio.create_task(session.evaluate(0, "os.system(…)", Asked(call, ())))
        await until((tmp_path / "here").exists)
        going = asyncio.create_task(session.go(1))
        await until(lambda: "os.system(…) is at one call, which cannot be ended" in session.notice)
        assert session.working_out == "os.system(…)"
        pausing = asyncio.create_task(session.pause())
        await asyncio.to_thread(let_go, tmp_path)
        await asyncio.wait_for(asyncio.gather(asking, going, pausing), 60)
        assert not session.working_out and "working out os.system(…), which takes long" in " ".join(said)
        assert "one call" not in session.notice and not any("waiting for" in each for each in said)
