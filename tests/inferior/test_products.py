"""The gradient of an update by hand: what it adds, without the learning rate and without a decay."""

import numpy
import pytest

from tests.inferior.running import run


def test_an_update_without_a_gradient_of_its_own_shows_what_it_scales() -> None:
    ran = run(
        """
        import numpy as np
        X, y = np.arange(6.0).reshape(3, 2), np.array([1.0, -2.0, 3.0])
        w, b, lr = np.array([0.5, -0.5]), 0.0, 0.05
        for i in range(3):
            err = X[i] @ w + b - y[i]
            loss = err ** 2
            w -= lr * err * X[i]
            b -= lr * err
        """
    )
    for name, label in (("w", "err * X[i]"), ("b", "err")):
        parameter = ran.parameter(name, 2)
        assert parameter.grad is not None and (parameter.grad.label, parameter.grad.role) == (label, "gradient")
        gradient, update = ran.array(parameter.grad, 2), ran.array(parameter.update, 2)
        numpy.testing.assert_allclose(update, -0.05 * gradient, rtol=1e-12)
        assert parameter.ratio == pytest.approx(
            numpy.linalg.norm(update) / numpy.linalg.norm(ran.array(parameter.before, 2))
        )


@pytest.mark.parametrize(
    ("update", "label", "divisor"),
    [
        ("w -= lr * err * x / len(X)", "err * x / len(X)", 0.1),  # nobody has seen the length
        ("w = w - lr * (err * x)", "err * x", 0.1),
        ("w += 2 * lr * (y - p) * x", "2 * (y - p) * x", 0.1),
        ("w -= 0.5 * 0.1 * err * x", "err * x", 0.05),  # nothing tells the rate among numbers without names
        ("w -= -lr * err * -x", "err * x", 0.1),
        ("w -= lr * err * x + 0.5 * lr * v", "lr * err * x + 0.5 * lr * v", 1.0),
        ("w[1:] -= lr * err * x[1:]", "err * x[1:]", 0.1),  # of the first element it is not known
        ("w[1:] -= lr * err * x[1:]; w[1:] -= lr * w[1:]", None, None),
    ],
)
def test_what_only_scales_an_update_is_told_by_its_flow(update: str, label: str | None, divisor: float | None) -> None:
    ran = run(
        f"""
        import numpy as np
        X = np.array([[1.0, 2.0], [3.0, -1.0]])
        w, v, lr = np.array([0.5, -0.5]), np.array([0.25, 0.5]), 0.1
        for x, y in zip(X, np.array([1.0, 2.0])):
            p = x @ w
            err = p - y
            loss = err ** 2
            {update}
        """
    )
    parameter = ran.parameter("w", 1)
    moved = abs(ran.array(parameter.update, 1))
    if label is None:
        assert parameter.grad is None
        assert "no value of the script is by itself the gradient of w" in [e.note for e in ran.record(1).events]
        return
    assert parameter.grad is not None
    assert parameter.grad.label == label and divisor is not None
    numpy.testing.assert_allclose(abs(ran.array(parameter.grad, 1)), moved / divisor, rtol=1e-9)


@pytest.mark.parametrize(
    ("update", "label", "cosine"),
    [
        ("w -= lr * -(y - p).dot(X)", "-(y - p).dot(X)", -1.0),
        ("w = w - -(y - p).dot(X) * lr", "-(y - p).dot(X)", -1.0),
        ("w -= -lr * (p - y).dot(X)", "(p - y).dot(X)", 1.0),  # the sign is the rate's
        ("w += -(lr * (p - y).dot(X))", "(p - y).dot(X)", -1.0),
        ("g = (y - p).dot(X); w -= lr * -g", "g", 1.0),  # that is what the script itself calls it
    ],
)
def test_a_sign_that_has_no_name_by_itself_belongs_to_the_gradient(update: str, label: str, cosine: float) -> None:
    ran = run(
        f"""
        import numpy as np
        X, y = np.array([[1.0, 2.0], [3.0, -1.0], [0.5, 0.25]]), np.array([1.0, 0.0, 1.0])
        w, lr = np.array([0.5, -0.5]), 0.1
        for t in range(2):
            p = 1 / (1 + np.exp(-X.dot(w)))
            loss = -np.sum(y * np.log(p) + (1 - y) * np.log(1 - p))
            {update}
        """
    )
    parameter = ran.parameter("w", 1)
    assert parameter.grad is not None and parameter.grad.label == label
    assert parameter.cosine == pytest.approx(cosine)


