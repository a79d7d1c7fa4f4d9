"""Breakpoints: only on lines with a statement; met in order, forward and backward, also where nothing is recorded."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from stepper.session import Cursor, NoStatement, Session, State, Step, continuing
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


@pytest.fixture(params=[0.0, 1e9], ids=["at full speed", "recorded"])
def either(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> bool:
    """Both ways in which a stop is found; whether it is at full speed."""
    monkeypatch.setattr(continuing, "RECORDING_SECONDS", request.param)
    return bool(request.param == 0.0)


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
        assert session.toggle_breakpoint(6) and set(session.breakpoints.by_line()) == {6}
        assert not session.toggle_breakpoint(6) and not session.breakpoints.by_line()
        session.toggle_breakpoint(6)
        session.toggle_breakpoint(7)
        session.clear_breakpoints()
        assert not session.breakpoints.by_line()


async def test_running_on_stops_at_each_breakpoint_and_runs_nothing_beyond(tmp_path: Path, either: bool) -> None:
    async with opened(script(tmp_path, RARE)) as session:
        session.toggle_breakpoint(6)
        await session.run()
        assert at(session) == (50, "special = step if step < 100 else rare(step)")
        assert session.state is State.STOPPED
        assert len(session.losses) == (50 if either else 51), (
            "where nothing is recorded the statement has not run either"
        )
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
        assert session.event is not None, "the record that one stands in is still there"


async def test_going_back_replays_what_was_not_recorded(tmp_path: Path, either: bool) -> None:
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
        assert session.notice.startswith("no breakpoint was reached after this") or session.cursor.iteration == 199
        await session.reverse()
        assert session.cursor.iteration == 150 and session.event is not None and session.event.kind == "call"
        session.toggle_breakpoint(6)
        await session.reverse()
        assert at(session) == (150, "special = step if step < 100 else rare(step)")
        await session.reverse()
        assert session.cursor.iteration == 50
        assert session.losses == losses and session.records[50].loss == losses[50]


async def test_several_stops_in_one_pass_are_met_in_order_and_backward(tmp_path: Path, either: bool) -> None:
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


async def test_a_generator_of_another_file_that_the_setup_entered_is_stopped_in(tmp_path: Path, either: bool) -> None:
    """One that a loop goes through from its head on, in the midst of another's `yield from`."""
    data = script(
        tmp_path,
        """
        class Data:
            def __init__(self, count):
                self.count = count
            def __iter__(self):
                yield from self.numbers()
            def numbers(self):
                for i in range(self.count):
                    x = i / self.count
                    yield x, 2 * x
        """,
        "data.py",
    )
    source = """
        from data import Data
        w = 0.5
        for x, y in Data(60):
            loss = (w * x - y) ** 2
            w -= 0.2 * x * (w * x - y)
        """
    async with opened(script(tmp_path, source)) as session:
        await session.run()
        losses = list(session.losses)
        await session.go(0)
        session.toggle_breakpoint(9, data, condition="i % 20 == 10 and self.count == 60")
        session.toggle_breakpoint(10, data, condition="x == 0.5")
        met = []
        for _ in range(4):
            await session.run()
            met.append(at(session))
        line, end = "x = i / self.count", "yield x, 2 * x"
        assert met == [(9, line), (29, line), (29, end), (49, line)]
        assert session.event is not None and session.event.file == data
        await session.reverse()
        assert at(session) == (29, end)
        await session.run()
        await session.run()
        assert session.state is State.ENDED and session.losses == losses
        assert "no breakpoint was reached after this (in other files" in session.notice
        with pytest.raises(NoStatement, match=r"data\.py line 2 runs when its file is imported"):
            session.toggle_breakpoint(2, data)


async def test_the_head_of_a_loop_around_the_training_loop_is_come_to_in_each_of_its_passes(
    tmp_path: Path, either: bool
) -> None:
    source = """
w = 1.0
for epoch in range(2):
    for phase in iter("ab"):
        for i in range(2):
            loss = w * w
            w = w - 0.1 * w
"""
    async with opened(script(tmp_path, source)) as session:
        session.toggle_breakpoint(3)
        session.toggle_breakpoint(4)
        stops = []
        for _ in range(4):
            await session.run()
            assert session.event is not None
            stops.append((session.cursor.iteration, session.event.line))
        assert stops == [(1, 4), (3, 3), (3, 4), (5, 4)]
        await session.run()
        assert session.notice.startswith("no breakpoint was reached after this")
        back = []
        for _ in range(6):
            await session.reverse()
            assert session.event is not None
            back.append((session.cursor.iteration, session.event.line))
        assert back == [(5, 4), (3, 4), (3, 3), (1, 4), (None, 4), (None, 3)]
        await session.go(3)
        record = session.record
        assert record is not None
        head = next(event for event in record.events if event.line == 3)
        assert [value.label for value in head.values] == ["epoch"]


