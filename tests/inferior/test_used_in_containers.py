"""The gradients that updates of several parameters at once used: in dicts, lists, tuples, and in one array."""

import numpy
import pytest

from tests.inferior.running import check, roles, run


@pytest.mark.parametrize(
    "update",
    [
        "params = {k: p - 0.5 * grads[k] for k, p in params.items()}",
        "params = dict(zip(params, [p - 0.5 * grads[k] for k, p in params.items()]))",
    ],
)
def test_a_dict_bound_anew_in_a_comprehension_used_the_gradient_under_the_same_key(update: str) -> None:
    ran = run(
        f"""
        import numpy as np
        params = {{"W1": np.array([1.0, 2.0]), "W2": np.array([3.0, -4.0])}}
        for t in range(2):
            loss = sum((p ** 2).sum() for p in params.values())
            grads = {{k: 2 * v for k, v in params.items()}}
            {update}
        """
    )
    assert len(ran.record().parameters) == 2
    for name, start in (("W1", [1.0, 2.0]), ("W2", [3.0, -4.0])):
        check(ran, f"params['{name}']", 2 * numpy.array(start), 0.5)


def test_the_sum_over_a_batch_of_one_row_is_the_gradient_itself() -> None:
    """It has the numbers of the row that it was made of, in another shape."""
    ran = run(
        """
        import numpy as np
        params = {"b": np.array([1.0, 2.0, 3.0])}
        for t in range(2):
            d = params["b"][None, :] - 4.0
            loss = 0.5 * float((d ** 2).sum())
            grads = {}
            dz = 1.0 * d
            grads["b"] = dz.sum(axis=0)
            params = {k: p - 0.5 * grads[k] for k, p in params.items()}
        """
    )
    check(ran, 'params["b"]', numpy.array([-3.0, -2.0, -1.0]), 0.5)
    grad = ran.parameter('params["b"]').grad
    assert grad is not None and (grad.label, grad.summary.shape) == ('grads["b"]', (3,))


def test_a_dict_of_an_array_and_a_number_updated_by_key() -> None:
    ran = run(
        """
        import numpy as np
        params = {"w": np.array([1.0, 2.0]), "b": 0.5}
        X, y = np.ones((4, 2)), np.zeros(4)
        for t in range(2):
            error = X @ params["w"] + params["b"] - y
            loss = float((error ** 2).sum())
            grads = {"w": 2 * X.T @ error, "b": 2 * error.sum()}
            for k in params:
                params[k] = params[k] - 0.125 * grads[k]
        """
    )
    for iteration in range(2):
        w, b = ran.record(iteration).parameters
        assert (w.name, b.name) == ('params["w"]', 'params["b"]')
        check(ran, w.name, None, 0.125, iteration)
        assert w.grad is not None and w.grad.label == "grads[k]"
        moved = b.update.summary.value if iteration == 0 else ran.array(b.update, iteration)
        assert moved == -0.125 * 2 * 4 * 3.5 * (1 if iteration == 0 else -2)


def test_a_gradient_of_nothing_but_zeros_was_used_by_an_update_under_a_key() -> None:
    ran = run(
        """
        import numpy as np
        params = {"W": np.array([1.0, 2.0]), "b": np.array([0.5, 0.5])}
        for t in range(2):
            alive = 1.0 - t
            out = params["W"] * alive + params["b"]
            loss = (out ** 2).sum()
            grads = {"W": 2 * out * alive, "b": 2 * out}
            for k in params:
                params[k] -= 0.125 * grads[k]
        """
    )
    check(ran, 'params["W"]', numpy.zeros(2), 0.125, 1)
    update = ran.event("params[k] -= 0.125 * grads[k]", 1)
    assert [value.when for value in update.values if value.label == 'params["W"]'] == ["before", "after"]


@pytest.mark.parametrize(
    "update",
    [
        "w = [a - 0.5 * g for a, g in zip(w, dw)]",
        "w = [w[i] - 0.5 * dw[i] for i in range(2)]",
    ],
)
def test_a_list_of_numbers_bound_anew_in_a_comprehension_used_the_list_of_gradients(update: str) -> None:
    ran = run(
        f"""
        w, x = [1.0, -2.0], [0.5, 4.0]
        for t in range(2):
            e = sum(a * v for a, v in zip(w, x)) - 1.0
            loss = e * e
            dw = [2 * e * v for v in x]
            {update}
        """
    )
    check(ran, "w", numpy.array([-17.0 * 0.5, -17.0 * 4.0]), 0.5)
    assert ran.parameter("w").grad.label == "dw"  # type: ignore[union-attr]


def test_a_velocity_in_a_list_is_no_gradient() -> None:
    ran = run(
        """
        w, v = [1.0, -2.0], [0.0, 0.0]
        for t in range(2):
            loss = sum(a * a for a in w)
            dw = [2 * a for a in w]
            v = [0.9 * m + g for m, g in zip(v, dw)]
            w = [a - 0.125 * m for a, m in zip(w, v)]
        """
    )
    grad = ran.parameter("w", 1).grad
    assert grad is not None and grad.label == "dw"


