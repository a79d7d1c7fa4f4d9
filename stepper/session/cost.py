"""What recording an iteration costs, as far as the record of one tells, and how many more are worth that. Pure."""

from __future__ import annotations

import math
import re

from stepper.inferior.protocol import PASSING
from stepper.record import Record, Summary

NEIGHBOURS, GROWTH, MOST = 15, 4, 240
"""So many iterations are recorded before one that is gone back to; so many times more each time one goes back beyond
them, up to a limit: then going back step by step takes few replays, however far."""
ON_THE_WAY_SECONDS = 0.25  # that recording may add to a run to an iteration further on
SECONDS = 2.0  # about what a new process takes
EVENT_BYTES = 4096  # of an event in the script's process, with its values' summaries


def neighbours(record: Record | None, memory: int, most: int = NEIGHBOURS, replay: float = SECONDS) -> int:
    """How many iterations like `record` to record before one that was asked for, at most `most`.

    As many as are kept (within `memory`, in bytes, and what a process keeps of records only passed through), and take
    no longer than another replay would, which are about `replay` seconds.
    """
    if record is None:
        return min(most, NEIGHBOURS)
    by_size = min(memory // 2, PASSING) // (size(record) + 1) - 1
    by_time = int(max(replay, SECONDS) / (seconds(record) + 1e-9))
    return max(0, min(most, by_size, by_time))


def on_the_way(record: Record | None, memory: int) -> int:
    """How many iterations like `record` to record before one that is run on to: as many as are hardly noticed. Then
    going back is at once, and what a unit did in the iterations before is known."""
    if record is None:
        return 0
    return min(neighbours(record, memory), int(ON_THE_WAY_SECONDS / (seconds(record) + 1e-9)))


def seconds(record: Record) -> float:
    """How long the iteration took, with its recording."""
    return sum(event.duration for event in record.events if event.parent is None) / 1e9


def size(record: Record) -> int:
    """Bytes that the record takes in the script's process, about: its events, and each kept copy once."""
    values = [value for event in record.events for value in event.values]
    for parameter in record.parameters:
        values += [parameter.before, parameter.after, parameter.update]
    copies = {value.copy: _bytes(value.summary) for value in values if value.copy is not None and not value.pooled}
    return len(record.events) * EVENT_BYTES + sum(copies.values())


def _bytes(summary: Summary) -> int:
    bits = re.search(r"\d+", summary.dtype or "")
    return math.prod(summary.shape or ()) * max(1, int(bits[0]) // 8 if bits else 1)
