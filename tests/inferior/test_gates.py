"""Gates in the spellings that scripts use, their numbers checked against plain NumPy and torch."""

import numpy
import pytest

from stepper.inferior.gates import entries
from tests.inferior.running import Ran, run

# Each spelling: forward from h, backward from the gradient of the output `ga`; the mask is `h <= 0` but for those
# that say `h < 0`, and the numbers tell them apart, since one of each h is exactly 0.
SPELLINGS = {
    "maximum first": ("a = np.maximum(0, h)", "g = ga.copy()\ng[h < 0] = 0", "h < 0"),
    "maximum second": ("a = np.maximum(h, 0.0)", "g = ga.copy()\ng[h <= 0] = 0", "h <= 0"),
    "product": ("a = h * (h > 0)", "g = ga * (h > 0)", "h <= 0"),
    "where": ("a = np.where(h > 0, h, 0)", "g = np.where(h > 0, ga, 0)", "h <= 0"),
    "masked store": ("a = h.copy()\na[a < 0] = 0", "g = ga.copy()\ng[a <= 0] = 0", "h <= 0"),
    "clip": ("a = np.clip(h, 0, None)", "g = ga * (a > 0)", "h <= 0"),
    "functions": ("a = relu(h)", "g = ga * relu_grad(h)", "h <= 0"),
    "backward function": ("a = relu(h)", "g = relu_backward(ga, h)", "h <= 0"),
    "kept mask": ("mask = h > 0\na = h * mask", "g = ga * mask", "h <= 0"),
    "whole numbers": ("a = np.maximum(0, h)", "g = np.multiply(ga, np.int64(a > 0))", "h <= 0"),
    "alias": ("a = np.maximum(h, 0)", "g = ga\ng[h < 0] = 0", "h < 0"),
    "out and putmask": (
        "a = np.empty_like(h)\nnp.maximum(h, 0, out=a)",
        "g = ga.copy()\nnp.putmask(g, h < 0, 0)",
        "h < 0",
    ),
    "an object's method": ("a = layer.forward(h)", "g = layer.backward(ga)", "h <= 0"),
    "an object's attribute": ("a = kept.forward(h)", "g = kept.backward(ga)", "h <= 0"),
    "in place": ("a = np.maximum(h, 0)", "g = ga\ng *= (h > 0)", "h <= 0"),
    "absolute value": ("a = (h + abs(h)) / 2", "g = ga * (h > 0).astype(h.dtype)", "h <= 0"),
    "array of zeros": ("a = np.maximum(h, np.zeros_like(h))", "g = ga\nnp.multiply(g, h > 0, out=g)", "h <= 0"),
    "where zeros": (
        "a = np.where(h > 0, h, np.zeros_like(h))",
        "g = np.where(h <= 0, np.zeros_like(ga), ga)",
        "h <= 0",
    ),
    "selected": ("a = np.zeros_like(h)\na[h > 0] = h[h > 0]", "g = np.zeros_like(ga)\ng[h > 0] = ga[h > 0]", "h <= 0"),
    "step function": ("a = h * np.heaviside(h, 0)", "g = ga * np.sign(a)", "h <= 0"),
    "functions not looked into": ("a = cut(h)", "g = uncut(ga, h)", "h <= 0"),
    "indices": ("a = np.maximum(h, 0)", "g = ga.copy()\ng[np.nonzero(h < 0)] = 0", "h < 0"),
    "mask made by a store": ("a = np.maximum(h, 0)", "m = np.ones_like(h)\nm[h < 0] = 0\ng = ga * m", "h < 0"),
    "copied where": ("a = h.copy()\na[a < 0] = 0", "g = ga.copy()\nnp.copyto(g, 0, where=h <= 0)", "h <= 0"),
}
HEAD = """
import numpy as np
def relu(z):
    return np.maximum(0, z)
def relu_grad(z):
    return (z > 0).astype(float)
def relu_backward(dout, cache):
    dx = dout * (cache > 0)
    return dx
class Layer:
    def forward(self, x):
        self.x = x
        return np.maximum(x, 0)
    def backward(self, grad):
        return grad * (self.x > 0)
class Kept:
    def forward(self, x):
        self.out = np.maximum(0, x)
        return self.out
    def backward(self, grad):
        self.grad = np.where(self.out <= 0, 0, grad)
        return self.grad
layer, kept = Layer(), Kept()
cut = lambda z: np.clip(z, 0, None)
uncut = lambda dout, z: dout * (z > 0)
np.random.seed(1)
w = np.random.randn(4)
for t in range(2):
    loss = 0.0
"""


