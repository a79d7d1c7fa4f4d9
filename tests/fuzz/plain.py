"""What plain Python makes of a script: what it printed, and the truth of each of its iterations."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy
import numpy.typing

Numbers = numpy.typing.NDArray[Any]


@dataclass(frozen=True)
class Truth:
    """An iteration, just before its update. `loss` is None where there is none, and Ellipsis where it is not told;
    `parameters` have a value by name; `gradients` the one that the update uses, or several that may be called so."""

    loss: Any
    parameters: dict[str, Numbers]
    gradients: dict[str, tuple[Numbers, ...]]


@dataclass(frozen=True)
class Plain:
    """A plain run."""

    printed: str
    truths: list[Truth]


def plain_run(path: Path) -> Plain:
    """Run a script in a process of its own. Raises RuntimeError where it fails: then the generator is wrong."""
    command = [sys.executable, "-m", "tests.fuzz.plain_process", str(path)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"plain Python fails: {done.stderr.strip()[-600:]}")
    found = json.loads(done.stdout)
    return Plain(found["printed"], [_truth(each) for each in found["truths"]])


def _truth(told: dict[str, Any]) -> Truth:
    loss = told["loss"]
    held = {name: [_decoded(*each) for each in values] for name, values in told["parameters"].items()}
    return Truth(
        ... if loss == "..." else None if loss is None else float.fromhex(loss),
        {name: values[0] for name, values in held.items()},
        {name: tuple(values[1:]) for name, values in held.items()},
    )


def _decoded(dtype: str, shape: list[int], data: str) -> Numbers:
    return numpy.frombuffer(bytes.fromhex(data), dtype).reshape(shape)
