"""Runs one script under plain Python, and says what it printed and what its truths were; knows nothing of stepper.

`python -m tests.fuzz.plain_process SCRIPT` writes JSON to stdout. Each `# truth:` has become a call, which copies what
it is given.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
import warnings
from pathlib import Path
from typing import Any

from tests.fuzz.script import TRUTH

Encoded = list[Any]
"""An array's dtype, shape and bytes (hexadecimal)."""


def encoded(value: Any) -> Encoded:
    """A tensor, an array, a number or a list of numbers."""
    import numpy

    if hasattr(value, "detach"):
        value = value.detach().cpu().numpy()
    array = numpy.asarray(value)
    return [array.dtype.str, list(array.shape), array.tobytes().hex()]


def run(path: Path) -> dict[str, Any]:
    """Run a script as `python FILE` would."""
    truths: list[dict[str, Any]] = []

    def truth(loss: Any, **parameters: tuple[Any, ...]) -> None:
        told = "..." if loss is ... else None if loss is None else float(loss).hex()
        held = {name: [encoded(each) for each in values] for name, values in parameters.items()}
        truths.append({"loss": told, "parameters": held})

    source = TRUTH.sub(r"\1_truth_(\2)", path.read_text(encoding="utf-8"))
    names: dict[str, Any] = {"__name__": "__main__", "__file__": str(path), "_truth_": truth}
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(source, str(path), "exec"), names)
    return {"printed": printed.getvalue(), "truths": truths}


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    json.dump(run(Path(sys.argv[1])), sys.stdout)
