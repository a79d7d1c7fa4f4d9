"""Checks where several values of an iteration are called its loss: one on its way, one twice, or of two models."""

import textwrap
from pathlib import Path

import pytest

from stepper.session.check.gradient_check import Verdict
from tests.session.checks import TWICE, named, opened, verdicts


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
        assert verdicts(run.check(0, entries=1)) == {"w": Verdict.DIFFERS}
    right = text.replace("delta = 2 * e * row[j]", "dw[j] += 2 * e * row[j]")
    with opened(tmp_path, right) as run:
        assert verdicts(run.check(1, entries=1)) == {"w": Verdict.AGREES}


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
        assert verdicts(run.check(0, entries=1)) == {"w": Verdict.AGREES, "b": Verdict.AGREES}
    with opened(tmp_path, PENALISED.replace("db = 2 *", "db = 4 *")) as run:
        found = named(run.check(0, entries=1))
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
        assert run.check(0, entries=1).parameters[0].factor == 2.0


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
        found = named(run.check(0, entries=1))
    assert found["far"].verdict is Verdict.AGREES
    assert found["near"].verdict is Verdict.UNKNOWN


def test_a_gradient_is_compared_by_the_loss_whose_pass_made_it_and_without_what_earlier_iterations_left(
    tmp_path: Path,
) -> None:
    """A GAN that never zeroes G's gradients: what its steps use is after two iterations about twice their share, and
    what a difference of both losses tells is so as well, since it goes through `detach()`."""
    text = """
        import torch
        from torch import nn
        torch.manual_seed(4)
        G, D = nn.Linear(2, 2).double(), nn.Linear(2, 1).double()
        of_g, of_d = torch.optim.SGD(G.parameters(), lr=1e-9), torch.optim.SGD(D.parameters(), lr=1e-9)
        z, real = torch.randn(8, 2).double(), torch.randn(8, 2).double()
        for t in range(2):
            fake = G(z)
            loss_d = D(real).sigmoid().mean() - D(fake.detach()).square().mean()
            of_d.zero_grad()
            loss_d.backward()
            of_d.step()
            loss_g = -D(fake).square().mean()
            of_d.zero_grad()
            loss_g.backward()
            of_g.step()
    """
    with opened(tmp_path, text) as run:
        found = named(run.check(1, entries=1))
    assert {each.verdict for each in found.values()} == {Verdict.AGREES}
    assert all("since iteration 0" in found[name].note for name in ("G.weight", "G.bias"))
    assert not any("losses" in found[name].note for name in ("G.weight", "G.bias"))
    assert all("by loss 1 of 2" in found[name].note for name in ("D.weight", "D.bias"))


def test_what_is_moved_between_the_iterations_is_checked_by_the_loss_that_is_computed_there(tmp_path: Path) -> None:
    """Moved at the end of the pass, and not at its head: the discriminator's steps are made of it, too."""
    pytest.importorskip("torch")
    text = """
        import torch
        class Handed(torch.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                return x.clone()
            @staticmethod
            def backward(ctx, g):
                return g * {factor}
        torch.manual_seed(0)
        G, D = torch.nn.Linear(2, 2).double(), torch.nn.Linear(2, 1).double()
        of_g, of_d = torch.optim.SGD(G.parameters(), lr=0.3), torch.optim.SGD(D.parameters(), lr=0.3)
        noise = torch.ones(3, 2).double()
        for t in range(2):
            for k in range(2):
                fake = G(noise).detach()
                loss = D(fake).square().mean()
                of_d.zero_grad()
                loss.backward()
                of_d.step()
            behind = D(Handed.apply(G(noise))).sin().mean()
            of_g.zero_grad()
            behind.backward()
            of_g.step()
    """
    with opened(tmp_path, text.format(factor="1.0")) as run:
        found = run.check(1, entries=1)
        assert set(verdicts(found).values()) == {Verdict.AGREES}
        assert list(verdicts(found)) == ["D.weight", "D.bias", "G.weight", "G.bias"] and not found.ahead
        record = run.iteration(1).record
        assert len(record.losses) == len(record.losses_behind) == 1
        told = f"between the iterations ({record.losses_behind[0]:.6g})"
        assert told in named(found)["G.weight"].note and not named(found)["D.weight"].note
        assert set(verdicts(run.check(0, parameters=["G"])).values()) == {Verdict.UNKNOWN}, "not moved there"
    with opened(tmp_path, text.format(factor="2.0")) as run:
        wrong = named(run.check(1, entries=1))
    assert {name: each.verdict for name, each in wrong.items() if name[0] == "D"} == dict.fromkeys(
        ("D.weight", "D.bias"), Verdict.AGREES
    )
    assert all(wrong[f"G.{name}"].verdict is Verdict.DIFFERS for name in ("weight", "bias"))
    assert wrong["G.weight"].factor == pytest.approx(2.0, rel=1e-6)


