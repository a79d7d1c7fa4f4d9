"""Restart: the same target anew, with what its files say now; asked once where that ends something."""

from __future__ import annotations

from pathlib import Path

from stepper.session import Options, Session
from tests.tui.screen import app_of, ready, screen_text, settled, text_of, until
from tests.tui.test_real import ENDLESS
from tests.tui.test_starting import starting

TRAIN = """
import sys
rate = 0.1
w = float(sys.argv[1])
for t in range(40):
    loss = w * w
    w = w - rate * 2 * w
"""


async def test_an_edit_shows_and_breakpoints_and_the_place_are_kept(tmp_path: Path) -> None:
    script = tmp_path / "train.py"
    script.write_text(TRAIN)
    session = Session(str(script), Options(arguments=("2.0",), settings=("rate=0.2",), seed=3))
    app = app_of(session)
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await pilot.press(*["down"] * 2, "b", *"g7", "enter", "n")
        await until(pilot, lambda: app.idle and app.session.cursor.iteration == 7)
        await settled(pilot)
        place, spots = app.session.cursor, app.session.breakpoints.spots
        assert spots and place.event > 0
        await pilot.press("r")
        await until(pilot, lambda: app.session is not session and app.idle and app.scene.iteration == 0)
        assert app.session.options == session.options and app.session.settings == {"rate": 0.2}
        assert app.session.breakpoints.spots == spots
        assert "Restarted; [ leads to where the cursor stood" in text_of(app.message)
        await pilot.press("left_square_bracket")
        await until(pilot, lambda: app.idle and app.session.cursor == place)
        script.write_text("# longer\n" + TRAIN.replace("w * w", "w * w + 1"))
        await pilot.press("r")
        await until(pilot, lambda: app.idle and app.scene.source.startswith("# longer") and app.scene.event is not None)
        await pilot.press("left_square_bracket")
        await until(pilot, lambda: app.idle and app.scene.iteration == 7)
        assert app.scene.statement == 1, "in another text the statement may be another"
        assert app.scene.record is not None and app.scene.record.loss is not None and app.scene.record.loss > 1


async def test_a_text_that_cannot_be_run_leaves_the_run_as_it_is(tmp_path: Path) -> None:
    script = tmp_path / "train.py"
    script.write_text(TRAIN)
    session = Session(str(script), Options(arguments=("2.0",)))
    app = app_of(session)
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await pilot.press(*"g5", "enter")
        await until(pilot, lambda: app.idle and app.scene.iteration == 5)
        script.write_text(TRAIN + "for\n")
        await pilot.press("r")
        await until(pilot, lambda: "syntax error" in text_of(app.message) and app.idle)
        assert app.session is session and app.scene.iteration == 5
        await pilot.press("i")
        await until(pilot, lambda: app.idle and app.scene.iteration == 6)
        await pilot.press("left_square_bracket")
        await until(pilot, lambda: app.idle and app.scene.iteration == 0)
        script.write_text(TRAIN)
        await pilot.press("r")
        await until(pilot, lambda: app.session is not session and app.idle and app.scene.iteration == 0)


async def test_a_run_is_ended_only_when_asked_for_twice(tmp_path: Path) -> None:
    script = tmp_path / "endless.py"
    script.write_text(ENDLESS)
    session = Session(str(script), Options())
    app = app_of(session)
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await pilot.press("c")
        await until(pilot, lambda: len(session.losses) > 100)
        await pilot.press("r")
        await until(pilot, lambda: "r again ends it and runs it anew, p pauses it" in text_of(app.message))
        assert app.session is session
        await pilot.press("q")
        await until(pilot, lambda: "q again ends it and quits" in text_of(app.message))
        await pilot.press("r")
        await until(pilot, lambda: "r again ends it and runs it anew" in text_of(app.message))
        await pilot.press("r")
        await until(pilot, lambda: app.session is not session and app.idle and app.scene.iteration == 0)
        await settled(pilot)
        assert len(app.session.losses) <= 1 and app.scene.state == "stopped"


async def test_a_failure_is_mended_and_run_again(tmp_path: Path) -> None:
    script = tmp_path / "train.py"
    script.write_text(TRAIN.replace("w * w", "w * v"))
    app = app_of(Session(str(script), Options(arguments=("2.0",))))
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: app.idle and "NameError" in screen_text(app))
        script.write_text(TRAIN)
        await pilot.press("r")
        await until(pilot, lambda: app.idle and app.scene.state == "stopped" and app.scene.iteration == 0)
        assert "NameError" not in screen_text(app)


async def test_what_is_starting_is_begun_anew_when_asked_for_twice() -> None:
    async with starting() as (app, stand, pilot, _):
        await pilot.press("n", "r")
        await until(pilot, lambda: "r again ends it and runs it anew" in text_of(app.message))
        await pilot.press("r", "n")
        await until(pilot, lambda: isinstance(app.session, Session) and app.idle)
        await until(pilot, lambda: app.scene.event is not None and app.scene.statement == 2)
        assert stand.calls[-1] == "close"


async def test_the_run_before_is_over_while_the_new_one_still_loads(tmp_path: Path) -> None:
    """Both at a time might not fit into the memory, or onto the device."""
    script, wait = tmp_path / "train.py", tmp_path / "wait"
    script.write_text(f"import os, time\nwhile os.path.exists({str(wait)!r}):\n    time.sleep(0.01)\n{TRAIN}")
    session = Session(str(script), Options(arguments=("2.0",)))
    app = app_of(session)
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        process = session._lane.process
        wait.touch()
        await pilot.press("r")
        await until(pilot, lambda: process.exit_code is not None)
        assert app.session is not session and app.scene.state == "starting"
        wait.unlink()
        await until(pilot, lambda: app.idle and app.scene.state == "stopped" and app.scene.iteration == 0)
