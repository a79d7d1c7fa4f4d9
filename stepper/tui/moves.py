"""The moves that were asked for and wait, and what may wait behind what. Does none of them."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import NamedTuple

LONG = {
    "open": "starting", "target": "starting", "restart": "starting", "what_if": "starting",
    "continue": "at work", "go": "at work", "place": "at work",
}  # fmt: skip
"""Moves that may take long, and what the script is while they last."""
JUMPS = ("go", "place")
"""Those that lead to an iteration: one that is named, or one that the cursor jumped from."""
AFRESH = ("restart", "target", "what_if")
"""Those that end what is under way."""
MOST = 20
"""Moves that may wait for the script to start."""

Move = Callable[[], Awaitable[None]]


class Waiting(NamedTuple):
    """A move, what kind of move it is, and the keys that asked for it."""

    name: str
    move: Move
    keys: str = ""


class Moves:
    """One is under way (`underway`: its name, empty where there is none); the others wait for their turn."""

    def __init__(self) -> None:
        self.underway = ""
        self._waiting: deque[Waiting] = deque()
        self._more = asyncio.Event()

    async def next(self) -> Move:
        """The move that is to be done now; waits until there is one."""
        while not self._waiting:
            self._more.clear()
            await self._more.wait()
        self.underway, move, _ = self._waiting.popleft()
        return move

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def starting(self) -> bool:
        """Whether a target is being opened."""
        return LONG.get(self.underway) == "starting"

    @property
    def leaving(self) -> bool:
        """Whether another target waits to be opened, or the same one anew."""
        return any(LONG.get(each.name) == "starting" for each in self._waiting)

    @property
    def stepping(self) -> bool:
        """Whether steps wait or are under way, so that something asked for now comes after them."""
        return any(each.name not in LONG for each in self._waiting) or bool(self.underway and self.underway not in LONG)

    @property
    def leading(self) -> bool:
        """Whether the cursor may be elsewhere when something that is asked for now has its turn."""
        return self.starting or self.moving

    @property
    def moving(self) -> bool:
        """The same, and that there is a cursor already, or that something waits for it."""
        return self.underway in JUMPS or bool(self._waiting) or self.stepping

    @property
    def keys(self) -> list[str]:
        """The keys that asked for those that wait."""
        return [each.keys for each in self._waiting]

    def refusal(self, name: str) -> str:
        """Why a move may not wait behind what there is, as far as it does not end by itself; empty where it may.

        Behind a run at full speed, whose end nobody knows, nothing waits but a restart or another target, which end it;
        behind a jump, and while the script starts, everything may wait, except behind a run.
        """
        run_waits = any(each.name == "continue" for each in self._waiting)
        if self.starting:
            if name in ("go", "continue", *AFRESH):  # these put aside what they do not go on from
                return ""
            return "run" if run_waits else "many" if len(self._waiting) >= MOST else ""
        if name in AFRESH or self.underway not in LONG:
            return ""
        if self.underway in JUMPS:
            return "run" if run_waits else ""
        return "work"

    def add(self, waiting: Waiting) -> None:
        """Let it wait. While the script starts, one that goes to a place of its own puts aside all that would have led
        elsewhere, as a restart or another target does at any time, and a run another run."""
        if waiting.name in AFRESH or (self.starting and waiting.name == "go"):
            self.clear()
        elif self.starting and waiting.name == "continue":
            self._waiting = deque(each for each in self._waiting if each.name != "continue")
        self._waiting.append(waiting)
        self._more.set()

    def clear(self) -> None:
        """Leave out those that wait."""
        self._waiting.clear()
