"""Masks of two gates of one shape that a backward pass by hand has swapped.

In a chain a gradient goes through the later gate first. Where one is masked by the earlier gate's input, and what came
of it by the later one's, though the later gate was made of the earlier one, each mask is the other's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from stepper.engines.base import GateSeen
from stepper.inferior.gates.descent import Descent
from stepper.inferior.recording.copies import Copy


class Taken(Protocol):
    """What a gradient by hand was masked by: the event, the gradient before and after, and where."""

    event: int
    before: Copy
    after: Copy


M = TypeVar("M", bound=Taken)


def swapped(
    masked: Sequence[tuple[GateSeen, M]], differ: Callable[[M, M], bool], descent: Descent
) -> list[tuple[GateSeen, M, GateSeen, M]]:
    """The pairs of gates, the earlier first, each with the one mask that is of its input; `differ` says whether two
    masks of one shape are not the same."""
    found = []
    for earlier, its in masked:
        for later, other in masked:
            if not (earlier.event < later.event < its.event < other.event and differ(its, other)):
                continue
            ways = ((earlier.out, later.h), (later.out, its.before), (its.after, other.before))
            if all(descent.reaches(source, target) for source, target in ways):
                found.append((earlier, its, later, other))
    return found
