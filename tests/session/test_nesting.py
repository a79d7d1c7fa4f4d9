"""The events of a record by what they lie in."""

from pathlib import Path

from stepper.session.findings.likely_loss import likely_loss
from stepper.session.findings.nesting import as_they_ended, nested, within
from tests.session.checks import opened

DEEP = 700  # calls in one another, with events each: more than Python would follow call by call


def test_a_script_may_call_itself_as_deep_as_python_can(tmp_path: Path) -> None:
    text = f"""
import numpy as np
w = np.ones(2) / 2
def power(x, n):
    if n == 0:
        return x
    y = power(x * w, n - 1)
    return y
for t in range(2):
    val = float(power(np.ones(2), {DEEP}).sum())
    w -= 0.1 * w
"""
    with opened(tmp_path, text) as run:
        record = run.iteration(0).record
    inside = nested(record.events)
    ended = [event.id for event in as_they_ended(inside)]
    assert sorted(ended) == [event.id for event in record.events]
    assert all(ended.index(each.id) < ended.index(each.parent) for each in record.events if each.parent is not None)
    outer = next(event for event in record.events if event.text.startswith("val ="))
    whole = [event.id for event in within(inside, outer)]
    assert len(whole) > 2 * DEEP and whole == list(range(outer.id, outer.id + len(whole)))
    assert likely_loss(record) == ("val", 10)
