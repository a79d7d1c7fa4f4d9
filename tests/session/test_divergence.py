"""A run whose losses cease to be finite says so when it stops."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from stepper.session import Step, continuing
from stepper.session.findings.divergence import first_not_finite, told
from tests.session.support import opened, script

NAN, INF = math.nan, math.inf

DIVERGING = """
w = 1.0
for step in range({passes}):
    loss = w * w
    if step == {at}:
        loss = loss * float("{loss}")
    w = w * loss
print("over")
"""


@pytest.mark.parametrize(
    ("losses", "first", "words"),
    [
        ([1.0, NAN, NAN], 1, "the loss is NaN from iteration 1 on"),
        ([NAN], 0, "the loss is NaN from iteration 0 on"),
        ([None, 1.0, INF, None, INF], 2, "the loss is ∞ from iteration 2 on"),
        ([1.0, -INF, NAN], 1, "the loss is -∞ from iteration 1 on, later NaN"),
        ([1.0, INF, 2.0, NAN], 1, "the loss is ∞ in iteration 1, and finite again later"),
    ],
)
def test_the_first_loss_that_is_not_finite_is_named(losses: list[float | None], first: int, words: str) -> None:
    assert first_not_finite(losses) == first and told(losses, first) == words


def test_finite_and_missing_losses_are_nothing_to_tell_of() -> None:
    assert first_not_finite([]) is None and first_not_finite([None, 1e308, -0.0]) is None


async def test_a_run_that_diverges_says_from_where_on(tmp_path: Path) -> None:
    async with opened(script(tmp_path, DIVERGING.format(passes=9, at=1, loss="nan"))) as session:
        await session.run()
        assert session.cursor.iteration == 8
        assert (
            session.notice == "the loss is NaN from iteration 1 on; D goes there; the script ended after 9 iterations"
        )
        await session.go(1)
        assert session.cursor.iteration == 1 and session.notice == ""


async def test_a_run_from_breakpoint_to_breakpoint_says_so_once_and_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(continuing, "RECORDING_SECONDS", 1e9)  # a stop that is found at full speed has words of its own
    async with opened(script(tmp_path, DIVERGING.format(passes=5, at=2, loss="inf"))) as session:
        session.toggle_breakpoint(7)
        notices = []
        for _ in range(6):
            await session.run()
            notices.append((session.cursor.iteration, session.notice))
        assert [at for at, _ in notices] == [0, 1, 2, 3, 4, 4]
        assert [notice for _, notice in notices[:4]] == ["", "", "the loss is ∞ from iteration 2 on", ""]
        assert notices[-1][1] == (
            "the loss is ∞ from iteration 2 on; D goes there; no breakpoint was reached after this; "
            "the script ended after 5 iterations"
        )


async def test_a_run_whose_losses_are_finite_says_nothing_of_them(tmp_path: Path) -> None:
    async with opened(script(tmp_path, DIVERGING.format(passes=4, at=9, loss="nan"))) as session:
        await session.run()
        assert session.notice == "the script ended after 4 iterations"
        await session.step(Step.PREVIOUS_ITERATION)
        assert session.notice == ""
