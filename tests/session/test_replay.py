"""Going back to passes that are not recorded, or no longer: the same run again, to the bit."""

from pathlib import Path

import pytest

from stepper.inferior.protocol import PASSING
from stepper.record import Event, Record, Summary, Value
from stepper.session import Options, State, Step, cost
from stepper.session.cost import MOST, NEIGHBOURS, neighbours, on_the_way
from tests.session.support import LONGER, SMALL, opened, script

pytestmark = pytest.mark.start("anew")


ARRAYS = """
import random
import numpy as np
w = np.random.randn(100, 100)
names = {"a", "b", "c", "d", "e"}
order = " ".join(names)
for step in range(8):
    x = np.random.randn(100, 100) * random.random()
    loss = float((w * x).sum()) + len(order.split()[0])
    first = order
    w = w - 1e-3 * x
"""


def copy_of(record: Record, label: str) -> int:
    """The key of the last kept copy under a label."""
    return [v.copy for event in record.events for v in event.values if v.label == label and v.copy is not None][-1]


def scalars(record: Record, label: str) -> list[object]:
    return [v.summary.value for event in record.events for v in event.values if v.label == label and v.when == "result"]


async def test_a_run_without_a_seed_is_replayed_as_the_same_run(tmp_path: Path) -> None:
    async with opened(script(tmp_path, SMALL)) as session:
        await session.run()
        losses = list(session.losses)
        await session.go(2)
        assert session.notice == "" and session.cursor.iteration == 2
        assert session.records[2].loss == losses[2]
        assert session.state is State.ENDED and session.losses == losses
        await session.go(1)
        assert session.records[1].loss == losses[1]


RESUMING = """
import os, sys
start = int(open("saved").read()) if os.path.exists("saved") else 0
w = 2.0 - start
for i in range(start, 6):
    loss = w * w
    w = w - 0.1 * loss
    with open("saved", "w") as saved:
        saved.write(str(i))
    if start:
        END
"""


