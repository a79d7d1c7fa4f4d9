"""`stepper run`: a script at full speed, one loss a line."""

import codecs
import json
import sys
from collections.abc import Callable
from contextlib import ExitStack
from math import isfinite
from typing import Literal

from stepper.command_line import plain_line
from stepper.commands.options import at_least_one
from stepper.session.findings.lossless import looked_for
from stepper.session.headless import run_losses
from stepper.session.options import Options

Losses = Callable[[int, list[float | None], int | None], None]


def run_target(
    target: str, options: Options, *, iterations: int | None, format: Literal["text", "jsonl"], output: bool
) -> None:
    """Run `target` and print its losses. Raises Misuse and ScriptFailed."""
    at_least_one(target, "--iterations", iterations)
    line = text_line if format == "text" else json_line
    decoder = codecs.getincrementaldecoder("utf-8")("replace")

    passes, found = 0, False
    broken: tuple[int, float] | None = None  # the first loss that is not finite
    with ExitStack() as stack:
        advance: Callable[[int, int | None], None] | None = None

        def on_losses(first: int, losses: list[float | None], total: int | None) -> None:
            nonlocal advance, passes, found, broken
            passes += len(losses)
            found = found or any(loss is not None for loss in losses)
            if broken is None:
                numbered = enumerate(losses, first)
                broken = next(((at, each) for at, each in numbered if each is not None and not isfinite(each)), None)
            sys.stdout.write("".join(line(first + offset, loss) for offset, loss in enumerate(losses)))
            sys.stdout.flush()
            if sys.__stderr__ is not None and sys.__stderr__.isatty():
                if advance is None:
                    advance = _progress_bar(stack, target)
                ends = [count for count in (total, iterations) if count is not None]
                advance(first + len(losses), min(ends, default=None))

        def on_output(data: bytes) -> None:
            sys.stderr.write(decoder.decode(data))
            sys.stderr.flush()

        others, elsewhere = run_losses(target, options, iterations, on_losses, on_output if output else None)
    if others:
        print(plain_line(f"{target}: {others}: --loop names one"), file=sys.stderr)
    if not passes:
        ended = "the script ended without a pass through the training loop"
        told = f"{target}: {ended}; {elsewhere}" if elsewhere else f"{target}: {ended}"
        print(plain_line(told), file=sys.stderr)
    elif not found:
        none = "no iteration has" if iterations is None else "no iteration so far has"
        which = "; stepper trace may tell which" if options.loss is None else ""
        print(plain_line(f"{target}: {none} a loss: {looked_for(options.loss)}{which}"), file=sys.stderr)
    if broken is not None:
        first = f"the loss is {broken[1]} in iteration {broken[0]}, the first that is not finite"
        where = f"stepper trace, with --iteration {broken[0]}, tells where that began"
        print(plain_line(f"{target}: {first}; {where}"), file=sys.stderr)
    for each in options.what_if:
        if each.iteration >= passes:
            ran = "1 iteration" if passes == 1 else f"{passes} iterations"
            told = f"{target}: --what-if {each.iteration}: {each.statement} was not come to: there were {ran}"
            print(plain_line(told), file=sys.stderr)


def text_line(iteration: int, loss: float | None) -> str:
    """One iteration for people: its number and its loss, to the last digit."""
    return f"{iteration}  {'no loss' if loss is None else loss}\n"


def json_line(iteration: int, loss: float | None) -> str:
    """One iteration for programs: strict JSON, in which what is not finite is a text."""
    value = loss if loss is None or isfinite(loss) else str(loss)
    return json.dumps({"iteration": iteration, "loss": value}, allow_nan=False) + "\n"


def _progress_bar(stack: ExitStack, target: str) -> Callable[[int, int | None], None]:
    """Open a progress bar on stderr; the function it returns moves it. Prints go above it on a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    progress = stack.enter_context(
        Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
            redirect_stdout=sys.stdout.isatty(),
        )
    )
    task = progress.add_task(target, total=None)

    def advance(done: int, total: int | None) -> None:
        progress.update(task, completed=done, total=total)

    return advance
