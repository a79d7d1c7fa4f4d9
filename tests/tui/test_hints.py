"""What a line says at its end, which function the cursor is in, and where something first went wrong."""

import math

import numpy as np
import pytest

from stepper.record import (
    CLIPPED,
    DROPPED,
    LOST,
    MIXED,
    REPEATED,
    SOFTMAX,
    STRETCHED,
    UNREAD,
    Event,
    OptimizerStep,
    Parameter,
    Record,
    Value,
    When,
)
from stepper.tui.hints import hint, product, results
from stepper.tui.history import History
from stepper.tui.outline import LARGE, Outline, find
from stepper.tui.panels.source import SourcePanel
from tests.tui.recorded import summary


def value(label: str, when: When, *shape: int, copy: int | None = None) -> Value:
    return Value(label, "other", when, summary(np.ones(shape)), copy)


def event(number: int, text: str, *values: Value, parent: int | None = None, kind: str = "statement") -> Event:
    return Event(
        number, parent, kind, "forward", "a.py", number + 1, 0, number + 1, 9, 0, text, list(values),  # type: ignore[arg-type]
        function=text if kind == "call" else "",
    )  # fmt: skip


AROUND: tuple[When, When] = ("before", "after")
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


def test_a_term_that_is_cut_off_is_said_so_at_the_end_of_the_line_that_adds_it() -> None:
    made = event(0, "loss = loss + p", value("loss", "result"))
    plain = hint(made, History(Record(0, None, [], [made], [], [])))
    made.note = f"{LOST}p, a term of the loss: it is cut off on line 3"
    assert hint(made, History(Record(0, None, [], [made], [], []))) == f"! no gradient  {plain}"


def test_a_step_that_is_lost_in_part_is_said_so_at_the_end_of_its_line() -> None:
    before, after = value("w", "before", 8), value("w", "after", 8)
    moved = Parameter("w", (8,), before, after, None, value("w", "result", 8))
    made = event(0, "w[ids] -= d", before, after)
    plain = hint(made, History(Record(0, None, [], [made], [], [moved])))
    marks = {REPEATED: "repeated", SOFTMAX: "softmax", DROPPED: "dropout", MIXED: "axes mixed", CLIPPED: "too late"}
    for note, mark in marks.items():
        made.note = f"{note}on line 3"
        assert hint(made, History(Record(0, None, [], [made], [], [moved]))) == f"! {mark}  {plain}"


def test_what_was_broadcast_stands_at_the_end_of_its_line() -> None:
    made = event(0, "d = y_pred - y", value("d", "result", 64, 64))
    made.note = f"{STRETCHED}(64, 1) − (64,) → (64, 64), larger than both"
    assert hint(made, History(Record(0, None, [], [made], [], []))) == "! (64,1) − (64,) → (64,64)"
    assert "! (64,1) − (64,) → (64,64) at a line's end: broadcasting" in SourcePanel.HELP
    made = event(0, "loss = f(y_pred, y)", value("loss", "result"))
    made.note = f"{STRETCHED}mse_loss of (64, 1) and (64,), of different shapes"
    assert hint(made, History(Record(0, None, [], [made], [], []))).startswith("! mse_loss of (64,1) and (64,)")


def test_what_is_pointed_out_in_a_function_is_said_so_at_the_line_that_calls_it_and_at_none_around_it() -> None:
    loop = event(0, "for x in data")
    caller = event(1, "loss = step(x)", value("loss", "result"), parent=0)
    inner = event(3, "return (p - y).mean()", parent=2)
    plain = hint(caller, History(Record(0, None, [], [loop, caller], [], [])))
    inner.note = f"seen; {STRETCHED}(3, 1) − (3,) → (3, 3), larger than both"
    events = [loop, caller, event(2, "def step(x)", parent=1, kind="call"), inner]
    history = History(Record(0, None, [], events, [], []))
    assert hint(caller, history) == f"! line 4  {plain}" and not hint(loop, history).startswith("!")
    caller.note = f"{STRETCHED}(2, 1) − (2,) → (2, 2), larger than both"
    assert hint(caller, history).startswith("! (2,1)"), "its own goes before"
    caller.note, inner.file = "", "b.py"
    assert hint(caller, History(Record(0, None, [], events, [], []))) == f"! b.py line 4  {plain}"


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


