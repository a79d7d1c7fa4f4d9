"""Gradients that are all wrong by one and the same factor: it is told what has that number, and what to do."""

from pathlib import Path

import pytest

from stepper.session.check.check_text import lines
from stepper.session.check.gradient_check import Verdict
from tests.session.checks import opened

MEAN = """
import numpy as np
numbers = np.random.default_rng(0)
x, y = numbers.normal(size=(12, 3)), numbers.normal(size=12)
w, b = np.ones(3), np.zeros(1)
accum = 4
for t in range(2):
    e = x @ w + b - y
    loss = (e ** 2).{loss}
    grad_w = 2 * x.T @ e{share}
    grad_b = 2 * e.sum(keepdims=True){other}
    w -= 0.001 * grad_w
    b -= 0.001 * grad_b
"""


@pytest.mark.parametrize(
    ("loss", "share", "other", "said"),
    [
        ("mean()", "", "", "the same factor 12 (y has 12 rows, x has 12 rows)"),
        ("sum()", " / accum", " / accum", "the same factor 4 (accum on line "),
        ("sum()", " / accum", " / 2", ""),
        ("sum()", "", " / 2", ""),
        ("sum()", "", "", ""),
    ],
)
def test_one_factor_in_all_is_named(tmp_path: Path, loss: str, share: str, other: str, said: str) -> None:
    text = MEAN.format(loss=loss, share=share, other=other)
    with opened(tmp_path, text) as run:
        found = run.check(0, entries=1)
    if said:  # the negative gradient, which the update adds, has the same
        turned = text.replace("x.T @ e", "x.T @ -e").replace("e.sum", "-e.sum").replace("-= 0.001", "+= 0.001")
        with opened(tmp_path, turned) as run:
            assert run.check(0, entries=1).hint == found.hint
    assert said in found.hint and bool(said) == bool(found.hint)
    assert not said or ("--loss EXPR names it" in found.hint and found.hint in list(lines(found)))


def test_a_wrong_sign_in_all_of_them_is_no_factor(tmp_path: Path) -> None:
    text = MEAN.format(loss="mean()", share="", other="").replace("x.T @ e", "x.T @ -e").replace("e.sum", "-e.sum")
    with opened(tmp_path, text) as run:
        found = run.check(0, entries=1)
    assert not found.hint and all(each.factor is not None and each.factor < 0 for each in found.parameters)


SUMMED = """
numbers, w, b = [(0.5, 1.0), (-1.0, 0.25), (2.0, -0.5), (0.25, 0.75)] * 2, 0.5, 0.25
size = 8
for t in range(2):
    loss = gw = gb = 0.0
    for x, y in numbers:
        e = w * x + b - y
        loss += e * e
        gw += 2 * e * x
        gb += 2 * e
    loss = loss / size + 0.01 * w * w
    w -= 0.01 * (gw / size + 0.02 * w)
    b -= 0.01 * gb{mean}
"""


@pytest.mark.parametrize("mean", ["", " / size"])
def test_steps_by_gradients_of_a_sum_of_which_one_is_not_divided_are_pointed_out(tmp_path: Path, mean: str) -> None:
    with opened(tmp_path, SUMMED.format(mean=mean)) as run:
        found = run.check(0, entries=1)
    assert {each.verdict for each in found.parameters} == {Verdict.AGREES}
    said = "different multiples of these gradients, by a factor 8: w 0.00126, b 0.01 (numbers has 8 rows, size on line"
    assert (said in found.hint) is not bool(mean) and bool(found.hint) is not bool(mean)


GUARDED = """
    import numpy as np
    rng = np.random.default_rng(0)
    x, y, w, eps = rng.normal(size=(9, 4)), rng.integers(0, 3, 9), rng.normal(size=(4, 3)), 1e-5
    for t in range(2):
        e = np.exp(x @ w)
        p = e / e.sum(1, keepdims=True)
        loss = -np.log(p[np.arange(9), y] + eps).mean()
        d = p.copy()
        d[np.arange(9), y] -= 1
        w -= 0.1 * (x.T @ d / 9)
"""


@pytest.mark.parametrize(
    ("text", "off", "said"),
    [
        (GUARDED, True, "leaves out the 1e-05 which line 8 adds inside log"),
        (GUARDED.replace("1e-5", "1e-9"), False, ""),
        (GUARDED.replace("-= 1\n", "-= 1.05\n"), True, ""),
        (GUARDED.replace("x.T @ d / 9", "x.T @ d / 8"), True, "a factor 1.125 is extra"),
    ],
)
def test_a_gradient_that_leaves_out_what_guards_a_logarithm_says_so(
    tmp_path: Path, text: str, off: bool, said: str
) -> None:
    with opened(tmp_path, text) as run:
        (found,) = run.check(0).parameters
    assert (found.verdict is Verdict.DIFFERS) is off
    assert said in found.note and ("leaves out" in found.note) is ("inside log" in said)


def test_what_is_broadcast_is_said_though_the_gradient_of_that_agrees(tmp_path: Path) -> None:
    text = """
        import numpy as np
        x, y, w = np.arange(12.0).reshape(6, 2), np.arange(6.0), np.ones((2, 1))
        for t in range(2):
            e = x @ w - y
            loss = (e ** 2).sum()
            w -= 0.001 * (2 * x.T @ e.sum(1, keepdims=True))
    """
    with opened(tmp_path, text) as run:
        found = run.check(0, entries=1)
    assert found.agrees and found.hint == "line 5: broadcast: (6, 1) − (6,) → (6, 6), larger than both"
