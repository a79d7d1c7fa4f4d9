"""Stepping a real script through its passes, forward and backward, and running it on."""

import asyncio
from collections.abc import Coroutine
from pathlib import Path

import pytest

from stepper.inferior.protocol import Progress
from stepper.record import Region, Window
from stepper.session import Cursor, Misuse, Options, Session, State, Step, standing
from tests.session.support import SMALL, opened, script, text_at

TOP = ["for sample in range(3)", "loss = w * w", "grad = slope(w) + random.random()", "w = w - 0.1 * grad"]


async def test_it_opens_on_the_first_statement_of_the_first_pass(tmp_path: Path) -> None:
    async with opened(script(tmp_path, SMALL)) as session:
        assert (session.state, session.cursor) == (State.STOPPED, Cursor(0, 0))
        assert text_at(session) == TOP[0] and session.loop == (8, 11)
        assert set(session.records) == {None, 0} and len(session.losses) == 1
        assert session.total == 6


async def test_next_walks_every_statement_and_previous_walks_them_back(tmp_path: Path) -> None:
    async with opened(script(tmp_path, SMALL)) as session:
        walked = [(session.cursor, text_at(session))]
        while not session.notice:
            await session.step(Step.NEXT)
            walked.append((session.cursor, text_at(session)))
        assert walked[-1] == walked[-2] and "the last iteration is 5" in session.notice
        walked.pop()
        texts = [text for _, text in walked]
        assert texts[:4] == TOP and texts.count("loss = w * w") == 6
        assert [cursor.iteration for cursor, _ in walked] == sorted(cursor.iteration or 0 for cursor, _ in walked)
        between = [text for cursor, text in walked if cursor.iteration == 2][4:]
        assert 'print("epoch", epoch)' in between
        back = [walked[-1]]
        while session.cursor != walked[0][0]:
            await session.step(Step.PREVIOUS)
            back.append((session.cursor, text_at(session)))
        assert back == walked[::-1]


async def test_into_enters_a_call_and_out_leaves_it(tmp_path: Path) -> None:
    async with opened(script(tmp_path, SMALL)) as session:
        await session.step(Step.NEXT)
        await session.step(Step.NEXT)
        statement = session.cursor
        while text_at(session) != "twice = 2 * value":
            await session.step(Step.INTO)
        inside = session.place
        assert (inside.statement, inside.statements) == (1, 2)
        await session.step(Step.OUT)
        assert session.event is not None and session.event.kind == "call"
        while session.event is not None and session.event.parent is not None:
            await session.step(Step.OUT)
        assert session.cursor == statement
        await session.step(Step.OUT)
        assert session.cursor == statement and "outermost" in session.notice


async def test_into_and_back_into_cross_passes_and_the_setup(tmp_path: Path) -> None:
    async with opened(script(tmp_path, SMALL)) as session:
        await session.step(Step.BACK_INTO)
        setup = session.records[None]
        assert session.cursor == Cursor(None, len(setup.events) - 1)
        await session.step(Step.INTO)
        assert session.cursor == Cursor(0, 0)
        for _ in session.records[0].events:
            await session.step(Step.INTO)
        assert session.cursor == Cursor(1, 0)
        await session.step(Step.BACK_INTO)
        assert session.cursor == Cursor(0, len(session.records[0].events) - 1)


async def test_passes_are_stepped_to_their_beginnings_back_to_the_setup(tmp_path: Path) -> None:
    async with opened(script(tmp_path, SMALL)) as session:
        await session.step(Step.ITERATION)
        await session.step(Step.NEXT)
        await session.step(Step.ITERATION)
        assert session.cursor == Cursor(2, 0)
        await session.step(Step.PREVIOUS_ITERATION)
        await session.step(Step.PREVIOUS_ITERATION)
        await session.step(Step.PREVIOUS_ITERATION)
        assert session.cursor.iteration is None and text_at(session) == "import random"
        await session.step(Step.PREVIOUS_ITERATION)
        assert session.cursor.iteration is None and "beginning" in session.notice
        await session.step(Step.ITERATION)
        assert session.cursor == Cursor(0, 0)


