"""What an iteration updates, and what it only binds or counts."""

import pytest

from stepper.program.program import analyse
from tests.program.test_knowledge import labels, phases


def test_an_observation_that_is_bound_anew_is_no_parameter_beside_what_gradients_change() -> None:
    source = """\
import numpy as np
def step(action):
    return np.array([action, 1.0]), action
W, seen = np.ones(2), np.zeros(2)
while True:
    p = 1.0 / (1.0 + np.exp(-W @ seen))
    before = seen
    seen, reward = step(p)
    grad = before * (reward - p)
    W += 0.1 * grad
"""
    roles = analyse(source, "s.py").roles
    assert roles["W"] == "parameter" and roles["seen"] != "parameter"


def test_a_bias_that_only_a_condition_reads_is_a_parameter_and_a_counter_is_none() -> None:
    source = """
for epoch in range(3):
    for i, row in enumerate(X):
        condition = y[i] * (np.dot(row, w) - b) >= 1
        seen += 1
        if condition or seen > limit:
            w -= lr * (2 * lam * w)
        else:
            w -= lr * (2 * lam * w - row * y[i])
            b -= lr * y[i]
            wrong += 1
"""
    program = analyse("import numpy as np\n" + source, "s.py")
    assert labels(program, "parameter") == {"w", "b"}
    found = phases(program)
    assert found["b -= lr * y[i]"] == found["w -= lr * (2 * lam * w)"] == "update"
    assert found["condition = y[i] * (np.dot(row, w) - b) >= 1"] == "forward"


def test_the_data_of_parameters_in_an_optimizers_list_steps_by_what_it_keeps_of_gradients() -> None:
    """Through operators that are registered while the script runs nobody sees the loss depend on them."""
    source = """
import numpy as np
class Adam:
    def __init__(self, params):
        self.params, self.lr, self.b1 = params, 0.1, 0.9
        self.m = [np.zeros_like(p.data) for p in params]
    def step(self):
        for i, p in enumerate(self.params):
            self.m[i] = self.b1 * self.m[i] + (1 - self.b1) * p.grad
            p.data -= self.lr * self.m[i]
net, optim = Net(), Adam(net.parameters())
for t in range(3):
    loss = net.forward(x).mul(y).mean()
    loss.backward()
    optim.step()
"""
    program = analyse(source, "s.py")
    assert "p.data" in labels(program, "parameter") and "self.m" not in labels(program, "parameter")


def test_an_optimizer_of_ones_own_steps_what_a_named_list_holds() -> None:
    source = """
class SGD:
    def __init__(self, params, lr): self.params, self.lr = params, lr
    def step(self, grads):
        for p, g in zip(self.params, grads):
            p -= self.lr * g
params = [w, b]
optimizer = SGD(params, 0.1)
for t in range(3):
    error = x @ w + b - y
    loss = (error ** 2).mean()
    dw, db = x.T @ error, error.sum(0)
    optimizer.step([dw, db])
"""
    program = analyse(source, "s.py")
    assert {"w", "b", "p"} <= labels(program, "parameter") and phases(program)["p -= self.lr * g"] == "update"


def test_a_target_network_that_goes_after_the_parameters_is_updated() -> None:
    source = """
import torch
net, target = torch.nn.Linear(2, 2), torch.nn.Linear(2, 2)
opt = torch.optim.SGD(net.parameters(), lr=0.1)
for t in range(5):
    loss = (net(x) - target(x).detach()).pow(2).mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
    new, old = net.state_dict(), target.state_dict()
    for key in new:
        old[key] = 0.1 * new[key] + 0.9 * old[key]
    target.load_state_dict(old)
"""
    found = phases(analyse(source, "s.py"))
    assert found["new, old = net.state_dict(), target.state_dict()"] == "update"
    assert found["old[key] = 0.1 * new[key] + 0.9 * old[key]"] == "update"


