"""Sums of gradients that a step goes along: optimizers by hand, velocities, what is added up in place."""

from __future__ import annotations

import numpy
import pytest

from tests.inferior.running import run

OPTIMIZERS = {
    "momentum": "v[k] = 0.9 * v[k] + grads[k]\n                params[k] = params[k] - 0.1 * v[k]",
    "momentum in float32": "v[k] = np.float32(0.9) * v[k] + grads[k]\n                "
    "params[k] = params[k] - np.float32(0.1) * v[k]",
    "velocity in place": "v[k] *= 0.9\n                v[k] -= 0.1 * grads[k]\n                params[k] += v[k]",
    "Adagrad": "v[k] += grads[k] ** 2\n                params[k] -= 0.1 * grads[k] / (np.sqrt(v[k]) + 1e-8)",
    "Adam": """m[k] = 0.9 * m[k] + 0.1 * grads[k]
                v[k] = 0.99 * v[k] + 0.01 * grads[k] ** 2
                mhat = m[k] / (1 - 0.9 ** (t + 1))
                vhat = v[k] / (1 - 0.99 ** (t + 1))
                params[k] -= 0.1 * mhat / (np.sqrt(vhat) + 1e-8)""",
}


@pytest.mark.parametrize("step", OPTIMIZERS.values(), ids=list(OPTIMIZERS))
def test_an_optimizer_by_hand_used_the_gradient_and_not_what_it_keeps_of_it(step: str) -> None:
    ran = run(
        f"""
        import numpy as np
        params = {{"W1": np.array([1.0, 2.0]), "W2": np.array([3.0, -4.0, 5.0])}}
        m = {{k: np.zeros_like(p) for k, p in params.items()}}
        v = {{k: np.zeros_like(p) for k, p in params.items()}}
        for t in range(3):
            loss = (params["W1"] ** 2).sum() + (params["W2"] ** 2).sum()
            grads = {{"W1": 2 * params["W1"], "W2": 2 * params["W2"]}}
            for k in params:
                {step}
        """
    )
    for name in ('params["W1"]', 'params["W2"]'):
        parameter = ran.parameter(name, 2)
        assert parameter.grad is not None and parameter.grad.label in ("grads[k]", name.replace("params", "grads"))
        assert numpy.array_equal(ran.array(parameter.grad, 2), 2 * ran.array(parameter.before, 2))


@pytest.mark.parametrize(
    "step",
    [
        "mem[k] += d * d\n                p += -0.1 * d / np.sqrt(mem[k] + 1e-8)",
        "mem[k] = 0.5 * mem[k] - 0.1 * d\n                p += mem[k]",
        "mem[k] *= 0.5\n                mem[k] += d\n                p -= 0.1 * mem[k]",
    ],
    ids=["Adagrad", "velocity", "velocity in place"],
)
@pytest.mark.parametrize("add", ["total += db", "np.add(total, db, out=total)", "total[:] = total + db"])
def test_what_is_added_to_a_sum_of_gradients_last_is_not_what_the_update_used(add: str, step: str) -> None:
    ran = run(
        f"""
        import numpy as np
        x = np.arange(6.0).reshape(3, 2, 1) / 5
        W, b = np.array([[0.5, -0.25], [1.0, 0.75]]), np.zeros((2, 1))
        mem = {{"W": np.zeros_like(W), "b": np.zeros_like(b)}}
        for t in range(2):
            zs = [W @ each + b for each in x]
            loss = sum(((z - 1) ** 2).sum() for z in zs)
            dW, total = np.zeros_like(W), np.zeros_like(b)
            for each, z in zip(x, zs):
                db = 2 * (z - 1)
                dW += db @ each.T
                {add}
            for k, p, d in (("W", W, dW), ("b", b, total)):
                {step}
        """
    )
    b = ran.parameter("b", 1)
    parts = ran.values("db", 1, "result")
    assert len(parts) == 3 and b.grad is not None and b.grad.label == "d"
    numpy.testing.assert_array_equal(ran.array(b.grad, 1), sum(ran.array(part, 1) for part in parts))


@pytest.mark.parametrize("anew", ["sums *= 0", "sums = sums * 0.0", "sums[:] *= 0", "sums.fill(0)"])
def test_what_is_multiplied_by_zero_behind_the_step_is_the_gradient_that_it_used(anew: str) -> None:
    """Whatever it is called: a sum over the time steps, which the pass begins with as zeros."""
    ran = run(
        f"""
        import numpy as np
        x, w = np.arange(6.0).reshape(3, 2) / 5, np.array([0.5, -0.25])
        sums = np.zeros_like(w)
        for t in range(3):
            loss = 0.0
            for each in x:
                e = each @ w - 1.0
                loss += 0.5 * e * e
                sums += e * each
            w -= 0.1 * sums
            {anew}
        """
    )
    (w,) = ran.record(2).parameters
    assert w.name == "w" and w.grad is not None and w.grad.label == "sums" and w.held is None
    numpy.testing.assert_allclose(ran.array(w.update, 2), -0.1 * ran.array(w.grad, 2), rtol=1e-12)


