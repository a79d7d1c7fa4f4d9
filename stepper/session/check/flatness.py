"""Whether a loss that does not change with a number at all begins to do so by a jump. Pure: it asks for losses through
a function.

What lies behind a closed ReLU begins to count where that opens, little by little: beside it the gradient is 0, and one
that was recorded is wrong. Behind a comparison (a sign, a rounding) the loss jumps: what is recorded is there on
purpose (a perceptron's error, a straight-through estimator), and no finite difference tells of it.
"""

from __future__ import annotations

from math import isfinite

from stepper.session.check.finite_difference import Ask, Losses, Reading

WIDER = (1e-3, 1e-2, 0.1, 1.0, 10.0, 100.0)  # the steps at which a change is looked for, in units of the scale
HALVINGS = 12  # of the way between the last step that changes nothing and the first that does
JUMP = 0.05  # the part of the change at that step which is there at once, from which on it is a jump


async def begins_gradually(ask: Ask, at: float, scale: float, base: float, read: Reading) -> bool | None:
    """Whether the loss, which is the same beside θ = `at`, begins to change without a jump where it does; None where it
    never does, however far θ is moved."""

    async def change(numbers: list[float]) -> list[float]:
        return [abs(_read(read, losses) - base) for _, losses in await ask(numbers)]

    below = 0.0
    for above in (scale * each for each in WIDER):
        found = await change([at - above, at + above])
        sign, whole = max(zip((-1, 1), found, strict=True), key=lambda each: each[1] > 0)
        if whole > 0:
            break
        below = above
    else:
        return None
    if not isfinite(whole):
        return False  # of what is infinite everything is a small part
    least = whole
    for _ in range(HALVINGS):
        middle = (below + above) / 2
        (found_there,) = await change([at + sign * middle])
        if found_there > 0:
            above, least = middle, found_there
        elif found_there == 0:
            below = middle
        else:
            return False  # it is not finite
    return least < JUMP * whole


def _read(read: Reading, losses: Losses) -> float:
    try:
        return read(losses)
    except LookupError:
        return float("nan")
