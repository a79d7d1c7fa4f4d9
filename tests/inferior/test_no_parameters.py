"""What is taken for no parameter: inputs with a gradient, rows and slices of parameters, what a pass makes itself."""

from pathlib import Path

import pytest

from tests.inferior.running import check, run


def test_a_name_that_is_only_read_is_no_parameter_and_a_hidden_change_is_seen() -> None:
    ran = run(
        """
        import numpy as np
        w, v = np.array([1.0, 2.0]), np.array([3.0])
        def model(p):
            return (p ** 2).sum()
        hidden = lambda: v.__isub__(0.5 * v)
        for t in range(2):
            loss = model(w) + model(v) + model(np.ones(3))
            grad = 2 * w
            w -= 0.1 * grad
            hidden()
        """
    )
    changed = {each.name: ran.array(each.after, 1) for each in ran.record(1).parameters}
    assert len(changed) == 2
    assert {each.tobytes() for each in changed.values()} == {ran.names[name].tobytes() for name in ("w", "v")}


def test_parameters_without_numbers_cost_nobody_anything() -> None:
    ran = run(
        """
        import torch
        with torch.device("meta"):
            ghost = torch.nn.Linear(2, 2)
        w = torch.ones(3, requires_grad=True)
        for t in range(2):
            held = ghost.weight
            loss = (w ** 2).sum()
            loss.backward()
            with torch.no_grad():
                w -= 0.1 * w.grad
                w.grad = None
        """
    )
    assert ran.error is None
    assert [each.name for each in ran.record(1).parameters] == ["w"]


def test_numbers_that_a_loop_hands_out_are_data_and_no_settings() -> None:
    ran = run(
        """
        samples = [(1.0, 2.0), (3.0, 4.0)]
        w, rate = 0.5, 0.1
        for x, y in samples:
            error = w * x - y
            loss = error * error
            w -= rate * 2 * error * x
        """
    )
    roles = {value.label: value.role for event in ran.events(1) for value in event.values}
    assert (roles["x"], roles["y"], roles["rate"], roles["w"]) == ("data", "data", "setting", "parameter")


def test_a_number_that_a_pass_makes_itself_is_no_parameter_of_it() -> None:
    ran = run(
        """
        def predict(row, weights):
            activation = weights[0]
            for k in range(2):
                activation += weights[k + 1] * row[k]
            return activation
        weights = [0.0, 0.5, -0.5]
        for row, y in [([1.0, 2.0], 1.0), ([2.0, 1.0], 0.0)]:
            error = y - predict(row, weights)
            weights[0] = weights[0] + 0.1 * error
            for k in range(2):
                weights[k + 1] = weights[k + 1] + 0.1 * error * row[k]
        """
    )
    assert [parameter.name for parameter in ran.record().parameters] == ["weights"]


def test_an_input_whose_gradient_is_asked_for_is_no_parameter() -> None:
    ran = run(
        """
        import torch
        D = torch.nn.Linear(2, 1)
        opt = torch.optim.SGD(D.parameters(), lr=0.1)
        for t in range(2):
            x = torch.randn(4, 2)
            x.requires_grad = True
            inter = (torch.rand(4, 1) * x.detach()).requires_grad_(True)
            slopes = torch.autograd.grad(D(inter).sum(), inter, create_graph=True)[0]
            loss = D(x).mean() + slopes.norm()
            opt.zero_grad()
            loss.backward()
            opt.step()
        """
    )
    assert {each.name for each in ran.record(1).parameters} == {"D.weight", "D.bias"}


def test_a_parameter_by_its_type_that_no_optimizer_has_is_one() -> None:
    ran = run(
        """
        import torch
        net, x = torch.nn.Linear(2, 1), torch.rand(4, 2)
        forgotten, point = torch.nn.Parameter(torch.ones(1)), torch.ones(1, requires_grad=True)
        opt = torch.optim.SGD(net.parameters(), lr=0.1)
        for t in range(2):
            opt.zero_grad()
            loss = (net(x) * forgotten * point).square().mean()
            loss.backward()
            opt.step()
        """
    )
    assert {each.name: (each.grad is not None, each.used) for each in ran.record(1).parameters} == {
        "net.weight": (True, True),
        "net.bias": (True, True),
        "forgotten": (True, False),
    }


def test_points_whose_gradients_are_asked_for_in_every_pass_are_no_parameters() -> None:
    ran = run(
        """
        import torch
        u = torch.nn.Linear(1, 1)
        opt = torch.optim.SGD(u.parameters(), lr=0.1)
        x = torch.rand(5, 1, requires_grad=True)
        for t in range(2):
            slope = torch.autograd.grad(u(x).sum(), x, create_graph=True)[0]
            loss = (slope - 1).pow(2).mean()
            opt.zero_grad()
            loss.backward()
            opt.step()
        """
    )
    assert {each.name for each in ran.record(1).parameters} == {"u.weight", "u.bias"}


