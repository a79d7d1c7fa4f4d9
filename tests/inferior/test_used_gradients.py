"""The gradients that updates used: of hand-written steps, optimizers by hand, and gradients that were returned."""

from pathlib import Path

import numpy
import pytest

from tests.inferior.running import check, roles, run


def test_the_parameter_of_a_step_with_a_closure_has_the_gradient_that_it_left() -> None:
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    ran = run(
        """
        import torch
        image = torch.rand(3, 3, requires_grad=True)
        optimizer = torch.optim.LBFGS([image], max_iter=2)
        for t in range(1):
            def closure():
                with torch.no_grad():
                    image.clamp_(0, 1)
                optimizer.zero_grad()
                loss = (image - 0.5).pow(2).sum()
                loss.backward()
                return loss
            optimizer.step(closure)
        """
    )
    (image,) = ran.record().parameters
    assert image.name == "image" and image.grad is not None
    assert image.grad.label == "image.grad"


GRAD_SETUP = """
    import torch
    torch.manual_seed(0)
    x, y = torch.randn(8, 3), torch.randn(8, 1)
    def predict(p, x):
        return torch.tanh(x @ p[0] + p[1]) @ p[2]
    params = [torch.randn(3, 4), torch.zeros(4), torch.randn(4, 1)]
    for p in params:
        p.requires_grad_()
    a, b, c = params
    for t in range(2):
        loss = (predict(params, x) - y).pow(2).mean()
"""

STEPS_BY_GRAD = {
    "a name for all": """
        grads = torch.autograd.grad(loss, params)
        with torch.no_grad():
            for p, g in zip(params, grads):
                p -= 0.1 * g""",
    "a name for each": """
        q, r, s = torch.autograd.grad(loss, params)
        params = [(p - 0.1 * g).detach().requires_grad_() for p, g in zip(params, (q, r, s))]""",
    "no name": """
        fs = zip(params, torch.autograd.grad(loss, params))
        params = [(p - 0.1 * f).detach().requires_grad_() for p, f in fs]""",
}


@pytest.mark.parametrize("step", STEPS_BY_GRAD.values(), ids=list(STEPS_BY_GRAD))
def test_the_gradients_that_autograd_grad_returns_are_those_that_the_update_used(step: str) -> None:
    ran = run(GRAD_SETUP + step)
    assert ran.error is None
    record = ran.record(1)
    assert len(record.parameters) == 3
    (call,) = (event for event in record.events if event.note)
    assert call.note == "the gradients are returned, and added to no .grad"
    returned = [value for value in call.values if value.label.startswith("∂L/∂")]
    for parameter, value in zip(record.parameters, returned, strict=True):
        assert parameter.grad is not None and parameter.grad.copy == value.copy
        update, gradient = ran.array(parameter.update, 1), ran.array(value, 1)
        numpy.testing.assert_allclose(update, -0.1 * gradient, atol=1e-6)


def test_uses_of_what_autograd_grad_differentiates_are_counted() -> None:
    ran = run(
        """
        import torch
        w, x = torch.ones(2, 2, requires_grad=True), torch.ones(3, 2)
        for t in range(2):
            loss = (torch.tanh(x @ w) @ w).sum()
            (g,) = torch.autograd.grad(loss, w)
            with torch.no_grad():
                w -= 0.1 * g
        """
    )
    (note,) = {event.note for event in ran.record(1).events if event.note}
    assert note.endswith("; ∂L/∂w is the sum of 2 uses")


def test_the_angle_between_update_and_gradient() -> None:
    ran = run(
        """
        import numpy as np
        down, up, still = (np.arange(1.0, 5.0) for _ in range(3))
        large = np.ones((300, 200))
        number, wrong = 2.0, 2.0
        for t in range(1):
            loss = sum((each ** 2).sum() for each in (down, up, still, large)) + number ** 2 + wrong ** 2
            y = up.dot(down) + still.sum() + large.sum()
            grad_down, grad_up, grad_still = 2 * down, 2 * up, 2 * still
            grad_large = 2 * large
            grad_number, grad_wrong = 2 * number, 2 * wrong
            down -= 0.1 * grad_down
            up += 0.1 * grad_up
            still -= 0.0 * grad_still
            large += 0.5 * grad_large
            number -= 0.1 * grad_number
            wrong += 0.1 * grad_wrong
        """
    )
    found = {each.name: each.cosine for each in ran.record().parameters}
    assert (found["number"], found["wrong"]) == (-1.0, 1.0)
    assert found["down"] == pytest.approx(-1.0) and found["up"] == pytest.approx(1.0)
    assert found["large"] == pytest.approx(1.0), "of a sample"
    assert found["still"] is None, "nothing has no direction"