@pytest.mark.parametrize(
    ("update", "label"),
    [
        ("w = w - lr * (2 / m) * X.T @ e", "2 / m * X.T @ e"),
        ("w -= lr * (X.T @ e / m)", "X.T @ e / m"),
        ("w -= lr * 2 * X.T @ e", "2 * X.T @ e"),
        ("w -= lr * (2 * X.T.dot(e))", "2 * X.T.dot(e)"),
        ("w = w - (alpha / m) * np.dot(X.T, e)", "1 / m * np.dot(X.T, e)"),
        ("w = w - (lr * np.dot(X.T, e)) / m", "np.dot(X.T, e) / m"),
        ("w -= rate_of_mine * 2 * np.dot(X.T, e)", "2 * np.dot(X.T, e)"),
        ("w -= lr * X.T @ e", "X.T @ e"),
        ("w = w - 0.05 * (2 * X.T @ e / X.size)", "2 * X.T @ e / X.size"),  # the number below 1 is the rate
        ("w -= 0.05 * 2 * X.T @ e / m", "2 * X.T @ e / m"),
        ("w -= 2 / m * X.T @ e * 0.05", "2 / m * X.T @ e"),
        ("w -= lr / m * dw", "dw"),  # the script calls it its gradient
        ("w -= lr * (2 * X.T.dot(e) + decay * w)", "2 * X.T.dot(e)"),
        ("w -= lr * 2 * X.T @ e + lr * decay * w", "2 * X.T @ e"),
        ("w = w - lr * 2 * X.T @ e - lr * decay * w", "2 * X.T @ e"),
        ("w = (1 - lr * decay) * w - lr * np.dot(X.T, e) / m", "np.dot(X.T, e) / m"),
        ("w = (1 - lr * decay) * w - lr / m * dw", "dw"),
        ("w -= lr * (dw + 0.1 * w)", "dw"),
        ("w -= lr * (4 * w - 2 * np.ones(2))", "4 * w - 2 * np.ones(2)"),  # a slope, and no decay
        ("w -= lr * (m * w - b)", "m * w - b"),
        ("w = w - lr * (0.5 * w - b)", "0.5 * w - b"),
    ],
)
def test_the_gradient_has_what_the_script_multiplies_it_by_beside_the_rate(update: str, label: str) -> None:
    ran = run(
        f"""
        import numpy as np
        X, y = np.arange(8.0).reshape(4, 2) % 5, np.array([1.0, -2.0, 3.0, 0.5])
        m, lr, alpha, rate_of_mine, decay = len(y), 0.05, 0.05, 0.05, 0.5
        w, b = np.array([0.5, -0.5]), np.array([1.0, 2.0])
        for i in range(3):
            e = X @ w - y
            loss = (e ** 2).mean()
            dw = X.T @ e
            {update}
        """
    )
    parameter = ran.parameter("w", 2)
    assert parameter.grad is not None and parameter.grad.label == label
    step = 0.05 / 4 if "/ m * dw" in update else 0.05
    decay = 0.5 if "decay" in update else 0.1 if "0.1 * w" in update else 0.0
    decayed = 0.05 * decay * ran.array(parameter.before, 2)
    moved = ran.array(parameter.update, 2) + decayed
    numpy.testing.assert_allclose(moved, -step * ran.array(parameter.grad, 2), rtol=1e-9)


