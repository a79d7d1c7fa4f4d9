"""What a forward pass by hand keeps of itself, and the losses it makes, beside the parameters."""

import textwrap

from stepper.program.program import analyse
from tests.program.test_knowledge import program_of


def test_running_statistics_and_masks_of_a_second_network_are_no_parameters() -> None:
    """Beside steps by gradients, what a forward pass keeps of itself is none, though the next network's pass begins
    with parameters that were stepped."""
    roles = program_of("two_networks_by_hand").roles
    assert {label for label, role in roles.items() if role == "parameter"} >= {"self.params", "params", "self.gamma"}
    for label in ("self.running_mean", "self.running_var", "self.mask", "self.x", "self.xn"):
        assert roles[label] == "activation", label


def test_a_sum_of_losses_is_one_where_an_attribute_of_that_name_is_an_object() -> None:
    source = """
import numpy as np
class Mean:
    def forward(self, y, t):
        return ((y - t) ** 2).mean()
class Both:
    def __init__(self):
        self.loss = Mean()
    def forward(self, y, t):
        return self.loss.forward(y, t)
both, x, t, w = Both(), np.eye(3), np.ones(3), np.zeros(3)
for i in range(9):
    y = x @ w
    data_loss = both.forward(y, t)
    regularization_loss = 0.1 * np.sum(w * w)
    loss = data_loss + regularization_loss
    print(loss)
    grad = x.T @ (y - t) / 3 + 0.2 * w
    w -= 0.1 * grad
"""
    assert analyse(source, "t.py").roles["loss"] == "loss"


def test_what_a_numerical_differentiation_keeps_to_put_it_back_is_no_parameter() -> None:
    roles = program_of("gradient_check").roles
    assert roles["w"] == "parameter" and roles["old"] == "other"


def test_a_parameter_that_is_taken_out_of_a_dict_stepped_and_put_back_is_one() -> None:
    source = """
import numpy as np
x, t, params = np.eye(3), np.ones(3), {"w": np.zeros(3)}
for i in range(9):
    w = params["w"]
    grad = x.T @ (x @ w - t)
    w -= 0.1 * grad
    params["w"] = w
"""
    assert analyse(source, "t.py").roles["w"] == "parameter"


def test_the_outputs_that_layers_keep_are_no_parameters_though_one_is_picked_from_a_table() -> None:
    source = """\
import torch
class Table:
    def __init__(self, rows, width):
        self.weight = torch.randn(rows, width)
    def __call__(self, picked):
        self.out = self.weight[picked]
        return self.out
    def parameters(self):
        return [self.weight]
class Dense:
    def __init__(self, inside, outside):
        self.weight = torch.randn(inside, outside)
    def __call__(self, x):
        self.out = x @ self.weight
        return self.out
    def parameters(self):
        return [self.weight]
layers = [Table(5, 3), Dense(3, 2)]
parameters = [p for layer in layers for p in layer.parameters()]
for p in parameters:
    p.requires_grad = True
for t in range(3):
    x = torch.randint(0, 5, (4,))
    for layer in layers:
        x = layer(x)
    loss = torch.nn.functional.cross_entropy(x, torch.ones(4, dtype=torch.long))
    for p in parameters:
        p.grad = None
    loss.backward()
    for p in parameters:
        p.data -= 0.1 * p.grad
"""
    program = analyse(source, "s.py")
    assert {site.role for site in program.sites if site.label == "self.out"} == {"activation"}
    assert program.roles["x"] == "activation" and program.roles["self.weight"] == "parameter"


def test_what_lies_in_caches_of_caches_keeps_its_role_where_a_layer_takes_it_apart() -> None:
    program = analyse(
        textwrap.dedent(
            """
            import numpy as np
            def linear(a, w):
                z = a @ w
                return z, (a, w)
            def layer(a, w):
                z, linear_cache = linear(a, w)
                return np.tanh(z), (linear_cache, z)
            def linear_backward(dz, cache):
                a, w = cache
                da = dz @ w.T
                dw = a.T @ dz
                return da, dw
            def layer_backward(da, cache):
                linear_cache, kept = cache
                return linear_backward(da * (1 - np.tanh(kept) ** 2), linear_cache)
            params = {"w0": np.ones((3, 4)), "w1": np.ones((4, 1))}
            for t in range(5):
                caches, out = [], x
                for l in range(2):
                    out, cache = layer(out, params["w" + str(l)])
                    caches.append(cache)
                loss = ((out - y) ** 2).mean()
                grads, dout, L = {}, 2 * (out - y) / len(y), len(caches)
                for l in reversed(range(L)):
                    current = caches[l]
                    dout, grads["w" + str(l)] = layer_backward(dout, current)
                for key in params:
                    params[key] -= 0.1 * grads[key]
            """
        ),
        "s.py",
    )
    assert program.roles["current"] == program.roles["kept"] == program.roles["a"] == "activation"
    assert {site.role for site in program.sites if site.label == "w"} == {"parameter"}


