"""`stepper check`: the gradients of one iteration against finite differences of its loss."""

import json
import math
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from time import monotonic
from typing import Any, Literal

from stepper.command_line import plain_line
from stepper.commands.options import at_least_one, iteration_number
from stepper.session.check.check_text import lines, verdict
from stepper.session.check.gradient_check import GradientCheck, ParameterCheck
from stepper.session.errors import GradientsDiffer, Misuse
from stepper.session.headless_check import check
from stepper.session.options import Options
from stepper.terminal_text import visible

FORMAT = 1
QUIET = 30.0  # seconds after which it is said how far it is where lines cannot be wiped away


def check_target(
    target: str,
    options: Options,
    *,
    iteration: str,
    entries: int | None,
    parameters: Sequence[str] = (),
    format: Literal["text", "json"],
) -> None:
    """Check the gradients of one iteration of `target`, of some of its parameters, and print what came of it; where it
    is interrupted, what came of it until then.

    Raises Misuse and ScriptFailed, KeyboardInterrupt, and GradientsDiffer unless all that could be told agrees.
    """
    if entries is not None:
        at_least_one(target, "--entries", entries)
    at = iteration_number(target, iteration)
    if at is None:
        raise Misuse(f"{target}: the setup has no loss to differentiate; name an iteration's number, counted from 0")
    told = _Telling(target, at)
    try:
        found = check(target, options, at, entries, told, parameters)
    except KeyboardInterrupt:
        told.wipe()
        if told.found is not None:
            _print(target, told.found, format)
        told.say(f"{target}: interrupted {told.at}: {_reached(told.found)}")
        raise
    finally:
        told.wipe()
    _print(target, found, format)
    if not found.agrees:
        sys.stdout.flush()
        raise GradientsDiffer


def _print(target: str, found: GradientCheck, format: Literal["text", "json"]) -> None:
    if format == "json":
        json.dump(document(target, found), sys.stdout, allow_nan=False)
        sys.stdout.write("\n")
    else:
        for line in page(target, found):
            sys.stdout.write(visible(line) + "\n")
    sys.stdout.flush()


def _reached(found: GradientCheck | None) -> str:
    if found is None or not (found.parameters or found.begun):
        return "nothing was checked yet"
    done = len(found.parameters)
    return f"{done} of {done + len(found.ahead)} parameters were checked"


def page(target: str, found: GradientCheck) -> Iterator[str]:
    """The text form, line by line."""
    which = f" ({found.which})" if found.which else ""
    yield f"{target}  iteration {found.iteration}  loss {found.loss}{which}"
    yield ""
    told = verdict(found)
    if told:
        yield told
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
        "unchecked": list(found.ahead),
        "hint": found.hint,
        "directions": [
            {
                "parameters": list(each.names),
                "entries": each.entries,
                "recorded": _json(each.recorded),
                "difference": _json(each.difference),
                "error": _json(each.error),
                "verdict": each.verdict.value,
            }
            for each in found.directions
        ],
        "begun": None if found.begun is None else _parameter(found.begun),
        "parameters": [_parameter(each) for each in found.parameters],
    }


def _parameter(parameter: ParameterCheck) -> dict[str, Any]:
    return {
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


def _json(value: float | None) -> float | str | None:
    return value if value is None or math.isfinite(value) else str(value)


class _Telling:
    """Keeps what is known so far, and says on stderr how far it is: where that is a terminal on one line, elsewhere (a
    log) by a line now and then, as long as it takes."""

    def __init__(self, target: str, iteration: int) -> None:
        self.found: GradientCheck | None = None
        self.at = f"on the way to iteration {iteration}"  # in words: how far it is
        self._target = target
        self._said = monotonic()
        self._terminal = sys.__stderr__ if sys.__stderr__ is not None and sys.__stderr__.isatty() else None
        self._show(f"running to iteration {iteration} …")

    def __call__(self, found: GradientCheck, name: str) -> None:
        self.found = found
        done = len(found.parameters)
        self.at = f"at {name}" if name else "at its end"
        self._show(f"checking {name} ({done + 1} of {done + len(found.ahead)}) …" if name else "")

    def wipe(self) -> None:
        """Take the line away."""
        self._show("")

    def say(self, text: str) -> None:
        """A line that stays, on stderr."""
        self.wipe()
        with suppress(OSError):
            sys.stderr.write(plain_line(text) + "\n")

    def _show(self, text: str) -> None:
        if self._terminal is not None:
            with suppress(OSError):
                self._terminal.write("\r\x1b[K" + visible(text))
                self._terminal.flush()
        elif text and monotonic() - self._said >= QUIET:
            self._said = monotonic()
            with suppress(OSError):
                sys.stderr.write(plain_line(f"{self._target}: {text}") + "\n")
                sys.stderr.flush()
