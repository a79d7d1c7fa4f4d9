"""Functions that lie in lists and dicts, or are kept by objects: what a call of one may run."""

import ast
import textwrap

import pytest

from stepper.program.flow.held_functions import HeldFunctions
from stepper.program.program import analyse
from stepper.program.scopes import Script
from stepper.program.source import Source

NETWORK = """
import numpy as np

class Plot:
    def __call__(self, *shown):
        return self

class Dense:
    def __init__(self, act):
        self.act = act

def relu(z):
    kept = np.maximum(z, 0)
    return kept

def linear(z):
    return z

{made}
for t in range(5):
    z = x @ w1
    h = {act}(z)
    loss = ((h @ w2 - y) ** 2).mean()
    d = 2 * (h @ w2 - y) / len(y)
    dw1 = x.T @ ((d @ w2.T) * (h > 0))
    w2 -= 0.1 * (h.T @ d)
    w1 -= 0.1 * dw1
"""


@pytest.mark.parametrize(
    ("made", "act"),
    [
        ("acts = {'relu': relu, 'linear': linear}", "acts['relu']"),
        ("acts = {'relu': relu, 'linear': linear}\nact = acts.get('relu')", "act"),
        ("acts = [relu, linear]\ndense = Dense(acts[0])", "dense.act"),
        ("dense = Dense(relu if deep else linear)", "dense.act"),
    ],
)
def test_a_function_that_lies_in_a_collection_is_followed(made: str, act: str) -> None:
    roles = analyse(textwrap.dedent(NETWORK.format(made=made, act=act)), "s.py").roles
    assert [roles[name] for name in ("kept", "z", "h", "w1")] == ["activation", "activation", "activation", "parameter"]


def test_what_an_object_of_unknown_class_is_called_with_feeds_what_it_returns() -> None:
    """It may be of a class of the script's, which leaves its argument out, or of another."""
    roles = analyse(NETWORK.format(made="act = globals()['relu']", act="act"), "s.py").roles
    assert [roles[name] for name in ("z", "h", "w1")] == ["activation", "activation", "parameter"]


FLAG = """
import torch

class Net(torch.nn.Module):
    def forward(self, x):
        return self.fc(x)

args = parser.parse_args()
args.cuda = {flag}
net = Net()
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
for data, target in loader:
    data = data.cuda()
    loss = (net(data) - target).pow(2).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""


@pytest.mark.parametrize(
    ("flag", "role"),
    [
        ("not args.no_cuda and torch.cuda.is_available()", "data"),
        ("args.no_cuda is None", "data"),
        ("net", "activation"),
    ],
)
def test_a_flag_is_not_what_a_method_of_the_same_name_calls(flag: str, role: str) -> None:
    assert analyse(FLAG.format(flag=flag), "s.py").roles["data"] == role


MADE = """
import torch

make = {made}
if torch.cuda.is_available():
    make = {other}
net = torch.nn.Linear(3, 1)
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
for t in range(9):
    noise = make(4, 3)
    loss = net(noise).pow(2).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""


@pytest.mark.parametrize(
    ("made", "other", "role"),
    [
        ("torch.FloatTensor", "torch.cuda.FloatTensor if torch.cuda.is_available() else torch.FloatTensor", "data"),
        ("torch.FloatTensor", "torch.nn.Embedding(9, 3)", "activation"),
    ],
)
def test_what_a_librarys_class_makes_under_another_name_is_no_activation(made: str, other: str, role: str) -> None:
    assert analyse(MADE.format(made=made, other=other), "s.py").roles["noise"] == role


def test_many_callers_that_hand_on_the_same_are_gone_through_once() -> None:
    # Each of twelve methods of one name calls the others, in worker processes' wrappers of an environment, say.
    classes = "".join(
        f"class E{i}:\n    def step(self, action):\n        return self.inner.step(action)\n" for i in range(12)
    )
    script = Script(Source(f"{classes}E0().step(3)\nE1().step([1, 2])\n", "s.py"))
    (first, *_) = (node for node in script.nodes if isinstance(node, ast.FunctionDef))
    values = HeldFunctions(script).values(script.scope(first), "action")
    assert [ast.unparse(value) for _, value in values if not isinstance(value, ast.Name)] == ["3", "[1, 2]"]
    assert len(values) == 2 + 12, "the two that are written out, and where the search ends"
