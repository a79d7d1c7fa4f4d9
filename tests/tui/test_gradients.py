"""The gradients: figures, the healthy band told without colour, histories, opening one."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from stepper.record import Record
from stepper.session import Options, Session
from stepper.session.findings.left_out import Why, all_left_out
from stepper.tui.app import StepperApp
from stepper.tui.panels.gradients import Columns, gauge, histories, logarithm_of, sparkline
from tests.tui.screen import app_of, ready, screen_text, settled, text_of, until
from tests.tui.standin import Standin
from tests.tui.test_panels import plant_nan


async def press(pilot: Any, *keys: str) -> None:
    for key in keys:
        await pilot.press(key)
        await settled(pilot)


def line(app: StepperApp, name: str) -> list[str]:
    return next(line.split() for line in text_of(app.desk.gradients).splitlines() if line.startswith(name))


def test_a_sparkline_runs_between_the_smallest_and_the_largest() -> None:
    assert sparkline([-4.0, -3.0, -2.0]) == "▁▅█" or sparkline([-4.0, -3.0, -2.0]) == "▁▄█"
    assert sparkline([-3.0, None, -3.0]) == "▄?▄" or sparkline([-3.0, None, -3.0]) == "▅?▅"
    assert sparkline([]) == ""
    assert sparkline([None, -math.inf]) == "?0"
    assert sparkline([-4.0, -math.inf, -2.0]) == "▁0█", "no update is neither the smallest of the bars nor a NaN"
    places = ["▁▂▃▄▅▆▇█".index(bar) for bar in sparkline([-3.0, -2.99])]
    assert abs(places[0] - places[1]) <= 1, "what hardly differs does not look as if it did"


def test_the_gauge_marks_the_band_and_what_lies_beyond_the_scale() -> None:
    assert gauge(-3.0, 9) == "────│●│──"
    assert gauge(-9.0, 9).startswith("◀")
    assert gauge(1.0, 9).endswith("▶")
    assert gauge(-math.inf, 9).startswith("◀")
    assert gauge(None, 9) == "────│─│──"


@pytest.mark.parametrize("width", [20, 30, 32, 40, 60, 80, 200])
@pytest.mark.parametrize("longest", [2, 9, 40])
async def test_the_columns_fit(width: int, longest: int) -> None:
    session = Standin()
    await session.open()
    columns = Columns.fit(longest, longest // 2, width)
    parameter = session.records[0].parameters[0]
    name = "x" * min(longest, columns.name)
    for row in (columns.heading(), columns.row(parameter, name, -3.0, [-3.0] * 40)):
        text = "".join(text for text, _ in row.pieces).rstrip()
        assert len(text) <= max(width, 4 + 1 + 8 + 6)


async def test_a_parameter_that_was_not_updated_is_told_as_such() -> None:
    app = app_of(Standin(lambda iteration, line, names: names["grad_w1"].fill(0) if "grad_w1" in names else None))
    async with app.run_test(size=(160, 50)) as pilot:
        await ready(pilot)
        _name, norm, _largest, zeros, ratio, decades, past, scale = line(app, "w1")
        assert (norm, zeros, ratio, decades, past) == ("0", "100%", "0", "-∞↓", "0")
        assert "100% zeros · step" in screen_text(app)
        assert scale.startswith("◀")


async def test_a_pass_that_only_evaluates_is_told_to_update_nothing_and_no_step_of_it_is_small(tmp_path: Path) -> None:
    script = tmp_path / "phases.py"
    script.write_text(
        """
import torch
net, x = torch.nn.Linear(2, 1), torch.ones(4, 2)
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
for epoch in range(2):
    for phase in ["val", "train"]:
        optimizer.zero_grad()
        with torch.set_grad_enabled(phase == "train"):
            loss = net(x).pow(2).mean()
            if phase == "train":
                loss.backward()
                optimizer.step()