@pytest.mark.parametrize(
    ("added", "step"),
    [
        ("v.mul_(0.9).add_(grad)", "v"),
        ("v.mul_(0.9); v.add_(grad)", "v"),
        ("grad.mul_(0.5).add_(w, alpha=0.1)", "grad"),  # a gradient of this iteration's, decayed
    ],
)
def test_a_sum_that_methods_change_in_place_is_one_that_a_step_goes_along(added: str, step: str) -> None:
    pytest.importorskip("torch")
    ran = run(
        f"""
        import torch
        x, y, w, v = torch.ones(4, 3), torch.ones(4, 2), torch.ones(3, 2), torch.zeros(3, 2)
        for t in range(2):
            error = x @ w - y
            loss = error.pow(2).sum()
            grad = 2 * x.t() @ error
            {added}
            w.sub_(0.01 * {step})
        """
    )
    (parameter,) = ran.record(1).parameters
    assert parameter.name == "w" and parameter.grad is not None and parameter.grad.label == "grad"


@pytest.mark.parametrize(
    ("step", "label", "times"),
    [
        ("w -= 0.01 * dw1 + 0.01 * dw2", "dw1 + dw2", (1, 1)),
        ("w = w - lr * 2 * dw1 - 4 * lr * dw2", "2 * dw1 + 4 * dw2", (2, 4)),
        ("w += lr * dw1 - lr * dw2 + 0.9 * v", "dw1 - dw2", (1, -1)),
        ("w -= lr * dw1 + lr * decay", "dw1", (1, 0)),
    ],
)
def test_of_several_gradients_that_a_step_adds_at_one_rate_the_sum_is_its_own(
    step: str, label: str, times: tuple[int, int]
) -> None:
    ran = run(
        f"""
        import numpy as np
        x, w, v, lr = np.array([3.0, 1.5]), np.array([0.5, -0.25]), np.array([1.0, 2.0]), 0.01
        for t in range(3):
            loss = np.sum((w - x) ** 2) + np.sum((w * x) ** 4)
            dw1 = 2 * (w - x)
            dw2 = 4 * w ** 3 * x ** 4
            decay = 0.1 * w
            {step}
        """
    )
    grad = ran.parameter("w", 2).grad
    assert grad is not None and grad.label == label
    first, second = (ran.array(ran.values(name, 2, "result")[0], 2) for name in ("dw1", "dw2"))
    assert numpy.allclose(ran.array(grad, 2), times[0] * first + times[1] * second)


@pytest.mark.parametrize(("begun", "held"), [("grad = w", False), ("pass", True)])
def test_a_gradient_that_begins_as_the_weights_held_nothing_of_an_earlier_iteration(begun: str, held: bool) -> None:
    ran = run(
        f"""
        import numpy as np
        x, w, grad = np.ones((2, 3)), np.arange(1.0, 4.0), np.zeros(3)
        for t in range(3):
            {begun}
            for row in x:
                grad = grad - 0.5 * row * (w @ row)
            w = w - 0.25 * grad
        """
    )
    (found,) = (each for each in ran.record(1).parameters if each.name == "w")
    assert found.grad is not None and found.grad.label == "grad" and (found.held is not None) is held


def test_moments_in_the_dict_of_the_parameters_are_none_of_them() -> None:
    ran = run(
        """
        import numpy as np
        x = np.arange(6.0).reshape(3, 2)
        net = [{"W": np.ones(2), "m": np.zeros(2), "v": np.zeros(2)}]
        for t in range(3):
            for layer in net:
                e = x @ layer["W"] - 1
            loss = (e ** 2).mean()
            for layer in net:
                for k, g in (("W", 2 * x.T @ e / 3),):
                    layer["m"] = 0.9 * layer["m"] + 0.1 * g
                    layer["v"] = 0.99 * layer["v"] + 0.01 * g * g
                    layer[k] -= 0.1 * layer["m"] / (np.sqrt(layer["v"]) + 1e-8)
        """
    )
    (parameter,) = ran.record(2).parameters
    assert parameter.name == 'net[0]["W"]' and parameter.grad is not None and (parameter.cosine or 0) < 0


@pytest.mark.parametrize("step", ["w = w + v", "w += v"])
def test_a_velocity_that_the_forward_pass_looks_ahead_by_is_no_parameter(step: str) -> None:
    ran = run(
        f"""
        import numpy as np
        x, y, w, v = np.arange(6.0).reshape(3, 2), np.ones(3), np.ones(2), np.zeros(2)
        for t in range(3):
            look = w + 0.9 * v
            p = x @ look
            loss = ((p - y) ** 2).mean()
            g = x.T @ (p - y) / 3
            v = 0.9 * v - 0.1 * g
            {step}
        """
    )
    (parameter,) = ran.record(2).parameters
    assert parameter.name == "w" and parameter.grad is not None and parameter.grad.label == "g"


def test_steps_of_one_rate_that_are_weighed_by_a_difference_used_the_weighed_sum() -> None:
    """REINFORCE by hand: each return less a baseline, which are plain numbers, and have no event of their own."""
    ran = run(
        """
        import numpy as np
        theta, baseline = np.zeros(2), 0.25
        for t in range(2):
            grads, rewards = [], []
            for a in range(2):
                p = np.exp(theta) / np.exp(theta).sum()
                g = -p
                g[a] += 1
                grads.append(g)
                rewards.append(float(a))
            loss = -sum(rewards)
            for g, r in zip(grads, rewards):
                theta += 0.5 * (r - baseline) * g
        """
    )
    parameter = ran.parameter("theta")
    assert ran.array(parameter.grad).tolist() == [-0.25 * 0.5 - 0.75 * 0.5, 0.25 * 0.5 + 0.75 * 0.5]
    assert (ran.array(parameter.update) == 0.5 * ran.array(parameter.grad)).all()
