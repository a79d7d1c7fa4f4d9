"""Gradients against finite differences, where the update or the script itself makes another of them."""

from pathlib import Path

import pytest

from stepper.session.check.gradient_check import Verdict
from tests.session.checks import TWICE, named, opened, verdicts

SCALED = """
import numpy as np
numbers = np.random.default_rng(0)
m, lr = 8, 0.1
x, y = numbers.normal(size=(m, 3)).astype(np.{dtype}), numbers.normal(size=m).astype(np.{dtype})
w1, w2, w3, w4, w5, v1, v2 = (np.zeros(3, np.{dtype}) for _ in range(7))
for t in range(4):
    apart = x @ (w1 + w2 + w3 + w4 + w5 + v1 + v2) - y
    loss = (apart ** 2).mean() / 2
    whole = x.T @ apart
    w1 = w1 - lr * (1 / m) * x.T @ apart
    w2 -= lr * (x.T @ apart / m)
    w3 = w3 - lr / m * np.dot(x.T, apart)
    w4 -= lr * whole / m
    w5 = w5 - 0.1 * (0.125 * x.T @ apart)
    v1 -= lr * (2 / m) * x.T @ apart
    v2 = v2 - lr * np.dot(x.T, apart)
"""


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_what_belongs_to_the_rate_and_what_to_the_gradient_is_no_mistake(tmp_path: Path, dtype: str) -> None:
    """Whatever of `lr * whole / m` or `0.1 * (0.125 * x.T @ apart)` is taken for the gradient: the step is the rate
    times the right one. That of v1 is twice, and that of v2 eight times as long."""
    with opened(tmp_path, SCALED.format(dtype=dtype)) as run:
        found = named(run.check(2, 2))
    for name, each in found.items():
        assert each.verdict is (Verdict.DIFFERS if name.startswith("v") else Verdict.AGREES), each
    assert len(found) == 7 and found["v2"].factor == 8
    assert found["w1"].note == found["w2"].note == found["w3"].note == ""
    assert "which is lr times it" in found["w4"].note and "which is 0.1 times it" in found["w5"].note


@pytest.mark.parametrize(
    ("update", "said"),
    [
        ("w -= lr * 2 * x.T @ e", ""),
        ("w += lr * 2 * x.T @ e", "uphill, which makes the loss larger"),
        ("grad_w = 2 * x.T @ e\n    w += lr * grad_w", "uphill, which makes the loss larger"),
        ("w += lr * 2 * x.T @ (y - x @ w)", "the negative gradient, and the update adds it"),
        ("w -= lr * 2 * x.T @ e - lr * growth * w", ""),  # the decay goes the other way, and weighs more
    ],
)
def test_a_right_gradient_that_is_added_is_told_from_one_that_is_taken_away(
    tmp_path: Path, update: str, said: str
) -> None:
    text = f"""
import numpy as np
numbers = np.random.default_rng(0)
lr, growth, w = 0.01, 500, np.full(3, 0.1)
x, y = numbers.normal(size=(8, 3)), numbers.normal(size=8)
for t in range(3):
    e = x @ w - y
    loss = (e ** 2).sum()
    {update}
"""
    with opened(tmp_path, text) as run:
        (found,) = named(run.check(0)).values()
    assert said in found.note and bool(said) == bool(found.note)
    assert found.verdict is Verdict.AGREES


def test_a_step_that_goes_along_the_gradient_at_one_entry_only_is_no_step_uphill(tmp_path: Path) -> None:
    text = """
import numpy as np
y, w, v = np.array([3.0, 2.0, 2.5]), np.zeros(3), np.array([-1.0, 2.0, 2.0])
for t in range(3):
    loss = ((w - y) ** 2).sum()
    g = 2 * (w - y)
    v = 0.9 * v - 0.01 * g
    w += v
"""
    with opened(tmp_path, text) as run:
        (found,) = run.check(0, entries=1).parameters
    assert [each.index for each in found.entries] == [(0,)] and found.verdict is Verdict.AGREES and found.note == ""


def test_a_step_that_rounding_made_explains_no_gradient_that_differs(tmp_path: Path) -> None:
    text = """
import numpy as np
numbers = np.random.default_rng(0)
w, x = numbers.normal(size=3).astype(np.float32), numbers.normal(size=(8, 3)).astype(np.float32)
for t in range(2):
    e = x @ w
    loss = (e * e).sum()
    dw = 6 * x.T @ e
    w = w - 1e-9 * dw
"""
    with opened(tmp_path, text) as run:
        (found,) = named(run.check(0, entries=1)).values()
    assert found.verdict is Verdict.DIFFERS and found.factor == 3.0


