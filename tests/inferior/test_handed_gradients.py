"""The gradients that updates used where functions, objects and lists hand parameters on to what steps them."""

import numpy
import pytest

from tests.inferior.running import check, run


def test_a_step_in_a_function_that_returns_the_new_values_used_the_gradients_that_it_read_there() -> None:
    ran = run(
        """
        import numpy as np
        points = np.array([[1.0, 2.0], [2.0, 3.5]])
        def step(slope_now, bias_now, points, rate):
            slope_gradient = bias_gradient = 0
            for k in range(len(points)):
                x = points[k, 0]
                y = points[k, 1]
                slope_gradient += -(2 / len(points)) * x * (y - (slope_now * x + bias_now))
                bias_gradient += -(2 / len(points)) * (y - (slope_now * x + bias_now))
            new_slope = slope_now - rate * slope_gradient
            new_bias = bias_now - rate * bias_gradient
            return [new_slope, new_bias]
        def descend(rate):
            slope, bias = 0.5, 0.25
            for t in range(2):
                slope, bias = step(slope, bias, np.array(points), rate)
        descend(0.5)
        """
    )
    for name in ("slope", "bias"):
        parameter = ran.parameter(name, 1)
        assert parameter.grad is not None and parameter.grad.label == f"{name}_gradient"
        assert ran.array(parameter.grad, 1) == pytest.approx(-2 * ran.array(parameter.update, 1))
    taken = [event for event in ran.events(1) if event.text.startswith("new_")]
    assert [event.phase for event in taken] == ["update", "update"]
    found = {value.label: value.role for event in ran.events(1) for value in event.values}
    assert (found["x"], found["y"], found["rate"]) == ("data", "data", "setting")


def test_parameters_that_a_function_takes_from_a_dict_and_puts_into_a_new_one() -> None:
    ran = run(
        """
        import numpy as np
        X, Y = np.ones((2, 3)), np.zeros((1, 3))
        def predict(X, params):
            W, b = params["W"], params["b"]
            out = W @ X + b
            return out, {"out": out}
        def differentiate(cache, X, Y):
            dZ = cache["out"] - Y
            return {"dW": dZ @ X.T, "db": np.sum(dZ)}
        def update(params, grads, rate=0.0625):
            W = params["W"]
            b = params["b"]
            dW, db = grads["dW"], grads["db"]
            W = W - rate * dW
            b = b - rate * db
            return {"W": W, "b": b}
        def fit():
            params = {"W": np.ones((1, 2)), "b": np.ones((1, 1))}
            for t in range(2):
                out, cache = predict(X, params)
                cost = ((out - Y) ** 2).mean()
                grads = differentiate(cache, X, Y)
                params = update(params, grads)
        fit()
        """
    )
    W, b = ran.record(1).parameters
    assert (W.name, b.name) == ('params["W"]', 'params["b"]')
    assert W.grad is not None and W.grad.label == "dW" and W.cosine == pytest.approx(-1.0)
    assert b.grad is not None and b.grad.label == "db"  # one number for all of b
    assert [each.phase for each in ran.events(1) if each.text.startswith(("W = W -", "b = b -"))] == ["update"] * 2
    found = {value.label: value.role for event in ran.events(1) for value in event.values}
    assert (found["W"], found["dW"], found['cache["out"]']) == ("parameter", "gradient", "activation")


def test_parameters_that_an_object_keeps_as_a_tuple_with_a_loss_behind_the_update() -> None:
    ran = run(
        """
        import numpy as np
        class Net:
            def __init__(self):
                W, b = np.ones((2, 2)), np.ones((2, 1))
                self.theta = W, b
            def forward(self, X):
                W, b = self.theta
                self.A = W @ X + b
                return self.A
            def backward(self, X, Y):
                dZ = self.A - Y
                dW = dZ @ X.T
                db = 0.5 * np.sum(dZ)
                self.grads = dW, db
            def step(self, alpha):
                W, b = self.theta
                dW, db = self.grads
                W = W - alpha * dW
                b = b - alpha * db
                self.theta = W, b
        X, Y = np.ones((2, 3)), np.zeros((2, 3))
        net = Net()
        for t in range(2):
            out = net.forward(X)
            net.backward(X, Y)
            net.step(0.0625)
            loss = ((out - Y) ** 2).mean()
        """
    )
    W, b = ran.record(1).parameters
    assert (W.name, b.name) == ("self.theta[0]", "self.theta[1]")
    assert W.grad is not None and W.grad.label == "dW" and b.grad is not None and b.grad.label == "db"
    phases = {event.text: event.phase for event in ran.events(1)}
    assert phases["net.backward(X, Y)"] == phases["dW, db = self.grads"] == "backward"
    assert phases["W = W - alpha * dW"] == phases["self.theta = W, b"] == "update"


