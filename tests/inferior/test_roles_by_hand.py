"""Roles of values in records of scripts that work out their gradients by hand, where a name alone does not say them."""

import pytest

from tests.inferior.running import roles, run


def test_rows_of_an_embedding_and_elements_of_lists() -> None:
    ran = run(
        """
        import numpy as np
        rng = np.random.default_rng(0)
        C, W = rng.normal(size=(5, 2)), rng.normal(size=(2, 2))
        data = rng.integers(0, 5, size=(6, 3))
        for t in range(3):
            ix = data[t]
            emb = C[ix]
            hs = {-1: np.zeros(2)}
            for k in range(3):
                hs[k] = np.tanh(emb[k] + hs[k - 1] @ W)
            loss = (hs[2] ** 2).sum()
            dW, dC, dh = np.zeros_like(W), np.zeros_like(C), 2 * hs[2]
            for k in reversed(range(3)):
                dz = (1 - hs[k] ** 2) * dh
                dW += np.outer(hs[k - 1], dz)
                dC[ix[k]] += dz
                dh = dz @ W.T
            W -= 0.1 * dW
            C -= 0.1 * dC
        """
    )
    found = roles(ran)
    assert found["emb"] == found["hs[k]"] == found["hs[k - 1]"] == "activation"
    assert {each.name for each in ran.record(1).parameters} == {"W", "C"}


def test_a_row_of_a_parameter_is_neither_a_loss_nor_a_gradient() -> None:
    ran = run(
        """
        import numpy as np
        table = np.ones((3, 2))
        for t in range(2):
            loss = (table[1].sum() - 1) ** 2
            g = 2 * (table[1].sum() - 1)
            table[1] -= 0.1 * g
        """
    )
    rows = [(e.phase, v.role) for e in ran.record(1).events for v in e.values if v.label == "table[1]"]
    assert rows and set(rows) == {("loss", "activation"), ("backward", "activation")}


def test_a_sum_that_begins_with_a_weight_is_an_activation_and_elements_of_data_are_no_settings() -> None:
    ran = run(
        """
        def predict(row, coefficients):
            yhat = coefficients[0]
            for i in range(len(row) - 1):
                yhat += coefficients[i + 1] * row[i]
            return yhat
        train = [[1.0, 2.0], [2.0, 3.0]]
        coef = [0.0, 0.5]
        for row in train:
            yhat = predict(row, coef)
            error = yhat - row[-1]
            coef[0] = coef[0] - 0.1 * error
            coef[1] = coef[1] - 0.1 * error * row[0]
        """
    )
    assert (roles(ran)["yhat"], roles(ran)["coef"]) == ("activation", "parameter")
    inside = [event for event in ran.events(1) if event.line in (3, 4, 5, 6)]
    assert inside and {event.phase for event in inside} == {"forward"}


def test_what_an_environment_carries_on_is_no_parameter_beside_what_gradients_change() -> None:
    ran = run(
        """
        import numpy as np
        n = 4
        model = {"W": np.random.randn(n, 2), "b": np.zeros(2)}
        class Walk:
            def reset(self):
                self.place = np.zeros(4)
                return self.place
            def step(self, action):
                self.place = self.place + 0.1 * (1 if action else -1)
                return self.place, float(-abs(self.place[0]))
        walk = Walk()
        seen, rewards = walk.reset(), []
        for t in range(4):
            p = 1 / (1 + np.exp(-(seen @ model["W"] + model["b"])))
            action = p[0] < 0.5
            x = seen
            seen, reward = walk.step(action)
            rewards.append(reward)
            d_out = (action - p) * reward
            grads = {"W": np.outer(x, d_out), "b": d_out}
            for k in model:
                model[k] += 0.1 * grads[k]
        """
    )
    assert [each.name for each in ran.record(2).parameters] == ['model["W"]', 'model["b"]']
    found = roles(ran)
    assert "parameter" not in (found["seen"], found["self.place"], found["reward"], found["k"])
    setup = {value.label: value.role for event in ran.events(None) for value in event.values}
    assert setup["n"] != "parameter"  # it is what a parameter was only made from


