"""Which axis the units of a gate lie along, and which of them are dead: by what made its input."""

import numpy
import pytest

from stepper.session.export import _units
from tests.inferior.running import Ran, run

DEAD = [1, 4]

ROWS = "W = w.copy(); b = bias[:, None].copy(); X = x.T"
BY_HAND = {
    # how h is made of W (6 units, 3 inputs), b (one for each unit) and X (10 samples), the gradient of W, the axis of
    # the units, and what tells it
    "rows": (ROWS, "h = W @ X + b", "g @ X.T", 0, "matmul"),
    "rows, in steps": (ROWS, "z = np.dot(W, X); h = z; h = h + b", "g @ X.T", 0, "matmul"),
    "rows, in place": (ROWS, "h = W.dot(X); h += b", "g @ X.T", 0, "matmul"),
    "rows of a transposed": (ROWS.replace("w.", "w.T."), "h = W.T @ X + b", "X @ g.T", 0, "matmul"),
    "rows of an einsum": (ROWS, "h = np.einsum('ui,is->us', W, X) + b", "g @ X.T", 0, "bias"),
    "columns": ("W = w.T.copy(); b = bias.copy(); X = x", "h = X @ W + b", "X.T @ g", 1, "matmul"),
    "columns of a transposed": ("W = w.copy(); b = bias.copy(); X = x", "h = X @ W.T + b", "g.T @ X", 1, "matmul"),
}


def by_hand(setup: str, made: str, grad: str) -> Ran:
    units = "axis=1, keepdims=True" if "None" in setup else "axis=0"
    return run(f"""
        import numpy as np
        rng = np.random.default_rng(0)
        w = rng.normal(size=(6, 3)); x = rng.normal(size=(10, 3)); bias = np.zeros(6); bias[{DEAD}] = -50.0
        {setup}
        for t in range(2):
            {made}
            a = np.maximum(h, 0)
            loss = (a ** 2).sum()
            g = 2 * a * (h > 0)
            W -= 0.001 * ({grad})
            b -= 0.001 * g.sum({units})
        """)


@pytest.mark.parametrize(("setup", "made", "grad", "axis", "by"), BY_HAND.values(), ids=list(BY_HAND))
def test_units_lie_on_the_side_of_the_parameter(setup: str, made: str, grad: str, axis: int, by: str) -> None:
    ran = by_hand(setup, made, grad)
    assert ran.error is None, ran.error
    (gate,) = ran.record(1).gates
    blocked = ran.array(gate.mask, 1)
    assert gate.layer is not None
    assert _units(gate.layer) == {"axis": axis, "units": 6, "dead_units": DEAD, "made_by": by}
    assert numpy.flatnonzero(blocked.all(axis=1 - axis)).tolist() == DEAD
    assert gate.along == ("along axis 0" if axis == 0 else "")
    assert gate.axis == 1, "the contract's: the last"
    assert gate.dead_units == (DEAD if axis == 1 else [])


def test_where_nothing_tells_the_axis_is_said_to_be_a_guess() -> None:
    ran = by_hand("W = w.copy(); b = bias.copy(); X = x", "h = np.einsum('ui,si->su', W, X) - 50", "g.T @ X")
    (gate,) = ran.record(1).gates
    assert gate.layer is None and gate.along == "along axis 1 (a guess)"
    assert gate.by_unit.dead == list(range(6)) and gate.by_unit.count == 6


ONE_AXIS = {
    "one unit, of many samples": ("w = rng.normal(size=3)", "h = X @ w", "X.T @ g", ""),
    "units, of one sample": ("w = rng.normal(size=(6, 3))", "h = w @ X[0]", "np.outer(g, X[0])", "matmul"),
}


@pytest.mark.parametrize("torch", [False, True])
@pytest.mark.parametrize(("setup", "made", "grad", "by"), ONE_AXIS.values(), ids=list(ONE_AXIS))
def test_of_one_axis_it_is_said_whether_units_or_samples_lie_along_it(
    setup: str, made: str, grad: str, by: str, torch: bool
) -> None:
    given = "w = torch.tensor(w, requires_grad=True); X = torch.tensor(X)" if torch else ""
    by_hand = f"a = np.maximum(h, 0); loss = (a ** 2).sum(); g = 2 * a * (h > 0); w -= 0.001 * ({grad})"
    by_graph = "a = torch.relu(h); loss = (a ** 2).sum(); w.grad = None; loss.backward(); w.data -= 0.001 * w.grad"
    if torch:
        pytest.importorskip("torch")
    ran = run(f"""
        import numpy as np
        {"import torch" if torch else ""}
        rng = np.random.default_rng(0)
        X = rng.normal(size=(10, 3))
        {setup}
        {given}
        for t in range(2):
            {made}
            {by_graph if torch else by_hand}
        """)
    assert ran.error is None, ran.error
    (gate,) = ran.record(1).gates
    assert (gate.layer.made_by if gate.layer is not None else "") == by
    assert gate.along == ("" if by else "if each entry is a unit, and no sample")