def several_gates_in_one_pass() -> str:
    lines = []
    for number, (forward, backward, _) in enumerate(SPELLINGS.values()):
        for line in (
            "h = np.random.randn(6, 4) * w",
            "h[0, 0] = 0.0",
            "h[:, 1] = -abs(h[:, 1])",
            *forward.splitlines(),
            f"loss = loss + (a ** 2).sum() * {number + 1}",
            f"ga = {2 * (number + 1)} * a + 1",
            *backward.splitlines(),
        ):
            for name in ("h", "ga", "g", "a", "m", "mask"):
                line = _renamed(line, name, f"{name}{number}")
            lines.append("    " + line)
    lines.append("    w -= 0.001 * g0.sum(axis=0)")
    return HEAD + "\n".join(lines) + "\n"


def _renamed(line: str, name: str, new: str) -> str:
    import re

    return re.sub(rf"(?<![\w.]){name}(?!\w)", new, line)


@pytest.fixture(scope="module")
def by_hand() -> Ran:
    ran = run(several_gates_in_one_pass())
    assert ran.error is None, ran.error
    return ran


@pytest.mark.parametrize("number", range(len(SPELLINGS)), ids=list(SPELLINGS))
def test_a_gate_by_hand_has_both_gradients_and_its_own_rule(by_hand: Ran, number: int) -> None:
    # a copy that is then masked in place is itself what goes into the gate
    h = by_hand.array(by_hand.values(f"h{number}")[-1])
    gate = next(gate for gate in by_hand.record().gates if numpy.array_equal(by_hand.array(gate.h), h))
    assert gate.label in (f"h{number}", f"a{number}", "x")
    rule = list(SPELLINGS.values())[number][2]
    blocked = h < 0 if rule == "h < 0" else h <= 0
    before = by_hand.array(by_hand.values(f"ga{number}", when="result")[0])
    assert numpy.array_equal(by_hand.array(gate.mask), blocked)
    assert numpy.array_equal(by_hand.array(gate.grad_before), before)
    assert numpy.array_equal(by_hand.array(gate.grad_after), numpy.where(blocked, 0, before))
    assert (gate.blocked, gate.active) == (blocked.sum(), (~blocked).sum())
    assert gate.axis == 1 and gate.dead_units == numpy.flatnonzero(blocked.all(axis=0)).tolist()
    assert 1 in gate.dead_units


def test_each_operation_is_one_gate(by_hand: Ran) -> None:
    assert len(by_hand.record().gates) == len(SPELLINGS)
    assert by_hand.record(1).gates[0].line == by_hand.record(0).gates[0].line


def test_the_gradients_of_a_gate_are_called_the_same_in_every_iteration() -> None:
    ran = run(
        """
        import numpy as np
        w = np.array([1.0, -2.0, 3.0])
        for t in range(3):
            h = 0.9 * w
            a = np.maximum(h, 0)
            loss = (a ** 2).sum()
            ga = 2 * a
            gh = ga * (h > 0)
            w = w - 0.1 * 0.9 * gh
        """
    )
    for iteration in range(3):
        (gate,) = ran.record(iteration).gates
        assert gate.grad_before is not None and gate.grad_after is not None
        assert (gate.grad_before.label, gate.grad_after.label) == ("ga", "gh")


