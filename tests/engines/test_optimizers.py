"""Inside an optimizer's step: the rule recomputed in torch's own order gives the parameter's very bits."""

from typing import Any

import numpy
import pytest
import torch

from stepper.engines.rules import deviation
from stepper.record import Event, OptimizerStep
from stepper.session.findings.left_out import Why, left_out
from stepper.session.findings.telling import told
from tests.engines.recorded import Run, of_kind, run_plain, run_recorded
from tests.engines.scripts import SCRIPTS, script

OPTIMIZERS = {
    "SGD": "SGD(parameters, lr=0.1)",
    "SGD with momentum": "SGD(parameters, lr=0.1, momentum=0.9)",
    "SGD, Nesterov, weight decay": "SGD(parameters, lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.01)",
    "SGD with dampening, upward": "SGD(parameters, lr=0.1, momentum=0.9, dampening=0.2, maximize=True)",
    "SGD, a rate that is a tensor": "SGD(parameters, lr=torch.tensor(0.1))",
    "Adam": "Adam(parameters, lr=0.01)",
    "Adam with weight decay, upward": "Adam(parameters, lr=0.01, weight_decay=0.1, maximize=True)",
    "Adam, amsgrad": "Adam(parameters, lr=0.01, amsgrad=True)",
    "AdamW": "AdamW(parameters, lr=0.01)",
    "AdamW, amsgrad, other betas": "AdamW(parameters, lr=0.01, amsgrad=True, betas=(0.8, 0.95), eps=1e-6)",
    "Adamax, weight decay": "Adamax(parameters, lr=0.01, weight_decay=0.1)",
    "Adamax, upward": "Adamax(parameters, lr=0.01, maximize=True)",
    "NAdam": "NAdam(parameters, lr=0.01)",
    "NAdam, decoupled weight decay": "NAdam(parameters, lr=0.01, weight_decay=0.1, decoupled_weight_decay=True)",
    "RAdam": "RAdam(parameters, lr=0.01)",
    "RAdam, rectified soon": "RAdam(parameters, lr=0.01, betas=(0.9, 0.6), weight_decay=0.1)",
    "RMSprop": "RMSprop(parameters, lr=0.01)",
    "RMSprop, centred, momentum": "RMSprop(parameters, lr=0.01, centered=True, momentum=0.5, weight_decay=0.1)",
    "Adagrad": "Adagrad(parameters, lr=0.01, lr_decay=0.1, weight_decay=0.1)",
    "Adadelta": "Adadelta(parameters, lr=0.5, weight_decay=0.1)",
}


def training(optimizer: str) -> str:
    return script(
        f"""
        x, y = torch.randn(16, 7), torch.randn(16, 3)
        model = nn.Sequential(nn.Linear(7, 33), nn.ReLU(), nn.Linear(33, 3))
        parameters = [dict(params=model[0].parameters()), dict(params=model[2].parameters(), lr=0.02)]
        optimizer = torch.optim.{optimizer}
        for t in range(4):
            optimizer.zero_grad()
            loss = F.mse_loss(model(x), y)
            loss.backward()
            optimizer.step()
        """
    )


def step(event: Event) -> OptimizerStep:
    assert isinstance(event.detail, OptimizerStep)
    return event.detail


@pytest.mark.parametrize("form", ["", "foreach=True"])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_rule_gives_the_bits_of_the_step(name: str, form: str) -> None:
    optimizer = OPTIMIZERS[name]
    run = run_recorded(training(optimizer[:-1] + f", {form})" if form else optimizer))
    for iteration in range(4):
        events = of_kind(run.records[iteration], "optimizer")
        assert [step(event).parameter for event in events] == [
            "model.0.weight",
            "model.0.bias",
            "model.2.weight",
            "model.2.bias",
        ]
        assert [step(event).deviation_ulp for event in events] == [0, 0, 0, 0]
        assert all(step(event).rule for event in events)
        assert [step(event).group for event in events] == [0, 0, 1, 1]
        assert [told(event, run.records[iteration])[0] for event in events] == ["parameter group 0"] * 2 + [
            "parameter group 1"
        ] * 2


def all_at_once(calls: list[str], dtype: str) -> str:
    """A script with parameters of its own for each of these optimizers: a matrix, a row, a single number."""
    return script(
        f"""
        def parameters_of(call):
            parameters = [nn.Parameter(torch.randn(shape).to({dtype})) for shape in ((3, 5), (5,), ())]
            return parameters, eval(call, dict(parameters=parameters, torch=torch))
        pairs = [parameters_of("torch.optim." + call) for call in {calls!r}]
        x = torch.randn(7, 3).to({dtype})
        for t in range(3):
            loss = sum(((x @ w + b).tanh() * c).pow(2).mean() for (w, b, c), _ in pairs)
            for _, optimizer in pairs:
                optimizer.zero_grad()
            loss.backward()
            for _, optimizer in pairs:
                optimizer.step()
        """
    )


