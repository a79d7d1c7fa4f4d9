"""Walks through a script in the real app, without a terminal, at a size and by keys that the seed decides."""

from __future__ import annotations

import asyncio
import random
import traceback
from pathlib import Path

from stepper.session import Session
from tests.fuzz.script import Script
from tests.monkey.moves import SIZES
from tests.tui.screen import app_of, ready, settled

KEYS = ("s", "s", "s", "n", "n", "i", "[", "]", "S", "N", "I", "u", "3", "4", "6", "8", "m", "d", "t")
KEPT = 12
"""How many of the last keys are told of."""


def walked(script: Script, path: Path, count: int = 60) -> list[str]:
    """What went wrong in `count` keys: the size, the last keys and the traceback; nothing where all is well."""
    path.write_text(script.text, encoding="utf-8")
    chance = random.Random(script.seed)
    size = chance.choice(SIZES)
    keys = [chance.choice(KEYS) for _ in range(count)]
    pressed: list[str] = []
    try:
        asyncio.run(_walk(path, size, keys, pressed))
    except BaseExceptionGroup as group:  # an app that fails may do so in several tasks
        return [_said(size, pressed, group.exceptions[0])]
    except Exception as error:
        return [_said(size, pressed, error)]
    return []


async def _walk(path: Path, size: tuple[int, int], keys: list[str], pressed: list[str]) -> None:
    app = app_of(Session(str(path)))
    async with app.run_test(size=size) as pilot:
        await ready(pilot)
        for key in keys:
            pressed.append(key)
            await pilot.press(key)
            await settled(pilot)


def _said(size: tuple[int, int], pressed: list[str], error: BaseException) -> str:
    trace = "".join(traceback.format_exception(error)).strip()
    return f"in the app at {size[0]}x{size[1]}, after {' '.join(pressed[-KEPT:])}: {trace}"
