"""What a name means where the cursor stands, though a function that was called there has one like it."""

from __future__ import annotations

from pathlib import Path

import stepper
from stepper.record import Event, Record
from stepper.session.findings.sightings import Sightings
from tests.session.support import script

SOURCE = """
import numpy as np
w = np.array([1.0, 2.0])
x = np.ones((2, 2))
def penalty(w):
    w = w * 100
    return w.sum()
def halve(params):
    for p in params:
        p *= 0.5
def outer(z):
    z = z + 1
    again = penalty(z)
    halve([z])
    return z * again
for t in range(3):
    cost = penalty(w)
    kept = outer(x)
    loss = (x @ w).sum() + 0 * cost
    halve([w])
    print(loss)
"""


def at(record: Record, text: str) -> Event:
    """The last event of that text."""
    return next(event for event in reversed(record.events) if event.text.startswith(text))


def test_a_name_is_that_of_the_function_in_which_the_cursor_stands(tmp_path: Path) -> None:
    with stepper.open(script(tmp_path, SOURCE)) as run:
        record = run.iteration(0).record
        sightings = Sightings(record)

        def total(label: str, text: str) -> float | None:
            found = sightings.last(label, at(record, text))
            mean = found.value.summary.mean if found is not None else None
            return None if mean is None else mean * 2

        # in the loop it is what the loop has, also when the function is over, and what that changed in place is told
        assert total("w", "cost =") == total("w", "loss =") == 3
        assert total("w", "halve([w])") == total("w", "print") == 1.5
        # within the function it is the function's; a name of its own there is told afterwards, too
        assert total("w", "return w.sum()") == 400
        assert total("z", "again =") == 4 and total("z", "halve([z])") == total("z", "return z") == 2
        assert total("z", "loss =") == 2


def test_what_is_read_later_only_had_that_value_before(tmp_path: Path) -> None:
    with stepper.open(script(tmp_path, SOURCE)) as run:
        record = run.iteration(1).record
        sightings, head = Sightings(record), at(record, "for t in")
        assert sightings.last("w", head) is None
        held = sightings.held("w", head)
        assert held is not None and held.summary.mean == 0.75
        assert sightings.held("cost", head) is None and sightings.held("z", head) is None  # not there yet


def test_an_expression_has_the_names_of_the_loop_and_not_those_of_what_it_called(tmp_path: Path) -> None:
    with stepper.open(script(tmp_path, SOURCE)) as run:
        it = run.iteration(0)
        assert it.evaluate("w.tolist()").array.tolist() == [0.5, 1.0]
        assert it.evaluate("z.shape").array.item() == "(2, 2)"  # a function's own, of which there is no other
