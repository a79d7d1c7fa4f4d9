"""The value of a Python expression of what a record holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stepper.inferior.protocol import AT_WORK
from stepper.record import Value
from stepper.session.expressions import Asked, Labels, proposed

if TYPE_CHECKING:
    from stepper.session.lanes import Lanes


class AtWork(LookupError):
    """The script runs: it can be asked again when it stands."""


async def evaluated(session: Lanes, iteration: int | None, text: str, labels: Labels, asked: Asked) -> Value:
    """What an expression comes to, kept with the record of an iteration (None: the setup). Raises LookupError, in one
    line, where it has no value, and AtWork."""
    try:
        return await session.evaluate(iteration, text, asked)
    except LookupError as problem:
        said = str(problem)
        raise AtWork(said) if said == AT_WORK else LookupError(proposed(said, labels)) from None
