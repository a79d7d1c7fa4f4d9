"""Random directions: the same from one seed in every process, and what values are moved by along them."""

import subprocess
import sys

import numpy as np
import pytest
import torch

from stepper.engines.numpy import NumpyEngine
from stepper.engines.python import PythonEngine
from stepper.engines.torch import TorchEngine
from stepper.inferior.direction import product, signs, through


def test_signs_follow_from_the_seed_and_are_even() -> None:
    found = signs(3, 10_001)
    assert set(found.tolist()) == {1, -1} and abs(int(found.sum())) < 500
    assert (found != signs(4, 10_001)).any()
    assert signs(9, 1).tolist() == [1]
    told = subprocess.run(
        [sys.executable, "-c", "from stepper.inferior.direction import signs; print(*signs(3, 50))"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.split() == [str(each) for each in found[:50]] == [str(each) for each in signs(3, 50)]


def test_a_product_is_that_of_all_entries_in_double_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = np.random.default_rng(0).normal(size=(30, 7)).astype(np.float32)
    whole = float(np.dot(numbers.reshape(-1).astype(float), signs(5, 210)))
    assert product(numbers, 5) == pytest.approx(whole, rel=1e-14)
    assert product(numbers.T, 5) != product(numbers, 5), "in C order"
    parts = (product(numbers, 5, part) for part in ((0, 70), (70, 71), (71, 210)))
    assert sum(parts) == pytest.approx(whole, rel=1e-12)
    assert through(5, 210, (70, 71)).nonzero()[0].tolist() == [70]
    monkeypatch.setattr("stepper.inferior.direction.AT_ONCE", 16)
    assert product(numbers, 5) == pytest.approx(whole, rel=1e-12)
    with pytest.raises(LookupError):
        product(numbers.astype(complex), 5)


def test_values_of_each_kind_are_moved_in_place() -> None:
    way = signs(1, 6)
    expected = np.arange(6.0) + 0.25 * way
    array = np.arange(6.0).reshape(2, 3).T
    NumpyEngine().move(array, 0.25, way)
    assert (array == np.arange(6.0).reshape(2, 3).T + 0.25 * way.reshape(3, 2)).all()
    rows = [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]
    PythonEngine().move(rows, 0.25, way)
    assert [*rows[0], *rows[1]] == expected.tolist()
    for dtype in (torch.float64, torch.float32, torch.bfloat16):
        weights = torch.nn.Parameter(torch.arange(6, dtype=dtype).reshape(2, 3))
        version = weights._version
        TorchEngine().move(weights, 0.25, way)
        assert weights.detach().double().reshape(-1).tolist() == expected.tolist()
        assert weights._version == version, "autograd hears of nothing"


def test_what_cannot_be_written_to_is_said() -> None:
    fixed = np.zeros(3)
    fixed.flags.writeable = False
    for engine, value in ((NumpyEngine(), fixed), (NumpyEngine(), np.zeros(3, int)), (PythonEngine(), (1.0, 2.0, 3.0))):
        with pytest.raises(LookupError):
            engine.move(value, 0.1, signs(0, 3))
    with pytest.raises(LookupError):
        TorchEngine().move(torch.zeros(3, dtype=torch.int64), 0.1, signs(0, 3))