def test_a_number_may_be_the_gradient_of_a_parameter_with_one_element() -> None:
    ran = run(
        """
        import numpy as np
        X, y = np.arange(6.0), np.array([1.0, -2.0, 3.0, 0.5, 0.0, 1.0])
        w, b, lr, vb = np.zeros(1), np.zeros(1), 0.01, 0.0
        for i in range(3):
            e = X * w + b - y
            loss = (e ** 2).mean()
            grad_w, grad_b = 2 * (e * X).mean(), 2 * e.mean()
            w -= lr * grad_w
            vb = 0.9 * vb - lr * grad_b
            b += vb
        """
    )
    for name in ("w", "b"):
        parameter = ran.parameter(name, 1)
        assert parameter.grad is not None and parameter.grad.label == f"grad_{name}"


def test_a_number_s_gradient_goes_on_by_the_chain_rule() -> None:
    ran = run(
        """
        w, lr = 0.5, 0.05
        for x, y in [(1.0, 2.0), (3.0, -1.0)]:
            loss = (w * x - y) ** 2
            grad = 2 * (w * x - y)
            w -= lr * (grad * x)
        """
    )
    parameter = ran.parameter("w", 1)
    assert parameter.grad is not None and parameter.grad.label == "grad * x"
    gradient = parameter.grad.summary.value
    assert isinstance(gradient, float) and parameter.update.summary.value == pytest.approx(-0.05 * gradient)


def test_plain_numbers_are_multiplied_without_the_learning_rate() -> None:
    ran = run(
        """
        w, b, lr = 0.5, 0.25, 0.1
        for x, y in [(1.0, 2.0), (3.0, -1.0)]:
            d = w * x + b - y
            loss = d * d
            w -= lr * d * x
            b -= lr * d
        """
    )
    (d,) = [v.summary.value for v in ran.values("d", 1, "result")]
    assert isinstance(d, float)
    for name, label, value in (("w", "d * x", d * 3.0), ("b", "d", d)):
        grad = ran.parameter(name, 1).grad
        assert grad is not None and (grad.label, grad.summary.value) == (label, value)


def test_a_number_that_the_forward_pass_reads_is_a_factor_and_no_learning_rate() -> None:
    ran = run(
        """
        w, b, c, n = 0.5, -0.5, 2.0, 0.125
        def learn(a, t):
            global w, b
            o = a * w + c * b
            loss = (t - o) ** 2
            w += (t - o) * a
            b += n * (t - o) * c
            return loss
        for i in range(2):
            learn(3, 1.0)
        """
    )
    numbers = {}
    for name in "wb":
        parameter = ran.parameter(name, 1)
        assert parameter.grad is not None
        moved, gradient = parameter.update.summary.value, parameter.grad.summary.value
        assert isinstance(moved, float) and isinstance(gradient, float)
        numbers[parameter.grad.label] = moved / gradient
    assert numbers == {"(t - o) * a": 1.0, "(t - o) * c": 0.125}


def test_of_a_function_that_scales_a_gradient_it_is_what_was_scaled() -> None:
    ran = run(
        """
        def scale(m, c):
            return [[v * c for v in row] for row in m]
        def minus(a, b):
            return [[p - q for p, q in zip(r, s)] for r, s in zip(a, b)]
        w = [[0.5, -0.25], [0.75, 0.125]]
        for x, y in zip([[1.0, 3.0], [2.0, -0.5]], [1.0, -1.0]):
            out = [sum(p * q for p, q in zip(row, x)) for row in w]
            loss = sum((p - y) ** 2 for p in out)
            dw = [[2 * (p - y) * q for q in x] for p in out]
            w = minus(w, scale(dw, 0.1))
        """
    )
    (parameter,) = ran.record(1).parameters
    assert parameter.grad is not None and parameter.grad.label == "dw"