def test_a_gradient_without_the_axis_of_length_one_that_its_bias_has_belongs_to_it() -> None:
    ran = run(
        """
        import numpy as np
        b = np.zeros((1, 3))
        for t in range(2):
            delta = np.arange(6.0).reshape(2, 3) + b
            loss = (delta ** 2).sum() / 2
            db = np.sum(delta, axis=0)
            b += -0.25 * db
        """
    )
    parameter = ran.parameter("b", 1)
    assert parameter.grad is not None and parameter.grad.label == "db"
    assert parameter.cosine == pytest.approx(-1.0)


def test_a_bias_among_the_weights_has_its_gradient_in_one_array_with_theirs() -> None:
    ran = run(
        """
        import numpy as np
        X, y = np.arange(6.0).reshape(3, 2), np.array([1.0, -1.0, 1.0])
        w, eta = np.array([0.5, 0.25, -0.25]), 0.1
        errors = 0
        for xi, target in zip(X, y):
            error = target - (xi @ w[1:] + w[0])
            w[1:] += eta * xi.dot(error)
            w[0] += eta * error
            errors += int(error != 0)
        """
    )
    parameter = ran.parameter("w", 1)
    assert parameter.grad is not None and parameter.grad.label == "xi.dot(error), error"
    numpy.testing.assert_allclose(ran.array(parameter.update, 1), 0.1 * ran.array(parameter.grad, 1), rtol=1e-12)
    assert parameter.cosine is None  # it was put together from what was added


def test_parameters_assigned_in_one_tuple_used_each_its_own_gradient() -> None:
    ran = run(
        """
        import numpy as np
        x = np.array([0.0, 1.0, 2.0])
        m = b = 0.0
        for t in range(2):
            error = m * x + b - np.array([2.0, 5.0, 8.0])
            loss = np.mean(error ** 2)
            grad_m = 2 * np.mean(error * x)
            grad_b = 2 * np.mean(error)
            m, b = m - 0.125 * grad_m, b - 0.125 * grad_b
        """
    )
    m, b = ran.record().parameters
    assert m.grad is not None and b.grad is not None
    assert (m.grad.label, b.grad.label) == ("grad_m", "grad_b")


@pytest.mark.parametrize("gather", ["tuple({} for v, g in {})", "[{} for v, g in {}]"])
def test_parameters_that_are_stepped_in_one_zip_used_what_lies_beside_them(gather: str) -> None:
    ran = run(
        f"""
        import numpy as np
        x, y = np.arange(6.0).reshape(3, 2) / 4, np.array([1.0, -1.0, 0.5])
        w, b = np.array([0.5, -0.25]), np.zeros(3)
        vs = (np.zeros(2), np.zeros(3))
        for t in range(2):
            db = x @ w + b - y
            loss = (db ** 2).sum() / 2
            dw = x.T @ db
            vs = {gather.format("0.5 * v - 0.125 * g", "zip(vs, (dw, db))")}
            w, b = (p + v for p, v in zip((w, b), vs))
        """
    )
    assert {each.name: each.grad and each.grad.label for each in ran.record(1).parameters} == {"w": "dw", "b": "db"}


def test_numbers_in_dicts_alike_are_parameters_each_of_its_own() -> None:
    ran = run(
        """
        cells = [{"w": [0.5, 0.25], "b": 0.125}, {"w": [0.25, -0.5], "b": 0.25}]
        for t in range(2):
            loss = 0.0
            for cell in cells:
                cell["out"] = cell["w"][0] * 2 + cell["w"][1] * 3 + cell["b"]
                loss += (cell["out"] - 1) ** 2
            for cell in cells:
                cell["delta"] = 2 * (cell["out"] - 1)
            for cell in cells:
                for j in range(2):
                    cell["w"][j] -= 0.125 * cell["delta"] * (j + 2)
                cell["b"] -= 0.125 * cell["delta"]
        """
    )
    biases = [each for each in ran.record(0).parameters if not each.shape]
    assert [(each.before.summary.value, each.after.summary.value) for each in biases] == [
        (0.125, -0.09375),
        (0.25, 0.6875),
    ]
    assert [each.grad.summary.value for each in biases if each.grad is not None] == [1.75, -3.5]
    phases = {event.text: event.phase for event in ran.events(0)}
    assert phases['cell["out"] = cell["w"][0] * 2 + cell["w"][1] * 3 + cell["b"]'] == "forward"


