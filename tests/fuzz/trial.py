"""One script through all comparisons."""

from __future__ import annotations

from pathlib import Path

import stepper
from tests.fuzz.checked import checked, misjudged
from tests.fuzz.comparison import compared
from tests.fuzz.plain import plain_run
from tests.fuzz.planting import planted
from tests.fuzz.script import Script

CHECKED = 3
"""Of so many seeds the gradients of one are checked, where each pass takes long."""


def tried(script: Script, path: Path, device: str = "cpu") -> list[str]:
    """Write a script to `path`, run it plainly and in stepper, and say what differs."""
    path.write_text(script.text, encoding="utf-8")
    plain = plain_run(path)
    with stepper.open(path) as run:
        found = compared(run, script, plain)
        last = min(2, len(plain.truths) - 1)
        due = script.family != "torch" or script.seed % CHECKED == 0
        if due and device == "cpu" and plain.truths[last].loss is not None:  # CUDA cannot be forked
            found += checked(run, last)
    return found


def tried_with_a_mistake(script: Script, path: Path) -> list[str]:
    """Plant a mistake into a script that has its backward pass by hand, write that to `path`, and say what the check
    finds there that is not so, or finds to be so and is not."""
    wrong = planted(script)
    if wrong is None:
        return []
    path.write_text(script.text, encoding="utf-8")
    right = plain_run(path)
    if right.truths[0].loss is None:
        return []
    path.write_text(wrong.text, encoding="utf-8")
    told = plain_run(path)
    with stepper.open(path) as run:
        return list(misjudged(run, run.check(0), right.truths[0], told.truths[0]))