def test_a_gradient_worked_out_from_the_update_has_no_angle_to_it() -> None:
    ran = run(
        """
        import numpy as np
        X = np.array([[1.0, 2.0], [3.0, -1.0]])
        w, v, lr = np.array([0.5, -0.5]), np.array([0.25, 0.5]), 0.1
        for x, y in zip(X, np.array([1.0, 2.0])):
            err = x @ w - y
            loss = err ** 2
            w += lr * err * x
        """
    )
    parameter = ran.parameter("w", 1)
    assert parameter.grad is not None and parameter.grad.label == "err * x"
    assert parameter.cosine is None


def test_the_candidate_of_an_lstm_cell_is_no_gradient_of_the_bias() -> None:
    ran = run(
        """
        import numpy as np
        def sigmoid(v): return 1 / (1 + np.exp(-v))
        class State: pass
        bi, bg, state = np.array([0.5, -0.25]), np.array([0.125, 1.0]), State()
        for t in range(2):
            state.g = np.tanh(bg)
            state.i = sigmoid(bi)
            loss = ((state.g * state.i) ** 2).sum()
            ds = 2 * state.g * state.i
            di = state.g * ds
            dg = state.i * ds
            bi_diff, bg_diff = np.zeros(2), np.zeros(2)
            bi_diff += state.i * (1 - state.i) * di
            bg_diff += (1 - state.g ** 2) * dg
            bi -= 0.5 * bi_diff
            bg -= 0.5 * bg_diff
        """
    )
    found = {each.name: each.grad.label if each.grad is not None else None for each in ran.record(1).parameters}
    assert found == {"bi": "bi_diff", "bg": "bg_diff"}


def test_a_closed_form_is_no_step_from_what_the_parameter_was() -> None:
    ran = run(
        """
        import numpy as np
        rng = np.random.default_rng(0)
        points = rng.normal(size=(20, 2))
        centres = points[:3].copy()
        for t in range(2):
            distances = ((points[:, None] - centres) ** 2).sum(-1)
            nearest = np.eye(3)[distances.argmin(1)]
            loss = distances.min(1).mean()
            centres = (nearest.T @ points) / nearest.sum(0)[:, None]
        """
    )
    assert {each.name: each.grad for each in ran.record(1).parameters} == {"centres": None}


@pytest.mark.parametrize(
    "average",
    [
        "q.copy_(p.lerp(q, 0.9))",
        "q.lerp_(p, 0.1)",
        "q.mul_(0.9).add_(p, alpha=0.1)",
        "q.sub_(0.1 * (q - p))",
        "q.data = 0.9 * q.data + 0.1 * p.data",
    ],
)
def test_an_average_of_the_weights_moves_without_a_gradient(average: str) -> None:
    pytest.importorskip("torch")
    ran = run(
        f"""
        import copy
        import torch
        model = torch.nn.Linear(3, 1)
        ema = copy.deepcopy(model)
        opt = torch.optim.SGD(model.parameters(), lr=0.1)
        for t in range(2):
            loss = model(torch.ones(4, 3)).pow(2).mean()
            opt.zero_grad()
            loss.backward()
            opt.step()
            with torch.no_grad():
                for q, p in zip(ema.parameters(), model.parameters()):
                    {average}
        """
    )
    found = {each.name: (each.grad is not None, bool(each.update.summary.l2)) for each in ran.record(1).parameters}
    assert found == {
        "model.weight": (True, True),
        "model.bias": (True, True),
        "ema.weight": (False, True),
        "ema.bias": (False, True),
    }


def test_a_step_that_has_a_name_is_no_gradient() -> None:
    ran = run((Path(__file__).parents[1] / "program" / "corpus" / "named_steps.txt").read_text())
    labels = [(each.name, each.grad and each.grad.label) for each in ran.record(1).parameters]
    assert sorted(labels) == [("b", "grad_b"), ("self.w", "layer.dw")]
    assert {label: role for label, role in roles(ran).items() if "step" in label} == {
        "step": "other",
        "b_step": "other",
    }


