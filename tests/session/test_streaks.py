"""For how many iterations running a unit has been dead."""

from __future__ import annotations

from stepper.record import Gate, Record, Summary, Value
from stepper.session.findings.streaks import Streak, streaks

NOTHING = Value("h", "activation", "result", Summary(kind="other", type="array"))


def gate(*dead: int, line: int = 7) -> Gate:
    return Gate("h", "relu", 0, line, 1, NOTHING, None, None, 0, 0, list(dead), 5, NOTHING)


def records(*gates: list[Gate], first: int = 0) -> dict[int | None, Record]:
    return {first + at: Record(first + at, None, [], [], found, []) for at, found in enumerate(gates)}


def test_a_streak_begins_where_the_unit_was_not_dead_before() -> None:
    kept = records([gate()], [gate(1)], [gate(1, 2)], [gate(1, 2, 3)])
    found = streaks(kept, 3, (kept[3]).gates[0])
    assert found == {1: Streak(3, True), 2: Streak(2, True), 3: Streak(1, True)}


def test_a_unit_that_was_dead_from_the_first_iteration_has_a_whole_streak() -> None:
    kept = records([gate(4)], [gate(4)])
    assert streaks(kept, 1, kept[1].gates[0]) == {4: Streak(2, True)}


def test_where_the_records_end_it_may_be_more() -> None:
    kept = records([gate(4)], [gate(4)], first=8)
    found = streaks(kept, 9, kept[9].gates[0])
    assert found == {4: Streak(2, False)}
    assert str(found[4]) == "2+"


def test_iterations_in_which_the_gate_did_not_run_are_passed_over() -> None:
    kept = records([gate(1)], [gate(1, line=9)], [], [gate(1)])
    assert streaks(kept, 3, kept[3].gates[0]) == {1: Streak(2, True)}


def test_of_several_runs_a_unit_is_dead_that_was_dead_in_all_of_them() -> None:
    """As where samples come one at a time, or a layer is used again."""
    kept = records([gate(1, 2, 3), gate(2, 3)], [gate(3), gate(1, 3)], [gate(1, 2, 3), gate(1, 3)])
    assert streaks(kept, 2, kept[2].gates[0]) == {1: Streak(1, True), 3: Streak(3, True)}
    kept = records([gate(1), gate(2)])
    assert streaks(kept, 0, kept[0].gates[0]) == {}, "each is active in the other"


def test_the_setup_is_no_iteration() -> None:
    kept = records([gate(1)], [gate(1)])
    assert streaks(kept, None, gate(1)) == {1: Streak(1, True)}
