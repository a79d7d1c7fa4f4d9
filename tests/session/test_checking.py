"""Gradients against finite differences, of whole scripts: right ones agree, planted mistakes are told."""

import re
from pathlib import Path

import pytest

import stepper
from stepper.session.check.gradient_check import Verdict
from stepper.session.errors import Misuse, ScriptFailed
from tests.session.checks import named, opened, verdicts

BY_HAND = """
import numpy as np
np.random.seed(0)
x = np.random.randn(16, 6).astype(np.{dtype}); y = np.random.randn(16, 3).astype(np.{dtype})
w1 = np.random.randn(6, 5).astype(np.{dtype}); b = np.zeros(5, np.{dtype})
w2 = np.random.randn(5, 3).astype(np.{dtype})
def train():
    global w2
    for t in range(4):
        h = x @ w1 + b
        h_relu = np.maximum(h, 0)
        y_pred = h_relu @ w2
        loss = np.square(y_pred - y).sum()
        grad_y_pred = {two}(y_pred - y)
        grad_w2 = h_relu.T @ grad_y_pred
        grad_h = grad_y_pred @ w2.T
        grad_h[{mask}] = 0
        grad_w1 = x.T @ grad_h
        grad_b = grad_h.sum(0)
        w1[:] -= 1e-3 * grad_w1
        b[:] -= 1e-3 * grad_b
        w2 = w2 - 1e-3 * grad_w2
train()
"""


def by_hand(dtype: str = "float64", two: str = "2 * ", mask: str = "h < 0") -> str:
    return BY_HAND.format(dtype=dtype, two=two, mask=mask)


def test_the_variant_by_hand_agrees_and_its_run_is_as_if_nothing_had_been_checked() -> None:
    with stepper.open("numpy", preset="small", seed=0) as run:
        found = run.iteration(3).check(entries=3)
        assert found.agrees and found.iteration == 3 and found.loss == run.losses[3]
        assert verdicts(found) == {"w1": Verdict.AGREES, "w2": Verdict.AGREES}
        assert all(len(each.entries) == 3 for each in found.parameters)
        assert all((entry.relative or 0.0) < 1e-6 for each in found.parameters for entry in each.entries)
        after = run.iteration(6)
        bits = {each.name: each.after.array.tobytes() for each in after.parameters}
        losses = run.losses[:7]
    with stepper.open("numpy", preset="small", seed=0) as run:
        plain = run.iteration(6)
        assert run.losses[:7] == losses
        assert {each.name: each.after.array.tobytes() for each in plain.parameters} == bits


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_right_gradients_agree_in_both_widths_also_of_local_names_and_what_is_zero(tmp_path: Path, dtype: str) -> None:
    with opened(tmp_path, by_hand(dtype)) as run:
        found = run.check(0, entries=1)
        assert set(verdicts(found).values()) == {Verdict.AGREES}, found
        assert set(verdicts(found)) == {"w1", "b", "w2"}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_forgotten_factor_is_told(tmp_path: Path, dtype: str) -> None:
    with opened(tmp_path, by_hand(dtype, two="")) as run:
        found = run.check(1, entries=1)
    assert not found.agrees
    for each in found.parameters:
        assert (each.verdict, each.factor) == (Verdict.DIFFERS, 0.5), each
        assert each.note == "× 0.5 of the finite difference: a factor 2 is missing"


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_wrong_mask_is_told_where_it_matters(tmp_path: Path, dtype: str) -> None:
    with opened(tmp_path, by_hand(dtype, mask="h_relu > 1")) as run:
        found = named(run.check(1, entries=1))
    assert found["w2"].verdict is Verdict.AGREES
    assert found["w1"].verdict is found["b"].verdict is Verdict.DIFFERS
    assert found["w1"].factor is None


CLOSED = """
w, v, b = 0.5, 2.0, 0.1
for x, y in [(-1.0, 3.0), (-2.0, 1.0)]:
    h = w * x + b
    {a}
    out = v * a + 0.3
    loss = (out - y) ** 2
    grad_out = 2 * (out - y)
    grad_h = grad_out * v {mask}
    grad_w = grad_h * x
    grad_v = grad_out * a
    w -= 0.01 * grad_w
    v -= 0.01 * grad_v
"""


