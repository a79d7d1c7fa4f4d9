"""A run's losses, condensed as they come, so that a chart of a hundred thousand costs no more than one of a hundred.

Losses are kept in at most `MOST` buckets of equally many iterations; when they are full, neighbours are merged. Pure.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

MOST = 2048
NONE = 1 << 62


@dataclass
class Bucket:
    """The finite losses of some neighbouring iterations, and whether others were among them."""

    low: float = math.inf
    high: float = -math.inf
    nan: bool = False
    infinite: bool = False
    low_positive: float = math.inf
    wrong: int = NONE
    """The first iteration whose loss is not finite."""

    def add(self, loss: float | None, iteration: int) -> None:
        """Take one more iteration in; None has no loss and leaves no trace."""
        if loss is None:
            return
        if not math.isfinite(loss):
            self.wrong = min(self.wrong, iteration)
        if math.isnan(loss):
            self.nan = True
        elif math.isinf(loss):
            self.infinite = True
        else:
            self.low = min(self.low, loss)
            self.high = max(self.high, loss)
            if loss > 0:
                self.low_positive = min(self.low_positive, loss)

    def merge(self, other: "Bucket") -> None:
        """Take all of `other`'s iterations in. Thousands are merged for a chart: without calls."""
        if other.low < self.low:
            self.low = other.low
        if other.high > self.high:
            self.high = other.high
        if other.low_positive < self.low_positive:
            self.low_positive = other.low_positive
        if other.wrong < self.wrong:
            self.wrong = other.wrong
        self.nan, self.infinite = self.nan or other.nan, self.infinite or other.infinite

    @property
    def finite(self) -> bool:
        """Whether any finite loss is in it."""
        return self.low <= self.high


class Series:
    """All losses so far, as buckets of `size` iterations."""

    def __init__(self) -> None:
        self.size = 1
        self.count = 0
        self.buckets: list[Bucket] = []

    def follow(self, losses: Sequence[float | None]) -> None:
        """Take in what has been appended to `losses` since last time; start anew if it has become shorter."""
        if len(losses) < self.count:
            self.__init__()  # type: ignore[misc]
        for index in range(self.count, len(losses)):
            if index // self.size >= MOST:
                self._halve()
            if index // self.size >= len(self.buckets):
                self.buckets.append(Bucket())
            self.buckets[index // self.size].add(losses[index], index)
        self.count = len(losses)

    @property
    def above_zero(self) -> bool:
        """Whether all finite losses are, so that a logarithmic scale has them all."""
        return all(bucket.low > 0 for bucket in self.buckets)

    def _halve(self) -> None:
        merged = self.buckets[::2]
        for left, right in zip(merged, self.buckets[1::2], strict=False):
            left.merge(right)
        self.buckets = merged
        self.size *= 2
