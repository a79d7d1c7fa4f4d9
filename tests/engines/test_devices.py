"""Tensors on every device there is: kept, compared, described and pictured where they are."""

from typing import Any

import pytest
import torch

from stepper.engines.torch import TorchEngine
from tests.engines.strategies import cells, expected

DEVICES = ["cpu", *(f"cuda:{index}" for index in range(torch.cuda.device_count()))]


@pytest.mark.parametrize("place", DEVICES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.int64, torch.bool])
def test_a_tensor_on_its_device(place: str, dtype: Any) -> None:
    engine = TorchEngine()
    plain = (torch.randn(37, 53, generator=torch.Generator().manual_seed(0)) * 3).to(dtype)
    value = plain.to(place)
    kept = engine.keep(value)
    assert kept.tensor.device == value.device
    assert engine.same(value, kept)
    assert engine.same(value.t().contiguous().t(), kept)
    found, wanted = engine.describe(kept), expected(plain.to(torch.float64).numpy())
    assert found.device == place
    assert (found.negative, found.zero, found.positive) == (wanted["negative"], wanted["zero"], wanted["positive"])
    for name in ("min", "max", "mean", "std", "l2"):
        assert getattr(found, name) == pytest.approx(wanted[name], rel=1e-12)
    picture = engine.window(kept, None, 10, 9).cells
    assert picture == pytest.approx(cells(plain.to(torch.float64).numpy(), 10, 9), abs=1e-6)
    assert engine.sample(kept, 100).tolist() == plain.reshape(-1)[::20].float().tolist()
    before = engine.array(kept)
    value.zero_()
    assert not engine.same(value, kept)
    engine.restore(value, kept)
    assert engine.same(value, kept)
    assert engine.array(engine.keep(value)) == before


@pytest.mark.parametrize("place", DEVICES)
def test_generators_of_a_device(place: str) -> None:
    engine = TorchEngine()
    engine.seed(3)
    first = torch.randn(5, device=place).tolist()
    state = engine.random_state()
    assert state is not None
    second = torch.randn(5, device=place).tolist()
    engine.set_random_state(state)
    assert torch.randn(5, device=place).tolist() == second
    engine.seed(3)
    assert torch.randn(5, device=place).tolist() == first
