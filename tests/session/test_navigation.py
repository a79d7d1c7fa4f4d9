"""Where the cursor can go from an event, on records made by hand."""

import pytest

from stepper.record import Event, Record
from stepper.record.events import Kind
from stepper.session.findings import navigation
from stepper.session.findings.navigation import Place


def event(number: int, parent: int | None, kind: Kind = "statement", error: str | None = None) -> Event:
    return Event(number, parent, kind, "forward", "x.py", number + 1, 0, number + 1, 9, 0, f"e{number}", [], error)


# 0 statement
#   1 expression in it, 2 call in it: 3 statement, 4 compound statement with 5 in it
# 6 compound statement with 7 and 8 in it
# 9 statement
RECORD = Record(
    0,
    None,
    [],
    [
        event(0, None),
        event(1, 0, "expression"),
        event(2, 0, "call"),
        event(3, 2),
        event(4, 2),
        event(5, 4),
        event(6, None),
        event(7, 6),
        event(8, 6),
        event(9, None),
    ],
    [],
    [],
)


@pytest.mark.parametrize(
    ("start", "next_one"), [(0, 6), (1, 6), (2, 3), (3, 4), (4, 5), (5, 6), (6, 7), (7, 8), (8, 9), (9, None)]
)
def test_next_stays_in_the_frame_also_from_its_head_and_leaves_it_at_its_end(start: int, next_one: int | None) -> None:
    assert navigation.next_statement(RECORD, start) == next_one


@pytest.mark.parametrize(
    ("start", "before"), [(9, 8), (8, 7), (7, 6), (6, 0), (0, None), (5, 4), (4, 3), (3, 2), (2, 0)]
)
def test_previous_mirrors_it(start: int, before: int | None) -> None:
    assert navigation.previous_statement(RECORD, start) == before


def test_into_takes_every_event_both_ways() -> None:
    assert [navigation.into(RECORD, number) for number in range(10)] == [*range(1, 10), None]
    assert [navigation.back_into(RECORD, number) for number in range(10)] == [None, *range(9)]


def test_out_goes_to_the_event_around() -> None:
    assert [navigation.out(RECORD, number) for number in range(10)] == [None, 0, 0, 2, 2, 4, None, 6, 6, None]


def test_places_count_the_statements_of_a_frame() -> None:
    places = [navigation.place_of(RECORD, number) for number in range(10)]
    assert places[0] == places[1] == Place(1, 5)
    assert [places[number] for number in (3, 4, 5)] == [Place(1, 3), Place(2, 3), Place(3, 3)]
    assert places[9] == Place(5, 5)
    assert navigation.place_of(RECORD, -1) == Place(0, 0)


def test_the_failing_event_is_the_innermost() -> None:
    events = [event(0, None, error="E"), event(1, 0, "call"), event(2, 1, error="E")]
    assert navigation.failed_event(Record(0, None, [], events, [], [])) == 2
    assert navigation.failed_event(RECORD) is None


def test_the_ends_of_a_record() -> None:
    assert (navigation.first_statement(RECORD), navigation.last_statement(RECORD)) == (0, 9)
    empty = Record(0, None, [], [], [], [])
    assert (navigation.first_statement(empty), navigation.last_statement(empty)) == (-1, -1)
    for move in (navigation.next_statement, navigation.previous_statement, navigation.into, navigation.out):
        assert move(empty, 0) is None
