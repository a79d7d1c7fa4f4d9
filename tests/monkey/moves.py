"""What a monkey does at a terminal: an endless row of moves that its seed decides, whatever the screen shows."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

ESCAPE = "\x1b"
SIZES = (
    (80, 24), (120, 40), (200, 60), (100, 30), (60, 20), (160, 50), (81, 25), (40, 12), (133, 37), (300, 80), (20, 6),
)  # fmt: skip
"""Columns and rows."""
LETTERS = "nNiIbBsSuogGcCxyzvwWLfFlrRmM123456789/?[]{}<>.,;:'\"+-=_|~!@#$%^&*() hjkltTeEaAdDpPZXVUYOH0"
NAMED = {
    "up": "[A", "down": "[B", "right": "[C", "left": "[D", "page up": "[5~", "page down": "[6~", "home": "[H",
    "end": "[F", "shift+tab": "[Z", "shift+up": "[1;2A", "shift+down": "[1;2B", "shift+right": "[1;2C",
    "shift+left": "[1;2D", "ctrl+home": "[1;5H", "ctrl+end": "[1;5F", "delete": "[3~", "f1": "OP", "f5": "[15~",
}  # fmt: skip
"""What a terminal sends after an escape. `q` and ctrl+q are not among the keys: what quits is tried at the end."""
KEYS: Sequence[str] = [
    *LETTERS,
    *(ESCAPE + code for code in NAMED.values()),
    "\r",
    "\t",
    "\x7f",
    ESCAPE,
    "\x10",
    "\x0c",
    "\x03",
    "\x1a",
]
LEFT, RIGHT, DRAG, SHIFT, CONTROL, WHEEL_UP, WHEEL_DOWN = 0, 2, 32, 4, 16, 64, 65
BUTTONS = (LEFT, LEFT, LEFT, RIGHT, SHIFT, CONTROL, WHEEL_UP, WHEEL_DOWN, WHEEL_UP + SHIFT, WHEEL_DOWN + SHIFT)
PASTED = (
    "100",
    "h.sum() > 0",
    "two\nlines\n",
    "\tnp.zeros((3,\r\n4))",
    "漢字 é \u202e[bold]x[/bold]",
    "w1[0, :]",
    "/tmp",
    "",
)
"""What may be in the clipboard."""
PAUSES = (0.0, 0.0, 0.02, 0.05, 0.1, 0.3)


@dataclass(frozen=True, slots=True)
class Move:
    """Something typed or clicked, or a new size; then `pause` seconds to look at what comes of it."""

    keys: str
    size: tuple[int, int] | None
    pause: float

    def __str__(self) -> str:
        """As one would say it."""
        return f"size {self.size[0]}x{self.size[1]}" if self.size else ascii(self.keys)


def moves(seed: int, sizes: Sequence[tuple[int, int]] = SIZES) -> Iterator[Move]:
    """All the moves of a seed; the first is the terminal's size."""
    chance = random.Random(seed)
    size = chance.choice(sizes)
    yield Move("", size, 0.0)
    while True:
        roll, pause = chance.random(), chance.choice(PAUSES)
        if roll < 0.03:
            size = chance.choice(sizes)
            yield Move("", size, pause)
        else:
            yield Move(_mouse(chance, size) if roll < 0.2 else _typed(chance), None, pause)


def _typed(chance: random.Random) -> str:
    """A key, now and then many times, a number with enter after it, an escape at the end; or a paste."""
    if chance.random() < 0.03:
        return f"{ESCAPE}[200~{chance.choice(PASTED)}{ESCAPE}[201~"
    key = chance.choice(KEYS)
    keys: str = key * chance.randint(2, 6) if chance.random() < 0.25 else key
    if key == "g" or chance.random() < 0.1:
        keys += f"{chance.randint(0, 60)}\r"
    return keys + ESCAPE if chance.random() < 0.3 else keys


def _mouse(chance: random.Random, size: tuple[int, int]) -> str:
    """A click, a turn of the wheel, or a drag from one place to another."""

    def place() -> str:
        return f"{chance.randint(1, size[0])};{chance.randint(1, size[1])}"

    if chance.random() < 0.2:
        start, end = place(), place()
        return "".join(
            f"{ESCAPE}[<{code}" for code in (f"{LEFT};{start}M", f"{DRAG};{end}M", f"{DRAG};{end}M", f"{LEFT};{end}m")
        )
    button, at = chance.choice(BUTTONS), place()
    return f"{ESCAPE}[<{button};{at}M" + (f"{ESCAPE}[<{button};{at}m" if button < WHEEL_UP else "")
