"""No recorded value changes after it was recorded, whatever the script does to the arrays afterwards."""

import gc
from typing import Any
from weakref import ref

import numpy
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from stepper.engines.base import Engine
from stepper.engines.numpy import NumpyEngine
from stepper.engines.python import PythonEngine
from stepper.engines.torch import TorchEngine
from stepper.inferior.recording.copies import Copy
from stepper.inferior.recording.differences import Differences
from stepper.inferior.recording.store import Shelf, Store
from tests.inferior.running import run

NAMES = ("a", "b", "c", "d")

# Statements over four names of 3 × 3 arrays: aliases, views, in-place changes through each, and fresh values.
BINDING = st.sampled_from(
    [
        "{t} = {u}",
        "{t} = {u}.T",
        "{t} = {u}[::-1]",
        "{t} = {u} + {v}",
        "{t} = {u}.copy()",
        "{t} = np.maximum({u}, 0)",
        "{t} = np.asarray({u})",
        "{t} = {u}.reshape(3, 3)",
        "{t} = np.where({u} > 0, {v}, 0.5)",
    ]
)
CHANGING = st.sampled_from(
    [
        "{t}[0] = {u}[1]",
        "{t}[{u} < 0] = 0",
        "{t} += {u}",
        "{t} *= 0.5",
        "{t}.fill(0.25)",
        "{t}[1:, 0] -= 1",
        "np.copyto({t}, {u}[::-1].copy())",
        "np.negative({t}, out={t})",
        "{t}.sort()",
        "change({t})",
        "{t}.T[0, 1] = 7",
    ]
)


@st.composite
def statements(draw: st.DrawFn) -> list[str]:
    found = []
    for _ in range(draw(st.integers(1, 12))):
        template = draw(st.one_of(BINDING, CHANGING))
        t, u, v = (draw(st.sampled_from(NAMES)) for _ in range(3))
        found.append(template.format(t=t, u=u, v=v))
    return found


@given(statements())
@settings(max_examples=30)
def test_each_value_a_statement_bound_is_recorded_as_it_was_then(body: list[str]) -> None:
    """The script itself notes what each statement left under its name, and the record must say the same."""
    lines = [
        "import numpy as np",
        "rng = np.random.RandomState(0)",
        "a, b, c, d = (rng.randn(3, 3) for _ in range(4))",
        "notes = []",
        "def change(z):",
        "    z[2] = -z[2]",
        "w = np.ones(2)",
        "for step in range(2):",
    ]
    for text in body:
        name = _changed(text)
        lines += [f"    {text}", f"    notes.append({name}.copy())"]
    lines += ["    loss = a.sum()", "    w -= 0.1 * w"]
    ran = run("\n".join(lines) + "\n")
    assert ran.error is None, ran.error
    notes: list[Any] = ran.names["notes"]
    for iteration in range(2):
        found = [event for event in ran.events(iteration) if 8 < event.line <= 8 + 2 * len(body) and event.line % 2]
        assert [event.text for event in found] == body
        for index, event in enumerate(found):
            expected = notes[iteration * len(body) + index]
            name = _changed(event.text)
            left = [value for value in event.values if value.label == name and value.when in ("result", "after")]
            for value in left[-1:]:
                assert numpy.array_equal(ran.array(value, iteration), expected), event.text


def _changed(text: str) -> str:
    """The name that a statement binds or changes."""
    for call in ("np.copyto(", "np.negative(", "change("):
        text = text.removeprefix(call)
    return text[0]


@given(
    st.lists(
        st.tuples(st.sampled_from(["keep", "set", "add", "view", "new"]), st.integers(0, 3), st.integers(0, 3)),
        max_size=30,
    )
)
@settings(max_examples=100)
def test_a_kept_copy_stays_as_it_was_and_equal_bits_of_one_memory_share_it(
    actions: list[tuple[str, int, int]],
) -> None:
    engine, store = NumpyEngine(), Store(1 << 20)
    arrays: list[Any] = [numpy.arange(6.0).reshape(2, 3) + index for index in range(4)]
    kept: list[tuple[Copy, Any]] = []
    for action, first, second in actions:
        array = arrays[first]
        if action == "keep":
            copy = store.keep(engine, array)
            assert store.keep(engine, array) is copy
            kept.append((copy, array.copy()))
        elif action == "set":
            array[second % 2, second % 3] = float(second)
        elif action == "add":
            array += arrays[second]
        elif action == "view":
            arrays[first] = arrays[second][:]
        else:
            arrays[first] = arrays[second] * 2
    for copy, expected in kept:
        assert numpy.array_equal(engine.ndarray(copy.kept), expected)


