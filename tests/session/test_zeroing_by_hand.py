"""Gradients that a script adds up itself, without autograd: a forgotten zeroing, or accumulation on purpose."""

from pathlib import Path

import pytest

import stepper
from stepper.record import Record
from stepper.session.check.gradient_check import Verdict
from stepper.session.findings.carried import Carried, Since, all_carried
from stepper.session.findings.zeroing_lines import zeroing_lines
from tests.engines.recorded import run_recorded
from tests.session.support import script

LOOP = """
import numpy as np
numbers = np.random.default_rng(0)
x, y = numbers.normal(size=(6, 3)), numbers.normal(size=(6, 2))
w, b, dw, db = numbers.normal(size=(3, 2)), np.zeros(2), np.zeros((3, 2)), np.zeros(2)
for t in range(6):
    {before}
    out = x @ w + b
    loss = ((out - y) ** 2).sum()
    d = 2 * (out - y)
    {add}
    w -= 0.01 * dw
    b -= 0.01 * db
    {after}
"""
ADD = "dw += x.T @ d\n    db += d.sum(0)"
FORGOTTEN = "no line zeroes dw, to which line 11 adds (forgotten?)"

LAYERS = """
import numpy as np
numbers = np.random.default_rng(0)
x, y = numbers.normal(size=(6, 3)), numbers.normal(size=(6, 2))
class Layer:
    def __init__(self, i, o):
        self.w, self.dw = numbers.normal(size=(i, o)), np.zeros((i, o))
    def forward(self, x):
        self.x = x
        return x @ self.w
    def backward(self, d):
        self.dw += self.x.T @ d
        return d @ self.w.T
    def step(self):
        self.w -= 0.01 * self.dw
layers = [Layer(3, 3), Layer(3, 2)]
for t in range(4):
    h = x
    for layer in layers: h = layer.forward(h)
    loss = ((h - y) ** 2).sum()
    d = 2 * (h - y)
    for layer in reversed(layers): d = layer.backward(d)
    for layer in layers: layer.step()
"""

NUMBERS = """
points = [(1.0, 2.0), (2.0, 2.5), (-1.0, 0.5)]
class Number:
    def __init__(self, data, parents=()):
        self.data, self.grad, self.parents, self.back = data, 0.0, parents, lambda: None
    def __add__(self, other):
        out = Number(self.data + other.data, (self, other))
        def back():
            self.grad += out.grad
            other.grad += out.grad
        out.back = back
        return out
    def __mul__(self, other):
        out = Number(self.data * other.data, (self, other))
        def back():
            self.grad += other.data * out.grad
            other.grad += self.data * out.grad
        out.back = back
        return out
    def backward(self):
        order = []
        def visit(number):
            if number not in order:
                for parent in number.parents: visit(parent)
                order.append(number)
        visit(self)
        self.grad = 1.0
        for number in reversed(order): number.back()
w, b = Number(0.3), Number(0.1)
for t in range(4):
    loss = Number(0.0)
    for x, y in points:
        error = w * Number(x) + b + Number(-y)
        loss = loss + error * error
    {zero}
    loss.backward()
    w.data -= 0.01 * w.grad
    b.data -= 0.01 * b.grad
"""


@pytest.mark.parametrize(
    "add", [ADD, "dw = dw + x.T @ d\n    db = d.sum(0) + db", "np.add.at(dw, np.arange(3), x.T @ d); db += d.sum(0)"]
)
def test_a_sum_of_earlier_iterations_is_told_and_the_share_of_this_one_is_checked(tmp_path: Path, add: str) -> None:
    with stepper.open(script(tmp_path, LOOP.format(before="pass", add=add, after="pass"))) as run:
        it = run.iteration(2)
        (line,) = all_carried(it.record)
        assert line == "dw of w, db of b: added to what an earlier iteration had left there"
        held = it.parameters[0].held
        assert held is not None and abs(held.array).max() > 0
        found = it.check(2)
    assert found.agrees
    assert found.parameters[0].note == (
        f"the step used dw, the sum of 3 backward passes (iterations 0 to 2): {FORGOTTEN}; this iteration's share was "
        "checked"
    )


def test_a_wrong_share_differs_whatever_it_was_added_to(tmp_path: Path) -> None:
    with stepper.open(
        script(tmp_path, LOOP.format(before="pass", add=ADD.replace("x.T", "3 * x.T"), after="pass"))
    ) as run:
        w, b = run.check(2, 2).parameters
    assert w.verdict is Verdict.DIFFERS and w.factor == 3 and FORGOTTEN in w.note
    assert b.verdict is Verdict.AGREES


