"""Updates that go uphill, along their gradients: a wrong sign, or a sum of earlier gradients that carries them."""

from __future__ import annotations

import pytest

from stepper.session.findings.carried import all_carried, uphill
from tests.engines.recorded import run_recorded
from tests.engines.scripts import script

TURNED = """
    layer = nn.Linear(3, 2)
    optimizer = torch.optim.OPTIMIZER
    x = torch.randn(5, 3)
    for t in range(6):
        optimizer.zero_grad()
        sign = 1 if t < 5 else -1
        loss = layer(x).pow(2).sum() * sign
        loss.backward()
        optimizer.step()
    """


@pytest.mark.parametrize(
    ("optimizer", "by"),
    [
        ("SGD(layer.parameters(), lr=1e-4, momentum=0.9)", "SGD's momentum_buffer"),
        ("Adam(layer.parameters(), lr=0.01)", "Adam's exp_avg"),
        ("SGD(layer.parameters(), lr=0.01, maximize=True)", ""),
        ("RMSprop(layer.parameters(), lr=0.01, maximize=True)", ""),
    ],
)
def test_an_optimizer_that_goes_uphill_by_its_state_is_told_so(optimizer: str, by: str) -> None:
    record = run_recorded(script(TURNED.replace("OPTIMIZER", optimizer))).records[5]
    lines = all_carried(record)
    if by:
        assert lines == [f"layer.weight, layer.bias: carried along the gradient by {by}, of earlier gradients"]
    else:
        assert len(lines) == 2, "each parameter's last update goes against what the gradient has become"
        assert all("uphill (cosine " in line for line in lines)


@pytest.mark.parametrize(("rule", "told"), [("LBFGS(W, lr=10, max_iter=3)", 0), ("SGD(W, lr=0.1, maximize=True)", 2)])
def test_steps_that_a_closure_led_are_not_compared_with_the_gradient_they_end_at(rule: str, told: int) -> None:
    """LBFGS overshoots: its first step is far too long here, and ends where the gradient points the other way."""
    text = """
    layer = nn.Linear(3, 2)
    optimizer = torch.optim.RULE
    x = torch.randn(5, 3)
    for t in range(1):
        def closure():
            optimizer.zero_grad()
            loss = (layer(x) - 1).pow(2).sum()
            loss.backward()
            return loss
        optimizer.step(closure)
    """
    record = run_recorded(script(text.replace("RULE", rule.replace("W", "layer.parameters()")))).records[0]
    assert any(uphill(each) for each in record.parameters)
    assert sum("uphill" in line for line in all_carried(record)) == told


@pytest.mark.parametrize(
    ("rule", "by"),
    [
        ("v = 0.9 * v + dw; w -= 0.01 * v", "v"),
        ("v = 0.9 * v - 0.01 * dw; w += v", "v"),
        ("v *= 0.9; v += dw; w = w - 0.01 * v", "v"),
        ("v = 0.9 * v + 0.1 * dw; s = 0.99 * s + 0.01 * dw**2; w -= 0.01 * (v / 0.5) / np.sqrt(s + 1e-8)", "v"),
        ("k.setdefault('v', v); k['v'] = 0.9 * k['v'] + dw; w -= 0.01 * k['v']", "k['v']"),
        ("u = k.get('v', v); u = 0.9 * u + dw; k['v'] = u; w -= 0.01 * u", "u"),
        ("k.setdefault('v', v); u = k['v']; u = 0.9 * u + dw; k['v'] = u; w -= 0.01 * u", "u"),
        ("k.setdefault('v', v); u, n = k['v'], 0; u *= 0.9; u += dw; w -= 0.01 * u", "u"),
        ("k.setdefault('v', v); u = k['v']; u = 0.9 * u; u = u + dw; k['v'] = u; w -= 0.01 * u", "u"),
        ("u = 0.9 * k.get('v', 0.0) - 0.01 * dw; k['v'] = u; w = w + u", "k['v']"),
        ("u = 0.9 * k.get('v', v) + 0.1 * dw; n, k['v'] = u**2, u; w -= 0.01 * u / np.sqrt(n)", "k['v']"),
        ("v += 0.1 * (dw - v); w -= 0.01 * v", "v"),
        ("v[:] = 0.9 * v + 0.1 * dw; w -= 0.01 * v", "v"),
        ("np.multiply(v, 0.9, out=v); np.add(v, 0.1 * dw, out=v); np.subtract(w, 0.01 * v, out=w)", "v"),
        ("old = 0.9 * v; v = np.where(True, old + dw, 0); w -= 0.01 * v", "v"),
        ("u = 0.9 * k.get('v', 0.0) - 0.01 * dw; k['v'] = u; w = w - u", ""),
        ("v += 0.1 * (dw - v); w += 0.01 * v", ""),
        ("v += 0.1 * (v - dw); w -= 0.01 * v", ""),
        ("s += 0.1 * (w - s); w += 0.01 * dw", ""),
        ("s += 0.1 * (dw**2 - s); v = 0.9 * v + dw; w += 0.01 * v / np.sqrt(s)", ""),
        ("v = 0.9 * v + dw; w += 0.01 * v", ""),
        ("s = 0.9 * s + 0.1 * dw**2; w += 0.01 * dw / np.sqrt(s + 1e-8)", ""),
        ("v = 0.9 * v + dw; w += 0.01 * dw", ""),
        ("v = 0.9 * v + (-0.5 * dw if t < 5 else 0.01 * dw + np.array([9, 9, -9, 9])); w -= 0.01 * v", ""),
    ],
)
def test_a_sum_of_gradients_by_hand_that_carries_an_update_uphill_is_told_and_excuses_no_sign(
    rule: str, by: str
) -> None:
    text = f"""
    import numpy as np
    w, v, s, k = np.array([1.0, -2.0, 0.5, 3.0]), np.zeros(4), np.zeros(4), {{}}
    for t in range(7):
        sign = 1 if t < 5 or {not by} else -1
        loss = sign * np.sum(w**2)
        dw = 2 * sign * w
        {rule}
    """
    (line,) = all_carried(run_recorded(script(text)).records[5])
    if by:
        assert line == f"w: carried along the gradient by {by}, of earlier gradients"
    else:
        assert line.startswith("w: the update goes along its gradient, uphill (cosine ")


