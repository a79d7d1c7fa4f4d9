"""Updates by what a script adds: the way is told by the sign of its errors, target minus prediction or the reverse."""

from __future__ import annotations

import pytest

from stepper.session.findings.carried import all_carried, uphill
from tests.engines.recorded import run_recorded
from tests.engines.scripts import script

NETWORK = """
    import numpy as np

    def slope(a):
        return a * (1 - a)

    class Network:
        def __init__(self):
            self.v, self.w, self.b = rng.normal(size=(3, 4)), rng.normal(size=(4, 1)), np.zeros(1)

        def forward(self, x):
            self.h = 1 / (1 + np.exp(-x.dot(self.v)))
            return 1 / (1 + np.exp(-(self.h.dot(self.w) + self.b)))

        def backward(self, x, y, p):
            ERROR
            STEPS

        def train(self, x, y):
            p = self.forward(x)
            self.backward(x, y, p)

    rng = np.random.default_rng(0)
    x = rng.normal(size=(5, 3))
    y = (x[:, :1] > 0) * 1.0
    net = Network()
    for t in range(3):
        loss = np.mean(np.square(y - net.forward(x)))
        net.train(x, y)
    """
ADDED = """self.delta = self.error * slope(p)
            hidden = np.dot(self.delta, self.w.T) * slope(self.h)
            dw = self.h.T @ self.delta / len(x)
            self.b += np.sum(self.delta, axis=0) * 0.1
            self.w += 0.1 * dw
            self.v += 0.1 * (x.T @ hidden)"""
TAKEN = """delta = -slope(p) * self.error
            dw, db = np.zeros_like(self.w), np.zeros_like(self.b)
            for row, each in zip(self.h, delta):
                dw += np.outer(row, each)
                db += each
            self.w = self.w + 0.1 * dw
            self.b = self.b + 0.1 * db"""
AHEAD = """delta = self.error * slope(p)
            self.w += 0.1 * (self.h.T @ delta)
            self.b += 0.1 * delta.sum(axis=0)
            self.v += 0.1 * (x.T @ (delta @ self.w.T * slope(self.h)))"""
OPPOSITE, GRADIENT = "self.error = y - p", "self.error = p - y"


@pytest.mark.parametrize(
    ("error", "steps", "wrong"),
    [
        (OPPOSITE, ADDED, set()),
        (OPPOSITE, AHEAD, set()),
        (GRADIENT, ADDED, {"self.v", "self.w", "self.b"}),
        (f"{GRADIENT}; self.error = -self.error", ADDED, set()),
        (f"{OPPOSITE}; self.error *= -2 / len(x)", ADDED, {"self.v", "self.w", "self.b"}),
        ("self.error = np.where(p > 0.5, p - y, y - p)", ADDED, {"self.v", "self.w", "self.b"}),
        ("self.error = np.sign(p - y) + 0.1 * (y - p)", ADDED, {"self.v", "self.w", "self.b"}),
        ("self.error = (y - p) + 3 * (p - y)", ADDED, {"self.v", "self.w", "self.b"}),
        ("self.error = (p - y) * (y - p)", ADDED, {"self.v", "self.w", "self.b"}),
        ("self.error = (p - y) * (y - p) ** 2", ADDED, {"self.v", "self.w", "self.b"}),
        (GRADIENT, TAKEN, set()),
        (OPPOSITE, TAKEN, {"self.w", "self.b"}),
    ],
)
def test_what_is_made_of_target_minus_prediction_and_added_is_not_said_to_go_uphill(
    error: str, steps: str, wrong: set[str]
) -> None:
    record = run_recorded(script(NETWORK.replace("ERROR", error).replace("STEPS", steps))).records[2]
    assert {each.name for each in record.parameters if uphill(each)} >= {"self.w", "self.b"}, (
        "they go along their names"
    )
    assert {line.partition(":")[0] for line in all_carried(record)} == wrong


def test_the_delta_rule_on_single_numbers_goes_downhill_where_it_adds_its_error() -> None:
    text = """
    w, b = 0.5, 0.1
    for x, y in ((1.0, 0), (-2.0, 1), (0.5, 1)):
        out = w * x + b
        error = ERROR
        loss = error**2
        w = w + 0.1 * (error * x)
        b += 0.1 * error
    """
    right = run_recorded(script(text.replace("ERROR", "y - out"))).records[1]
    wrong = run_recorded(script(text.replace("ERROR", "out - y"))).records[1]
    assert [all_carried(right), len(all_carried(wrong))] == [[], 2]


