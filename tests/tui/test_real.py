"""The app on real sessions: the script in its own process, every key, several targets."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from stepper.session import Options, Session, continuing
from stepper.tui.screens.check import CheckScreen
from stepper.tui.screens.target import TargetScreen
from tests.tui.screen import app_of, ready, screen_text, settled, text_of, until

FAILING = """
import numpy as np
w = np.ones(3)
for t in range(5):
    g = 2.0 * w
    if t == 2:
        g = g / {}["no such key"]
    w -= 0.1 * g
"""

ASKING = """
w = 1.0
for t in range(5):
    loss = w * w
    if t == 2:
        name = input("name? ")
    w -= 0.1 * w
"""

OVERFLOWING = """
import numpy as np
w = np.full(3, 10.0)
with np.errstate(all="ignore"):
    for t in range(12):
        scaled = w * 1e40
        loss = float(np.square(scaled).sum())
        w -= -1e30 * w
"""

ENDLESS = """
import itertools
w = 1.0
for t in itertools.count():
    loss = w * w
    w -= 0.001 * w
"""

DYING = """
import os
w = 1.0
for t in range(5):
    loss = w * w
    w -= 0.1 * w
    if t == 2:
        print("about to go", flush=True)
        os.abort()
"""


def small() -> Session:
    return Session("numpy", Options(seed=0, preset="small"))


async def test_stepping_forward_and_back_through_iterations() -> None:
    app = app_of(small())
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        assert app.scene.iteration == 0
        for _ in range(5):
            await pilot.press("n")
            await settled(pilot)
        place = (app.scene.iteration, app.scene.statement)
        first = app.scene.record
        assert first is not None
        await pilot.press("i", "i")
        await settled(pilot)
        assert app.scene.iteration == 2
        await pilot.press("I", "I")
        await settled(pilot)
        assert app.scene.iteration == 0
        assert app.scene.record is not None
        assert app.scene.record.loss == first.loss
        for _ in range(5):
            await pilot.press("n")
            await settled(pilot)
        assert (app.scene.iteration, app.scene.statement) == place
        await pilot.press("N")
        await settled(pilot)
        assert app.scene.statement == place[1] - 1


async def test_the_gate_of_a_real_iteration_is_drawn() -> None:
    app = app_of(small())
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await pilot.press("i")
        await settled(pilot)
        assert app.scene.record is not None
        gate = app.scene.record.gates[0]
        text = text_of(app.desk.gate)
        assert f"active {gate.active}" in text
        assert "\n".join(text.splitlines()[4:]).count("×") >= gate.blocked
        assert {"w1", "w2"} <= set(text_of(app.desk.gradients).split())


async def test_running_to_the_end_and_far_back() -> None:
    app = app_of(Session("and-gate", Options()))
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await pilot.press("c")
        await until(pilot, lambda: app.scene.state == "ended", "the end")
        await settled(pilot)
        assert app.scene.done == 80
        await pilot.press("g", "3", "enter")
        await until(pilot, lambda: app.scene.iteration == 3, "a replay")
        await pilot.press("g", *"999", "enter")
        await until(pilot, lambda: "0 to 79." in screen_text(app), "how many there are")
        await pilot.press("escape")
        await settled(pilot)
        assert app.scene.iteration == 3


async def test_a_free_run_can_be_paused(tmp_path: Path) -> None:
    script = tmp_path / "endless.py"
    script.write_text(ENDLESS)
    app = app_of(Session(str(script), Options()))
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await pilot.press("c")
        await until(pilot, lambda: app.scene.state == "running" and app.scene.done > 1000, "a running script")
        header = text_of(app.status).split()
        assert int(header[header.index("iteration") + 1]) >= 1000, "the header counts along"
        await pilot.press("p")
        await until(pilot, lambda: app.scene.state == "stopped", "a pause")
        await settled(pilot)
        stopped = app.scene.iteration
        assert stopped is not None
        assert stopped > 1000
        await pilot.press("n", "i")
        await settled(pilot)
        assert app.scene.iteration in (stopped + 1, stopped + 2)


async def test_a_running_script_can_be_quit(tmp_path: Path) -> None:
    script = tmp_path / "endless.py"
    script.write_text(ENDLESS)
    app = app_of(Session(str(script), Options()))
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await pilot.press("c")
        await until(pilot, lambda: app.scene.state == "running")
        await pilot.press("q")
        assert app.scene.state == "running", "asked first"
        await pilot.press("q")
    assert app.return_code == 0


async def test_a_failing_script_stays_readable(tmp_path: Path) -> None:
    script = tmp_path / "failing.py"
    script.write_text(FAILING)
    app = app_of(Session(str(script), Options()))
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await pilot.press("c")
        await until(pilot, lambda: app.scene.state == "failed", "the failure")
        await settled(pilot)
        assert "KeyError" in screen_text(app)
        assert app.scene.iteration == 2
        assert app.scene.event is not None
        assert app.scene.event.line == 7
        assert text_of(app.desk.source).splitlines()[6].startswith("✗")
        await pilot.press("N")
        await settled(pilot)
        assert app.scene.event.line == 6


@pytest.mark.parametrize("size", [(120, 40), (80, 24)])
async def test_a_script_that_asks_for_input_is_told_of_what_to_do(size: tuple[int, int], tmp_path: Path) -> None:
    script = tmp_path / "asking.py"
    script.write_text(ASKING)
    app = app_of(Session(str(script), Options()))
    async with app.run_test(size=size) as pilot:
        await ready(pilot)
        await pilot.press("c")
        await until(pilot, lambda: app.scene.state == "failed", "the failure")
        await settled(pilot)
        text = " ".join(screen_text(app).split())
        assert text.lower().count("line 6 asks for input()") == 1, "in one place, whichever can be seen"
        await pilot.press("I")
        await settled(pilot)
        assert app.scene.iteration == 1


async def test_a_loss_that_goes_wrong_stays_marked_and_a_key_leads_there(tmp_path: Path) -> None:
    script = tmp_path / "overflowing.py"
    script.write_text(OVERFLOWING)
    app = app_of(Session(str(script), Options()))
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await pilot.press("D")
        await until(pilot, lambda: "No loss so far is NaN or infinite" in screen_text(app))
        await pilot.press("c")
        await until(pilot, lambda: app.scene.state == "ended", "the end")
        await until(pilot, lambda: "the loss is ∞ from iteration 4 on" in screen_text(app))
        await pilot.press("I", "n")
        await settled(pilot)
        assert "the loss is ∞" not in screen_text(app)
        assert "! ∞ from 4" in text_of(app.status)
        await pilot.press("slash", *"nan", "enter")
        await until(pilot, lambda: "D goes to iteration 4" in screen_text(app))
        await pilot.press("D")
        await until(pilot, lambda: app.scene.iteration == 4)
        await settled(pilot)
        assert app.scene.event is not None and app.scene.event.text == "np.square(scaled)", "where that began"
        await pilot.press("left_square_bracket")
        await settled(pilot)
        assert app.scene.iteration == 10
        await pilot.click("#status", offset=(text_of(app.status).index("! ∞"), 0))
        await until(pilot, lambda: app.scene.iteration == 4)


async def test_a_gradient_that_goes_wrong_ahead_of_the_loss_is_led_to_too(tmp_path: Path) -> None:
    script = tmp_path / "root.py"
    script.write_text(
        "import numpy as np\nnp.seterr(all='ignore')\nw = np.ones(2)\nfor t in range(4):\n"
        "    y = w * (t - 1)\n    loss = np.sqrt(y * y).sum()\n    grad = y / np.sqrt(y * y)\n    w -= grad\n"
    )
    app = app_of(Session(str(script), Options()))
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await pilot.press("i", "D")
        await until(pilot, lambda: app.scene.event is not None and app.scene.event.text.startswith("grad ="))
        assert app.scene.iteration == 1 and app.scene.wrong is None


async def test_a_dying_process_is_told(tmp_path: Path) -> None:
    script = tmp_path / "dying.py"
    script.write_text(DYING)
    app = app_of(Session(str(script), Options()))
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await pilot.press("c")
        await until(pilot, lambda: app.scene.state == "lost", "the loss of the process")
        await until(pilot, lambda: "SIGABRT at line" in screen_text(app))
        assert "about to go" in screen_text(app)


async def test_another_target_is_opened_and_a_wrong_one_refused(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.py"
    wrong.write_text("x = 1\n")
    app = app_of(small())
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        old = app.session
        await pilot.press("v")
        await until(pilot, lambda: isinstance(app.screen, TargetScreen))
        await pilot.press("tab", *"and-gate", "enter")
        await until(pilot, lambda: app.scene.target == "and-gate" and app.scene.event is not None, "and-gate")
        await settled(pilot)
        assert app.session is not old
        assert "No ReLU-like gate" in screen_text(app)
        await pilot.press("v")
        await until(pilot, lambda: isinstance(app.screen, TargetScreen))
        await pilot.press("tab")
        app.screen.query_one("Input").value = str(wrong)  # type: ignore[attr-defined]
        await pilot.press("enter")
        await until(pilot, lambda: "wrong.py: " in text_of(app.message), "a refusal")
        await settled(pilot)
        assert app.scene.target == "and-gate"
        await pilot.press("n")
        await settled(pilot)
        assert app.scene.event is not None


async def test_a_target_without_a_loop_ends_the_app_with_code_2(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.py"
    wrong.write_text("x = 1\n")
    app = app_of(Session(str(wrong), Options()))
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: app.return_code is not None)
    assert app.return_code == 2
    assert app.misuse.startswith(str(wrong))


@pytest.mark.parametrize("target", ["autograd", "dynamic"])
async def test_a_torch_variant_can_be_stepped(target: str) -> None:
    loaded = "torch" in sys.modules  # another test of the same run may have loaded it
    app = app_of(Session(target, Options(seed=0, preset="small")))
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        for key in "nsunnnnnnnnNSI":
            await pilot.press(key)
            await settled(pilot)
        assert app.scene.state in ("stopped", "ended")
    assert loaded or "torch" not in sys.modules, "the screen's process never loads it"


RARE = """
w = 1.0
for t in range(400):
    if t == 300:
        special = t
    loss = w * w
    w -= 0.001 * w