def test_a_gradient_through_what_earlier_iterations_made_is_not_called_wrong(tmp_path: Path) -> None:
    """Truncated backpropagation through time, of a pass every third iteration; `out` is used in the last one only, by a
    transpose that the setup made."""
    text = """
        import torch
        torch.manual_seed(0)
        w = torch.randn(3, 3, dtype=torch.float64).mul(0.5).requires_grad_()
        out = torch.randn(2, 3, dtype=torch.float64, requires_grad=True)
        turned = out.t()
        optimizer = torch.optim.SGD([w, out], lr=0.1)
        h = torch.ones(1, 3, dtype=torch.float64)
        for t in range(6):
            h = torch.tanh(h @ w)
            loss = (h @ turned - 0.3).square().sum()
            if t % 3 == 2:
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                h = h.detach()
    """
    with opened(tmp_path, text) as run:
        found = run.check(5, entries=1)
    assert verdicts(found) == {"w": Verdict.UNKNOWN, "out": Verdict.AGREES}
    assert "reaches into earlier iterations" in named(found)["w"].note
    assert {each.names for each in found.directions} == {("out",)}


ABSOLUTE = """
    import numpy as np
    rng = np.random.default_rng(0)
    x, w, b, y = rng.normal(size=(6, 5)), rng.normal(size=5), np.zeros(1), rng.normal(size=6)
    for t in range(2):
        loss, dw, db = 0, np.zeros(5), np.zeros(1)
        for row, target in zip(x, y):
            gap = row @ w + b[0] - target
            loss += abs(gap)
            dw += gap * row
            db += gap
        w -= 0.01 * dw
        b -= 0.01 * db
"""


@pytest.mark.parametrize(
    "text",
    [
        ABSOLUTE.replace("loss += abs(gap)", "size = abs(gap); loss = size + loss"),
        ABSOLUTE.replace("gap * row", "2 * gap * row").replace("db += gap", "db += 2 * gap"),
    ],
)
def test_absolute_errors_are_summed_to_be_told_where_the_gradient_is_that_of_their_squares(
    tmp_path: Path, text: str
) -> None:
    with opened(tmp_path, text) as run:
        found = run.check(0, entries=1)
    assert verdicts(found) == {"w": Verdict.AGREES, "b": Verdict.AGREES}
    assert all("the sum of the squares of the absolute errors" in each.note for each in found.parameters)
    assert [each.verdict for each in found.directions] == [Verdict.AGREES]


@pytest.mark.parametrize(
    ("right", "wrong", "which", "factor"),
    [
        ("dw += gap", "dw += 2 * gap", "b", 0.5),
        ("db += gap", "db -= gap", "b", -1.0),
        ("gap * row", "gap * row ** 2", "w", None),
    ],
)
def test_one_gradient_that_is_not_that_of_the_same_squares_differs(
    tmp_path: Path, right: str, wrong: str, which: str, factor: float | None
) -> None:
    with opened(tmp_path, ABSOLUTE.replace(right, wrong)) as run:
        found = named(run.check(0, entries=1))
    other = "w" if which == "b" else "b"
    assert found[which].verdict is Verdict.DIFFERS and found[which].factor == factor
    assert found[other].verdict is Verdict.AGREES


WHOLE = """
    import numpy as np
    rng = np.random.default_rng(0)
    x, w, b, y = rng.normal(size=(6, 5)), rng.normal(size=5), np.zeros(1), rng.normal(size=6)
    for t in range(2):
        gap = y - x @ w - b
        loss = np.mean(np.abs(gap))
        w += 0.01 * (x.T @ gap)
        b += 0.01 * gap.sum()
"""


