"""What parameters and layers are called: by the script's own names, whichever iterations were recorded before."""

from pathlib import Path

import pytest

import stepper
from stepper.record import Record
from stepper.session.headless import trace
from stepper.session.options import Options
from tests.session.support import script

NETS = """
    import torch
    from torch import nn

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = nn.Linear(2, 2)
            self.apply(self.prepare)

        def prepare(self, module):
            if isinstance(module, nn.Linear):
                nn.init.ones_(module.weight)

        def forward(self, x):
            return self.inner(x).relu()

    first, second = Block(), Block()
    nets = [first, second]
    steps = [torch.optim.SGD(net.parameters(), lr=0.1) for net in nets]
    layers = [nn.Linear(2, 2), nn.Linear(2, 2)]
    x = torch.ones(3, 2)
    for t in range(4):
        for net, step in zip(nets, steps):
            step.zero_grad()
            loss = net(x).sum()
            loss.backward()
            step.step()
        for layer in layers:
            x = layer(x).detach()
"""
BY_NAME = [f"{net}.inner.{part}" for net in ("first", "second") for part in ("weight", "bias")]


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> str:
    return script(tmp_path_factory.mktemp("names"), NETS)


@pytest.fixture(scope="module")
def record(path: str) -> Record:
    """Iteration 1, with neither the setup nor iteration 0 recorded before."""
    return trace(path, Options(seed=0), 1).record


def test_names_do_not_depend_on_what_was_recorded_before(path: str, record: Record) -> None:
    with stepper.open(path, seed=0) as run:
        names = [parameter.name for parameter in run.iteration(1).parameters]
        labels = run.iteration(1).labels
    assert [parameter.name for parameter in record.parameters] == names
    assert list(dict.fromkeys(value.label for event in record.events for value in event.values)) == labels
    assert [name for name in names if ".inner." in name] == BY_NAME


def test_layers_that_only_a_list_holds_are_called_by_their_place(record: Record) -> None:
    modules = [event.text for event in record.events if event.kind == "module"]
    assert modules == ["first", "first.inner", "second", "second.inner", "layers.0", "layers.1"]


OBJECTS = """
    import numpy as np
    class Dense:
        def __init__(self, n):
            self.W, self.b = np.eye(n), 0.5
        def forward(self, x):
            self.x = x
            return x @ self.W + self.b
        def backward(self, grad):
            self.dW, self.db = self.x.T @ grad, grad.sum()
            return grad @ self.W.T
    class Net:
        def __init__(self):
            self.layers = [Dense(3), Dense(3)]
    net, last = Net(), Dense(3)
    x = np.ones((2, 3))
    for t in range(3):
        y = last.forward(net.layers[1].forward(net.layers[0].forward(x)))
        loss = (y ** 2).sum()
        grad = last.backward(2 * y)
        for layer in (net.layers[1], net.layers[0]):
            grad = layer.backward(grad)
        for layer in (*net.layers, last):
            layer.W -= 0.001 * layer.dW
"""


def test_weights_of_several_objects_are_called_by_what_keeps_them(tmp_path: Path) -> None:
    record = trace(script(tmp_path, OBJECTS), Options(), 1).record
    names = [parameter.name for parameter in record.parameters if parameter.shape]
    assert names == ["net.layers[0].W", "net.layers[1].W", "last.W"]


def test_numbers_that_many_objects_keep_are_called_by_those_objects(tmp_path: Path) -> None:
    source = """
        class Value:
            def __init__(self, data):
                self.data, self.grad = data, 0.0
        class Neuron:
            def __init__(self):
                self.w, self.b = [Value(0.5), Value(-0.5)], Value(0.25)
            def parameters(self):
                return [*self.w, self.b]
        neuron, shifts = Neuron(), [[Value(0.0)]]
        for t in range(3):
            out = sum(p.data for p in neuron.parameters() + shifts[0])
            loss = out * out
            for p in neuron.parameters() + shifts[0]:
                p.grad = 2 * out
            for p in neuron.parameters() + shifts[0]:
                p.data -= 0.1 * p.grad
    """
    record = trace(script(tmp_path, source), Options(), 1).record
    assert [each.name for each in record.parameters] == ["neuron.w[0]", "neuron.w[1]", "neuron.b", "shifts[0][0]"]


