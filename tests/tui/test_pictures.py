"""What panels ask for comes when they have drawn, also where tasks begin at once: Textual's do from Python 3.12 on."""

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any

from stepper.record import Region, Window
from stepper.tui.begun import Begun
from stepper.tui.pictures import Key, Pictures, WindowKey
from stepper.tui.sketches import Sketched, Sketches

NOTHING = Window((0, 0), Region(0, 0, 0, 0), 0, 0, [])


async def finish(begun: Begun[None]) -> None:
    await begun


def eagerly(tasks: list[asyncio.Task[None]]) -> Any:
    """Starts as an eager task does: up to the first wait at once."""

    def start(coroutine: Coroutine[Any, Any, None]) -> None:
        tasks.append(asyncio.create_task(finish(Begun(coroutine))))

    return start


async def test_a_picture_that_is_there_at_once_is_drawn_at_once() -> None:
    told: list[str] = []
    tasks: list[asyncio.Task[None]] = []

    async def ask(key: Key) -> Window:
        if isinstance(key, WindowKey) and key.copy == 1:
            raise LookupError("iteration 0 has no copy 1")
        return NOTHING

    pictures = Pictures(ask, eagerly(tasks), lambda: told.append("arrived"))
    assert pictures.window(WindowKey(0, 0, 0, 4, 4, None)) is NOTHING
    assert pictures.window(WindowKey(0, 0, 1, 4, 4, None)) == "iteration 0 has no copy 1"
    assert not (tasks or told or pictures.waiting)


async def test_others_are_told_behind_the_drawing_that_asked() -> None:
    told: list[str] = []
    tasks: list[asyncio.Task[None]] = []

    async def ask(key: Key) -> Window:
        await asyncio.sleep(0)
        return NOTHING

    pictures = Pictures(ask, eagerly(tasks), lambda: told.append("arrived"))
    for copy in range(3):
        assert pictures.window(WindowKey(0, 0, copy, 4, 4, None)) is None
    told.append("drawn")
    await asyncio.gather(*tasks)
    assert told == ["drawn", *["arrived"] * 3]
    assert len(tasks) == 1  # what was asked for in one drawing is fetched together
    assert pictures.window(WindowKey(0, 0, 1, 4, 4, None)) is NOTHING


async def test_so_are_small_histograms() -> None:
    told: list[str] = []
    tasks: list[asyncio.Task[None]] = []

    async def draw(iteration: int | None, ranges: Sequence[tuple[int, float, float]]) -> list[list[int]]:
        return [[1, 2] for _ in ranges]

    sketches = Sketches(draw, eagerly(tasks), lambda _: told.append("arrived"))
    sketches.want([Sketched(0, 0, 0, 0.0, 1.0)])
    told.append("drawn")
    await asyncio.gather(*tasks)
    assert told == ["drawn", "arrived"]