@pytest.mark.parametrize(
    ("end", "said"),
    [
        ("break", "1 iteration, and its loss differs at iteration 0"),
        ("1 / 0", "0 iterations (ZeroDivisionError: division by zero)"),
    ],
)
async def test_a_replay_that_ends_before_the_iteration_is_said_to_be_another_run(
    end: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    async with opened(script(tmp_path, RESUMING.replace("END", end))) as session:
        await session.run()
        await session.go(3)
        assert session.notice == f"the replay is another run: it ended after {said}"
        session.heard()
        await session.step(Step.PREVIOUS_ITERATION)
        assert session.notice == f"the replay is another run: it ended after {said}"
        assert session.cursor.iteration == 5 and session.state is State.ENDED
        session.toggle_breakpoint(7, condition="i == 2")
        await session.reverse()
        told = f"no breakpoint was reached before this; the replay is another run: it ended after {said}"
        assert session.notice == told


async def test_every_record_of_a_replay_with_other_losses_is_said_to_be_of_another_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    async with opened(
        script(tmp_path, RESUMING.replace("END", "pass").replace("start, 6", "start, start + 6"))
    ) as session:
        await session.run()
        for iteration in (3, 2, 1):
            session.heard()
            await session.go(iteration)
            assert session.notice == "the replay is another run: its loss differs at iteration 0"
            assert session.cursor.iteration == iteration


async def test_what_an_iteration_printed_is_read_from_the_process_that_recorded_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    first, second = "o" * 5, "o" * 10
    async with opened(script(tmp_path, LONGER)) as session:

        def printed(iteration: int) -> str:
            record = session.records[iteration]
            line = next(event for event in record.events if event.text.startswith('print("step"'))
            return session.output_of(iteration, *line.output)

        await session.run()
        assert printed(8) == f"step 8 {first}\n" and not session.replayed(8)
        await session.go(4)
        assert session.replayed(4) and session.notice == ""
        assert printed(4) == f"step 4 {second}\n" and printed(8) == f"step 8 {first}\n"
        start = session.records[4].events[0].output[0]
        assert session.output_of(4, 0, start).splitlines()[-1] == f"step 3 {second}", "above it stands its own run"
        assert session.output().endswith(f"step 8 {first}\ndone {first}\n"), "what the script printed is the first's"
        assert session.output_of(99) == ""


async def test_generators_and_the_order_of_sets_are_the_same_in_a_replay(tmp_path: Path) -> None:
    async with opened(script(tmp_path, ARRAYS)) as session:
        await session.go(3)
        there = session.records[3]
        await session.run()
        await session.go(5)
        assert session.notice == ""
        again = session.records[5]
        assert scalars(again, "first") == scalars(there, "first")
        assert again.loss == session.losses[5]


async def test_a_pass_that_had_to_make_room_is_replayed_with_the_same_bits(tmp_path: Path) -> None:
    async with opened(script(tmp_path, ARRAYS), Options(memory=1_000_000)) as session:
        record = session.records[0]
        before = await session.array(0, copy_of(record, "w"))
        for iteration in range(1, 8):
            await session.go(iteration)
        assert 0 not in session.records and 7 in session.records
        await session.go(0)
        assert session.notice == ""
        again = session.records[0]
        assert (await session.array(0, copy_of(again, "w"))).data == before.data
        assert [event.text for event in again.events] == [event.text for event in record.events]
        assert [event.id for event in again.events] == [event.id for event in record.events]


async def test_replaying_forward_goes_on_from_where_the_replay_stands(tmp_path: Path) -> None:
    async with opened(script(tmp_path, SMALL)) as session:
        await session.run()
        for iteration in (1, 2, 3, 4):
            await session.go(iteration)
            assert session.cursor.iteration == iteration and session.notice == ""
        assert set(session.records) == {None, 0, 1, 2, 3, 4, 5}


LONG = """
w = 1.0
for step in range(60):
    loss = w * w
    w = w - 0.001 * w
"""


async def test_a_replay_records_what_lies_before_so_that_going_back_further_needs_no_other(tmp_path: Path) -> None:
    async with opened(script(tmp_path, LONG)) as session:
        await session.run()
        losses = list(session.losses)
        states: list[State] = []
        session.subscribe(lambda: states.append(session.state))
        await session.step(Step.PREVIOUS_ITERATION)
        assert session.cursor.iteration == 58 and State.REPLAYING in states
        states.clear()
        for iteration in range(57, 50, -1):
            await session.step(Step.PREVIOUS_ITERATION)
            assert session.cursor.iteration == iteration and session.notice == ""
            assert session.record is not None and session.record.loss == losses[iteration]
        assert State.REPLAYING not in states


async def test_a_replay_tells_how_far_it_has_come_towards_its_own_end(tmp_path: Path) -> None:
    async with opened(script(tmp_path, LONG)) as session:
        await session.run()
        told: list[tuple[int, int | None]] = []
        session.subscribe(lambda: told.append(session.progress) if session.state is State.REPLAYING else None)
        await session.go(40)
        assert told[0] == (0, 41) and told[-1] == (41, 41)
        assert [done for done, _ in told] == sorted(done for done, _ in told)
        assert {total for _, total in told} == {41}
        assert session.progress == (60, 60)


def of_cost(size: int, nanoseconds: int) -> Record:
    """A record with one value of so many bytes, made in so many nanoseconds."""
    summary = Summary("tensor", "ndarray", (size // 8,), "float64")
    value = Value("w", "data", "result", summary, 0)
    event = Event(0, None, "statement", "forward", "s.py", 1, 0, 1, 1, 0, "w = 1", [value], duration=nanoseconds)
    return Record(0, None, [], [event], [], [])


def test_fewer_neighbours_are_recorded_where_they_are_large_or_slow() -> None:
    large, slow, memory = 1 << 24, 10**9, 1 << 31
    assert neighbours(of_cost(80, 1000), memory) == NEIGHBOURS
    assert 1 <= neighbours(of_cost(large, 1000), memory) < 8 == PASSING // large
    assert neighbours(of_cost(large, 1000), 2 * large) == 0
    assert neighbours(of_cost(PASSING, 1000), memory) == 0
    assert 1 <= neighbours(of_cost(80, slow), memory) < NEIGHBOURS
    assert neighbours(of_cost(80, 100 * slow), memory) == 0
    # where another replay takes long, it is worth more
    assert neighbours(of_cost(80, slow), memory, MOST, 60.0) > NEIGHBOURS
    assert neighbours(of_cost(80, 1000), memory, MOST) == MOST


def test_what_is_recorded_on_the_way_is_hardly_noticed() -> None:
    memory = 1 << 31
    assert on_the_way(None, memory) == 0
    assert on_the_way(of_cost(80, 1000), memory) == NEIGHBOURS
    assert on_the_way(of_cost(80, 10**8), memory) == 2
    assert on_the_way(of_cost(80, 10**9), memory) == 0
    assert on_the_way(of_cost(PASSING, 1000), memory) == 0


async def test_what_lies_before_an_iteration_that_is_run_on_to_is_there_without_a_replay(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cost, "ON_THE_WAY_SECONDS", 1e9)
    async with opened("and-gate") as session:
        await session.go(40)
        assert set(session.records) == {None, 0, *range(40 - NEIGHBOURS, 41)}
        told: list[State] = []
        session.subscribe(lambda: told.append(session.state))
        for iteration in range(39, 39 - NEIGHBOURS, -1):
            await session.step(Step.PREVIOUS_ITERATION)
            assert session.cursor.iteration == iteration
        assert State.REPLAYING not in told


async def test_going_back_step_by_step_takes_few_replays(tmp_path: Path) -> None:
    source = """
    w = 1.0
    for step in range(400):
        loss = w * w
        w = w - 0.001 * w
    """
    async with opened(script(tmp_path, source)) as session:
        await session.run()
        losses, lanes = session.losses, []
        await session.go(395)
        while session.cursor.iteration:
            if session._replay not in lanes:
                lanes.append(session._replay)
            await session.step(Step.PREVIOUS_ITERATION)
            assert session.record is not None and session.record.loss == losses[session.cursor.iteration or 0]
        assert session.cursor.iteration == 0
        assert len(lanes) <= 5, "of 16, 61, 241 and the rest"