def tensor(place: bytearray) -> Any:
    """One whose memory is here."""
    return torch.frombuffer(place, dtype=torch.float32)


def numbers(place: bytearray) -> Any:
    """A list that is made anew, where the one before was, as a rule."""
    return [0.5 * number for number in place]


@pytest.mark.parametrize(("engine", "make"), [(TorchEngine(), tensor), (PythonEngine(), numbers)])
def test_what_lies_where_another_value_was_before_is_another_copy(engine: Engine, make: Any) -> None:
    """Else a record would tell of where memory is given out, which is another place in each run."""
    store = Store(1 << 20)
    copies: list[Copy] = []
    place = bytearray(400)
    for _ in range(20):
        value = make(place)
        copies.append(store.keep(engine, value))
        assert store.keep(engine, value) is copies[-1]
        del value
    assert len({id(copy) for copy in copies}) == len(copies)


def test_what_shares_its_memory_with_what_is_gone_shares_its_copy() -> None:
    engine, store = TorchEngine(), Store(1 << 20)
    value = (torch.ones(3, 4, requires_grad=True) * 2).relu()
    copy = store.keep(engine, value)
    node: Any = value.grad_fn
    del value
    assert store.keep(engine, node._saved_result) is copy
    store.close(0, Shelf())
    assert store.keep(engine, node._saved_result.detach()) is copy
    store.close(1, Shelf())
    assert store.keep(engine, node._saved_result.clone()) is not copy


def test_what_shares_its_memory_with_what_did_not_change_for_two_records_shares_its_copy() -> None:
    engine, store = TorchEngine(), Store(1 << 20)
    value = torch.ones(3, 4)
    copy = store.keep(engine, value)
    engine.settle()  # nobody hears a look: the very object is known again
    store.close(0, Shelf())
    assert store.keep(engine, value) is copy
    store.close(1, Shelf())
    others: list[Any] = [ref(set()) for _ in range(1000)]  # where a reference that was let go would have lain
    assert store.keep(engine, value.detach()) is copy, others


def test_the_oldest_records_make_room_and_shared_copies_are_counted_once() -> None:
    engine, store = NumpyEngine(), Store(3000)
    constant = numpy.zeros(100)
    evicted: list[int] = []
    for iteration in range(4):
        shelf = Shelf()
        shelf.put(store.keep(engine, constant))
        shelf.put(store.keep(engine, numpy.full(100, float(iteration))))
        evicted += store.close(iteration, shelf)
    assert evicted == [0, 1]
    assert store.size == 2400
    assert numpy.array_equal(engine.ndarray(store.get(3, 1).kept), numpy.full(100, 3.0))
    for number, key in ((0, 0), (3, 9)):
        try:
            store.get(number, key)
        except LookupError:
            continue
        raise AssertionError("a value that is not kept must be a LookupError")


def test_the_summary_of_a_difference_is_that_of_the_difference() -> None:
    engine, store = NumpyEngine(), Store(1 << 30)
    generator = numpy.random.default_rng(0)
    for dtype in ("f4", "f8", "i4"):
        for turned in (False, True):
            old = (1000 * generator.standard_normal((300, 400))).astype(dtype)
            new = (1000 * generator.standard_normal((300, 400))).astype(dtype)
            old[0, 0] = new[0, 0]
            first, second = (store.keep(engine, each.T if turned else each) for each in (old, new))
            other = store.keep(engine, numpy.asfortranarray(old.T if turned else old))
            for before in (first, other):
                found = Differences(engine).of(second, before)
                exact = engine.describe(found.kept)
                for name in ("shape", "dtype", "min", "max", "negative", "zero", "positive", "nan"):
                    assert getattr(found.summary, name) == getattr(exact, name)
                for name in ("mean", "std", "l2"):
                    assert getattr(found.summary, name) == pytest.approx(getattr(exact, name), rel=1e-9)


def test_of_what_is_kept_the_collector_of_cycles_has_little_to_go_through() -> None:
    arrays = NumpyEngine()
    engines: list[tuple[Engine, Any]] = [(arrays, numpy.ones), (TorchEngine(), torch.ones)]
    for engine, make in engines:
        store, differences = Store(1 << 30), Differences(arrays)
        values = [make((7, 300)) * count for count in range(50)]
        gc.freeze()  # of what is there by now nothing is asked
        before = len(gc.get_objects())
        copies = [store.keep(engine, value) for value in values]
        copies += [differences.of(copy, copies[0]) for copy in copies]
        assert len({id(copy.summary.shape) for copy in copies[: len(values)]}) == 1
        differences.clear()
        gc.collect()
        # where it was (an identity, and whose that is), and for two records references to that and to its memory
        assert len(gc.get_objects()) - before <= 5 * len(values) + 10