def test_nested_lists_that_are_updated_number_by_number_are_one_parameter_with_one_gradient() -> None:
    ran = run(
        """
        class Net:
            def __init__(self):
                self.w = [[0.5, -0.25], [0.125, 1.0]]
                self.b = [0.25, 0.5]
            def learn(self, x, y, lr=0.5):
                out = [sum(x[i] * self.w[i][j] for i in range(2)) + self.b[j] for j in range(2)]
                d_out = [out[j] - y[j] for j in range(2)]
                d_w = [[0.0] * 2 for _ in range(2)]
                for i in range(2):
                    for j in range(2):
                        d_w[i][j] = d_out[j] * x[i]
                for i in range(2):
                    for j in range(2):
                        self.w[i][j] -= lr * d_w[i][j]
                for j in range(2):
                    self.b[j] -= lr * d_out[j]
        net = Net()
        for x, y in [([1.0, 2.0], [0.5, 0.0]), ([0.0, 1.0], [1.0, 1.0])]:
            net.learn(x, y)
        """
    )
    for iteration in range(2):
        w, b = sorted(ran.record(iteration).parameters, key=lambda each: each.name, reverse=True)
        assert (w.name, w.shape, b.name) == ("self.w", (2, 2), "self.b")
        check(ran, "self.w", None, 0.5, iteration)
        check(ran, "self.b", None, 0.5, iteration)
        assert w.grad is not None and w.grad.label == "d_w" and w.cosine == pytest.approx(-1.0)
    assert ran.record().gates == []


@pytest.mark.parametrize(
    ("copy", "step"),
    [
        ("new = w.copy()", "new -= 0.5 * (x.T @ e)"),
        ("new = w.copy()", "g = x.T @ e; new -= 0.5 * g"),
        ("new = w.copy()", "for j in range(2): new[j] -= 0.5 * (x[:, j] @ e)"),
        ("new = np.array(w)", "g = x.T @ e; new[:] = new - 0.5 * g"),
    ],
)
def test_what_is_stepped_as_a_copy_and_takes_the_place_of_a_parameter_is_this(copy: str, step: str) -> None:
    ran = run(
        f"""
        import numpy as np
        x, w = np.array([[1.0, 2.0], [0.5, -1.0]]), np.array([0.5, 0.25])
        for t in range(2):
            e = x @ w - 1
            loss = (e ** 2).sum() / 2
            {copy}
            {step}
            w = new
        """
    )
    assert [each.name for each in ran.record(1).parameters] == ["w"]
    check(ran, "w", None, 0.5, 1)


@pytest.mark.parametrize(
    "update",
    [
        "for j in range(2): w[k][j] -= 0.5 * grad[k][j]",
        "w[k] = [a - 0.5 * g for a, g in zip(w[k], grad[k])]",
    ],
)
def test_a_nested_list_of_which_one_row_is_moved_has_the_gradient_that_this_was_moved_by(update: str) -> None:
    ran = run(
        f"""
        w = [[0.5, -0.25], [0.125, 1.0]]
        for k, x in [(0, [1.0, 2.0]), (1, [0.5, 1.0])]:
            e = sum(p * q for p, q in zip(w[k], x))
            loss = e ** 2
            grad = [[0.0, 0.0] for _ in w]
            for j in range(2):
                grad[k][j] = 2 * e * x[j]
            {update}
        """
    )
    (parameter,) = ran.record(1).parameters
    assert parameter.grad is not None and ran.array(parameter.grad, 1).tolist() == [[0.0, 0.0], [1.0625, 2.125]]


def test_biases_of_one_shape_that_a_function_returns_keep_their_own_gradients() -> None:
    ran = run(
        """
        import numpy as np
        def step(W1, b1, b2, dW1, db1, db2, rate):
            W1 = W1 - rate * dW1
            b1 = b1 - rate * db1
            b2 = b2 - rate * db2
            return W1, b1, b2
        def differentiate(d, X):
            return d @ X.T, np.sum(d), 0.125 * np.sum(d)
        def go():
            W1, b1, b2 = np.ones((2, 3)), np.ones((2, 1)), np.zeros((2, 1))
            X = np.ones((3, 4))
            for t in range(2):
                out = W1 @ X + b1 + 0.125 * b2
                dW1, db1, db2 = differentiate(out - 1, X)
                W1, b1, b2 = step(W1, b1, b2, dW1, db1, db2, 0.125)
        go()
        """
    )
    for iteration in range(2):
        assert [each.name for each in ran.record(iteration).parameters] == ["W1", "b1", "b2"]
        for parameter in ran.record(iteration).parameters:
            assert parameter.grad is not None and parameter.grad.label == f"d{parameter.name}"
            moved = -0.125 * ran.array(parameter.grad, iteration)
            numpy.testing.assert_allclose(
                ran.array(parameter.update, iteration), numpy.broadcast_to(moved, parameter.shape)
            )


PAIRS = "[(l.w, l.dw) for l in layers]"
STEPS = {
    "pairs": (
        PAIRS,
        """
                for p, g in params:
                    p -= 0.1 * g""",
    ),
    "two lists": (
        "([l.w for l in layers], [l.dw for l in layers])",
        """
                for p, g in zip(*params):
                    p -= 0.1 * g""",
    ),
    "momentum": (
        PAIRS,
        """
                for i, (p, g) in enumerate(params):
                    self.m[i] = 0.9 * self.m.get(i, 0) + g
                    p -= 0.1 * self.m[i]""",
    ),
    "Adam": (
        PAIRS,
        """
                for i, (p, g) in enumerate(params):
                    m, v = self.m.get(i, (0, 0))
                    m = 0.9 * m + 0.1 * g
                    v = 0.999 * v + 0.001 * g * g
                    self.m[i] = m, v
                    m_hat, v_hat = m / (1 - 0.9**self.t), v / (1 - 0.999**self.t)
                    p -= 0.1 * m_hat / (np.sqrt(v_hat) + 1e-8)""",
    ),
}


