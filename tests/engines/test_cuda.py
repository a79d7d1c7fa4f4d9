"""On a CUDA device: watching leaves every bit, and shows what is there. Runs where there is such a device."""

import os
from collections.abc import Iterator

import pytest
import torch

from stepper.record import Event, OptimizerStep
from tests.engines.checks import assert_adds_up, assert_formulas
from tests.engines.hooks import nothing_left_behind
from tests.engines.recorded import Run, assert_same_bits, bits, of_kind, run_plain, run_recorded
from tests.engines.scripts import HEAD, SCRIPTS, script
from tests.engines.test_optimizers import OPTIMIZERS, training

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")

WHOLE = "torch.set_default_device('cuda')\n"
FUSED = 1 << 20  # ulps; where a parameter comes out near zero, small differences are many of them
WITHOUT_SUMS = {"hooks of the user's", "torch.autograd.grad"}  # hooks change a gradient on its way; nothing is added to


@pytest.fixture(autouse=True)
def _reproducible(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Two plain runs give the same bits, too; and what a script sets for the whole process is put back."""
    if "CUBLAS_WORKSPACE_CONFIG" not in os.environ:
        monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(False)
        torch.set_default_device(None)
        torch.cuda.set_sync_debug_mode(0)


def on_device(source: str) -> str:
    """A test script whose tensors are made on the device."""
    assert source.startswith(HEAD)
    return HEAD + WHOLE + source.removeprefix(HEAD)


def deviations(run: Run) -> list[int | None]:
    """How far the rule is off, for every parameter in every pass."""
    return [step(event).deviation_ulp for record in run.records.values() for event in of_kind(record, "optimizer")]


def step(event: Event) -> OptimizerStep:
    assert isinstance(event.detail, OptimizerStep)
    return event.detail


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", SCRIPTS)
def test_no_bit_changes_and_contributions_add_up(name: str) -> None:
    with nothing_left_behind() as checked:
        run = assert_same_bits(on_device(script(SCRIPTS[name])))
    assert all(checked[1:])
    devices = {
        value.summary.device for record in run.records.values() for event in record.events for value in event.values
    }
    assert "cuda:0" in devices
    if name not in WITHOUT_SUMS:
        assert sum(assert_adds_up(run, record) for record in run.records.values()) > 0


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["expressions", "convolution, BatchNorm and Dropout", "attention"])
def test_formulas_of_a_devices_nodes(name: str) -> None:
    source = on_device(script(SCRIPTS[name])).replace(WHOLE, WHOLE + "torch.set_default_dtype(torch.float64)\n")
    try:
        run = run_recorded(source)
    finally:
        torch.set_default_dtype(torch.float32)
        torch.set_default_device(None)
    assert assert_formulas(run, run.records[1], generic=True) > 2
    lines = {
        event.detail.node: event.detail.formula  # type: ignore[union-attr]
        for event in of_kind(run.records[1], "backward")
    }
    for node in ("CudnnBatchNormBackward0", "NativeDropoutBackward0"):
        if node in lines:
            assert not lines[node].split(" = ", 1)[1].startswith("what ")


def test_the_mask_of_a_dropout_on_the_device() -> None:
    run = run_recorded(on_device(script(SCRIPTS["convolution, BatchNorm and Dropout"])))
    found = [value for event in of_kind(run.records[1], "module") for value in event.values if "mask of" in value.label]
    assert found
    mask = run.array(found[0], 1)
    assert set(mask.ravel().tolist()) == {0.0, float(torch.tensor(1.0) / (1 - 0.4))}


@pytest.mark.parametrize("form", ["", "foreach=True", "foreach=False"])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_rule_gives_the_bits_of_the_step(name: str, form: str) -> None:
    optimizer = OPTIMIZERS[name][:-1] + (f", {form})" if form else ")")
    run = assert_same_bits(on_device(training(optimizer)))
    assert deviations(run) == [0] * 16


@pytest.mark.parametrize("name", ["SGD with momentum", "Adam", "AdamW, amsgrad, other betas"])
def test_a_fused_step_is_off_by_little_and_says_so(name: str) -> None:
    optimizer = OPTIMIZERS[name][:-1] + ", fused=True)"
    found = deviations(assert_same_bits(on_device(training(optimizer))))
    assert len(found) == 16
    assert all(each is not None and each < FUSED for each in found)


MIXED = """
    x, y = torch.randn(16, 7), torch.randn(16, 3)
    model = nn.Sequential(nn.Linear(7, 33), nn.ReLU(), nn.Linear(33, 3))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01, FORM)
    scaler = torch.amp.GradScaler("cuda", init_scale=1024.0)
    for t in range(4):
        optimizer.zero_grad()
        with torch.autocast("cuda", dtype=torch.float16):
            loss = F.mse_loss(model(x), y)
        if t == 2:
            loss = loss * float("inf")
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
"""


@pytest.mark.parametrize("form", ["foreach=True", "foreach=False", "fused=True"])
def test_mixed_precision_with_a_scaler(form: str) -> None:
    run = assert_same_bits(on_device(script(MIXED.replace("FORM", form))))
    for iteration in (0, 1, 3):
        found = [step(event).deviation_ulp for event in of_kind(run.records[iteration], "optimizer")]
        assert len(found) == 4
        assert all(each is not None and each <= (0 if "foreach" in form else FUSED) for each in found)
    assert any("left out" in event.note for event in run.records[2].events)
    halves = {value.summary.dtype for event in run.records[1].events for value in event.values}
    assert "float16" in halves


STREAMS = """
    x = torch.randn(1 << 18, device="cuda")
    waiting = torch.empty(1 << 18, pin_memory=True)
    side = torch.cuda.Stream()
    w = torch.ones(1, device="cuda", requires_grad=True)
    for t in range(3):
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            torch.cuda._sleep(20_000_000)
            far = x * (t + 3)
        torch.cuda._sleep(20_000_000)
        near = x * (2 * t + 6)
        waiting.copy_(near, non_blocking=True)
        there = near.to("cpu", non_blocking=True)
        torch.cuda.synchronize()
        loss = (w * near.mean() * far.mean()).pow(2).sum()
        loss.backward()
        with torch.no_grad():
            w -= 0.1 * w.grad
            w.grad = None