def test_gradients_behind_a_layer_that_was_stepped_on_the_way_back_are_none_of_the_optimizers() -> None:
    """It keeps a running sum, and a copy of it lies in each layer, which is stepped before the one ahead of it has its
    gradient."""
    source = """
import copy
import numpy as np
class Momentum:
    velocity = 0.0
    def update(self, w, grad):
        self.velocity = 0.9 * self.velocity + 0.1 * grad
        return w - 0.1 * self.velocity
class Dense:
    def __init__(self, i, o, optimizer):
        self.W = np.ones((i, o))
        self.optimizer = copy.copy(optimizer)
    def forward(self, X):
        self.inputs = X
        return X.dot(self.W)
    def backward(self, dout):
        W = self.W
        grad = self.inputs.T.dot(dout)
        self.W = self.optimizer.update(self.W, grad)
        return dout.dot(W.T)
layers = [Dense(3, 4, Momentum()), Dense(4, 1, Momentum())]
for t in range(5):
    out = x
    for layer in layers:
        out = layer.forward(out)
    loss = ((out - y) ** 2).mean()
    dout = 2 * (out - y) / len(y)
    for layer in reversed(layers):
        dout = layer.backward(dout)
"""
    program = analyse(source, "s.py")
    assert [program.roles[name] for name in ("self.W", "grad", "dout")] == ["parameter", "gradient", "gradient"]
    phases = {site.text: site.phase for site in program.sites if site.kind == "statement"}
    assert phases["grad = self.inputs.T.dot(dout)"] == "backward"


def test_an_output_is_no_parameter_though_a_step_elsewhere_calls_its_parameters_so() -> None:
    source = """
import numpy as np
class Dense:
    def __init__(self):
        self.w = np.ones((3, 2))
    def __call__(self, x):
        self.x, self.z = x, x @ self.w
        return self.z
    def backward(self, g):
        self.dw = self.x.T @ g
class SGD:
    def apply(self, pairs):
        for g, p in pairs:
            p -= 0.1 * g
class Net:
    def __init__(self):
        self.layer, self.optimizer = Dense(), SGD()
    def __call__(self, x):
        return self.layer(x)
    def train(self, x, y):
        p = self(x)
        loss = ((p - y) ** 2).mean()
        self.layer.backward(2 * (p - y) / p.size)
        self.optimizer.apply([(self.layer.dw, self.layer.w)])
        return loss
net, x, y = Net(), np.eye(3), np.ones((3, 2))
for t in range(9):
    loss = net.train(x, y)
"""
    sites = analyse(source, "s.py").sites
    assert next(site.bound_roles for site in sites if site.bound == ("p",) and "self" in site.text) == ("activation",)


def test_a_sample_s_residual_is_not_kept_by_the_forward_pass_though_the_mean_loss_comes_behind_it() -> None:
    source = """
import math
data, w, b = [(0.5, 1.0), (-0.5, 0.0)], 0.1, 0.0
for t in range(9):
    total = gw = gb = 0.0
    for x, y in data:
        p = 1 / (1 + math.exp(-w * x - b))
        total += (p - y) ** 2
        d = p - y
        slope = d * p * (1 - p)
        gw += slope * x
        gb += slope
    loss = total / len(data)
    w -= 0.1 * gw
    b -= 0.1 * gb
"""
    program = analyse(source, "s.py")
    phases = {site.text: site.phase for site in program.sites if site.kind == "statement"}
    assert phases["d = p - y"] == phases["slope = d * p * (1 - p)"] == "backward"
    assert phases["p = 1 / (1 + math.exp(-w * x - b))"] == "forward"
