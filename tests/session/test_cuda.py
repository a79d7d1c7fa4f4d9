"""A whole session on a CUDA device: forward, back, what it shows, and how failures there are told. Runs where there is
such a device."""

import json
from pathlib import Path

import numpy
import pytest
import torch

import stepper
from stepper.cli import main
from stepper.record import Region
from stepper.session.errors import ScriptFailed
from stepper.variants import VARIANTS
from tests.session.support import opened, script

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")

VARIED = [variant.name for variant in VARIANTS.values() if "cuda" in variant.devices]

TUTORIAL = """
import torch
from torch import nn

device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
torch.backends.cudnn.deterministic = True

class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Dropout(0.5),
                                    nn.Linear(4 * 36, 3))

    def forward(self, x):
        return self.layers(x)

images, labels = torch.randn(48, 1, 8, 8), torch.randint(0, 3, (48,))
data = torch.utils.data.TensorDataset(images, labels)
loader = torch.utils.data.DataLoader(data, batch_size=16, shuffle=True, pin_memory=True)
model = Network().to(device)
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
for epoch in range(4):
    for x, y in loader:
        x, y = x.to(device, non_blocking=True), y.to(device, non_blocking=True)
        loss = loss_fn(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""


@pytest.mark.parametrize("name", VARIED)
def test_forward_and_back_on_the_device(name: str) -> None:
    passes = {"iterations": 8} if "iterations" in VARIANTS[name].settings else {}
    with stepper.open(name, device="cuda", seed=0, settings=passes) as run:
        assert run.session.device == "cuda"
        there = run.iteration(5)
        devices = {
            value.summary.device for event in there.record.events for value in event.values if value.summary.shape
        }
        assert "cuda:0" in devices
        assert there.record.faults == []
        for parameter in there.parameters:
            before, after, update = (each.array for each in (parameter.before, parameter.after, parameter.update))
            assert numpy.array_equal(update, after.astype("f8") - before)
        for gate in there.gates:
            assert gate.h.array.size == gate.active + gate.blocked
            assert gate.grad_before is not None and gate.grad_after is not None
            assert numpy.array_equal(gate.grad_after.array, numpy.where(gate.mask.array, 0, gate.grad_before.array))
        run.run()
        losses = list(run.losses)
        for number in (2, 6, 0):
            assert run.iteration(number).loss == losses[number]
            assert run.session.notice == ""


async def test_a_tutorials_script_without_a_seed_is_replayed_with_the_same_bits(tmp_path: Path) -> None:
    async with opened(script(tmp_path, TUTORIAL)) as session:
        assert session.device == "cuda"
        first = session.records[0]
        assert first.faults == []
        await session.run()
        losses = list(session.losses)
        assert len(losses) == 12 and None not in losses
        for number in (7, 3):
            await session.go(number)
            assert session.notice == ""
            assert session.records[number].loss == losses[number]


async def test_windows_and_counts_are_those_of_a_copy_on_the_host(tmp_path: Path) -> None:
    source = """
    import torch
    torch.manual_seed(0)
    w = torch.randn(300, 500, device="cuda")
    odd = torch.randn(40, 70, device="cuda").t()
    odd[3, 5], odd[0, 0] = float("nan"), float("inf")
    for step in range(2):
        loss = (w * w).mean()
        w = w - 0.1 * w
    """
    async with opened(script(tmp_path, source)) as session:
        for label, iteration in (("w", 0), ("odd", None)):
            record = session.records[iteration]
            value = [v for e in record.events for v in e.values if v.label == label and v.copy is not None][-1]
            assert value.copy is not None
            whole = await session.array(iteration, value.copy)
            array = numpy.frombuffer(whole.data, whole.dtype).reshape(whole.shape).astype("f8")
            finite = array[numpy.isfinite(array)]
            assert value.summary.device == "cuda:0"
            assert (value.summary.min, value.summary.max) == (finite.min(), finite.max())
            assert value.summary.negative == int((finite < 0).sum())
            assert value.summary.mean == pytest.approx(finite.mean(), rel=1e-12)
            assert value.summary.std == pytest.approx(finite.std(), rel=1e-12)
            assert (value.summary.nan, value.summary.inf) == (numpy.isnan(array).sum(), numpy.isinf(array).sum())
            exact = await session.window(iteration, value.copy, 6, 6, Region(2, 8, 3, 9))
            assert numpy.array_equal(numpy.reshape(exact.cells, (6, 6)), array[2:8, 3:9], equal_nan=True)
            survey = await session.survey(iteration, value.copy, 16)
            assert survey.largest is not None and array[survey.largest] == finite.max()
            pooled = await session.window(iteration, value.copy, 5, 6, Region(10, 30, 10, 40))
            means = array[10:30, 10:40].reshape(5, 4, 6, 5).mean((1, 3))
            assert pooled.cells == pytest.approx(means.ravel(), rel=1e-12)


def test_the_device_of_a_script_can_be_set(tmp_path: Path) -> None:
    target = script(tmp_path, TUTORIAL)
    with stepper.open(target, device="cpu") as run:
        assert run.session.device == "cpu"
        assert {value.summary.device for event in run.iteration(0).record.events for value in event.values} <= {
            "cpu",
            None,
        }


def test_trace_says_where_everything_lies(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["trace", "optim", "--device", "cuda", "--seed", "0", "--iteration", "1", "--format", "json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["device"] == "cuda"
    assert {event["deviation_ulp"] for event in told["events"] if event["kind"] == "optimizer"} == {0}
    assert {value["summary"]["device"] for gate in told["gates"] for value in (gate["h"], gate["grad_before"])} == {
        "cuda:0"
    }


@pytest.mark.parametrize(
    ("failing", "said"),
    [
        ("rows = torch.zeros(3, device='cuda')[index + 7]\n        print(rows)", "CUDA"),
        ("torch.empty(1 << 48, device='cuda')", "memory"),
    ],
)
def test_a_failure_on_the_device_is_the_scripts_own(tmp_path: Path, failing: str, said: str) -> None:
    source = f"""
import torch
w = torch.ones(2, device="cuda")
index = torch.arange(3, device="cuda")
for step in range(5):
    loss = (w * w).sum()
    w = w - 0.1 * w
    if step == 2:
        {failing}
"""
    with stepper.open(script(tmp_path, source)) as run:
        with pytest.raises(ScriptFailed) as raised:
            run.iteration(4)
        assert said in raised.value.traceback
        assert run.iteration(1).loss == pytest.approx(2 * 0.9**2)
