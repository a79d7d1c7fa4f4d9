"""Gradients against finite differences, where a part of the loss comes of the parameters without gradients."""

from pathlib import Path

import pytest

from stepper.session.check.cuts import Cuts
from stepper.session.check.gradient_check import Verdict
from tests.engines.recorded import run_recorded
from tests.engines.scripts import script as scripted
from tests.session.checks import TWICE, named, opened, verdicts


@pytest.mark.parametrize(
    ("target", "cut"),
    [
        ("(0.9 * head(h)).detach()", True),
        ("(0.9 * head(h)).detach_()", True),
        ("0.9 * torch.tensor(head(h).tolist(), dtype=h.dtype)", True),
        ("0.9 * head(h)", False),
    ],
)
def test_what_differs_where_the_graph_is_cut_on_purpose_is_no_mistake(tmp_path: Path, target: str, cut: bool) -> None:
    text = f"""
import torch
from torch import nn
torch.manual_seed(0)
net, head = nn.Linear(3, 4).double(), nn.Linear(4, 1).double()
opt = torch.optim.SGD([*net.parameters(), *head.parameters()], lr=0.1)
x, y = torch.randn(8, 3).double(), torch.randn(8, 1).double()
for t in range(3):
    h = net(x).tanh()
    target = {target}
    loss = ((head(h) - y - target) ** 2).mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
    print(loss.detach().item())
"""
    with opened(tmp_path, text) as run:
        found = run.check(1, entries=1)
    assert set(verdicts(found).values()) == {Verdict.AGREES}
    assert all(cut is ("line 10 cuts the graph (" in each.note) for each in found.parameters)


@pytest.mark.parametrize(("factor", "verdict"), [("", Verdict.AGREES), ("3 * ", Verdict.DIFFERS)])
def test_a_first_order_gradient_that_is_returned_is_no_mistake(tmp_path: Path, factor: str, verdict: Verdict) -> None:
    text = f"""
import torch
torch.manual_seed(0)
w = torch.randn(3, dtype=torch.float64, requires_grad=True)
opt = torch.optim.SGD([w], lr=0.05)
x = torch.randn(8, 3).double()
y = x.sum(1)
for t in range(3):
    inner = ((x[:4] @ w - y[:4]) ** 2).mean()
    (g,) = torch.autograd.grad(inner, [w])
    loss = ((x[4:] @ (w - 0.1 * g) - y[4:]) ** 2).mean()
    w.grad = {factor}torch.autograd.grad(loss, [w])[0]
    opt.step()
"""
    with opened(tmp_path, text) as run:
        (found,) = run.check(1, entries=1).parameters
    assert found.verdict is verdict
    assert ("the gradient without what is cut off" in found.note) is (verdict is Verdict.AGREES)


def test_a_cut_that_does_not_lie_between_a_parameter_and_the_loss_hides_no_mistake_of_it(tmp_path: Path) -> None:
    text = (
        TWICE.format(factor=3)
        + """
from torch import nn
torch.manual_seed(0)
teacher, net, x = nn.Linear(3, 2).double(), nn.Linear(3, 2).double(), torch.randn(8, 3).double()
opt = torch.optim.SGD([*net.parameters(), *teacher.parameters()], lr=0.1)
for t in range(3):
    with torch.no_grad():
        target = teacher(x)
    loss = (Twice.apply(net(x)) - target - teacher(x)).square().mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
"""
    )
    with opened(tmp_path, text) as run:
        found = named(run.check(1, entries=1))
    assert {name: each.verdict for name, each in found.items()} == {
        "net.weight": Verdict.DIFFERS,
        "net.bias": Verdict.DIFFERS,
        "teacher.weight": Verdict.AGREES,
        "teacher.bias": Verdict.AGREES,
    }
    assert "no_grad()" in found["teacher.bias"].note