def test_a_list_that_is_emptied_backward_and_filled_with_the_new_values_is_one_of_parameters() -> None:
    ran = run(
        """
        import numpy as np
        rng = np.random.default_rng(0)
        x, y = rng.normal(size=(6, 3)), rng.normal(size=(6, 2))
        layers = [rng.normal(size=(3, 4)), rng.normal(size=(4, 4)), rng.normal(size=(4, 2))]
        for t in range(2):
            outputs = [x]
            for w in layers:
                outputs.append(np.tanh(outputs[-1] @ w))
            e = outputs.pop() - y
            loss = (e * e).sum()
            error, changed = 2 * e * (1 - (e + y) ** 2), []
            while layers:
                w, h = layers.pop(), outputs.pop()
                slope = h.T @ error
                changed.append(w * 0.99 - 0.01 * slope)
                error = error @ w.T * (1 - h * h)
            changed.reverse()
            layers = changed
        """
    )
    found = {each.name: each for each in ran.record(1).parameters}
    assert list(found) == ["layers[0]", "layers[1]", "layers[2]"]
    for name, each in found.items():
        assert each.grad is not None and each.grad.label == "slope", name
        step = ran.array(each.after, 1) - 0.99 * ran.array(each.before, 1)
        assert numpy.allclose(step, -0.01 * ran.array(each.grad, 1)), name
    assert {value.role for event in ran.events(1) for value in event.values if value.label == "w"} == {"parameter"}


@pytest.mark.parametrize("names", [("db", "dw"), ("first", "second")])
@pytest.mark.parametrize("returned", ["[b - rate * {}, m - rate * {}]", "(b - rate * {}, m - rate * {})"])
def test_numbers_that_a_function_returns_together_used_the_gradients_that_it_names(
    returned: str, names: tuple[str, str]
) -> None:
    """Also where the only loss is measured behind the step."""
    ran = run(
        f"""
        def step(b, m, points, rate):
            {names[0]} = {names[1]} = 0
            for x, y in points:
                {names[0]} += -(2 / 3) * (y - (m * x + b))
                {names[1]} += -(2 / 3) * x * (y - (m * x + b))
            return {returned.format(*names)}
        def error_of(b, m, points):
            return sum((y - (m * x + b)) ** 2 for x, y in points) / len(points)
        b, m, points = 0.5, 0.25, [(1.0, 2.0), (3.0, -1.0), (-1.0, 0.5)]
        for i in range(2):
            b, m = step(b, m, points, 0.125)
            print(error_of(b, m, points))
        """
    )
    for parameter, label in zip(ran.record(1).parameters, names, strict=True):
        assert parameter.grad is not None and parameter.grad.label == label
        used, moved = parameter.grad.summary.value, parameter.update.summary.value
        assert isinstance(used, float) and -0.125 * used == pytest.approx(moved)


def test_a_key_is_no_gradient_of_a_parameter_of_one_number() -> None:
    ran = run(
        """
        import numpy as np
        held = {"w": np.array([1.0, 2.0]), "b": np.array([0.5])}
        for t in range(2):
            loss = (held["w"] ** 2).sum() + held["b"][0] ** 2
            gs = {"w": 2 * held["w"], "b": 2 * held["b"]}
            for k in gs:
                held = {**held, k: held[k] - 0.5 * gs[k]}
        """
    )
    assert roles(ran)["k"] == "other"
    check(ran, 'held["b"]', numpy.array([1.0]), 0.5)


def test_gradients_that_are_taken_so_many_times_each_are_added_up_so() -> None:
    ran = run(
        """
        import numpy as np
        w = np.array([0.5, -0.25])
        for t in range(2):
            grads, rewards = [w * 2.0, w * 4.0], [w[0] * 6, w[0] * -2]
            for g, reward in zip(grads, rewards):
                w += 0.125 * g * reward
        """
    )
    parameter = ran.parameter("w")
    assert parameter.grad is not None and parameter.grad.label == "g"
    assert ran.array(parameter.grad).tolist() == [1.0, -0.5]  # 2 * 3 - 4 times
    assert (ran.array(parameter.update) == 0.125 * ran.array(parameter.grad)).all()


@pytest.mark.parametrize(
    "taken",
    [
        'new["w"] -= 0.1 * zq\n            params.update(new)',
        "for k in new:\n                new[k] = new[k] - 0.1 * zq\n            params = new",
    ],
)
def test_a_copy_of_a_dict_that_is_stepped_takes_the_place_of_the_parameters(taken: str) -> None:
    ran = run(
        f"""
        import copy
        import numpy as np
        x, params = np.arange(6.0).reshape(3, 2), {{"w": np.ones(2)}}
        for t in range(2):
            e = x @ params["w"] - 1
            loss = (e ** 2).sum()
            zq = 2 * x.T @ e
            new = copy.deepcopy(params)
            {taken}
        """
    )
    (parameter,) = ran.record(1).parameters
    assert parameter.name == 'params["w"]' and parameter.grad is not None and parameter.grad.label == "zq"
    (read,) = {value.role for value in ran.values('params["w"]', 1) if value.when == "result"}
    assert read == "parameter"
