"""Roles and phases that hang on what a value is for: metrics, constants that are returned, shuffled data, copies."""

import textwrap

import pytest

from stepper.program.program import analyse
from tests.program.test_knowledge import CORPUS, labels, phases, program_of


def test_what_is_appended_to_a_list_does_not_change_what_the_list_holds() -> None:
    source = (CORPUS / "layer_lists.txt").read_text()
    assert labels(analyse(source, "s.py"), "parameter").isdisjoint({"mini_batch", "x", "activations"})


def test_what_a_method_of_a_new_object_gives_is_no_object() -> None:
    source = """\
import numpy as np
X = np.random.RandomState(0).normal(size=(4, 2))
y = np.random.RandomState(1).normal(size=4)
w = np.zeros(2)
for t in range(3):
    errors = X @ w - y
    loss = (errors ** 2).sum()
    grad = 2 * X.T @ errors
    w -= 0.1 * grad
"""
    roles = analyse(source, "s.py").roles
    assert (roles["X"], roles["y"], roles["w"]) == ("data", "data", "parameter")


def test_propagating_an_error_gives_no_loss() -> None:
    assert "loss" not in phases(program_of("neurons_in_dicts"))["backward_propagate_error(net, wanted)"]


def test_a_metric_behind_the_step_is_no_part_of_the_update() -> None:
    source = """
        import torch

        model = torch.nn.Linear(4, 2)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        x, y = torch.randn(8, 4), torch.randint(0, 2, (8,))
        hidden, correct, average, seen = torch.zeros(8, 4), 0, 0.0, 0
        for step in range(3):
            out = model(x + hidden)
            loss = torch.nn.functional.cross_entropy(out, y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            average += loss.item()
            pred = out.argmax(1)
            correct += (pred == y).sum().item()
            hidden = 0.1 * out.detach().repeat(1, 2)
            seen += 1
    """
    program = analyse(textwrap.dedent(source), "metrics.py")
    found = phases(program)
    assert found["average += loss.item()"] == "loss"
    assert found["pred = out.argmax(1)"] == "forward"
    assert found["correct += (pred == y).sum().item()"] == "forward"
    assert found["seen += 1"] == "update", "it tells nothing of the pass"
    assert found["optimizer.step()"] == "update"
    assert {"pred", "correct"}.isdisjoint(labels(program, "activation")), "what the network computes is another thing"


@pytest.mark.parametrize(
    "step",
    [
        "if v >= 0:\n        return 1\n    else:\n        return 0",
        "if v >= 0:\n        return 1\n    return -1",
        "return 1 if v >= 0 else 0",
    ],
)
def test_a_constant_that_is_returned_comes_from_the_condition_that_chose_it(step: str) -> None:
    source = f"""
import numpy as np
def step(v):
    {step}
weights, bias, eta = np.zeros(2), 0.0, 0.1
for x, y in zip(np.ones((4, 2)), np.ones(4)):
    out = step(np.dot(weights, x) + bias)
    error = y - out
    for j in range(len(weights)):
        weights[j] += eta * error * x[j]
    bias += eta * error
"""
    program = analyse(source, "perceptron.py")
    assert labels(program, "parameter") == {"weights", "bias"}
    assert phases(program)["bias += eta * error"] == "update"


def test_what_is_added_is_a_gradient_where_only_the_parameter_says_what_it_is() -> None:
    source = """
import numpy as np
x, y, w = np.ones((4, 2)), np.ones(4), np.zeros(2)
for i in range(4):
    margin = y[i] * (x[i] @ w)
    if margin < 1:
        dw = -y[i] * x[i]
    else:
        dw = np.zeros(2)
    w -= 0.1 * dw
"""
    program = analyse(source, "hinge.py")
    assert labels(program, "parameter") == {"w"} and "dw" in labels(program, "gradient")
    assert phases(program)["margin = y[i] * (x[i] @ w)"] == "forward"


def test_a_constant_that_is_returned_does_not_come_from_the_conditions_around_the_call() -> None:
    source = """
import numpy as np
def rate():
    return 0.1
w, x, y, eta = np.ones(3), np.ones((4, 3)), np.ones(4), 0.1
for t in range(5):
    error = x @ w - y
    loss = (error ** 2).mean()
    dw = 2 * x.T @ error / 4
    if loss > 1e-9:
        eta = rate()
    w -= eta * dw
"""
    program = analyse(source, "rate.py")
    assert labels(program, "gradient") == {"dw"}