async def test_the_setup_has_stops_too(tmp_path: Path) -> None:
    async with opened(script(tmp_path, SMALL)) as session:
        session.toggle_breakpoint(3)
        await session.reverse()
        assert at(session) == (None, "w = 2.0")
        await session.step(Step.ITERATION)
        session.toggle_breakpoint(3)
        await session.reverse()
        assert session.cursor == Cursor(0, 0)


async def test_a_breakpoint_that_is_never_reached_can_be_paused(tmp_path: Path, either: bool) -> None:
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


async def test_a_script_that_fails_on_the_way_shows_where(tmp_path: Path, either: bool) -> None:
    source = RARE.replace("    w = w - 0.001 * w", "    w = w - 0.001 * w / (step - 30)")
    async with opened(script(tmp_path, source)) as session:
        session.toggle_breakpoint(6)
        await session.run()
        assert session.state is State.FAILED and session.cursor.iteration == 30
        assert "ZeroDivisionError" in session.traceback


def exact(losses: Sequence[float | None]) -> list[str | None]:
    return [None if loss is None else loss.hex() for loss in losses]


async def plain_losses(target: str) -> list[str | None]:
    async with opened(target) as session:
        await session.run()
        assert session.state is State.ENDED
        return exact(session.losses)


async def test_between_rare_stops_nothing_is_recorded_and_the_numbers_are_the_same(tmp_path: Path, far: None) -> None:
    target = script(tmp_path, RARE)
    wanted = await plain_losses(target)
    async with opened(target) as session:
        session.toggle_breakpoint(6)
        await session.run()
        assert session.cursor.iteration == 50 and 25 not in session.records
        assert session.notice == "the run stands before line 6; what is shown of this iteration is a replay"
        await session.run()
        assert session.cursor.iteration == 150 and 100 not in session.records
        await session.run()
        assert session.state is State.ENDED
        assert exact(session.losses) == wanted
        assert {50, 150} <= session.stops
        for iteration in (50, 150):
            recorded = session.records.get(iteration)
            assert recorded is None or recorded.loss == session.losses[iteration]


async def test_the_script_stops_before_the_statement(tmp_path: Path, far: None) -> None:
    source = RARE.replace("        special =", "        print('at', step)\n        special =")
    async with opened(script(tmp_path, source)) as session:
        session.toggle_breakpoint(6)
        await session.run()
        assert text_at(session) == "print('at', step)" and session.output() == ""
        await session.step(Step.NEXT)
        assert session.cursor.iteration == 50 and session.output() == "", "one walks on in the record"
        await session.step(Step.ITERATION)
        assert session.cursor.iteration == 51 and session.output() == "at 50\n"
        assert len(session.losses) == 52


async def test_several_stops_of_one_pass_that_was_not_recorded(tmp_path: Path, either: bool) -> None:
    source = """
    w = 1.0
    for epoch in range(2):
        for step in range(30):
            for part in range(3):
                if step == 25 and part:
                    special = part
            loss = w * w
            w = w - 0.001 * w
        print("epoch", epoch)
    """
    target = script(tmp_path, source)
    wanted = await plain_losses(target)
    async with opened(target) as session:
        session.toggle_breakpoint(7)
        session.toggle_breakpoint(10)
        met = []
        while not session.notice.startswith("no breakpoint"):
            await session.run()
            met.append((session.cursor.iteration, session.cursor.event, text_at(session)))
            assert len(met) < 10
        texts = ["special = part", "special = part", "print('epoch', epoch)".replace("'", '"')]
        assert [(iteration, text) for iteration, _, text in met[:6]] == list(
            zip([25, 25, 29, 55, 55, 59], texts * 2, strict=True)
        )
        assert session.state is State.ENDED and exact(session.losses) == wanted
        back = [met[5]]
        for _ in range(5):
            await session.reverse()
            back.append((session.cursor.iteration, session.cursor.event, text_at(session)))
        assert back == met[5::-1] or back[1:] == met[5:0:-1]


