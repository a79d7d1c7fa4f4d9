"""Arrays that are resized in place, which NumPy refuses where they are referred to."""

from weakref import getweakrefcount

import numpy as np

from stepper.engines.numpy import NumpyEngine
from stepper.inferior.recording.memories import Memories
from tests.inferior.running import run

GROWING = """
import numpy as np

class Log:
    def __init__(self):
        self.losses = np.zeros(1)

    def add(self, t, loss):
        self.losses.resize(t + 2)
        self.losses[t + 1] = loss

def grown(n):
    made = np.zeros(2)
    made.resize(n)
    return made

w, log, history = np.zeros(3), Log(), np.zeros(1)
for t in range(4):
    grad = 2 * (w - 1.0)
    loss = float(((w - 1.0) ** 2).sum())
    w -= 0.1 * grad
    history.resize(t + 2)
    history[t + 1] = loss
    log.add(t, loss)
    longer = grown(t + 3)
"""


def test_they_can_be_resized_while_an_iteration_is_recorded() -> None:
    ran = run(GROWING)
    assert ran.error is None
    resized = next(event for event in ran.record(3).events if event.text.startswith("history[t + 1]"))
    (after,) = [value for value in resized.values if value.when == "after"]
    assert ran.array(after, 3).tolist() == [0.0, *ran.losses]
    longer = next(event for event in ran.record(3).events if event.text.startswith("longer ="))
    assert longer.values[-1].summary.shape == (6,)


def test_of_two_arrays_in_one_place_one_is_let_go_of() -> None:
    """The references to them are told apart without asking whether the arrays are equal: of that NumPy says nothing."""
    memories, engine, whole = Memories(), NumpyEngine(), np.zeros(3)
    other = whole[:]
    number = memories.of(engine, whole)
    assert memories.of(engine, other) == number and getweakrefcount(other) == 1
    memories.forget(other)
    assert getweakrefcount(other) == 0 and memories.of(engine, whole) == number
