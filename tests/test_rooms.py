"""Which libraries each part loads, seen in a fresh process: the screen no torch, the commands no screen."""

import subprocess
import sys

import pytest


def loaded_by(module: str) -> set[str]:
    """The top-level modules that a fresh interpreter has loaded after importing `module`."""
    code = f"import {module}, sys; print(*{{name.partition('.')[0] for name in sys.modules}})"
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    return set(finished.stdout.split())


@pytest.mark.parametrize(
    ("module", "never"),
    [
        ("stepper", {"cyclopts", "rich", "textual", "numpy", "torch", "msgspec"}),
        ("stepper.cli", {"cyclopts", "rich", "textual", "numpy", "torch", "msgspec"}),
        ("stepper.grammar", {"textual", "numpy", "torch"}),
        ("stepper.commands.app", {"cyclopts", "rich", "textual", "numpy", "torch", "msgspec"}),
        ("stepper.commands.list", {"textual", "numpy", "torch"}),
        ("stepper.commands.run", {"textual", "numpy", "torch"}),
        ("stepper.commands.trace", {"textual", "numpy", "torch"}),
        ("stepper.session.session", {"textual", "numpy", "torch"}),
        ("stepper.session.notebook", {"textual", "numpy", "torch"}),
        ("stepper.tui.app", {"numpy", "torch"}),
        ("stepper.program.program", {"textual", "numpy", "torch"}),
        ("stepper.inferior.main", {"textual", "numpy", "torch", "cyclopts", "rich"}),
    ],
)
def test_a_room_loads_no_more_than_it_needs(module: str, never: set[str]) -> None:
    assert not loaded_by(module) & never
