"""Memory of copies that are gone is used again, and never while somebody still looks at it."""

import os
import sys
import weakref
from typing import Any

import numpy as np
import pytest
import torch

from stepper.engines import pool
from stepper.engines.numpy import NumpyEngine
from stepper.engines.pool import SMALLEST, Pool
from stepper.engines.torch import TorchEngine


def test_a_buffer_is_used_again_once_its_copies_are_gone() -> None:
    buffers = Pool()
    first = buffers.take(SMALLEST)
    address = first.ctypes.data
    view = first.view(np.float32)[10:].reshape(-1, 2)
    del first
    second = buffers.take(SMALLEST)
    assert second.ctypes.data != address
    del view
    assert buffers.take(SMALLEST).ctypes.data == address


def test_buffers_that_are_cut_from_the_same_memory_do_not_overlap() -> None:
    buffers = Pool()
    held = [buffers.take(size) for size in (SMALLEST + 1, SMALLEST, pool.SLAB // 2, pool.SLAB // 2, pool.SLAB + 1)]
    for number, buffer in enumerate(held):
        buffer[:] = number
    assert all((buffer == number).all() for number, buffer in enumerate(held))
    assert held[1].ctypes.data == held[0].ctypes.data + SMALLEST + pool.LINE


def test_free_buffers_are_given_back_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "SWEEP", 10 * SMALLEST)
    buffers = Pool()
    held = buffers.take(SMALLEST)
    for size in range(SMALLEST, SMALLEST + 100):
        buffers.take(size)
    kept = [buffer for each in buffers._buffers.values() for buffer in each]
    assert len(kept) < 15
    assert any(buffer is held for buffer in kept)


def test_what_several_buffers_were_cut_from_goes_back_with_the_last_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "SLAB", 4 * SMALLEST)
    buffers = Pool()
    held = [buffers.take(SMALLEST) for _ in range(2)]
    assert buffers._slab is not None
    memory = weakref.ref(buffers._slab._memory)
    further = [buffers.take(2 * SMALLEST) for _ in range(2)]  # which it has no room for both of
    buffers._sweep()
    del held[0]
    buffers._sweep()
    assert memory() is not None
    del held[0], further[:]
    buffers._sweep()
    assert memory() is None


def test_where_the_system_has_no_more_memory_it_is_said_as_the_allocator_says_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    endless = 1 << 55
    with pytest.raises(MemoryError):
        Pool().take(endless)
    buffers = Pool()
    held = [buffers.take(size) for size in (pool.SLAB, SMALLEST)]
    monkeypatch.setattr(pool, "SLAB", endless)
    buffers._slab = None
    assert list(buffers.prepare()) == [], "nothing is made ahead then"
    assert len(held) == 2


def test_as_many_buffers_as_were_taken_are_at_hand_again() -> None:
    buffers = Pool()
    sizes = (SMALLEST, SMALLEST, 10 * SMALLEST)
    held = [buffers.take(size) for size in sizes]
    steps = len(list(buffers.prepare()))
    assert steps == 12  # in pieces, between which others have their turn
    ready = {buffer.ctypes.data for each in buffers._buffers.values() for buffer in each}
    again = [buffers.take(size) for size in sizes]
    assert {buffer.ctypes.data for buffer in (*held, *again)} == ready
    assert all((buffer == 0).all() for buffer in again)
    del held
    assert list(buffers.prepare()) == []  # those of the first time are free


def test_where_nothing_was_taken_no_library_is_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "numpy", None)
    assert list(Pool().prepare()) == []


def test_so_much_that_it_is_felt_is_not_made_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "AHEAD", 2 * SMALLEST)
    buffers = Pool()
    held = [buffers.take(SMALLEST) for _ in range(3)]
    assert list(buffers.prepare()) == []
    held.append(buffers.take(SMALLEST))
    assert len(list(buffers.prepare())) == 1  # what was taken since


def test_what_a_forked_process_writes_stays_its_own() -> None:
    buffers = Pool()
    held = buffers.take(SMALLEST)
    assert len(list(buffers.prepare())) == 1
    ahead = buffers.take(SMALLEST)
    if (child := os.fork()) == 0:
        ahead.fill(1)
        os._exit(0)
    os.waitpid(child, 0)
    assert not ahead.any()
    assert ahead.ctypes.data != held.ctypes.data


def test_what_was_taken_from_a_copy_outlives_the_copy() -> None:
    engines: list[tuple[Any, Any]] = [
        (NumpyEngine(), np.ones((200, 200))),
        (TorchEngine(), torch.ones(200, 200, dtype=torch.float64)),
        (TorchEngine(), torch.ones(200, 200, dtype=torch.bfloat16)),
    ]
    for engine, value in engines:
        array = engine.ndarray(engine.keep(value))
        others = [engine.keep(value * index) for index in range(2, 30)]
        assert (array == 1).all()
        assert [engine.ndarray(other)[0, 0] for other in others] == list(range(2, 30))
