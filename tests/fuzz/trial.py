"""One script through all comparisons."""

from __future__ import annotations

from pathlib import Path

import stepper
from tests.fuzz.checked import accused
from tests.fuzz.comparison import compared
from tests.fuzz.plain import plain_run
from tests.fuzz.script import Script

CHECKED = 3
"""Of so many seeds the gradients of one are checked, where each pass takes long."""


def tried(script: Script, path: Path, device: str = "cpu") -> list[str]:
    """Write a script to `path`, run it plainly and in stepper, and say what differs."""
    path.write_text(script.text, encoding="utf-8")
    plain = plain_run(path)
    with stepper.open(path) as run:
        found = compared(run, script, plain)
        if device == "cpu" and (script.family != "torch" or script.seed % CHECKED == 0):  # CUDA cannot be forked
            found += accused(run, min(2, len(plain.truths) - 1))
    return found
