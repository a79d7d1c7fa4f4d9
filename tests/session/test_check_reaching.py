"""Parameters that lie in objects: where they are found while the script stands, to be changed for a check."""

import sys
from pathlib import Path

import pytest

from stepper.session.check.gradient_check import Verdict
from tests.session.checks import named, opened, verdicts

OBJECTS = """
    class Neuron:
        def __init__(self, w):
            self.w, self.b = w, 0.0
        def forward(self, x):
            self.x = x
            return self.w * x + self.b
        def backward(self, grad):
            inner = {grad} * self.w
            grad_w = grad * self.x
            self.w -= 0.05 * grad_w
            self.b -= 0.05 * grad
            return inner

    class Net:
        def __init__(self):
            self.neurons = [Neuron(0.5), Neuron(0.3)]

    def main():
        net = Net()
        for t in range(3):
            x = 1.0 + t
            for each in net.neurons:
                x = each.forward(x)
            loss = (x - 2.0) ** 2
            grad = 2 * (x - 2.0)
            for each in reversed(net.neurons):
                grad = each.backward(grad)
    {call}
"""


@pytest.mark.parametrize("call", ["main()", "def outer():\n        main()\n    outer()"])
def test_every_object_of_a_list_is_reached_also_through_the_names_of_a_function(tmp_path: Path, call: str) -> None:
    with opened(tmp_path, OBJECTS.format(grad="grad", call=call)) as run:
        found = run.check(0, entries=1)
    assert set(verdicts(found)) == {f"net.neurons[{place}].{name}" for place in (0, 1) for name in "wb"}
    assert set(verdicts(found).values()) == {Verdict.AGREES}, found
    with opened(tmp_path, OBJECTS.format(grad="2 * grad", call=call)) as run:
        wrong = named(run.check(1, entries=1))
    assert {name for name, each in wrong.items() if each.factor == 2} == {"net.neurons[0].w", "net.neurons[0].b"}


def test_layers_of_equal_numbers_are_told_apart_by_the_end_of_their_paths(tmp_path: Path) -> None:
    """The model has a shorter name in the function that made it, and a copy beside it."""
    text = """
        import copy, torch
        from torch import nn
        class Trainer:
            def __init__(self, model):
                self.model = model
                self.opt = torch.optim.SGD(model.parameters(), lr=0.1)
            def fit(self, x):
                for t in range(2):
                    self.opt.zero_grad()
                    loss = (self.model(x) - x).square().mean()
                    loss.backward()
                    self.opt.step()
        def main():
            torch.manual_seed(0)
            model = nn.Sequential(nn.LayerNorm(4), nn.Tanh(), nn.LayerNorm(4)).double()
            average = copy.deepcopy(model)
            Trainer(model).fit(torch.randn(8, 4).double())
        main()
    """
    with opened(tmp_path, text) as run:
        found = verdicts(run.check(0, entries=1))
    assert len(found) == 4 and set(found.values()) == {Verdict.AGREES}


def test_a_function_that_may_keep_its_names_is_left_alone_and_objects_are_still_told_apart(tmp_path: Path) -> None:
    text = OBJECTS.format(grad="grad", call="main()").replace("net = Net()", "net = Net(); kept = locals()")
    with opened(tmp_path, text) as run:
        found = run.check(1, entries=1)
    names = ["self.w", "self.b", "self.w (2)", "self.b (2)"]
    if sys.version_info >= (3, 13):  # there a look into a frame changes nothing that a function kept of its names
        names = [f"net.neurons[{number}].{name}" for number in (0, 1) for name in "wb"]
    assert verdicts(found) == dict.fromkeys(names, Verdict.AGREES)
