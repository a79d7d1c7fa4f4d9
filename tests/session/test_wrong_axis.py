"""A softmax over another axis than the one along which the loss picks a class."""

from __future__ import annotations

import pytest

from stepper.session.findings.wrong_axis import wrong_axis
from tests.engines.recorded import run_recorded
from tests.engines.scripts import script

CLASSES = """
    import numpy as np
    numbers = np.random.default_rng(0)
    x, y = numbers.normal(size=(ROWS, 5)), numbers.integers(0, 3, ROWS)
    picked, w, rows = np.eye(3)[y], numbers.normal(size=(5, 3)), np.arange(ROWS)
    picked[0], y[0] = [1, 0, 0], 0
    for t in range(2):
        z = x @ w
        e = np.exp(z)
        FORWARD
        w -= 0.1 * x.T @ (p - picked) / ROWS
    """
OF_TORCH = """
    torch.manual_seed(0)
    net, x, y = nn.Linear(5, 3), torch.randn(16, 5), torch.randint(0, 3, (16,))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    for t in range(2):
        z = net(x)
        FORWARD
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    """


def told(forward: str, rows: int = 16, text: str = CLASSES) -> list[str]:
    body = text.replace("FORWARD", forward.replace("; ", "\n        ")).replace("ROWS", str(rows))
    return wrong_axis(run_recorded(script(body)).records[1])


@pytest.mark.parametrize(
    ("forward", "along"),
    [
        ("p = e / e.sum(0); loss = -np.log(p[rows, y]).mean()", "along axis 0 (line 13)"),
        ("e /= e.sum(axis=0, keepdims=True); p = e; loss = -(picked * np.log(p)).sum()", "along axis 0 (line 13)"),
        ("p = e / e.sum(); loss = -np.mean(np.log(p)[range(16), y])", "over all its entries (line 13)"),
        ("s = e.sum(0); p = e / s; q = np.log(p); loss = -(q * picked).sum(1).mean()", "along axis 0 (line 14)"),
    ],
)
def test_a_softmax_over_the_batch_is_pointed_out(forward: str, along: str) -> None:
    (line,) = told(forward)
    assert line.startswith(f"p (16, 3) sums to 1 {along}") and "picks one of 3 along axis 1 (line 1" in line


def test_of_as_many_samples_as_classes_only_a_sum_over_all_is_told() -> None:
    (line,) = told("p = e / e.sum(); loss = -np.log(p[rows, y]).mean()", rows=3)
    assert line.startswith("p (3, 3) sums to 1 over all its entries")
    assert not told("p = e / e.sum(0); loss = -np.log(p[rows, y]).mean()", rows=3)


def test_so_is_one_of_torch() -> None:
    (line,) = told("p = torch.softmax(z, 0); loss = F.nll_loss(p.log(), y)", text=OF_TORCH)
    assert "along axis 0 (line " in line
    assert not told("p = torch.softmax(z, 1); loss = F.nll_loss(p.log(), y)", text=OF_TORCH)


@pytest.mark.parametrize(
    "forward",
    [
        "loss = F.nll_loss(F.log_softmax(z, AXIS), y)",
        "q = z.log_softmax(dim=AXIS); loss = F.nll_loss(q, y)",
        "q = torch.log_softmax(z, dim=AXIS); loss = F.nll_loss(input=q, target=y)",
    ],
)
def test_and_its_logarithm_by_what_the_text_says(forward: str) -> None:
    (line,) = told(forward.replace("AXIS", "0"), text=OF_TORCH)
    assert "(16, 3) is a log_softmax along axis 0 (line " in line and "picks one of 3 along axis 1" in line
    assert not told(forward.replace("AXIS", "1"), text=OF_TORCH)


@pytest.mark.parametrize(
    ("forward", "rows"),
    [
        ("p = e / e.sum(1, keepdims=True); loss = -np.log(p[rows, y]).mean()", 16),
        ("p = e / e.sum(); loss = -np.log(p[rows, y]).mean()", 1),  # one sample
        ("q = e.T / e.T.sum(0); loss = -np.log(q[y, rows]).mean(); p = q.T", 16),  # classes first
        ("p = 1 / (1 + np.exp(0 * z)); loss = -np.log(p[rows, y]).mean()", 2),  # sigmoids, each a half of two
        ("q = e / e.sum(0); p = e / e.sum(1, keepdims=True); loss = -np.log(p[rows, y]).mean() + q.max()", 16),
        ("p = e / e.sum(0); loss = ((p - picked) ** 2).sum()", 16),  # no logarithm of one class
        ("p = e / e.sum(0); loss = ((p[rows, y] - 1) ** 2).mean()", 16),
        ("p = e / e.sum(0); d = p - 1; loss = -(d * picked).sum()", 16),
        ("p = e / e.sum(0); q = np.log(p); some = x[:, :3]; loss = -(q * some).sum()", 16),  # no one class of each
        ("p = e / e.sum(0); q = np.log(p); some = np.maximum(picked, picked[::-1]); loss = -(q * some).sum()", 16),
        ("p = e / e.sum(0); loss = -np.log(p[y, y]).mean()", 16),  # not one of each row
        ("q = e / e.sum(1, keepdims=True); p = e / e.sum(0); loss = -np.log(q[rows, y] + 0 * p[0, 0]).mean()", 16),
        (
            "p = z / z.sum(0)\n        with np.errstate(all='ignore'): loss = -np.nanmean(np.log(p[rows, y]))",
            16,
        ),  # no shares
        ("q = e[None] / e[None].sum(1, keepdims=True); p = q[0]; loss = -np.log(q[0, rows, y]).mean()", 16),
    ],
)
def test_a_softmax_over_what_the_loss_picks_of_is_not(forward: str, rows: int) -> None:
    assert not told(forward, rows)
