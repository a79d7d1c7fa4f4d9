"""Where what made a loss NaN or infinite began."""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec
import pytest

from stepper.record import Value
from stepper.session.findings.nonfinite import where_it_began
from stepper.tui.causes import began
from stepper.tui.history import History
from tests.engines.recorded import run_recorded
from tests.engines.scripts import script
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


def of(copy: int, number: Value) -> Value:
    return msgspec.structs.replace(number, copy=copy)


INFINITE = -math.inf
MASKS = [of(0, value("s", "operand", 1.0)), of(1, value("s", "result", INFINITE))]
SOFTMAX = [of(1, value("s", "operand", INFINITE)), of(2, value("p", "result", 0.5))]
VIEW = [of(1, value("s", "operand", INFINITE)), of(3, value("s[0]", "result", INFINITE))]
VIEWED = [of(3, value("s[0]", "operand", INFINITE)), of(4, value("q", "result", 0.5))]
OVERFLOW = [of(2, value("p", "operand", 0.5)), of(5, value("y", "result", math.inf))]
EXPONENT = [of(2, value("p", "operand", 800.0)), of(10, value("e", "result", math.inf))]
RECIPROCAL = [of(10, value("e", "operand", math.inf)), of(11, value("q", "result", 0.0))]
LOSS = [
    of(2, value("p", "operand", 0.5)),
    msgspec.structs.replace(of(5, value("loss", "result", NAN)), role="loss"),
]
TESTED = [of(5, value("loss", "operand", NAN)), of(6, value("isfinite(loss)", "result", 0.0))]
BACKWARD = [of(6, value("g", "operand", 0.0)), of(1, value("s", "operand", INFINITE)), of(7, value("g", "result", NAN))]
PASSED_ON = [
    of(8, value("g", "operand", NAN)),
    of(1, value("s", "operand", INFINITE)),
    of(9, value("g", "result", NAN)),
]


@pytest.mark.parametrize(
    ("values", "first"),
    [
        ([MASKS, SOFTMAX, OVERFLOW], 2),
        ([MASKS, SOFTMAX, VIEW, VIEWED, OVERFLOW], 4),
        ([MASKS, SOFTMAX, VIEW, OVERFLOW], 0),
        ([MASKS, SOFTMAX, LOSS, TESTED], 2),
        ([MASKS, SOFTMAX], None),
        ([EXPONENT, RECIPROCAL], 0),
        ([MASKS, SOFTMAX, EXPONENT, RECIPROCAL], 2),
        ([MASKS, SOFTMAX, BACKWARD], 0),
        ([MASKS, SOFTMAX, OVERFLOW, PASSED_ON], 2),
        ([SOFTMAX], None),
    ],
    ids=[
        "a mask",
        "a view of it",
        "a view that is left",
        "a loss that is tested",
        "a mask and no other",
        "an overflow and no other",
        "an overflow behind a mask",
        "read again",
        "what was wrong before",
        "nothing",
    ],
)
def test_what_nothing_is_left_of_is_not_where_it_began(values: list[list[Value]], first: int | None) -> None:
    history = passes(*values)
    assert history.nonfinite == first
    assert history.entered == ({"s"} if values == [SOFTMAX] else set())


def test_what_was_so_before_and_is_finite_again_is_told_beside_what_is_left() -> None:
    record = passes(EXPONENT, RECIPROCAL, OVERFLOW).record
    told = f"y, {record.place(record.events[2])}: inf (e, {record.place(record.events[0])}, was so before"
    assert where_it_began(record) == f"not finite: {told}, but nothing of that is left)"


async def test_of_a_run_that_is_stopped_it_is_said_what_is_known() -> None:
    async def look(iteration: int) -> History | None:
        return ENTERED if iteration == 2 else None

    assert await began(2, look) == (2, 0)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_what_the_script_writes_down_as_infinite_is_not_where_it_began() -> None:
    source = """
        import math
        import numpy as np
        best, worst = float("inf"), -math.inf
        low = float("inf")
        mask = np.triu(np.full((3, 3), -np.inf), 1)
        scores = np.ones(3)
        scores[len(scores) - 1:] = -np.inf
        scores[scores > 0] = np.inf
        {wrong}
        w = 1.0
        for t in range(1):
            loss = (w - 3) ** 2
            w -= 0.1 * 2 * (w - 3)
    """

    def first(wrong: str) -> str:
        setup = run_recorded(script(source.format(wrong=wrong))).records[None]
        found = History(setup).nonfinite
        return "" if found is None else setup.events[found].text

    assert first("") == ""
    others = ("x = np.log(np.zeros(3))", "x = np.loadtxt(['1 nan'])", "x = mask * 0", "x = 1e308 * 10")
    for wrong in ("x = mask - mask", *others):
        assert first(wrong) in (wrong, wrong.removeprefix("x = ")), wrong


@pytest.mark.parametrize(
    "hard",
    [
        'd.masked_fill(same, float("-inf")).max(1).values',
        'd.masked_fill(same, float("inf")).min(1).values',
        "torch.where(same, -torch.inf, d).topk(1).values[:, 0]",
    ],
)
def test_an_infinity_that_is_filled_in_is_not_where_it_began_and_what_it_leads_to_is(hard: str) -> None:
    source = f"""
        x = torch.nn.Parameter(torch.rand(3, 2))
        optimizer = torch.optim.SGD([x], lr=0.1)
        same = torch.eye(3, dtype=torch.bool)
        for t in range(2):
            d = (x[:, None] - x[None]).pow(2).sum(2) + 1
            loss = {hard}.mul(1 - t).sqrt().sum()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    """
    run = run_recorded(script(source))
    assert History(run.records[0]).nonfinite is None
    found = History(run.records[1]).nonfinite
    assert found is not None and run.records[1].events[found].kind == "backward", "the root of zeros"