"""


async def test_continue_stops_at_a_breakpoint_that_is_far_away_and_goes_back_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(continuing, "RECORDING_SECONDS", 0.0)
    target = tmp_path / "rare.py"
    target.write_text(RARE)
    app = app_of(Session(str(target)))
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        app.session.toggle_breakpoint(5)
        await pilot.press("c")
        await until(pilot, lambda: app.scene.iteration == 300, "the iteration with the breakpoint")
        await settled(pilot)
        assert app.scene.event is not None and app.scene.event.line == 5
        assert "the run stands before line 5" in screen_text(app)
        assert "●" in text_of(app.desk.source).splitlines()[4]
        assert not app.scene.busy and 150 not in app.session.records
        await pilot.press("c")
        await until(pilot, lambda: app.scene.state == "ended", "the end")
        await settled(pilot)
        await pilot.press("C")
        await until(pilot, lambda: app.scene.iteration == 300, "the breakpoint before")
        await settled(pilot)
        assert app.scene.event is not None and app.scene.event.line == 5


async def test_a_breakpoint_set_by_key_while_the_script_runs_stops_it(tmp_path: Path) -> None:
    target = tmp_path / "endless.py"
    target.write_text(ENDLESS)
    app = app_of(Session(str(target)))
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        app.desk.source.focus()
        await pilot.press("c")
        await until(pilot, lambda: len(app.session.losses) > 20 and app.scene.busy, "a run")
        app.action_breakpoint(6)
        await until(pilot, lambda: not app.scene.busy and app.scene.iteration not in (None, 0), "a stop")
        await settled(pilot)
        assert app.scene.event is not None and app.scene.event.line == 6
        assert app.scene.iteration in app.scene.stops


async def test_gradients_are_checked_while_the_app_goes_on(tmp_path: Path) -> None:
    """A forgotten factor is told in the app; closing before the end calls the check off."""
    path = tmp_path / "wrong.py"
    path.write_text(
        "w = [1.0, -2.0]\nfor t in range(3):\n    loss = (w[0] - 3) ** 2 + (w[1] - 1) ** 2\n"
        "    grad = [w[0] - 3, w[1] - 1]\n    w[0] -= 0.1 * grad[0]\n    w[1] -= 0.1 * grad[1]\n",
        encoding="utf-8",
    )
    app = app_of(Session(str(path), Options()))
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await pilot.press("4", "f")
        await until(pilot, lambda: isinstance(app.screen, CheckScreen))
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(app.screen, CheckScreen))
        await pilot.press("f")
        await until(pilot, lambda: "a factor 2 is missing" in screen_text(pilot.app))
        assert "finite difference" in screen_text(pilot.app)
        await pilot.press("escape", "g", "s", "e", "t", "u", "p", "enter")
        await until(pilot, lambda: app.scene.iteration is None)
        await pilot.press("4", "f")
        await until(pilot, lambda: "no gradients to check" in screen_text(pilot.app))