@pytest.mark.parametrize("number", ["value.item()", "float(value)", "baseline(value)", "(1j * value).item().imag"])
def test_a_number_taken_out_of_the_graph_and_reckoned_with_is_a_cut(tmp_path: Path, number: str) -> None:
    text = f"""
import torch
from torch import nn
def baseline(value):
    return value.item()
torch.manual_seed(0)
net = nn.Linear(3, 2).double()
opt = torch.optim.SGD(net.parameters(), lr=0.01)
x, returns = torch.randn(6, 3).double(), torch.randn(6).double()
for t in range(2):
    losses = []
    for row, R in zip(x, returns):
        score, value = net(row)
        advantage = R - {number}
        losses.append((value - R) ** 2 - torch.tanh(score) * advantage)
    opt.zero_grad()
    loss = torch.stack(losses).sum()
    loss.backward()
    opt.step()
"""
    with opened(tmp_path, text) as run:
        found = run.check(1, entries=1)
    assert set(verdicts(found).values()) == {Verdict.AGREES}
    assert all("cuts the graph" in each.note for each in found.parameters)


# The layer's parts that change with its weights, and through which no gradient goes
STATES = {
    "power iteration": "layer = nn.utils.spectral_norm(nn.Linear(3, 4))",
    "buffer": """
class Centred(nn.Linear):
    def forward(self, x):
        h = super().forward(x)
        with torch.no_grad():
            middle.mul_(0.5).add_(0.5 * h.mean(0))
        return h - middle
middle = torch.zeros(4)
layer = Centred(3, 4)
""",
}


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("factor", [2, 3])
def test_what_a_layer_keeps_without_gradients_accuses_none_and_hides_no_mistake(
    tmp_path: Path, state: str, factor: int
) -> None:
    text = f"""
import torch
from torch import nn
torch.manual_seed(0)
torch.set_default_dtype(torch.float64)
{STATES[state]}
{TWICE.format(factor=factor)}
opt = torch.optim.SGD(layer.parameters(), lr=0.1)
x, y = torch.randn(8, 3), torch.randn(8, 4)
for t in range(2):
    loss = (Twice.apply(layer(x)).tanh() - y).square().mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
"""
    with opened(tmp_path, text) as run:
        found = run.check(1, entries=1)
    right = Verdict.AGREES if factor == 2 else Verdict.DIFFERS
    assert set(verdicts(found).values()) == {right}
    assert right is Verdict.DIFFERS or any("comes of it without gradients" in each.note for each in found.parameters)


def test_a_change_in_place_that_the_graph_does_not_know_of_is_a_mistake(tmp_path: Path) -> None:
    """What is detached has its memory in common with what goes on to the loss: held, it would be another pass."""
    text = """
import torch
torch.manual_seed(0)
w = torch.randn(3, 4, dtype=torch.float64, requires_grad=True)
x, y = torch.randn(8, 3, dtype=torch.float64), torch.randn(8, 4, dtype=torch.float64)
for t in range(2):
    h = x @ w
    h.detach().mul_(h.detach().norm())
    loss = (h - y).square().mean()
    loss.backward()
    with torch.no_grad():
        w -= 0.01 * w.grad
        w.grad = None
"""
    with opened(tmp_path, text) as run:
        (found,) = run.check(0, entries=1).parameters
    assert found.verdict is Verdict.DIFFERS


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        (
            """
        import numpy as np
        w = np.array([1.0, 2.0])
        for t in range(3):
            grad = 2 * w
            w -= 0.1 * grad
            loss = (w ** 2).sum()
        """,
            Verdict.UNKNOWN,
        ),
        (
            """
        import torch
        w = torch.tensor([1.0, 2.0], requires_grad=True)
        optimizer = torch.optim.SGD([w], lr=0.1)
        for t in range(3):
            (w ** 3).sum().backward()
            with torch.no_grad():
                for p in optimizer.param_groups[0]["params"]:
                    there = p.clone()
                    p.add_(p.grad)  # to where the loss is worse, for one pass
            optimizer.zero_grad()
            loss = (w ** 3).sum()
            loss.backward()
            with torch.no_grad():
                for p in optimizer.param_groups[0]["params"]:
                    p.copy_(there)
            optimizer.step()
            optimizer.zero_grad()
        """,
            Verdict.AGREES,
        ),
    ],
)
def test_of_what_is_updated_before_the_loss_is_known_autograds_gradient_is_told(
    tmp_path: Path, text: str, verdict: Verdict
) -> None:
    """By the loss with the step to there held as it was; by hand nothing tells what belongs to a step."""
    with opened(tmp_path, text) as run:
        (found,) = run.check(1, entries=1).parameters
    assert found.verdict is verdict and found.note.startswith("w is updated before")


