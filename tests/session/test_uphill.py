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
        assert all("uphill (cosine " in line and line.endswith("), as maximize=True asks") for line in lines)


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
