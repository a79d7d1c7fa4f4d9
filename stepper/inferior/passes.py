"""How many passes a loop is going to make, as far as that can be told without running or consuming anything."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from operator import length_hint
from typing import Any

SIZED = (range, list, tuple, dict, str, bytes, set, frozenset)
ITERATORS = frozenset(
    f"{kind}iterator"
    for kind in (
        *("list_", "tuple_", "range_", "longrange_", "list_reverse", "set_", "bytes_", "str_", "str_ascii_"),
        *("dict_key", "dict_value", "dict_item"),
    )
)


MOST = (1 << 63) - 1  # of what can be told to the debugger


def passes_over(iterable: Any) -> int | None:
    """The length of what a `for` loop is about to walk; None where only walking it would tell.

    Looks into exact built-in types only (a generator or a user's class is left alone); `enumerate`, `zip` and
    `reversed` are seen through by their own `__reduce__`, which does not advance them.
    """
    kind = type(iterable)
    try:
        if kind in SIZED:
            return len(iterable)
        if kind.__name__ in ITERATORS and kind.__module__ == "builtins":
            return length_hint(iterable)
    except OverflowError:
        return None  # `range(10**30)`: nobody will see the end
    if kind is enumerate:
        return passes_over(iterable.__reduce__()[1][0])
    if kind is zip:
        lengths = [passes_over(part) for part in iterable.__reduce__()[1]]
        known = [length for length in lengths if length is not None]
        return min(known) if known and len(known) == len(lengths) else None
    if kind.__module__ == "torch.utils.data.dataloader":
        try:
            return len(iterable)  # the loader asks its data set, as its own iteration does
        except Exception:
            return None  # an iterable data set has no length
    if kind.__module__ in ("numpy", "torch") and kind.__name__ in ("ndarray", "Tensor"):
        shape = tuple(iterable.shape)
        return int(shape[0]) if shape else None
    return None


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
