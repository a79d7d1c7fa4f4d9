"""The losses of the passes: the same whether they are recorded or not, and the one the contract means."""

import math
from functools import partial
from pathlib import Path

import pytest
import torch

from stepper.engines.base import Later
from stepper.engines.registry import builtin_engines
from stepper.engines.torch import TorchEngine
from stepper.inferior.recording.losses import LossKeeper
from stepper.inferior.whereabouts import NONE
from tests.inferior.running import run

SCRIPTS = {
    "a name": "loss = float(w.sum())\n    w -= 0.1",
    "the last of several": "loss = float(w.sum())\n    total_loss = loss * 2\n    w -= 0.1",
    "a call inside a longer expression": "print(i, compute_loss(w))\n    w -= 0.1",
    "a call's own name": "report = compute_cost(w)\n    w -= 0.1",
    "an error": "error = float(np.abs(w).sum())\n    w -= 0.1",
    "a method": "m.loss(w)\n    w -= 0.1",
    "a total in an attribute": "m.total_cost += float(w.sum())\n    w -= 0.1",
    "none at all": "w -= 0.1",
    "not a number": "loss = float('nan') if i else float('inf')\n    w -= 0.1",
}
HEAD = """
import numpy as np
def compute_loss(v): return float((v ** 2).sum())
def compute_cost(v): return np.float64((v ** 2).sum())
class M:
    total_cost = 1.0
    def loss(self, v): return float((v ** 3).sum())
m = M()
w = np.ones(3)
for i in range(4):
    """


@pytest.mark.parametrize("body", SCRIPTS.values(), ids=list(SCRIPTS))
def test_recorded_and_plain_passes_have_the_same_losses(body: str) -> None:
    recorded = run(HEAD + body).losses
    plain = run(HEAD + body, record_from=None).losses
    mixed = run(HEAD + body, record_from=2).losses
    assert len(plain) == 4
    assert repr(recorded) == repr(plain) == repr(mixed)


@pytest.mark.parametrize(
    ("body", "first"),
    [
        (SCRIPTS["a name"], 3.0),
        (SCRIPTS["the last of several"], 6.0),
        (SCRIPTS["a call inside a longer expression"], 3.0),
        (SCRIPTS["a method"], 3.0),
        (SCRIPTS["a total in an attribute"], 4.0),
        (SCRIPTS["none at all"], None),
        (SCRIPTS["not a number"], math.inf),
    ],
)
def test_the_loss_of_a_pass(body: str, first: float | None) -> None:
    assert run(HEAD + body).losses[0] == first


def test_the_mean_of_a_total_that_goes_on_over_the_passes_is_not_that_of_one() -> None:
    body = """
import numpy as np
w = np.ones(3)
total_loss = count = 0
for i in range(4):
    loss = float((w ** 2).sum())
    grad = 2 * w
    w -= 0.1 * grad
    total_loss += loss
    count += 1
    if i % 2 == 1:
        mean_loss = total_loss / count
        print(mean_loss)
        total_loss, count = 0, 0
"""
    recorded, plain = run(body).losses, run(body, record_from=None).losses
    assert recorded == plain == pytest.approx([3 * 0.64**step for step in range(4)])


def test_a_total_that_what_is_told_is_subtracted_from_is_no_loss_beside_that_of_a_pass() -> None:
    body = """
import math
w, total_loss = 0.5, 0.0
for i in range(4):
    loss = -math.log(w)
    grad = -1 / w
    w -= 0.1 * grad
    total_loss -= math.log(w)
"""
    recorded, plain = run(body).losses, run(body, record_from=None).losses
    assert recorded == plain == pytest.approx([0.693147, 0.356675, 0.170958, 0.039259], abs=1e-5)


def test_the_loss_that_a_person_names_comes_before_all() -> None:
    body = HEAD + "loss = float(w.sum())\n    w -= 0.1\n    if i == 1: continue\n    x = 0"
    recorded, plain = (run(body, record_from=first, loss="float(w[0] * 10)") for first in (0, None))
    assert recorded.losses == plain.losses == pytest.approx([9.0, 8.0, 7.0, 6.0])


def test_several_backward_calls_are_all_told_and_the_last_is_the_loss() -> None:
    source = """
        import torch
        w = torch.ones(2, requires_grad=True)
        for i in range(3):
            first = (w ** 2).sum()
            first.backward()
            second = (w ** 3).sum() * 2
            second.backward()
            with torch.no_grad():
                w -= 0.1 * w.grad
                w.grad = None
        """
    recorded, plain = run(source), run(source, record_from=None)
    assert recorded.losses == plain.losses
    assert recorded.record().losses == [2.0, 4.0] and recorded.record().loss == 4.0