@pytest.mark.parametrize(
    "update",
    [
        "w -= np.linalg.solve(H, g)",
        "w = w - np.linalg.inv(H) @ g",
        "w -= 0.5 * np.linalg.inv(H).dot(g)",
        "inverse = np.linalg.inv(H); w -= inverse @ g",
        "w -= np.linalg.solve(H, X.T @ e)",
        "delta = np.linalg.solve(H, g); w = w - delta",
        "delta = -np.linalg.solve(H, g); step = 0.5 * delta; w = w + step",
    ],
)
def test_of_newtons_step_the_gradient_is_what_the_equations_are_solved_for(update: str) -> None:
    ran = run(
        f"""
        import numpy as np
        X, w = np.array([[1.0, 2.0], [0.5, -1.0], [3.0, 0.25]]), np.array([0.5, -0.25])
        H = X.T @ X
        for y in ([1.0, 0.0, 2.0], [0.5, 1.0, -1.0]):
            e = X @ w - y
            loss = (e ** 2).sum() / 2
            g = X.T @ e
            {update}
        """
    )
    (parameter,) = ran.record(1).parameters
    x, y = numpy.array([[1.0, 2.0], [0.5, -1.0], [3.0, 0.25]]), [0.5, 1.0, -1.0]
    expected = x.T @ (x @ ran.array(parameter.before, 1) - y)
    assert ran.array(parameter.grad, 1).tolist() == pytest.approx(expected.tolist())


@pytest.mark.parametrize(
    ("kept", "step"),
    [
        ("np.eye(2)", "d = -K @ g; s = 0.5 * d; w = w + s; K = K + 0.1 * np.outer(s, s)"),  # a quasi-Newton method
        ("np.zeros(2)", "K = 0.9 * K + g; d = turned(K); w -= rate * d"),
        ("np.zeros(2)", "w -= rate * np.clip(g, -0.5, 0.5)"),
        ("np.zeros(2)", "w -= rate * g.clip(-0.5, 0.5)"),
        ("np.zeros(2)", "K *= 0.9; K += g; gradient_step = turned(g + 0.9 * K); w -= rate * gradient_step"),
    ],
)
def test_a_step_that_a_kept_matrix_or_a_function_turns_is_not_the_gradient(kept: str, step: str) -> None:
    ran = run(
        f"""
        import numpy as np
        def turned(v):
            u = v / np.abs(v).max()
            return u ** 3
        X, w, rate = np.array([[1.0, 2.0], [0.5, -1.0], [3.0, 0.25]]), np.array([0.5, -0.25]), 0.125
        K = {kept}
        for y in ([1.0, 0.0, 2.0], [0.5, 1.0, -1.0], [1.5, 1.0, -1.0]):
            e = X @ w - y
            loss = (e ** 2).sum() / 2
            g = X.T @ e
            {step}
        """
    )
    parameter = next(each for each in ran.record(2).parameters if each.name == "w")
    assert parameter.grad is not None and parameter.grad.label == "g"


@pytest.mark.parametrize(
    ("step", "label"), [("w -= rate * (x.T @ d)", "x.T @ d"), ("dw = x.T @ d; w -= rate * dw", "dw")]
)
def test_of_a_batch_as_large_as_the_input_the_error_has_the_shape_of_the_weights_and_is_no_gradient(
    step: str, label: str
) -> None:
    ran = run(
        f"""
        import numpy as np
        x, w, rate = np.array([[1.0, 2.0], [0.5, -1.0]]), np.array([[0.5, 1.0, 2.0], [0.25, -0.5, 1.0]]), 0.125
        for y in (0.0, 1.0):
            out = x @ w
            loss = ((out - y) ** 2).sum() / 2
            d = out - y
            {step}
        """
    )
    (parameter,) = ran.record(1).parameters
    assert parameter.grad is not None and parameter.grad.label == label


