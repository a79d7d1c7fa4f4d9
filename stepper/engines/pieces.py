"""What is known of a large value, in two goes: its range at once, its counts piece by piece."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import msgspec

from stepper.engines.arrays import numpy_module
from stepper.engines.chunks import magnitudes
from stepper.engines.statistics import Statistics, counting, finite_part
from stepper.record import Summary

MANY = 1 << 25
"""Bytes from which a value is counted in pieces: the counts of a smaller one take no longer than a blink."""


class Pieces(NamedTuple):
    """A value of many numbers, to be gone through part by part.

    `bare` is its summary without a figure in it. `chunks` gives all its numbers, in flat NumPy arrays in any order,
    anew each time it is called. Each number occurs `times`. `steps` counts them in another way than chunk by chunk.
    """

    bare: Summary
    chunks: Callable[[], Iterable[Any]]
    times: int = 1
    steps: Callable[[], Iterator[Statistics]] | None = None

    def outline(self) -> Summary:
        """Extremes, and how many elements are not finite: a quarter of the work. `counted` is 0."""
        numpy = numpy_module()
        found = Statistics()
        with numpy.errstate(all="ignore"):
            for chunk in self.chunks():
                _include_range(found, chunk)
        finite = found.low <= found.high
        return msgspec.structs.replace(
            self.bare,
            min=found.low if finite else None,
            max=found.high if finite else None,
            neginf=found.neginf * self.times,
            inf=found.inf * self.times,
            nan=found.nan * self.times,
            counted=0,
        )

    def counted(self, outline: Summary) -> Iterator[Summary]:
        """What is known so far, after each chunk; the last is the whole summary, to the bit what `describe` says."""
        numpy = numpy_module()
        steps = counting(self.chunks) if self.steps is None else self.steps()
        found = Statistics()
        while True:
            with numpy.errstate(all="ignore"):  # not while somebody else goes on
                following = next(steps, None)
            if following is None:
                break
            found = following
            gone_through = found.finite + found.neginf + found.inf + found.nan
            yield msgspec.structs.replace(
                outline,
                negative=found.negative * self.times,
                zero=found.zero * self.times,
                positive=found.positive * self.times,
                counted=gone_through * self.times,
            )
        bare = self.bare
        yield found.summary(bare.type, bare.shape, bare.dtype, bare.device, self.times)


def _include_range(found: Statistics, chunk: Any) -> None:
    """Take in a chunk's extremes and what in it is not finite. Its other numbers are left out."""
    values = magnitudes(chunk)
    if not values.size:
        return
    values, low, high = finite_part(found, values)
    found.low, found.high = min(found.low, low), max(found.high, high)
