"""Random generators: seeded as a script would seed them, and brought back to an earlier state."""

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from stepper.engines.base import Engine
from stepper.engines.numpy import NumpyEngine
from stepper.engines.python import PythonEngine
from stepper.engines.torch import TorchEngine

CASES: list[tuple[Engine, Callable[[], Any], Callable[[int], Any]]] = [
    (PythonEngine(), lambda: [random.random(), random.gauss(0, 1)], random.seed),
    (NumpyEngine(), lambda: [np.random.rand(), np.random.randn()], np.random.seed),
    (TorchEngine(), lambda: [*torch.rand(3).tolist(), *torch.randn(20).tolist()], torch.manual_seed),
]


@pytest.mark.parametrize(("engine", "draw", "seed"), CASES, ids=lambda case: getattr(case, "name", ""))
def test_seeding_and_going_back(engine: Engine, draw: Callable[[], Any], seed: Callable[[int], Any]) -> None:
    engine.seed(7)
    first = draw()
    state = engine.random_state()
    assert state is not None
    second = draw()
    engine.set_random_state(state)
    assert draw() == second
    seed(7)
    assert draw() == first
    engine.seed((1 << 40) + 3)  # beyond what NumPy's generator takes


def test_reading_a_state_does_not_move_it() -> None:
    for engine, draw, _ in CASES:
        engine.seed(1)
        expected = draw()
        engine.seed(1)
        for _ in range(3):
            engine.random_state()
        assert draw() == expected


def test_devices_that_have_not_started_get_a_seed_that_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    seeds: list[int] = []
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: False)
    monkeypatch.setattr(torch.cuda, "_is_in_bad_fork", lambda: False)
    monkeypatch.setattr(torch.cuda, "manual_seed_all", seeds.append)
    engine = TorchEngine()
    state = engine.random_state()
    assert state is not None
    engine.set_random_state(state)
    engine.seed(5)
    assert len(seeds) == 3
    assert seeds[0] == seeds[1]
    assert seeds[2] == 5