@pytest.mark.parametrize("step", STEPS)
def test_an_optimizer_by_hand_that_is_handed_pairs_used_what_the_layers_stored_as_their_gradients(step: str) -> None:
    """Never what an update is divided by: `np.sqrt(v_hat)`."""
    handed, body = STEPS[step]
    ran = run(
        f"""
        import numpy as np
        class Linear:
            def __init__(self, rng, a, b):
                self.w = rng.standard_normal((a, b))
            def forward(self, x):
                self.x = x
                return x @ self.w
            def backward(self, g):
                self.dw = self.x.T @ g
                return g @ self.w.T
        class Optimizer:
            def __init__(self):
                self.t, self.m = 0, {{}}
            def step(self, params):
                self.t += 1{body}
        rng = np.random.default_rng(0)
        layers = [Linear(rng, 3, 4), Linear(rng, 4, 1)]
        optimizer = Optimizer()
        x = rng.standard_normal((8, 3))
        y = x.sum(1, keepdims=True)
        for t in range(3):
            out = x
            for l in layers:
                out = l.forward(out)
            loss = ((out - y) ** 2).mean()
            g = 2 * (out - y) / len(x)
            for l in reversed(layers):
                g = l.backward(g)
            optimizer.step({handed})
        """
    )
    record = ran.record(2)
    stored = [event for event in record.events if event.text == "self.dw = self.x.T @ g"]
    expected = {event.values[-1].copy for event in stored}
    assert len(record.parameters) == 2
    assert {parameter.grad.copy for parameter in record.parameters if parameter.grad is not None} == expected


def test_a_rule_that_gives_a_new_value_back_used_the_gradient_that_it_was_handed() -> None:
    """And what is stored under its key, through another object than it was read from, is the parameter's new value."""
    ran = run(
        """
        import numpy as np

        def momentum(w, dw, memory):
            v = 0.9 * memory.get("v", np.zeros_like(w)) - 0.5 * dw
            new = w + v
            memory["v"] = v
            return new, memory

        class Model:
            def __init__(self):
                self.params = {"W": np.array([1.0, 2.0]), "b": np.array([3.0, -4.0, 1.0])}

            def loss(self):
                W, b = self.params["W"], self.params["b"]
                return (W ** 2).sum() + (b ** 2).sum(), {"W": 2 * W, "b": 2 * b}

        class Solver:
            def __init__(self, model):
                self.model, self.memories = model, {"W": {}, "b": {}}

            def step(self):
                loss, grads = self.model.loss()
                for k, w in self.model.params.items():
                    dw = grads[k]
                    new, memory = momentum(w, dw, self.memories[k])
                    self.model.params[k] = new
                    self.memories[k] = memory

        solver = Solver(Model())
        for t in range(2):
            solver.step()
        """
    )
    assert [each.name for each in ran.record().parameters] == ['self.params["W"]', 'self.params["b"]']
    check(ran, 'self.params["W"]', numpy.array([2.0, 4.0]), 0.5)
    check(ran, 'self.params["b"]', numpy.array([6.0, -8.0, 2.0]), 0.5)


@pytest.mark.parametrize(("name", "step"), [("dq", "0.25"), ("d_q", "0.25"), ("dW", "s.dk")])
def test_a_gradient_that_a_layer_keeps_is_called_after_the_parameter_which_it_steps(name: str, step: str) -> None:
    """A `d` ahead of a letter says nothing by itself: `dk` is how far a step goes, where no parameter is called `k`."""
    ran = run(
        f"""
        import numpy as np
        x = np.arange(8.0).reshape(4, 2) / 4
        class Layer:
            def __init__(s):
                s.q = np.array([[1.0, 2.0], [-1.0, 0.5]])
            def forward(s, h):
                s.x = h
                return h @ s.q
            def backward(s, g, t):
                s.dk = 0.25 / (t + 1)
                s.{name} = s.x.T @ g
                return g @ s.q.T
            def step(s):
                s.q -= {step} * s.{name}
        net = [Layer(), Layer()]
        for t in range(2):
            h = x
            for layer in net:
                h = layer.forward(h)
            loss = 0.5 * (h ** 2).sum()
            g = h
            for layer in net[::-1]:
                g = layer.backward(g, t)
            for layer in net:
                layer.step()
        """
    )
    assert len(ran.record().parameters) == 2
    for each in ran.record().parameters:
        check(ran, each.name, None, 0.25)
        assert each.grad is not None and each.grad.label == f"s.{name}"
    assert all(value.role != "gradient" for e in ran.events(0) for value in e.values if value.label == "s.dk")
