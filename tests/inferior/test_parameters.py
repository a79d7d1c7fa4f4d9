"""Parameters: what a pass found, left and used, for those kept by hand, in dicts and lists, by objects and by torch."""

from pathlib import Path

import numpy
import pytest

from tests.inferior.running import Ran, check, run


def test_arrays_by_name_changed_in_place_and_bound_anew() -> None:
    ran = run(
        """
        import numpy as np
        w1, w2 = np.array([1.0, 2.0]), np.array([3.0, -4.0])
        for t in range(2):
            loss = (w1 ** 2).sum() + (w2 ** 2).sum()
            grad_w1 = 2 * w1
            grad_w2 = 2 * w2
            w1 -= 0.1 * grad_w1
            w2 = w2 - 0.1 * grad_w2
        """
    )
    for iteration in range(2):
        for name in ("w1", "w2"):
            check(ran, name, ran.array(ran.values(f"grad_{name}", iteration)[0], iteration), 0.1, iteration)
    assert len(ran.record().parameters) == 2


def test_a_single_number_of_numpy_that_is_bound_anew_by_an_augmented_assignment() -> None:
    ran = run(
        """
        import numpy as np
        x = np.array([1.0, 2.0])
        b, w = np.float64(3.0), np.array([1.0, -1.0])
        for t in range(2):
            loss = ((x * w + b) ** 2).mean()
            grad_w = 2 * (x * w + b) * x / x.size
            grad_b = 2 * (x * w + b).mean()
            w -= 0.125 * grad_w
            b -= 0.125 * grad_b
        """
    )
    first, second = ran.parameter("b", 0), ran.parameter("b", 1)
    assert (first.before.summary.value, first.after.summary.value) == (3.0, second.before.summary.value)
    assert second.after.summary.value == ran.names["b"] != second.before.summary.value
    assert (second.before.summary.value, first.update.summary.mean) == (2.375, -0.625)
    assert first.ratio == 0.625 / 3.0


def test_arrays_in_a_dict() -> None:
    ran = run(
        """
        import numpy as np
        params = {"W1": np.array([1.0, 2.0]), "W2": np.array([3.0, -4.0])}
        for t in range(2):
            loss = (params["W1"] ** 2).sum() + (params["W2"] ** 2).sum()
            grads = {k: 2 * v for k, v in params.items()}
            params["W1"] -= 0.1 * grads["W1"]
            params["W2"] = params["W2"] - 0.1 * grads["W2"]
        """
    )
    assert len(ran.record().parameters) == 2
    for name, start in (("W1", [1.0, 2.0]), ("W2", [3.0, -4.0])):
        check(ran, f'params["{name}"]', 2 * numpy.array(start), 0.1)
        assert numpy.array_equal(ran.array(ran.parameter(f'params["{name}"]', 1).after, 1), ran.names["params"][name])


def test_arrays_in_a_dict_updated_in_a_function_of_its_own() -> None:
    ran = run(
        """
        import numpy as np
        params = {"W1": np.array([1.0, 2.0]), "W2": np.array([3.0, -4.0])}
        def gradients(params):
            return {k: 2 * v for k, v in params.items()}
        def update(params, grads, lr):
            for k in params:
                params[k] = params[k] - lr * grads[k]
            return params
        for t in range(2):
            loss = (params["W1"] ** 2).sum() + (params["W2"] ** 2).sum()
            grads = gradients(params)
            params = update(params, grads, 0.1)
        """
    )
    assert len(ran.record(1).parameters) == 2
    check(ran, 'params["W1"]', numpy.array([2.0, 4.0]), 0.1)
    check(ran, 'params["W2"]', numpy.array([6.0, -8.0]), 0.1)


def test_an_array_without_dimensions_in_a_dict_becomes_a_number() -> None:
    """`params[k] - 0.1 * grad` of an array of shape () is a number of NumPy's, and no array."""
    ran = run(
        """
        import numpy as np
        params = {"w": np.array([1.0, 2.0]), "b": np.array(3.0), "c": np.array(5.0)}
        for t in range(2):
            loss = sum((v ** 2).sum() for v in params.values())
            grads = {k: 2 * v for k, v in params.items()}
            for k in params:
                params[k] = params[k] - 0.1 * grads[k]
        """
    )
    assert [each.name for each in ran.record(0).parameters] == ["params['w']", "params['b']", "params['c']"]
    for name, was in (("params['b']", 3.0), ("params['c']", 5.0)):
        found = next(each for each in ran.record(0).parameters if each.name == name)
        assert (found.used, found.cosine, found.before.summary.mean) == (True, -1.0, was)
        assert found.after.summary.value == was - 0.1 * (2 * was)


