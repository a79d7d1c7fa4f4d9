"""Gates of every spelling: what each passes of a gradient is what torch passed, entry by entry."""

from typing import Any

import numpy
import pytest

from stepper.record import Gate
from tests.engines.recorded import Run, assert_same_bits, run_recorded
from tests.engines.scripts import script

# One line of forward each: `a` is a leaf (6, 5), `h` a value made from it, `unit` a module of torch's
HARD = {
    "module": "nn.ReLU()(h)",
    "module, in place": "nn.ReLU(inplace=True)(h.clone())",
    "functional": "F.relu(h)",
    "method": "h.relu()",
    "method, in place": "h.clone().relu_()",
    "clamp": "h.clamp(min=0)",
    "clamp in place": "h.clone().clamp_(min=0)",
    "clamp by a tensor": "torch.clamp(h, min=torch.tensor(0.0))",
    "clamp_min": "h.clamp_min(0)",
    "clip": "torch.clip(h, 0)",
    "threshold": "F.threshold(h, 0, 0)",
    "threshold in place": "F.threshold_(h.clone(), 0, 0)",
    "ReLU6": "nn.ReLU6()(4 * h)",
    "clamp on both sides": "h.clamp(0, 1)",
    "maximum": "torch.maximum(h, torch.zeros_like(h))",
    "max": "torch.max(torch.tensor(0.0), h)",
    "fmax": "torch.fmax(h, torch.tensor(0.0))",
    "where": "torch.where(h > 0, h, 0.0)",
    "where, turned": "torch.where(h < 0, torch.zeros_like(h), h)",
    "product with a mask": "h * (h > 0)",
    "product with a mask of floats": "(h > 0).float() * h",
    "masked fill": "h.masked_fill(h < 0, 0)",
    "store by a mask": "zeroed(h)",
    "a view of all, in place": "nn.ReLU(inplace=True)(h.clone().view(2, 3, 5)).view(6, 5)",
    "a turned view, in place": "F.relu_(h.clone().T).T",
}
SOFT = {
    "leaky ReLU": "nn.LeakyReLU(0.2)(h)",
    "leaky ReLU, in place": "F.leaky_relu_(h.clone(), 0.2)",
    "PReLU": "nn.PReLU()(h)",
    "RReLU": "F.rrelu(h, training=True)",
    "RReLU, evaluating": "F.rrelu(h)",
    "ELU": "F.elu(h, 0.7)",
    "ELU, in place": "F.elu_(h.clone())",
    "SELU": "nn.SELU()(h)",
    "CELU": "F.celu(h, 0.5)",
    "GELU": "nn.GELU()(h)",
    "GELU by tanh": "F.gelu(h, approximate='tanh')",
    "SiLU": "F.silu(h)",
    "SiLU, in place": "F.silu(h.clone(), inplace=True)",
    "SiLU of a view, in place": "F.silu(h.clone().view(30), inplace=True).view(6, 5)",
    "leaky ReLU of a view, in place": "nn.LeakyReLU(0.2, inplace=True)(h.clone().view(2, 3, 5)).view(6, 5)",
    "a slope of three digits of a view, in place": "nn.LeakyReLU(0.125, inplace=True)(h.clone().view(30)).view(6, 5)",
    "ELU of every other row, in place": "odd_rows(h)",
    "SiLU of a part of a workspace, in place": "laid_into(torch.zeros(8, 5)[2:].detach(), h)",
    "Mish": "nn.Mish()(h)",
    "softplus": "F.softplus(h)",
    "Hardswish": "F.hardswish(4 * h)",
}
NONE = {
    "a clamp that is no ReLU": "h.clamp(-1, 1)",
    "another threshold": "F.threshold(h, 0.5, 0)",
    "hard tanh": "F.hardtanh(h)",
    "the larger of two": "torch.maximum(h, 1 - h)",
    "a product with numbers": "h * torch.rand(6, 5)",
    "a product with an unrelated mask": "h * (torch.rand(6, 5) > 0.5)",
    "tanh": "h.tanh()",
    "a view beside one that is changed in place": "doubled(h)",
    "a view of numbers below zero that is scaled in place": "(-h.abs()).view(30).mul_(0.5).view(6, 5)",
    "a view of complex numbers that is scaled in place": "h.to(torch.complex64).view(30).mul_(0.5).real.view(6, 5)",
}