def changed(number: int, text: str, before: int, after: int, name: str = "w", became: float = 1.0) -> Event:
    made = [
        Value(name, "parameter", when, summary(np.full(2, became)), copy)
        for when, copy in zip(AROUND, (before, after), strict=True)
    ]
    return event(number, text, *made)


def parameter(name: str, before: int, after: int, *moved: float) -> Parameter:
    first, last = (value(name, when, 2, copy=copy) for when, copy in zip(AROUND, (before, after), strict=True))
    return Parameter(name, (2,), first, last, None, Value(name, "parameter", "result", summary(np.array(moved))))


def history_of(parameters: list[Parameter], *events: Event) -> History:
    return History(Record(0, None, [], list(events), [], parameters))


def test_an_update_says_how_far_it_went() -> None:
    changes = changed(0, "", 0, 1), changed(0, "", 0, 1, "alias"), changed(0, "", 2, 3, "b")
    both = event(0, "opt.step()", *(each for change in changes for each in change.values))
    history = history_of([parameter("w", 0, 1, 2.0, 3.0), parameter("b", 2, 3, 6.0, 0.0)], both)
    assert hint(both, history) == "‖Δ‖ 7", "a parameter with two names is counted once"
    both.note = f"{STRETCHED}() → (2,), one number for all of w"
    assert hint(both, history) == "! () → (2,)  ‖Δ‖ 7"


def test_an_update_by_several_lines_is_none_of_theirs() -> None:
    lines = [changed(0, "w -= lr * dw", 0, 1), changed(1, "w *= 1 - wd", 1, 2), changed(2, "w.mul_(1.0)", 2, 2)]
    history = history_of([parameter("w", 0, 2, 3.0, 4.0)], *lines)
    assert [hint(line, history) for line in lines] == ["(2,)", "(2,)", "‖Δ‖ 0"]
    lines[1].moved.append(Value("w", "parameter", "result", summary(np.array([6.0, 8.0]))))
    history = history_of([parameter("w", 0, 2, 3.0, 4.0)], *lines)
    assert [hint(line, history) for line in lines] == ["(2,)", "‖Δ‖ 10", "‖Δ‖ 0"], "where the record tells it of a line"


def test_an_optimizer_step_says_how_far_it_went_whatever_comes_after() -> None:
    step, clamp, inner = changed(0, "opt.step()", 0, 1), changed(1, "w.clamp_(0, 1)", 1, 2), changed(2, "", 0, 1)
    inner.values.append(Value("update of w", "other", "result", summary(np.array([6.0, 8.0]))))
    inner.kind, inner.detail = "optimizer", OptimizerStep("w", "", {}, 2, None)
    history = history_of([parameter("w", 0, 2, 3.0, 4.0)], step, clamp, inner)
    assert [hint(each, history) for each in (step, clamp, inner)] == ["‖Δ‖ 10", "(2,)", "‖Δ‖ 10"]


@pytest.mark.parametrize(
    ("moved", "told"),
    [((math.nan, math.nan), "nan"), ((math.nan, 1.0), "nan"), ((math.inf, 1.0), "∞"), ((-math.inf, math.nan), "nan")],
)
def test_an_update_to_what_is_not_finite_is_not_small(moved: tuple[float, float], told: str) -> None:
    both = event(0, "opt.step()", *changed(0, "", 0, 1).values, *changed(0, "", 2, 3, "b").values)
    history = history_of([parameter("w", 0, 1, *moved), parameter("b", 2, 3, math.inf, 1.0)], both)
    assert hint(both, history) == f"‖Δ‖ {told}"
    stays = changed(0, "w -= g", 1, 1, became=math.nan)
    assert hint(stays, history_of([parameter("w", 0, 1, *moved)], stays)) == "‖Δ‖ nan"


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


def test_a_layers_name_is_found_before_its_kind() -> None:
    """`conv2` is in `Conv2d`, too, which is what every convolution is."""
    texts = ("y = net(x)", "net.conv1", "net.conv2")
    called = [event(at, text, parent=at and 0, kind="module" if at else "statement") for at, text in enumerate(texts)]
    for each in called[1:]:
        each.function = "Conv2d"
    history = History(Record(0, None, [], called, [], []))
    assert find(history, "conv2", 0) == 2
    assert find(history, "conv2", 2, again=True) == 1
