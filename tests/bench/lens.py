"""The yardstick for recording: TorchLens on the network of the variant `optim`, forward and backward.

Run by itself, it prints the processor time of a plain iteration and of one under TorchLens, in seconds.
"""

import json
import time
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Any

ITERATIONS = 30
ROUNDS = 3


def installed() -> bool:
    """Whether TorchLens is there: it comes with the extra `bench`."""
    return find_spec("torchlens") is not None


def measure() -> dict[str, float]:
    """The best of several rounds each, alternately, an iteration's share."""
    import torch

    lens: Any = import_module("torchlens")
    torch.manual_seed(0)
    torch.set_num_threads(1)
    x, y = torch.randn(64, 1000), torch.randn(64, 10)
    model = torch.nn.Sequential(torch.nn.Linear(1000, 100), torch.nn.ReLU(), torch.nn.Linear(100, 10))
    loss_fn = torch.nn.MSELoss(reduction="sum")
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-4)
    everything = lens.options.CaptureOptions(save_grads=True)

    def plain() -> None:
        loss = loss_fn(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    def logged() -> None:
        log = lens.trace(model, x, capture=everything)
        loss = loss_fn(log[log.output_layers[0]].out, y)
        optimizer.zero_grad()
        log.log_backward(loss)
        optimizer.step()

    best = {"plain": float("inf"), "logged": float("inf")}
    for _ in range(ROUNDS):
        for name, iteration in (("plain", plain), ("logged", logged)):
            best[name] = min(best[name], _each(iteration))
    return best


def _each(iteration: Callable[[], None]) -> float:
    begun = time.process_time()
    for _ in range(ITERATIONS):
        iteration()
    return (time.process_time() - begun) / ITERATIONS


if __name__ == "__main__":
    print(json.dumps(measure()))
