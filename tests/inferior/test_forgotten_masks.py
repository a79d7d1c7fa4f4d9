"""A gate whose gradient nothing masks is told of; one that is rightly masked in a way that is not seen is not."""

from pathlib import Path

import pytest

import stepper
from tests.session.support import script

BATCH = """
import numpy as np
rng = np.random.default_rng(0)
x = rng.normal(size=(16, 4)); y = rng.normal(size=(16, 1)); u = rng.normal(size=(16, 4))
w1 = rng.normal(size=(4, 8)); w2 = rng.normal(size=(8, 1)); w3 = rng.normal(size=(4, 8)); b = np.zeros(8)
def sgd(params, grads, lr):
    for p, g in zip(params, grads):
        p -= lr * g
def layer(x, w, b):
    h = x @ w + b
    return h, np.maximum(h, 0)
def back(da):
    return x.T @ da, da.sum(0)
for t in range(2):
    h, a = layer(x, w1, b)
    {forward}
    loss = (d ** 2).sum()
    g2 = a.T @ (2 * d)
    ga = 2 * d @ w2.T
    {backward}
    sgd([w1, w2], [g1, g2], 0.002)
"""
ONE = """
import numpy as np
rng = np.random.default_rng(0)
xs = rng.normal(size=(16, 4)); ys = rng.normal(size=16)
w1 = rng.normal(size=(4, 8)); w2 = rng.normal(size=8)
for t in range(2):
    x, y = xs[t], ys[t]
    h = x @ w1
    a = np.maximum(h, 0)
    d = a @ w2 - y
    loss = d ** 2
    g2 = 2 * d * a
    ga = 2 * d * w2
    {backward}
    w1 -= 0.01 * g1
    w2 -= 0.01 * g2
"""
RECURRENT = """
import numpy as np
rng = np.random.default_rng(0)
xs = rng.normal(size=(3, 6, 3)); y = rng.normal(size=(6, 1))
wx = rng.normal(size=(3, 5)); wh = rng.normal(size=(5, 5)); wo = rng.normal(size=(5, 1))
for _ in range(2):
    hs, zs = [np.zeros((6, 5))], []
    for x in xs:
        z = x @ wx + hs[-1] @ wh
        zs.append(z)
        hs.append(np.maximum(z, 0))
    d = hs[-1] @ wo - y
    loss = (d ** 2).mean()
    gh = d @ wo.T / 3
    gx, gw = np.zeros_like(wx), np.zeros_like(wh)
    for t in reversed(range(3)):
        gz = gh * {mask}
        gx += xs[t].T @ gz
        gw += hs[t].T @ gz
        gh = gz @ wh.T
    wx -= 0.01 * gx
    wh -= 0.01 * gw
"""
FORWARD = "d = a @ w2 - y"
FORGOTTEN = (
    "no gradient is masked by h > 0: what comes back to {} passes where h is negative, too, in 63 of 128 entries"
)


def told(folder: Path, text: str) -> tuple[str, bool]:
    """What is said of the gate of iteration 0, and whether its gradient was seen."""
    with stepper.open(script(folder, text)) as run:
        (gate,) = (each for each in run.iteration(0).gates if each.label == "h")
        return gate.gate.note, gate.gate.grad_before is not None


@pytest.mark.parametrize(
    ("backward", "taken"),
    [
        ("g1 = x.T @ ga", "x.T @ ga (line 20)"),
        ("gh = ga.copy(); g1 = np.dot(x.T, gh) / 16", "np.dot(x.T, gh) (line 20)"),
        ("g1, gb = back(ga)", "x.T @ da (line 13)"),
        ("g1 = (ga.T @ x).T", "ga.T @ x (line 20)"),
        ("g1 = np.einsum('ni,nj->ij', x, ga); g1 *= 1 / max(1, np.sqrt((g1 ** 2).sum() + (g2 ** 2).sum()))", None),
    ],
)
def test_a_forgotten_mask_is_told_where_the_gradient_is_taken(tmp_path: Path, backward: str, taken: str | None) -> None:
    note, seen = told(tmp_path, BATCH.format(forward=FORWARD, backward=backward))
    taken = taken or "np.einsum('ni,nj->ij', x, ga) (line 20)"
    assert seen
    assert note == FORGOTTEN.format(taken)


