"""What the probes write down: events in order, their parents and occurrences, and the values they read and made."""

import numpy
import pytest

from stepper.inferior.finishing.finish import Finisher
from stepper.record import Backward, OptimizerStep
from tests.inferior.running import Ran, run

BY_HAND = """
import numpy as np
np.random.seed(0)
x, y = np.random.randn(4, 3), np.random.randn(4, 2)
w1, w2 = np.random.randn(3, 5), np.random.randn(5, 2)
for t in range(2):
    h = x.dot(w1)
    h_relu = np.maximum(h, 0)
    y_pred = h_relu.dot(w2)
    loss = np.square(y_pred - y).sum()
    grad_y_pred = 2.0 * (y_pred - y)
    grad_w2 = h_relu.T.dot(grad_y_pred)
    grad_h_relu = grad_y_pred.dot(w2.T)
    g = grad_h_relu
    g[h < 0] = 0
    grad_w1 = x.T.dot(g)
    w1 -= 1e-2 * grad_w1
    w2 -= 1e-2 * grad_w2
"""


@pytest.fixture(scope="module")
def by_hand() -> Ran:
    return run(BY_HAND)


def test_events_are_numbered_in_order_and_parents_come_first(by_hand: Ran) -> None:
    events = by_hand.record().events
    assert [event.id for event in events] == list(range(len(events)))
    assert all(event.parent is None or event.parent < event.id for event in events)
    assert {event.iteration for event in (by_hand.record(0), by_hand.record(1))} == {0, 1}


def test_a_pass_begins_with_the_names_its_head_binds(by_hand: Ran) -> None:
    first = by_hand.events()[0]
    assert first.text == "for t in range(2)"
    assert [(value.label, value.summary.value) for value in first.values if value.when == "result"] == [("t", 0)]


def test_every_statement_has_its_line_and_its_phase(by_hand: Ran) -> None:
    found = [(event.line, event.text.partition(" ")[0], event.phase) for event in by_hand.events()]
    assert found == [
        (6, "for", "forward"),
        (7, "h", "forward"),
        (8, "h_relu", "forward"),
        (9, "y_pred", "forward"),
        (10, "loss", "loss"),
        (11, "grad_y_pred", "backward"),
        (12, "grad_w2", "backward"),
        (13, "grad_h_relu", "backward"),
        (14, "g", "backward"),
        (15, "g[h", "backward"),
        (16, "grad_w1", "backward"),
        (17, "w1", "update"),
        (18, "w2", "update"),
    ]


def test_a_recorded_value_stays_as_it_was_when_an_alias_is_changed(by_hand: Ran) -> None:
    product = by_hand.array(by_hand.values("grad_y_pred")[-1]) @ by_hand.array(by_hand.values("w2", when="before")[0]).T
    for label in ("grad_h_relu", "g"):
        assert numpy.array_equal(by_hand.array(by_hand.values(label, when="result")[0]), product)
    store = by_hand.event("g[h < 0] = 0")
    before, after = (next(v for v in store.values if v.when == when and v.label == "g") for when in ("before", "after"))
    h = by_hand.array(by_hand.values("h", when="result")[0])
    assert numpy.array_equal(by_hand.array(before), product)
    assert numpy.array_equal(by_hand.array(after), numpy.where(h < 0, 0, product))


def test_an_augmented_assignment_shows_what_it_read_changed_and_left(by_hand: Ran) -> None:
    event = by_hand.event("w1 -= 1e-2 * grad_w1")
    by_when = {value.when: value for value in event.values if value.label == "w1"}
    assert set(by_when) >= {"before", "after"}
    gradient = by_hand.array(by_hand.values("grad_w1")[0])
    expected = by_hand.array(by_when["before"]) - 1e-2 * gradient
    assert numpy.array_equal(by_hand.array(by_when["after"]), expected)


def test_an_expression_inside_a_statement_is_an_event_with_its_source_as_label(by_hand: Ran) -> None:
    statement = by_hand.event("loss = np.square(y_pred - y).sum()")
    inner = [event for event in by_hand.events(kind="expression") if event.parent == statement.id]
    assert [event.text for event in inner] == ["y_pred - y", "np.square(y_pred - y)"]
    read = {value.label for value in inner[0].values if value.when == "operand"}
    assert read == {"y_pred", "y"}


