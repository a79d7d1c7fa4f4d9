"""What is a model's and what is the loss's, where one statement computes both."""

import textwrap

from stepper.program.program import Program, analyse


def analysed(source: str) -> Program:
    return analyse(textwrap.dedent(source), "s.py")


def phases(program: Program) -> dict[str, str]:
    """Phase by source text of a line."""
    lines = program.source.split("\n")
    return {lines[line - 1].strip(): phase for line, phase in program.lines.items()}


def expressions(program: Program) -> dict[str, str | None]:
    return {site.text: site.phase for site in program.sites if site.kind == "expression"}


LOOP = """
opt = torch.optim.SGD(net.parameters(), lr=0.1)
for x, y in loader:
    {loss}
    opt.zero_grad()
    loss.backward()
    opt.step()
"""
NET = """
import torch
from torch import nn
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(3, 1)
    def forward(self, x):
        h = self.fc(x)
        return h.relu()
net = Net()
"""


def test_a_criterion_of_the_scripts_own_is_loss_and_its_model_is_forward() -> None:
    own = """
class Distance(nn.Module):
    def forward(self, p, t):
        d = p - t
        return (d ** 2).mean()
criterion = Distance()
"""
    program = analysed(NET + own + LOOP.format(loss="loss = criterion(net(x), y)"))
    found = phases(program)
    assert found["loss = criterion(net(x), y)"] == found["d = p - t"] == found["return (d ** 2).mean()"] == "loss"
    assert found["h = self.fc(x)"] == found["return h.relu()"] == expressions(program)["net(x)"] == "forward"
    assert program.criteria == {"Distance"}


def test_a_function_that_computes_the_loss_with_the_model_inside() -> None:
    own = """
def objective(model, x, y):
    p = model(x)
    d = p - y
    return (d ** 2).mean()
"""
    found = phases(analysed(NET + own + LOOP.format(loss="loss = objective(net, x, y) / 2")))
    assert found["p = model(x)"] == found["h = self.fc(x)"] == "forward"
    assert found["d = p - y"] == found["return (d ** 2).mean()"] == "loss"


def test_a_model_that_returns_its_loss_is_forward_but_for_the_loss() -> None:
    source = """
import torch
from torch import nn
from torch.nn import functional as F
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(3, 2)
    def forward(self, x, y=None):
        logits = self.fc(x)
        if y is None:
            return logits, None
        loss = F.cross_entropy(logits, y)
        return logits, loss
net = Net()
"""
    program = analysed(source + LOOP.format(loss="out, loss = net(x, y)"))
    found = phases(program)
    assert found["logits = self.fc(x)"] == "forward"
    assert found["loss = F.cross_entropy(logits, y)"] == found["out, loss = net(x, y)"] == "loss"
    assert program.roles["out"] == program.roles["logits"] == "activation"
    assert program.roles["loss"] == "loss" and program.criteria == frozenset()


def test_calls_of_models_inside_a_loss_are_forward_and_criteria_are_not() -> None:
    library = "import torch\nfrom torch import nn\nnet, aim = nn.Linear(3, 1), None\nmodel = nn.Linear(3, 1)\n"
    source = (
        library + "mse = nn.MSELoss()\n" + LOOP.format(loss="loss = mse(model(x), y) + (model(y) - 1).abs().mean()")
    )
    found = expressions(analysed(source.replace("net.parameters", "model.parameters")))
    assert found["model(x)"] == found["model(y)"] == "forward"
    assert found["mse(model(x), y)"] == found["(model(y) - 1).abs()"] == "loss"


def test_layers_without_torch_are_forward_inside_a_loss() -> None:
    program = analysed(
        """
        import numpy as np
        class Dense:
            def __init__(self):
                self.W = np.ones((3, 2))
            def forward(self, x):
                self.x = x
                return x @ self.W
            def backward(self, grad):
                self.dW = self.x.T @ grad
        class Entropy:
            def forward(self, z, y):
                self.p = np.exp(z) / np.exp(z).sum()
                return -np.log(self.p[y]).mean()
        layer, criterion = Dense(), Entropy()
        for t in range(3):
            loss = criterion.forward(layer.forward(X), y)
            layer.backward(criterion.p - y)
            layer.W -= 0.1 * layer.dW
        """
    )
    found = phases(program)
    assert found["return x @ self.W"] == expressions(program)["layer.forward(X)"] == "forward"
    assert found["return -np.log(self.p[y]).mean()"] == "loss"


