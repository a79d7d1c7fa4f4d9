"""What is said where an iteration has no loss, or its record no update."""

from pathlib import Path

import pytest

from stepper.record import Record
from stepper.session.findings.likely_loss import likely_loss
from stepper.session.findings.lossless import NEITHER, looked_for, not_in_the_record, without_loss
from tests.session.checks import opened

BARE = Record(0, None, [], [], [], [])


@pytest.mark.parametrize(("losses", "which"), [([None, 2.0, 1.0], "1"), ([3.0, None, None, None, 1.0], "0")])
def test_an_iteration_that_has_one_is_named(losses: list[float | None], which: str) -> None:
    assert without_loss(Record(losses.index(None), None, [], [], [], []), losses, None) == f"iteration {which} has one"


@pytest.mark.parametrize(("named", "told"), [(None, NEITHER), ("w ** 2", "w ** 2 is no single number")])
def test_where_none_is_known_to_have_one_it_is_said_what_to_do(named: str | None, told: str) -> None:
    for found in (without_loss(BARE, [None, None], named), looked_for(named)):
        assert found.startswith(told) and "--loss EXPR" in found


def test_of_a_record_that_is_not_complete_it_is_said_that_its_updates_are_missing() -> None:
    cut, whole = (Record(0, 1.0, [1.0], [], [], [], truncated=truncated) for truncated in (True, False))
    assert "a smaller batch" in not_in_the_record(cut) and not not_in_the_record(whole)


def test_the_number_that_was_made_of_the_parameters_is_named_and_no_accuracy_or_rate(tmp_path: Path) -> None:
    text = """
import numpy as np
seen = {}
def wide(scores):
    spread = float(scores.std())
def fit(w, rate):
    told = 0.0
    for t in range(3):
        scores = x @ w
        off = scores - y
        mse = float((off ** 2).mean())
        r2 = 1 - mse / y.var()
        told += mse
        hits = np.mean(np.sign(scores) == np.sign(y))
        far = np.abs(off)
        seen[t] = float(far.max())
        wide(scores)
        step = rate * 0.5
        slope = float(2 * off.mean())
        turned = -slope
        w[0] += step * turned
        w -= step * (2 * x.T @ off) / len(y)
        size = np.abs(w).max()
rng = np.random.default_rng(0)
x, y = rng.normal(size=(8, 3)), rng.normal(size=8)
fit(np.zeros(3), 0.1)
"""
    with opened(tmp_path, text) as run:
        record = run.iteration(1).record
        assert record.loss is None and likely_loss(record) == ("mse", 11)
        assert without_loss(record, [None] * 3, None) == f"{NEITHER}; mse on line 11 may be it: --loss mse"
    assert likely_loss(BARE) is None