@pytest.mark.parametrize(
    ("changes", "apart", "said"),
    [
        ({}, set(), "but with half the sum of the squares of gap"),
        ({"0.01 * (x.T": "0.01 * (2 / 6 * x.T", "0.01 * gap.sum": "0.01 * (2 / 6) * gap.sum"}, set(), "gap"),
        ({"x.T @ gap": "(x ** 2).T @ gap"}, {"w"}, "but with half the sum of the squares of gap"),
        (
            {"b += 0.01 * gap.sum()": "b += 0.01 * (3 * gap).sum()"},
            {"b"},
            "but with half the sum of the squares of gap",
        ),
        ({"@ gap": "@ np.sign(gap) / 6", "gap.sum()": "np.sign(gap).sum() / 6"}, set(), ""),
        ({"x.T @ gap": "(x ** 2).T @ gap", "gap.sum()": "(gap ** 3).sum()"}, {"w", "b"}, ""),
    ],
)
def test_the_mean_of_absolute_errors_is_told_where_the_gradients_are_those_of_their_squares(
    tmp_path: Path, changes: dict[str, str], apart: set[str], said: str
) -> None:
    text = WHOLE
    for right, other in changes.items():
        assert right in text
        text = text.replace(right, other)
    with opened(tmp_path, text) as run:
        found = run.check(0, entries=1)
    assert {name for name, verdict in verdicts(found).items() if verdict is Verdict.DIFFERS} == apart
    assert set(verdicts(found).values()) <= {Verdict.AGREES, Verdict.DIFFERS}
    assert said in found.hint and bool(said) is ("absolute values" in found.hint)


def test_errors_whose_name_is_something_else_in_the_loop_are_not_squared(tmp_path: Path) -> None:
    text = """
import numpy as np
rng = np.random.default_rng(0)
x, w, y = rng.normal(size=(6, 5)), rng.normal(size=5), rng.normal(size=6)
def cost(w):
    e = y - x @ w
    loss = np.mean(np.abs(e))
    return loss, (x ** 2).T @ e
for e in range(4):
    l, g = cost(w)
    w += 0.01 * g
"""
    with opened(tmp_path, text) as run:
        found = run.check(2, entries=1)
    assert verdicts(found) == {"w": Verdict.DIFFERS} and "absolute values" not in found.hint


def test_a_gradient_of_absolute_errors_is_compared_with_their_sum_also_where_it_comes_back_to_nothing(
    tmp_path: Path,
) -> None:
    signs = ABSOLUTE.replace("dw += gap", "dw += np.sign(gap)").replace("db += gap", "db += np.sign(gap)")
    with opened(tmp_path, signs) as run:
        found = run.check(0, entries=1)
    assert verdicts(found) == {"w": Verdict.AGREES, "b": Verdict.AGREES}  # of b it is 0: as many above as below
    assert not any("squares" in each.note for each in found.parameters)


@pytest.mark.parametrize(("factor", "verdict"), [(2, Verdict.AGREES), (3, Verdict.DIFFERS)])
def test_a_backward_pass_that_begins_with_another_number_than_1_is_of_so_many_times_the_loss(
    tmp_path: Path, factor: int, verdict: Verdict
) -> None:
    text = TWICE.format(factor=factor) + textwrap.dedent("""
        w = torch.tensor([0.5, -0.3], dtype=torch.float64, requires_grad=True)
        for t in range(1):
            loss = Twice.apply(w).square().mean()
            loss.backward(loss)
            with torch.no_grad():
                w -= 0.1 * w.grad
    """)
    with opened(tmp_path, text) as run:
        found = run.check(0)
    assert verdicts(found) == {"w": verdict}
    assert found.hint == "line 16 begins the backward pass with 0.68, not with 1: compared with 0.68 × the loss"
    assert found.parameters[0].factor == (None if factor == 2 else pytest.approx(1.5))


MACHINE = """
        import numpy as np
        rng, rate = np.random.default_rng(0), 0.1
        v, w, b = (rng.random((8, 4)) > 0.5) * 1.0, rng.normal(size=(4, 3)), np.zeros(4)
        sigmoid = lambda z: 1 / (1 + np.exp(-z))
        for t in range(1):
            h = sigmoid(v @ w)
            r = sigmoid(h @ w.T + b)
            k = sigmoid(r @ w)
            dw = v.T @ h - r.T @ k
            w += rate * dw
            b += rate * (v - r).sum(0)
            error = ((v - r) ** 2).sum()
    """


def test_a_contrastive_step_is_no_wrong_gradient_of_the_error_of_a_reconstruction(tmp_path: Path) -> None:
    with opened(tmp_path, MACHINE) as run:
        found = named(run.check(0, entries=1))
    assert {name: each.verdict for name, each in found.items()} == dict.fromkeys("wb", Verdict.UNKNOWN)
    assert all("line 10" in each.note and "contrastive divergence" in each.note for each in found.values())
    once = MACHINE.replace("k = sigmoid(r @ w)", "k = h")  # an autoencoder whose weights lead back, too
    with opened(tmp_path, once) as run:
        assert verdicts(run.check(0, entries=1)) == {"w": Verdict.DIFFERS, "b": Verdict.DIFFERS}
