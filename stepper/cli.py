"""The entry of the command line: what came of the words, as an exit code.

Loads as little as it can: the grammar only where there are options to read, a command only when it is called; and
nearly nothing before it can take an interrupt.
"""

from __future__ import annotations

import errno
import os
import sys

TYPE_CHECKING = False  # typing's own, without the time that its import takes
if TYPE_CHECKING:
    from collections.abc import Sequence

    from stepper.command_line import Typed

UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
NEAR = 0.65
"""How alike a word and a command are that was meant: as `rum` and `run` are, and `train` and `trace` are not."""
DONE, FAILED, MISUSE, INTERRUPTED, PIPE_CLOSED = 0, 1, 2, 130, 141


def main(words: Sequence[str] | None = None) -> int:
    """Carry out a command line (default: the process's); says plainly what was wrong and returns the exit code."""
    try:
        return _main(list(sys.argv[1:] if words is None else words))
    except KeyboardInterrupt as stop:
        if stop.args:  # how far it had come
            _complain(str(stop))
        return INTERRUPTED


def _main(words: list[str]) -> int:
    from stepper.command_line import typed
    from stepper.streams import prepare

    line = typed(words)
    prepare()
    try:
        _obey(line)
        sys.stdout.flush()
    except BrokenPipeError:
        _discard_stdout()
        return PIPE_CLOSED
    except OSError as error:
        if error.errno not in UNWRITABLE:
            raise
        _discard_stdout()
        _complain(f"{line.target or 'stepper'}: cannot write to stdout: {error.strerror}")
        return MISUSE
    except Exception as error:
        return _outcome(line, error)
    return DONE


def _obey(line: Typed) -> None:
    if line.opens_the_app:
        # reading options takes a quarter of the time to the first paint, and here there are none
        from stepper.command_line import DEFAULT_TARGET
        from stepper.commands.app import open_app
        from stepper.session.options import Options

        open_app(line.target or DEFAULT_TARGET, Options(arguments=line.script_arguments))
    else:
        from stepper.grammar import obey

        obey(line.own, line.script_arguments)


def _outcome(line: Typed, error: Exception) -> int:
    """The exit code of what was raised on purpose, after saying so. Anything else is a fault of stepper's own."""
    from stepper.session.advice import as_module, wants_input
    from stepper.session.errors import GradientsDiffer, Misuse, ScriptFailed

    if isinstance(error, Misuse):
        _complain(_misspelt(line) or str(error))
        return MISUSE
    if isinstance(error, GradientsDiffer):
        return FAILED
    if isinstance(error, ScriptFailed):
        sys.stderr.write(error.traceback if error.traceback.endswith("\n") else error.traceback + "\n")
        if error.unreached:
            _complain(f"{line.target}: {error.unreached}")
        elif error.shown and sys.stderr.isatty():
            _complain(f"{line.target}: {error.shown}")
        if wants_input(error.traceback) and sys.stdin is not None and sys.stdin.isatty():
            again = f"echo ANSWER | stepper {' '.join(line.own[:1])} {line.target}"
            _complain(f"{line.target}: input() reads what is piped, and nothing was: {again}")
        elif (
            line.target is not None
            and os.path.isfile(line.target)
            and (said := as_module(error.traceback, line.target))
        ):
            _complain(f"{line.target}: {said}")
        return FAILED

    from stepper.grammar import NotUnderstood

    if isinstance(error, NotUnderstood):
        _complain(_misspelt(line) or f"{line.target or 'stepper'}: {error}")
        return MISUSE
    if _interrupted(error):
        return INTERRUPTED
    raise error


def _interrupted(error: BaseException | None) -> bool:
    """Whether an interrupt is what led to an error: one in the midst of an import becomes another."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__ or error.__context__
    return error is not None


def _misspelt(line: Typed) -> str:
    """What to say where a command was meant that is not one: `chek numpy`; else nothing."""
    from stepper.command_line import COMMANDS

    word = line.target
    if word is None or line.own[0] in COMMANDS or not word.isalpha() or os.path.exists(word):
        return ""
    import difflib

    from stepper.variants import VARIANTS

    near = difflib.get_close_matches(word, [*COMMANDS, *VARIANTS], n=1, cutoff=NEAR)
    if not near or near[0] not in COMMANDS or word in VARIANTS:
        return ""
    return f"{word}: no command, variant or file has that name; did you mean stepper {near[0]}?"


def _complain(text: str) -> None:
    """One line on stderr, where that can be written to."""
    from contextlib import suppress

    from stepper.command_line import plain_line

    with suppress(OSError):
        print(plain_line(text), file=sys.stderr, flush=True)


def _discard_stdout() -> None:
    """Whoever read stdout has gone: let Python's last flush go nowhere instead of complaining."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
