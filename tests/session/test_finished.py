"""Constants that gradients by hand are multiplied by: a mistake on the way back, or the update's own."""

import pytest

from stepper.record import Record
from stepper.session.findings.finished import Finished
from tests.engines.recorded import run_recorded
from tests.engines.scripts import script

BY_HAND = """
    import numpy as np
    rng = np.random.default_rng(0)
    x, y, lr, half = rng.normal(size=(8, 3)), rng.normal(size=(8, 2)), 0.1, 0.5
    w1, b1, w2, b2 = rng.normal(size=(3, 4)), np.zeros(4), rng.normal(size=(4, 2)), 0.3
    for t in range(1):
        h = np.tanh(x @ w1 + b1)
        e = h @ w2 + b2 - y
        loss = (e * e).sum()
        q = 2 * h.T @ e
        dw2 = q
        db2 = 2 * e.sum()
        dz = 2 * (e @ w2.T) * (1 - h * h)
        dw1 = x.T @ dz
        db1 = dz.sum(0)
        END
        w1 -= lr * dw1
        b1 -= lr * db1
        w2 -= lr * dw2
        b2 -= lr * db2
    """
TOGETHER = "dw1, db1, dw2, db2 = "
CASES = {
    "its own line": ("dw2 = q", "dw2 = 2 * q", {"w2": 2.0}, set[str]()),
    "in place": ("dw2 = q", "dw2 = q; dw2 *= half", {"w2": 0.5}, set[str]()),
    "a count": ("dw2 = q", "inv = 1.0 / e.shape[0]; dw2 = q * inv", {"w2": 0.125}, set[str]()),
    "a function": ("dw2 = q", "twice = lambda g: 2 * g; dw2 = twice(q)", {"w2": 2.0}, set[str]()),
    "a single number": ("dz =", "db2 *= 3; dz =", {"b2": 3.0}, set[str]()),
    "in a clipped one": ("dw2 = q", "dw2 = 2 * q; dw2 = dw2 / np.sqrt((q * q).sum())", {"w2": 2.0}, set[str]()),
    "when all are made": ("END", "db1 = 2 * db1", {}, {"b1"}),
    "when all are made, and one is cut behind it": (
        "END",
        "db1 = 2 * db1; dw2 = np.clip(dw2, -0.1, 0.1)",
        {},
        {"b1"},
    ),
    "in all": ("END", TOGETHER + "(half * g for g in (dw1, db1, dw2, db2))", {}, {"w1", "b1", "w2", "b2"}),
    "a name that was a norm": ("dw2 = q", "c = np.sqrt((q * q).sum()); c = half; dw2 = c * q", {"w2": 0.5}, set[str]()),
    "a norm": ("dw2 = q", "dw2 = q / np.linalg.norm(q)", {}, set[str]()),
    "all clipped": (
        "END",
        "c = 0.1 / sum((g * g).sum() for g in (dw1, dw2)) ** 0.5; " + TOGETHER + "dw1 * c, db1 * c, dw2 * c, db2 * c",
        {},
        set[str](),
    ),
    "cut by entries": ("dw2 = q", "dw2 = np.clip(q, -0.1, 0.1)", {}, set[str]()),
}


def recorded(*texts: str) -> Record:
    """The first iteration of the script, with every second text in the place of the one before."""
    text = BY_HAND
    for old, new in zip(texts[::2], texts[1::2], strict=True):
        text = text.replace(old, new)
    return run_recorded(script(text.replace("END", "pass"))).records[0]


@pytest.mark.parametrize("case", CASES)
def test_a_constant_is_a_mistake_where_another_gradient_is_made_behind_it(case: str) -> None:
    old, new, wrong, up_to = CASES[case]
    record = recorded(old, new)
    finished = Finished(record)
    found = {each.name: finished.of(each, each.grad) for each in record.parameters if each.grad is not None}
    assert {name: mistake.factor for name, (_, mistake) in found.items() if mistake is not None} == wrong
    assert {name for name, (told, _) in found.items() if any(each.up_to for each in told)} == up_to
    assert len(found) == 4


@pytest.mark.parametrize(("last", "wrong"), [("half", set[str]()), ("3", {"w1", "w2", "b2"})])
def test_a_constant_that_all_gradients_have_is_meant_also_where_they_are_made(last: str, wrong: set[str]) -> None:
    made = {"w2": "dw2 = q", "b2": "db2 = 2 * e.sum()", "w1": "dw1 = x.T @ dz", "b1": "db1 = dz.sum(0)"}
    texts = [[text, f"{text}; d{name} = {last if name == 'b1' else 'half'} * d{name}"] for name, text in made.items()]
    record = recorded(*(each for pair in texts for each in pair))
    finished = Finished(record)
    mistakes = {each.name: finished.of(each, each.grad)[1] for each in record.parameters if each.grad is not None}
    assert {name for name, mistake in mistakes.items() if mistake is not None} == wrong


@pytest.mark.parametrize(("made", "wrong"), [("dw2 = 0.1 * q", None), ("dw2 = 3 * q; dw2 *= half", 3.0)])
def test_the_last_constant_of_a_step_without_a_rate_is_its_learning_rate(made: str, wrong: float | None) -> None:
    record = recorded("dw2 = q", made, "w2 -= lr * dw2", "w2 -= dw2")
    (w2,) = (each for each in record.parameters if each.name == "w2")
    assert w2.grad is not None
    _, mistake = Finished(record).of(w2, w2.grad)
    assert (None if mistake is None else mistake.factor) == wrong


@pytest.mark.parametrize(
    ("old", "new", "lines"),
    [
        ("END", "dw2 = np.array([[min(v, 0.1) for v in row] for row in dw2])", [19]),
        ("END", "exec('dw2 *= half')", [None]),
        ("END", "pass", []),
        ("dw2 = q", "dw2 = 1.0; dw2 = q", []),
        ("END", "other = 2 * dw2", []),
    ],
)
def test_what_no_statement_is_seen_to_change_is_known_by_its_name(old: str, new: str, lines: list[int | None]) -> None:
    record = recorded(old, new)
    (w2,) = (each for each in record.parameters if each.name == "w2")
    assert w2.grad is not None
    told, mistake = Finished(record).of(w2, w2.grad)
    assert ([each.line for each in told], mistake) == (lines, None)
    assert all(each.value.label == "dw2" and each.value.copy != w2.grad.copy for each in told)


def test_of_many_changes_the_last_three_and_the_first_are_told() -> None:
    record = recorded("END", "; ".join(f"dw2 = np.clip(dw2, -{top}, {top})" for top in (9, 8, 7, 6, 5)))
    (w2,) = (each for each in record.parameters if each.name == "w2")
    assert w2.grad is not None
    told, _ = Finished(record).of(w2, w2.grad)
    assert [each.value.summary.max for each in told[:3]] == pytest.approx([6, 7, 8])
    assert len(told) == 4 and (told[3].value.summary.max or 0) > 9
