"""What is said where an iteration has no loss, or its record no update."""

import pytest

from stepper.record import Record
from stepper.session.findings.lossless import NEITHER, looked_for, not_in_the_record, without_loss


@pytest.mark.parametrize(("losses", "which"), [([None, 2.0, 1.0], "1"), ([3.0, None, None, None, 1.0], "0")])
def test_an_iteration_that_has_one_is_named(losses: list[float | None], which: str) -> None:
    assert without_loss(losses.index(None), losses, None) == f"iteration {which} has one"


@pytest.mark.parametrize(("named", "told"), [(None, NEITHER), ("w ** 2", "w ** 2 is no single number")])
def test_where_none_is_known_to_have_one_it_is_said_what_to_do(named: str | None, told: str) -> None:
    for found in (without_loss(0, [None, None], named), looked_for(named)):
        assert found.startswith(told) and "--loss EXPR" in found


def test_of_a_record_that_is_not_complete_it_is_said_that_its_updates_are_missing() -> None:
    cut, whole = (Record(0, 1.0, [1.0], [], [], [], truncated=truncated) for truncated in (True, False))
    assert "a smaller batch" in not_in_the_record(cut) and not not_in_the_record(whole)