@pytest.mark.parametrize(
    ("a", "mask", "told"),
    [
        ("a = h if h > 0 else 0.0", "", Verdict.DIFFERS),
        ("a = h if h > 0 else 0.0", "* (h > 0)", Verdict.AGREES),
        ("a = 1.0 if h > 0 else 0.0", "", Verdict.UNKNOWN),
    ],
)
def test_what_a_closed_relu_lets_through_is_wrong_and_what_a_comparison_does_is_meant(
    tmp_path: Path, a: str, mask: str, told: Verdict
) -> None:
    with opened(tmp_path, CLOSED.format(a=a, mask=mask)) as run:
        found = named(run.check(0, entries=1))["w"]
    assert found.verdict is told and {each.verdict for each in found.entries} == {told}, found


def test_the_mistake_of_the_variant_with_one_is_found() -> None:
    with stepper.open("relu-class", seed=0) as run:
        assert verdicts(run.check(1, entries=1)) == {"self.w1": Verdict.DIFFERS, "self.w2": Verdict.AGREES}


def test_plain_numbers_are_moved_where_their_names_hold_them() -> None:
    with stepper.open("and-gate") as run:
        assert verdicts(run.check(5, entries=1)) == dict.fromkeys(("w1", "w2", "b"), Verdict.AGREES)


def test_numbers_that_objects_keep_are_reached() -> None:
    with stepper.open("tests/scripts/scalar_engine.py") as run:
        found = run.check(1, entries=1)
    assert len(found.parameters) == 13
    assert set(verdicts(found).values()) == {Verdict.AGREES}, found


NETWORK = """
import random
import torch
torch.manual_seed(0)
model = torch.nn.Sequential(torch.nn.Linear(6, 8), torch.nn.Tanh(), torch.nn.Dropout(0.5), torch.nn.Linear(8, 2))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
x, y = torch.randn(16, 6), torch.randn(16, 2)
for t in range(6):
    optimizer.zero_grad()
    loss = ((model(x) - y) ** 2).mean() * random.uniform(1, 2)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 0.01 if t == 2 else 1000.0)
    optimizer.step()
    print(loss.item())
"""


def test_autograd_agrees_with_dropout_clipping_and_random_numbers_as_they_were(tmp_path: Path) -> None:
    with opened(tmp_path, NETWORK) as run:
        found = run.check(4, entries=1)
        assert set(verdicts(found).values()) == {Verdict.AGREES}, found
        assert len(found.parameters) == 4
        printed = run.session.output()
        assert printed.count("\n") == len(run.losses) == 5  # the copies print nothing
        clipped = run.check(2, entries=1)
    assert set(verdicts(clipped).values()) == {Verdict.AGREES}, clipped
    assert all("backward pass" in each.note for each in clipped.parameters), "what clipping does is no mistake"


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_biases_about_zero_are_told_and_the_error_bars_hold(tmp_path: Path, dtype: str) -> None:
    text = f"""
        import torch
        from torch import nn
        torch.manual_seed(0)
        torch.set_default_dtype(torch.{dtype})
        model = nn.Sequential(nn.Linear(5, 8), nn.LayerNorm(8), nn.GELU(), nn.Linear(8, 3), nn.LayerNorm(3))
        for layer in (model[0], model[3]):
            nn.init.zeros_(layer.bias)
        optimizer = torch.optim.SGD(model.parameters(), lr=1e-4)
        x, y = torch.randn(16, 5), torch.randint(0, 3, (16,))
        for t in range(3):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
    """
    with opened(tmp_path, text) as run:
        found = run.check(2, 2, ["model.0.bias", "model.1.bias"])
    assert verdicts(found) == {"model.0.bias": Verdict.AGREES, "model.1.bias": Verdict.AGREES}, found
    assert {entry.verdict for each in found.parameters for entry in each.entries} == {Verdict.AGREES}, found
    for entry in (entry for each in found.parameters for entry in each.entries):
        assert abs(entry.recorded - (entry.difference or 0.0)) <= 2 * entry.error + 1e-5 * abs(entry.recorded), entry


def test_decay_and_clipping_by_hand_are_no_mistakes(tmp_path: Path) -> None:
    text = by_hand().replace(
        "        w1[:] -=",
        "        grad_w1 += 0.5 * w1\n        for g in (grad_b, grad_w2):\n            g *= 0.01\n        w1[:] -=",
    )
    with opened(tmp_path, text) as run:
        found = named(run.check(1, entries=1))
    assert {each.verdict for each in found.values()} == {Verdict.AGREES}, found
    lines = text.split("\n")
    decayed = next(number for number, line in enumerate(lines, 1) if "grad_w1 +=" in line)
    assert f"line {decayed}" in found["w1"].note and "up to the factor 0.01 on line" in found["w2"].note