def test_elements_of_data_are_no_settings() -> None:
    ran = run(
        """
        import numpy as np
        X, y = np.eye(3), np.arange(3.0)
        config = {"rate": 0.1}
        w = np.zeros(3)
        for i in range(3):
            err = X[i] @ w - y[i]
            loss = err ** 2
            grad = 2 * err * X[i]
            w -= config["rate"] * grad
        """
    )
    assert (roles(ran)["y[i]"], roles(ran)["X[i] @ w"]) == ("data", "activation")


def test_an_element_of_an_input_that_only_the_step_goes_through_is_data_and_part_of_the_gradient() -> None:
    ran = run(
        """
        w = [[0.5, -0.25, 0.125], [0.25, 0.5, -0.5]]
        for row, wanted in [([1, 0], 1.0), ([0, 1], 0.0), ([1, 1], 0.5)]:
            made = [sum(a * b for a, b in zip(unit, row + [1])) for unit in w]
            delta = [each - wanted for each in made]
            for i, unit in enumerate(w):
                for j, entry in enumerate(row + [1]):
                    unit[j] -= delta[i] * entry
        """
    )
    assert roles(ran)["entry"] in ("data", "setting")
    (parameter,) = ran.record(1).parameters
    assert parameter.name == "w" and parameter.grad is not None
    assert parameter.grad.summary.shape == (2, 3)


def test_elements_of_parameters_by_a_computed_key_are_parameters() -> None:
    ran = run(
        """
        import numpy as np
        x, y = np.ones((4, 3)), np.ones((4, 3))
        params = {"W" + str(k): np.full((3, 3), 0.1 * k) for k in (1, 2)}
        for t in range(3):
            a = x
            for k in (1, 2):
                a = a @ params["W" + str(k)]
            loss = ((a - y) ** 2).sum()
            grads = {"W1": x.T @ (2 * (a - y) @ params["W2"].T), "W2": (x @ params["W1"]).T @ (2 * (a - y))}
            for key in params:
                params[key] = params[key] - 0.01 * grads[key]
        """
    )
    assert roles(ran)['params["W" + str(k)]'] == "parameter"


def test_a_parameter_in_a_dict_is_one_where_a_penalty_in_the_loss_reads_it() -> None:
    ran = run(
        """
        import numpy as np
        params = {"W": np.array([1.0, 2.0]), "b": np.array([0.5])}
        for t in range(2):
            loss = ((params["W"] + params["b"]) ** 2).sum()
            loss = loss + 0.5 * (params["W"] ** 2).sum()
            grads = {"W": 2 * (params["W"] + params["b"]) + params["W"], "b": 2 * (params["W"] + params["b"]).sum()}
            for k in params:
                params[k] -= 0.1 * grads[k]
        """
    )
    values = [value for event in ran.events(1, "expression") for value in event.values]
    assert {value.role for value in values if value.label == 'params["W"]'} == {"parameter"}
    assert {value.role for value in values if value.label == 'params["W"] ** 2'} == {"activation"}


def test_a_loss_measured_behind_the_update_through_a_method_that_a_library_calls() -> None:
    ran = run(
        """
        import numpy as np
        def squash(x):
            return 1 / (1 + np.exp(-x))
        class Neuron:
            def __init__(self):
                self.w, self.b = 0.5, 0.0
            def answer(self, x):
                return squash(self.w * x[0] + self.b)
            def train(self, data, wanted):
                for x, target in zip(data, wanted):
                    total = self.w * x[0] + self.b
                    guess = squash(total)
                    d_out = -2 * (target - guess) * guess * (1 - guess)
                    self.w -= 0.1 * d_out * x[0]
                    self.b -= 0.1 * d_out
                    guesses = np.apply_along_axis(self.answer, 1, data)
                    loss = ((wanted - guesses) ** 2).mean()
        Neuron().train(np.array([[1.0], [2.0], [3.0]]), np.array([1.0, 0.0, 1.0]))
        """
    )
    found = roles(ran)
    assert found["total"] == found["guess"] == found["guesses"] == "activation"
    assert found["self.w"] == found["self.b"] == "parameter" and found["d_out"] == "gradient"
    phases = {event.text.partition(" ")[0]: event.phase for event in ran.events(1)}
    assert [phases[name] for name in ("total", "d_out", "self.w", "guesses")] == [
        "forward",
        "backward",
        "update",
        "forward",
    ]