def test_arrays_that_objects_keep_are_told_apart() -> None:
    ran = run(
        """
        import numpy as np
        class Layer:
            def __init__(self, start):
                self.W, self.b = np.array(start), np.array([1.0])
            def forward(self, x):
                return (x * self.W).sum() + self.b
            def backward(self):
                self.dW, self.db = 2 * self.W, 2 * self.b
        layers = [Layer([1.0, 2.0]), Layer([3.0, -4.0])]
        for t in range(2):
            loss = sum(layer.forward(1.0) for layer in layers).sum()
            for layer in layers:
                layer.backward()
            for layer in layers:
                layer.W -= 0.1 * layer.dW
                layer.b = layer.b - 0.1 * layer.db
        """
    )
    record = ran.record(1)
    assert len(record.parameters) == 4
    finals = {ran.array(each.after, 1).tobytes() for each in record.parameters if each.shape == (2,)}
    assert finals == {layer.W.tobytes() for layer in ran.names["layers"]}
    for each in record.parameters:
        check(ran, each.name, 2 * ran.array(each.before, 1), 0.1, 1)


def test_a_loop_variable_over_parameters_takes_their_own_names() -> None:
    ran = run(
        """
        import numpy as np
        w, b = np.array([1.0, 2.0]), np.array([3.0])
        for t in range(2):
            loss = (w ** 2).sum() + (b ** 2).sum()
            dw, db = 2 * w, 2 * b
            for param, dparam in zip([w, b], [dw, db]):
                param -= 0.1 * dparam
        """
    )
    assert {each.name for each in ran.record().parameters} == {"w", "b"}
    check(ran, "w", numpy.array([2.0, 4.0]), 0.1)
    check(ran, "b", numpy.array([6.0]), 0.1)


def test_numbers_by_name_and_in_objects() -> None:
    ran = run(
        """
        class Value:
            def __init__(self, data): self.data, self.grad = data, 0.0
        w = 2.0
        values = [Value(1.0), Value(-3.0)]
        for t in range(2):
            loss = w ** 2 + sum(v.data ** 2 for v in values)
            for v in values:
                v.grad = 2 * v.data
            grad_w = 2 * w
            for v in values:
                v.data -= 0.1 * v.grad
            w -= 0.1 * grad_w
        """
    )
    w = ran.parameter("w")
    assert (w.before.summary.value, w.after.summary.value) == (2.0, 1.6)
    assert w.grad is not None and (w.grad.label, w.grad.summary.value) == ("grad_w", 4.0)
    moves = {(p.before.summary.value, p.after.summary.value) for p in ran.record().parameters if p.name != "w"}
    assert moves == {(1.0, 1.0 - 0.1 * 2.0), (-3.0, -3.0 - 0.1 * -6.0)}


TORCH = """
import torch
torch.manual_seed(0)
x = torch.randn(8, 3)
w = torch.randn(3, 2, requires_grad=True)
v = torch.randn(3, 2, requires_grad=True)
model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))
optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
for t in range(2):
    optimizer.zero_grad()
    loss = (x @ w).pow(2).sum() + (x @ v).pow(2).sum() + model(x).pow(2).mean()
    loss.backward()
    optimizer.step()
    with torch.no_grad():
        w -= 0.5 * w.grad
        w.grad.zero_()
    v.data -= 0.5 * v.grad.data
    v.grad = None
"""


@pytest.fixture(scope="module")
def torch_run() -> Ran:
    ran = run(TORCH)
    assert ran.error is None, ran.error
    return ran


@pytest.mark.parametrize("name", ["w", "v", "model.0.weight", "model.0.bias", "model.2.weight", "model.2.bias"])
def test_parameters_of_torch_and_the_gradient_that_their_update_used(torch_run: Ran, name: str) -> None:
    for iteration in range(2):
        parameter = torch_run.parameter(name, iteration)
        before, after = (torch_run.array(value, iteration) for value in (parameter.before, parameter.after))
        used = torch_run.array(parameter.grad, iteration)
        assert used.any(), "a zeroing after the update must not reach the gradient"
        assert numpy.array_equal(after, before - numpy.float32(0.5) * used)
    final = torch_run.names[name] if len(name) == 1 else dict(torch_run.names["model"].named_parameters())[name[6:]]
    assert numpy.array_equal(torch_run.array(torch_run.parameter(name, 1).after, 1), final.detach().numpy())


def test_every_parameter_is_listed_once(torch_run: Ran) -> None:
    assert len(torch_run.record(1).parameters) == 6


