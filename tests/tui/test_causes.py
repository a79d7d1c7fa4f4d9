"""Where what made a loss NaN or infinite began."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest

from stepper.record import Value
from stepper.tui.causes import began
from stepper.tui.history import History
from tests.tui.test_history import event, record, value

NAN = math.nan


def passes(*values: Sequence[Value]) -> History:
    """The record of an iteration with a statement for each of `values`."""
    return History(record(*(event(number, None, number + 1, *each) for number, each in enumerate(values))))


FINE = passes([value("w", "operand", 1.0), value("loss", "result", 1.0)])
UPDATED = passes(
    [value("w", "operand", 1.0), value("loss", "result", 1.0)],
    [value("loss", "operand", 1.0), value("g", "result", NAN)],
    [value("w", "before", 1.0), value("g", "operand", NAN), value("w", "after", NAN)],
)
ENTERED = passes([value("w", "operand", NAN), value("loss", "result", NAN)])
DIVIDED = passes([value("w", "operand", 1.0), value("x", "result", 0.0)], [value("loss", "result", NAN)])
MASK = value("mask", "operand", -math.inf)
MASKED = passes([MASK, value("a", "result", -math.inf)], [value("w", "operand", 1.0), value("loss", "result", 1.0)])
MASKED_ENTERED = passes(
    [MASK, value("a", "result", -math.inf)], [value("w", "operand", NAN), value("loss", "result", NAN)]
)
ADDED = passes([value("sum", "before", NAN), value("sum", "after", NAN)], [value("loss", "result", 1.0)])
STEPPED = passes([value("sum", "operand", NAN), value("w", "after", NAN)])
BEGUN = passes([value("sum", "before", 0.0), value("sum", "after", NAN)])


@pytest.mark.parametrize(
    ("histories", "there"),
    [
        ([FINE, FINE, DIVIDED], (2, 1)),
        ([FINE, UPDATED, ENTERED], (1, 1)),
        ([ENTERED], (0, 0)),
        ([FINE, BEGUN, ADDED, ADDED, STEPPED, ENTERED], (1, 0)),
        ([MASKED, MASKED, MASKED_ENTERED], (2, 0)),
        ([FINE, FINE], None),
    ],
    ids=["here", "in the update before", "in the setup", "added up", "a mask that always holds it", "nowhere"],
)
async def test_it_is_followed_into_the_iterations_before(
    histories: list[History], there: tuple[int, int] | None
) -> None:
    seen: list[int] = []

    async def look(iteration: int) -> History:
        seen.append(iteration)
        return histories[iteration]

    assert await began(len(histories) - 1, look) == there
    assert len(seen) <= len(histories) - (there[0] if there is not None else 1) + 1, "and not into all of them"


async def test_of_a_run_that_is_stopped_it_is_said_what_is_known() -> None:
    async def look(iteration: int) -> History | None:
        return ENTERED if iteration == 2 else None

    assert await began(2, look) == (2, 0)
