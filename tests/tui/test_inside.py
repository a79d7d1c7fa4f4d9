"""Stepping into the three opaque calls, in the app, on a real session.

The script's numbers are whole and its rate a power of two, so that every figure is exact on every machine.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest
from pytest_textual_snapshot import SVGImageExtension  # type: ignore[import-untyped]
from syrupy.assertion import SnapshotAssertion
from textual.pilot import Pilot

from stepper.session import Options, Session
from stepper.tui.app import StepperApp
from tests.tui.screen import app_of, ready, screen_text, settled

SCRIPT = """import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.middle, self.out = nn.Linear(4, 4), nn.Linear(4, 2)

    def forward(self, x):
        h = self.middle(x).relu()
        h = self.middle(h).relu()
        return self.out(h)


def whole(*shape):
    count = torch.Size(shape).numel()
    return (torch.arange(count) * 7 % 5 - 2).reshape(shape).float()


x, y = whole(6, 4), whole(6, 2)
model = Net()
with torch.no_grad():
    for parameter in model.parameters():
        parameter.copy_(whole(*parameter.shape))
optimizer = torch.optim.SGD(model.parameters(), lr=2.0**-10, momentum=0.5)
for t in range(5):
    loss = (model(x) - y).pow(2).sum()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""
INTO_MODEL = "s"
INTO_BACKWARD = "nns"
INTO_STEP = "nnns"


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StepperApp:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "whole.py").write_text(SCRIPT)
    return app_of(Session("whole.py", Options(threads=1)))


async def press(pilot: Pilot[int], keys: Iterable[str]) -> None:
    for key in keys:
        await pilot.press(key)
        await settled(pilot)


async def to_iteration(pilot: Pilot[int], number: int, keys: str = "") -> None:
    """To the loss's statement of an iteration, and on by `keys`."""
    await press(pilot, ["g", str(number), "enter", "n", *keys])


def told(app: StepperApp) -> str:
    """What the source panel tells below the source, on one line."""
    text = screen_text(app).split("── ", 1)
    assert len(text) == 2, screen_text(app)
    lines = text[1].splitlines()[: app.desk.source.inner.height]
    width = app.desk.source.size.width
    return " ".join(" ".join(line[: width - 1] for line in lines).replace("│", " ").replace("─", " ").split())


async def test_s_walks_into_the_model_the_backward_pass_and_the_step(app: StepperApp) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await to_iteration(pilot, 1, INTO_MODEL)
        await walk_the_layers_and_the_models_own_statements(app, pilot)
        await to_iteration(pilot, 1, INTO_BACKWARD)
        await walk_the_graph_with_the_chain_rule(app, pilot)
        await to_iteration(pilot, 1, INTO_STEP)
        await walk_the_parameters_with_the_rule(app, pilot)


async def walk_the_layers_and_the_models_own_statements(app: StepperApp, pilot: Pilot[int]) -> None:
    assert app.scene.event is not None
    met = []
    for _ in range(12):
        met.append((app.scene.event.kind, app.scene.event.text))
        await pilot.press("s")
        await settled(pilot)
    assert ("module", "model") in met
    assert ("module", "model.middle") in met
    assert ("module", "model.middle, call 2") in met
    assert ("statement", "h = self.middle(x).relu()") in met
    assert ("statement", "return self.out(h)") in met


async def walk_the_graph_with_the_chain_rule(app: StepperApp, pilot: Pilot[int]) -> None:
    assert app.scene.event is not None
    assert app.scene.event.kind == "backward"
    assert f"statement {app.scene.statement}/{app.scene.statements} " in screen_text(app)
    assert app.scene.statement > 1, "it is part of loss.backward(), one of the loop's statements"
    assert "∂L/∂(model(x) − y).pow(2) = expand(∂L/∂loss, (6, 2))".replace("−", "-") in told(app)
    await pilot.press("n")
    await settled(pilot)
    assert "PowBackward0" in told(app)
    assert "made by (model(x) - y).pow(2), line 28" in told(app)
    await pilot.press("N")
    await settled(pilot)
    assert "SumBackward0" in told(app)
    await pilot.press("u")
    await settled(pilot)
    assert app.scene.event is not None
    assert app.scene.event.text == "loss.backward()"
    assert "each used 2 times" in told(app)
    assert "it is updated once (line 31)" in told(app)


async def walk_the_parameters_with_the_rule(app: StepperApp, pilot: Pilot[int]) -> None:
    assert "SGD on model.middle.weight" in told(app)
    assert "b = 0.5 b + g" in told(app)
    assert "w = w − lr b, lr = 0.000976562" in told(app)
    assert "recomputed by this rule: the same to the bit" in told(app)
    assert "it is updated once (line 31)" in told(app)
    await pilot.press("n")
    await settled(pilot)
    assert "SGD on model.middle.bias" in told(app)


async def test_what_is_told_goes_when_the_cursor_leaves(app: StepperApp) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await to_iteration(pilot, 1, INTO_STEP)
        assert "── SGD" in screen_text(app)
        lines = app.desk.source.virtual_size.height
        await pilot.press("i")
        await settled(pilot)
        assert "──  " not in screen_text(app).replace("╭─", "")
        assert app.desk.source.virtual_size.height < lines
        # the line of the cursor is never covered
        assert "▶" in screen_text(app)


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])
async def test_inside(snapshot: SnapshotAssertion, app: StepperApp, size: tuple[int, int]) -> None:
    # in iteration 0, before anything has been rounded; the source alone, since that is where it is told
    svg = snapshot.use_extension(SVGImageExtension)
    async with app.run_test(size=size) as pilot:
        await ready(pilot)
        for name, keys in (("model", INTO_MODEL), ("backward", INTO_BACKWARD + "nn"), ("optimizer", INTO_STEP)):
            await to_iteration(pilot, 0, keys + "m")
            await pilot.wait_for_scheduled_animations()
            assert app.export_screenshot(simplify=True) == svg(name=name)
            await press(pilot, "m")