async def test_going_past_the_end_says_how_many_there_are_and_stays(tmp_path: Path) -> None:
    async with opened(script(tmp_path, SMALL)) as session:
        await session.go(1)
        await session.go(6)
        assert session.cursor == Cursor(1, 0)
        assert session.notice == "there are only 6 iterations, 0 to 5"
        assert session.state is State.STOPPED and len(session.losses) == 2, "nothing ran"
        await session.go(-1)
        assert "count from 0" in session.notice
        await session.go(5)
        assert session.cursor == Cursor(5, 0) and session.notice == ""


async def test_running_on_stops_where_it_was_told_and_records_the_last_pass(tmp_path: Path) -> None:
    async with opened(script(tmp_path, SMALL)) as session:
        await session.run(3)
        assert session.cursor == Cursor(3, 0) and len(session.losses) == 4
        assert set(session.records) == {None, 0, 3}
        await session.run()
        assert (session.state, session.cursor) == (State.ENDED, Cursor(5, 8))
        assert session.notice == "the script ended after 6 iterations"
        assert session.output() == "epoch 0\nepoch 1\ndone\n"
        await session.run()
        assert "has ended" in session.notice
        await session.go(2)
        await session.run()
        assert session.cursor == Cursor(5, 8), "the end is also where to run on leads from before it"


UNCOUNTED = "w = 1.0\nwhile w > 0.5:\n    loss = w * w\n    w = w - 0.01 * w\n"


async def test_the_last_pass_is_stood_in_at_the_end_also_where_none_knew_it_would_be(tmp_path: Path) -> None:
    async with opened(script(tmp_path, UNCOUNTED)) as session:
        await session.run()
        assert session.state is State.ENDED and session.total == len(session.losses) > 60
        assert session.cursor.iteration == session.total - 1 and text_at(session) == "w = w - 0.01 * w"
        assert session.notice == f"the script ended after {session.total} iterations"
        await session.step(Step.NEXT)
        assert session.notice == f"the last iteration is {session.total - 1}"


async def test_a_last_pass_that_would_take_long_to_replay_is_only_told_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(standing, "REPLAY_SECONDS", 0.0)  # less than any script is at work
    async with opened(script(tmp_path, UNCOUNTED)) as session:
        await session.run()
        assert session.cursor == Cursor(0, 0) and session.total is not None
        last = session.total - 1
        assert session.notice == (
            f"the script ended after {last + 1} iterations; the last one is not recorded: g {last} replays it"
        )


async def test_a_run_is_paused_at_a_pass_and_goes_on(tmp_path: Path) -> None:
    endless = "w = 1.0\nwhile True:\n    loss = w * w\n    w = w - 0.01 * w\n"
    async with opened(script(tmp_path, endless)) as session:
        running = asyncio.create_task(session.run())
        async with asyncio.timeout(20):
            while len(session.losses) < 100:
                await asyncio.wait([running], timeout=0.01)
            await session.pause()
            await running
        stopped = session.cursor.iteration
        assert session.state is State.STOPPED and stopped is not None and stopped >= 99
        assert text_at(session) == "loss = w * w"
        await session.step(Step.ITERATION)
        assert session.cursor == Cursor(stopped + 1, 0)


async def test_a_pass_that_takes_long_is_paused_in_its_midst(tmp_path: Path) -> None:
    source = f"""
    import os
    w = 1.0
    for i in range(5):
        loss = w * w
        while i == 2 and not os.path.exists({str(tmp_path / "go")!r}):
            print("waiting")
        w = w - 0.1
    """
    async with opened(script(tmp_path, source)) as session:
        running = asyncio.create_task(session.run())
        async with asyncio.timeout(20):
            while "waiting" not in session.output():
                await asyncio.wait([running], timeout=0.01)
            await session.pause()
            await running
        assert session.state is State.STOPPED and session.notice.startswith("paused in iteration 2, line ")
        assert session.cursor == Cursor(0, 0)
        (tmp_path / "go").touch()
        await session.go(3)
        assert session.cursor == Cursor(3, 0) and len(session.losses) == 4
        assert [loss for loss in session.losses if loss is not None] == pytest.approx([1.0, 0.81, 0.64, 0.49])


