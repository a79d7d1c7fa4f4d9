"""What had happened by the cursor."""

import msgspec

from stepper.record import Event, Kind, Record, Value, When
from stepper.tui.history import History
from tests.tui.recorded import summary
from tests.tui.standin import Standin


def value(label: str, when: When, number: float) -> Value:
    return Value(label, "other", when, summary(number))


def event(
    number: int, parent: int | None, line: int, *values: Value, column: int = 0,
    kind: Kind = "statement", function: str = "",
) -> Event:  # fmt: skip
    return Event(
        number, parent, kind, "forward", "a.py", line, column, line, column + 9, 0, "", list(values), function=function
    )


def record(*events: Event) -> Record:
    return Record(0, None, [], list(events), [], [])


def last(history: History, label: str, cursor: int) -> float | None:
    sighting = history.last(label, history.record.events[cursor])
    found = sighting.value.summary.value if sighting else None
    assert found is None or isinstance(found, float)
    return found


def test_a_label_has_the_value_that_was_seen_last() -> None:
    history = History(
        record(
            event(0, None, 1, value("a", "result", 1.0)),
            event(1, None, 2, value("a", "before", 1.0), value("a", "after", 2.0)),
            event(2, None, 3, value("a", "result", 3.0)),
        )
    )
    assert [last(history, "a", cursor) for cursor in range(3)] == [1.0, 2.0, 3.0]
    assert history.touched(history.record.events[1]) == ({"a"}, set())


def test_inside_a_call_its_result_is_not_there_yet() -> None:
    history = History(
        record(
            event(0, None, 9, value("loss", "result", 5.0)),
            event(1, 0, 2, value("h", "result", 1.0), function="forward"),
            event(2, 0, 3, value("y", "result", 2.0), function="forward"),
            event(3, None, 10, value("loss", "operand", 5.0)),
        )
    )
    assert last(history, "loss", 1) is None
    assert last(history, "y", 1) is None
    assert last(history, "y", 0) == 2.0, "the call is over when its statement is"
    assert last(history, "loss", 0) == 5.0
    assert not history.executed(3, history.record.events[1])
    assert history.executed(9, history.record.events[1])
    assert history.computed(9, history.record.events[1]) is None


def test_a_compound_statement_is_over_when_its_body_begins() -> None:
    history = History(
        record(
            event(0, None, 1, value("p", "result", 1.0), value("p", "result", 2.0)),
            event(1, 0, 2, value("a", "result", 2.0), column=4),
            event(2, 0, 2, value("b", "result", 3.0), column=20),
            event(3, 0, 2, value("p", "operand", 2.0), column=4),
            event(4, None, 3),
        )
    )
    events = history.record.events
    assert last(history, "p", 0) == 1.0, "and what it binds in a later pass is not yet there"
    assert last(history, "a", 0) is None
    assert [history.executed(2, each) for each in events] == [False, True, True, True, True]
    assert last(history, "p", 1) == 1.0
    assert last(history, "b", 1) is None
    assert last(history, "p", 3) == 2.0
    assert last(history, "p", 4) == 2.0


def test_a_nested_expression_comes_before_the_statement_it_stands_in() -> None:
    history = History(
        record(
            event(0, None, 1, value("y", "result", 2.0)),
            event(1, 0, 1, value("x.mm(w1)", "result", 1.0), kind="expression"),
        )
    )
    assert last(history, "x.mm(w1)", 1) == 1.0
    assert last(history, "y", 1) is None
    assert history.statement(history.record.events[1]).id == 0
    assert history.order == ["x.mm(w1)", "y"]


async def test_every_label_of_a_whole_iteration_is_seen_at_its_end() -> None:
    session = Standin()
    await session.open()
    history = History(session.records[0])
    end = history.record.events[-1]
    assert all(history.last(label, end) is not None for label in history.order)
    assert history.seen(history.record.gates[0].grad_after, end)
    assert not history.seen(history.record.gates[0].grad_after, history.record.events[3])
    assert history.place_of(history.record.gates[0].grad_after, end) == "line 25"


def test_at_the_head_of_a_function_its_body_is_still_to_come() -> None:
    history = History(
        record(
            event(0, None, 9, value("loss", "result", 5.0)),
            event(1, 0, 1, kind="call", function="forward"),
            event(2, 1, 2, value("h", "result", 1.0), function="forward"),
            event(3, 1, 3, value("y", "result", 2.0), function="forward"),
        )
    )
    events = history.record.events
    assert [history.executed(line, events[1]) for line in (9, 2, 3)] == [True, False, False]
    assert [history.executed(line, events[2]) for line in (9, 2, 3)] == [True, True, False]
    assert history.computed(2, events[1]) is None
    assert history.executed(3, events[0]), "the statement that called it has run"


def test_the_last_statement_is_the_one_that_is_over_last() -> None:
    ends_in_an_expression = [event(0, None, 9), event(1, None, 10), event(2, 1, 10, kind="expression")]
    ends_in_a_call = [
        event(0, None, 9), event(1, 0, 2, kind="call", function="update"), event(2, 1, 3, function="update"),
    ]  # fmt: skip
    ends_in_a_branch = [event(0, None, 9), event(1, 0, 10, column=4), event(2, 0, 11, column=4)]
    without_statements = [event(0, None, 9, kind="call"), event(1, 0, 9, kind="expression")]
    records = (ends_in_an_expression, ends_in_a_call, ends_in_a_branch, without_statements)
    assert [History(record(*events)).final for events in records] == [1, 0, 2, 0]


def test_a_loop_hands_out_a_value_when_its_pass_begins() -> None:
    head = event(0, None, 1, value("p", "result", 1.0), value("p", "result", 5.0))
    steps = [
        event(1, 0, 2, value("p", "before", 1.0), value("p", "after", 2.0), column=4),
        event(2, 0, 2, value("p", "before", 5.0), value("p", "after", 6.0), column=4),
    ]
    history = History(record(head, *steps, event(3, None, 4)))
    assert [last(history, "p", cursor) for cursor in range(4)] == [1.0, 2.0, 6.0, 6.0]


def test_what_lies_in_the_memory_that_a_statement_changed_is_changed_by_it() -> None:
    row = event(1, None, 2, value("row", "before", 1.0), value("row", "after", 2.0))
    row.beside = [value("table", "after", 9.0)]
    history = History(record(event(0, None, 1, value("table", "operand", 7.0)), row, event(2, None, 3)))
    assert [last(history, "table", cursor) for cursor in range(3)] == [7.0, 9.0, 9.0]
    assert history.touched(row) == ({"row", "table"}, set())


def test_a_label_follows_its_object_under_other_names() -> None:
    def named(label: str, when: When, number: float, memory: int) -> Value:
        return msgspec.structs.replace(value(label, when, number), memory=memory, copy=int(number))

    history = History(
        record(
            event(0, None, 1, named("w", "operand", 1.0, 7), named("w + 0", "result", 1.0, 7)),
            event(1, None, 2, named("p", "result", 1.0, 7)),
            event(2, None, 3, named("p", "before", 1.0, 7), named("p", "after", 2.0, 7)),
            event(3, None, 4, named("p", "result", 3.0, 8)),
            event(4, None, 5, named("p", "before", 3.0, 8), named("p", "after", 4.0, 8)),
        )
    )
    assert [last(history, "w", cursor) for cursor in range(5)] == [1.0, 1.0, 2.0, 2.0, 2.0]
    assert last(history, "w + 0", 4) == 1.0, "what has no name stays as it was computed"
