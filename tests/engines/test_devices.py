"""Tensors on every device there is: kept, compared, described and pictured where they are."""

from typing import Any

import pytest
import torch

from stepper.engines.room import Room
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
def test_many_copies_described_together_are_as_described_one_by_one(place: str) -> None:
    engine = TorchEngine()
    generator = torch.Generator().manual_seed(0)
    plain = [
        torch.randn(shape, generator=generator).to(dtype)
        for shape in ((), (0, 3), (7,), (30, 40), (300, 400))
        for dtype in (torch.float32, torch.float64, torch.bfloat16, torch.int64, torch.bool, torch.complex64)
    ]
    plain += [torch.full((9, 9), 1e300, dtype=torch.float64), torch.full((200, 90), 7.0), torch.zeros(500, 60)]
    plain += [torch.tensor([1.0, float("nan"), float("-inf"), -0.0] * 4000), torch.ones(3, 1).expand(3, 5000)]
    assert [engine.owns(each) for each in plain] == [True] * len(plain)
    kept = [engine.keep(each.to(place)) for each in plain]
    together = engine.describe_all(kept)
    for each, one, other in zip(plain, together, map(engine.describe, kept), strict=True):
        assert (one.shape, one.dtype, one.device) == (tuple(each.shape), str(each.dtype)[6:], place)
        for name in ("neginf", "negative", "zero", "positive", "inf", "nan", "min", "max"):
            assert getattr(one, name) == getattr(other, name)
        for name in ("mean", "std", "l2"):
            assert getattr(one, name) == pytest.approx(getattr(other, name), rel=1e-12, abs=1e-15)


@pytest.mark.parametrize("place", DEVICES[1:])
def test_a_copy_that_found_no_room_on_its_device(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = TorchEngine()
    for value in (torch.randn(300, 500, device=place), torch.randn(300, 1, device=place).expand(300, 500)):
        near = engine.keep(value)
        with monkeypatch.context() as full:
            full.setattr(Room, "has", lambda *_: False)
            kept = engine.keep(value)
        assert (engine.elsewhere(near), engine.elsewhere(kept)) == (True, False)
        assert kept.tensor.device.type == "cpu"
        assert engine.same(value, kept)
        assert engine.describe(kept).device == place
        assert engine.describe(kept).negative == engine.describe(near).negative
        assert engine.array(kept) == engine.array(near)
        assert engine.window(kept, None, 7, 9).cells == pytest.approx(engine.window(near, None, 7, 9).cells, abs=1e-6)
        engine.restore(value, kept)
        assert engine.same(value, near)


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