def test_a_number_that_follows_what_the_stepped_models_give_is_no_parameter() -> None:
    source = """
import torch
net = torch.nn.Linear(3, 3)
optimizer = torch.optim.SGD(net.parameters())
balance = 0.0
for i in range(3):
    def score(x):
        inner = net(x)
        return (x - inner).abs().mean()
    loss = score(real) - balance * score(fake)
    loss.backward()
    optimizer.step()
    balance = balance + 0.1 * (score(real) - score(fake)).item()
"""
    program = analyse(source, "s.py")
    assert "balance" not in labels(program, "parameter")
    assert phases(program)["inner = net(x)"] == "forward"


def test_a_script_that_is_one_iteration_makes_its_parameters_itself_and_takes_its_step() -> None:
    by_hand = """
import numpy as np
x, y, total = np.ones((4, 3)), np.ones((4, 1)), 0.0
w, b = np.ones((3, 1)), np.zeros(1)
y_pred = x @ w + b
loss = ((y_pred - y) ** 2).mean()
total += loss
grad_y = 2 * (y_pred - y) / 4
grad_w = x.T @ grad_y
grad_w += 0.1 * w
w -= 0.1 * grad_w
b = b - 0.1 * grad_y.sum(0)
"""
    by_autograd = """
import torch
x, y = torch.ones(4, 3), torch.ones(4, 1)
w, b = torch.ones(3, 1, requires_grad=True), torch.zeros(1, requires_grad=True)
loss = ((x @ w + b - y) ** 2).mean()
loss.backward()
with torch.no_grad():
    w -= 0.1 * w.grad
    b.sub_(b.grad, alpha=0.1)
"""
    for source in (by_hand, by_autograd):
        program = analyse(source, "s.py", loop="none")
        assert labels(program, "parameter") == {"w", "b"}
        found = phases(program)
        steps = {text for text, phase in found.items() if phase == "update"}
        assert {text.split()[0] for text in steps - {"with torch.no_grad()"}} <= {"w", "b", "b.sub_(b.grad,", "with"}
        assert any(text.startswith("w -=") for text in steps)
    assert phases(analyse(by_hand, "s.py", loop="none"))["grad_w += 0.1 * w"] == "backward"


@pytest.mark.parametrize(
    ("subject", "guard"),
    [("p.grad", "rate > 0"), ("p.grad", "(g := g) is not None"), ("p", "(g := g.grad) is not None")],
)
def test_a_step_by_what_a_pattern_captured_or_its_guard_bound_is_one(subject: str, guard: str) -> None:
    source = """
import torch
class Optimizer:
    def __init__(self, params):
        self.params = list(params)
    def step(self):
        for p in self.params:
            match SUBJECT, 0.1:
                case None, _:
                    continue
                case (torch.Tensor() as g), rate if GUARD:
                    p.data -= rate * g
net = torch.nn.Linear(3, 1)
optimizer = Optimizer(net.parameters())
def best():
    least = 9.0
    while True:
        loss = yield least
        least = min(least, loss)
for x in batches:
    loss = net(x).square().mean()
    loss.backward()
    optimizer.step()
"""
    program = analyse(source.replace("SUBJECT", subject).replace("GUARD", guard), "s.py")
    assert program.loop is not None and program.loop.text == "for x in batches"
    assert phases(program)["p.data -= rate * g"] == "update" and "p.data" in labels(program, "parameter")