"""


def test_what_other_streams_and_copies_in_the_background_make_is_waited_for() -> None:
    run = assert_same_bits(script(STREAMS))
    for iteration in range(3):
        values = {}
        for event in run.records[iteration].events:
            if event.kind == "statement" and "torch.cuda.synchronize" not in event.text:
                for value in event.values:
                    if value.when in ("result", "after") and value.label in ("near", "far", "waiting", "there"):
                        values[value.label] = run.array(value, iteration)
        assert (values["waiting"] == values["near"]).all()
        assert (values["there"] == values["near"]).all()
        assert (values["far"] * 2 == values["near"]).all()


GRAPH = """
    x, y = torch.randn(16, 7, device="cuda"), torch.randn(16, 3, device="cuda")
    model = nn.Sequential(nn.Linear(7, 33), nn.ReLU(), nn.Linear(33, 3)).cuda()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            optimizer.zero_grad(set_to_none=True)
            F.mse_loss(model(x), y).backward()
            optimizer.step()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    optimizer.zero_grad(set_to_none=True)
    with torch.cuda.graph(graph):
        y_pred = model(x)
        loss = F.mse_loss(y_pred, y)
        loss.backward()
        optimizer.step()
    losses = []
    for t in range(5):
        graph.replay()
        w = model[0].weight
        losses.append(loss.item())
"""


@pytest.mark.filterwarnings("ignore")
def test_a_graph_is_captured_and_replayed_as_if_nobody_looked() -> None:
    source = script(GRAPH)
    loop = next(number for number, line in enumerate(source.splitlines(), 1) if "for t in" in line)
    plain, run = run_plain(source), run_recorded(source, loop=str(loop))
    assert bits(run.names) == bits(plain.names)
    assert len(set(run.names["losses"])) == 5


def test_a_script_that_is_warned_of_waiting_is_not_warned_of_ours() -> None:
    source = on_device(script(SCRIPTS["expressions"])).replace(
        WHOLE, WHOLE + "torch.cuda.set_sync_debug_mode('error')\n"
    )
    run = run_recorded(source)
    assert all(
        value.summary.nan == 0
        for event in run.records[1].events
        for value in event.values
        if value.summary.device == "cuda:0"
    )
    assert torch.cuda.get_sync_debug_mode() == 2


def test_a_record_without_room_keeps_summaries_and_pictures() -> None:
    source = on_device(training(OPTIMIZERS["Adam"]))
    full, small = run_recorded(source), run_recorded(source, memory=1000)
    assert any(value.pooled for event in small.records[3].events for value in event.values)
    assert not any(value.pooled for event in full.records[3].events for value in event.values)
    for one, other in zip(full.records[3].gates, small.records[3].gates, strict=True):
        assert (one.active, one.blocked) == (other.active, other.blocked)


def test_half_and_other_dtypes_are_trained_on_the_device() -> None:
    for dtype in ("bfloat16", "float16", "float64"):
        source = script(
            f"""
            x, y = torch.randn(16, 7).to("cuda", torch.{dtype}), torch.randn(16, 3).to("cuda", torch.{dtype})
            model = nn.Sequential(nn.Linear(7, 33), nn.GELU(), nn.Linear(33, 3)).to("cuda", torch.{dtype})
            optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
            for t in range(3):
                optimizer.zero_grad()
                loss = F.mse_loss(model(x), y)
                loss.backward()
                optimizer.step()
            """
        )
        run = assert_same_bits(source)
        assert deviations(run) == [0] * 12
        assert run.records[1].gates[0].soft
