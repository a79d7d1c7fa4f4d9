"""Gradients kept in lists of numbers, of which a loop hands the updates one after the other."""

import numpy
import pytest

from tests.inferior.running import run

SCRIPT = """
data = [([1.0, 2.0], 1.0), ([0.5, -1.0], 0.0)]
w = [0.1, -0.2]
for t in range(3):
    loss = sum((w[0] * x[0] + w[1] * x[1] - y) ** 2 for x, y in data)
    dw = [0.0, 0.0]
    for x, y in data:
        error = w[0] * x[0] + w[1] * x[1] - y
        for j in range(2):
            dw[j] += 2 * error * x[j]
    {update}
"""


def gradient(w: list[float]) -> list[float]:
    """What the script adds up, in its own order."""
    dw = [0.0, 0.0]
    for x, y in [([1.0, 2.0], 1.0), ([0.5, -1.0], 0.0)]:
        error = w[0] * x[0] + w[1] * x[1] - y
        for j in range(2):
            dw[j] += 2 * error * x[j]
    return dw


@pytest.mark.parametrize(
    "update",
    [
        "w = [p - 0.1 * g for p, g in zip(w, dw)]",
        "for j, g in enumerate(dw):\n        w[j] -= 0.1 * g",
        "for j, (p, g) in enumerate(zip(w, dw)):\n        w[j] = p - 0.1 * g",
    ],
)
def test_the_list_that_a_loop_went_through_is_the_gradient(update: str) -> None:
    ran = run(SCRIPT.format(update=update))
    for iteration in range(3):
        record = ran.record(iteration)
        (w,) = record.parameters
        assert w.grad is not None and w.grad.label == "dw"
        before = ran.array(w.before, iteration).tolist()
        assert numpy.array_equal(ran.array(w.grad, iteration), gradient(before))
        # `error` is on its way back to the weights, though the list that it goes into was made of numbers
        assert record.loss == sum(
            (before[0] * x[0] + before[1] * x[1] - y) ** 2 for x, y in [([1.0, 2.0], 1.0), ([0.5, -1.0], 0.0)]
        )


def test_numbers_that_are_no_list_of_the_pass_are_no_gradient() -> None:
    update = "for j in range(2):\n        g = dw[j] + 1.0\n        w[j] -= 0.1 * g"
    (w,) = run(SCRIPT.format(update=update)).record(1).parameters
    assert w.grad is None or w.grad.label != "dw"