async def test_what_a_statement_printed_is_attached_to_it(tmp_path: Path) -> None:
    source = """
    import os
    w = 1.0
    for i in range(3):
        loss = w * w
        print("first", i)
        os.write(1, b"raw\\n")
        w = w - 0.1
    """
    async with opened(script(tmp_path, source)) as session:
        await session.go(1)
        spans = {event.text: event.output for event in session.records[1].events if event.kind == "statement"}
        assert session.output(*spans['print("first", i)']) == "first 1\n"
        assert session.output(*spans['os.write(1, b"raw\\n")']) == "raw\n"
        assert session.output(*spans["loss = w * w"]) == ""


async def test_listeners_hear_of_every_move_until_they_leave(tmp_path: Path) -> None:
    async with opened(script(tmp_path, SMALL)) as session:
        heard: list[Cursor] = []
        leave = session.subscribe(lambda: heard.append(session.cursor))
        await session.step(Step.NEXT)
        assert heard[-1] == session.cursor
        leave()
        count = len(heard)
        await session.step(Step.NEXT)
        assert len(heard) == count


async def test_values_that_are_not_kept_are_lookup_errors(tmp_path: Path) -> None:
    async with opened(script(tmp_path, SMALL)) as session:
        with pytest.raises(LookupError) as told:
            await session.array(0, 10_000)
        assert "Error" not in str(told.value), "a sentence for a person"
        with pytest.raises(LookupError):
            await session.window(4, 0, 2, 2)
        with pytest.raises(LookupError):
            await session.histograms(4, [(0, 0.0, 1.0)], 4)


async def test_a_script_without_a_loop_is_misuse_and_leaves_nothing_behind(tmp_path: Path) -> None:
    session = Session(script(tmp_path, "print('no loop')\n"))
    with pytest.raises(Misuse, match="--loop"):
        await session.open()
    await session.close()


async def test_what_is_printed_belongs_to_the_statement_that_printed_it_also_behind_a_return(tmp_path: Path) -> None:
    text = (
        "def twice(a):\n    return a * 2.0\n\n\ndef nothing():\n    return\n\n\n"
        "def said(a):\n    return float(print('in') or a)\n\n\nw = 1.0\nfor t in range(3):\n    loss = (w - 3.0) ** 2\n"
        "    print('out', twice(loss))\n    print(nothing())\n    x = said(1)\n    w = w - 0.1 * 2 * (w - 3.0)\n"
    )
    async with opened(script(tmp_path, text)) as session:
        await session.go(1)
        assert session.record is not None
        printed = {event.text.split("(")[0]: event.output for event in session.record.events if event.output[0] >= 0}
        sizes = {text: end - start for text, (start, end) in printed.items()}
        assert sizes["return a * 2.0"] == sizes["return"] == 0
        assert sizes["return float"] == sizes["x = said"] == len("in\n")
        assert sizes["print"] == len("None\n")


async def test_where_there_may_be_more_iterations_than_one_can_tell_the_script_runs(tmp_path: Path) -> None:
    twice = "w = 1.0\ndef train():\n    global w\n    for step in range(4):\n        loss = w * w\n"
    async with opened(script(tmp_path, twice + "        w = w - 0.1 * loss\ntrain()\ntrain()\n")) as session:
        assert session.total == 4 and session.count is None
        await session.go(6)
        assert session.cursor.iteration == 6 and session.notice == ""
        await session.go(8)
        assert session.cursor.iteration == 6 and session.notice == "the last iteration is 7"
        assert session.count == 8