def test_a_plain_number_that_becomes_an_arrays_scalar() -> None:
    ran = run(
        """
        import numpy as np
        x, y = np.arange(4.0), np.array([1.0, 3.0, 5.0, 7.0])
        a, b = 0.5, 0.0
        for t in range(2):
            error = a + b * x - y
            loss = np.square(error).sum()
            grad_a = 2 * error.sum()
            grad_b = 2 * (error * x).sum()
            a -= 0.01 * grad_a
            b -= 0.01 * grad_b
        """
    )
    for iteration in range(2):
        assert [parameter.name for parameter in ran.record(iteration).parameters] == ["a", "b"]
        for parameter in ran.record(iteration).parameters:
            assert parameter.grad is not None and parameter.grad.label == f"grad_{parameter.name}"
    assert ran.record(0).parameters[0].before.summary.value == 0.5


def test_a_models_parameters_updated_through_their_data() -> None:
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    ran = run(
        """
        import torch
        class Net(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.layer = torch.nn.Linear(3, 2)
            def forward(self, x):
                return self.layer(x)
        net = Net()
        x = torch.ones(4, 3)
        for t in range(2):
            net.zero_grad()
            loss = net(x).pow(2).sum()
            loss.backward()
            for p in net.parameters():
                p.data.add_(p.grad.data, alpha=-0.125)
        """
    )
    assert [parameter.name for parameter in ran.record(1).parameters] == ["net.layer.weight", "net.layer.bias"]
    for name in ("net.layer.weight", "net.layer.bias"):
        check(ran, name, None, 0.125, 1)
    handed = [v for e in ran.events(1, "module") for v in e.values if v.label == "x"]
    assert handed and {value.role for value in handed} == {"data"}


def test_a_parameter_that_is_detached_and_bound_anew_is_followed() -> None:
    ran = run(
        """
        import torch
        w = torch.ones(3, requires_grad=True)
        for t in range(2):
            loss = (w * w).sum()
            loss.backward()
            w = (w - 0.1 * w.grad).detach().requires_grad_()
        """
    )
    (parameter,) = ran.record(1).parameters
    assert parameter.name == "w"
    assert numpy.array_equal(ran.array(parameter.after, 1), ran.names["w"].detach().numpy())
    assert numpy.array_equal(ran.array(parameter.grad, 1), 2 * ran.array(parameter.before, 1))


def test_a_number_of_numpys_that_is_bound_anew_has_its_new_value() -> None:
    ran = run(
        """
        import numpy as np
        b = np.float64(1.0)
        for t in range(3):
            loss = b * b
            b -= 0.1 * b
        """
    )
    (bound,) = ran.values("b", 1, "result")
    assert bound.summary.value == 0.9 - 0.1 * 0.9
    assert not ran.values("b", 1, "after")
    assert ran.parameter("b", 1).after.summary.value == 0.9 - 0.1 * 0.9


COMPLEX = {
    "NumPy": """
        import numpy as np
        w, x = np.array([1 + 2j, 0.5 - 1j]), np.array([1j, 2.0])
        for t in range(2):
            loss = abs((w * x).sum()) ** 2
            grad = 2 * (w * x).sum() * x.conj()
            w -= 0.1 * grad
    """,
    "torch": """
        import torch
        w, x = torch.tensor([1 + 2j, 0.5 - 1j], requires_grad=True), torch.tensor([1j, 2.0 + 0j])
        for t in range(2):
            loss = (w * x).sum().abs() ** 2
            loss.backward()
            with torch.no_grad():
                w -= 0.1 * w.grad
                w.grad.zero_()
    """,
}


@pytest.mark.parametrize("source", COMPLEX.values(), ids=list(COMPLEX))
def test_complex_parameters_have_updates(source: str) -> None:
    ran = run(source)
    assert ran.error is None and not ran.record(1).faults
    parameter = ran.parameter("w", 1)
    before, after = ran.array(parameter.before, 1), ran.array(parameter.after, 1)
    update = ran.array(parameter.update, 1)
    assert update.dtype == numpy.complex128
    assert numpy.array_equal(update, numpy.subtract(after, before, dtype=numpy.complex128))
    assert parameter.ratio == pytest.approx(numpy.linalg.norm(update) / numpy.linalg.norm(before))