def test_a_product_with_its_own_mask_is_a_gate_where_no_entry_is_negative_too() -> None:
    ran = run(
        """
        import numpy as np
        h = np.array([[1.0, 2.0], [3.0, 4.0]])
        for t in range(1):
            a = h * (h > 0)
            above = h * (h > -1)
            loss = (a + above).sum()
            g = (a - 1) * (1.0 * (a > 0))
            h -= 0.1 * g
        """
    )
    (gate,) = ran.record().gates
    assert gate.line == 5 and (gate.active, gate.blocked) == (4, 0)
    assert gate.grad_before is not None and gate.grad_before.label == "a - 1"


def test_an_operation_that_is_no_relu_is_no_gate() -> None:
    ran = run(
        """
        import numpy as np
        w = np.array([[1.0, -2.0], [3.0, -4.0]])
        for t in range(2):
            a = np.maximum(w, 1)
            b = w * (w > 1)
            c = np.where(w > 0, w, -0.1 * w)
            d = np.clip(w, -1, 2) + np.clip(w, 0, 1) + (w > 0) * 0.5
            e = w * 2 + np.where(w > 0, w, 2 * w) + np.where(w > 0, 2 * w, 0.1 * w) + np.where(w > 0, w, 0.1 * w - 1e-3)
            e = e + np.where(w > 0, w * w / w.max(), 0.1 * w)
            twice, whole = w[0][[0, 1, 1]], np.array([10, -20, -30])
            f = np.where(twice > 0, twice, 0.1 * twice).sum() + np.where(whole > 0, whole, whole // 10).sum()
            rows = [[0.0, 0.0], [1.0, 2.0]]
            for k in range(2):
                rows[k][k] = 0.0 * k
            loss = (a + b + c + d + e).sum() + f + rows[1][0]
            w -= 0.01 * np.maximum(0, 9 - np.abs(w).max())
        """
    )
    assert ran.record().gates == []


LEAKY = {
    "where": ("np.where(h > 0, h, 0.01 * h)", "ga * np.where(h > 0, 1, 0.01)"),
    "maximum": ("np.maximum(0.01 * h, h)", "np.where(h > 0, ga, 0.01 * ga)"),
    "two parts": ("np.maximum(h, 0) + 0.01 * np.minimum(h, 0)", "ga * ((h > 0) + 0.01 * (h <= 0))"),
    "quotient": ("np.where(h > 0, h, h / 100)", "leaked(ga, h)"),
}


def test_a_leaky_relu_by_hand_is_a_soft_gate_with_its_slope() -> None:
    lines = ["leaked = lambda g, z: g * np.where(z > 0, 1, 0.01)", "w = np.random.randn(5, 4)", "for t in range(1):"]
    for k, (forward, backward) in enumerate(LEAKY.values()):
        lines[0] += f"\ndef made{k}(x):\n    h{k} = x @ w\n    return h{k}, {_renamed(forward, 'h', f'h{k}')}"
        for line in ("h, a = made(np.random.randn(6, 5))", "ga = 2 * a + 1", f"g = {backward}"):
            for name in ("h", "a", "ga", "g", "made"):
                line = _renamed(line, name, f"{name}{k}")
            lines.append(f"    {line}")
    ran = run("import numpy as np\n" + "\n".join([*lines, "    loss = (a0 ** 2).sum()", "    w -= 0.1 * g0.sum(0)"]))
    gates = ran.record().gates
    assert [gate.label for gate in gates] == [f"h{k}" for k in range(len(LEAKY))]
    for k, gate in enumerate(gates):
        h, ga, g = (ran.array(ran.values(f"{name}{k}", when="result")[0]) for name in ("h", "ga", "g"))
        assert numpy.array_equal(ran.array(gate.share), numpy.where(h > 0, 1, 0.01))
        assert gate.soft and gate.op != "relu" and gate.attenuated == (h < 0).sum() > gate.blocked == 0
        assert numpy.array_equal(ran.array(gate.grad_before), ga) and numpy.array_equal(ran.array(gate.grad_after), g)
        assert gate.note == ""