async def test_an_iteration_that_takes_long_to_record_is_said_to_be_under_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stepper.session.driving.LONG_SECONDS", 0.01)
    flag = tmp_path / "flag"
    source = f"""
    import os
    w = 2.0
    for i in range(3):
        while i == 1 and not os.path.exists({str(flag)!r}):
            pass
        loss = w * w
        w = w - 0.1 * loss
    """
    async with opened(script(tmp_path, source)) as session:
        step = asyncio.create_task(session.step(Step.ITERATION))
        async with asyncio.timeout(30):
            while session.state is not State.RUNNING:
                await asyncio.sleep(0.001)
            assert "iteration 1 takes long" in session.notice
            flag.touch()
            await step
        assert (session.state, session.cursor, session.notice) == (State.STOPPED, Cursor(1, 0), "")


async def test_a_pass_is_paused_in_its_midst_while_it_is_recorded_and_while_it_is_replayed(tmp_path: Path) -> None:
    hold, here = tmp_path / "hold", tmp_path / "here"
    hold.touch()
    source = f"""
    import os
    w = 2.0
    for i in range(4):
        while i == 1 and os.path.exists({str(hold)!r}):
            open({str(here)!r}, "w").close()
        loss = w * w
        w = w - 0.1 * loss
    """

    async def paused(going: Coroutine[None, None, None]) -> None:
        here.unlink(missing_ok=True)
        task = asyncio.create_task(going)
        async with asyncio.timeout(60):
            while not here.exists():
                await asyncio.sleep(0.001)
            await session.pause()
            await task

    async with opened(script(tmp_path, source)) as session:
        for _ in range(2):
            await paused(session.step(Step.ITERATION))
            assert session.notice.startswith("paused in iteration 1, line ")
            assert session.notice.endswith(", while it is recorded: g 1 goes on to its end")
            assert (session.state, session.cursor) == (State.STOPPED, Cursor(0, 0))
        hold.unlink()
        await session.go(1)
        assert (session.cursor, session.notice) == (Cursor(1, 0), "")
        records = session.records
        assert records[1].losses == [2.5600000000000005]
        await session.run()
        assert session.losses[:2] == [4.0, 2.5600000000000005]

    async with opened(script(tmp_path, source)) as session:
        await session.run(2)
        hold.touch()
        for _ in range(2):
            await paused(session.go(1))
            assert session.notice.startswith("the replay is paused in iteration 1, line ")
            assert session.notice.endswith(": g 1 goes on")
            assert (session.state, session.cursor) == (State.STOPPED, Cursor(2, 0))
        hold.unlink()
        await session.go(1)
        assert (session.cursor, session.notice) == (Cursor(1, 0), "")
        assert session.records[1].losses == [2.5600000000000005]


async def test_what_is_told_to_pause_before_it_has_begun_does_not_run(tmp_path: Path) -> None:
    flag = tmp_path / "flag"
    source = f"""
    import os
    while not os.path.exists({str(flag)!r}):
        pass
    w = 2.0
    for i in range(4):
        loss = w * w
        w = w - 0.1 * loss
    """
    session = Session(str(script(tmp_path, source)), Options())
    session.launch()
    opening = asyncio.create_task(session.open())
    try:
        await session.pause()
        flag.touch()
        async with asyncio.timeout(60):
            await opening
        assert (session.state, session.notice) == (State.STOPPED, "paused before iteration 0: i records it")
        assert session.losses == []
        await session.step(Step.ITERATION)
        assert (session.cursor, session.losses) == (Cursor(0, 0), [4.0])
        await session.run()
        replaying = asyncio.create_task(session.go(1))
        async with asyncio.timeout(60):
            while session.state is not State.REPLAYING:
                await asyncio.sleep(0)
            await session.pause()
            await replaying
        assert session.notice == "the replay was stopped before iteration 1"
        await session.go(1)
        assert (session.cursor, session.notice) == (Cursor(1, 0), "")
    finally:
        await session.close()


async def test_going_far_that_is_paused_shows_where_it_has_come_to(tmp_path: Path) -> None:
    source = """
    w = 2.0
    for i in range(100_000_000):
        loss = w * w
        w = w - 1e-9 * loss
    """
    async with opened(script(tmp_path, source)) as session:
        going = asyncio.create_task(session.go(99_999_999))
        async with asyncio.timeout(60):
            while session.progress[0] < 100:
                await asyncio.sleep(0.001)
            await session.pause()
            await going
        here = session.cursor.iteration
        assert here is not None and here >= 100 and session.state is State.STOPPED
        assert session.notice == f"paused on the way, at iteration {here}: g 99999999 goes on"
        assert session.records[here].losses == session.losses[here:]


