"""Gates that the graph of gradients tells of, and activations that have no graph."""

import numpy
import pytest

from stepper.record import Gate
from tests.inferior.running import Ran, run

AUTOGRAD = """
import torch, torch.nn as nn, torch.nn.functional as F
class Own(torch.autograd.Function):
    @staticmethod
    def forward(ctx, h):
        ctx.save_for_backward(h)
        return h.clamp(min=0)
    @staticmethod
    def backward(ctx, grad):
        h, = ctx.saved_tensors
        g = grad.clone()
        g[h < 0] = 0
        return g
torch.manual_seed(0)
x = torch.randn(8, 5)
w = torch.randn(5, 6, requires_grad=True)
inplace = nn.ReLU(inplace=True)
module = nn.ReLU()
for t in range(2):
    h0 = x @ w
    a0 = torch.relu(h0)
    h1 = x @ w + 0.1
    a1 = F.relu(h1)
    h2 = x @ w + 0.2
    a2 = h2.clamp(min=0)
    h3 = x @ w + 0.3
    a3 = Own.apply(h3)
    h4 = x @ w + 0.4
    a4 = module(h4)
    h5 = x @ w + 0.5
    a5 = torch.clamp_min(h5, 0)
    h6 = (x @ w + 0.6).reshape(2, 3, 4, 2)
    a6 = h6.relu()
    loss = sum((k + 1) * (a ** 2).sum() for k, a in enumerate((a0, a1, a2, a3, a4, a5, a6)))
    loss.backward()
    with torch.no_grad():
        w -= 1e-4 * w.grad
        w.grad = None
"""


@pytest.fixture(scope="module")
def autograd() -> Ran:
    ran = run(AUTOGRAD)
    assert ran.error is None, ran.error
    return ran


def _gate_of(ran: Ran, number: int) -> Gate:
    return ran.gate(f"h{number}")


@pytest.mark.parametrize("number", range(7))
def test_a_gate_of_torch_has_the_gradients_that_autograd_computes(autograd: Ran, number: int) -> None:
    import torch

    gate = _gate_of(autograd, number)
    h = torch.tensor(autograd.array(gate.h)).requires_grad_()
    a = torch.relu(h)
    a.retain_grad()
    ((number + 1) * (a**2).sum()).backward()  # type: ignore[no-untyped-call]
    assert a.grad is not None and h.grad is not None
    assert numpy.array_equal(autograd.array(gate.grad_before), a.grad.numpy())
    assert numpy.array_equal(autograd.array(gate.grad_after), h.grad.numpy())
    assert numpy.array_equal(autograd.array(gate.mask), (h < 0).numpy())
    assert gate.active + gate.blocked == h.numel()


def test_the_units_of_a_convolution_are_its_channels(autograd: Ran) -> None:
    gate = _gate_of(autograd, 6)
    assert (gate.axis, gate.units) == (1, 3)


def test_a_relu_of_several_nodes_has_the_gradients_that_come_to_its_input_and_output() -> None:
    torch = pytest.importorskip("torch")
    ran = run(
        """
        import torch
        torch.manual_seed(0)
        x, w1, w2 = torch.randn(8, 5), torch.randn(5, 6, requires_grad=True), torch.randn(6, 6, requires_grad=True)
        x[0] = 0
        for t in range(1):
            h1 = x @ w1
            a1 = (h1 + h1.abs()) / 2
            h2 = a1 @ w2
            a2 = torch.where(h2 > 0, h2, 0.1 * h2)
            loss = (a2**2).sum() + a1.sum()
            loss.backward()
            with torch.no_grad():
                w1 -= 1e-3 * w1.grad
        """
    )
    first, second = ran.gate("h1"), ran.gate("h2")
    hard, leaky = ran.array(first.h) < 0, ran.array(second.h) < 0
    h2 = ran.array(second.h)
    a2 = torch.tensor(h2).where(torch.tensor(~leaky), 0.1 * torch.tensor(h2)).numpy()
    assert numpy.array_equal(ran.array(second.grad_before), 2 * a2)
    assert numpy.array_equal(ran.array(second.grad_after), 2 * a2 * numpy.where(leaky, numpy.float32(0.1), 1))
    before = ran.array(first.grad_before)
    there = ran.array(first.h) != 0  # at zero each spelling has a slope of its own: here a half
    assert before.all() and numpy.array_equal(ran.array(first.grad_after)[there], numpy.where(hard, 0, before)[there])
    assert (first.blocked, second.blocked, second.attenuated) == (hard.sum(), 0, (h2 <= 0).sum())


def test_a_relu_that_no_probe_saw_is_a_gate_of_the_graph() -> None:
    ran = run(
        """
        import torch
        import torch.nn.functional as F
        torch.manual_seed(1)
        layers = [torch.nn.Linear(4, 4) for _ in range(2)]
        w = torch.randn(4, 4, requires_grad=True)
        act = lambda z: F.relu(z @ w)
        x = torch.randn(5, 4)
        for t in range(2):
            hidden = [F.relu(layer(x)) for layer in layers]
            y = act(sum(hidden))
            h = sum(hidden) @ w
            loss = (y * x).sum()
            loss.backward()
            w.data -= 0.01 * w.grad
        """
    )
    gates = {gate.label: gate for gate in ran.record(1).gates}
    assert list(gates) == ["layers.0", "layers.1", "positive part of the input of y"]
    last = gates["positive part of the input of y"]
    blocked = ran.names["h"].detach().numpy() <= 0
    assert (ran.array(last.mask, 1) == blocked).all() and 0 < last.blocked == blocked.sum()
    gradient = ran.array(last.grad_after, 1)
    assert (gradient == numpy.where(blocked, 0, ran.names["x"].numpy())).all()
    for number, layer in enumerate(ran.names["layers"]):
        gate = gates[f"layers.{number}"]
        made = layer(ran.names["x"]).detach().numpy()
        assert (ran.array(gate.h, 1) == made).all() and gate.blocked == (made <= 0).sum()
        assert gate.grad_before is not None