CURVED = {
    "silu": ("h / (1 + np.exp(-h))", "ga * (s + h * s * (1 - s))"),
    "gelu": (
        "0.5 * h * (1 + np.tanh(np.sqrt(2 / np.pi) * (h + 0.044715 * h**3)))",
        "ga * (0.5 * (1 + t) + 0.5 * h * (1 - t**2) * np.sqrt(2 / np.pi) * (1 + 3 * 0.044715 * h**2))",
    ),
    "softplus": ("np.log(1 + np.exp(h))", "s * ga"),
    "elu": ("np.where(h > 0, h, 0.5 * (np.exp(h) - 1))", "ga * np.where(h > 0, 1, a + 0.5)"),
    "clip": ("np.minimum(np.maximum(h, 0), 1.5)", "ga * ((h > 0) & (h < 1.5))"),
}


@pytest.fixture(scope="module")
def curved() -> Ran:
    lines = ["w = np.random.randn(5, 4)", "for t in range(1):"]
    for k, (forward, _) in enumerate(CURVED.values()):
        lines += [
            f"    h{k} = np.random.randn(6, 5) @ w",
            f"    a{k} = {_renamed(_renamed(forward, 'h', f'h{k}'), 'a', f'a{k}')}",
        ]
    lines += ["    loss = " + " + ".join(f"(a{k}**2).sum()" for k in range(len(CURVED))), "    grad = 0"]
    for k, (_, backward) in enumerate(CURVED.values()):
        theirs = ["s = 1 / (1 + np.exp(-h))", "t = np.tanh(np.sqrt(2 / np.pi) * (h + 0.044715 * h**3))"]
        for line in (*theirs, "ga = 2 * a + 1", f"g = {backward}", "grad = grad + g.sum(0)"):
            for name in ("h", "a", "ga", "g"):
                line = _renamed(line, name, f"{name}{k}")
            lines.append(f"    {line}")
    return run("import numpy as np\n" + "\n".join([*lines, "    w -= 0.01 * grad"]))


@pytest.mark.parametrize("k", range(len(CURVED)), ids=list(CURVED))
def test_a_relative_of_the_relu_that_is_written_out_is_a_gate_with_its_shares(curved: Ran, k: int) -> None:
    assert curved.error is None and len(curved.record().gates) == len(CURVED)
    name, (forward, _) = list(CURVED.items())[k]
    gate = curved.gate(f"h{k}")
    h, ga, g = (curved.array(curved.values(f"{each}{k}", when="result")[0]) for each in ("h", "ga", "g"))
    up, down = (eval(forward, {"np": numpy, "h": h + step}) for step in (1e-6, -1e-6))
    assert gate.op == name and gate.soft is (name != "clip")
    assert numpy.allclose(curved.array(gate.share), (up - down) / 2e-6, atol=1e-6)
    assert gate.blocked == ((h <= 0) | (h >= 1.5)).sum() if name == "clip" else gate.blocked == 0 < gate.attenuated
    assert numpy.array_equal(curved.array(gate.grad_before), ga) and numpy.array_equal(curved.array(gate.grad_after), g)


def test_what_is_made_of_more_than_h_is_no_gate_though_its_numbers_are_a_relus() -> None:
    ran = run(
        """
        import numpy as np
        w, factors = np.array([1.0, -2.0, -3.0]), np.array([1.0, 0.0, 0.0])
        same = w.copy() * factors.max()
        for t in range(1):
            kept = w + (factors - 1) * w
            halves = w * ((factors + 1) / 2)
            entropy = 0 * factors[1:] * np.log(w[:1] / 2) + factors[1:] * np.log(np.array([0.5, 0.3]))
            swish = (w * 1) / (1 + np.exp(-1.0 * same))
            loss = (kept + halves + swish).sum() + entropy.sum()
            w = w - 0.01
        """
    )
    assert ran.record().gates == []


