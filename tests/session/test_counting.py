"""Of a large value the range comes with the record, and the counts while one may go on looking and stepping."""

from __future__ import annotations

import asyncio
import math
from pathlib import Path

import pytest

from stepper.inferior.protocol import Count, Counted, Reply
from stepper.inferior.service import Service
from stepper.record import Record, Summary, Value
from stepper.session import Options, Session, Step
from stepper.session.headless import trace
from tests.inferior.running import run
from tests.session.support import script

LARGE = """
import numpy as np
w = np.random.default_rng(0).standard_normal(5 << 20)
w[17] = {planted}
for step in range(4):
    loss = float(np.abs(w[:100]).sum())
    grad = np.sign(w)
    w -= 1e-3 * grad
    w *= 1 - 1e-6
"""
PLAIN = LARGE.format(planted="0.0")


def values_of(record: Record) -> list[Value]:
    found = [value for event in record.events for value in (*event.values, *event.moved)]
    for each in record.parameters:
        found += [each.before, each.after, each.update]
    return found


def large(record: Record, label: str = "w") -> Summary:
    return [value.summary for value in values_of(record) if value.label == label and value.summary.size > 100][-1]


def whole(record: Record) -> bool:
    return all(value.summary.counted is None for value in values_of(record))


async def test_the_range_comes_first_and_in_the_end_it_is_what_one_go_gives(tmp_path: Path) -> None:
    target = script(tmp_path, PLAIN)
    session = Session(target, count_later=True)
    told: list[Summary] = []
    try:
        session.subscribe(lambda: told.append(large(session.records[0])) if 0 in session.records else None)
        await session.open()
        await session.counted(0)
        record = session.records[0]
    finally:
        await session.close()
    first, last = told[0], large(record)
    assert first.counted == 0 and first.mean is None and first.max == last.max
    assert (first.nan, first.inf, first.neginf) == (0, 0, 0)
    assert [each.counted for each in told if each.counted is not None] == sorted(
        each.counted for each in told if each.counted is not None
    )
    at_once = (await asyncio.to_thread(trace, target, Options(), 0)).record
    assert whole(at_once), "a trace waits for all"
    assert [value.summary for value in values_of(record)] == [value.summary for value in values_of(at_once)]
    assert record.parameters[0].ratio == at_once.parameters[0].ratio is not None


async def test_one_may_step_on_while_they_are_counted(tmp_path: Path) -> None:
    session = Session(script(tmp_path, PLAIN), count_later=True)
    try:
        await session.open()
        for _ in range(3):
            await session.step(Step.ITERATION)
            await session.step(Step.NEXT)
        event = session.cursor.event
        for iteration in range(4):
            await session.counted(iteration)
            assert whole(session.records[iteration])
        assert session.cursor.event == event and session.cursor.iteration == 3
        assert session.event in session.records[3].events
    finally:
        await session.close()


async def test_closing_while_they_are_counted_waits_for_nothing(tmp_path: Path) -> None:
    session = Session(script(tmp_path, PLAIN), count_later=True)
    try:
        await session.open()
        assert not whole(session.records[0])
    finally:
        await session.close()


@pytest.mark.parametrize("planted", ["np.nan", "np.inf", "-np.inf"])
async def test_what_is_not_finite_is_known_at_once(tmp_path: Path, planted: str) -> None:
    session = Session(script(tmp_path, LARGE.format(planted=planted)), count_later=True)
    try:
        await session.open()
        first = large(session.records[0])
        assert first.counted is not None and first.nonfinite == 1
        assert first.min is not None and math.isfinite(first.min)
        await session.counted(0)
        last = large(session.records[0])
        assert last.nonfinite == 1 and last.counted is None
        assert (last.negative or 0) + (last.zero or 0) + (last.positive or 0) == (5 << 20) - 1
    finally:
        await session.close()


def test_a_record_that_makes_room_is_counted_no_further() -> None:
    ran = run(PLAIN, count_later=True)
    service = Service(ran.runner._channel, ran.runner.control, ran.runner)
    errand = service._count(Count(7, 3))
    assert next(errand) is None, "something of the first value has been counted"
    ran.runner.store._drop(3)
    *_, reply = errand
    assert isinstance(reply, Reply) and reply.id == 7
    assert "no longer kept" in (reply.error or "")


def test_numbers_are_counted_in_the_order_of_the_record() -> None:
    ran = run(PLAIN, count_later=True)
    service = Service(ran.runner._channel, ran.runner.control, ran.runner)
    messages = [message for message in service._count(Count(1, 3)) if message is not None]
    done = [
        copy
        for message in messages
        if isinstance(message, Counted)
        for copy, summary in message.summaries.items()
        if summary.counted is None
    ]
    assert done == sorted(done) and len(done) == len(set(done)) >= 3
    assert isinstance(messages[-1], Reply) and messages[-1].error is None
    assert not any(isinstance(message, Reply) for message in messages[:-1])
