"""The value of a Python expression of what a record holds."""

from __future__ import annotations

from stepper.record import Value
from stepper.session.expressions import Asked, Labels, proposed
from stepper.session.lanes import Lanes


async def evaluated(session: Lanes, iteration: int | None, text: str, labels: Labels, asked: Asked) -> Value:
    """What an expression comes to, kept with the record of an iteration (None: the setup). Raises LookupError, in one
    line, where it has no value, or the script is at work."""
    try:
        return await session.evaluate(iteration, text, asked)
    except LookupError as problem:
        raise LookupError(proposed(str(problem), labels)) from None
