"""Let a monkey play with a program in a terminal, and tell what went wrong: it ended, hangs, or says that it failed."""

import re
import signal
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress

from tests.monkey.moves import ESCAPE, SIZES, Move, moves
from tests.terminal import Terminal

FAULTS = ("ot all could be recorded",)
"""What the app says where something of its own went wrong, but did not end it."""
PAINTED = 60.0
"""Seconds within which a program must have painted something."""
LAST = 25
"""How many moves are told of."""
INTERRUPTED = (130, -signal.SIGINT)
"""The exit codes of a program that ctrl+c has ended."""
CODES = re.compile(r"\x1b\[[0-9;?<>=]*[a-zA-Z]|\x1b[()78=>]|\x1b\].*?(\x07|\x1b\\)")
LEAVE = b"\x1b[?1049l"
"""What a program writes when it gives the person's own screen back."""


class Trouble(Exception):
    """What went wrong; its text is the whole report."""


def play(
    command: Sequence[str], seed: int, seconds: float, sizes: Sequence[tuple[int, int]] = SIZES, patience: float = 60.0
) -> int:
    """Play for `seconds`, quit within `patience` seconds, and return how many moves were made. Raises Trouble."""
    made, last = 0, deque[Move](maxlen=LAST)
    row = moves(seed, sizes)
    size = next(row).size or sizes[0]
    with Terminal(command, *size) as terminal:
        try:
            terminal.wait_for(timeout=PAINTED)
            end = time.monotonic() + seconds
            while time.monotonic() < end and not _ended(terminal):
                move = next(row)
                last.append(move)
                made += 1
                _make(terminal, move)
                if made % 10 == 0 and (fault := next((words for words in FAULTS if words in terminal.text), None)):
                    raise Trouble(f"it says: {fault}")
            _quit(terminal, patience)
        except (Trouble, TimeoutError) as error:
            raise Trouble(_report(terminal, error, last)) from None
    return made


def _make(terminal: Terminal, move: Move) -> None:
    with suppress(OSError):  # it may have ended meanwhile, and is then asked for its exit code
        if terminal.stopped:  # ctrl+z has been pressed
            terminal.go_on()
        if move.size:
            terminal.resize(*move.size)
        terminal.send(move.keys, move.pause)


def _ended(terminal: Terminal) -> bool:
    """Whether the program has gone because it was told to: by the palette, or by ctrl+c before it had its terminal."""
    status = terminal.status()
    if status and status not in INTERRUPTED:
        terminal.settle(0.2)
        raise Trouble(f"ended with exit code {status}")
    return status is not None


def _quit(terminal: Terminal, patience: float) -> None:
    """Close what is open and press `q`, which may ask once, until the program has gone."""
    deadline = time.monotonic() + patience
    while not _ended(terminal):
        if time.monotonic() > deadline:
            shown, before = terminal.text, len(terminal.written)
            terminal.signal(signal.SIGABRT)  # under `python -X faulthandler` it says where it stands
            terminal.settle(1.0)
            raise Trouble(f"does not quit\n{shown}\n{_plain(terminal.written[before:])}")
        for keys in (*(ESCAPE,) * 6, "q", "q", "\r"):
            _make(terminal, Move(keys, None, 0.1))


def _report(terminal: Terminal, error: Exception, last: Sequence[Move]) -> str:
    """What happened, what was done last, and what the program said when it had left its screen, or else shows."""
    left = terminal.written.rfind(LEAVE)
    said = _plain(terminal.written[left:]) if left >= 0 else ""
    return f"{error}\nlast: {', '.join(map(str, last))}\n{said or terminal.text}"


def _plain(written: bytearray) -> str:
    """The text of what was written, without what a terminal obeys."""
    return CODES.sub("", written.decode(errors="replace")).replace("\r", "").strip()
