"""What the terminal shows until the app's first frame: a line saying that the target is being opened.

The app's libraries take longer to load than a person takes to wonder whether a key was pressed. Knows nothing of them.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from stepper.command_line import plain_line

OTHER_SCREEN, SCREEN_BEFORE = "\x1b[?1049h\x1b[2J\x1b[H", "\x1b[?1049l"


@contextmanager
def opening(target: str) -> Iterator[None]:
    """Show the line on the terminal's other screen, where the app will be drawn; leave that screen if it fails."""
    terminal = sys.__stderr__  # the app's own
    if terminal is None or not terminal.isatty():
        yield
        return
    _write(terminal.fileno(), OTHER_SCREEN + plain_line(f"stepper: opening {target} ..."))
    try:
        yield
    except BaseException:
        _write(terminal.fileno(), SCREEN_BEFORE)
        raise


def _write(descriptor: int, text: str) -> None:
    os.write(descriptor, text.encode("utf-8", "replace"))