@pytest.mark.parametrize("number", [1, 2])
@pytest.mark.parametrize(
    ("rule", "by"),
    [
        ("v += 0.1 * (dw - v); w -= 0.01 * v", "v"),
        ("v[:] = 0.9 * v + dw; w -= 0.01 * v", "v"),
        ("np.copyto(v, 0.9 * v - dw); w += 0.01 * v", "v"),
        ("u = 0.7 * k['v'] - 0.03 * dw; k['v'] = u; w += u", "k['v']"),
        ("k['v'] = 0.7 * k['v'] - 0.03 * dw; w += k['v']", "k['v']"),
        ("k['v'] *= 0.7; k['v'] -= 0.03 * dw; w += k['v']", "k['v']"),
        ("u = 0.7 * k['v'] - 0.03 * dw; k['v'] = u; w -= u", ""),
        ("w = w + 0.01 * dw; u = 0.7 * k['v'] - 0.03 * w; k['v'] = u", ""),
        ("u = 0.7 * k['v'] - 0.03 * w; k['v'] = u; w += 0.01 * dw", ""),
        ("v += 0.1 * (dw - v); w += 0.01 * v", ""),
        ("s += 0.3 * (dw**2 - s); s *= 0.7; w += 0.01 * dw", ""),
    ],
)
def test_a_sum_of_one_number_or_two_is_known_by_its_factors_of_few_digits_and_by_its_parts(
    rule: str, by: str, number: int
) -> None:
    text = f"""
    import numpy as np
    w, v, s = np.array([1.0, -2.0])[:{number}], np.zeros({number}), np.ones({number})
    k = {{"v": np.zeros({number})}}
    for t in range(7):
        sign = 1 if t < 5 or {not by} else -0.1
        loss = sign * np.sum(w**2)
        dw = 2 * sign * w
        {rule}
    """
    (line,) = all_carried(run_recorded(script(text)).records[5])
    told = f"w: carried along the gradient by {by}, of" if by else "w: the update goes along its gradient, uphill"
    assert line.startswith(told)


