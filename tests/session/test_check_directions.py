"""Directions through all entries of many parameters: right ones agree at once, a wrong one among them is found."""

import math
from pathlib import Path

import pytest

from stepper.session.check import budget
from stepper.session.check.budget import ENTRIES, FEWEST, FURTHER, PASSES, Budget
from stepper.session.check.gradient_check import Verdict
from tests.session.checks import named, opened, verdicts

DEEP = """
import torch
from torch import nn
torch.manual_seed(0)
torch.set_default_dtype(torch.{dtype})

class Scaled(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x * 1.5

    @staticmethod
    def backward(ctx, grad):
        return grad * 1.5

layers = [nn.Sequential(nn.Linear(6, 6), nn.LayerNorm(6), nn.Tanh()) for _ in range(5)]
model = nn.Sequential(*layers, nn.Linear(6, 2))
odd = nn.Parameter(torch.randn(6))
optimizer = torch.optim.SGD([*model.parameters(), odd], lr=0.01)
x, y = torch.randn(16, 6), torch.randn(16, 2)
for t in range(3):
    optimizer.zero_grad()
    loss = (model(x * Scaled.apply(odd)) - y).square().mean()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 0.05)
    optimizer.step()
"""


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_many_right_gradients_agree_without_a_look_at_entries_clipped_or_not(
    tmp_path: Path, dtype: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        budget, "SECONDS", math.inf
    )  # else a busy machine may leave less to one check than to the other
    with opened(tmp_path, DEEP.format(dtype=dtype)) as run:
        found = run.check(1)
        again = run.check(1)
    assert found.agrees and len(found.parameters) == 23 and found == again
    told = [each for each in found.parameters if not each.entries]
    assert len(told) == 23 if dtype == "float64" else len(told) > 15, found
    assert all("along a random direction" in each.note for each in told)
    assert all(each.verdict is Verdict.AGREES for each in found.directions)
    assert any("clipped" in each.note for each in told)
    for each in found.directions:
        assert abs(each.recorded - (each.difference or 0.0)) <= 2 * each.error + 1e-4 * abs(each.recorded)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_wrong_one_among_many_is_found_and_shown_entry_by_entry(tmp_path: Path, dtype: str) -> None:
    with opened(tmp_path, DEEP.format(dtype=dtype).replace("return grad * 1.5", "return grad * 3")) as run:
        found = named(run.check(1))
    wrong = [name for name, each in found.items() if each.verdict is not Verdict.AGREES]
    assert wrong == ["odd"] and found["odd"].factor == 2 and len(found["odd"].entries) == 4


def test_a_wrong_one_whose_share_of_the_slope_is_lost_in_rounding_is_not_agreed_with(tmp_path: Path) -> None:
    text = DEEP.format(dtype="float32").replace("return grad * 1.5", "return grad * 3")
    with opened(tmp_path, text.replace("Scaled.apply(odd)", "Scaled.apply(1 + 1e-4 * odd)")) as run:
        found = named(run.check(1))
    assert found["odd"].verdict is not Verdict.AGREES


def test_entries_that_are_asked_for_are_looked_at(tmp_path: Path) -> None:
    with opened(tmp_path, DEEP.format(dtype="float64")) as run:
        found = run.check(1, 1)
    assert found.agrees and [len(each.entries) for each in found.parameters] == [1] * 23


ONE_ENTRY = """
import numpy as np
numbers = np.random.default_rng(0)
x, y = numbers.normal(size=(8, {size})), numbers.normal(size=8)
w, b = numbers.normal(size={size}), np.zeros(3)
for t in range(2):
    e = x @ {forward} + b.sum() - y
    loss = (e ** 2).sum()
    grad_w = 2 * np.concatenate([x.T[:20] @ e, x.T[20:21] @ e / {factor}, x.T[21:] @ e])
    grad_b = np.full(3, 2 * e.sum())
    w -= 1e-3 * grad_w
    b -= 1e-3 * grad_b
"""