def test_an_input_whose_gradient_is_asked_for_is_no_parameter_whatever_a_function_calls_it() -> None:
    ran = run(
        """
        import torch
        from torch import nn
        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.fc = nn.Linear(1, 1)
            def forward(self, x):
                x = self.fc(x)
                return x.tanh()
        net = Net()
        opt = torch.optim.SGD(net.parameters(), lr=0.1)
        points = torch.ones(5, 1).requires_grad_()
        for t in range(2):
            u = net(points)
            du = torch.autograd.grad(u, points, torch.ones_like(u), create_graph=True)[0]
            loss = (du + u).pow(2).mean()
            opt.zero_grad()
            loss.backward()
            opt.step()
        """
    )
    assert {each.name for each in ran.record(1).parameters} == {"net.fc.weight", "net.fc.bias"}


def test_rows_of_a_parameter_are_no_parameters_under_whatever_name() -> None:
    ran = run(
        """
        import numpy as np
        W, V = np.ones((4, 3)), np.ones((2, 3))
        for i in range(3):
            row = W[i]
            error = row @ V[0] - 1.0
            V[0] -= 0.1 * error * row
            W[i] -= 0.1 * error * V[0]
            for k in range(3):
                V[1][k] = V[1][k] - 0.1 * error
        """
    )
    found = {each.name: each for each in ran.record(1).parameters}
    assert set(found) == {"W", "V"}
    assert all(ran.array(each.update, 1).any() for each in found.values())


def test_slices_of_a_parameter_that_are_read_are_no_parameters() -> None:
    ran = run(
        """
        import torch
        class Attention(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.a = torch.nn.Parameter(torch.randn(2, 6, 1))
            def forward(self, h):
                return torch.matmul(h, self.a[:, :3, :]) + torch.matmul(h, self.a[:, 3:, :]).mT
        model = Attention()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.125)
        h = torch.randn(2, 4, 3)
        for step in range(2):
            optimizer.zero_grad()
            loss = model(h).pow(2).mean()
            loss.backward()
            optimizer.step()
            with torch.no_grad():
                print(model(h).mean())
        """
    )
    for iteration in range(2):
        assert [each.name for each in ran.record(iteration).parameters] == ["model.a"]
        check(ran, "model.a", ran.array(ran.values("model.a.grad", iteration)[0], iteration), 0.125, iteration)


def test_rows_that_an_embedding_picks_are_no_parameter() -> None:
    ran = run((Path(__file__).parents[1] / "program" / "corpus" / "embedding_by_hand.txt").read_text())
    for iteration in range(2):
        assert [each.shape for each in ran.record(iteration).parameters] == [(6, 3)]
        (name,) = (each.name for each in ran.record(iteration).parameters)
        check(ran, name, None, 0.1, iteration)


def test_another_view_of_a_parameter_is_none_by_itself() -> None:
    """A convolution as a product: `col_W` has the very memory of `W`, in another shape."""
    text = """
import numpy as np
class Layer:
    def __init__(self, W):
        self.W = W
    def forward(self, x):
        col_W = self.W.reshape(2, -1).T
        self.x, self.out = x, x @ col_W
        return self.out
    def backward(self, d):
        self.dW = (self.x.T @ d).T.reshape(2, 3, 1)
layer = Layer(np.ones((2, 3, 1)))
x = np.arange(12.0).reshape(4, 3)
for t in range(3):
    error = layer.forward(x) - 1
    loss = (error ** 2).mean()
    layer.backward(2 * error / error.size)
    layer.W -= 0.001 * layer.dW
"""
    again = text + "    print(((layer.forward(x) - 1) ** 2).mean())\n"  # which binds `col_W` anew
    for iteration, ran in ((each, run(script)) for script in (text, again) for each in (0, 2)):
        found = ran.record(iteration).parameters
        assert [(each.name, each.shape) for each in found] == [("self.W", (2, 3, 1))]


def test_what_a_forward_pass_keeps_beside_a_parameter_is_none() -> None:
    """Nor are two other looks at its memory, of which each is around the other."""
    ran = run(
        """
        import numpy as np
        model = {"w": np.ones((2, 3, 1))}
        def forward(x, w):
            w_col = w.reshape(2, -1)
            out = x @ w_col.T
            cache = (x, w, w_col)
            return out, cache
        def backward(d, cache):
            x, w, w_col = cache
            w_row = w.reshape(1, -1)
            return {"w": (d.T @ x).reshape(w.shape) + 0 * w_row.reshape(w.shape)}
        for t in range(3):
            x = np.arange(12.0).reshape(4, 3) + t
            out, cache = forward(x, model["w"])
            error = out - 1
            loss = (error ** 2).mean()
            grads = backward(2 * error / error.size, cache)
            for k in model:
                model[k] -= 0.001 * grads[k]
        """
    )
    for iteration in (0, 2):
        found = ran.record(iteration).parameters
        assert [(each.name, each.shape) for each in found] == [('model["w"]', (2, 3, 1))]