def test_where_several_samples_are_stepped_by_in_a_pass_the_last_gradient_says_nothing_of_the_way() -> None:
    text = """
    b = 0.25
    def learn(t):
        global b
        loss = (b - t) ** 2
        d = 2 * (b - t)
        b -= 0.25 * d
        return loss
    for i in range(2):
        FIRST
        learn(0.0)
    """
    several = run_recorded(script(text.replace("FIRST", "learn(8.0)"))).records[0].parameters[0]
    one = run_recorded(script(text.replace("FIRST", "pass"))).records[0].parameters[0]
    assert several.update.summary.value == 1.8125 and [several.cosine, one.cosine] == [None, -1.0]


@pytest.mark.parametrize("start", ["[0.5, -0.25]", "np.array([0.5, -0.25])"])
def test_of_elements_that_are_stepped_one_by_one_it_is_told_that_they_go_uphill(start: str) -> None:
    text = f"""
    import numpy as np
    w, lr = {start}, 0.1
    for x, y in (([1.0, 2.0], 1), ([-1.0, 0.5], 0), ([0.3, -2.0], 0)):
        e = ERROR
        loss = e**2
        for i in range(2):
            g = 2 * e * x[i]
            w[i] += lr * g
    """
    wrong = run_recorded(script(text.replace("ERROR", "w[0] * x[0] + w[1] * x[1] - y"))).records[1]
    right = run_recorded(script(text.replace("ERROR", "y - (w[0] * x[0] + w[1] * x[1])"))).records[1]
    assert [all_carried(right), len(all_carried(wrong))] == [[], 1]


@pytest.mark.parametrize("target", ["y", "x.sum()"])
def test_a_target_may_be_a_number_or_worked_out_of_what_is_given(target: str) -> None:
    text = f"""
    import numpy as np
    w, y, lr = np.array([0.5, -0.25]), 1.0, 0.1
    for x in np.array([[1.0, 2.0], [-1.0, 0.5], [0.3, -2.0]]):
        error = {target} - w @ x
        loss = error**2
        g = error * x
        w += lr * g
    """
    assert all_carried(run_recorded(script(text)).records[1]) == []


def test_rows_that_are_taken_two_at_a_time_go_downhill_by_the_error_that_is_added() -> None:
    text = """
    import numpy as np
    U, V, lr = np.arange(12.0).reshape(4, 3) / 10, np.ones((5, 3)) / 10, 0.05
    for u, i, r in ((0, 1, 4.0), (2, 0, 1.0), (2, 3, 5.0)):
        p, q = U[u], V[i]
        err = ERROR
        loss = err**2
        old = p.copy()
        p += lr * (err * q - 0.01 * p)
        q += lr * (err * old - 0.01 * q)
    """
    right = run_recorded(script(text.replace("ERROR", "r - p @ q"))).records[1]
    wrong = run_recorded(script(text.replace("ERROR", "p @ q - r"))).records[1]
    assert [all_carried(right), len(all_carried(wrong))] == [[], 2]


@pytest.mark.parametrize(
    ("start", "inputs", "steps"),
    [("0.0", "np.sin(np.arange(60.0))", 60), ("np.zeros(2)", "np.ones((250, 2)) / 9", 250)],
)
def test_an_error_is_followed_back_through_a_long_time_loop(start: str, inputs: str, steps: int) -> None:
    text = f"""
    import numpy as np
    w, lr, y = 0.5 + {start}, 0.01, 2.0
    xs = {inputs}
    for t in range(2):
        h, dh = {start}, {start}
        for x in xs if {steps} > 100 else xs.tolist():
            h = 0.5 * h + 0.05 * h * h + w * x
            dh = 0.5 * dh + 0.1 * h * dh + x
        error = ERROR
        loss = np.sum(error * error)
        dw = error * dh
        w = w + lr * dw
    """
    right = run_recorded(script(text.replace("ERROR", "y - h"))).records[1]
    wrong = run_recorded(script(text.replace("ERROR", "h - y"))).records[1]
    assert [all_carried(right), len(all_carried(wrong))] == [[], 1]


@pytest.mark.parametrize(
    ("step", "wrong"),
    [
        ("if y * (w @ x) < 1: w += 0.1 * y * x", []),  # the perceptron's
        ("first = np.tanh(x * w); second = np.tanh(first * w); w += (x * first - first * second) / 2", []),
        ("d = (w @ x - y) * x; w += 0.1 * d", ["w"]),
        ("d = w * x * x; grad = 2 * d; w += 0.1 * grad", ["w"]),
    ],
)
def test_what_a_script_adds_and_calls_no_gradient_is_one_where_a_prediction_is_compared(
    step: str, wrong: list[str]
) -> None:
    text = f"""
    import numpy as np
    w = np.array([0.5, -0.25])
    for x, y in ((np.array([1.0, 2.0]), 1.0), (np.array([-1.0, 0.5]), -1.0), (np.array([0.25, -2.0]), -1.0)):
        loss = (w @ x - y) ** 2
        {step}
    """
    record = run_recorded(script(text)).records[1]
    assert [line.partition(":")[0] for line in all_carried(record)] == wrong