def test_a_decay_of_gradients_in_a_dict_is_no_mistake(tmp_path: Path) -> None:
    text = """
        import numpy as np
        rng = np.random.default_rng(0)
        x, params = rng.normal(size=(5, 3)), {"v": rng.normal(size=3), "w": rng.normal(size=3)}
        for t in range(2):
            e = x @ params["v"] + x * x @ params["w"] - 1
            loss = (e * e).sum()
            grads = {}
            grads["v"] = 2 * x.T @ e
            grads["w"] = 2 * (x * x).T @ e
            grads["w"] += 0.1 * params["w"]
            for k in params:
                params[k] -= 0.01 * grads[k]
    """
    with opened(tmp_path, text) as run:
        found = named(run.check(1, entries=1))
    assert {each.verdict for each in found.values()} == {Verdict.AGREES}, found
    assert "changed on line 11, before the update used it" in found['params["w"]'].note


def test_the_share_of_each_micro_batch_is_checked(tmp_path: Path) -> None:
    text = """
        import torch
        torch.manual_seed(0)
        x = torch.randn(40, 4, dtype=torch.float64)
        net = torch.nn.Linear(4, 1, dtype=torch.float64)
        for t in range(4):
            loss = net(x[10 * t:10 * t + 10]).square().mean() / 2
            loss.backward()
            if t % 2 == 1:
                for weights in net.parameters():
                    weights.data -= 0.1 * weights.grad
                    weights.grad = None
    """
    with opened(tmp_path, text) as run:
        for iteration in (0, 1, 2):
            found = run.check(iteration, entries=1)
            assert set(verdicts(found).values()) == {Verdict.AGREES}, (iteration, found)


def test_several_losses_whose_gradients_add_up_are_checked_together_and_uses_by_a_view_once(tmp_path: Path) -> None:
    text = """
        import torch
        torch.manual_seed(0)
        x = torch.randn(10, 4, dtype=torch.float64)
        w = torch.randn(3, 4, dtype=torch.float64, requires_grad=True)
        for t in range(2):
            w.grad = None
            across = w.t()
            first = (x @ across).square().mean()
            second = ((x @ across).relu() @ across.t()).pow(2).mean()
            first.backward(retain_graph=True)
            second.backward()
            torch.nn.utils.clip_grad_norm_([w], 1e-3)
            w.data -= 0.1 * w.grad
    """
    with opened(tmp_path, text) as run:
        (found,) = run.check(0, entries=1).parameters
    assert found.verdict is Verdict.AGREES and "backward pass" in found.note, found


def test_a_loss_that_is_not_finite_has_no_gradients(tmp_path: Path) -> None:
    text = """
        import numpy as np
        w = np.array([1e200, 2.0])
        for t in range(3):
            loss = (w ** 2).sum()
            grad = 2 * w
            w -= 0.1 * grad
    """
    began = r"loss of iteration 1 is inf: it has no gradients; first not finite: w \*\* 2, line 5: 1 inf$"
    with opened(tmp_path, text) as run, pytest.raises(Misuse, match=began):
        run.check(1, entries=1)


def test_a_kink_within_every_usual_step_is_no_mistake(tmp_path: Path) -> None:
    text = """
        import numpy as np
        w = np.array([1.0, 2.0])
        for t in range(2):
            bent = np.maximum(w[0] - (1.0 - 1e-8), 0.0)
            loss = 3.0 * bent + (w ** 2).sum()
            grad = 2.0 * w
            grad[0] += 3.0 * (bent > 0)
            w = w - 0.1 * grad
    """
    with opened(tmp_path, text) as run:
        (found,) = run.check(0).parameters
    by_index = {entry.index: entry for entry in found.entries}
    assert by_index[(1,)].verdict is Verdict.AGREES
    assert by_index[(0,)].verdict is not Verdict.DIFFERS and found.verdict is not Verdict.DIFFERS