def test_a_curve_that_a_layer_spells_has_gradients_where_a_librarys_layer_made_its_input() -> None:
    torch = pytest.importorskip("torch")
    ran = run(
        """
        import torch
        class Swish(torch.nn.Module):
            def forward(self, z):
                return z * torch.sigmoid(z)
        torch.manual_seed(0)
        x, last = torch.randn(2, 8, 4), torch.nn.Linear(6, 1, bias=False)
        net = torch.nn.Sequential(torch.nn.Linear(4, 6), Swish(), last)
        image = torch.randn(2, 4, requires_grad=True)
        opt = torch.optim.SGD(net.parameters(), lr=0.1)
        for t in range(1):
            seen = torch.clamp(x + 0.1 * torch.randn_like(x), 0, 1)
            loss = net(x).sum() + image.pow(2).sum()
            loss.backward()
            moved = torch.clamp(image + 0.1 * image.grad.sign(), 0, 1)
            was = last.weight.detach().clone()
            opt.step()
            last.weight.data.clamp_(0, 1)
            most = torch.maximum(torch.arange(-2, 3), torch.zeros(5, dtype=torch.long))
        """
    )
    gate = ran.gate("z")
    assert ran.record(0).gates == [gate], (
        "bounds of data or a parameter, and what is made of integers, have no gradient to mask"
    )
    h = torch.tensor(ran.array(gate.h), requires_grad=True)
    came = ran.names["was"].expand(2, 8, 6)
    (left,) = torch.autograd.grad(h * torch.sigmoid(h), h, came)
    assert numpy.array_equal(ran.array(gate.grad_before), came.numpy())
    assert numpy.allclose(ran.array(gate.grad_after), left.numpy(), atol=1e-6)


NO_GRAPH = """
import torch
import torch.nn.functional as F
torch.manual_seed(0)
layers = torch.nn.ModuleList([
    torch.nn.ReLU(inplace=True), torch.nn.ReLU6(), torch.nn.LeakyReLU(0.2), torch.nn.ELU(0.7), torch.nn.SELU(),
    torch.nn.CELU(0.5), torch.nn.GELU(), torch.nn.GELU("tanh"), torch.nn.SiLU(), torch.nn.Mish(),
    torch.nn.Softplus(2), torch.nn.Hardswish(), torch.nn.PReLU(),
])
def gelu(z):
    return z * 0.5
w, slope = torch.ones(1, requires_grad=True), 0.3
for t in range(2):
    loss = (w * w).sum()
    loss.backward()
    with torch.no_grad():
        w -= 0.1 * w.grad
        x = torch.linspace(-4, 8, 13)
        for layer in layers:
            y = layer(x.clone())
        y = F.leaky_relu(x, slope)
        y = F.gelu(x, approximate="tanh")
        y = F.softplus(x, beta=2)
        y = F.silu(x)
        y = F.elu(x, 0.5)
        y = F.relu(x)
        y = gelu(x)
"""


def test_activations_without_a_graph_are_gates_that_no_gradient_comes_to() -> None:
    import torch

    ran = run(NO_GRAPH)
    assert ran.error is None
    record = ran.record(1)
    assert not record.faults
    layers = list(ran.names["layers"])
    functions = [
        lambda h: torch.nn.functional.leaky_relu(h, 0.3),
        lambda h: torch.nn.functional.gelu(h, approximate="tanh"),
        lambda h: torch.nn.functional.softplus(h, beta=2),
        torch.nn.functional.silu,
        lambda h: torch.nn.functional.elu(h, 0.5),
        torch.nn.functional.relu,
    ]
    for gate, function in zip(record.gates, [*layers, *functions], strict=True):
        assert gate.grad_before is None and gate.grad_after is None
        h = torch.linspace(-4, 8, 13, requires_grad=True)
        (slopes,) = torch.autograd.grad(function(h.clone()).sum(), h)
        assert numpy.array_equal(ran.array(gate.h, 1), h.detach().numpy())
        assert gate.blocked == int((slopes == 0).sum())
        if gate.share is not None:
            assert numpy.array_equal(ran.array(gate.share, 1), slopes.numpy())


STEPPED = """
import numpy as np, torch
w = torch.ones(2, requires_grad=True)
for t in range(2):
    position = np.array([0, 0])
    for step in ([0, -1], [1, 0], [-1, 0], [-1, 1], [0, -1]):
        position = np.clip(position + step, 0, 3)
    loss = (w ** 2).sum()
    loss.backward()
    with torch.no_grad():
        w -= 0.1 * w.grad
    w.grad = None
"""


def test_what_an_environment_cuts_off_is_no_gradient_that_is_masked() -> None:
    gates = run(STEPPED).record(1).gates
    assert [(each.note, each.grad_before) for each in gates] == [("", None)] * 5


def test_what_equals_a_relu_in_one_iteration_by_chance_is_no_gate() -> None:
    ran = run(
        """
        import torch
        w = torch.tensor([[-1.0, 2.0], [3.0, -0.5]], requires_grad=True)
        threshold, shrink = torch.nn.Threshold(0.1, 0.0), torch.nn.Hardshrink(1.5)
        for t in range(2):
            h, one, other = w * 2, w * 1, w * 1
            loss = threshold(one).square().sum() + shrink(other).sum() + torch.relu(h).sum()
            loss.backward()
            w.data -= 0.001 * w.grad
            w.grad = None
        """
    )
    assert [gate.op for gate in ran.record(1).gates] == ["relu"]
