"""Checks where several values of an iteration are called its loss, without autograd: one on its way, or one twice."""

from pathlib import Path

from stepper.session.gradient_check import Verdict
from tests.session.checks import named, opened, verdicts


def test_a_gradient_of_zeros_is_not_that_of_the_zero_that_a_loss_begins_with(tmp_path: Path) -> None:
    text = """
        w, data = [0.5, -0.25], [([1.0, 2.0], 1.0), ([0.5, -1.0], 0.0)]
        for t in range(2):
            loss, dw = 0.0, [0.0, 0.0]
            for row, y in data:
                e = sum(a * v for a, v in zip(w, row)) - y
                loss += e * e
                for j in range(2):
                    delta = 2 * e * row[j]
            w = [a - 0.1 * g for a, g in zip(w, dw)]
    """
    with opened(tmp_path, text) as run:
        assert verdicts(run.check(0)) == {"w": Verdict.DIFFERS}
    right = text.replace("delta = 2 * e * row[j]", "dw[j] += 2 * e * row[j]")
    with opened(tmp_path, right) as run:
        assert verdicts(run.check(1)) == {"w": Verdict.AGREES}


PENALISED = """
        import numpy as np
        rng = np.random.default_rng(0)
        x, w, b = rng.normal(size=(5, 3)), rng.normal(size=3), np.zeros(1)
        for t in range(2):
            e = x @ w + b - 1
            loss = (e * e).sum()
            loss = loss + 0.05 * (w * w).sum()
            dw = 2 * x.T @ e + 0.1 * w
            db = 2 * e.sum(keepdims=True)
            w -= 0.01 * dw
            b -= 0.01 * db
    """


def test_a_factor_of_two_is_no_sum_of_a_loss_and_what_it_was_before_a_penalty_was_added(tmp_path: Path) -> None:
    with opened(tmp_path, PENALISED) as run:
        assert verdicts(run.check(0)) == {"w": Verdict.AGREES, "b": Verdict.AGREES}
    with opened(tmp_path, PENALISED.replace("db = 2 *", "db = 4 *")) as run:
        found = named(run.check(0))
    assert found["w"].verdict is Verdict.AGREES
    assert found["b"].verdict is Verdict.DIFFERS and found["b"].factor == 2.0


def test_a_factor_of_two_is_no_sum_of_a_loss_that_is_bound_twice(tmp_path: Path) -> None:
    text = """
        import numpy as np
        rng = np.random.default_rng(0)
        x, w = rng.normal(size=(5, 3)), rng.normal(size=3)
        def measured(e):
            loss = (e * e).sum()
            return loss
        for t in range(2):
            e = x @ w - 1
            loss = measured(e)
            dw = 4 * x.T @ e
            w -= 0.01 * dw
    """
    with opened(tmp_path, text) as run:
        assert run.check(0).parameters[0].factor == 2.0


def test_a_gradient_that_the_loss_it_is_of_cannot_tell_of_is_not_wrong_by_a_loss_that_does_not_depend_on_it(
    tmp_path: Path,
) -> None:
    text = """
        import torch
        near, far = torch.tensor([0.5], requires_grad=True), torch.tensor([0.3], requires_grad=True)
        optimizer = torch.optim.SGD([near, far], lr=0.1)
        for t in range(2):
            first = 10 + 0.05 * torch.relu(near - 0.4995).sum()
            second = far.square().sum()
            optimizer.zero_grad()
            first.backward()
            second.backward()
            optimizer.step()
    """
    with opened(tmp_path, text) as run:
        found = named(run.check(0))
    assert found["far"].verdict is Verdict.AGREES
    assert found["near"].verdict is Verdict.UNKNOWN
