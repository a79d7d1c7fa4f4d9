"""The record under the mouse: a click moves the cursor, one on a fold mark folds."""

from __future__ import annotations

from pathlib import Path

import pytest

from stepper.record import Record
from stepper.session import Session
from tests.tui.screen import app_of, ready, screen_text, settled, text_of
from tests.tui.standin import Standin


def nest(record: Record) -> None:
    for event in record.events[2:5]:
        event.parent = 1


async def test_a_click_on_a_line_goes_to_its_event() -> None:
    app = app_of(Standin())
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await pilot.press("6")
        await settled(pilot)
        for event in (7, 3):
            await pilot.click("#record", offset=(12, 1 + event))
            await settled(pilot)
            assert app.scene.event is not None and (app.scene.iteration, app.scene.event.id) == (0, event)


@pytest.mark.parametrize("beside", [-1, 0, 1])
async def test_a_click_on_a_fold_mark_or_beside_it_folds_and_unfolds(beside: int) -> None:
    app = app_of(Standin(after=nest))
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await pilot.press("6")
        await settled(pilot)
        whole = text_of(app.desk.record)
        lines = screen_text(app).splitlines()
        row = next(row for row, line in enumerate(lines) if "▾ h_relu" in line)
        column = lines[row].index("▾ h_relu")
        for expected in ("▸ h_relu", "▾ h_relu"):
            await pilot.click(offset=(column + beside, row))
            await settled(pilot)
            assert expected in text_of(app.desk.record)
        assert text_of(app.desk.record) == whole
        assert app.scene.event is not None and app.scene.event.id == 0, "the cursor stays"


LONG = "grad_h_relu = grad_y_pred.dot(w2.T) + 0.0 * (one_long_name - another_long_name) / a_third_long_name"


def lengthen(record: Record) -> None:
    record.events[8].text = LONG


@pytest.mark.parametrize("size", [(120, 40), (80, 24)])
async def test_what_is_cut_of_a_line_can_be_read(size: tuple[int, int]) -> None:
    app = app_of(Standin(after=lengthen))
    async with app.run_test(size=size) as pilot:
        await ready(pilot)
        await pilot.press("6")
        await settled(pilot)
        record = app.desk.record
        assert str(record.border_subtitle) == "", "all of it can be read"
        await pilot.hover("#record", offset=(12, 1 + 8))
        await pilot.pause()
        assert LONG in str(record.tooltip)
        await pilot.hover("#record", offset=(12, 1 + 1))
        await pilot.pause()
        assert record.tooltip is None
        await pilot.press(*["n"] * 8)
        await settled(pilot)
        assert str(record.border_subtitle) == f"{LONG}  (8, 10)"
        assert any(LONG[:40] in line for line in screen_text(app).splitlines() if "╰" in line)


EVALUATING = """
import torch
torch.manual_seed(0)
model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.BatchNorm1d(8), torch.nn.Linear(8, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
x = torch.randn(8, 4)
for step in range(3):
    optimizer.zero_grad()
    loss = model(x).pow(2).mean()
    loss.backward()
    optimizer.step()
    model.eval()
"""


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_a_model_that_is_trained_in_evaluation_mode_is_marked(tmp_path: Path, size: tuple[int, int]) -> None:
    script = tmp_path / "evaluating.py"
    script.write_text(EVALUATING, encoding="utf-8")
    app = app_of(Session(str(script)))
    async with app.run_test(size=size) as pilot:
        await ready(pilot)
        assert "eval mode" not in screen_text(app)
        await pilot.press("i", "6")
        await settled(pilot)
        status = screen_text(app).splitlines()[0]
        assert "! eval mode" in status
        marked = [line.split()[1] for line in text_of(app.desk.record).splitlines() if "eval !" in line]
        assert marked == ["model.1"]
        assert "eval !" in app.desk.record.HELP
        await pilot.press("1")
        await settled(pilot)
        await pilot.click("#status", offset=(status.index("eval mode"), 0))
        await settled(pilot)
        assert app.desk.chosen is app.desk.record, "a click on the mark leads to the layers"
