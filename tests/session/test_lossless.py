"""What is said where an iteration has no loss."""

import pytest

from stepper.session.lossless import NEITHER, without_loss


@pytest.mark.parametrize(("losses", "which"), [([None, 2.0, 1.0], "1"), ([3.0, None, None, None, 1.0], "0")])
def test_an_iteration_that_has_one_is_named(losses: list[float | None], which: str) -> None:
    assert without_loss(losses.index(None), losses) == f"iteration {which} has one"


def test_where_none_is_known_to_have_one_it_is_said_what_to_do() -> None:
    assert without_loss(0, [None, None]).startswith(NEITHER) and "--loss EXPR" in without_loss(0, [None])
