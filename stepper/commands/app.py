"""`stepper [TARGET]`: the app. The only headless module that reaches the screen, and only when it is called."""

from __future__ import annotations

import gc
import io
import os
import sys
from typing import TYPE_CHECKING

from stepper.commands.opening import opening
from stepper.session.errors import Misuse

if TYPE_CHECKING:
    from stepper.session.options import Options
    from stepper.tui.app import StepperApp


def open_app(target: str, options: Options, config: str | None = None) -> None:
    """Open the app on `target` and return when it is closed. Raises Misuse where the target cannot be opened.

    `config` is the file that keeps its theme and arrangement (None: that in the person's configuration folder).
    """
    lacking = _lacking()
    if lacking:
        from stepper.session.target import launch_of

        launch_of(target, options)  # what is wrong with the target is said first
        raise Misuse(f"{target}: the app needs a terminal{lacking}; use stepper run or stepper trace without one")
    _draw_on_the_terminal(target)
    with opening(target):
        gc.disable()
        try:
            app = _loaded(target, options, config)
            gc.freeze()  # what has been loaded stays: looking through it again now and then would delay a key by 25 ms
            gc.set_threshold(GARBAGE)
        finally:
            gc.enable()
    app.run()
    if app.misuse:
        raise Misuse(app.misuse)
    if app.misread:
        print(app.misread, file=sys.stderr)  # in the app there was one line for it
    if app.unkept:
        print(app.unkept, file=sys.stderr)
    if app.return_code:
        raise SystemExit(app.return_code)


def _draw_on_the_terminal(target: str) -> None:
    """Make `sys.__stderr__`, where Textual draws, the terminal: with `2>errors.txt` it is none. Raises Misuse where the
    terminal cannot be opened."""
    stream = sys.__stderr__
    if stream is None or stream.closed or not stream.isatty():
        try:
            stream = sys.__stderr__ = open(os.ctermid(), "w", encoding="utf-8")  # type: ignore[misc]  # noqa: SIM115
        except (OSError, AttributeError) as error:
            raise Misuse(f"{target}: the app is drawn on stderr, which is no terminal here: {error}") from None
    if isinstance(stream, io.TextIOWrapper):
        # most of what it draws is in no other encoding
        stream.reconfigure(encoding="utf-8", errors="backslashreplace")


GARBAGE = 10_000
"""So many new objects that cycles are looked for among them: not with each key, which makes about two thousand."""


def _lacking() -> str:
    """What the app would need of a terminal and cannot have; empty where it can have all."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return " for its input and output"
    return " that can do more than TERM=dumb says" if os.environ.get("TERM") == "dumb" else ""


def _loaded(target: str, options: Options, config: str | None) -> StepperApp:
    from stepper.session.session import Session

    session = Session(target, options, count_later=True)
    # The script's process takes seconds to load its libraries: it starts before ours takes time for the screen's
    session.launch()

    from stepper.commands.config import config_path
    from stepper.tui.app import StepperApp

    return StepperApp(session, config_path(config))
