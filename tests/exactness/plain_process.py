"""Runs scripts under plain Python, in a process of their own, and says what came of them, bit for bit.

Reads JSON from stdin, a list of [path, settings] pairs; writes JSON to stdout, for each its losses (hexadecimal) and
the fingerprints of its parameters. Knows nothing of stepper.
"""

import contextlib
import hashlib
import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.plain import printed_losses, seed_everything, with_settings


def fingerprint(array: Any) -> str:
    """Equal for equal shape, type and bits, one NaN being as good as another."""
    import numpy

    array = numpy.where(numpy.isnan(array), numpy.array(numpy.nan, array.dtype), array)
    return f"{array.shape} {array.dtype} {hashlib.sha256(array.tobytes()).hexdigest()}"


def parameters(names: dict[str, Any]) -> Iterator[Any]:
    """What the training changed, as a variant's script leaves it: its model's parameters, or its weights."""
    import torch

    model = names.get("model")
    if isinstance(model, torch.nn.Module):
        yield from model.parameters()
    else:
        yield from (names[name] for name in ("w1", "w2", "b") if name in names)


def fingerprint_of(value: Any) -> str:
    """The fingerprint of an array, a tensor or a number."""
    import torch

    if isinstance(value, float):
        return value.hex()
    return fingerprint(value.detach().cpu().numpy() if isinstance(value, torch.Tensor) else value)


def run(path: Path, settings: dict[str, str]) -> dict[str, Any]:
    """Run one script as `python FILE` would, after seeding with 0."""
    names: dict[str, Any] = {"__name__": "__main__", "__file__": str(path)}
    code = compile(with_settings(path.read_text(encoding="utf-8"), settings), str(path), "exec")
    printed = io.StringIO()
    seed_everything(0)
    with contextlib.redirect_stdout(printed):
        exec(code, names)
    return {
        "losses": [loss.hex() for loss in printed_losses(printed.getvalue())],
        "parameters": sorted(fingerprint_of(value) for value in parameters(names)),
    }


if __name__ == "__main__":
    json.dump([run(Path(path), settings) for path, settings in json.load(sys.stdin)], sys.stdout)
