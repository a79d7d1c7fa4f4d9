"""Small histograms for the table of tensors: asked for together, for the lines that are seen, and kept for a while."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from typing import Any, NamedTuple

from stepper.tui.begun import Begun

BINS = 9
MOST = 2000
BARS = " ▁▂▃▄▅▆▇█"


class Sketched(NamedTuple):
    """A value of a record, and the range of its finite elements. `generation` tells one opened target from the next."""

    generation: int
    iteration: int | None
    copy: int
    low: float
    high: float


Draw = Callable[[int | None, Sequence[tuple[int, float, float]]], Coroutine[Any, Any, list[list[int]]]]
"""Asked with an iteration and (copy, smallest, largest element) of some of its values; answers a histogram for each."""


class Sketches:
    """What has come so far, as bars. Whatever cannot be had is blank."""

    def __init__(
        self, draw: Draw, start: Callable[[Coroutine[Any, Any, None]], object], arrived: Callable[[set[Sketched]], None]
    ) -> None:
        """`start` runs a coroutine beside the app; `arrived` is told what has come."""
        self._draw = draw
        self._start = start
        self._arrived = arrived
        self._bars: dict[Sketched, str] = {}
        self._pending: set[Sketched] = set()

    @property
    def waiting(self) -> bool:
        """Whether something has been asked for and has not come yet."""
        return bool(self._pending)

    def bars(self, wanted: Sketched) -> str | None:
        """The bars of a value; None where they have not come yet."""
        return self._bars.get(wanted)

    def want(self, wanted: Iterable[Sketched]) -> None:
        """Ask for those that are not here, and not under way; all at once. They are of one record."""
        missing = [each for each in dict.fromkeys(wanted) if each not in self._bars and each not in self._pending]
        if missing:
            self._pending.update(missing)
            ranges = [(each.copy, each.low, each.high) for each in missing]
            self._start(self._fetch(missing, Begun(self._draw(missing[0].iteration, ranges))))

    async def _fetch(self, wanted: list[Sketched], coming: Awaitable[list[list[int]]]) -> None:
        await asyncio.sleep(0)  # from Python 3.12 on this begins at once, amid the drawing that asked
        try:
            found = await coming
        except LookupError:
            found = [[] for _ in wanted]
        finally:
            self._pending.difference_update(wanted)
        while len(self._bars) > MOST:
            self._bars.pop(next(iter(self._bars)))
        self._bars.update(zip(wanted, map(bars, found), strict=True))
        self._arrived(set(wanted))

    def clear(self) -> None:
        """Another target is looked at."""
        self._bars.clear()


def bars(counts: Sequence[int]) -> str:
    """A bar for each bin, the tallest full; what is there at all is seen."""
    most = max(counts, default=0)
    if not most:
        return ""
    last = len(BARS) - 1
    return "".join(BARS[-(-count * last // most)] for count in counts)
