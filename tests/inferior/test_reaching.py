"""Where a parameter is found while the script stands at a head."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pytest
import torch

from stepper.engines.numpy import NumpyEngine
from stepper.engines.torch import TorchEngine
from stepper.inferior.reaching import reach
from stepper.record import Summary


class Number:
    def __init__(self, data: float) -> None:
        self.data = data
        self.back: Callable[[], float] = lambda: self.data


def test_what_a_closure_holds_does_not_hide_the_name_of_a_number() -> None:
    weights = [Number(0.25), Number(0.5)]
    layers = [[weights]]
    loss = Number(1.0)
    last = weights[1]
    loss.back = lambda: last.data  # nearer to the root than `layers[0][0][1]`

    like = Summary(kind="scalar", type="float", value=0.5)
    reached = reach("layers[0][0][1]", like, [], [{"loss": loss, "layers": layers}], [])
    assert reached.write(0, 2.0) == 2.0 and weights[1].data == 2.0


@pytest.mark.parametrize("kind", [float, np.float64])
def test_a_number_that_was_added_up_in_another_order_is_reached(kind: type[float]) -> None:
    engine, weight = NumpyEngine(), Number(kind(0.1 + 0.2))
    recorded = kind(0.3)
    like = engine.describe(recorded) if kind is not float else Summary(kind="scalar", type="float", value=0.3)
    assert reach("w", like, [], [{"w": weight, "other": Number(kind(0.31))}], [engine]).write(0, 2.0) == 2.0
    assert weight.data == 2.0


class Asked(torch.Tensor):
    """A class whose code is not to be run by a look."""

    @property
    def shape(self) -> torch.Size:  # type: ignore[override]
        raise AssertionError("it was asked")


def test_a_parameter_of_a_class_of_its_own_is_reached_without_asking_it() -> None:
    engine, value = TorchEngine(), torch.tensor([0.25, 0.5])
    like = engine.describe(engine.keep(value.as_subclass(Asked)))
    others = torch.zeros(3).as_subclass(Asked)
    names = {"w": value.as_subclass(Asked), "others": others}
    assert reach("w", like, [], [names], [engine]).write(1, 2.0) == 2.0
    assert value.tolist() == [0.25, 2.0]


class Layer(NamedTuple):
    weight: torch.Tensor
    scale: float


@dataclass
class Network:
    last: Layer


def test_the_fields_of_records_within_records_are_reached() -> None:
    engine, network = TorchEngine(), Network(Layer(torch.tensor([0.25, 0.5]), 3.0))
    like = engine.describe(engine.keep(network.last.weight))
    assert reach("net.last.weight", like, [], [{"net": network}], [engine]).write(1, 2.0) == 2.0
    assert network.last.weight.tolist() == [0.25, 2.0]
    scale = reach("net.last.scale", Summary(kind="scalar", type="float", value=3.0), [], [{"net": network}], [engine])
    with pytest.raises(LookupError, match=r"^net\.last\.scale cannot be written to$"):
        scale.write(0, 2.0)


def test_a_bias_is_not_taken_for_its_momentum_which_begins_with_the_same_zeros() -> None:
    engine, bias, momentum = NumpyEngine(), np.zeros(2), np.zeros(2)
    like = engine.describe(engine.keep(bias))
    names = {"b": bias, "params": {"b": bias}, "m": {"b": momentum}}
    reach("params['b']", like, [], [names], [engine]).write(0, 2.0)
    assert bias.tolist() == [2.0, 0.0] and not momentum.any()

    bias[:] = 0
    del names["params"]
    with pytest.raises(LookupError, match="several values hold its numbers"):
        reach("params['b']", like, [], [names], [engine])  # it has another name here, and the momentum has half of it
    momentum[:] = 1
    reach("params['b']", like, [], [names], [engine]).write(0, 2.0)
    assert bias.tolist() == [2.0, 0.0] and momentum.tolist() == [1.0, 1.0]