def test_a_slope_that_calls_the_activation_is_backward_where_no_loss_is_computed_either() -> None:
    program = analysed(
        """
        import numpy as np
        def squashed(z):
            return 1 / (1 + np.exp(-z))
        def slope_of(z):
            return squashed(z) * (1 - squashed(z))
        w, v = np.ones((3, 2)), np.ones((2, 1))
        for t in range(3):
            z = x @ w
            h = squashed(z)
            s = h @ v
            delta = (squashed(s) - y) * slope_of(s)
            slope = slope_of(z)
            dw = x.T @ (delta @ v.T * slope)
            v -= 0.1 * h.T @ delta
            w -= 0.1 * dw
        """
    )
    assert phases(program)["slope = slope_of(z)"] == "backward"


def test_parts_of_a_loss_are_losses() -> None:
    loss = "loss_a = (net(x) - y).pow(2).mean(); loss_b = net.fc.weight.norm(); loss = loss_a + loss_b"
    program = analysed(NET + LOOP.format(loss=loss.replace("; ", "\n    ")))
    assert program.roles["loss_a"] == program.roles["loss_b"] == "loss"
    assert phases(program)["loss_b = net.fc.weight.norm()"] == "loss"


def test_the_derivative_of_a_cost_is_no_loss() -> None:
    source = """
import numpy as np
def cost_derivative(a, y):
    return a - y
for x, y in data:
    a = w * x
    delta = cost_derivative(a, y) * 2
    w -= 0.1 * delta * x
"""
    assert phases(analysed(source))["delta = cost_derivative(a, y) * 2"] == "backward"


def test_a_generator_of_batches_is_forward_wherever_it_goes_on() -> None:
    own = "def batches():\n    while True:\n        x = torch.randn(4, 3)\n        yield x, x.sum(1)\n"
    own += "loader = batches()\n"
    program = analysed(NET + own + LOOP.format(loss="loss = (net(x) - y).pow(2).mean()"))
    own_phases = {site.text: site.phase for site in program.sites if site.kind == "statement" and site.function}
    assert own_phases["x = torch.randn(4, 3)"] == "forward"


def test_parameters_that_methods_hand_over_in_lists() -> None:
    program = analysed(
        """
        import torch
        class Linear:
            def __init__(self, i, o):
                self.weight, self.bias = torch.randn(i, o), torch.zeros(o)
            def __call__(self, x):
                self.out = x @ self.weight + self.bias
                return self.out
            def parameters(self):
                return [self.weight] + ([] if self.bias is None else [self.bias])
        layers = [Linear(3, 4), Linear(4, 1)]
        parameters = [p for layer in layers for p in layer.parameters()]
        for t in range(3):
            x = X
            for layer in layers:
                x = layer(x)
            loss = (x - Y).pow(2).mean()
            loss.backward()
            for p in parameters:
                p.data += -0.1 * p.grad
        """
    )
    assert program.roles["self.weight"] == program.roles["self.bias"] == program.roles["p"] == "parameter"
    assert program.roles["x"] == "activation"


def test_a_library_function_under_a_name_depends_on_all_it_is_given() -> None:
    source = (
        NET
        + """
import torch.nn.functional as F
loss_func = F.cross_entropy
def train(net, loss_func, loader):
    opt = torch.optim.SGD(net.parameters(), lr=0.1)
    for x, y in loader:
        loss = loss_func(net(x), y)
        loss.backward()
        opt.step()
train(net, loss_func, loader)
"""
    )
    assert analysed(source).roles["y"] == "data"


def test_a_model_that_an_object_keeps_makes_activations() -> None:
    source = (
        NET
        + """
class Trainer:
    def __init__(self, model, opt):
        self.model, self.opt = model, opt
    def run(self, loader):
        for x, y in loader:
            out = self.model(x)
            loss = (out - y).pow(2).mean()
            loss.backward()
            self.opt.step()
Trainer(net, torch.optim.SGD(net.parameters(), lr=0.1)).run(loader)
"""
    )
    assert analysed(source).roles["out"] == "activation"