async def test_what_is_over_is_told_while_a_later_iteration_takes_long(tmp_path: Path) -> None:
    go_on = tmp_path / "go on"
    source = f"""
    import os, time
    w = 2.0
    for t in range(60):
        loss = w * w
        while t == 50 and not os.path.exists({str(go_on)!r}):
            time.sleep(0.01)
        w = w - 0.1 * w
    """
    async with opened(script(tmp_path, source)) as session:
        running = asyncio.create_task(session.run())
        try:
            async with asyncio.timeout(30):
                while len(session.losses) < 50:
                    await asyncio.sleep(0.01)
            assert len(session.losses) == 50 and not running.done()
        finally:
            go_on.touch()
            await running
        w = 2.0
        for loss in session.losses:
            assert loss == w * w
            w = w - 0.1 * w
        assert len(session.losses) == 60


async def test_losses_that_were_looked_up_are_not_lost_to_a_message_that_was_under_way(tmp_path: Path) -> None:
    async with opened(script(tmp_path, SMALL)) as session:
        await session.run()
        losses, lane = list(session.losses), session._main
        assert len(losses) == 6 and lane is not None
        lane._take(Progress(0, losses[:2], lane.total))
        assert session.losses == losses


async def test_pictures_that_were_asked_of_an_iteration_come_along_with_the_next(tmp_path: Path) -> None:
    text = (
        "import numpy as np\nw = np.linspace(-1.0, 1.0, 12).reshape(3, 4)\nlarge = np.ones(1 << 18)\n"
        "for t in range(3):\n    g = 0.1 * w\n    large = 0.5 * large\n    loss = float((w * w).sum())\n    w = w - g\n"
    )

    def pictures(session: Session, iteration: int) -> list[Coroutine[object, None, Window]]:
        events = session.records[iteration].events
        copies = {value.label: value.copy for event in events for value in event.values if value.copy is not None}
        some, w = Region(0, 2, 1, 3), copies["w"]
        return [
            session.window(iteration, w, 2, 2),
            session.window(iteration, w, 8, 8, some),
            session.window(iteration, copies["g"], 8, 8, None, (1, 0)),
            session.window(iteration, copies["g"], 1, 4, Region(0, 3, 0, 4), None, 1),
            session.window(iteration, copies["large"], 2, 2),
            session.window(iteration, 10_000, 2, 2),
        ]

    async with opened(script(tmp_path, text)) as session:
        assert [come_at_once(each) for each in pictures(session, 0)] == [None] * 6
        await asyncio.gather(*pictures(session, 0), return_exceptions=True)
        await session.step(Step.ITERATION)
        found = [come_at_once(each) for each in pictures(session, 1)]
        asked = await asyncio.gather(*pictures(session, 1), return_exceptions=True)
        await session.step(Step.ITERATION)
        further = [come_at_once(each) for each in pictures(session, 2)]
    async with opened(script(tmp_path, text)) as session:
        await session.go(1)
        anew = await asyncio.gather(*pictures(session, 1), return_exceptions=True)
    async with opened(script(tmp_path, text)) as session:
        await asyncio.gather(*pictures(session, 0), return_exceptions=True)
        await session._lane.run(3, 1)  # records 1 and 2 come, of which only the first has been asked for ahead
        await session._lane.wait_standing()
        assert [come_at_once(each) for each in pictures(session, 1)] == found
    assert found == [*anew[:4], None, None]  # not what has much to go through
    assert asked[:5] == anew[:5] and isinstance(asked[5], LookupError)
    assert None not in further[:4] and further[0] != found[0]


def come_at_once(asking: Coroutine[object, None, Window]) -> Window | None:
    """What somebody gets who does not wait."""
    try:
        asking.send(None)
    except StopIteration as end:
        window: Window = end.value
        return window
    asking.close()
    return None