@pytest.mark.parametrize(("rule", "blocked"), [("x < 0", [0]), ("x <= 0", [0, 1, 4]), ("~(x > 0)", [0, 1, 3, 4])])
def test_a_backward_by_hand_decides_at_zero_and_at_nan(rule: str, blocked: list[int]) -> None:
    pytest.importorskip("torch")
    ran = run(
        f"""
        import torch
        class Cut(torch.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                ctx.save_for_backward(x)
                return x.clamp(min=0)
            @staticmethod
            def backward(ctx, grad_output):
                x, = ctx.saved_tensors
                grad = grad_output.clone()
                grad[{rule}] = 0
                return grad
        w = torch.ones(1, 6, requires_grad=True)
        x = torch.tensor([[-1.0, 0.0, 1.0, float("nan"), -0.0, 2.0]])
        for t in range(1):
            h = w * x
            loss = Cut.apply(h).sum()
            loss.backward()
            with torch.no_grad():
                w -= 0.1 * w.grad
        """
    )
    (gate,) = ran.record().gates
    assert numpy.flatnonzero(ran.array(gate.mask)).tolist() == blocked == gate.dead_units


def test_a_maximum_passes_a_nan_on() -> None:
    pytest.importorskip("torch")
    ran = run(
        """
        import torch
        w = torch.ones(1, 4, requires_grad=True)
        x = torch.tensor([[-1.0, 0.0, float("nan"), 2.0]])
        for t in range(1):
            h = w * x
            loss = torch.maximum(h, torch.zeros(())).sum()
            loss.backward()
            with torch.no_grad():
                w -= 0.1 * w.grad
        """
    )
    (gate,) = ran.record().gates
    assert numpy.flatnonzero(ran.array(gate.mask)).tolist() == [0]
    assert ran.array(gate.grad_after).tolist() == [[0.0, 0.5, 1.0, 1.0]]


def test_a_masked_store_into_numbers_that_are_all_nan_is_no_gate() -> None:
    ran = run(
        """
        import numpy as np
        w, x = np.full((3, 4), 1e200) * [1, 1, -1, 1], np.ones((2, 3))
        for step in range(1):
            h = x @ w
            a = np.maximum(h, 0)
            loss = (a * a).sum()
            g = (loss - loss) * a
            g[h < 0] = 0
            w -= 0.1 * (x.T @ g)
        """
    )
    assert ran.record().losses == [numpy.inf]
    assert [(gate.label, gate.op) for gate in ran.record().gates] == [("h", "maximum")]


def test_a_gate_that_is_too_large_to_be_compared_is_there_by_its_own_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch")
    monkeypatch.setattr(entries, "LIMIT", 8)
    ran = run(
        """
        import torch
        import torch.nn.functional as F
        w, small = torch.ones(1), torch.tensor([[-1.0, 2.0]])
        for t in range(1):
            h = torch.linspace(-4, 8, 13) * w
            y = F.gelu(h)
            z = small.clamp(min=0)
            loss = (y * 2).sum() + z.sum()
            w -= 0.1 * (2 * y).sum()
        """
    )
    record = ran.record()
    assert not record.faults and [(gate.label, gate.soft) for gate in record.gates] == [("h", True), ("small", False)]


def test_dropout_and_products_have_formulas_in_names() -> None:
    ran = run(
        """
        import torch
        import torch.nn.functional as F
        net = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Dropout(0.5))
        opt = torch.optim.SGD(net.parameters(), lr=0.1)
        for t in range(2):
            h = net(torch.ones(2, 3))
            z = F.dropout(h, 0.5)
            loss = z.sum()
            opt.zero_grad()
            loss.backward()
            opt.step()
        """
    )
    texts = [event.text for event in ran.events(1, "backward")]
    assert "∂L/∂h = ∂L/∂z ⊙ (other operand of z)" in texts
    assert "∂L/∂net.0 = ∂L/∂h ⊙ (mask of net.1)" in texts