def training(line: str) -> str:
    return script(
        f"""
        a = torch.randn(6, 5).requires_grad_()
        def zeroed(h):
            z = h.clone()
            z[h < 0] = 0
            return z
        def odd_rows(h):
            z = torch.cat((h, h), 1).view(12, 5)
            F.elu_(z[::2])
            return z[::2]
        def laid_into(place, h):
            place.copy_(h)
            return F.silu(place.view(30), inplace=True).view(6, 5)
        def doubled(h):
            z = (h.abs() + 1).view(2, 3, 5)
            first, second = z[0], z[1]
            first.mul_(2)
            return torch.cat((first, second + 1))
        for t in range(2):
            h = 2 * a
            out = {line}
            loss = (out * torch.randn(6, 5)).sum()
            loss.backward()
            with torch.no_grad():
                a -= 0.1 * a.grad
        """
    )


def the_gate(run: Run) -> Gate:
    (gate,) = run.records[1].gates
    return gate


def arrays(run: Run, gate: Gate) -> tuple[Any, Any, Any]:
    """h, and the gradient before and after."""
    assert gate.grad_before is not None
    assert gate.grad_after is not None
    return run.array(gate.h, 1), run.array(gate.grad_before, 1), run.array(gate.grad_after, 1)


@pytest.mark.parametrize("name", HARD)
def test_a_gate_is_found_and_blocks_what_torch_blocked(name: str) -> None:
    run = assert_same_bits(training(HARD[name]))
    gate = the_gate(run)
    h, before, after = arrays(run, gate)
    mask = run.array(gate.mask, 1)
    assert not gate.soft
    assert gate.blocked == int((after == 0).sum()) == int(mask.sum())
    assert gate.active == h.size - gate.blocked
    assert (numpy.where(mask, 0, before) == after).all()
    assert not gate.attenuated
    assert gate.closed is None


@pytest.mark.parametrize("name", SOFT)
def test_a_soft_gate_tells_the_share_of_each_entry_that_torch_passed(name: str) -> None:
    run = assert_same_bits(training(SOFT[name]))
    gate = the_gate(run)
    _, before, after = arrays(run, gate)
    assert gate.soft
    assert gate.share is not None
    assert gate.closed is not None
    share, closed = run.array(gate.share, 1), run.array(gate.closed, 1)
    assert numpy.allclose(share * before, after, rtol=1e-5, atol=1e-7)
    assert gate.blocked == int((share == 0).sum())
    assert (closed == (abs(share) < 0.5)).all()
    assert gate.attenuated == int(closed.sum()) - gate.blocked
    assert (run.array(gate.mask, 1) == (share == 0)).all()


@pytest.mark.parametrize("name", NONE)
def test_what_is_no_relu_is_no_gate(name: str) -> None:
    assert run_recorded(training(NONE[name])).records[1].gates == []


def test_a_deep_entry_of_a_soft_gate_can_be_blocked() -> None:
    gate = the_gate(run_recorded(training("F.hardswish(9 * h)")))
    assert gate.soft
    assert gate.blocked > 0


def test_maximum_shares_the_gradient_at_zero() -> None:
    run = run_recorded(training("torch.maximum(h * (torch.rand(6, 5) > 0.3), torch.tensor(0.0))"))
    gate = next(gate for gate in run.records[1].gates if gate.op == "maximum")
    h, before, after = arrays(run, gate)
    assert (h == 0).any()
    assert (after[h == 0] == before[h == 0] / 2).all()
    assert not run.array(gate.mask, 1)[h == 0].any()