LISTS = """
w, dw = [[0.5, -1.0, 2.0], [0.3, 0.7, -0.2]], [[0.0] * 3, [0.0] * 3]
data = [([1.0, 2.0, -1.0], [0.5, 1.0]), ([0.3, -1.0, 0.2], [-1.0, 2.0])]
for t in range(5):
    {before}
    loss = 0.0
    for x, y in data:
        d = [sum(a * b for a, b in zip(row, x)) - target for row, target in zip(w, y)]
        loss += sum(e * e for e in d)
        for i in range(2):
            for j in range(3):
                dw[i][j] += 2 * d[i] * x[j]
    for i in range(2):
        for j in range(3):
            w[i][j] -= 0.01 * dw[i][j]
"""


def test_a_sum_in_a_list_of_lists_is_told_and_the_share_of_this_iteration_is_checked(tmp_path: Path) -> None:
    with stepper.open(script(tmp_path, LISTS.format(before="pass"))) as run:
        it = run.iteration(3)
        assert all_carried(it.record) == ["dw of w: added to what an earlier iteration had left there"]
        (found,) = it.check(6).parameters
    assert found.verdict is Verdict.AGREES
    assert found.note == (
        "the step used dw, the sum of 4 backward passes (iterations 0 to 3): no line zeroes dw, to which line 12 adds "
        "(forgotten?); this iteration's share was checked"
    )


def test_a_list_of_lists_that_begins_with_zeros_is_no_sum() -> None:
    run = run_recorded(LISTS.format(before="dw = [[0.0] * 3 for _ in range(2)]"))
    assert [each.held for each in run.records[3].parameters] == [None]


@pytest.mark.parametrize(
    ("before", "add", "after"),
    [
        ("dw, db = np.zeros((3, 2)), np.zeros(2)", ADD, "pass"),
        ("pass", ADD, "dw.fill(0); db[:] = 0"),
        ("pass", ADD, "for g in (dw, db): g *= 0"),
        ("pass", "dw, db = x.T @ d, d.sum(0)\n    dw += 0 * w", "pass"),
        ("dw, db = 0 * w, 0 * b", "for i in range(6): dw += x[i : i + 1].T @ d[i : i + 1]; db += d[i]", "pass"),
        ("pass", "np.matmul(x.T, d, out=dw); np.sum(d, 0, out=db)\n    dw += 0 * w", "pass"),
        (
            "pass",
            "dw, db = x.T @ d, d.sum(0); [g.__imul__(2) for g in (dw, db)]\n    dw += 0.1 * w; db += 0.1 * b",
            "pass",
        ),
        ("pass", "dw *= 0.9; db *= 0.9\n    dw += x.T @ d; db += d.sum(0)", "pass"),  # a velocity
        ("pass", "dw += 0.1 * (x.T @ d - dw); db += 0.1 * (d.sum(0) - db)", "pass"),  # a running mean
    ],
)
def test_what_begins_anew_or_is_a_velocity_is_no_sum(tmp_path: Path, before: str, add: str, after: str) -> None:
    with stepper.open(script(tmp_path, LOOP.format(before=before, add=add, after=after))) as run:
        record = run.iteration(3).record
    assert len(record.parameters) == 2
    assert [each.held for each in record.parameters] == [None, None] and all_carried(record) == []


def test_momentum_by_hand_is_no_sum(tmp_path: Path) -> None:
    text = LOOP.format(before="pass", add="g = x.T @ d\n    dw += g; db += d.sum(0)", after="dw *= 0.9; db *= 0")
    text = text.replace("dw", "velocity")
    with stepper.open(script(tmp_path, text)) as run:
        record = run.iteration(3).record
    assert [each.held for each in record.parameters] == [None, None]


def test_a_sum_that_is_added_to_under_two_names_is_one(tmp_path: Path) -> None:
    add = "dw += x.T @ d / 2; grad = dw; grad += x.T @ d / 2\n    db += d.sum(0)"
    with stepper.open(script(tmp_path, LOOP.format(before="pass", add=add, after="pass"))) as run:
        it = run.iteration(2)
        w = next(each for each in it.parameters if each.name == "w")
        assert w.held is not None and (w.held.array == run.iteration(1).parameters[0].grad.array).all()  # type: ignore[union-attr]


def test_a_sum_that_a_function_adds_to_and_hands_back_is_one(tmp_path: Path) -> None:
    text = LOOP.replace("for t", "def further(g, d):\n    g += d\n    return g\nfor t")
    for add in (
        "dw = further(dw, x.T @ d); db = further(db, d.sum(0))",
        "dw, db = further(dw, x.T @ d), further(db, d.sum(0))",
    ):
        with stepper.open(script(tmp_path, text.format(before="pass", add=add, after="pass"))) as run:
            assert all(each.held is not None for each in run.iteration(2).parameters), add