SAMPLER = """
import torch
torch.manual_seed(0)
net = torch.nn.Sequential(torch.nn.Linear(2, 4), torch.nn.Tanh(), torch.nn.Linear(4, 1))
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
buffer = [torch.rand(2) for _ in range(6)]
for t in range(2):
    x = torch.stack([buffer[i] for i in (t, 3, 5)]).requires_grad_(True)
    for _ in range(2):
        g, = torch.autograd.grad(net(x).sum(), x)
        with torch.no_grad():
            x.sub_(0.1 * g)
    new = x.detach()
    for i, sample in zip((t, 3, 5), new):
        buffer[i] = STORED
    loss = net(torch.rand(3, 2)).mean() - net(new).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""


def test_samples_that_a_pass_puts_into_a_buffer_are_data_beside_what_an_optimizer_moves() -> None:
    names = {each.name for each in run(SAMPLER.replace("STORED", "sample")).record(1).parameters}
    assert names == {"net.0.weight", "net.0.bias", "net.2.weight", "net.2.bias"}


@pytest.mark.parametrize("copied", ["list(weights)", "weights[:]", "weights.copy()"])
def test_what_is_only_tried_in_a_copy_of_their_list_is_no_parameter(copied: str) -> None:
    ran = run(
        f"""
        import numpy as np
        rng = np.random.default_rng(0)
        x, y = rng.normal(size=(5, 3)), rng.normal(size=(5, 1))
        weights = [rng.normal(size=(3, 2)), rng.normal(size=(2, 1))]
        def cost(weights):
            first, second = weights
            return ((np.tanh(x @ first) @ second - y) ** 2).sum()
        def numerical(weights, k):
            ends = []
            for by in (1e-4, -1e-4):
                moved = weights[k].copy()
                moved[0, 0] += by
                tried = {copied}
                tried[k] = moved
                ends.append(cost(tried))
            return (ends[0] - ends[1]) / 2e-4
        for t in range(2):
            h = np.tanh(x @ weights[0])
            e = h @ weights[1] - y
            loss = (e * e).sum()
            grads = [x.T @ ((2 * e @ weights[1].T) * (1 - h * h)), 2 * h.T @ e]
            assert all(abs(numerical(weights, k) - grads[k][0, 0]) < 1e-4 for k in range(2))
            for k in range(2):
                weights[k] -= 0.01 * grads[k]
        """
    )
    found = {each.name: each.grad and each.grad.label for each in ran.record(1).parameters}
    assert found == {"weights[0]": "grads[k]", "weights[1]": "grads[k]"}


def test_a_copy_of_their_list_that_takes_its_place_has_the_new_parameters() -> None:
    ran = run(
        """
        import numpy as np
        def step(params, grads):
            new = dict(params)
            for key in params:
                new[key] = params[key] - 0.125 * grads[key]
            return new
        x, y = np.arange(6.0).reshape(3, 2) / 4, np.array([1.0, -1.0, 0.5])
        params = {"w": np.array([0.5, -0.25]), "b": np.zeros(1)}
        for t in range(2):
            e = x @ params["w"] + params["b"] - y
            loss = (e ** 2).sum() / 2
            params = step(params, {"w": x.T @ e, "b": e.sum(keepdims=True)})
        """
    )
    for each in ran.record(1).parameters:
        assert each.grad is not None and each.cosine is not None and each.cosine < -0.999, each.name
    assert [each.name for each in ran.record(1).parameters] == ['params["w"]', 'params["b"]']


def test_rows_that_two_functions_pick_under_one_name_are_no_parameter() -> None:
    ran = run(
        """
        import numpy as np
        table, w = np.arange(8.0).reshape(4, 2) / 8, np.array([0.5, -0.25])
        def forward(ids):
            rows = table[ids]
            return rows.mean(0) @ w
        def backward(ids, e):
            rows = table[ids]
            h = rows.mean(0)
            dtable = np.zeros_like(table)
            np.add.at(dtable, ids, e * w / len(ids))
            return e * h, dtable
        for t in range(2):
            e = forward([0, 2, 2]) - 1
            loss = e * e / 2
            dw, dtable = backward([0, 2, 2], e)
            w -= 0.1 * dw
            table -= 0.1 * dtable
        """
    )
    assert {each.name for each in ran.record(1).parameters} == {"table", "w"}
