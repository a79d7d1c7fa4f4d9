"""Steps that a comprehension takes, inside which nothing is seen."""

from __future__ import annotations

import numpy

from tests.inferior.running import run

LAYERS = """
    net = [([[0.5, -0.25], [1.0, 0.75]], [0.0, 0.125]), ([[0.25, -0.5]], [0.0])]
    lr = 0.5
    for x, t in (([1.0, 2.0], 1.0), ([-1.0, 0.5], 0.0), ([0.5, 0.25], 1.0)):
        acts = [x]
        for W, b in net:
            acts.append([sum(w * a for w, a in zip(row, acts[-1])) + c for row, c in zip(W, b)])
        loss = (acts[-1][0] - t) ** 2
        delta = [2 * (acts[-1][0] - t)]
        new = []
        for (W, b), a in zip(reversed(net), reversed(acts[:-1])):
            back = [sum(W[j][i] * delta[j] for j in range(len(delta))) for i in range(len(a))]
            new.insert(0, ([[w - lr * d * v for w, v in zip(row, a)] for row, d in zip(W, delta)],
                           [c - lr * d for c, d in zip(b, delta)]))
            delta = back
        net = new
    """


def test_what_a_comprehension_made_on_the_way_back_is_no_gradient_of_what_it_became() -> None:
    ran = run(LAYERS)
    biases = [ran.parameter(f"net[{number}][1]", 1) for number in (0, 1)]
    for each in biases:
        assert each.grad is not None and each.grad.label == "delta"
        assert numpy.allclose(ran.array(each.update, 1), -0.5 * ran.array(each.grad, 1))
    for each in ran.record(1).parameters:
        assert each.grad is None or each.grad.copy != each.after.copy