@pytest.mark.parametrize(("factor", "verdict"), [(2, Verdict.AGREES), (3, Verdict.DIFFERS)])
def test_a_step_without_a_learning_rate_is_the_gradient_itself(tmp_path: Path, factor: int, verdict: Verdict) -> None:
    text = f"""
import numpy as np
numbers = np.random.default_rng(0)
w, x, y = numbers.normal(size=3), numbers.normal(size=(8, 3)), numbers.normal(size=8)
for t in range(2):
    e = x @ w - y
    loss = (e ** 2).mean()
    w -= {factor} * x.T @ e / e.size
"""
    with opened(tmp_path, text) as run:
        (found,) = named(run.check(1, entries=1)).values()
    assert found.verdict is verdict
    assert ("no learning rate" in found.note) == (verdict is Verdict.AGREES)


HANDED_ON = (
    TWICE
    + """from torch import nn

torch.manual_seed(0)
rnn, head = nn.RNN(3, 4, batch_first=True).double(), nn.Linear(4, 1).double()
parameters = [*rnn.parameters(), *head.parameters()]
hidden, x, y = torch.zeros(1, 2, 4).double(), torch.randn(2, 5, 3).double(), torch.randn(2, 1).double()
for t in range(3):
    for p in parameters:
        p.grad = None
    hidden = hidden.detach()
    out, hidden = rnn(x, hidden)
    error = Twice.apply(head(out[:, -1])) - y
    spread = error.std().item()
    print(spread)
    loss = (error ** 2).mean()
    loss.backward()
    nn.utils.clip_grad_norm_(parameters, 0.01)
    for p in parameters:
        p.data.add_(p.grad, alpha=-0.1)
"""
)


@pytest.mark.parametrize(("factor", "verdict"), [(2, Verdict.AGREES), (3, Verdict.DIFFERS)])
def test_a_hidden_state_that_is_detached_at_the_head_is_no_cut_and_clipping_hides_nothing_beside_it(
    tmp_path: Path, factor: int, verdict: Verdict
) -> None:
    with opened(tmp_path, HANDED_ON.format(factor=factor)) as run:
        found = run.check(1, entries=1)
    assert set(verdicts(found).values()) == {verdict}


def test_a_figure_that_is_detached_to_be_looked_at_hides_no_wrong_gradient(tmp_path: Path) -> None:
    text = (
        TWICE.format(factor=3)
        + """
torch.manual_seed(0)
w = torch.randn(3, dtype=torch.float64, requires_grad=True)
opt = torch.optim.SGD([w], lr=0.1)
seen = []
for t in range(3):
    out = Twice.apply(w)
    size = out.detach().norm()
    loss = (out ** 2).sum()
    seen.append(loss.detach())
    opt.zero_grad()
    loss.backward()
    opt.step()
"""
    )
    with opened(tmp_path, text) as run:
        (found,) = named(run.check(1)).values()
    assert found.verdict is Verdict.DIFFERS and found.factor == pytest.approx(1.5)


FIRST = """
import numpy as np
numbers = np.random.default_rng(0)
x, y = numbers.normal(size=(12, 3)), numbers.normal(size=(12, 1))
class Layer:
    def __init__(self, i, o): self.w = numbers.normal(size=(i, o))
    def forward(self, x):
        self.x = x
        return x @ self.w
    def backward(self, d):
        dw = self.x.T @ d
        {back}
        return dx
layers = [Layer(3, 5), Layer(5, 4), Layer(4, 1)]
for t in range(4):
    out = x
    for layer in layers:
        out = layer.forward(out)
    loss = ((out - y) ** 2).mean()
    d = 2 * (out - y) / len(y)
    for layer in reversed(layers):
        d = layer.backward(d)
"""


def test_a_gradient_by_way_of_weights_that_were_updated_already_is_told_to_be(tmp_path: Path) -> None:
    early = "self.w -= 0.01 * dw\n        dx = d @ self.w.T"
    with opened(tmp_path, FIRST.format(back=early)) as run:
        found = named(run.check(2, 2))
    assert found["layers[2].w"].verdict is Verdict.AGREES
    for name in ("layers[0].w", "layers[1].w"):
        assert found[name].verdict is Verdict.DIFFERS
        assert found[name].note == "line 13 reads self.w after its update on line 12"
    with opened(tmp_path, FIRST.format(back="dx = d @ self.w.T; self.w -= 0.01 * dw")) as run:
        assert run.check(2, 2).agrees


INDEXED = """
import numpy as np
numbers = np.random.default_rng(0)
x, y = numbers.normal(size=(12, 3)), numbers.normal(size=(12, 1))
weights = [numbers.normal(size=shape) for shape in ((3, 5), (5, 4), (4, 1))]
for t in range(4):
    outs = [x]
    for w in weights:
        outs.append(outs[-1] @ w)
    loss = ((outs[-1] - y) ** 2).mean()
    d = {factor} * (outs[-1] - y) / len(y)
    for i in range(2, -1, -1):
        dw = outs[i].T @ d
        {back}
"""


