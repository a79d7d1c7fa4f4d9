"""Breakpoints: only on lines with a statement; met in order, forward and backward, also where nothing is recorded."""

import asyncio
from pathlib import Path

import pytest

from stepper.session import Cursor, NoStatement, Session, State, Step
from stepper.session.breakpoints import beginnings
from tests.session.support import SMALL, opened, script, text_at

# 200 passes; line 6 is reached in passes 50 and 150 only, and in 150 a function is called from there
RARE = """w = 1.0
def rare(step):
    return step + 0.5
for step in range(200):
    if step % 100 == 50:
        special = step if step < 100 else rare(step)
    loss = w * w
    w = w - 0.001 * w
"""
ENDLESS = """w = 1.0
step = 0
while True:
    if step < 0:
        never = 1
    loss = w * w
    w = w - 0.001 * w
    step += 1
"""


def at(session: Session) -> tuple[int | None, str]:
    return (session.cursor.iteration, text_at(session))


def test_statements_begin_where_they_do_something() -> None:
    source = '"""Docs."""\n\nx = (1,\n     2)\ndef f():\n    """More."""\n    global x\n    if x:\n'
    source += "        x = 1\n    else:\n        x = 2\n"
    assert beginnings(source) == {3, 5, 8, 9, 11}


async def test_a_line_without_a_statement_says_so(tmp_path: Path) -> None:
    async with opened(script(tmp_path, RARE)) as session:
        with pytest.raises(NoStatement, match="no statement begins on line 99"):
            session.toggle_breakpoint(99)
        assert session.toggle_breakpoint(6) and session.breakpoints.lines == {6}
        assert not session.toggle_breakpoint(6) and not session.breakpoints.lines
        session.toggle_breakpoint(6)
        session.toggle_breakpoint(7)
        session.clear_breakpoints()
        assert not session.breakpoints.lines


async def test_running_on_stops_at_each_breakpoint_and_runs_nothing_beyond(tmp_path: Path) -> None:
    async with opened(script(tmp_path, RARE)) as session:
        session.toggle_breakpoint(6)
        await session.run()
        assert at(session) == (50, "special = step if step < 100 else rare(step)")
        assert len(session.losses) == 51 and session.state.name == "STOPPED"
        await session.run()
        assert session.cursor.iteration == 150
        await session.run()
        assert session.state.name == "ENDED" and session.cursor.iteration == 199
        await session.reverse()
        assert session.cursor.iteration == 150
        await session.reverse()
        assert session.cursor.iteration == 50
        await session.reverse()
        assert session.cursor.iteration == 50 and session.notice == "no breakpoint was reached before this"


async def test_going_back_replays_what_was_not_recorded(tmp_path: Path) -> None:
    async with opened(script(tmp_path, RARE)) as session:
        await session.run()
        assert session.state is State.ENDED and 150 not in session.records
        losses = list(session.losses)
        session.toggle_breakpoint(3)
        await session.reverse()
        assert at(session) == (150, "return step + 0.5")
        session.toggle_breakpoint(3)
        session.toggle_breakpoint(2)
        await session.run()
        assert session.notice == "no breakpoint was reached after this" or session.cursor.iteration == 199
        await session.reverse()
        assert session.cursor.iteration == 150 and session.event is not None and session.event.kind == "call"
        session.toggle_breakpoint(6)
        await session.reverse()
        assert at(session) == (150, "special = step if step < 100 else rare(step)")
        await session.reverse()
        assert session.cursor.iteration == 50
        assert session.losses == losses and session.records[50].loss == losses[50]


async def test_several_stops_in_one_pass_are_met_in_order_and_backward(tmp_path: Path) -> None:
    async with opened(script(tmp_path, SMALL)) as session:
        for line in (5, 9):  # inside the function, and the first statement of the loop
            session.toggle_breakpoint(line)
        walked = [session.cursor]
        for _ in range(5):
            await session.run()
            walked.append(session.cursor)
        texts = ["loss = w * w", "twice = 2 * value"]
        assert text_at(session) == texts[0] and session.cursor.iteration == 2
        back = [session.cursor]
        for _ in range(4):
            await session.reverse()
            back.append(session.cursor)
        assert back == walked[:0:-1]


async def test_the_setup_has_stops_too(tmp_path: Path) -> None:
    async with opened(script(tmp_path, SMALL)) as session:
        session.toggle_breakpoint(3)
        await session.reverse()
        assert at(session) == (None, "w = 2.0")
        await session.step(Step.ITERATION)
        session.toggle_breakpoint(3)
        await session.reverse()
        assert session.cursor == Cursor(0, 0)


async def test_a_breakpoint_that_is_never_reached_can_be_paused(tmp_path: Path) -> None:
    async with opened(script(tmp_path, ENDLESS)) as session:
        session.toggle_breakpoint(5)
        run = asyncio.create_task(session.run())
        async with asyncio.timeout(60):
            while len(session.losses) < 20:
                await asyncio.sleep(0.01)
        await session.pause()
        await run
        assert session.state is State.STOPPED and session.event is not None
        assert session.cursor.iteration is not None and session.cursor.iteration >= 19
        await session.reverse()
        assert session.notice == "no breakpoint was reached before this"


async def test_a_script_that_fails_on_the_way_shows_where(tmp_path: Path) -> None:
    source = RARE.replace("    w = w - 0.001 * w", "    w = w - 0.001 * w / (step - 30)")
    async with opened(script(tmp_path, source)) as session:
        session.toggle_breakpoint(6)
        await session.run()
        assert session.state is State.FAILED and session.cursor.iteration == 30
        assert "ZeroDivisionError" in session.traceback
