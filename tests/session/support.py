"""Small scripts to debug, written to a file, and sessions on them."""

from __future__ import annotations

import textwrap
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from stepper.record import Event, Record
from stepper.session import Options, Session

# Two nested loops, a function, six passes of three top statements; plain Python numbers, so that it starts at once.
SMALL = """
import random
w = 2.0
def slope(value):
    twice = 2 * value
    return twice
for epoch in range(2):
    for sample in range(3):
        loss = w * w
        grad = slope(w) + random.random()
        w = w - 0.1 * grad
    print("epoch", epoch)
print("done")
"""


# Its step lies in another file, `layers.py`.
TWO_FILES = """
from layers import double
w = 1.0
for t in range(3):
    loss = double(w) ** 2
    w = w - 0.1 * 8 * w
"""
LAYERS = """
def double(x):
    y = x * 2
    return y
"""

# Its second run prints longer lines, as one that prints how long it took may.
LONGER = """
from pathlib import Path
runs = Path("runs")
runs.write_text((runs.read_text() if runs.exists() else "") + "o")
took = runs.read_text() * 5
print("start", took)
w = 1.0
for i in range(9):
    loss = w * w
    w = w - 0.1 * w
    print("step", i, took)
print("done", took)
"""


def script(folder: Path, source: str, name: str = "script.py") -> str:
    """The path of a file with this source."""
    path = folder / name
    path.write_text(textwrap.dedent(source), encoding="utf-8")
    return str(path)


@asynccontextmanager
async def opened(target: str, options: Options | None = None) -> AsyncIterator[Session]:
    """An open session, closed at the end whatever happens."""
    session = Session(target, options)
    try:
        await session.open()
        yield session
    finally:
        await session.close()


def text_at(session: Session) -> str:
    """The source text of what the cursor stands on."""
    return session.event.text if session.event is not None else ""


def inside(record: Record, name: str) -> list[Event]:
    """The events of a record in the file of this name."""
    return [event for event in record.events if Path(event.file).name == name]