@pytest.mark.parametrize(
    "update",
    [
        "delta = 0.9 * delta + dw\n            w -= 0.1 * delta",
        "delta = 0.9 * delta - 0.1 * dw\n            w += delta",
        "delta *= 0.9\n            delta += dw\n            w = w - 0.1 * delta",
    ],
)
def test_a_velocity_is_no_gradient_though_it_is_called_like_one(update: str) -> None:
    ran = run(
        f"""
        import numpy as np
        w, delta = np.array([1.0, 2.0]), np.zeros(2)
        for t in range(4):
            loss = (w ** 2).sum()
            dw = 2 * w
            {update}
        """
    )
    for iteration in range(1, 4):
        (w,) = ran.record(iteration).parameters
        assert w.grad is not None and w.grad.label == "dw"
        assert numpy.array_equal(ran.array(w.grad, iteration), 2 * ran.array(w.before, iteration))


def test_of_two_moments_in_one_list_the_gradient_is_none_of_its_squares_and_both_names_have_the_last() -> None:
    ran = run(
        """
        import numpy as np
        weights = [np.array([1.0, 2.0])]
        m = v = [np.zeros(2)]
        for t in range(3):
            loss = (weights[0] ** 2).sum()
            grads = [2 * weights[0]]
            for i in range(1):
                m[i] = 0.9 * m[i] + 0.1 * grads[i]
                v[i] = 0.99 * v[i] + 0.01 * grads[i] ** 2
                m_hat = m[i] / (1 - 0.9 ** (t + 1))
                weights[i] -= 0.1 * m_hat / (np.sqrt(v[i]) + 1e-8)
        """
    )
    (w,) = ran.record(1).parameters
    assert w.grad is not None and w.grad.label == "grads[i]"
    stored = ran.event("v[i] = 0.99 * v[i] + 0.01 * grads[i] ** 2", 1)
    (beside,) = stored.beside
    assert (beside.label, beside.copy) == ("m[0]", stored.values[-1].copy)


def test_a_gradient_of_this_iteration_that_is_scaled_before_a_penalty_is_added_is_one() -> None:
    ran = run(
        """
        import numpy as np
        w = np.array([1.0, 2.0])
        for t in range(3):
            loss = (w ** 2).sum()
            dw = 4 * w
            dw = 0.5 * dw + 0.5 * w
            w -= 0.125 * dw
        """
    )
    (w,) = ran.record(2).parameters
    assert w.grad is not None and w.grad.label == "dw"
    assert numpy.array_equal(ran.array(w.grad, 2), 2.5 * ran.array(w.before, 2))


def test_a_gradient_that_is_only_asked_for_is_shown_and_not_used() -> None:
    pytest.importorskip("torch")
    ran = run(
        """
        import torch
        w, v = torch.ones(3, requires_grad=True), torch.ones(3, requires_grad=True)
        optimizer = torch.optim.SGD([w], lr=0.1)
        for t in range(2):
            loss = (w**2 + v**3).sum()
            of_w, of_v = torch.autograd.grad(loss, (w, v))
            with torch.no_grad():
                v -= 0.1 * of_v
            optimizer.step()
        """
    )
    assert {each.name: (each.grad is not None, each.used) for each in ran.record(1).parameters} == {
        "w": (True, False),
        "v": (True, True),
    }


@pytest.mark.parametrize("update", ["U -= 0.5 * dU", "U = U - 0.5 * dU", "U[:] = U - 0.5 * dU"])
def test_what_the_loop_around_moves_by_hand_is_a_parameter_with_the_gradient_of_there(update: str) -> None:
    ran = run(
        f"""
        import numpy as np
        R, U, V = np.arange(6.0).reshape(2, 3) / 5, np.ones((2, 1)), np.ones((1, 3))
        for sweep in range(2):
            data = R + 0.0
            for k in range(2):
                E = U @ V - data
                loss = (E ** 2).mean()
                dV = 2 * U.T @ E / 6
                V -= 0.5 * dV
            E = U @ V - data
            dU = 2 * E @ V.T / 6
            {update}
        """
    )
    assert [each.name for each in ran.record(0).parameters] == ["V"]
    assert [each.name for each in ran.record(1).parameters] == ["V", "U"], "and not the data"
    check(ran, "U", ran.array(ran.values("dU", 1)[-1], 1), 0.5, 1)
    assert ran.parameter("U", 1).between and not ran.parameter("V", 1).between