ADVERSARIES = """\
import torch
from torch import nn
G, D, E = nn.Linear(4, 2), nn.Linear(2, 1), nn.Linear(4, 2)
og, od = torch.optim.Adam(G.parameters()), torch.optim.Adam(D.parameters())
c = 0.05
for i, real in enumerate(batches):
    D.bias.data.clamp_(-0.2, 0.2)
    loss_d = D(G(torch.randn(8, 4)).detach()).mean() - D(real).mean()
    od.zero_grad()
    loss_d.backward()
    od.step()
    for p in D.parameters():
        p.data.clamp_(-c, c)
    for p in D.parameters():
        p.data = p.data.clamp(-c, c)
    D.weight.data /= D.weight.data.norm()
    for p in D.parameters():
        p.requires_grad_(False)
    real.mul_(0.5)
    loss_g = -D(G(torch.randn(8, 4))).mean() - D(real).mean()
    og.zero_grad()
    loss_g.backward()
    og.step()
    for p in G.parameters():
        p.data.mul_(0.99)
    for s, t in zip(G.parameters(), E.parameters()):
        t.data.mul_(0.9).add_(0.1 * s.data)
"""


def test_weights_that_are_clipped_decayed_or_normed_before_another_loss_are_updated() -> None:
    program = analyse(ADVERSARIES, "s.py")
    assert labels(program, "parameter") >= {"D", "s", "s.data"}, "those of D, and those of G"
    found = phases(program)
    for text in (
        "D.bias.data.clamp_(-0.2, 0.2)",
        "p.data.clamp_(-c, c)",
        "p.data = p.data.clamp(-c, c)",
        "D.weight.data /= D.weight.data.norm()",
        "p.data.mul_(0.99)",
        "t.data.mul_(0.9).add_(0.1 * s.data)",
    ):
        assert found[text] == "update", text
    assert found["real.mul_(0.5)"] == "forward"


def test_what_a_batch_does_to_a_parameter_before_its_loss_is_the_forward_passes_own() -> None:
    source = """\
import torch
net, state = torch.nn.Linear(3, 3), torch.zeros(5, 3, requires_grad=True)
optimizer = torch.optim.SGD([*net.parameters(), state], 0.1)
for x, y in batches:
    state.data.add_(0.1 * x)
    loss = (net(x + state) - y).square().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""
    assert phases(analyse(source, "s.py"))["state.data.add_(0.1 * x)"] == "forward"


def test_only_what_changes_values_is_an_update() -> None:
    source = ADVERSARIES.replace("D.bias.data.clamp_(-0.2, 0.2)", "D.bias.requires_grad_()")
    assert phases(analyse(source, "s.py"))["D.bias.requires_grad_()"] == "forward"


def test_by_hand_weights_that_are_bound_anew_behind_the_step_are_updated_and_statistics_are_not() -> None:
    source = """\
import numpy as np
w, mean = np.ones(3), np.zeros(3)
for x, y in batches:
    mean = 0.9 * mean + 0.1 * x.mean(0)
    error = (x - mean) @ w - y
    loss = (error ** 2).mean()
    dw = x.T @ error
    w -= 0.1 * dw
    w *= 0.99
    w = np.clip(w, -0.5, 0.5)
    norm = np.linalg.norm(w)
    w = w / norm
    validated = (((z - mean) @ w - t) ** 2).mean()
"""
    program = analyse(source, "s.py")
    found = phases(program)
    assert found["w *= 0.99"] == found["w = np.clip(w, -0.5, 0.5)"] == found["w = w / norm"] == "update"
    assert found["mean = 0.9 * mean + 0.1 * x.mean(0)"] == "forward"
    assert labels(program, "parameter") == {"w"}


@pytest.mark.parametrize(
    ("index", "change", "behind"),
    [
        ("t % 6", "row -= 0.1 * g", "norm = (row ** 2).sum()"),  # one number: a row, whatever is done with it
        ("int(ids[t])", "row[:] = row - 0.1 * g", "norm = (row ** 2).sum()"),
        ("rng.integers(6)", "np.subtract(row, 0.1 * g, out=row)", "norm = (row ** 2).sum()"),
        ("ids[t]", "row -= 0.1 * g", "t"),  # and what is read no more
        ("ids[t]", "row[0] -= 0.1 * g[0]", "row = None"),
    ],
)
def test_a_row_that_is_changed_under_its_own_name_changes_the_table(index: str, change: str, behind: str) -> None:
    program = analyse(_with_rows(f"i = {index}", change, behind), "s.py")
    assert "table" in labels(program, "parameter") and phases(program)[change] == "update"


@pytest.mark.parametrize("change", ["row += 0.1 * x", "row -= row.mean()"])
def test_rows_that_a_computed_array_picks_are_the_passes_own_where_they_are_read_on(change: str) -> None:
    program = analyse(_with_rows("i = ids[x > 0]", "bias -= 0.1 * g", "t", forward=change), "s.py")
    assert labels(program, "parameter") == {"bias"} and phases(program)[change] == "forward"


def _with_rows(pick: str, change: str, behind: str, forward: str = "t") -> str:
    return f"""