""",
        encoding="utf-8",
    )
    app = app_of(Session(str(script)))
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await press(pilot, "4", "m")
        for keys, evaluates in (((), True), (("i",), False), (("i",), True)):
            await press(pilot, *keys)
            assert ("∘ nothing is updated in this iteration" in screen_text(app)) is evaluates
            assert line(app, "weight")[1:6] == (["∘", "–", "–", "–", "0"] if evaluates else line(app, "weight")[1:6])
            assert ("small" in screen_text(app) or "ahead ─" in screen_text(app)) is not evaluates
    (told,) = all_left_out(app.session.records[0])
    assert told == f"net.weight, net.bias: {Why.EVALUATED.value}"


async def test_norm_largest_zeros_ratio_and_whether_that_is_healthy() -> None:
    session = Standin()
    app = app_of(session)
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await press(pilot, "i", "i", "4")
        for parameter in session.records[2].parameters:
            found = line(app, parameter.name)
            logarithm = logarithm_of(parameter)
            assert parameter.grad is not None and logarithm is not None
            summary = parameter.grad.summary
            assert float(found[1]) == pytest.approx(summary.l2 or 0, rel=1e-3)
            assert float(found[2]) == pytest.approx(max(abs(summary.min or 0), abs(summary.max or 0)), rel=1e-3)
            assert found[3].endswith("%")
            assert found[5] == f"{logarithm:.2f}{'↑' if logarithm > -2 else '✓'}"
            assert len(found[6]) == 3, "a bar for each recorded iteration"
        whole = app.desk.gradients.copied().splitlines()
        await pilot.resize_terminal(40, 24)
        await until(pilot, lambda: app.size.width == 40)
        await settled(pilot)
        assert app.desk.gradients.copied().splitlines() == whole, "all columns, also those there is no room for"
        assert whole[0].split() == ["name", "‖grad‖", "largest", "zeros", "ratio", "log10", "history"]


async def test_the_history_has_every_record_also_those_seen_while_the_panel_was_hidden() -> None:
    session = Standin()
    app = app_of(session)
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await press(pilot, *"iiii", "4")
        assert len(histories(session.records, 4)["w1"]) == 5
        assert len(line(app, "w1")[6]) == 5
        await press(pilot, "I")
        assert len(line(app, "w1")[6]) == 4, "what comes later is no history"


async def test_what_is_not_finite_is_told() -> None:
    app = app_of(Standin(plant_nan))
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await press(pilot, *"iii", "4")
        found = line(app, "w1")
        assert found[1] == "nan" and found[-2].endswith("?")


async def test_a_gradient_is_opened() -> None:
    app = app_of(Standin())
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await press(pilot, *"nnnnnnnnnnnn", "4", "down", "up", "down", "enter")
        assert text_of(app.desk.viewer).startswith("grad_w2  (10, 3)")
        for _ in range(2):
            await pilot.click("#gradients", offset=(3, 2))
            await settled(pilot)
        assert text_of(app.desk.viewer).startswith("grad_w1  (6, 10)")
        for key, label in (("end", "grad_w2"), ("home", "grad_w1"), ("pagedown", "grad_w2"), ("pageup", "grad_w1")):
            await press(pilot, "4", key, "enter")
            assert text_of(app.desk.viewer).startswith(label), key


async def test_without_a_record_there_is_nothing() -> None:
    def bare(record: Record) -> None:
        record.parameters = []

    app = app_of(Standin(after=bare))
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await press(pilot, "4", "down", "enter")
        assert "No parameter is updated here." in text_of(app.desk.gradients)


async def test_an_iteration_that_only_collects_names_one_that_has_a_loss(tmp_path: Path) -> None:
    script = tmp_path / "replay.py"
    script.write_text(
        "w, kept = 1.0, []\nfor t in range(6):\n    kept.append(t)\n    if len(kept) < 4:\n        continue\n"
        "    loss = w * w\n    w -= 0.1 * 2 * w\n"
    )
    app = app_of(Session(str(script), Options()))
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        assert text_of(app.desk.gradients).strip() == "No parameter is updated here."
        await press(pilot, "c")
        await until(pilot, lambda: app.scene.state == "ended")
        await press(pilot, "I", "I", "I", "I")
        await until(pilot, lambda: app.scene.iteration == 1)
        assert "Iteration 3 has a loss." in " ".join(text_of(app.desk.gradients).split())


FORGOTTEN = """
import torch
torch.manual_seed(0)
x = torch.randn(8, 4)
model = torch.nn.Linear(4, 2)
w = torch.zeros(2, requires_grad=True)
for step in range(6):
    loss = (model(x) + w).pow(2).sum()
    loss.backward()
    with torch.no_grad():
        model.weight += 0.001 * model.weight.grad
        model.bias -= 0.001 * model.bias.grad
        w -= 0.001 * w.grad
    w.grad = None
    if step == 1:
        model.zero_grad()