@pytest.mark.parametrize("wrong", [False, True])
def test_one_wrong_entry_that_nobody_looked_at_first_is_sought(tmp_path: Path, wrong: bool) -> None:
    with opened(tmp_path, ONE_ENTRY.format(size=40, forward="w", factor=2 if wrong else 1)) as run:
        found = run.check(0)
    assert verdicts(found) == {"w": Verdict.DIFFERS if wrong else Verdict.AGREES, "b": Verdict.AGREES}
    apart = [each.index for each in named(found)["w"].entries if each.verdict is Verdict.DIFFERS]
    assert apart == ([(20,)] if wrong else [])
    assert {each.verdict for each in found.directions if "w" in each.names} == {
        Verdict.DIFFERS if wrong else Verdict.AGREES
    }


def test_one_wrong_entry_of_many_that_is_not_come_upon_is_sought_by_halves(tmp_path: Path) -> None:
    with opened(tmp_path, ONE_ENTRY.format(size=400, forward="w", factor=-20)) as run:
        found = run.check(0)
    assert verdicts(found) == {"w": Verdict.DIFFERS, "b": Verdict.AGREES}
    assert [each.index for each in named(found)["w"].entries if each.verdict is Verdict.DIFFERS] == [(20,)]


@pytest.mark.parametrize("size", [40, 400])
def test_an_entry_behind_a_comparison_makes_no_gradient_differ(tmp_path: Path, size: int) -> None:
    text = ONE_ENTRY.format(size=size, forward=f"np.where(np.arange({size}) == 20, np.sign(w), w)", factor=1)
    with opened(tmp_path, text) as run:
        found = named(run.check(0))
    assert found["w"].verdict is Verdict.UNKNOWN
    assert size == 40 or "along two random directions" in found["w"].note


def test_lists_and_numbers_of_objects_have_directions_too(tmp_path: Path) -> None:
    text = """
class Unit:
    def __init__(self, number):
        self.w, self.b = [0.1 * number, 0.2, -0.3, 0.5, 0.7], 0.1 * number

units = [Unit(each) for each in range(10)]
for t in range(2):
    loss = sum((sum(w * (place + 1) for place, w in enumerate(unit.w)) + unit.b - 1) ** 2 for unit in units)
    for unit in units:
        grad = 2 * (sum(w * (place + 1) for place, w in enumerate(unit.w)) + unit.b - 1)
        for place in range(5):
            unit.w[place] -= 1e-3 * grad * (place + 1)
        unit.b -= 1e-3 * grad
"""
    with opened(tmp_path, text) as run:
        found = run.check(0)
    assert found.parameters and Verdict.DIFFERS not in verdicts(found).values(), found


def test_gradients_that_have_vanished_are_told_of_by_directions_through_all_of_them(tmp_path: Path) -> None:
    """And not entry by entry, each of which takes many passes to be hidden by rounding."""
    text = """
import torch
from torch import nn
torch.manual_seed(0)
net = nn.Sequential(*(part for _ in range(14) for part in (nn.Linear(3, 3), nn.Sigmoid())))
x, y = torch.randn(8, 3), torch.randn(8, 3)
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
for t in range(2):
    loss = (net(x) - y).square().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""
    with opened(tmp_path, text) as run:
        found = run.check(0)
    assert found.agrees and len(found.parameters) == 28
    assert not any(each.entries for each in found.parameters)
    hidden = [each for each in found.parameters if each.verdict is Verdict.UNKNOWN]
    assert hidden and all("the rounding of float32 hides it, along" in each.note for each in hidden)


def test_of_many_parameters_that_differ_fewer_entries_are_looked_at() -> None:
    few, many, slow = Budget(20, 0.01), Budget(600, 0.01), Budget(60, 100.0)
    assert few.entries(0, 20) == ENTRIES and not few.said
    assert many.entries(0, 60) == ENTRIES and many.entries(0, 600) == 1 and many.entries(2 * PASSES, 9) == 1
    assert many.said.startswith("of 2 parameters fewer entries")
    assert slow.entries(0, 60) == 1 and slow.splits < many.splits
    assert [Budget(8, each, many=False).entries(0, 8) for each in (0.1, 1.0, 30.0)] == [ENTRIES, 2, 1]
    assert slow.over(60 * FEWEST) and not slow.over(60) and not many.over(60 * FEWEST)
    assert few.further(0, 40) == 40 and few.further(0, 400) == FURTHER and few.further(2 * PASSES, 40) == 0
