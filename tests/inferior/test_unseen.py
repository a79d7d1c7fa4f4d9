"""What comprehensions and lambdas change, where no probe is."""

import pytest

from stepper.session.findings.sightings import as_left
from tests.inferior.running import check, run


@pytest.mark.parametrize(
    "step",
    [
        "[np.subtract(p, 0.125 * g, out=p) for p, g in zip(params, (dw, db))]",
        "[p.__isub__(0.125 * g) for p, g in zip(params, (dw, db))]",
        "list(map(lambda p, g: np.subtract(p, 0.125 * g, out=p), params, [dw, db]))",
        "moved = list(map(move, params, [dw, db]))",
    ],
)
def test_parameters_that_are_moved_unseen_are_moved_by_that_statement(step: str) -> None:
    ran = run(
        f"""
        import numpy as np
        x, y = np.array([[1.0, 2.0], [0.5, -1.0]]), np.array([1.0, -2.0])
        w, b = np.array([0.5, 0.25]), np.zeros(1)
        params = [w, b]
        move = lambda p, g: np.subtract(p, 0.125 * g, out=p)
        for t in range(2):
            e = x @ w + b - y
            loss = (e ** 2).sum() / 2
            dw, db = x.T @ e, e.sum(keepdims=True)
            {step}
        """
    )
    assert [each.name for each in ran.record(1).parameters] == ["w", "b"]
    moved = {value.label: value.when for value in ran.event(step, 1).values if value.when == "after"}
    left = as_left(ran.record(1))
    for name in "wb":
        check(ran, name, ran.array(ran.values(f"d{name}", 1)[0], 1), 0.125, 1)
        assert name in moved and ran.array(left[name], 1).tolist() == ran.names[name].tolist()


@pytest.mark.parametrize("step", ["[p.data.sub_(0.1 * p.grad) for p in params]", "list(map(step, params))"])
def test_tensors_that_are_moved_unseen_have_their_new_values(step: str) -> None:
    ran = run(
        f"""
        import torch
        w, b = torch.tensor([0.5, 0.25], requires_grad=True), torch.zeros(1, requires_grad=True)
        params = [w, b]
        step = lambda p: p.data.sub_(0.1 * p.grad)
        for t in range(2):
            for p in params:
                p.grad = None
            loss = ((w * 2 + b - 1) ** 2).sum()
            loss.backward()
            {step}
        """
    )
    for each in ran.record(1).parameters:
        assert each.cosine == pytest.approx(-1.0)
    left = as_left(ran.record(1))
    assert [ran.array(left[name], 1).tolist() for name in "wb"] == [ran.names[name].tolist() for name in "wb"]


def test_what_is_no_parameter_and_was_changed_unseen_is_told_as_it_is_now() -> None:
    ran = run(
        """
        import numpy as np
        w = np.array([0.5, 4.0])
        for t in range(2):
            loss = (w ** 2).sum()
            dw = 2 * w
            [np.clip(g, -1, 1, out=g) for g in [dw]]
            kept = dw
            w -= 0.125 * dw
        """
    )
    event = ran.event("[np.clip(g, -1, 1, out=g) for g in [dw]]")
    assert [(value.label, ran.array(value).tolist()) for value in event.beside] == [("dw", [1.0, 1.0])]