"""


async def test_gradients_added_to_earlier_ones_and_updates_uphill_are_marked(tmp_path: Path) -> None:
    script = tmp_path / "forgotten.py"
    script.write_text(FORGOTTEN, encoding="utf-8")
    app = app_of(Session(str(script)))
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        marks = {0: ("^", ""), 1: ("+^", "+"), 2: ("^", ""), 4: ("+^", "+")}
        for iteration in range(5):
            if iteration in marks:
                weight, bias = marks[iteration]
                assert line(app, "model.weight")[1:2] == [weight]
                told = line(app, "model.bias")[1]
                assert (told if told in ("+", "^", "+^") else "") == bias
                assert line(app, "w")[1] not in ("+", "^", "+^")
            if iteration == 4:
                assert "+ added up since 2 · ^ uphill" in screen_text(app)
            await press(pilot, "i")


MOMENTUM = """
import torch
torch.manual_seed(0)
body, head = torch.nn.Linear(2, 2), torch.nn.Linear(2, 1)
opt = torch.optim.SGD(body.parameters(), lr=1e-4, momentum=0.9)
x = torch.randn(8, 2)
for step in range(4):
    loss = head(body(x)).pow(2).sum() * (1 if step < 3 else -1)
    head.zero_grad()
    opt.zero_grad()
    loss.backward()
    opt.step()
"""


async def test_an_update_that_goes_uphill_by_momentum_is_said_to_and_what_no_optimizer_updates(tmp_path: Path) -> None:
    script = tmp_path / "momentum.py"
    script.write_text(MOMENTUM, encoding="utf-8")
    app = app_of(Session(str(script)))
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        assert "uphill" not in screen_text(app)
        assert line(app, "head.weight")[1] == "∘" and line(app, "body.weight")[1] != "∘"
        assert "∘ no optimizer has it" in screen_text(app)
        assert float(line(app, "head.weight")[2]) > 0, "the norm of the gradient that came, and was not used"
        await press(pilot, "4", "enter")
        assert "t.grad  (1, 2)" in text_of(app.desk.viewer).splitlines()[0]
        await press(pilot, "i", "i", "i")
        assert line(app, "body.weight")[1] == "~"
        assert "~ carried by momentum" in screen_text(app)


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)])
async def test_every_mark_is_explained_also_when_the_panel_is_alone_and_another_parameter_selected(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    script = tmp_path / "momentum.py"
    script.write_text(MOMENTUM, encoding="utf-8")
    app = app_of(Session(str(script)))
    async with app.run_test(size=size) as pilot:
        await ready(pilot)
        await press(pilot, "i", "i", "i", "4", "m")
        for _ in range(4):
            assert "~ carried by momentum · ∘ no optimizer has it" in screen_text(app)
            await press(pilot, "down")
        assert line(app, "body.bias")[1] == "~", "the last one has been selected: it has but one of the marks"


CUT = """
import torch
torch.manual_seed(0)
body, head = torch.nn.Linear(2, 3), torch.nn.Linear(3, 1)
opt = torch.optim.SGD([*body.parameters(), *head.parameters()], lr=0.1)
x = torch.randn(8, 2)
for step in range(2):
    h = body(x)
    h = h.detach()
    loss = head(h).pow(2).mean()
    loss.backward()
    opt.step()
"""


async def test_the_line_and_the_value_at_which_the_graph_ends_are_marked_and_named(tmp_path: Path) -> None:
    script = tmp_path / "cut.py"
    script.write_text(CUT, encoding="utf-8")
    app = app_of(Session(str(script)))
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        assert "∘ cut off on line 9" in screen_text(app)
        await press(pilot, "n", "n", "n")
        (marked,) = (line for line in text_of(app.desk.source).splitlines() if "! no gradient" in line)
        assert "h = h.detach()" in marked
        (row,) = (line for line in text_of(app.desk.tensors).splitlines() if line[1:2] == "!")
        assert row.split("!")[1].split()[0] == "h"
