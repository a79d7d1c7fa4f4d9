"""What plain Python makes of a script: the yardstick for everything that stepper shows.

Settings are overridden in the text itself, on the line that binds them, so that this knows nothing of how stepper
does it.
"""

import ast
import contextlib
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Finished:
    """A plain run: the losses it printed, and the names it left."""

    losses: list[float]
    names: dict[str, Any]


def with_settings(source: str, settings: Mapping[str, str]) -> str:
    """The script with `NAME = VALUE` put behind the assignment that binds NAME, on its line."""
    lines = source.splitlines()
    for name, value in settings.items():
        statement = next(
            node
            for node in ast.parse(source).body
            if isinstance(node, ast.Assign) and name in {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
        )
        assert statement.end_lineno is not None
        value = f"torch.{value}" if name == "dtype" else value
        row = statement.end_lineno - 1
        end = statement.end_col_offset
        assert end is not None
        lines[row] = f"{lines[row][:end]}; {name} = {value}{lines[row][end:]}"
    return "\n".join(lines) + "\n"


def seed_everything(seed: int) -> None:
    """The seeding that `--seed` stands for."""
    import random

    import numpy
    import torch

    random.seed(seed)
    numpy.random.seed(seed)
    torch.manual_seed(seed)


def run_plain(path: Path, settings: Mapping[str, str] | None = None, seed: int = 0) -> Finished:
    """Run a script in this process, with torch on one thread."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    source = with_settings(path.read_text(encoding="utf-8"), settings or {})
    names: dict[str, Any] = {"__name__": "__main__", "__file__": str(path)}
    printed = io.StringIO()
    seed_everything(seed)
    try:
        with contextlib.redirect_stdout(printed):
            exec(compile(source, str(path), "exec"), names)
    finally:
        torch.set_num_threads(threads)
    return Finished(printed_losses(printed.getvalue()), names)


def printed_losses(text: str) -> list[float]:
    """The losses in what a variant prints: one `iteration loss` a line, counted from 0."""
    rows = [line.split() for line in text.splitlines()]
    assert [int(iteration) for iteration, _ in rows] == list(range(len(rows)))
    return [float(loss) for _, loss in rows]