@pytest.mark.parametrize(
    ("error", "wrong"),
    [
        ("error = 1.0 - h; loss = (error * error).mean()", []),
        ("error = h - 1.0; loss = (error * error).mean()", ["w"]),
        ("e = 1.0 - h; error = e * h * (1 - h); loss = (e * e).mean()", []),
        ("e = h - 1.0; error = e * h * (1 - h); loss = (e * e).mean()", ["w"]),
    ],
)
def test_a_number_that_is_written_out_is_a_target_where_the_error_is_the_difference(
    error: str, wrong: list[str]
) -> None:
    text = f"""
    import numpy as np
    x, w = np.array([[1.0, 2.0], [-1.0, 0.5], [0.25, -2.0]]), np.array([0.5, -0.25])
    for t in range(2):
        h = 1 / (1 + np.exp(-(x @ w)))
        {error}
        dw = x.T @ error
        w += 0.1 * dw
    """
    record = run_recorded(script(text)).records[1]
    assert [line.partition(":")[0] for line in all_carried(record)] == wrong


CONTRAST = "h1 = np.tanh(np.tanh(h0 @ w.T) @ w); dw = (x.T @ h0 - x.T @ h1) / 3; w += 0.1 * dw"


@pytest.mark.parametrize(
    ("rest", "wrong"),
    [
        (CONTRAST, []),
        (f"loss = (h0**2).sum(); {CONTRAST}", []),
        (
            "q = np.tanh(x @ v); loss = ((h0 - q)**2).sum(); e = h0 - q; dw = x.T @ (e * (1 - h0**2)); w += 0.1 * dw",
            ["w"],
        ),
        ("aim = 1.0 + 0.9 * h0.max(); e = aim - h0[0]; loss = (e**2).sum(); dw = np.outer(x[0], e); w += 0.1 * dw", []),
        (
            "aim = 1.0 + 0.9 * h0.max(); e = h0[0] - aim; loss = (e**2).sum(); dw = np.outer(x[0], e); w += 0.1 * dw",
            ["w"],
        ),
    ],
    ids=["contrast", "beside a loss", "distilled", "temporal", "temporal, turned"],
)
def test_a_difference_of_two_predictions_is_an_error_where_a_loss_or_a_target_is_made_of_it(
    rest: str, wrong: list[str]
) -> None:
    text = f"""
    import numpy as np
    x, w, v = np.array([[1.0, 2.0], [-1.0, 0.5], [0.25, -2.0]]), np.eye(2) / 4, np.ones((2, 2))
    for t in range(2):
        h0 = np.tanh(x @ w)
        {rest}
    """
    record = run_recorded(script(text)).records[1]
    assert [line.partition(":")[0] for line in all_carried(record)] == wrong


@pytest.mark.parametrize(("made", "told"), [("-p; g[a] += 1", 0), ("p.copy(); g[a] -= 1", 1)])
def test_what_was_drawn_less_its_probabilities_is_added_on_purpose(made: str, told: int) -> None:
    """The gradient of a logarithm of a softmax, as REINFORCE goes along."""
    text = """
    import numpy as np
    theta, x, a = np.zeros(4), np.arange(4.0), 2
    for t in range(2):
        p = np.exp(theta) / np.exp(theta).sum()
        loss = -np.log(p[a])
        g = MADE
        theta += 0.1 * g
    """
    record = run_recorded(script(text.replace("MADE", made))).records[1]
    assert len(all_carried(record)) == told


@pytest.mark.parametrize(("error", "told"), [("t - p", 0), ("p - t", 1)])
def test_a_target_that_a_call_made_which_may_be_a_models_is_none_where_no_parameter_was_read(
    error: str, told: int
) -> None:
    text = """
    import numpy as np
    class Gates:
        def both(self, n):
            x = np.arange(2 * n).reshape(n, 2) % 3 % 2
            return x, x[:, 0] & x[:, 1]
    w = np.zeros(2)
    for name, sample in [("and", Gates().both)]:
        for run in range(2):
            x, t = sample(6)
            p = 1 / (1 + np.exp(-x @ w))
            g = ERROR
            w += 0.1 * (x.T @ g)
    """
    record = run_recorded(script(text.replace("ERROR", error))).records[1]
    assert len([line for line in all_carried(record) if "uphill" in line]) == told