def test_a_difference_that_gradients_are_made_of_is_no_loss_and_a_view_is_what_it_looks_at() -> None:
    source = """
import numpy as np
for x, y in batches:
    h = np.tanh(x @ v)
    error = h @ w - y
    squared_error = (error ** 2).sum()
    rows, xt = np.atleast_2d(h), x.T
    grads = [rows.T @ error, xt @ (error @ w.T * (1 - h ** 2)), error]
    w -= 0.1 * grads[0]
    v -= 0.1 * grads[1]
"""
    program = analyse(source, "s.py")
    assert labels(program, "loss") == {"squared_error"} and labels(program, "gradient") == {"grads"}
    assert {"h", "error", "rows"} <= labels(program, "activation") and "xt" in labels(program, "data")
    assert phases(program)["error = h @ w - y"] == "forward"


def test_a_rate_that_is_made_of_the_loss_and_the_gradient_belongs_to_the_step() -> None:
    source = """
for t in range(9):
    r = X @ w - y
    loss = (r ** 2).mean()
    grad = 2 * X.T @ r / n
    step_size = loss / (grad @ grad)
    w -= step_size * grad
"""
    program = analyse(source, "polyak.py")
    assert phases(program)["step_size = loss / (grad @ grad)"] == "update"
    assert labels(program, "gradient") == {"grad"}


def test_data_that_an_outer_loop_shuffles_is_no_parameter() -> None:
    source = """
import numpy as np
X, y, w = np.ones((12, 3)), np.ones(12), np.zeros(3)
for epoch in range(3):
    order = np.random.permutation(len(y))
    X, y = X[order], y[order]
    for row, target in zip(X, y):
        error = target - row @ w
        w += 0.1 * error * row
"""
    program = analyse(source, "s.py")
    assert labels(program, "parameter") == {"w"} and {"row", "target"} <= labels(program, "data")


def test_of_pairs_that_a_generator_hands_out_each_part_has_a_role_of_its_own() -> None:
    pairs = program_of("generated_pairs")
    assert (pairs.roles["param"], pairs.roles["grad"]) == ("parameter", "gradient")
    source = (CORPUS / "generated_pairs.txt").read_text()
    head, _, rest = source.partition("            for name, param in layer.params.items():")
    handed_on = "            yield from zip(layer.params.values(), layer.grads.values())\n\n"
    program = analyse(head + handed_on + rest[rest.index("\nclass SGD") :], "s.py")
    assert (program.roles["param"], program.roles["grad"]) == ("parameter", "gradient")


def test_a_copy_of_a_row_that_another_step_needs_as_it_was_is_a_parameters() -> None:
    source = """
for u, i, r in ratings:
    err = r - P[u] @ Q[i]
    old = P[u].copy()
    P[u] += 0.1 * (err * Q[i] - 0.02 * P[u])
    Q[i] += 0.1 * (err * old - 0.02 * Q[i])
"""
    assert analyse(source, "s.py").roles["old"] == "parameter"


def test_a_step_ahead_of_another_loss_is_one() -> None:
    assert labels(program_of("gan_of_numbers"), "parameter") == {"d_w", "d_b", "g_w", "g_b"}


def test_a_loss_behind_steps_that_a_function_takes_in_place_and_returns_is_made_of_none_of_their_gradients() -> None:
    source = """\
import numpy as np
w, m = np.ones(2), np.zeros(2)
def adam(p, g, m):
    m = 0.9 * m + 0.1 * g
    p -= 0.01 * m
    return p, m
for t in range(3):
    loss = ((x @ w - y) ** 2).mean()
    dw = x.T @ (x @ w - y)
    w, m = adam(w, dw, m)
    valid_loss = ((x[:2] @ w - y[:2]) ** 2).mean()
"""
    found = phases(analyse(source, "s.py"))
    assert (found["dw = x.T @ (x @ w - y)"], found["p -= 0.01 * m"]) == ("backward", "update")


@pytest.mark.parametrize("cut", ["key[1:]", "key[-1:]"])
def test_a_parameter_that_is_fetched_by_a_part_of_its_gradients_key_is_one(cut: str) -> None:
    source = f"""\
class Net:
    def __init__(self):
        self.w, self.b = new(), new()
net = Net()
for t in range(3):
    e = net.w * x + net.b - y
    loss = (e * e).sum()
    grads = {{"dw": 2 * (e * x).sum(), "db": 2 * e.sum()}}
    for key, g in grads.items():
        p = getattr(net, {cut})
        p -= 0.1 * g
"""
    assert {"net.w", "net.b"} <= labels(analyse(source, "s.py"), "parameter")