def test_an_optimizer_of_the_scripts_own_does_not_name_what_a_network_keeps(tmp_path: Path) -> None:
    source = """
        import numpy as np
        class Parameter:
            def __init__(self, value):
                self.value, self.grad = value, np.zeros_like(value)
        class Linear:
            def __init__(self):
                self.weight = Parameter(np.eye(2))
        class SGD:
            def __init__(self, params):
                self.params = params
            def step(self):
                for p in self.params:
                    p.value -= 0.1 * p.grad
        layers = (Linear(), Linear())
        class Net:
            pass
        opt = SGD([layer.weight for layer in layers])
        net = Net()
        net.inner = Net()
        net.inner.layers = layers
        del layers
        x = np.ones((3, 2))
        for t in range(3):
            hs = [x]
            for layer in net.inner.layers:
                hs.append(hs[-1] @ layer.weight.value)
            loss = (hs[-1] ** 2).mean()
            grad = 2 * hs[-1] / hs[-1].size
            for layer, h in zip(reversed(net.inner.layers), reversed(hs[:-1])):
                layer.weight.grad = h.T @ grad
                grad = grad @ layer.weight.value.T
            opt.step()
    """
    record = trace(script(tmp_path, source), Options(), 1).record
    assert [each.name for each in record.parameters] == [
        "net.inner.layers[0].weight.value",
        "net.inner.layers[1].weight.value",
    ]


def test_tensors_that_several_objects_keep_under_one_name_are_told_apart_in_events(tmp_path: Path) -> None:
    path = script(
        tmp_path,
        """
        import torch
        class Linear:
            def __init__(self, i, o):
                self.W = torch.ones(i, o, requires_grad=True)
            def __call__(self, x):
                return x @ self.W
        l1, l2 = Linear(3, 4), Linear(4, 1)
        x = torch.ones(5, 3)
        for t in range(2):
            loss = l2(l1(x)).pow(2).mean()
            loss.backward()
            with torch.no_grad():
                l2.W -= 0.01 * l2.W.grad
                l1.W.grad = l2.W.grad = None
        """,
    )
    with stepper.open(str(path)) as opened:
        record = opened.iteration(1).record
    shown = {value.label for event in record.events if event.text == "loss.backward()" for value in event.values}
    assert {"l1.W.grad", "l2.W.grad"} <= shown and "self.W.grad" not in shown
    assert sorted(each.name for each in record.parameters) == ["l1.W", "l2.W"]


def test_lists_and_numbers_of_objects_and_dicts_alike_are_called_by_what_keeps_them(tmp_path: Path) -> None:
    text = """
    class Unit:
        def __init__(self, w):
            self.w = w
    units = [Unit([0.5, 0.25]), Unit([0.75, -0.25])]
    cells = [{"b": 0.125, "w": [0.5]}, {"b": 0.25, "w": [0.25]}]
    for t in range(2):
        loss = 0.0
        for unit, cell in zip(units, cells):
            cell["d"] = 2 * (unit.w[0] + unit.w[1] + cell["b"] + cell["w"][0] - 1)
            unit.d = cell["d"]
            loss += (unit.d / 2) ** 2
        for unit in units:
            for j in range(2):
                unit.w[j] -= 0.125 * unit.d
        for cell in cells:
            cell["b"] -= 0.125 * cell["d"]
            cell["w"][0] -= 0.125 * cell["d"]
    """
    record = trace(script(tmp_path, text), Options(), 1).record
    names = {each.name for each in record.parameters}
    assert names == {"units[0].w", "units[1].w", *(f'cells[{at}]["{key}"]' for at in range(2) for key in "bw")}
