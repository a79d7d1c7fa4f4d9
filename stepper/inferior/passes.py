"""How many iterations there are going to be, by the lengths of the loops around them."""

from __future__ import annotations

from collections.abc import Callable
from math import prod

MOST = (1 << 63) - 1  # of what can be told to the debugger


class PassCount:
    """The total number of iterations, from the lengths of the training loop and of the loops around it; of those that
    began before the outermost of these was entered, where a function with all of them is called again."""

    def __init__(self, loop: int, enclosing: tuple[int, ...]) -> None:
        self._loop = loop
        self._outermost = enclosing[0] if enclosing else loop
        self._enclosing = enclosing
        self._lengths: dict[int, int | None] = {}
        self._before = 0
        self._told = False
        self.total: int | None = None

    def entered(self, site: int, length: Callable[[], int | None], started: Callable[[], int]) -> None:
        """The loop at `site` is entered, with `length()` passes before it; `started()` iterations have begun so far.
        Neither is asked where entering a loop again can tell nothing new."""
        if site == self._outermost:
            self._before, self._told = started(), False
        elif self._told:
            return
        self._lengths[site] = length()
        if site != self._loop:
            return
        passes = [self._lengths.get(each) for each in (*self._enclosing, site)]
        known = [each for each in passes if each is not None]
        total = self._before + prod(known) if len(known) == len(passes) else MOST + 1
        self.total = total if total <= MOST else None
        self._told = self.total is not None