IN_LISTS = [f"{call[:-1]}, foreach=True)" for call in OPTIMIZERS.values()]
RATES = [
    f"{kind}(parameters, lr=torch.tensor(0.1), {more}foreach={lists})"
    for lists in (False, True)
    for kind, more in {
        "SGD": "momentum=0.9, weight_decay=0.1, ",
        "RMSprop": "momentum=0.5, ",
        "Adagrad": "lr_decay=0.1, ",
        "Adadelta": "",
        "Adamax": "",
        "NAdam": "weight_decay=0.1, decoupled_weight_decay=True, ",
        "RAdam": "betas=(0.9, 0.6), ",
    }.items()
]
ADAMS = [  # which take no such lists
    "Adam(parameters, lr=torch.tensor([0.1]), amsgrad=True)",
    "Adam(parameters, lr=0.1, betas=(torch.tensor(0.8), torch.tensor(0.95)))",
    "AdamW(parameters, lr=torch.tensor(0.1), weight_decay=0.1)",
]


@pytest.mark.parametrize(
    ("calls", "dtype"),
    [
        ([*OPTIMIZERS.values(), *IN_LISTS], "torch.bfloat16"),
        (["Adagrad(parameters, maximize=True, foreach=True)", "SGD(parameters, foreach=True)"], "torch.float16"),
        ([*RATES, *ADAMS], "torch.float32"),
        ([*RATES, *ADAMS], "torch.float64"),
        ([*RATES, *ADAMS], "torch.bfloat16"),
    ],
)
def test_the_rule_rounds_as_the_step_does_in_any_dtype_and_where_rates_are_tensors(
    calls: list[str], dtype: str
) -> None:
    run = run_recorded(all_at_once(calls, dtype))
    for iteration in range(3):
        steps = [step(event) for event in of_kind(run.records[iteration], "optimizer")]
        assert len(steps) == 3 * len(calls) and all(each.rule for each in steps)
        apart = [calls[place // 3] for place, each in enumerate(steps) if each.deviation_ulp != 0]
        assert apart == []


def test_a_fused_step_is_off_by_little_and_says_so() -> None:
    run = run_recorded(training("Adam(parameters, lr=0.01, fused=True)"))
    events = [event for record in run.records.values() for event in of_kind(record, "optimizer")]
    apart = [step(event).deviation_ulp for event in events]
    assert len(apart) == 16
    for event, ulps in zip(events, apart, strict=True):
        assert ulps is not None
        assert ulps < 1 << 12
        assert ("fused" in event.note) == (ulps > 0)


SCALED = """
    x, y = torch.randn(16, 7), torch.randn(16, 3)
    model = nn.Sequential(nn.Linear(7, 33), nn.ReLU(), nn.Linear(33, 3))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01, fused=True)
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
    for t in range(4):
        optimizer.zero_grad()
        loss = F.mse_loss(model(x), y)
        if t == 2:
            loss = loss * float("inf")
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
"""


def test_a_fused_step_under_a_scaler_is_told_by_the_gradients_that_it_has_put_back_to_their_scale() -> None:
    run = run_recorded(script(SCALED))
    for iteration in (0, 1, 3):
        for event in of_kind(run.records[iteration], "optimizer"):
            apart = step(event).deviation_ulp
            assert apart is not None
            assert apart < 1 << 12
            gradient = array(run, event, 0, iteration)
            assert abs(gradient).max() < 10  # no longer a thousand times as large
    for event in of_kind(run.records[2], "optimizer"):
        assert (step(event).deviation_ulp, step(event).rule) == (None, "")
        assert "left out" in event.note
    names = {each.name for each in run.records[2].parameters if not each.used and each.grad is not None}
    assert left_out(run.records[2]) == dict.fromkeys(names, Why.SKIPPED) and len(names) == 4


def test_state_update_and_gradient_are_shown_below_the_step() -> None:
    run = run_recorded(training("Adam(parameters, lr=0.01)"))
    first, second = (of_kind(run.records[iteration], "optimizer")[0] for iteration in (0, 1))
    assert first.parent is not None
    assert run.records[0].events[first.parent].text == "optimizer.step()"
    assert {name: around.before for name, around in step(first).state.items()} == {
        "step": None,
        "exp_avg": None,
        "exp_avg_sq": None,
    }
    assert array(run, second, step(second).state["exp_avg"].before, 1).tobytes() == (
        array(run, first, step(first).state["exp_avg"].after, 0).tobytes()
    )
    update = array(run, second, step(second).update, 1)
    values = {value.when: run.array(value, 1) for value in second.values[:3]}
    place = step(second).update
    assert place is not None and second.values[place].role == "other", "it is no parameter: stepper worked it out"
    assert update.dtype == "float64"
    assert (update == values["after"].astype("float64") - values["before"]).all()
    assert second.values[0].label == "model.0.weight.grad"


@pytest.mark.parametrize("optimizer", ["Adam(parameters, lr=0.01)", "AdamW(parameters, lr=0.01, amsgrad=True)"])
def test_the_bias_corrected_moments_are_shown(optimizer: str) -> None:
    run = run_recorded(training(optimizer))
    for iteration in range(4):
        for event in of_kind(run.records[iteration], "optimizer"):
            told = step(event)
            correction1, correction2 = 1 - 0.9 ** (iteration + 1), 1 - 0.999 ** (iteration + 1)
            second = "max_exp_avg_sq" if "amsgrad" in optimizer else "exp_avg_sq"
            for term, name, correction in (("m̂", "exp_avg", correction1), ("v̂", second, correction2)):
                value = event.values[told.terms[term]]
                assert value.label == f"{term} of {told.parameter}"
                state = array(run, event, told.state[name].after, iteration)
                found = run.array(value, iteration)
                assert found.dtype == state.dtype
                assert numpy.allclose(found, state / correction, rtol=1e-6)
                assert value.summary.l2 == pytest.approx(float(numpy.linalg.norm(found.astype("float64"))), rel=1e-5)
                assert value.summary.max == pytest.approx(float(found.max()), rel=1e-5)
            rate = 0.02 if ".2." in told.parameter else 0.01
            assert told.step_size == pytest.approx(rate / correction1)


def array(run: Run, event: Event, place: int | None, iteration: int) -> Any:
    assert place is not None
    return run.array(event.values[place], iteration)


def test_the_rule_is_said_with_its_numbers() -> None:
    run = run_recorded(training("AdamW(parameters, lr=0.01)"))
    assert step(of_kind(run.records[1], "optimizer")[0]).rule == (
        "g = grad; w = 0.9999 w; m = 0.9 m + 0.1 g, v = 0.999 v + 0.001 g²; "
        "m̂ = m / (1 − 0.9^2) = m / 0.19; v̂ = v / (1 − 0.999^2) = v / 0.001999; "
        "w = w − lr m̂ / (√v̂ + 1e-8), lr = 0.01; the same in m: w = w − 0.0526316 m / (√v̂ + 1e-8)"
    )
    run = run_recorded(training("SGD(parameters, lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.01)"))
    assert step(of_kind(run.records[1], "optimizer")[2]).rule == (
        "g = grad + 0.01 w; b = 0.9 b + g; w = w − lr (g + 0.9 b), lr = 0.02"
    )


def test_an_optimizer_without_a_rule_shows_state_and_update() -> None:
    record = run_recorded(training("ASGD(parameters, lr=0.01)")).records[2]
    for event in of_kind(record, "optimizer"):
        assert step(event).rule == ""
        assert step(event).deviation_ulp is None
        assert {"ax", "eta", "mu", "step"} == set(step(event).state)
        assert step(event).update is not None


def test_a_closure_leaves_the_gradient_that_is_shown() -> None:
    run = run_recorded(script(SCRIPTS["LBFGS"]))
    assert len(of_kind(run.records[0], "optimizer")) == 2
    closure = """
        def again():
            optimizer.zero_grad()
            loss = F.mse_loss(model(x), y)
            loss.backward()
            return loss
        x, y, model = torch.randn(8, 3), torch.randn(8, 2), nn.Linear(3, 2)
        optimizer = torch.optim.Adam(model.parameters())
        for t in range(2):
            optimizer.step(again)
        """
    for event in of_kind(run_recorded(script(closure)).records[1], "optimizer"):
        assert step(event).deviation_ulp == 0


def test_watching_changes_no_bit_of_any_of_them() -> None:
    for optimizer in OPTIMIZERS.values():
        plain, recorded = run_plain(training(optimizer)), run_recorded(training(optimizer))
        for one, other in zip(plain.names["model"].parameters(), recorded.names["model"].parameters(), strict=True):
            assert torch.equal(one, other)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
def test_deviation_counts_neighbouring_numbers(dtype: torch.dtype) -> None:
    real = torch.tensor([0.0, 1.0, -1.0, float("nan"), float("inf")], dtype=dtype)
    assert deviation(real.clone(), real, torch) == 0
    assert deviation(-real, real, torch) > 0
    near = real.clone()
    near[1] = 1 + torch.finfo(dtype).eps
    assert deviation(near, real, torch) == 1
    assert deviation(torch.tensor([-0.0], dtype=dtype), torch.tensor([0.0], dtype=dtype), torch) == 0