@pytest.mark.parametrize(
    "then", ["w = np.sign(w) * np.maximum(np.abs(w) - 0.05, 0)", "w = w * np.maximum(1 - 0.05 / np.abs(w), 0)"]
)
def test_what_is_made_of_the_parameter_alone_is_no_gradient(then: str) -> None:
    ran = run(
        f"""
        import numpy as np
        X, w = np.array([[1.0, 2.0], [0.5, -1.0], [3.0, 0.25]]), np.array([0.5, -0.25])
        for y in ([1.0, 0.0, 2.0], [0.5, 1.0, -1.0]):
            e = X @ w - y
            loss = (e ** 2).sum() / 2 + np.abs(w).sum()
            g = X.T @ e
            w = w - 0.125 * g
            {then}
        """
    )
    (parameter,) = ran.record(1).parameters
    assert parameter.grad is not None and parameter.grad.label == "g"


@pytest.mark.parametrize(
    ("step", "label"),
    [
        ("delta_w = -lr * dw; w += delta_w", "dw"),
        ("delta_w = -0.1 * dw; w = w + delta_w", "dw"),
        ("gradient = dw * lr; w -= gradient", "dw"),
        ("delta = 0.05 * dw; w -= delta", "dw"),  # a Δ may be either, and no gradient is added as it is
        ("gradient = dw / 3; w -= gradient", "gradient"),  # a mean, not a step
        ("gradient = 0.5 * dw; w -= gradient", "gradient"),
        ("gradient = lr * dw; w -= 2 * gradient", "gradient"),  # it is scaled where it is used
        ("gradient = -lr * dw * (x > 0); w += gradient", "gradient"),
    ],
)
def test_a_gradient_times_the_learning_rate_is_the_step_whatever_it_is_called(step: str, label: str) -> None:
    ran = run(
        f"""
        import numpy as np
        x, w, lr = np.array([1.0, 2.0]), np.array([0.5, -0.5]), 0.1
        for i in range(2):
            d = x @ w - 1
            loss = d ** 2
            dw = 2 * d * x
            {step}
        """
    )
    (parameter,) = ran.record(1).parameters
    assert parameter.grad is not None and parameter.grad.label == label


@pytest.mark.parametrize(
    "update",
    [
        "w += 0.1 * (x.T @ h - v.T @ k)",
        "w += x.T @ h - v.T @ k",
        "w -= rate * (\n            v.T @ k\n            - x.T @ h)",
    ],
)
def test_of_a_difference_of_products_the_whole_is_the_gradient(update: str) -> None:
    ran = run(
        f"""
        import numpy as np
        rng = np.random.RandomState(0)
        w, x, rate = rng.randn(4, 3), rng.rand(6, 4), 0.1
        for epoch in range(3):
            h = np.tanh(x @ w)
            v = np.tanh(h @ w.T)
            k = np.tanh(v @ w)
            {update}
        """
    )
    (w,) = ran.record(1).parameters
    assert abs(w.cosine or 0.0) == pytest.approx(1.0)


def test_of_several_gradients_in_one_product_the_whole_is_the_gradient_but_for_a_decay() -> None:
    ran = run(
        """
        import numpy as np
        x, lr = np.array([1.0, 2.0]), 0.1
        u, v, w, last = np.array([0.5, -0.5]), np.array([0.2, 0.1]), np.array([0.1, 0.3]), np.zeros(2)
        for i in range(2):
            d = x @ (u + v + w) - 1
            loss = d ** 2 + (x @ u) ** 2 + 0.05 * w @ w
            slope, pull, reg = 2 * d * x, 2 * (x @ u) * x, 0.1 * w
            dw = 2 * d * x
            u -= lr * (slope + pull)
            v += lr * (pull - slope) / 2 + 0.5 * last
            w -= lr * (dw + reg)
            last = lr * slope
        """
    )
    found = {each.name: each.grad and each.grad.label for each in ran.record(1).parameters}
    assert found == {"u": "slope + pull", "v": "pull - slope", "w": "dw"}
