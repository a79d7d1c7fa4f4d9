"""Steps that a comprehension takes, inside which nothing is seen."""

from __future__ import annotations

import numpy
import pytest

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


@pytest.mark.parametrize(
    ("step", "label"),
    [
        ("W = [[w - lr * d * a for w, a in zip(row, x)] for row, d in zip(W, delta)]", "d * a"),
        ("W = [[W[i][j] - lr * 2 * x[j] * e[i] for j in range(2)] for i in range(len(W))]", "2 * x[j] * e[i]"),
        ("W = [list(map(lambda w, a: w - lr * d * a, row, x)) for row, d in zip(W, delta)]", ""),
        ("W = [[w - lr * 0.5 * (m + d * a) for w, a in zip(row, x)] for row, d in zip(W, delta)]", ""),
        ("W = [[0.9 * w - lr * d * a for w, a in zip(row, x)] for row, d in zip(W, delta)]", ""),
    ],
)
def test_the_products_that_a_comprehension_steps_a_list_by_are_its_gradient(step: str, label: str) -> None:
    ran = run(
        f"""
        W, lr, m = [[0.5, -0.25], [1.0, 0.75]], 0.5, 0.25
        for x, t in (([1.0, 2.0], 1.0), ([-1.0, 0.5], 0.0), ([0.5, 0.25], 1.0)):
            h = [sum(w * a for w, a in zip(row, x)) for row in W]
            e = [v - t for v in h]
            loss = sum(v * v for v in e)
            delta = [2 * v for v in e]
            {step}
        """
    )
    parameter = ran.parameter("W", 1)
    assert (parameter.grad.label if parameter.grad is not None else "") == label
    if label:
        expected = numpy.outer(ran.array(ran.values("delta", 1, "result")[0], 1), [-1.0, 0.5])
        assert numpy.allclose(ran.array(parameter.grad, 1), expected)


@pytest.mark.parametrize("made", ["map(lambda a: 2 * (y - t) * a, x)", "(2 * (y - t) * a for a in x)"])
@pytest.mark.parametrize("step", ["[v - lr * d for v, d in zip(w, g)]", "list(map(lambda v, d: v - lr * d, w, g))"])
def test_what_gives_its_numbers_while_a_step_goes_through_it_is_the_gradient(made: str, step: str) -> None:
    ran = run(
        f"""
        w, lr = [0.5, -0.25], 0.125
        for x, t in (([1.0, 2.0], 1.0), ([-1.0, 0.5], 0.0), ([0.5, 0.25], 1.0)):
            y = sum(map(lambda v, a: v * a, w, x))
            loss = (y - t) ** 2
            g = {made}
            w = {step}
        """
    )
    parameter = ran.parameter("w", 1)
    y = float(numpy.dot(ran.array(parameter.before, 1), [-1.0, 0.5]))
    assert parameter.grad is not None and numpy.allclose(ran.array(parameter.grad, 1), [-2 * y, y])


def test_layers_that_are_tuples_have_the_gradients_that_no_name_is_given_to() -> None:
    ran = run(
        """
        import numpy as np
        x, layers = np.arange(6.0).reshape(3, 2), [(np.ones((2, 2)) / 4, np.zeros(2))]
        for t in range(2):
            (W, b), = layers
            loss = ((x @ W + b - 1) ** 2).sum()
            delta, grads = 2 * (x @ W + b - 1), []
            grads.insert(0, (x.T @ delta, delta.sum(0)))
            layers = [(W - 0.125 * dW, b - 0.125 * db) for (W, b), (dW, db) in zip(layers, grads)]
        """
    )
    found = {each.name: each.grad.label for each in ran.record(1).parameters if each.grad is not None}
    assert found == {"layers[0][0]": "x.T @ delta", "layers[0][1]": "delta.sum(0)"}