@pytest.mark.parametrize(
    ("rule", "sign", "carried"),
    [
        ("{v} = 0.9 * {v} - 0.01 * {dw}; {w} += {v}", 1, True),
        ("{v} *= 0.9; {v} += {dw}; {w} -= 0.01 * {v}", 1, True),
        ("{v} = 0.9 * {v} + {dw}; {w} += 0.01 * {v}", -1, False),
    ],
)
def test_a_sum_that_is_kept_number_by_number_in_lists_carries_an_update_and_excuses_no_sign(
    rule: str, sign: int, carried: bool
) -> None:
    of_row = rule.format(v="vs[l][i]", dw="db[l][i]", w="bs[l][i]")
    of_number = rule.format(v="vw[l][i][j]", dw="dw[l][i][j]", w="ws[l][i][j]")
    text = f"""
    ws, bs = [[[1.0, -2.0, 0.5], [3.0, 1.0, -1.0]], [[2.0, 0.3], [0.4, -1.0]]], [[0.5, -1.0, 3.0], [0.7, 2.0]]
    vw, vs = [[[0.0] * 3, [0.0] * 3], [[0.0] * 2, [0.0] * 2]], [[0.0] * 3, [0.0] * 2]
    for t in range(7):
        sign = 1 if t < 5 else -{sign}
        loss = sign * (sum(a * a for w in ws for row in w for a in row) + sum(a * a for b in bs for a in b))
        dw = [[[2 * sign * a for a in row] for row in w] for w in ws]
        db = [[2 * sign * a for a in b] for b in bs]
        for l in range(2):
            for i in range(len(ws[l])):
                for j in range(len(ws[l][i])):
                    {of_number}
            for i in range(len(bs[l])):
                {of_row}
    """
    lines = all_carried(run_recorded(script(text)).records[5])
    if carried:
        of_w, of_b = lines
        assert of_w == "ws[0], ws[1]: carried along the gradient by vw[l], of earlier gradients"
        assert of_b == "bs[0], bs[1]: carried along the gradient by vs[l], of earlier gradients"
    else:
        assert len(lines) == 4 and all("uphill (cosine " in line for line in lines)


@pytest.mark.parametrize(
    ("rule", "by"),
    [
        ("v = 0.9 * v - 0.02 * dw; w += v", "v"),
        ("v = 0.9 * v + 0.02 * dw; w -= v", "v"),
        ("v = 0.9 * v + 0.1 * dw; hat = v / (1 - 0.9 ** (t + 1)); w -= 0.3 * hat", "v"),
        ("v = 0.9 * v - 0.002 * dw; w -= v", ""),
        ("v = 0.9 * v; v += 0.002 * dw; w += v", ""),
        ("v = 0.99 * v if t else 0.01; w += v * dw", ""),
    ],
)
def test_a_plain_number_is_carried_by_one_that_its_gradient_makes_smaller_and_by_no_other(rule: str, by: str) -> None:
    steps = "".join(f"    {step}\n" for step in rule.split("; "))
    head = "w, v = 2.0, 0.0\nfor t in range(8):\n    loss = (w * 3 - 1) ** 2\n    dw = 6 * (w * 3 - 1)\n"
    records = run_recorded(head + steps).records
    told = [line for t in range(1, 8) for line in all_carried(records[t])]
    meant = f"carried along the gradient by {by}," if by else "the update goes along its gradient, uphill"
    assert told and all(meant in line for line in told)


def test_a_sum_that_has_gone_to_infinity_carries_nothing_and_hides_no_parameter() -> None:
    text = """
    import numpy as np
    w, v, b, s = np.array([1.0, -2.0, 0.5]), np.zeros(3), np.zeros(3), np.full(3, -np.inf)
    for t in range(7):
        sign = 1 if t < 5 else -1
        loss = sign * np.sum(w**2)
        dw, db = 2 * sign * w, np.ones(3)
        s = 0.9 * s - db; b = b + s
        v = 0.9 * v - 0.01 * dw; w += v
    """
    assert "w: carried along the gradient by v, of earlier gradients" in all_carried(
        run_recorded(script(text)).records[5]
    )


OWN = """
    class Own(torch.optim.Optimizer):
        def __init__(self, params):
            super().__init__(params, {{}})
        @torch.no_grad()
        def step(self):
            for p in self.param_groups[0]["params"]:
                m = self.state[p].setdefault("m", torch.zeros_like(p))
                m.mul_(0.9).add_(p.grad, alpha=0.1)
                p.add_(m.sign(), alpha={rate})
    w = torch.nn.Parameter(torch.tensor([1.0, -2.0, 3.0, 0.5]))
    optimizer = {optimizer}
    for t in range(12):
        optimizer.zero_grad()
        loss = (w.square() * torch.tensor([1.0, 2.0, 0.5, 4.0])).sum()
        loss.backward()
        optimizer.step()
    """


@pytest.mark.parametrize(
    ("rate", "optimizer", "turned"),
    [
        (0.5, "Own([w])", True),
        (-0.5, "Own([w])", False),
        (0, "torch.optim.SGD([w], 0.01, momentum=0.9, maximize=True)", True),
        (0, "torch.optim.SGD([w], 0.15, momentum=0.9)", False),
        (0, "torch.optim.Adam([w], 0.9)", False),
    ],
)
def test_a_step_against_what_an_optimizers_own_sum_tells_is_not_excused_by_it(
    rate: float, optimizer: str, turned: bool
) -> None:
    records = run_recorded(script(OWN.format(rate=rate, optimizer=optimizer))).records
    lines = [line for t in range(1, 12) for line in all_carried(records[t])]
    assert any("uphill" in line for line in lines) == turned
    assert any("carried along" in line for line in lines) != turned


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