import numpy as np
rng = np.random.default_rng(0)
table, ids, bias, target, x = rng.normal(size=(6, 3)), np.array([0, 2, 4]), np.zeros(3), np.ones(3), np.ones(3)
for t in range(3):
    {pick}
    row = table[i]
    {forward}
    e = row + bias - target
    loss = (e ** 2).sum()
    g = 2 * e
    {change}
    {behind}
"""


def test_a_chain_of_samples_beside_what_an_optimizer_steps_is_no_parameter_nor_the_loop_that_moves_it() -> None:
    source = """
import torch
mu, chain, kept = torch.zeros(2, requires_grad=True), torch.randn(8, 2), [torch.randn(2) for _ in range(8)]
opt = torch.optim.SGD([mu], lr=0.1)
def energy(x):
    return ((x - mu) ** 2).sum()
def langevin(x, steps):
    for _ in range(steps):
        x = x.detach().requires_grad_(True)
        (g,) = torch.autograd.grad(energy(x), x)
        with torch.no_grad():
            x -= 0.1 * g
    return x.detach()
for t in range(5):
    START
    difference = energy(data) - energy(chain)
    opt.zero_grad()
    difference.backward()
    opt.step()
"""
    own = analyse(source.replace("START", "chain = langevin(chain, 3)"), "s.py")
    buffer = "chain = langevin(torch.stack(kept), 3)\n    for i, x in enumerate(chain):\n        kept[i] = x"
    buffered = analyse(source.replace("START", buffer), "s.py")
    for program in (own, buffered):
        assert program.loop is not None and program.loop.text.startswith("for t")
        assert labels(program, "parameter") == {"mu"} and phases(program)["x -= 0.1 * g"] == "forward"
    assert phases(buffered)["kept[i] = x"] == "forward"


def test_a_loss_that_a_condition_asks_for_alone_is_only_tried() -> None:
    source = """
import numpy as np
def loss_of(x):
    return np.mean((A @ x - b) ** 2)
x, H = np.zeros(4), np.eye(4)
g = 2 * A.T @ (A @ x - b)
for k in range(8):
    loss = loss_of(x)
    p = -H @ g
    a = 1.0
    while loss_of(x + a * p) > loss:
        a *= 0.5
    s = a * p
    x = x + s
    new_grad = 2 * A.T @ (A @ x - b)
    H = H + np.outer(s, new_grad - g)
    g = new_grad
"""
    program = analyse(source, "s.py")
    assert labels(program, "parameter") == {"x"} and phases(program)["p = -H @ g"] == "update"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ('u = kept["u"]', "u = 0.9 * u + 0.1 * g"),
        ('u, n = kept["u"], 0', "u = 0.9 * u"),
        ('m = 0.9 * kept["u"]', "u = m + g"),
    ],
)
def test_a_running_sum_that_a_dict_keeps_is_an_optimizers_state_under_a_name_of_its_own_too(
    first: str, second: str
) -> None:
    source = f"""
import numpy as np
w, kept = np.zeros(3), {{"u": np.zeros(3)}}
for t in range(12):
    e = x @ w - y
    loss = (e ** 2).mean()
    g = 2 * x.T @ e
    {first}
    {second}
    u = u + 0.0 * g
    kept["u"] = u
    w -= 0.1 * u