def test_a_call_that_makes_the_whole_pass_is_where_it_begins_and_what_follows_is_behind_it() -> None:
    source = (
        NET
        + """
class Finder:
    def __init__(self, model, opt):
        self.model, self.opt, self.step = model, opt, 0
    def train_batch(self, x, y):
        self.opt.zero_grad()
        loss = (self.model(x) - y).pow(2).mean()
        loss.backward()
        self.limit()
        self.opt.step()
        return loss.item()
    def limit(self):
        for p in (self.model.fc.weight,):
            p.grad.clamp_(-1, 1)
    def run(self, loader):
        history = []
        for x, y in loader:
            loss = self.train_batch(x, y)
            history.append(loss + self.opt.param_groups[0]["lr"])
            self.step += 1
Finder(net, torch.optim.SGD(net.parameters(), lr=0.1)).run(loader)
"""
    )
    program = analysed(source)
    found = phases(program)
    assert found["loss = self.train_batch(x, y)"] == "forward" and found["self.opt.step()"] == "update"
    assert found["self.step += 1"] == found["return loss.item()"] == "update"
    assert {site.phase for site in program.sites if site.text == "p.grad.clamp_(-1, 1)"} == {None}  # its caller's


def test_an_optimizer_that_a_method_makes_steps_though_the_model_has_a_step() -> None:
    source = (
        NET.replace("net = Net()", "")
        + """
    def step(self, batch):
        x, y = batch
        return (self(x) - y).pow(2).mean()
    def training_step(self, batch):
        return self.step(batch)
    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)
def fit(model, loader):
    optimizer = model.configure_optimizers()
    for batch in loader:
        optimizer.zero_grad()
        loss = model.training_step(batch)
        loss.backward()
        optimizer.step()
fit(Net(), loader)
"""
    )
    found = phases(analysed(source))
    assert found["optimizer.step()"] == "update" and found["loss = model.training_step(batch)"] == "loss"


def test_what_is_done_for_a_model_inside_a_loss_is_forward() -> None:
    own = """
def augment(x):
    noise = torch.randn_like(x)
    return x + noise
"""
    program = analysed(NET + own + LOOP.format(loss="loss = (net(augment(x)) - y).pow(2).mean()"))
    assert expressions(program)["augment(x)"] == "forward"
    calls = {site.label: site.phase for site in program.sites if site.kind == "function"}
    assert calls["augment"] == calls["forward"] == "forward"


def test_a_librarys_model_inside_a_function_that_computes_a_loss() -> None:
    source = """
import torch
D = torch.nn.Linear(2, 1)
opt = torch.optim.SGD(D.parameters(), lr=0.1)
def penalty(x):
    mixed = x.requires_grad_(True)
    out = D(mixed)
    slopes = torch.autograd.grad(out.sum(), mixed, create_graph=True)[0]
    return ((slopes.norm(dim=1) - 1) ** 2).mean()
for x in loader:
    loss = D(x).mean() + 10 * penalty(x)
    opt.zero_grad()
    loss.backward()
    opt.step()
"""
    found = phases(analysed(source))
    assert found["out = D(mixed)"] == "forward"
    assert found["return ((slopes.norm(dim=1) - 1) ** 2).mean()"] == "loss"


def test_states_in_a_dict_that_begins_with_what_was_carried_are_activations() -> None:
    program = analysed(
        """
        import numpy as np
        for it in range(5):
            xs, hs = {}, {-1: h}
            loss = 0
            for t in range(3):
                xs[t] = X[it + t]
                hs[t] = np.tanh(W @ xs[t] + U @ hs[t - 1])
                loss += ((hs[t] - Y[t]) ** 2).sum()
            dW, dU = np.zeros_like(W), np.zeros_like(U)
            for t in reversed(range(3)):
                dh = 2 * (hs[t] - Y[t]) * (1 - hs[t] ** 2)
                dW += np.outer(dh, xs[t])
                dU += np.outer(dh, hs[t - 1])
            W -= 0.1 * dW
            U -= 0.1 * dU
            h = hs[2]
        """
    )
    assert program.roles["hs"] == "activation" and program.roles["xs"] == "data"
    assert program.roles["W"] == program.roles["U"] == "parameter"