def test_what_a_pass_leaves_is_what_the_next_one_begins_with(by_hand: Ran) -> None:
    left = by_hand.array(by_hand.parameter("w1", 0).after)
    found = by_hand.array(by_hand.parameter("w1", 1).before, 1)
    assert numpy.array_equal(left, found)
    assert numpy.array_equal(by_hand.array(by_hand.parameter("w1", 1).after, 1), by_hand.names["w1"])


def test_the_setup_is_a_record_of_its_own(by_hand: Ran) -> None:
    setup = by_hand.record(None)
    assert setup.iteration is None and setup.loss is None
    assert {event.phase for event in setup.events} == {"setup"}
    assert [value.summary.shape for value in by_hand.values("w1", None)] == [(3, 5)]


def test_a_call_into_the_script_nests_and_its_occurrences_are_counted() -> None:
    ran = run(
        """
        import numpy as np
        w = np.ones(3)
        def double(v):
            twice = v * 2
            return twice
        for i in range(2):
            loss = (double(w) + double(w + 1)).sum()
            w -= 0.1 * double(w)
        """
    )
    calls = ran.events(kind="call")
    assert [call.function for call in calls] == ["double"] * 3
    assert [call.occurrence for call in calls] == [0, 1, 2]
    assert [ran.record().events[call.parent or 0].text.partition(" ")[0] for call in calls] == ["loss", "loss", "w"]
    inside = [event for event in ran.events() if event.text == "twice = v * 2"]
    assert [event.parent for event in inside] == [call.id for call in calls]
    assert [event.occurrence for event in inside] == [0, 1, 2]
    arguments = [ran.array(value) for value in ran.values("v", when="operand") if value in calls[1].values]
    assert numpy.array_equal(arguments[0], numpy.full(3, 2.0))


def test_nested_statements_belong_to_the_compound_statement_around_them() -> None:
    ran = run(
        """
        import numpy as np
        w = np.ones(3)
        for i in range(2):
            total = 0.0
            for k in range(3):
                if k != 1:
                    total = total + float(w[k])
            loss = total
            w -= 0.1
        """
    )
    adds = [event for event in ran.events() if event.text.startswith("total = total")]
    ifs = [event for event in ran.events() if event.text == "if k != 1"]
    heads = [event for event in ran.events() if event.text == "for k in range(3)"]
    assert [event.parent for event in adds] == [ifs[0].id, ifs[2].id]
    # the head comes once for the loop itself, and once for each pass that binds its name
    assert {event.parent for event in ifs} <= {head.id for head in heads}
    assert ran.record().loss == 2.0


def test_an_exception_marks_the_statements_it_leaves_and_recording_goes_on() -> None:
    ran = run(
        """
        import numpy as np
        w = np.ones(3)
        def fails(v):
            raise ValueError("not today")
        for i in range(2):
            try:
                fails(w)
            except ValueError:
                caught = w * 2
            loss = caught.sum()
            w -= 0.1
        """
    )
    failed = [event.text for event in ran.events() if event.error is not None]
    assert 'raise ValueError("not today")' in failed and "fails(w)" in failed
    assert {ran.event("fails(w)").error} == {"ValueError: not today"}
    after = ran.event("loss = caught.sum()")
    assert after.error is None and after.parent is None
    assert ran.record().error is None


def test_a_generator_resumes_in_its_own_frame() -> None:
    ran = run(
        """
        import numpy as np
        w = np.ones(2)
        def parts(v):
            first = v * 2
            yield first
            second = v * 3
            yield second
        for i in range(2):
            stream = parts(w)
            one = next(stream)
            two = next(stream)
            loss = (one + two).sum()
            w -= 0.1
        """
    )
    call = ran.events(kind="call")
    assert len(call) == 1
    assert ran.event("first = v * 2").parent == ran.event("second = v * 3").parent == call[0].id
    assert ran.event("two = next(stream)").parent is None
    assert ran.losses == [10.0, 9.0]


def test_an_error_ends_the_record_at_the_failing_statement() -> None:
    ran = run(
        """
        import numpy as np
        w = np.ones(2)
        for i in range(4):
            loss = w.sum()
            if i == 2:
                w.reshape(3)
            w -= 0.1
        """
    )
    assert isinstance(ran.error, ValueError)
    assert ran.runner.failed_in == 2 and len(ran.losses) == 2
    last = ran.record(2)
    assert last.error is not None and last.error.startswith("ValueError")
    assert [event.text for event in last.events if event.error is not None][-1] == "w.reshape(3)"