VALIDATED = """
import torch
w = torch.ones(3, requires_grad=True)
opt = torch.optim.SGD([w], lr=0.1)
for i in range(4):
    training = i % 2 == 0
    opt.zero_grad()
    with torch.set_grad_enabled(training):
        objective = ((i + 1.0) * w).sum()
{then}
    running = objective.item()
"""


@pytest.mark.parametrize("record_from", [0, None])
@pytest.mark.parametrize(
    "then",
    [
        "    if training:\n        objective.backward()\n        opt.step()",
        "    if not training:\n        continue\n    objective.backward()\n    opt.step()",
        "    if not training:\n        val_loss = objective\n    else:\n        total = 1 * objective\n"
        "        total.backward()\n        opt.step()",
    ],
)
def test_where_a_pass_does_not_come_to_the_backward_call_its_loss_is_what_it_would_be_called_on(
    then: str, record_from: int | None
) -> None:
    found = run(VALIDATED.format(then=then), record_from=record_from).losses
    assert found == pytest.approx([3.0, 2 * (3 - 0.3), 3 * (3 - 0.3), 4 * (3 - 0.3 - 0.9)])


def test_the_keeper_gives_each_pass_its_last_loss() -> None:
    keeper = LossKeeper()
    keeper.engines = builtin_engines()
    for losses in ([1.0, 2.0], [], [3.0]):
        keeper.head()
        for loss in losses:
            keeper.named(loss)
    assert keeper.begun() == 3
    assert keeper.current() == [3.0]
    assert keeper.drain() == [2.0, None, 3.0]
    assert keeper.drain() == []


def test_what_comes_behind_the_loop_counts_only_where_the_pass_has_no_loss() -> None:
    keeper = LossKeeper()
    keeper.head()
    keeper.named(1.0)
    assert keeper.cut_short
    keeper.cut()
    assert not keeper.cut_short
    keeper.named(9.0)
    keeper.head()
    keeper.cut()
    keeper.named(5.0)
    assert keeper.drain() == [1.0, 5.0]


def test_a_pass_that_has_not_bound_the_named_loss_has_none() -> None:
    body = HEAD + "w -= 0.1\n    if i == 0: continue\n    found = float(w[0] * 10)"
    recorded, plain = (run(body, record_from=first, loss="found") for first in (0, None))
    assert recorded.losses == plain.losses and plain.losses[0] is None and None not in plain.losses[1:]


@pytest.mark.parametrize(
    ("ends", "bound"),
    [
        ("found = float(w[0] * 10)\n    w -= 0.1\n    if i == 2: break", [10.0, 9.0, 8.0]),
        (
            "found = float(w[0] * 10)\n    w -= 0.1\n    for j in []: pass\n    else:\n        if i == 2: break",
            [10.0, 9.0, 8.0],
        ),
        (
            "w -= 0.1\n    for j in range(2):\n        if j: break\n    if i == 1: continue\n    found = 1.0",
            [1, None, 1, 1],
        ),
        ("w -= 0.1\n    if i == 2: break\n    found = float(w[0] * 10)", [9.0, 8.0, None]),
    ],
)
def test_a_pass_that_is_left_has_the_named_loss_where_it_has_bound_it(ends: str, bound: list[float | None]) -> None:
    recorded, plain = (run(HEAD + ends, record_from=first, loss="found") for first in (0, None))
    assert recorded.losses == plain.losses == [loss if loss is None else pytest.approx(loss) for loss in bound]


def test_the_pass_that_a_return_ends_has_the_named_loss() -> None:
    body = """
import numpy as np
w = np.ones(3)
def train():
    global w
    for i in range(4):
        found = float(w[0] * 10)
        w -= 0.1 * w
        for j in range(2):
            if i == 1: return w
train()
"""
    recorded, plain = (run(body, record_from=first, loss="found") for first in (0, None))
    assert recorded.losses == plain.losses == pytest.approx([10.0, 9.0])


def test_the_settings_of_what_goes_backward_and_is_no_value_are_no_loss() -> None:
    class Layer:
        def __init__(self) -> None:
            self.rate = 0.1

    keeper = LossKeeper()
    keeper.head()
    keeper.backward(Layer())
    assert keeper.current() == []


