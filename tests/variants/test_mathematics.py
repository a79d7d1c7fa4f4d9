"""Every variant computes what its description says: the reference losses, and the figures known exactly."""

import json
import math
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from stepper.variants import VARIANTS
from tests.plain import Finished, run_plain

REFERENCE = json.loads((Path(__file__).parents[1] / "reference" / "losses.json").read_text(encoding="utf-8"))
MOST = 60
DOUBLE = {"numpy", "numpy:small", "autograd:double", "relu-class"}


@cache
def finished(row: str, seed: int = 0, **settings: str) -> Finished:
    """The plain run of a variant (`name` or `name:preset`), of `MOST` iterations where it has more."""
    name, _, preset = row.partition(":")
    variant = VARIANTS[name]
    chosen = {**(variant.presets[preset] if preset else {}), **settings}
    return run_plain(variant.path, chosen | {"iterations": str(MOST)} if iterations(row) > MOST else chosen, seed)


def iterations(row: str) -> int:
    """How many a variant has by itself; 0 where it counts in epochs."""
    name, _, preset = row.partition(":")
    known = {**VARIANTS[name].settings, **(VARIANTS[name].presets[preset] if preset else {})}
    return int(known.get("iterations", 0))


def cases() -> Iterator[tuple[str, int]]:
    for row, seeds in REFERENCE.items():
        if row != "relu-class":
            for seed in seeds:
                yield row, int(seed)


@pytest.mark.parametrize(("row", "seed"), list(cases()))
def test_losses_are_those_of_the_reference(row: str, seed: int) -> None:
    expected = REFERENCE[row][str(seed)]
    losses = finished(row, seed).losses
    assert iterations(row) == expected["iterations"] and len(losses) == min(MOST, expected["iterations"])
    tolerance = 1e-9 if row in DOUBLE else 1e-4
    assert losses[:20] == pytest.approx(expected["first"], rel=tolerance)


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("rate", ["0.0001", "1e-05", "1e-06"])
def test_relu_class_by_learning_rate(rate: str, seed: int) -> None:
    expected = REFERENCE["relu-class"][str(seed)]
    with np.errstate(all="ignore"):
        losses = finished("relu-class", seed, learning_rate=rate).losses
    assert len(losses) == expected["iterations"]
    first = [float(loss) for loss in expected["first"][rate]]
    for loss, reference in zip(losses, first, strict=False):
        assert loss == pytest.approx(reference, rel=1e-9, nan_ok=True)


def test_relu_class_runs_away_with_the_default_learning_rate() -> None:
    with np.errstate(all="ignore"):
        losses = finished("relu-class").losses
    assert all(math.isfinite(loss) for loss in losses[:6])
    assert losses[6] == math.inf
    assert all(math.isnan(loss) for loss in losses[7:])


def test_and_gate_learns_and() -> None:
    run = finished("and-gate")
    assert len(run.losses) == 80
    assert run.names["w1"] == 0.4514297388906616
    assert run.names["w2"] == 0.2369025056182418
    assert run.names["b"] == -0.611635769357402
    assert run.names["answers"] == [0, 0, 0, 1]


def test_the_small_autograd_preset_has_one_iteration() -> None:
    assert finished("autograd:small").losses == [pytest.approx(95119.125, rel=1e-4)]


def test_three_torch_variants_agree_to_the_last_bit() -> None:
    losses = finished("torch").losses
    assert finished("autograd").losses == losses
    assert finished("custom-function").losses == losses


def test_nn_differs_from_module_in_last_bits_only() -> None:
    nn, module = finished("nn").losses, finished("module").losses
    assert nn[0] == module[0]
    assert nn != module
    assert nn[:20] == pytest.approx(module[:20], rel=1e-5)


def test_sigmoid_falls() -> None:
    losses = finished("sigmoid").losses
    assert len(losses) == 50
    assert losses[-1] < losses[0]


@pytest.mark.parametrize(("name", "preset"), [(v.name, p) for v in VARIANTS.values() for p in v.presets])
def test_every_preset_runs_and_learns(name: str, preset: str) -> None:
    losses = finished(f"{name}:{preset}").losses
    assert all(math.isfinite(loss) for loss in losses)
    assert losses[-1] <= losses[0]
