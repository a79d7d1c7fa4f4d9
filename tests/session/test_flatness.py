"""Where a loss that does not change with a number at all begins to do so: little by little, or by a jump."""

import asyncio
import math
from collections.abc import Callable

import pytest

from stepper.session.check.finite_difference import Losses
from stepper.session.check.flatness import begins_gradually
from stepper.session.check.readings import last


def begins(loss: Callable[[float], float], at: float = 0.5, scale: float = 1.0) -> bool | None:
    async def ask(numbers: list[float]) -> list[tuple[float, Losses]]:
        return [(number, [loss(number)]) for number in numbers]

    return asyncio.run(begins_gradually(ask, at, scale, loss(at), last))


@pytest.mark.parametrize("edge", [0.501, 0.9, 7.0, -0.3, -20.0])
def test_what_opens_is_no_jump_on_either_side_and_at_any_distance(edge: float) -> None:
    side = math.copysign(1.0, edge - 0.5)
    assert begins(lambda w: 2.0 + max(0.0, side * (w - edge)) ** 2)
    assert begins(lambda w: 2.0 + 0.1 * max(0.0, side * (w - edge)))
    assert not begins(lambda w: 2.0 + (side * (w - edge) > 0))


def test_roundings_are_jumps_and_what_never_changes_begins_nowhere() -> None:
    assert begins(lambda w: (round(w * 8) / 8 - 3.0) ** 2) is False
    assert begins(lambda w: 4.0) is None
    assert not begins(lambda w: 4.0 if w < 0.7 else math.nan)
    assert not begins(lambda w: 4.0 + (w > 0.7) * (1 + w))
    assert not begins(lambda w: math.inf if w > 0.7 else 4.0)
    assert not begins(lambda w: 4.0 + (w > 0.501) * (math.inf if w > 0.51 else 1.0))