LOSSES_BEHIND = """
import numpy as np
from operator import methodcaller
x = np.arange(12.0).reshape(6, 2) / 10
y = np.linspace(-1, 1, 6)
rows = 6
class Model:
    def predict(self):
        return x @ self.w
    def step(self):
        self.w -= 0.1 * self.dw
        return y - self.predict()
def mse(e):
    return (e ** 2).sum() / len(y)
def deep(e, n):
    return deep(e, n - 1) if n else mse(e)
net = Model()
net.w = np.array([0.5, -0.25])
predict = methodcaller("predict")
for t in range(3):
    error = y - net.predict()
    net.dw = -2 * x.T @ error / len(x)
    {0}
    loss = {1}
"""


@pytest.mark.parametrize(
    ("step", "loss", "verdict"),
    [
        ("net.w -= 0.1 * net.dw", "np.mean(np.square(error))", Verdict.AGREES),
        ("net.w -= 0.1 * net.dw", "mse(error)", Verdict.AGREES),
        ("net.w -= 0.1 * net.dw", "deep(error, 600)", Verdict.AGREES),
        ("net.w -= 0.1 * net.dw; late = np.abs(error)", "np.sum(late * late) / x.shape[0]", Verdict.AGREES),
        ("net.w -= 0.1 * net.dw", "(1 / rows) * np.sum(np.multiply(error**2, 1 + error))", Verdict.DIFFERS),
        ("net.w -= 0.1 * net.dw", "mse(y - net.predict())", Verdict.UNKNOWN),
        ("net.w -= 0.1 * net.dw", "mse(y - predict(net))", Verdict.UNKNOWN),
        ("net.w -= 0.1 * net.dw", "np.mean(error ** 2) + 0.1 * np.sum(net.w ** 2)", Verdict.UNKNOWN),
        ("net.w -= 0.1 * net.dw; error = y - x @ net.w", "mse(error)", Verdict.UNKNOWN),
        ("error = net.step()", "mse(error)", Verdict.UNKNOWN),
    ],
)
def test_a_loss_that_is_made_of_an_error_from_before_the_update_does_not_change_with_it(
    tmp_path: Path, step: str, loss: str, verdict: Verdict
) -> None:
    with opened(tmp_path, LOSSES_BEHIND.format(step, loss)) as run:
        (found,) = run.check(1, entries=1).parameters
    assert found.verdict is verdict
    assert ("updated before the loss" in found.note) is (verdict is Verdict.UNKNOWN)


def test_a_gradient_that_a_term_of_the_loss_has_no_part_in_differs(tmp_path: Path) -> None:
    text = """
import torch
from torch import nn
torch.manual_seed(0)
net, x, y = nn.Linear(3, 2).double(), torch.randn(8, 3).double(), torch.randn(8, 2).double()
opt = torch.optim.SGD(net.parameters(), lr=0.1)
for t in range(3):
    penalty = net.weight.detach().pow(2).sum()
    loss = (net(x) - y).square().mean() + 0.1 * penalty
    opt.zero_grad()
    loss.backward()
    opt.step()
"""
    with opened(tmp_path, text) as run:
        found = named(run.check(1, entries=1))
    assert [each.verdict for each in found.values()] == [Verdict.DIFFERS, Verdict.AGREES]
    said = (
        "line 9: no gradient goes back through 0.1 * penalty, a term of the loss: it is cut off on line 8 (net.weight)"
    )
    assert found["net.weight"].note == said


def test_a_term_that_is_made_of_nobody_knows_what_accuses_nothing_that_another_cut_explains(tmp_path: Path) -> None:
    text = """
import torch
from torch import nn
torch.manual_seed(0)
pi, v = nn.Linear(3, 2).double(), nn.Linear(3, 1).double()
opt = torch.optim.SGD([*pi.parameters(), *v.parameters()], lr=0.1)
x, r, a = torch.randn(5, 3).double(), torch.rand(5).double(), torch.tensor([0, 1, 1, 0, 1])
for t in range(2):
    d = torch.distributions.Categorical(logits=pi(x))
    value = v(x).squeeze(1)
    advantage = r - value.detach()
    loss = (value - r).square().mean() - (d.log_prob(a) * advantage).mean() - d.entropy().mean().item()
    opt.zero_grad()
    loss.backward()
    opt.step()
"""
    with opened(tmp_path, text) as run:
        found = named(run.check(1, entries=1))
    assert {name: each.verdict for name, each in found.items()} == {
        "pi.weight": Verdict.DIFFERS,
        "pi.bias": Verdict.DIFFERS,
        "v.weight": Verdict.UNKNOWN,
        "v.bias": Verdict.UNKNOWN,
    }
    assert all("d.entropy().mean(), a term of the loss" in each.note for each in found.values())


