"""Which of the parameters that are followed lies around a stretch of memory: of a row, the array that it is part of."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable, Iterator
from typing import Any, Generic, Protocol, TypeVar

Span = tuple[int, int]
"""From where to where a value lies, in bytes."""


class Holder(Protocol):
    """Something that keeps a value, and may come to keep another."""

    value: Any


H = TypeVar("H", bound=Holder)


class Spans(Generic[H]):
    """The spans of what holders keep, sorted. `span` says where a value lies now."""

    def __init__(self, span: Callable[[Any], Span | None]) -> None:
        self._span = span
        self._sorted: list[tuple[int, int, int]] = []  # from, to, and whose
        self._holders: list[H] = []
        self._longest = 0

    def put(self, holder: H) -> None:
        """Note where the value lies that `holder` keeps now."""
        own = self._span(holder.value)
        if own is not None:
            insort(self._sorted, (*own, len(self._holders)))
            self._holders.append(holder)
            self._longest = max(self._longest, own[1] - own[0])

    def around(self, value: Any) -> H | None:
        """A holder of a value that this one is a part of, and not the whole; None where there is none."""
        return next(self.all_around(value), None)

    def all_around(self, value: Any, own_holder: H | None = None, *, whole: bool = False) -> Iterator[H]:
        """The holders of what this value is a part of, and not the whole. With its `own_holder`, or where it has none
        and is `whole`, those of a whole as well: of other looks at the same memory."""
        own = self._span(value)
        place = 0 if own is None else bisect_left(self._sorted, (own[0] + 1, 0, 0))
        while own is not None and place > 0:
            place -= 1
            start, end, number = self._sorted[place]
            if start < own[0] - self._longest:
                break
            holder = self._holders[number]
            other = (start, end) != own if own_holder is None and not whole else holder is not own_holder
            if end >= own[1] and other and self._span(holder.value) == (start, end):
                yield holder

    def clear(self) -> None:
        """Forget all."""
        self._sorted.clear()
        self._holders.clear()
        self._longest = 0