def test_values_with_code_of_their_own_are_never_asked() -> None:
    ran = run(
        """
        import numpy as np
        class Prickly:
            def __init__(self): self.calls = 0
            def __repr__(self): raise RuntimeError("repr")
            def __eq__(self, other): raise RuntimeError("eq")
            def __bool__(self): raise RuntimeError("bool")
            def __len__(self): raise RuntimeError("len")
            def __hash__(self): raise RuntimeError("hash")
            def __getattr__(self, name): raise RuntimeError("getattr " + name)
            @property
            def w(self): raise RuntimeError("property")
        p = Prickly()
        held = {"p": p, "q": [p, p]}
        w = np.ones(2)
        for i in range(2):
            other = p
            both = (p, held)
            p.calls += 1
            held["r"] = other
            loss = w.sum()
            w -= 0.1
        """
    )
    assert ran.error is None
    assert ran.record(0).faults == ran.record(1).faults == []
    assert ran.names["p"].calls == 2


def test_what_cannot_be_shown_costs_only_itself() -> None:
    ran = run(
        """
        import numpy as np
        records = np.zeros(3, dtype=[("a", "f4"), ("b", "i2")])
        words, things = np.array(["a", "b"]), np.array([1, None], dtype=object)
        empty, scalar = np.empty((0, 3)), np.array(2.0)
        w = np.ones(2)
        for i in range(2):
            r, s, o, e, z = records, words, things, empty, scalar
            big, c = 2 ** 100, 1 + 2j
            complex_ = np.array([1 + 1j, np.nan])
            when = np.array(["2020-01-01"], dtype="datetime64[D]")
            half = np.float16(1.5)
            loss = w.sum()
            w -= 0.1
        """
    )
    assert ran.error is None and ran.record().faults == []
    assert ran.values("e")[0].summary.shape == (0, 3)
    assert ran.values("z")[0].summary.shape == ()
    assert ran.values("big")[0].summary.type == "int"


def test_one_more_name_for_a_value_is_read_and_bound() -> None:
    ran = run(
        """
        import numpy as np
        w, x_new = np.ones(2), 3.0
        for t in range(1):
            h = w
            x_old = x_new
            x_new = x_old - 0.5 * x_old
            loss = float(h.sum()) + x_old
            w = w - 0.1
        """
    )
    for text, labels in (("h = w", ["w", "h"]), ("x_old = x_new", ["x_new", "x_old"])):
        values = ran.event(text).values
        assert [(value.label, value.when) for value in values] == [(labels[0], "operand"), (labels[1], "result")]


def test_what_lies_where_another_value_lay_is_not_called_by_its_name() -> None:
    ran = run(
        """
        import torch
        first, second = torch.nn.Linear(2, 2), torch.nn.Linear(2, 2)
        opaque = {}
        exec("def chain(a, b, x):\\n y = a(x)\\n del y\\n return b(x * 2)", opaque)
        x, w = torch.ones(1, 2), torch.ones(2, requires_grad=True)
        for t in range(2):
            with torch.no_grad():
                y = opaque["chain"](first, second, x)
            loss = (y * w).sum()
            loss.backward()
            w.data -= 0.1 * w.grad
            w.grad = None
        """
    )
    second = ran.events(kind="module")[1]
    assert next(value.label for value in second.values if value.when == "operand") == "input 0 of second"


def test_a_record_that_could_not_be_finished_is_told_without_its_values(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(finisher: Finisher) -> None:
        if any(happening.drafts for happening in finisher._recorder.happenings):
            raise ValueError("no summaries today")

    monkeypatch.setattr(Finisher, "_summarise", broken)
    record = run(
        """
        import torch
        w = torch.ones(3, requires_grad=True)
        opt = torch.optim.SGD([w], lr=0.1)
        for t in range(2):
            loss = (w * w).sum()
            opt.zero_grad()
            loss.backward()
            opt.step()
        """
    ).record(1)
    assert any("no summaries today" in fault for fault in record.faults)
    assert {"backward", "contribution", "optimizer"} <= {event.kind for event in record.events}
    assert all(not event.values and not isinstance(event.detail, Backward | OptimizerStep) for event in record.events)