"""
    program = analyse(source, "s.py")
    assert program.roles["u"] == "other" and labels(program, "parameter") == {"w"}
    assert {phases(program)[first], phases(program)[second]} == {"update"} and phases(program)[
        "g = 2 * x.T @ e"
    ] == "backward"


@pytest.mark.parametrize("step", ["np.copyto(w, w - lr * slope)", "np.subtract(w, lr * slope, out=w)"])
def test_what_a_function_writes_into_a_parameter_that_it_read_is_its_step(step: str) -> None:
    source = f"""
import numpy as np
w, b, lr = np.zeros(3), np.zeros(1), 0.1
for t in range(12):
    e = x @ w + b - y
    loss = (e ** 2).mean()
    db = 2 * e.mean()
    slope = 2 * x.T @ e
    b -= lr * db
    {step}
"""
    program = analyse(source, "s.py")
    assert labels(program, "parameter") == {"w", "b"} and phases(program)[step] == "update"


def test_a_copy_of_a_row_that_is_made_ahead_of_the_steps_is_a_parameters_and_no_gradient() -> None:
    source = """
import numpy as np
U, V = np.ones((4, 3)), np.ones((5, 3))
for u, i, r in ratings:
    p, q = U[u], V[i]
    err = r - p @ q
    loss = err ** 2
    old = p.copy()
    p += 0.1 * err * q
    q += 0.1 * err * old
"""
    assert analyse(source, "s.py").roles["old"] == "parameter"


def test_what_is_read_by_the_second_name_of_a_pair_is_no_parameter() -> None:
    source = """
import numpy as np
class Layer:
    def __init__(self):
        self.W, self.fromW = np.ones((3, 2)), np.zeros((3, 2))
layer, kept = Layer(), {}
for t in range(5):
    out = x @ layer.W
    loss = ((out - y) ** 2).sum()
    layer.fromW = x.T @ (2 * (out - y))
    for name, other in (("W", "fromW"),):
        current = getattr(layer, other)
        v = 0.9 * kept.get(name, 0.0) - 0.01 * current
        kept[name] = v
        setattr(layer, name, getattr(layer, name) + v)
"""
    assert analyse(source, "s.py").roles["current"] == "gradient"


@pytest.mark.parametrize("name", ["do", "dout", "slope"])
def test_what_one_gradient_is_made_of_takes_a_step_too_whatever_it_is_called(name: str) -> None:
    source = """
import numpy as np
for t in range(2):
    h = np.tanh(w1 @ x)
    e = w2 @ h + b2 + c - y
    loss = (e * e).sum()
    out = 2 * e
    dw2 = np.outer(out, h)
    whole = out.sum()
    seen = 0.9 * seen + 0.1 * h
    b2 -= 0.01 * out
    w2 -= 0.02 * dw2
    c -= 0.03 * max(-0.1, min(0.1, whole))
"""
    program = analyse(source.replace("out", name), "s.py")
    assert labels(program, "parameter") == {"b2", "w2", "c"}
    assert phases(program)[f"b2 -= 0.01 * {name}"] == "update" and program.roles[name] == "gradient"


@pytest.mark.parametrize("step", ["b -= 0.1 * 2 * (p - y).mean()", "b = b - 0.1 * (p - y).mean()"])
def test_what_goes_as_far_as_a_gradients_step_by_a_rate_that_is_written_out_is_a_parameter(step: str) -> None:
    source = f"""
import numpy as np
for t in range(5):
    p = x @ w / scale + b
    loss = ((p - y) ** 2).mean()
    dw = x.T @ (p - y)
    w -= 0.1 * dw
    {step}
    scale += 0.1 * (abs(p).max() - scale)
"""
    assert labels(analyse(source, "s.py"), "parameter") == {"w", "b"}