LAYER_OBJECTS = """
import numpy as np
class Step:
    def __init__(self, lr): self.lr = lr
    def __call__(self, param, grad): return param - self.lr * grad
class Dense:
    def __init__(self, n, m, act, optimizer):
        self.act, self.optimizer, self.X = act, optimizer, []
        W, b = np.full((n, m), 0.5), np.zeros((1, m))
        self.parameters = {"W": W, "b": b}
        self.gradients = {"W": np.zeros_like(W), "b": np.zeros_like(b)}
    def forward(self, X, keep=True):
        W, b = self.parameters["W"], self.parameters["b"]
        Z = X @ W + b
        if keep:
            self.X.append(X)
        return self.act(Z)
    def backward(self, dY):
        W, X = self.parameters["W"], self.X[0]
        dZ = dY * (X @ W + self.parameters["b"] > 0)
        self.gradients["W"] += X.T @ dZ
        self.gradients["b"] += dZ.sum(axis=0, keepdims=True)
        return dZ @ W.T
    def update(self):
        for k, v in self.gradients.items():
            self.parameters[k] = self.optimizer(self.parameters[k], v)
        self.flush()
    def flush(self):
        self.X = []
        for k, v in self.gradients.items():
            self.gradients[k] = np.zeros_like(v)
def relu(u):
    return np.maximum(u, 0)
layers = [Dense(3, 4, relu, Step(0.125)), Dense(4, 2, relu, Step(0.125))]
inputs, targets = np.arange(6.0).reshape(2, 3), np.ones((2, 2))
for i in range(2):
    out = inputs
    for layer in layers:
        out = layer.forward(out)
    loss = ((out - targets) ** 2).mean()
    d = 2 * (out - targets) / out.size
    for layer in reversed(layers):
        d = layer.backward(d)
    for layer in layers:
        layer.update()
"""


def test_gradients_that_a_layer_adds_up_in_a_dict_and_zeroes_are_no_parameters() -> None:
    ran = run(LAYER_OBJECTS)
    found = ran.record(1).parameters
    assert len(found) == 4 and all(each.name.startswith("self.parameters[") for each in found)
    for each in found:
        assert (each.grad is not None and each.cosine == -1.0) or not ran.array(each.update, 1).any()
    assert {value.role for value in ran.values('self.gradients["W"]', 1)} == {"gradient"}
    phases = {event.text: event.phase for event in ran.events(1)}
    assert phases["Z = X @ W + b"] == phases["self.X.append(X)"] == "forward"
    assert phases["d = 2 * (out - targets) / out.size"] == phases['dZ = dY * (X @ W + self.parameters["b"] > 0)']
    assert phases["d = 2 * (out - targets) / out.size"] == "backward"


def test_what_a_function_that_an_object_keeps_is_handed_has_the_role_it_had_before() -> None:
    ran = run(LAYER_OBJECTS)
    assert {value.role for value in ran.values("u", 1)} == {"activation"}


