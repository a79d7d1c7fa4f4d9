"""What works on an optimizer from outside: schedulers, the scaler of a loss, clipping."""

import pytest

from stepper.record import Event, Record
from stepper.session.findings.left_out import Why, left_out
from tests.engines.recorded import assert_same_bits
from tests.engines.scripts import script

SCHEDULERS = {
    "StepLR": "StepLR(optimizer, 1, 0.5)",
    "MultiStepLR": "MultiStepLR(optimizer, [1, 2])",
    "LambdaLR": "LambdaLR(optimizer, lambda t: 1 / (t + 1))",
    "ExponentialLR": "ExponentialLR(optimizer, 0.9)",
    "CosineAnnealingLR": "CosineAnnealingLR(optimizer, 5)",
    "OneCycleLR": "OneCycleLR(optimizer, 0.5, total_steps=10)",
    "LinearLR": "LinearLR(optimizer, 0.1)",
    "SequentialLR": "SequentialLR(optimizer, [s.ConstantLR(optimizer), s.ExponentialLR(optimizer, 0.9)], [1])",
    "ChainedScheduler": "ChainedScheduler([s.ConstantLR(optimizer), s.ExponentialLR(optimizer, 0.9)])",
}


def training(scheduler: str, step: str = "scheduler.step()") -> str:
    return script(
        f"""
        s = torch.optim.lr_scheduler
        x, y = torch.randn(8, 3), torch.randn(8, 2)
        model = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
        groups = [dict(params=model[0].parameters()), dict(params=model[1].parameters(), lr=0.01)]
        optimizer = torch.optim.SGD(groups, lr=0.1, momentum=0.9)
        scheduler = s.{scheduler}
        rates = [[group["lr"] for group in optimizer.param_groups]]
        for t in range(3):
            loss = F.mse_loss(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            {step}
            rates.append([group["lr"] for group in optimizer.param_groups])
        """
    )


def find(record: Record, text: str) -> Event:
    return next(event for event in record.events if event.kind == "statement" and event.text.startswith(text))


@pytest.mark.parametrize("name", SCHEDULERS)
def test_a_schedulers_step_shows_the_rates_before_and_after(name: str) -> None:
    run = assert_same_bits(training(SCHEDULERS[name]))
    for iteration in range(3):
        values = {
            (value.label, value.when): value.summary.value
            for value in find(run.records[iteration], "scheduler.step").values
            if value.role == "setting"
        }
        for group in (0, 1):
            label = f'optimizer.param_groups[{group}]["lr"]'
            assert values[label, "before"] == run.names["rates"][iteration][group]
            assert values[label, "after"] == run.names["rates"][iteration + 1][group]


def test_a_rate_that_stays_is_shown_too() -> None:
    run = assert_same_bits(training("ReduceLROnPlateau(optimizer)", "scheduler.step(loss.item())"))
    values = [value for value in find(run.records[0], "scheduler.step").values if value.role == "setting"]
    assert [(value.when, value.summary.value) for value in values] == [
        ("before", 0.1),
        ("before", 0.01),
        ("after", 0.1),
        ("after", 0.01),
    ]


def test_a_momentum_that_cycles_is_shown_where_it_changes() -> None:
    run = assert_same_bits(training("OneCycleLR(optimizer, 0.5, total_steps=10)"))
    labels = {value.label for value in find(run.records[1], "scheduler.step").values}
    assert 'optimizer.param_groups[0]["momentum"]' in labels


HALF = """
    x, y = torch.randn(8, 3), torch.randn(8, 2)
    model = nn.Linear(3, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0, growth_interval=2)
    for t in range(4):
        optimizer.zero_grad()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss = F.mse_loss(model(x).float(), y)
        if t == 2:
            loss = loss * float("inf")
        scaler.scale(loss).backward()
        scaler.unscale_(optimizer)
        total = nn.utils.clip_grad_norm_(model.parameters(), 0.05)
        scaler.step(optimizer)
        scaler.update()
    """


def changed(event: Event) -> list[tuple[str, str]]:
    return [(value.label, value.when) for value in event.values if value.when in ("before", "after")]


def test_unscaling_and_clipping_show_the_gradients_before_and_after() -> None:
    run = assert_same_bits(script(HALF))
    around = [("model.weight.grad", "before"), ("model.weight.grad", "after")]
    for text in ("scaler.unscale_", "total = "):
        event = find(run.records[0], text)
        assert changed(event)[:2] == around
    before, after = (run.array(value, 0) for value in find(run.records[0], "scaler.unscale_").values[:2])
    assert (before / 1024 == after).all()


def test_a_scaler_shows_its_scale_before_and_after() -> None:
    run = assert_same_bits(script(HALF))
    scales = [
        [
            float(run.array(value, t))
            for value in find(run.records[t], "scaler.update").values
            if value.when != "operand"
        ]
        for t in range(4)
    ]
    assert scales == [[1024, 1024], [1024, 2048], [2048, 1024], [1024, 1024]]


def test_a_step_that_the_scaler_leaves_out_is_said_to_be() -> None:
    run = assert_same_bits(script(HALF))
    notes = [find(run.records[t], "scaler.step").note for t in range(4)]
    scaled = [
        f"the loss is scaled by {scale}; the gradients that the step uses are not" for scale in (1024, 1024, 1024)
    ]
    scaled.insert(2, "the optimizer's step was left out: the gradients are not all finite")
    assert notes == scaled
    assert not [event for event in run.records[2].events if event.kind == "optimizer"]
    assert len([event for event in run.records[1].events if event.kind == "optimizer"]) == 2
    assert left_out(run.records[2]) == dict.fromkeys(("model.weight", "model.bias"), Why.SKIPPED)
