"""What lies inside models and optimizers is found without running any of their code."""

from typing import Any

import torch
from torch import nn

from stepper.engines.torch import TorchEngine


class Net(nn.Module):
    """A model whose own methods must not be called."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(2, 3)
        self.norm = nn.BatchNorm1d(3)
        self.tied = self.first
        self.blocks = nn.ModuleList([nn.Linear(3, 3, bias=False)])
        self.scale = nn.Parameter(torch.ones(1))
        self.frozen = nn.Parameter(torch.ones(1), requires_grad=False)

    def named_parameters(self, *args: Any, **kwargs: Any) -> Any:
        raise AssertionError("the model was asked")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AssertionError("the model was asked")
        return super().__getattr__(name)


def test_parameters_and_buffers_of_a_model() -> None:
    engine = TorchEngine()
    found = dict(engine.members(Net()))
    assert list(found) == [
        "scale",
        "frozen",
        "first.weight",
        "first.bias",
        "norm.weight",
        "norm.bias",
        "norm.running_mean",
        "norm.running_var",
        "norm.num_batches_tracked",
        "blocks.0.weight",
    ]
    trained = [path for path, member in found.items() if engine.trainable(member)]
    assert trained == ["scale", "first.weight", "first.bias", "norm.weight", "norm.bias", "blocks.0.weight"]


def test_parameters_of_an_optimizer_by_group() -> None:
    engine = TorchEngine()
    weights = [torch.ones(2, requires_grad=True) for _ in range(3)]
    groups: list[dict[str, Any]] = [{"params": weights[:2]}, {"params": weights[2:], "lr": 0.1}]
    optimizer = torch.optim.SGD(groups, lr=0.2)
    found = dict(engine.members(optimizer))
    assert list(found) == ["group0.0", "group0.1", "group1.0"]
    assert all(found[path] is weight for path, weight in zip(found, weights, strict=True))


def test_models_in_a_list_and_nothing_elsewhere() -> None:
    engine = TorchEngine()
    models = [nn.Linear(1, 1), nn.Linear(1, 1)]
    assert [path for path, _ in engine.members(models)] == ["0.weight", "0.bias", "1.weight", "1.bias"]
    numbers = iter([1, 2])
    values: list[Any] = [numbers, 3, "text", {"a": 1}, torch.ones(2), [torch.ones(2)]]
    for value in values:
        assert list(engine.members(value)) == []
    assert list(numbers) == [1, 2]
    assert not engine.trainable(torch.ones(2, requires_grad=True) * 2)
    assert not engine.trainable(3)