NEURONS = """
from math import exp
network = [[{"weights": [0.1, 0.2, 0.3]}, {"weights": [0.3, -0.2, 0.1]}], [{"weights": [0.5, -0.5, 0.2]}]]
def forward(network, row):
    inputs = row
    for layer in network:
        outputs = []
        for neuron in layer:
            total = neuron["weights"][-1]
            for j in range(len(inputs)):
                total += neuron["weights"][j] * inputs[j]
            neuron["output"] = 1 / (1 + exp(-total))
            outputs.append(neuron["output"])
        inputs = outputs
    return inputs
def backward(network, wanted):
    for i in reversed(range(len(network))):
        for j in range(len(network[i])):
            neuron, error = network[i][j], 0.0
            if i == len(network) - 1:
                error = neuron["output"] - wanted
            else:
                for further in network[i + 1]:
                    error += further["weights"][j] * further["delta"]
            neuron["delta"] = error * neuron["output"] * (1 - neuron["output"])
def update(network, row, rate):
    for i in range(len(network)):
        inputs = row if i == 0 else [neuron["output"] for neuron in network[i - 1]]
        for neuron in network[i]:
            for j in range(len(inputs)):
                neuron["weights"][j] -= rate * neuron["delta"] * inputs[j]
            neuron["weights"][-1] -= rate * neuron["delta"]
for t in range(3):
    sum_error = 0.0
    row, wanted = [1.0, 2.0 - t], t % 2
    out = forward(network, row)
    sum_error += (wanted - out[0]) ** 2
    backward(network, wanted)
    update(network, row, 0.5)
"""


def test_what_a_pass_computes_anew_beside_the_parameters_in_their_dicts_is_none() -> None:
    ran = run(NEURONS)
    names = [f'network[{i}]["weights"]' for i in ("0][0", "0][1", "1][0")]
    assert [each.name for each in ran.record(1).parameters] == names
    assert not any(each.grad is not None and "weights" in each.grad.label for each in ran.record(1).parameters)
    assert {value.role for value in ran.values('neuron["output"]', 1, "result")} == {"activation"}
    assert {value.role for value in ran.values('neuron["delta"]', 1, "result")} == {"gradient"}
    assert (
        ran.array(ran.parameter(names[2], 1).after, 1).tolist()
        == ran.array(ran.parameter(names[2], 2).before, 2).tolist()
    )


@pytest.mark.parametrize("chosen", ["rate(loss)", "0.01 if loss > 2 else 0.02", "0.1 / (1 + loss)"])
def test_a_loss_that_only_sets_the_learning_rate_is_a_loss(chosen: str) -> None:
    ran = run(
        f"""
        import numpy as np
        def rate(error):
            if error > 1:
                return 0.01
            return 0.001
        x = np.random.default_rng(0).normal(size=(20, 3))
        y, w = x @ np.ones(3), np.zeros(3)
        for t in range(3):
            p = x @ w
            loss = ((p - y) ** 2).mean()
            dw = 2 * x.T @ (p - y) / 20
            eta = {chosen}
            w = w - eta * dw
        """
    )
    found = roles(ran)
    assert (found["loss"], found["p"], found["dw"]) == ("loss", "activation", "gradient")
    assert found["eta"] == "other"
    phases = {event.text.partition(" =")[0]: event.phase for event in ran.record(1).events if event.kind == "statement"}
    assert (phases["loss"], phases["dw"], phases["eta"]) == ("loss", "backward", "update")


def test_an_input_that_a_backward_pass_makes_its_mask_of_in_place_is_no_parameter() -> None:
    ran = run(
        """
        import numpy as np
        class Linear:
            def __init__(self, inputs, outputs):
                self.weights = np.random.randn(inputs, outputs)
            def forward(self, x):
                self.last_input = x
                return x @ self.weights
            def backward(self, dL_dy):
                self.dL_dw = self.last_input.T @ dL_dy
                dx = dL_dy @ self.weights.T
                self.weights -= 0.01 * self.dL_dw
                return dx
        class ReLU:
            def forward(self, x):
                self.last_x = x
                self.result = np.maximum(0, x)
                return self.result
            def backward(self, dL_dy):
                self.dy_dx = self.last_x
                self.dy_dx[self.dy_dx <= 0] = 0
                self.dy_dx[self.dy_dx > 0] = 1
                return self.dy_dx * dL_dy
        np.random.seed(0)
        X, Y = np.random.randn(12, 4), np.random.randn(12, 1)
        layers = [Linear(4, 6), ReLU(), Linear(6, 1)]
        for t in range(3):
            a = X
            for layer in layers:
                a = layer.forward(a)
            loss = ((a - Y) ** 2).sum()
            dL = 2 * (a - Y)
            for layer in reversed(layers):
                dL = layer.backward(dL)
        """
    )
    assert {each.shape for each in ran.record(1).parameters} == {(4, 6), (6, 1)}
    found = roles(ran)
    assert "parameter" not in (found["x"], found["self.last_x"], found["self.dy_dx"], found["self.last_input"])
    assert found["self.weights"] == "parameter"


