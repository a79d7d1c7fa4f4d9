"""Going back to passes that are not recorded, or no longer: the same run again, to the bit."""

from pathlib import Path

from stepper.record import Record
from stepper.session import Options, State
from tests.session.support import SMALL, opened, script

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