def test_losses_behind_the_loop_are_told_apart_where_the_pass_has_some_of_its_own() -> None:
    keeper = LossKeeper()
    for of_pass, told in (([1.0], [9.0, 8.0]), ([], [])):
        keeper.head()
        for loss in of_pass:
            keeper.named(loss)
        keeper.cut()
        keeper.named(9.0)
        keeper.named(8.0)
        assert keeper.behind() == told


def test_an_integer_beyond_all_floats_is_infinite() -> None:
    assert LossKeeper().number(10**400) == math.inf and LossKeeper().number(-(10**400)) == -math.inf


LATER = """
import torch
w = torch.ones(3, requires_grad=True)
losses = []
for i in range(6):
    loss = (w * w).sum()
    loss.backward()
    with torch.no_grad():
        w -= 0.1 * w.grad
        w.grad.zero_()
    losses.append(loss.item())
    loss.detach().zero_()  # what is read later is what it was
"""


@pytest.mark.parametrize("record_from", [0, 3, None])
def test_a_loss_that_is_read_later_is_the_one_it_was(monkeypatch: pytest.MonkeyPatch, record_from: int | None) -> None:
    kept: list[object] = []

    def soon(engine: TorchEngine, value: torch.Tensor) -> Later | None:
        if value.numel() != 1:
            return None
        kept.append(value)
        return Later(engine, value.detach().clone())

    monkeypatch.setattr(TorchEngine, "reader", lambda engine, kind: partial(soon, engine))
    ran = run(LATER, record_from=record_from)
    assert ran.error is None
    assert ran.losses == ran.names["losses"]
    assert len(ran.losses) == 6 and len(kept) >= 5


def test_a_loss_that_can_no_longer_be_read_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    keeper = LossKeeper()
    engine = TorchEngine()
    keeper.engines = [engine]
    monkeypatch.setattr(engine, "reader", lambda kind: partial(Later, engine))
    monkeypatch.setattr(engine, "read", lambda copies: [None if copy > 2 else float(copy) for copy in copies])
    for number in (1.0, 2.0, 3.0, 4.0):
        keeper.head()
        keeper.named(torch.tensor(number))
    assert keeper.begun() == 4
    assert keeper.drain() == [1.0, 2.0, None, None]


def test_the_losses_that_outlive_the_process_are_those_that_are_told() -> None:
    keeper = LossKeeper()
    heads = keeper.told_heads(0, 7)
    passes: list[list[float | None]] = [[1.0], [2.0], [3.0, 4.0], [5.0, None, 6.0], [], [None, 7.0], [8.0]]
    for losses in passes:
        next(heads)
        for loss in losses:
            if loss is None:
                keeper.cut()  # the loop was left, as at the end of an epoch
            else:
                keeper.named(loss)
    keeper.tell()
    told = keeper.drain()
    assert told == [1.0, 2.0, 4.0, 5.0, None, 7.0, 8.0]
    assert repr(list(keeper.whereabouts.losses[:7])) == repr([NONE if loss is None else loss for loss in told])


@pytest.mark.parametrize("kind", ["Decimal", "Fraction"])
@pytest.mark.parametrize("record_from", [None, 0])
def test_exact_numbers_are_losses_and_parameters_as_the_nearest_float(kind: str, record_from: int | None) -> None:
    ran = run(
        f"""
        from decimal import Decimal
        from fractions import Fraction
        w, rate = {kind}("0.5"), {kind}("0.1")
        for t in range(3):
            loss = w * w
            grad = 2 * w
            w = w - rate * grad
        """,
        record_from=record_from,
    )
    assert ran.losses == [0.25, 0.16, 0.1024]
    if record_from is not None:
        parameter = ran.parameter("w", 1)
        assert (parameter.before.summary.value, parameter.after.summary.value) == (0.4, 0.32)
        assert parameter.grad is not None and parameter.grad.summary.value == 0.8


def test_exact_numbers_beyond_all_floats_are_infinite() -> None:
    ran = run(
        """
        from decimal import Decimal
        from fractions import Fraction
        w = 1.0
        for value in (Decimal("-1e999"), Fraction(10**400), Decimal("sNaN")):
            loss = value
            w -= 0.1
        """
    )
    assert ran.error is None and not ran.record(2).faults
    assert ran.losses[:2] == [-math.inf, math.inf] and math.isnan(ran.losses[2] or 0.0)


