"""What a line says at its end, which function the cursor is in, and where something first went wrong."""

import math

import numpy as np
import pytest

from stepper.record import STRETCHED, UNREAD, Event, Record, Value, When
from stepper.tui.hints import hint, product, results
from stepper.tui.history import History
from stepper.tui.outline import LARGE, Outline, find
from stepper.tui.panels.source import SourcePanel
from tests.tui.standin import Standin, summary


def value(label: str, when: When, *shape: int, copy: int | None = None) -> Value:
    return Value(label, "other", when, summary(np.ones(shape)), copy)


def event(number: int, text: str, *values: Value, parent: int | None = None, kind: str = "statement") -> Event:
    return Event(
        number, parent, kind, "forward", "a.py", number + 1, 0, number + 1, 9, 0, text, list(values),  # type: ignore[arg-type]
        function=text if kind == "call" else "",
    )  # fmt: skip


X, W, H = value("x", "operand", 64, 1000), value("self.w1", "operand", 1000, 100), value("h", "result", 64, 100)


@pytest.mark.parametrize(
    "text",
    ["h = x.mm(self.w1)", "h = x @ self.w1", "return np.dot(x, self.w1)", "torch.matmul(x, self.w1)"],
)
def test_a_product_says_the_shapes_of_its_factors(text: str) -> None:
    made = event(0, text, X, W, H)
    assert hint(made, History(Record(0, None, [], [made], [], []))) == "(64,1000)·(1000,100) → (64,100)"


def test_a_gradient_that_is_read_nowhere_is_said_so_at_the_end_of_its_line() -> None:
    made = event(0, "db = d.sum(0)", value("db", "result", 8))
    made.note = f"{UNREAD}db"
    assert hint(made, History(Record(0, None, [], [made], [], []))) == "! not read  (8,)"


def test_what_was_broadcast_stands_at_the_end_of_its_line() -> None:
    made = event(0, "d = y_pred - y", value("d", "result", 64, 64))
    made.note = f"{STRETCHED}(64, 1) − (64,) → (64, 64), larger than both"
    assert hint(made, History(Record(0, None, [], [made], [], []))) == "! (64,1) − (64,) → (64,64)"
    assert "! (64,1) − (64,) → (64,64) at a line's end: broadcasting" in SourcePanel.HELP
    made = event(0, "loss = f(y_pred, y)", value("loss", "result"))
    made.note = f"{STRETCHED}mse_loss of (64, 1) and (64,), of different shapes"
    assert hint(made, History(Record(0, None, [], [made], [], []))).startswith("! mse_loss of (64,1) and (64,)")


def test_the_head_of_a_loop_says_the_first_and_the_last_that_it_bound() -> None:
    def bound(*numbers: float) -> str:
        values = [Value("k", "other", "result", summary(number)) for number in numbers]
        return results(event(0, "for k in steps", *values, value("x", "result", 3), value("x", "result", 3)))

    assert [bound(2.0, 5.0, 7.0), bound(2.0), bound(2.0, 2.0)] == ["2 … 7  (3,)", "2  (3,)", "2  (3,)"]


def test_a_transposed_factor_is_told_as_it_goes_in() -> None:
    operands = (value("h", "operand", 64, 100), value("g", "operand", 64, 10))
    assert product(event(0, "w = h.T.dot(g)", *operands)) == "(100,64)·(64,10)"
    assert product(event(0, "w = h.t().mm(g)", *operands)) == "(100,64)·(64,10)"


@pytest.mark.parametrize("text", ["for x in y:", "h = x * 2", "h = x.mm(unknown)", "h = f(x)", "", "a; b"])
def test_what_is_no_product_of_known_shapes_says_none(text: str) -> None:
    assert product(event(0, text, X, H)) == ""


async def test_an_update_says_how_far_it_went() -> None:
    session = Standin()
    await session.open()
    record = session.records[0]
    history = History(record)
    # the stand-in gives the parameters' values numbers of their own: tie them to the statement's
    update = next(e for e in record.events if e.text.startswith("w1 -="))
    after = next(v for v in update.values if v.when == "after")
    norm = record.parameters[0].update.summary.l2
    assert norm is not None
    history.updates = {after.copy: norm}
    assert hint(update, history) == f"‖Δ‖ {norm:.5g}"


def test_the_first_value_that_is_not_finite_is_found_where_it_was_made() -> None:
    outer = event(0, "y = f(x) + 1", Value("y", "other", "result", summary(math.nan)))
    inner = event(1, "f(x)", Value("f(x)", "other", "result", summary(math.inf)), parent=0, kind="expression")
    history = History(Record(0, None, [], [outer, inner], [], []))
    assert history.nonfinite == 1
    assert find(history, "inf", 0) == 1
    assert find(history, "nan", 1) == 0
    assert find(history, "nothing", 1) is None


def test_the_stack_tells_where_each_function_was_called() -> None:
    events = [
        event(0, "step()"), event(1, "outer", parent=0, kind="call"), event(2, "inner()", parent=1),
        event(3, "inner", parent=2, kind="call"), event(4, "a = 1", parent=3),
    ]  # fmt: skip
    history = History(Record(0, None, [], events, [], []))
    assert history.stack(events[4]) == [("inner", 5), ("outer", 3), ("", 1)]
    assert history.stack(events[0]) == [("", 1)]


def test_an_event_with_very_much_inside_is_folded_at_first() -> None:
    events = [event(0, "many()"), *(event(n, "a", parent=0) for n in range(1, LARGE + 2)), event(LARGE + 2, "b")]
    outline = Outline(History(Record(0, None, [], events, [], [])), {})
    assert outline.shown(0) == [0, LARGE + 2]
    assert len(outline.shown(5)) == len(events), "the cursor is never hidden"
    outline.fold(0, False)
    assert len(outline.shown(0)) == len(events)