@pytest.mark.parametrize(
    ("mask", "label"),
    [
        ("(a.max(axis=1, keepdims=True) > 0)", "a.max(axis=1, keepdims=True) > 0"),
        ("(a.mean(0) > 0)", "a.mean(0) > 0"),
        ("(a.mean(0) > 0).astype(float)", "(a.mean(0) > 0).astype(float)"),
    ],
)
def test_a_mask_of_another_shape_that_is_true_throughout_is_named(tmp_path: Path, mask: str, label: str) -> None:
    note, seen = told(tmp_path, BATCH.format(forward=FORWARD, backward=f"g1 = x.T @ (ga * {mask})"))
    assert seen
    assert note == (
        f"no gradient is masked by h; one is by {label} (line 20), which is true throughout: it passes where h is "
        "negative, too, in 63 of 128 entries"
    )


@pytest.mark.parametrize(
    ("forward", "backward"),
    [
        (FORWARD, "g1 = x.T @ (ga * (h > 0))"),
        (FORWARD, "unmasked = x.T @ ga; g1 = x.T @ (ga * (h > 0))"),
        (FORWARD, "g1 = np.einsum('ni,nj,nj->ij', x, ga, h > 0)"),
        (FORWARD, "g1 = np.einsum('ni,nj,nj->ij', x, ga, np.heaviside(h, 0))"),
        (FORWARD, "g1 = x.T @ (ga / (1 + np.exp(-h)))"),  # a surrogate
        (FORWARD, "g1 = x.T @ (ga * np.clip(x @ (2 * w1), 0, 1))"),  # one that was not made of h
        (FORWARD, "g1 = x.T @ (ga * np.where(h > 0, 1, 0.1))"),
        ("d = (a + h) @ w2 - y", "g1 = x.T @ (ga * (1.0 + (h > 0)))"),
        ("d = (a + 0.5 * h) @ w2 - y", "g1 = x.T @ (ga * np.where(h > 0, 1.5, 0.5))"),
        ("d = h @ w2 - y", "g1 = x.T @ ga"),
        ("d = (a + h - a) @ w2 - y", "g1 = x.T @ ga"),  # straight through
        ("s = u @ w3; d = (a + s) @ w2 - y", "g1 = x.T @ np.select([h > 0], [ga]); w3 -= 0.01 * u.T @ ga"),
        ("s = x @ w3; d = (a + s) @ w2 - y", "g1 = x.T @ np.select([h > 0], [ga]); w3 -= 0.01 * x.T @ ga"),
        (FORWARD, "g1 = sum(np.outer(x[i], ga[i] * (h[i] > 0)) for i in range(16))"),
    ],
)
def test_what_is_right_or_meant_otherwise_is_not(tmp_path: Path, forward: str, backward: str) -> None:
    assert told(tmp_path, BATCH.format(forward=forward, backward=backward))[0] == ""


@pytest.mark.parametrize(
    "backward",
    [
        "g1 = np.outer(x, ga) * (h > 0)",
        "g1 = np.outer(x, ga); g1[:, h <= 0] = 0",
        "g1 = np.outer(x, ga); g1[:, np.flatnonzero(a == 0)] = 0",
        "g1 = np.outer(x, ga) @ np.diag(1.0 * (h > 0))",
        "g1 = np.outer(x, 2 * d * (w2 * (h > 0)))",
    ],
)
def test_a_mask_that_comes_after_the_product_is_one(tmp_path: Path, backward: str) -> None:
    note, _ = told(tmp_path, ONE.format(backward=backward))
    assert "true throughout" not in note and "comes back" not in note


def test_of_one_example_it_is_told_too(tmp_path: Path) -> None:
    note, _ = told(tmp_path, ONE.format(backward="g1 = np.outer(x, ga)"))
    assert note.startswith("no gradient is masked by h > 0: what comes back to np.outer(x, ga) (line 14) passes")


@pytest.mark.parametrize(("mask", "told"), [("1.0", True), ("(zs[t] > 0)", False)])
def test_of_gates_that_share_weights_each_is_told_of(tmp_path: Path, mask: str, told: bool) -> None:
    with stepper.open(script(tmp_path, RECURRENT.format(mask=mask))) as run:
        notes = [gate.gate.note for gate in run.iteration(0).gates]
    assert [note.startswith("no gradient is masked by z > 0: what comes back to ") for note in notes] == 3 * [told]
    assert told or notes == 3 * [""]