LAYERS = {
    "Conv1d": ("nn.Conv1d(1, 6, 3)", (8, 1, 12), 1, 1),
    "Conv1d and BatchNorm": ("nn.Sequential(nn.Conv1d(1, 6, 3), nn.BatchNorm1d(6))", (8, 1, 12), 1, 1),
    "Conv1d of one sample": ("nn.Conv1d(1, 6, 3)", (1, 12), 0, 0),
    "Conv2d": ("nn.Conv2d(1, 6, 3)", (4, 1, 7, 8), 1, 1),
    "Linear": ("nn.Linear(3, 6)", (10, 3), 1, 1),
    "Linear of sequences": ("nn.Linear(3, 6)", (4, 5, 3), 2, 2),
    "Linear of four axes": ("nn.Linear(3, 6)", (2, 4, 5, 3), 3, 3),
    "rows": ("lambda x: weight @ x.T + bias[:, None]", (10, 3), 0, 1),
}


@pytest.mark.parametrize("grad", [True, False], ids=["trained", "without a graph"])
@pytest.mark.parametrize(("layer", "shape", "axis", "contract"), LAYERS.values(), ids=list(LAYERS))
def test_units_of_torchs_layers(layer: str, shape: tuple[int, ...], axis: int, contract: int, grad: bool) -> None:
    pytest.importorskip("torch")
    if not grad and layer.startswith("lambda"):
        pytest.skip("a lambda's inside is seen by its graph only")
    ran = run(f"""
        import torch
        from torch import nn
        torch.manual_seed(0)
        weight = nn.Parameter(torch.randn(6, 3)); bias = nn.Parameter(torch.zeros(6))
        layer = {layer}
        relu = nn.ReLU()
        last = layer[-1] if isinstance(layer, nn.Sequential) else layer
        with torch.no_grad():
            getattr(last, "bias", bias)[{DEAD}] = -50.0
        opt = torch.optim.SGD([weight, bias, *(layer.parameters() if isinstance(layer, nn.Module) else ())], lr=1e-3)
        x = torch.randn({shape})
        for t in range(2):
            with torch.set_grad_enabled({grad}):
                h = layer(x)
                a = relu(h)
            loss = a.pow(2).mean() + weight.sum()
            opt.zero_grad()
            loss.backward()
            opt.step()
        """)
    assert ran.error is None, ran.error
    (gate,) = ran.record(0).gates
    assert gate.layer is not None
    assert (gate.layer.axis, gate.axis, gate.layer.count) == (axis, contract, 6)
    blocked = ran.array(gate.mask)
    dead = numpy.flatnonzero(blocked.all(axis=tuple(a for a in range(len(blocked.shape)) if a != axis))).tolist()
    assert gate.layer.dead == dead and set(DEAD) <= set(dead)


@pytest.mark.parametrize(
    ("made", "by", "axis"),
    [
        ("nn.Linear(4, 1)", "", 1),  # one unit, whose axis is gone: what is left are the samples
        ("nn.Sequential(nn.Flatten(1), nn.Unflatten(1, (1, 12)), nn.Conv1d(1, 5, 12))", "Conv1d", 1),
    ],
)
def test_units_keep_their_axis_where_another_is_squeezed_out(made: str, by: str, axis: int) -> None:
    pytest.importorskip("torch")
    ran = run(f"""
        import torch
        from torch import nn
        torch.manual_seed(0)
        net, x = {made}, torch.randn(6, 3, 4)
        for t in range(1):
            a = torch.relu(net(x).squeeze(-1))
            loss = (a ** 2).sum()
            loss.backward()
            with torch.no_grad():
                for p in net.parameters():
                    p -= 0.1 * p.grad
        """)
    (gate,) = ran.record().gates
    assert (gate.layer.made_by if gate.layer is not None else "", gate.by_unit.axis) == (by, axis)