def test_the_masking_of_a_gate_is_no_gate_though_only_negative_gradients_are_blocked() -> None:
    ran = run(
        """
        import numpy as np
        def relu(x):
            return (x > 0) * x
        def relu2deriv(output):
            return output > 0
        x, w, v = np.array([[1.0, -1.0]]), np.array([[1.0, 0.5], [0.2, 1.0]]), np.array([[2.0], [-3.0]])
        for t in range(1):
            h = relu(x.dot(w))
            error = h.dot(v)
            delta = error.dot(v.T) * relu2deriv(h)
            w -= 0.1 * x.T.dot(delta)
        """
    )
    assert [(gate.label, gate.grad_after is not None) for gate in ran.record().gates] == [("x.dot(w)", True)]


def test_an_element_that_is_put_back_to_0_is_no_gate() -> None:
    ran = run(
        """
        import numpy as np
        b = np.zeros(3)
        for t in range(1):
            grad = np.zeros(3)
            for index in np.ndindex(b.shape):
                old = b[index]
                b[index] = old - 0.5
                grad[index] = (((b - 1.0) ** 2).sum() - 3.0) / -0.5
                b[index] = old
            b -= 0.1 * grad
            loss = ((b - 1.0) ** 2).sum()
        """
    )
    assert ran.record().gates == []


@pytest.mark.parametrize(("place", "gates"), [("0", 0), ("u < 0", 1)])
def test_what_is_stored_at_places_that_are_written_out_is_no_gate_though_only_negative_numbers_were_there(
    place: str, gates: int
) -> None:
    """A boundary that is held at 0, a particle that is fixed."""
    ran = run(
        f"""
        import numpy as np
        w = np.array([[-0.5, -0.25], [0.75, 0.5]])
        for t in range(1):
            u = w * 0.5
            u[{place}] = 0.0
            loss = (u**2).sum()
            w -= 0.1 * u
        """
    )
    assert len(ran.record().gates) == gates


def test_what_is_multiplied_by_one_number_that_is_0_is_no_gate() -> None:
    ran = run(
        """
        import numpy as np
        w = np.array([0.1, -0.3, 0.2])
        for xi, target in zip(np.array([[-0.5, -1.0], [-2.0, -0.25]]), (-1, -1)):
            update = 0.1 * (target - np.where(np.dot(xi, w[1:]) + w[0] >= 5.0, 1, -1))
            w[1:] += update * xi
            w[0] += update
        """
    )
    assert ran.record(1).gates == []


def test_a_square_of_zeros_that_is_scaled_is_no_gate() -> None:
    ran = run(
        """
        import numpy as np
        x, y, h0 = np.ones((4, 3)), np.ones((4, 1)), np.zeros((4, 2))
        w, u, v = np.full((3, 2), 0.25), np.full((2, 2), 0.5), 0.0
        for t in range(2):
            z = x @ (0 * w)
            opened = (z > 0) * 1.0
            h = z * opened
            e = (h + x @ w + h0 @ u).sum(1, keepdims=True) - y
            loss = (e * e).sum()
            dz = 2 * e @ np.ones((1, 2)) * opened
            du = h0.T @ dz
            v = 0.9 * v + 0.1 * du * du
            w -= 0.01 * x.T @ (2 * e @ np.ones((1, 2)))
            u -= 0.01 * du / (np.sqrt(v) + 1e-7)
        """
    )
    assert [(gate.h.label, gate.line) for gate in ran.record(1).gates] == [("z", 8)], "though z is 0 as well"


def test_of_numbers_that_are_all_nan_only_a_mask_tells_of_a_gate() -> None:
    ran = run(
        """
        import numpy as np
        x, w = np.ones((4, 3)), np.full((3, 2), np.nan)
        for t in range(1):
            z = x @ w
            h = z * (z > 0)
            loss = (h * h).sum()
            g = 2 * w
            v = 0.1 * g * g
            known = np.where(np.isnan(g), 0, g)
            w = w - 0.01 * g / (np.sqrt(v) + 1e-8)
        """
    )
    assert [(gate.h.label, gate.line) for gate in ran.record().gates] == [("z", 6)]