def test_an_error_on_its_way_back_and_a_total_over_the_passes_are_no_losses_beside_one() -> None:
    source = """
    import numpy as np
    w, total_error = np.ones(2), 0.0
    x = np.array([1.0, 2.0])
    for t in range(3):
        out = float(x @ w)
        loss = (out - 1.0) ** 2
        total_error += loss
        error = 2 * (out - 1.0)
        w -= 0.0625 * error * x
    """
    for record_from in (0, None):
        ran = run(source, record_from=record_from)
        assert ran.losses == [4.0, 0.5625, 0.0791015625]


def test_values_that_hand_their_gradients_on_are_no_losses() -> None:
    source = (Path(__file__).parents[1] / "program" / "corpus" / "values_begin_with_gradient.txt").read_text()
    source = source.replace("np.random.randn(8, 3)", "np.random.randn(8, 1)").replace(
        "Linear(3, 4), Linear(4, 1)", "Linear(1, 1)"
    )
    ran, plain = run(source), run(source, record_from=None)
    assert repr(ran.losses) == repr(plain.losses)
    assert len(ran.losses) == 10 and ran.losses[-1] == float(ran.names["loss"].data)
    (weight,) = ran.record(1).parameters
    assert weight.grad is not None and weight.grad.label == "p.grad.data"


def test_the_loss_of_tensors_made_by_functions_is_the_same_recorded_or_not() -> None:
    source = (Path(__file__).parents[1] / "program" / "corpus" / "tensors_of_functions.txt").read_text()
    ran, plain = run(source), run(source, record_from=None)
    assert repr(ran.losses) == repr(plain.losses) and None not in ran.losses
    assert [parameter.shape for parameter in ran.record(1).parameters] == [(5, 4), (4, 1)]


def test_the_loss_of_tensors_that_keep_their_data_behind_a_property() -> None:
    ran = run(
        """
        class Tensor:
            def __init__(self, data, made_of=None):
                self._data, self.grad, self.made_of = data, 0.0, made_of
            @property
            def data(self): return self._data
            def __mul__(self, other): return Tensor(self.data * other.data, self)
            def backward(self):
                self.made_of.grad = 2.0 * self.made_of.data
        w = Tensor(3.0)
        for t in range(3):
            loss = w * w
            loss.backward()
            w._data -= 0.25 * w.grad
        """
    )
    assert ran.losses == [9.0, 2.25, 0.5625]


@pytest.mark.parametrize("slots", ["", "__slots__ = ('grad', 'value', 'parents')"])
def test_the_loss_of_values_that_keep_their_number_under_another_name(slots: str) -> None:
    source = f"""
        class Var:
            {slots}
            def __init__(self, value, parents=()):
                self.grad, self.value, self.parents = 0.0, value, parents
            def __mul__(self, other):
                return Var(self.value * other.value, ((self, other.value), (other, self.value)))
            def backward(self):
                for parent, slope in self.parents:
                    parent.grad += slope
        w = Var(3.0)
        for t in range(3):
            w.grad = 0.0
            loss = w * w
            loss.backward()
            w.value -= 0.25 * w.grad
        """
    for record_from in (0, None):
        assert run(source, record_from=record_from).losses == [9.0, 2.25, 0.5625]


@pytest.mark.parametrize(("line", "loss"), [("pass", None), ("loss = (out - y) ** 2", 0.129150390625)])
def test_an_error_on_its_way_back_is_no_loss_also_where_there_is_no_other(line: str, loss: float | None) -> None:
    ran = run(
        f"""
        first, second, delta = [0.5, 0.25], [0.125, 0.75], [0.0, 0.0]
        for x, y in [(1.0, 0.0), (2.0, 1.0)]:
            hidden = [first[0] * x, first[1] * x]
            out = second[0] * hidden[0] + second[1] * hidden[1] + 0.109375
            delta_out = out - y
            {line}
            for j in range(2):
                error = 0.0
                error += second[j] * delta_out
                delta[j] = error * 1.0
            for j in range(2):
                second[j] -= 0.1 * delta_out * hidden[j]
                first[j] -= 0.1 * delta[j] * x
        """
    )
    assert ran.record().loss == (None if loss is None else pytest.approx(loss))


def test_a_total_that_goes_on_is_not_the_loss_of_a_pass_though_it_is_called_the_same() -> None:
    source = """
        def step(x):
            global w
            loss = (w * x - 1.0) ** 2
            w -= 0.25 * 2 * (w * x - 1.0) * x
            return loss
        w, loss = 3.0, 0.0
        for t in range(4):
            l = step(1.0)
            loss += l
            if t == 2:
                loss = 0.0
        """
    for record_from in (0, None):
        assert run(source, record_from=record_from).losses == [4.0, 1.0, 0.25, 0.0625]
