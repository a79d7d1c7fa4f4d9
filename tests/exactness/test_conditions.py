"""Asking the conditions of breakpoints changes no bit of a run, at full speed or recorded, whatever they compute."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass

import pytest

import stepper
from stepper.record import Record
from stepper.session import Options, State, continuing
from tests.session.support import opened, script

pytestmark = pytest.mark.start("torch")


# Draws from every generator, with dropout, warnings and floating-point errors that raise, an object that is to be gone
# when its name is, and losses by name; prints what all of it has come to.
SOURCE = """
import hashlib
import random
import warnings
import weakref

import numpy as np
import torch

warnings.simplefilter("error")
np.seterr(all="raise")
random.seed(1)
np.random.seed(2)
torch.manual_seed(3)
model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Dropout(0.5), torch.nn.Linear(8, 1))
digest = hashlib.sha256()


class Big:
    pass


def mean_loss(x, y):
    kept = np.ones(3)
    kept += 1
    big = Big()
    alive = weakref.ref(big)
    del big
    return torch.nn.functional.mse_loss(model(x), y) + (0.0 if alive() is None else 1.0)


def update():
    for parameter in model.parameters():
        parameter.data -= 0.01 * parameter.grad


for step in range(30):
    noise = np.random.randn(5, 4) * random.random()
    x = torch.from_numpy(noise).float() + torch.rand(5, 4)
    loss = mean_loss(x, x.sum(1, keepdim=True))
    digest.update(repr((loss.item(), noise.tobytes(), random.random())).encode())
    model.zero_grad()
    loss.backward()
    update()
for parameter in model.parameters():
    digest.update(parameter.detach().numpy().tobytes())
print(digest.hexdigest(), random.random(), np.random.rand(), torch.rand(1).item())
"""
CONDITIONS = {
    "loss = mean_loss": "random.random() + np.random.rand() + torch.rand(3).sum() > 100",
    "digest.update(repr": "mean_loss(x, torch.zeros(5, 1)).item() > 1e30 or np.float64(1e300) / 1e-300 == 1",
    "model.zero_grad": "model[0].weight.grad is not None and model(x).requires_grad",
    "loss.backward": "not torch.isfinite(loss)",
    "update()": "1 / (step - 9) and no_such_name",
    "kept += 1": "kept.sum() < 0 or torch.dropout(x, 0.5, True).sum() > 1e9",
    "big = Big": "len(kept) > 5 or kept is None",
    "alive = weakref": "big is None",
    "del big": "big is None or random.gauss(0, 1) > 100",
}


def told(record: Record) -> list[tuple[str, str, list[str]]]:
    """What a record tells of its events."""
    return [(event.kind, event.text, [value.label for value in event.values]) for event in record.events]


@dataclass(frozen=True)
class Plain:
    """The script without conditions: what it prints under plain Python; its losses and last events in a session."""

    target: str
    printed: str
    losses: list[float | None]
    events: list[tuple[str, str, list[str]]]


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Plain:
    target = script(tmp_path_factory.mktemp("plain"), SOURCE)
    finished = subprocess.run(
        [sys.executable, target], capture_output=True, text=True, timeout=300, check=True, env={"OMP_NUM_THREADS": "1"}
    )
    with stepper.open(target, threads=1) as run:
        run.run()
        return Plain(target, finished.stdout, run.losses, told(run.iteration(29).record))


@pytest.mark.parametrize("seconds", [0.0, 1e9], ids=["at full speed", "recorded"])
async def test_a_run_with_conditions_is_the_plain_run(
    plain: Plain, monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    monkeypatch.setattr(continuing, "RECORDING_SECONDS", seconds)
    lines = SOURCE.splitlines()
    async with opened(plain.target, Options(threads=1)) as session:
        for text, condition in CONDITIONS.items():
            number = next(number for number, line in enumerate(lines, 1) if line.strip().startswith(text))
            session.toggle_breakpoint(number, condition=condition)
        met = []
        while session.state is not State.ENDED:
            await session.run()
            met.append(session.notice)
            assert len(met) < 20, met
        assert sum(" failed with " in each for each in met) == 1, met  # that which names what is not there
        assert session.output() == plain.printed
        assert session.losses == plain.losses, "what a condition computes is no loss"
        assert told(session.records[29]) == plain.events, "and what it calls is no event"
