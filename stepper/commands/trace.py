"""`stepper trace`: all that one iteration did, as a page or as JSON."""

import json
import os
import sys
from collections.abc import Sequence
from functools import partial
from typing import Literal

from stepper.commands.options import iteration_number
from stepper.commands.trace_text import overview, trace_lines, watched_lines
from stepper.session.export import trace_document
from stepper.session.findings.lossless import without_loss
from stepper.session.findings.nonfinite import where_it_began
from stepper.session.findings.pointed_out import pointed_out
from stepper.session.findings.telling import which_loss
from stepper.session.headless import Trace, trace
from stepper.session.options import Options
from stepper.session.target import folder_of
from stepper.terminal_text import visible


def trace_target(
    target: str,
    options: Options,
    *,
    iteration: str,
    values: bool,
    format: Literal["text", "json"],
    watch: Sequence[str] = (),
) -> None:
    """Record one iteration of `target` (or its setup) and print the record. Raises Misuse and ScriptFailed.

    Where the script fails within that iteration, what led to it is printed first.
    """
    traced = trace(target, options, iteration_number(target, iteration), watch)
    if format == "json":
        # As one text: `json.dump` writes piece by piece in Python, which takes four times as long.
        sys.stdout.write(json.dumps(trace_document(traced, values), allow_nan=False) + "\n")
    else:
        folder = folder_of(target, traced.script)
        named = partial(os.path.relpath, start=folder)
        page = trace_lines(traced.record, traced.array, script=traced.script, values=values, named=named)
        watched = watched_lines(traced.watched, traced.array, values)
        for line in (*_title(traced, options.loss), "", *watched, *overview(traced.record), *page):
            sys.stdout.write(visible(line) + "\n")
    if traced.failure is not None:
        sys.stdout.flush()  # before its traceback, where both go to the same place
        raise traced.failure


def _title(traced: Trace, named: str | None) -> list[str]:
    """What was run, how, and what came of it; `named` is the expression that was given for the loss."""
    record = traced.record
    what = "setup" if record.iteration is None else f"iteration {record.iteration}"
    loss = "" if record.loss is None else f"  loss {record.loss}"
    loss += f" ({which})" if loss and (which := which_loss(record)) else ""
    seed = "no seed" if traced.seed is None else f"seed {traced.seed}"
    none = record.iteration is not None and record.loss is None and record.error is None
    return [
        f"{traced.target}  {what}{loss}",
        f"engines {', '.join(traced.engines)}  device {traced.device}  threads {traced.threads}  {seed}",
        *(f"what if, before iteration {each.iteration}: {each.statement}" for each in traced.what_if),
        *([f"no loss: {without_loss(record, traced.losses, named)}"] if none else []),
        *([began] if (began := where_it_began(record)) else []),
        *(f"! {each}" for each in pointed_out(record)),
        *([f"{traced.other_loops}: --loop names one"] if traced.other_loops else []),
    ]
