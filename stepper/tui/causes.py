"""Where what made a loss NaN or infinite began: often in the backward pass of an iteration before, of a good loss."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from stepper.tui.history import History

Look = Callable[[int], Awaitable[History | None]]
"""Goes to an iteration and answers its record; None where that is not shown in the end."""


async def began(wrong: int, look: Look) -> tuple[int, int] | None:
    """The iteration, and the event in it, in which something first became NaN or infinite of all that came down to the
    loss of iteration `wrong`; None where no value of its record is either.

    An iteration that was entered with such values is followed into the one before, as long as one of them became so
    there, or was changed there: a mask that always holds −∞ leads nowhere.
    """
    found: tuple[int, int] | None = None
    sought: set[str] = set()
    for iteration in range(wrong, -1, -1):
        history = await look(iteration)
        if history is None or history.nonfinite is None:
            break
        entered = history.entered
        if found is None or sought - entered:
            found, sought = (iteration, history.nonfinite), entered
        else:
            sought &= history.made
        if not sought:
            break
    return found
