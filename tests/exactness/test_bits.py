"""What stepper shows is what plain Python computes, to the last bit, recorded or not, on every device there is."""

import json
import subprocess
import sys
from functools import cache
from typing import Any

import pytest
import torch

import stepper
from stepper.session import continuing
from stepper.session.headless import run_losses
from stepper.session.options import Options
from stepper.variants import VARIANTS
from stepper.variants.table import Device
from tests.exactness.plain_process import fingerprint

pytestmark = pytest.mark.start("anew")


ROWS = [
    (variant.name, preset, device)
    for variant in VARIANTS.values()
    for device in variant.devices
    if device == "cpu" or torch.cuda.is_available()
    for preset in (None, *variant.presets)
]
RECORDED, FURTHER = 20, 40
"""Passes of a short run; and more at full speed: the whole of a variant is run for one of each library."""
ANEW = ("numpy", "module-adam")  # one of each library begins as outside of tests; nobody can tell it from those forked


def short(name: str, preset: str | None, most: int = RECORDED) -> dict[str, str]:
    """The settings with which a row has no more than so many passes."""
    variant = VARIANTS[name]
    settings = dict(variant.presets[preset]) if preset else {}
    if "epochs" in variant.settings:
        return {**settings, "epochs": str(most // 4)}
    return {**settings, "iterations": str(min(most, int(settings.get("iterations", most))))}


def longer(name: str, preset: str | None) -> dict[str, str]:
    """Those with which it has more, to be run at full speed."""
    return {} if preset is None and name in ANEW else short(name, preset, RECORDED + FURTHER)


@cache
def plain_runs(device: Device) -> dict[tuple[str, str | None, bool], dict[str, Any]]:
    """Every row of a device under plain Python, whole and short, in one process with the environment of stepper's."""
    jobs = {}
    there = {} if device == "cpu" else {"device": repr(device)}
    for name, preset, runs_on in ROWS:
        if runs_on == device:
            path = str(VARIANTS[name].path)
            jobs[name, preset, False] = [path, longer(name, preset) | there]
            jobs[name, preset, True] = [path, short(name, preset) | there]
    finished = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "tests.exactness.plain_process"],
        input=json.dumps(list(jobs.values())),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    return dict(zip(jobs, json.loads(finished.stdout), strict=True))


def device_of(name: str, device: Device) -> str | None:
    """What `--device` is given; a variant that has no device of its own needs none."""
    return device if len(VARIANTS[name].devices) > 1 else None


def hexadecimal(losses: list[float | None]) -> list[str | None]:
    return [None if loss is None else float(loss).hex() for loss in losses]


WHOLE = [(name, device) for name, preset, device in ROWS if preset is None]


@pytest.mark.parametrize(
    ("name", "device"),
    [pytest.param(*row, marks=pytest.mark.start("anew" if row[0] in ANEW else "torch")) for row in WHOLE],
)
def test_run_shows_the_losses_that_the_script_prints(name: str, device: Device) -> None:
    shown: list[float | None] = []

    def take(first: int, losses: list[float | None], total: int | None) -> None:
        assert first == len(shown)
        shown.extend(losses)

    settings = tuple(f"{key}={value}" for key, value in longer(name, None).items())
    run_losses(name, Options(seed=0, device=device_of(name, device), settings=settings), None, take, None)
    assert hexadecimal(shown) == plain_runs(device)[name, None, False]["losses"]


@pytest.mark.parametrize(("name", "preset", "device"), ROWS)
@pytest.mark.start("torch")
def test_recording_every_pass_or_none_changes_neither_losses_nor_parameters(
    name: str, preset: str | None, device: Device
) -> None:
    """The first passes are recorded, those behind them run at full speed."""
    settings = short(name, preset)
    passes = 4 * int(settings["epochs"]) if "epochs" in settings else int(settings["iterations"])
    plain = plain_runs(device)[name, preset, True]
    device_name = device_of(name, device)
    with stepper.open(name, seed=0, preset=preset, device=device_name, settings=longer(name, preset)) as run:
        recorded = [run.iteration(number) for number in range(passes)]
        assert hexadecimal([one.loss for one in recorded]) == plain["losses"]
        assert hexadecimal(run.losses) == plain["losses"]
        # a pass lists what it updated: the middle layer of `dynamic` is not among it where it was not used
        last = {parameter.name: parameter for one in recorded for parameter in one.parameters}
        after = {final_bits(parameter) for parameter in last.values()}
        assert set(run.session.engines) == set(VARIANTS[name].engines)
        if preset is not None:  # without one, the whole run is looked at above
            run.run()
            assert hexadecimal(run.losses) == plain_runs(device)[name, preset, False]["losses"]
    assert after == set(plain["parameters"])


def final_bits(parameter: Any) -> str:
    """The fingerprint of a parameter after the last recorded pass."""
    value = parameter.after
    if value.summary.kind == "scalar":
        return float(value.summary.value).hex()
    return fingerprint(value.array)


@pytest.mark.parametrize(
    ("name", "statement"),
    [
        ("numpy", "w1 -= learning_rate * grad_w1"),
        ("custom-function", "grad_input[input < 0] = 0"),  # inside the backward pass
        ("module-adam", "optimizer.step()"),
    ],
)
@pytest.mark.start("torch")
def test_stopping_at_breakpoints_changes_no_bit(name: str, statement: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(continuing, "RECORDING_SECONDS", 0.0)
    lines = VARIANTS[name].source.splitlines()
    line = next(number for number, text in enumerate(lines, 1) if text.strip().startswith(statement))
    plain = plain_runs("cpu")[name, None, False]["losses"]
    with stepper.open(name, seed=0, settings=longer(name, None)) as run:
        run.toggle_breakpoint(line)
        for _ in range(3):
            run.run()
            iteration, event = run.here
            assert event is not None and event.line == line and iteration is not None
            assert len(run.losses) == iteration or iteration == 0, "the run itself stands there"
            assert hexadecimal([run.iteration(iteration).loss]) == plain[iteration : iteration + 1]
        run.toggle_breakpoint(line)
        run.run()
        assert hexadecimal(run.losses) == plain