@pytest.mark.parametrize(
    ("leave", "said"),
    [
        ("raise OSError('only here')", "OSError: only here"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("break", "no loss"),
    ],
)
def test_why_an_iteration_cannot_be_run_again_is_told(tmp_path: Path, leave: str, said: str) -> None:
    text = f"""
        import os
        import numpy as np
        w, here = np.array([1.0, 2.0]), os.getpid()
        for t in range(2):
            if os.getpid() != here:
                {leave}
            loss = (w ** 2).sum()
            grad = 2 * w
            w -= 0.1 * grad
    """
    with opened(tmp_path, text) as run:
        (found,) = run.check(0, entries=1).parameters
    assert found.verdict is Verdict.UNKNOWN and found.note.startswith("the iteration cannot be run again: ")
    assert said in found.note


def test_why_the_script_cannot_be_run_again_beside_the_first_run_is_told(tmp_path: Path) -> None:
    text = f"""
        import numpy as np
        w = np.array([1.0, 2.0])
        held = open({str(tmp_path / "held")!r}, "x")
        for t in range(2):
            loss = (w ** 2).sum()
            grad = 2 * w
            w -= 0.1 * grad
    """
    with opened(tmp_path, text) as run, pytest.raises(ScriptFailed) as told:
        run.check(1, entries=1)
    assert "beside the first run, the script did not come so far: FileExistsError: " in str(told.value)
    assert "(line 4)" in str(told.value) and "Traceback" in told.value.traceback


def test_a_loss_that_differs_each_time_is_not_differentiated(tmp_path: Path) -> None:
    text = """
        import os
        w = [1.0, 2.0]
        for t in range(3):
            noise = os.urandom(1)[0] + 256 * os.urandom(1)[0]
            loss = w[0] ** 2 + w[1] ** 2 + noise
            grad = [2 * each for each in w]
            w[0] -= 0.1 * grad[0]
            w[1] -= 0.1 * grad[1]
    """
    with opened(tmp_path, text) as run:
        found = run.check(0, entries=1)
    assert not found.agrees
    assert all("has another loss" in each.note or "differs each time" in each.note for each in found.parameters)


def test_an_iteration_that_is_another_when_it_is_run_again_is_not_tried_for_each_parameter(tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    text = f"""
        import os
        w, b = 1.0, 2.0
        for t in range(3):
            with open({str(ran)!r}, "a") as file:
                print(os.getpid(), file=file)
            loss = (w - b) ** 2 + int.from_bytes(os.urandom(4))
            slope = 2 * (w - b)
            w = w - 0.1 * slope
            b = b + 0.1 * slope
    """
    with opened(tmp_path, text) as run:
        found = run.check(0, entries=1)
    assert [each.verdict for each in found.parameters] == [Verdict.UNKNOWN, Verdict.UNKNOWN]
    assert len(set(ran.read_text().split())) == 1 + 2, "the run, and the iteration twice again"


def test_what_a_copy_reads_of_an_open_file_is_there_for_the_next(tmp_path: Path) -> None:
    (tmp_path / "numbers").write_bytes(bytes(range(1, 200)))
    text = f"""
        import os
        data = os.open({str(tmp_path / "numbers")!r}, os.O_RDONLY)
        w = [1.0, 2.0]
        for t in range(3):
            x = os.read(data, 1)[0]
            loss = (w[0] * x) ** 2 + (w[1] * x) ** 2
            grad = [2 * each * x * x for each in w]
            w[0] -= 0.01 * grad[0]
            w[1] -= 0.01 * grad[1]
    """
    with opened(tmp_path, text) as run:
        assert run.check(1, entries=1).agrees


def test_an_iteration_without_a_loss_is_a_misuse(tmp_path: Path) -> None:
    with (
        opened(tmp_path, "w = 1.0\nfor t in range(3):\n    w = w - 0.1 * w\n") as run,
        pytest.raises(Misuse, match=r"no loss to differentiate: neither a .* else the loss by --loss EXPR"),
    ):
        run.check(0, entries=1)
    with stepper.open("and-gate") as run:
        with pytest.raises(IndexError):
            run.check(80)
        with pytest.raises(Misuse, match="setup"):
            run.setup.check()


def test_a_mean_over_iterations_behind_the_loss_is_not_what_gradients_are_of(tmp_path: Path) -> None:
    text = """
        w, smooth_loss = [1.0, -2.0], 20.0
        for t in range(3):
            loss = 0.0
            for step in range(10):
                loss += (w[0] - 3) ** 2 + (w[1] - step) ** 2
            grad = [20 * (w[0] - 3), sum(2 * (w[1] - step) for step in range(10))]
            smooth_loss = 0.999 * smooth_loss + 0.001 * loss
            w[0] -= 0.001 * grad[0]
            w[1] -= 0.001 * grad[1]
    """
    with opened(tmp_path, text) as run:
        (found,) = run.check(0).parameters
    with opened(tmp_path, text.replace("[20 *", "[30 *")) as run:
        (wrong,) = run.check(0).parameters
    assert found.verdict is Verdict.AGREES and re.match(r"by loss \d+ of \d+ \(", found.note), found
    assert wrong.verdict is Verdict.DIFFERS
