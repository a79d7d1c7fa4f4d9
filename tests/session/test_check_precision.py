"""How exactly gradients are compared: by what the loss is computed in, and what a script by hand leaves out."""

from pathlib import Path

import pytest

from stepper.session.check.gradient_check import Verdict
from tests.session.checks import opened

NETWORK = """
import numpy as np

def relu(x):
    return np.maximum(0, x)

def softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)

class Net:
    def __init__(self):
        numbers = np.random.RandomState(1)
        self.params = {"W1": 0.3 * numbers.randn(20, 30), "W2": 0.3 * numbers.randn(30, 4)}

    def predict(self, x):
        x = x.reshape(x.shape[0], -1)
        return softmax(np.dot(relu(np.dot(x, self.params["W1"])), self.params["W2"]))

    def loss(self, x, t):
        y = self.predict(x)
        return -np.log(y[np.arange(len(t)), t] + 1e-7).mean()

    def gradient(self, x, t):
        h = np.dot(x.reshape(x.shape[0], -1), self.params["W1"])
        dy = softmax(np.dot(relu(h), self.params["W2"]))
        dy[np.arange(len(t)), t] -= 1
        dy /= len(t)
        dh = np.dot(dy, self.params["W2"].T) * (h > 0)
        return {"W1": np.dot(x.reshape(x.shape[0], -1).T, dh), "W2": np.dot(relu(h).T, dy)}

numbers = np.random.RandomState(0)
x_train = numbers.randn(300, 4, 5).astype(np.float32)
t_train = numbers.randint(0, 4, 300)
network = Net()
for i in range(4):
    x_batch, t_batch = x_train[50 * i : 50 * i + 50], t_train[50 * i : 50 * i + 50]
"""
BEFORE = """    loss = network.loss(x_batch, t_batch)
"""
STEP = """    grad = network.gradient(x_batch, t_batch)
    for key in ("W1", "W2"):
        network.params[key] -= 0.1 * grad[key]
"""
BEHIND = """    loss = network.loss(x_batch, t_batch)
    print(loss)
"""


PIECES = """        whole = np.zeros((x.shape[0], 20))
        for k in range(4):
            whole[:, 5 * k : 5 * k + 5] = np.pad(x, ((0, 0), (0, 0), (1, 1)))[:, k, 1:6]
        x = whole
"""


@pytest.mark.parametrize("pieces", [PIECES, ""])
def test_inputs_of_single_precision_make_no_loss_of_it(tmp_path: Path, pieces: str) -> None:
    """What is multiplied with float64 weights is float64, also where it is copied piece by piece: small steps tell,
    which cross no kink of a ReLU. The `1e-7` in the logarithm, that nobody differentiates, is no mistake."""
    text = NETWORK.replace("        x = x.reshape(x.shape[0], -1)\n", pieces, 1) if pieces else NETWORK
    with opened(tmp_path, text + BEFORE + STEP) as run:
        found = run.check(2, entries=1)
    assert [each.verdict for each in found.parameters] == [Verdict.AGREES] * 2, found
    assert all(entry.verdict is Verdict.AGREES for each in found.parameters for entry in each.entries)
    assert all(entry.error < 1e-6 for each in found.parameters for entry in each.entries)


def test_a_loss_behind_the_step_accuses_nothing_whatever_the_parameters_are_called(tmp_path: Path) -> None:
    """`network.params[key]` is updated, and `self.params` in the methods."""
    with opened(tmp_path, NETWORK + STEP + BEHIND) as run:
        found = run.check(2, entries=1)
    assert [each.verdict for each in found.parameters] == [Verdict.UNKNOWN] * 2, found
    assert all("updated before the loss" in each.note for each in found.parameters)


SCALER = """
import torch
torch.manual_seed(0)
model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
scaler = torch.amp.GradScaler("cpu", init_scale=65536.0)
x, y = torch.randn(64, 4), torch.randn(64, 1)
for t in range(3):
    optimizer.zero_grad()
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled={half}):
        loss = torch.nn.functional.mse_loss(model(x).float(), y)
    scaler.scale(loss).backward()
    scaler.unscale_(optimizer)
    torch.nn.utils.clip_grad_norm_(model.parameters(), 0.1)
    scaler.step(optimizer)
    scaler.update()
"""


@pytest.mark.parametrize(
    ("half", "name", "told"), [(False, "model.0.weight", Verdict.AGREES), (True, "model.2.bias", Verdict.UNKNOWN)]
)
def test_a_loss_that_a_scaler_made_larger_accuses_no_gradient_that_is_small_again(
    tmp_path: Path, half: bool, name: str, told: Verdict
) -> None:
    with opened(tmp_path, SCALER.format(half=half)) as run:
        (found,) = run.check(1, parameters=[name]).parameters
    assert found.verdict is told, found