def test_weights_that_are_read_under_the_name_of_others_updated_already_are_not_those(tmp_path: Path) -> None:
    with opened(tmp_path, INDEXED.format(factor=6, back="d = d @ weights[i].T; weights[i] -= 0.01 * dw")) as run:
        found = named(run.check(2, 2))
    assert [each.factor for each in found.values()] == [3, 3, 3]
    assert all("after its update" not in each.note for each in found.values())
    early = "weights[i] -= 0.01 * dw\n        d = d @ weights[i].T"
    with opened(tmp_path, INDEXED.format(factor=2, back=early)) as run:
        found = named(run.check(2, 2))
    assert [name for name, each in found.items() if "reads weights[i] after its update" in each.note] == [
        "weights[0]",
        "weights[1]",
    ]


def test_a_gradient_that_is_added_up_in_place_and_then_scaled_is_compared_as_it_was_before_that(
    tmp_path: Path,
) -> None:
    text = """
import numpy as np
numbers = np.random.default_rng(0)
table, rows, y = numbers.normal(size=(5, 3)), np.array([0, 3, 3, 1]), numbers.normal(size=(4, 3))
for t in range(3):
    e = table[rows] - y
    loss = (e ** 2).sum()
    grads = {"table": np.zeros_like(table)}
    np.add.at(grads["table"], rows[:2], 2 * e[:2])
    np.add.at(grads["table"], rows[2:], 2 * e[2:])
    for k in grads:
        grads[k] *= 0.25
    table -= 0.1 * grads["table"]
"""
    with opened(tmp_path, text) as run:
        (found,) = named(run.check(1, entries=1)).values()
    assert found.verdict is Verdict.AGREES and "up to the factor 0.25 on line 12; as it was" in found.note


ROWS = """
import numpy as np
numbers = np.random.default_rng(0)
table, lr = numbers.normal(size=(5, 2)), 0.1
for ids in ([0, 1, 1], [3, 3, 2]):
    loss = (table.sum(0) ** 2).sum() + (table[ids] ** 2).sum()
    d_rows = 2 * table.sum(0) + 2 * table[ids]
    {update}
"""


def test_of_rows_that_a_step_picks_the_others_are_not_called_wrong(tmp_path: Path) -> None:
    text = ROWS.replace("2 * table.sum(0) +", "np.array([[1], [1], [2]]) * table.sum(0) +")  # row 3 comes twice
    with opened(tmp_path, text.format(update="np.add.at(table, ids, -lr * d_rows)")) as run:
        (found,) = run.check(1, 10).parameters
    assert found.verdict is Verdict.AGREES and {each.index[0] for each in found.entries} == {0, 1, 2, 3, 4}
    apart = {each.index[0]: each.reason for each in found.entries if each.verdict is not Verdict.AGREES}
    assert apart == dict.fromkeys((0, 1, 4), "the step does not move this entry")


SUMMED = """picked, grad = np.array(ids), np.zeros_like(table) + 2 * table.sum(0)
    grad[picked] += 2 * table[picked] * np.ones(2)
    table -= lr * grad"""


@pytest.mark.parametrize(("update", "line", "entries"), [("table[ids] -= lr * d_rows", 8, 1), (SUMMED, 9, 10)])
def test_a_row_that_an_index_has_twice_is_said_to_be_lost(tmp_path: Path, update: str, line: int, entries: int) -> None:
    with opened(tmp_path, ROWS.format(update=update)) as run:
        (found,) = run.check(1, entries).parameters  # also by one entry, be it not the largest
    apart = {each.index[0] for each in found.entries if each.verdict is Verdict.DIFFERS}
    assert found.verdict is Verdict.DIFFERS and apart == {3}
    assert found.note.startswith(f"line {line}: an index has places more than once: 2 numbers are lost")


def test_the_slope_of_a_penalty_in_the_step_of_a_row_that_has_a_name_is_no_mistake(tmp_path: Path) -> None:
    text = """
import numpy as np
numbers = np.random.default_rng(1)
lr, penalty, right, wrong = 0.02, 0.1, numbers.normal(size=(4, 3)), numbers.normal(size=(4, 3))
for t in range(3):
    i = t % 4
    u, v = right[i], wrong[i]
    e = 1.0 - u @ v
    loss = 0.5 * e**2 + 0.5 * penalty * (u @ u + v @ v)
    old = u.copy()
    u += lr * (e * v - penalty * u)
    v += lr * (e * old + penalty * v)
"""
    with opened(tmp_path, text) as run:
        assert verdicts(run.check(2, 2)) == {"right": Verdict.AGREES, "wrong": Verdict.DIFFERS}