HIDDEN = """
    net = nn.Linear(3, 2)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    x = torch.randn(8, 3)
    for t in range(2):
        {cut}
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    """


@pytest.mark.parametrize(
    ("cut", "told"),
    [
        ("some = torch.distributions.Normal(net(x), 1.0); loss = net(x).sum() + some.mean.detach().sum()", True),
        ("with torch.no_grad(): at = net(x).argmin(1)\n        loss = net(x)[range(8), at].sum()", False),
    ],
)
def test_the_one_line_that_cuts_the_graph_is_known(cut: str, told: bool) -> None:
    record = run_recorded(scripted(HIDDEN.format(cut=cut))).records[1]
    assert Cuts(record).only == "line 9 cuts the graph (.detach())" * told


def test_a_cut_of_what_was_gathered_in_a_list_lies_behind_what_its_members_are_made_of() -> None:
    cut = """some, other = [], net(x).argmin(1).tolist()
        for row in x:
            some.append(net(row)[0])
        some = torch.stack(some)
        loss = (some * (1 - some.detach())).sum()"""
    record = run_recorded(scripted(HIDDEN.format(cut=cut))).records[1]
    said = [Cuts(record).between(parameter) for parameter in record.parameters]
    assert said == ["line 13 cuts the graph (.detach())"] * 2


@pytest.mark.start("anew")
def test_what_is_detached_is_held_without_loading_a_compiler(tmp_path: Path) -> None:
    """Each copy of the process would do so anew, and a pass of milliseconds take seconds."""
    text = """
import sys
import torch
torch.manual_seed(0)
x, w = torch.randn(8, 3).double(), torch.randn(3).double().requires_grad_()
for t in range(2):
    h = (x @ w).tanh()
    with torch.no_grad():
        target = 0.9 * h + 1
    if "torch._dynamo" in sys.modules:
        raise RuntimeError("a compiler was loaded")
    loss = ((h - target) ** 2).mean()
    loss.backward()
    with torch.no_grad():
        w -= 0.1 * w.grad
        w.grad = None
"""
    with opened(tmp_path, text) as run:
        (found,) = run.check(1, entries=1).parameters
    assert (found.verdict, found.note[:24]) == (Verdict.AGREES, "line 8 cuts the graph (n")


def test_of_a_gradient_that_a_backward_hands_on_as_it_came_it_is_said(tmp_path: Path) -> None:
    text = """
import torch
torch.manual_seed(0)
class Clamp(torch.autograd.Function):
    @staticmethod
    def forward(ctx, a):
        return a.clamp(-0.5, 0.5)
    @staticmethod
    def backward(ctx, g):
        return g
class Tanh(torch.autograd.Function):
    @staticmethod
    def forward(ctx, a):
        ctx.save_for_backward(a)
        return a.tanh()
    @staticmethod
    def backward(ctx, g):
        (a,) = ctx.saved_tensors
        return g * (1 - a * a)
x, y = torch.randn(8, 3).double(), torch.randn(8, 2).double()
w, v = (torch.randn(3, 2).double().requires_grad_() for _ in range(2))
for t in range(2):
    loss = (Clamp.apply(x @ w) + Tanh.apply(x @ v) - y).square().mean()
    loss.backward()
    with torch.no_grad():
        for p in (w, v):
            p -= 0.1 * p.grad
            p.grad = None
"""
    with opened(tmp_path, text) as run:
        found = named(run.check(1, entries=1))
    assert {each.verdict for each in found.values()} == {Verdict.DIFFERS}
    assert "the backward of Clamp (line 9) hands its gradient on as it came" in found["w"].note
    assert not found["v"].note
