"""A large value's range is told at once, and its counts piece by piece; in the end it is what `describe` says."""

from collections.abc import Iterator
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from hypothesis import given, settings

from stepper.engines import pieces
from stepper.engines.base import Engine
from stepper.engines.chunks import CHUNK
from stepper.engines.numpy import NumpyEngine
from stepper.engines.torch import TorchEngine
from stepper.record import Summary
from tests.engines.strategies import TORCH_DTYPES, arrays

FIELDS = ("min", "max", "neginf", "inf", "nan")


@pytest.fixture(autouse=True)
def everything_is_large() -> Iterator[None]:
    patch = pytest.MonkeyPatch()
    patch.setattr(pieces, "MANY", 0)
    patch.setattr("stepper.engines.numpy.FEW", 0)  # few numbers are summed another way, but never told in pieces
    yield
    patch.undo()


def _bytes(summary: Summary) -> bytes:
    """To the bit, the sign of a zero included."""
    return msgspec.msgpack.encode(summary)


def in_pieces(engine: Engine, value: Any) -> list[Summary]:
    kept = engine.keep(value)
    found = engine.pieces(kept)
    if found is None:
        return []
    whole, outline = engine.describe(kept), found.outline()
    assert outline.counted == 0
    assert [getattr(outline, name) for name in FIELDS] == [getattr(whole, name) for name in FIELDS]
    assert (outline.mean, outline.std, outline.l2, outline.zero) == (None, None, None, None)
    told = list(found.counted(outline))
    assert _bytes(told[-1]) == _bytes(whole)
    for before in told[:-1]:
        assert before.counted is not None
        assert [getattr(before, name) for name in FIELDS] == [getattr(whole, name) for name in FIELDS]
    return told


@given(arrays())
@settings(max_examples=100)
def test_numpy_arrays(array: Any) -> None:
    told = in_pieces(NumpyEngine(), array)
    assert told or array.dtype.kind not in "fiuc" or array.dtype.char in "gG" or not array.ndim


@given(arrays(TORCH_DTYPES))
@settings(max_examples=60)
def test_torch_tensors(array: Any) -> None:
    in_pieces(TorchEngine(), torch.from_numpy(array.copy()) if array.ndim else torch.tensor(array))


@pytest.mark.parametrize("kind", ["plain", "nan", "all nan", "infinite", "huge at the end", "transposed", "broadcast"])
@pytest.mark.parametrize("engine", [NumpyEngine(), TorchEngine()], ids=["numpy", "torch"])
def test_several_chunks(kind: str, engine: Engine) -> None:
    array = np.random.default_rng(0).standard_normal((5, CHUNK))
    if kind == "nan":
        array[3, 7] = np.nan
    elif kind == "all nan":
        array[...] = np.nan
    elif kind == "infinite":
        array[0], array[1, 5], array[4, 4] = np.inf, -np.inf, np.nan
    elif kind == "huge at the end":
        array[4, -1] = 1e300  # its square is beyond the range: everything is gone through again, scaled
    elif kind == "transposed":
        array = array.T
    elif kind == "broadcast":
        array = np.broadcast_to(array[:2, None], (2, 3, CHUNK))
    value = array if engine.name == "numpy" else torch.from_numpy(array.copy())
    told = in_pieces(engine, value)
    assert len(told) >= 3
    counted = [each.counted or 0 for each in told[:-1]]
    assert counted == sorted(counted) or kind == "huge at the end"
    assert told[-1].counted is None
    for each in told[:-1]:
        seen = (each.negative, each.zero, each.positive)
        assert None not in seen


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float8_e5m2], ids=str)
def test_numbers_that_numpy_lacks(dtype: torch.dtype) -> None:
    tensor = torch.linspace(-3, 3, 100_001).to(dtype)
    tensor[[5, 70_000]] = torch.tensor([torch.nan, torch.inf]).to(dtype)
    told = in_pieces(TorchEngine(), tensor)
    assert len(told) == 5 and told[-1].nan == 1
    assert len(in_pieces(TorchEngine(), tensor.expand(3, -1))) == 5


def test_what_is_small_is_described_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces, "MANY", 1 << 25)
    array = np.zeros((1 << 22) - 1)
    assert NumpyEngine().pieces(array) is None
    assert NumpyEngine().pieces(np.zeros(1 << 22)) is not None