def test_what_takes_the_place_of_a_parameter_under_its_name_is_its_new_value() -> None:
    ran = run(
        """
        import numpy as np
        X = np.arange(8.0).reshape(4, 2) ** 2
        centroids = X[:2] + 1.0
        for i in range(3):
            labels = np.argmin(((X[:, None] - centroids) ** 2).sum(2), axis=1)
            new_centroids = np.array([X[labels == k].mean(axis=0) for k in range(2)])
            centroids = new_centroids
        """
    )
    centroids = ran.parameter("centroids", 0)
    assert not numpy.array_equal(ran.array(centroids.before), ran.array(centroids.after))
    assert numpy.array_equal(ran.array(centroids.after), ran.array(ran.values("new_centroids")[-1]))


def test_a_number_that_is_moved_through_a_velocity_of_its_own() -> None:
    ran = run(
        """
        import numpy as np
        x = np.array([1.0, 2.0])
        b, vb = 0.5, 0.0
        for t in range(2):
            loss = ((x + b) ** 2).mean()
            grad_b = 2 * (x + b).mean()
            vb = 0.5 * vb - 0.125 * grad_b
            b += vb
        """
    )
    first, second = ran.parameter("b", 0), ran.parameter("b", 1)
    assert (first.before.summary.value, first.update.summary.value) == (0.5, -0.5)
    assert first.grad is not None
    assert first.grad.label == "grad_b"
    assert ran.array(first.grad) == 4.0
    assert second.after.summary.value == ran.names["b"]


@pytest.mark.parametrize("step", ["w -= w.grad * 0.125", "step = w.grad * 0.125; w -= step"])
def test_a_tensor_of_the_scripts_own_that_changes_itself(step: str) -> None:
    ran = run(
        f"""
        import numpy as np

        class Tensor:
            def __init__(self, data):
                self._data, self.grad = np.array(data), None

            @property
            def data(self):
                return self._data

            @data.setter
            def data(self, new):
                self._data, self.grad = new, None

            def __mul__(self, rate):
                return Tensor(self.data * rate)

            def __isub__(self, other):
                self.data = self.data - other.data
                return self

            def loss(self):
                return (self.data ** 2).sum()

            def backward(self):
                self.grad = Tensor(2 * self.data)

        w = Tensor([1.0, -2.0])
        for t in range(2):
            loss = w.loss()
            w.backward()
            {step}
        """
    )
    for iteration in range(2):
        before = ran.array(ran.parameter("w", iteration).before, iteration)
        check(ran, "w", 2 * before, 0.125, iteration)


def test_variables_that_a_model_yields_and_an_optimizer_gathers() -> None:
    ran = run((Path(__file__).parents[1] / "program" / "corpus" / "variables_of_a_framework.txt").read_text())
    for iteration in range(2):
        assert [each.shape for each in ran.record(iteration).parameters] == [(3, 4), (4, 1)]
        for each in ran.record(iteration).parameters:
            check(ran, each.name, None, 0.125, iteration)


OWN = """
import numpy as np
numbers = np.random.default_rng(0)
x, y = numbers.normal(size=(6, 3)), numbers.normal(size=(6, 2))
class Parameter:
    def __init__(self, data):
        self.data, self.grad = data, np.zeros_like(data)
class Linear:
    def __init__(self, i, o):
        self.w, self.b = Parameter(numbers.normal(size=(i, o))), Parameter(np.zeros(o))
    def __call__(self, x):
        self.x = x
        return x @ self.w.data + self.b.data
    def backward(self, d):
        self.w.grad[...] = self.x.T @ d
        self.b.grad[...] = d.sum(axis=0)
        return d @ self.w.data.T
class SGD:
    def __init__(self, parameters): self.parameters = parameters
    def step(self):
        for p in self.parameters:
            {update}
first, second = Linear(3, 4), Linear(4, 2)
optimizer = SGD([first.w, first.b, second.w, second.b])
for t in range(3):
    h = np.tanh(first(x))
    out = second(h)
    loss = ((out - y) ** 2).sum()
    d = second.backward(2 * (out - y))
    first.backward(d * (1 - h ** 2))
    optimizer.step()
"""


@pytest.mark.parametrize("update", ["p.data -= 0.01 * p.grad", "p.data = p.data - 0.01 * p.grad"])
def test_objects_of_the_scripts_own_that_keep_data_beside_a_gradient_are_parameters(update: str) -> None:
    ran = run(OWN.format(update=update))
    record = ran.record(1)
    assert {each.name.partition(" ")[0] for each in record.parameters} == {"self.w.data", "self.b.data"}
    assert len(record.parameters) == 4
    for each in record.parameters:
        assert each.grad is not None and each.cosine is not None and each.cosine < -0.999999, each.name
    assert ran.values("out", 1)[0].role == "activation" and ran.values("d", 1)[0].role == "gradient"
    assert ran.event("d = second.backward(2 * (out - y))", 1).phase == "backward"
