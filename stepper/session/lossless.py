"""What there is to say where an iteration, or every one, has no loss: what was looked for, and what to do.

Pure: reads the losses of a run. The screen and the commands say the same.
"""

from __future__ import annotations

from collections.abc import Sequence

NEITHER = "neither a .backward() nor a number called loss, cost or error"


def without_loss(iteration: int, losses: Sequence[float | None]) -> str:
    """Of an iteration without a loss: which one has a loss, as far as they have been run; else what to do."""
    there = [number for number, loss in enumerate(losses) if loss is not None]
    if there:
        return f"iteration {min(there, key=lambda number: abs(number - iteration))} has one"
    return f"{NEITHER}; if a later iteration has one, name that, else the loss by --loss EXPR"
