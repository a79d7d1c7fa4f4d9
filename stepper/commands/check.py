"""`stepper check`: the gradients of one iteration against finite differences of its loss."""

import json
import math
import sys
from collections.abc import Iterator
from typing import Any, Literal

from stepper.commands.options import at_least_one, iteration_number
from stepper.session.check_text import lines
from stepper.session.errors import GradientsDiffer, Misuse
from stepper.session.gradient_check import GradientCheck
from stepper.session.headless_check import check
from stepper.session.options import Options
from stepper.terminal_text import visible

FORMAT = 1


def check_target(
    target: str, options: Options, *, iteration: str, entries: int, format: Literal["text", "json"]
) -> None:
    """Check the gradients of one iteration of `target` and print what came of it.

    Raises Misuse and ScriptFailed, and GradientsDiffer unless all that could be told agrees.
    """
    at_least_one(target, "--entries", entries)
    at = iteration_number(target, iteration)
    if at is None:
        raise Misuse(f"{target}: the setup has no loss to differentiate; name an iteration's number, counted from 0")
    found = check(target, options, at, entries, _tell)
    if format == "json":
        json.dump(document(target, found), sys.stdout, allow_nan=False)
        sys.stdout.write("\n")
    else:
        for line in page(target, found):
            sys.stdout.write(visible(line) + "\n")
    if not found.agrees:
        sys.stdout.flush()
        raise GradientsDiffer


def page(target: str, found: GradientCheck) -> Iterator[str]:
    """The text form, line by line."""
    yield f"{target}  iteration {found.iteration}  loss {found.loss}"
    yield ""
    yield from lines(found)


def document(target: str, found: GradientCheck) -> dict[str, Any]:
    """The JSON form: plain dicts and lists, in which what is not finite is a text."""
    return {
        "format": FORMAT,
        "target": target,
        "iteration": found.iteration,
        "loss": _json(found.loss),
        "agrees": found.agrees,
        "parameters": [
            {
                "name": parameter.name,
                "shape": list(parameter.shape),
                "verdict": parameter.verdict.value,
                "factor": _json(parameter.factor),
                "note": parameter.note,
                "entries": [
                    {
                        "index": list(entry.index),
                        "recorded": _json(entry.recorded),
                        "difference": _json(entry.difference),
                        "error": _json(entry.error),
                        "relative": _json(entry.relative),
                        "verdict": entry.verdict.value,
                        "reason": entry.reason,
                    }
                    for entry in parameter.entries
                ],
            }
            for parameter in found.parameters
        ],
    }


def _json(value: float | None) -> float | str | None:
    return value if value is None or math.isfinite(value) else str(value)


def _tell(done: int, total: int, name: str) -> None:
    """A line on stderr, where that is a terminal: which parameter is being checked."""
    terminal = sys.__stderr__
    if terminal is not None and terminal.isatty():
        text = f"checking {name} ({done + 1} of {total})" if name else ""
        terminal.write("\r\x1b[K" + visible(text))
        terminal.flush()