async def test_a_breakpoint_set_while_the_script_runs_holds_at_once(tmp_path: Path) -> None:
    async with opened(script(tmp_path, ENDLESS)) as session:
        run = asyncio.create_task(session.run())
        async with asyncio.timeout(60):
            while len(session.losses) < 20:
                await asyncio.sleep(0.01)
            assert session.state is State.RUNNING
            session.toggle_breakpoint(7)
            await run
        assert text_at(session) == "w = w - 0.001 * w"
        stopped = session.cursor.iteration
        assert stopped is not None and stopped == len(session.losses) and stopped in session.stops
        # and one that is taken away lets it run on
        run = asyncio.create_task(session.run())
        session.clear_breakpoints()
        async with asyncio.timeout(60):
            while len(session.losses) < stopped + 100:
                await asyncio.sleep(0.01)
        await session.pause()
        await run


async def test_other_threads_and_forked_processes_do_not_stop(tmp_path: Path, far: None) -> None:
    source = """
    import os
    import threading
    def work():
        made = 1
        return made
    w = 1.0
    for step in range(60):
        loss = w * w
        w = w - 0.001 * w
        if step == 40:
            thread = threading.Thread(target=work)
            thread.start()
            thread.join()
            child = os.fork()
            if child == 0:
                os._exit(work())
            print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    """
    async with opened(script(tmp_path, source)) as session:
        session.toggle_breakpoint(5)
        async with asyncio.timeout(60):
            await session.run()
        assert session.state is State.ENDED and session.output() == "1\n"


async def test_what_comes_before_the_cursor_is_searched_again_when_one_has_gone_back(
    tmp_path: Path, either: bool
) -> None:
    async with opened(script(tmp_path, RARE)) as session:
        await session.run()
        await session.go(0)
        session.toggle_breakpoint(6)
        await session.run()
        assert at(session) == (50, "special = step if step < 100 else rare(step)")
        await session.run()
        assert session.cursor.iteration == 150


async def test_a_stop_that_its_replay_does_not_come_to_is_told_and_passed(tmp_path: Path, far: None) -> None:
    source = """
    import os
    first = not os.path.exists("seen")
    open("seen", "w").close()
    w = 1.0
    for step in range(60):
        loss = w * w
        if first and step == 30:
            special = step
        w = w - 0.001 * w
    """.replace('"seen"', repr(str(tmp_path / "seen")))
    async with opened(script(tmp_path, source)) as session:
        session.toggle_breakpoint(9)
        await session.run()
        assert session.notice == "stopped at line 9 in iteration 30, which is not recorded: g 30 replays it"
        assert session.state.name == "STOPPED" and len(session.losses) == 30
        await session.run()
        assert session.state is State.ENDED and len(session.losses) == 60


async def test_more_stops_than_are_remembered(tmp_path: Path) -> None:
    source = """
    w = 1.0
    for step in range(3000):
        if step < 5 or step >= 1000:
            special = step
        loss = w * w
        w = w - 1e-6 * w
    """
    async with opened(script(tmp_path, source)) as session:
        await session.run()
        session.toggle_breakpoint(5)
        for start, iteration in ((2999, 2999), (2500, 2499), (900, 4)):
            await session.go(start)
            if start == 2999:
                await session.step(Step.NEXT)
                await session.step(Step.NEXT)
                await session.step(Step.NEXT)
            await session.reverse()
            assert at(session) == (iteration, "special = step")


async def test_the_replay_that_shows_a_stop_can_be_called_off(tmp_path: Path, far: None) -> None:
    hold = tmp_path / "hold"  # made by the run itself, so that its replay, and nothing else, waits at step 200
    source = f"""
    import os
    w = 1.0
    for step in range(400):
        if step == 300:
            special = step
        while step == 200 and os.path.exists({str(hold)!r}):
            pass
        if step == 250:
            open({str(hold)!r}, "w").close()
        loss = w * w
        w = w - 1e-6 * w
    """
    async with opened(script(tmp_path, source)) as session:
        session.toggle_breakpoint(6)
        run = asyncio.create_task(session.run())
        async with asyncio.timeout(60):
            while session.state is not State.REPLAYING:
                await asyncio.sleep(0.001)
            await session.pause()
            await run
        hold.unlink()
        assert session.notice == "stopped at line 6 in iteration 300, which is not recorded: g 300 replays it"
        assert session.cursor.iteration == 0 and len(session.losses) == 300
        await session.go(300)
        assert session.cursor.iteration == 300 and session.notice == ""
        await session.run()
        assert at(session) == (300, "special = step")
        await session.run()
        assert session.state.name == "ENDED" and len(session.losses) == 400