def test_of_a_sum_that_is_clipped_whole_the_share_of_an_iteration_is_that_before_it_was_clipped(
    tmp_path: Path,
) -> None:
    text = LOOP.replace("w -= 0.01 * dw", "clipped_dw = np.clip(dw, -5, 5); w -= 0.01 * clipped_dw")
    with stepper.open(script(tmp_path, text.format(before="pass", add=ADD, after="pass"))) as run:
        w, b = run.check(2).parameters
    assert w.verdict is Verdict.AGREES and "the sum of 3 backward passes" in w.note
    assert max(abs(each.recorded) for each in w.entries) > 5
    assert b.verdict is Verdict.AGREES and "the sum of 3 backward passes" in b.note


def test_accumulation_on_purpose_is_said_to_begin_where_it_was_zeroed_last(tmp_path: Path) -> None:
    text = LOOP.format(before="pass", add=ADD, after="if t % 2: dw[...] = 0; db[...] = 0")
    with stepper.open(script(tmp_path, text)) as run:
        records: dict[int | None, Record] = {t: run.iteration(t).record for t in range(6)}
        since = [Carried().since(records, records[t], "w") for t in range(6)]
        note = run.check(3, 1).parameters[0].note
    assert since == [None, Since(0), None, Since(2), None, Since(4)]
    assert note.startswith("the step used dw, the sum since iteration 2: line 15 can zero dw, but has not since; ")


def test_a_mean_of_a_sum_and_layers_that_call_theirs_alike(tmp_path: Path) -> None:
    with stepper.open(
        script(
            tmp_path,
            LAYERS.replace("self.w -=", "grad = self.dw / 2; self.w -=").replace("0.01 * self.dw", "0.01 * grad"),
        )
    ) as run:
        it = run.iteration(2)
        assert all_carried(it.record)[0].startswith("self.dw of layers[0].w, self.dw of layers[1].w: added to")
        found = it.check(2).parameters
    for each in found:
        assert each.factor == 0.5 and "the sum of 3 backward passes" in each.note and "line 12 adds" in each.note


def test_numbers_of_an_own_engine(tmp_path: Path) -> None:
    with stepper.open(script(tmp_path, NUMBERS.format(zero="pass"))) as run:
        found = run.check(2, 1)
    assert found.agrees and len(found.parameters) == 2
    assert all("no line zeroes" in each.note and "the step used" in each.note for each in found.parameters)
    with stepper.open(script(tmp_path, NUMBERS.format(zero="w.grad = b.grad = 0.0"))) as run:
        assert [each.held for each in run.iteration(2).record.parameters] == [None, None]


def test_lines_that_zero_a_gradient_of_ones_own() -> None:
    text = "dw = 0\nfor t in x:\n    dw += d\n    dw = dw + d\n    self.dw = np.zeros(3)\n    w = 0\n"
    assert zeroing_lines(text, "self.dw") == (5,)
    assert zeroing_lines("for t in x:\n    dw += d\n    dw = db = 0\n    db[:] = dw[:] = 0.0\n", "dw") == (3, 4)
    assert zeroing_lines("class A:\n    def __init__(self):\n        self.dw = 0\n", "self.dw") == ()
    assert zeroing_lines(
        "for g in grads:\n    g.fill(0)\n    h.fill(0)\n    g[:] = 0\n    g[:] = 1\n", "grads['w']"
    ) == (2, 4)
    assert zeroing_lines("while True:\n    grads = {}\n    grads['w'] *= 0\n    dw, db = f()\n", "grads['w']") == (2, 3)
    again = "def zero(self):\n    for k in self.grads: self.grads[k] = np.zeros_like(self.grads[k])\n"
    assert zeroing_lines(again, "self.grads['w']") == (2,)
    assert zeroing_lines("def backward(self):\n    self.grad = 1.0\n    self.grad = np.ones_like(self.data)\n") == ()


def test_a_sum_that_a_loop_only_goes_through_was_not_made_there(tmp_path: Path) -> None:
    steps = "w -= 0.01 * dw\n    b -= 0.01 * db"
    gone_through = "for p, g in zip([w, b], [dw, db]): p -= 0.01 * g"
    text = LOOP.format(before="pass", add=ADD, after="pass").replace(steps, gone_through)
    with stepper.open(script(tmp_path, text)) as run:
        records: dict[int | None, Record] = {t: run.iteration(t).record for t in range(4)}
    assert [Carried().since(records, records[t], "b") for t in range(1, 4)] == [Since(0)] * 3