def test_gradients_that_are_added_up_from_zeros_begin_no_backward_pass_where_no_loss_has_a_name() -> None:
    ran = run(
        """
        N = 2
        W = [[0.5, -0.25], [0.75, 0.125]]
        data = [([1.0, 3.0], [1.0, -1.0]), ([2.0, -0.5], [0.5, 2.0])]
        for step in range(2):
            total = 0.0
            dW = [[0.0] * N for _ in range(N)]
            for x, y in data:
                out = [sum(a * b for a, b in zip(row, x)) for row in W]
                miss = [a - b for a, b in zip(out, y)]
                total += sum(m * m for m in miss)
                slope = [2 * m for m in miss]
                for i in range(N):
                    for j in range(N):
                        dW[i][j] += slope[i] * x[j]
            for i in range(N):
                for j in range(N):
                    W[i][j] -= 0.1 * dW[i][j]
            print(total)
        """
    )
    found = roles(ran)
    assert found["W"] == "parameter" and found["dW"] == found["slope"] == "gradient"
    assert found["out"] == found["miss"] == "activation"
    (parameter,) = ran.record(1).parameters
    assert parameter.name == "W" and parameter.grad is not None and parameter.grad.label == "dW"
    assert {event.phase for event in ran.events(1) if "slope =" in event.text} == {"backward"}


def test_a_perceptron_that_steps_where_its_answer_is_wrong_has_parameters_and_no_other_counter() -> None:
    ran = run(
        """
        X, y = [[1.0, 0.5], [-0.5, 2.0], [0.25, -1.0]], [1, -1, 1]
        w, b, lr, mistakes = [0.0, 0.0], 0.0, 0.125, 0
        for i in range(len(X)):
            s = sum(p * q for p, q in zip(w, X[i])) + b
            if y[i] * s <= 0:
                mistakes += 1
                for j in range(len(w)):
                    w[j] += lr * y[i] * X[i][j]
                b += lr * y[i]
        """
    )
    found = roles(ran)
    assert found["w"] == found["b"] == "parameter" and found["s"] == "activation" and found["mistakes"] == "other"
    weights, bias = ran.record(1).parameters
    assert weights.grad is not None and ran.array(weights.grad, 1).tolist() == [0.5, -2.0]
    assert bias.grad is not None and bias.grad.summary.value == -1
    assert {event.phase for event in ran.events(1) if event.text.startswith(("w[j] +=", "b +="))} == {"update"}


def test_what_the_forward_pass_adds_to_is_no_parameter_though_it_begins_with_one() -> None:
    ran = run(
        """
        w, b = [[0.5, 0.25], [0.125, -0.25]], [0.125, 0.25]
        for x, y in [([1.0, 2.0], 1.0), ([-1.0, 0.5], 0.0)]:
            z = []
            for row, a in zip(w, b):
                for p, q in zip(row, x):
                    a += p * q
                z.append(a)
            s = b[0]
            for v in z:
                s += v
            loss = (s - y) ** 2
            d = 2 * (s - y)
            for j in range(2):
                for i in range(2):
                    w[j][i] -= 0.125 * d * x[i]
            b[0] -= 0.125 * d * 2
            b[1] -= 0.125 * d
        """
    )
    found = roles(ran)
    assert found["z"] == found["s"] == found["a"] == "activation" and found["w"] == found["b"] == "parameter"
    assert all(each.grad is not None for each in ran.record(1).parameters)