@pytest.mark.parametrize(
    ("second", "summed"),
    [("W2 -= 0.125 * dW2", True), ("W2 -= 0.25 * dW2", False), ("dW2 = W1 * 1.0; W2 -= 0.125 * dW2", False)],
)
def test_a_matrix_with_two_names_that_is_stepped_under_both_used_the_sum(second: str, summed: bool) -> None:
    ran = run(
        f"""
        import numpy as np
        x = np.arange(6.0).reshape(3, 2) / 5
        W1 = W2 = np.array([[0.5, -0.25], [1.0, 0.75]])
        for t in range(2):
            h = x @ W1
            e = h @ W2 - 1.0
            loss = (e ** 2).mean()
            d = 2 * e / e.size
            dW2 = h.T @ d
            dW1 = x.T @ (d @ W2.T)
            W1 -= 0.125 * dW1
            {second}
        """
    )
    (parameter,) = ran.record(1).parameters
    assert parameter.grad is not None
    if summed:
        assert parameter.grad.label == "dW1 + dW2" and parameter.cosine == pytest.approx(-1)
        parts = sum(ran.array(ran.values(name, 1)[0], 1) for name in ("dW1", "dW2"))
        numpy.testing.assert_array_equal(ran.array(parameter.grad, 1), parts)
    else:  # what one step of several goes by is told of the last one
        assert parameter.grad.label == "dW2"


@pytest.mark.parametrize(
    "new", ["(w - lr * g).detach().requires_grad_()", "(w.clone().detach() - lr * g).requires_grad_()"]
)
def test_a_parameter_that_is_made_anew_and_cut_off_used_the_gradient_it_was_made_of(new: str) -> None:
    ran = run(
        f"""
        import torch
        w, lr = torch.tensor([1.0, -2.0], requires_grad=True), 0.125
        for t in range(2):
            loss = (w ** 2).sum()
            g, = torch.autograd.grad(loss, [w])
            w = {new}
        """
    )
    parameter = ran.parameter("w", 1)
    assert parameter.grad is not None and parameter.grad.label == "g" and parameter.cosine == pytest.approx(-1.0)
    assert ran.array(parameter.grad, 1).tolist() == [1.5, -3.0]


def test_where_the_script_is_one_pass_its_numbers_are_parameters_too() -> None:
    ran = run(
        """
        xs, ys = [1.0, 2.0], [2.0, 4.5]
        w, b = 0.5, 0.25
        lr = 0.125
        loss = sum((w * x + b - y) ** 2 for x, y in zip(xs, ys))
        dw = sum(2 * (w * x + b - y) * x for x, y in zip(xs, ys))
        db = sum(2 * (w * x + b - y) for x, y in zip(xs, ys))
        w = w - lr * dw
        b = b - lr * db
        """,
        loop="none",
    )
    for name, start, gradient in (("w", 0.5, -15.5), ("b", 0.25, -9.0)):
        parameter = ran.parameter(name)
        assert parameter.before.summary.value == start and parameter.grad is not None
        assert (parameter.grad.label, parameter.grad.summary.value) == (f"d{name}", gradient)


@pytest.mark.parametrize("bias", ["0.0", "np.zeros(1)", "np.zeros((1, 1))"])
def test_a_label_that_steps_a_bias_is_its_gradient_be_the_bias_a_number_or_an_array_of_one(bias: str) -> None:
    ran = run(
        f"""
        import numpy as np
        rows, labels = np.array([[1.0, 2.0], [-1.0, 0.5]]), np.array([1, -1])
        w, b, lr = np.zeros(2), {bias}, 0.25
        for t in range(2):
            margin = labels[t] * (rows[t] @ w - b)
            if margin.item() < 1:
                w += lr * labels[t] * rows[t]
                b -= lr * labels[t]
        """
    )
    found = {each.name: each for each in ran.record(1).parameters}
    grad = found["b"].grad
    assert grad is not None and grad.label == "labels[t]" and grad.summary.value == -1.0
