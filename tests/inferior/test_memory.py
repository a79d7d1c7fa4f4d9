"""The budget of memory: past it, a value keeps its summary and a pooled picture."""

from __future__ import annotations

import numpy
import pytest

from stepper.engines.numpy import NumpyEngine
from stepper.inferior.recording.store import SMALL, Shelf, Store
from stepper.record import PICTURE, Region, Summary
from stepper.session.headless import trace
from stepper.session.options import MEMORY, Options


def test_what_there_is_no_room_for_keeps_summary_and_picture() -> None:
    engine, store = NumpyEngine(), Store(10_000)
    array = numpy.arange(18432.0).reshape(96, 192)
    copy = store.keep(engine, array)
    assert copy.gone
    assert copy.summary.max == 18431
    with pytest.raises(LookupError, match="--memory"):
        _ = copy.kept
    whole = engine.window(array, None, 12, 24)
    picture = copy.window(None, 12, 24)
    assert picture.cells == pytest.approx(whole.cells)
    assert (picture.shape, picture.region) == (whole.shape, whole.region)
    assert len(copy.window(None, 60, 100).cells) == 6000  # larger than the picture: its cells are drawn larger


def test_a_picture_of_a_small_tensor_is_exact() -> None:
    engine, store = NumpyEngine(), Store(SMALL)
    array = numpy.random.default_rng(0).standard_normal((20, 30))
    copy = store.keep(engine, array)
    assert copy.gone
    for region, rows, columns in ((None, 20, 30), (None, 7, 9), (Region(3, 9, 5, 25), 6, 20)):
        assert copy.window(region, rows, columns).cells == pytest.approx(
            engine.window(array, region, rows, columns).cells
        )


def test_a_picture_is_not_taken_for_more_than_it_is() -> None:
    store = Store(1000)
    copy = store.keep(NumpyEngine(), numpy.zeros((500, 500)))
    with pytest.raises(LookupError, match=f"{PICTURE[0]}×{PICTURE[1]} cells .* --memory"):
        copy.window(Region(10, 11, 20, 21), 1, 1)
    deep = store.keep(NumpyEngine(), numpy.zeros((3, 50, 50)))
    with pytest.raises(LookupError, match="first page"):
        deep.window(Region(0, 50, 0, 50, (2,)), 5, 5)


def test_infinities_and_nans_stay_in_the_picture() -> None:
    array = numpy.zeros((100, 200))
    array[50, 100], array[0, 0] = numpy.nan, numpy.inf
    cells = Store(1000).keep(NumpyEngine(), array).window(None, 10, 20).cells
    assert sum(numpy.isnan(cells)) == 1
    assert sum(numpy.isinf(cells)) == 1


def test_numbers_and_very_small_arrays_are_kept_in_any_case() -> None:
    store = Store(1)
    assert not store.keep(NumpyEngine(), numpy.ones(SMALL // 8)).gone
    assert store.keep(NumpyEngine(), numpy.ones(SMALL // 8 + 1)).gone


def test_the_oldest_iterations_make_room_for_the_one_under_way() -> None:
    engine, store = NumpyEngine(), Store(10_000)

    def record(iteration: int, arrays: int) -> list[int]:
        shelf = Shelf()
        for _ in range(arrays):
            array = numpy.random.default_rng(iteration).standard_normal(500)  # 4,000 bytes
            held.append(array)
            copy = store.keep(engine, array)
            assert not copy.gone
            shelf.put(copy)
        return store.close(iteration, shelf)

    held: list[object] = []
    assert record(0, 1) == []
    assert record(1, 1) == []
    assert record(2, 1) == [0]
    assert record(3, 2) == [1, 2]
    assert store.size == 8000


def counts(summary: Summary) -> tuple[object, ...]:
    """What is exact in a summary, in whatever order its numbers were added up."""
    return (summary.shape, summary.min, summary.max, summary.negative, summary.zero, summary.positive, summary.nan)


def test_a_trace_past_the_budget_says_so_and_has_the_same_summaries() -> None:
    full, small = (trace("optim", Options(seed=0, memory=memory, threads=1), 1) for memory in (MEMORY, 100_000))
    assert full.record.loss == small.record.loss
    assert not [value for event in full.record.events for value in event.values if value.pooled]
    pooled = [value for event in small.record.events for value in event.values if value.pooled]
    assert "model.0.weight" in {value.label for value in pooled}
    for one, other in zip(full.record.events, small.record.events, strict=True):
        theirs = {(value.label, value.when): value.summary for value in other.values}
        for value in one.values:
            if (value.label, value.when) in theirs:
                assert counts(theirs[value.label, value.when]) == counts(value.summary)
    (gate,), (same,) = full.record.gates, small.record.gates
    assert (gate.active, gate.blocked, gate.units) == (same.active, same.blocked, same.units)
    assert [parameter.name for parameter in full.record.parameters] == [
        parameter.name for parameter in small.record.parameters
    ]


def test_records_that_were_only_passed_through_make_room_first() -> None:
    engine, store = NumpyEngine(), Store(1 << 30, passing=10_000)
    evicted = []
    for iteration in range(8):
        shelf = Shelf()
        shelf.put(store.keep(engine, numpy.full(500, float(iteration))))  # 4,000 bytes
        evicted += store.close(iteration, shelf)
        if iteration in (1, 4):
            store.look(iteration)
    assert evicted == [0, 2, 3]
    assert store.get(1, 0).summary.max == 1.0
    assert sorted(each for each in store.shelves if each is not None) == [1, 4, 5, 6, 7]
