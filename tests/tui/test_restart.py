"""Restart: the same target anew, with what its files say now; asked once where that ends something."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.widgets import Input

from stepper.session import Options, Session
from stepper.tui.app import StepperApp
from tests.session.test_pausing import blocking, let_go
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


def said(app: StepperApp) -> str:
    """The message, in one line."""
    return " ".join(text_of(app.message).split())


@pytest.mark.parametrize("keys", ["c", "g3", "ii"])
async def test_what_is_inside_a_call_that_does_not_end_is_said_to_be_and_can_be_restarted(
    tmp_path: Path, keys: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stepper.session.pausing.PATIENCE_SECONDS", 0.2)
    monkeypatch.setattr("stepper.tui.opening.WAY_SECONDS", 0.5)
    script = tmp_path / "train.py"
    text = TRAIN + f"    t == 2 and __import__('os').system({blocking(tmp_path)!r})\n"
    script.write_text(text)
    session = Session(str(script), Options(arguments=("2.0",)))
    app = app_of(session)
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await pilot.press(*keys, *(["enter"] if keys[0] == "g" else []))
        await until(pilot, (tmp_path / "here").exists)
        await pilot.press("p")
        await until(pilot, lambda: "waiting for line 8: t == 2 and" in " ".join(screen_text(app).split()))
        assert "r runs anew, q quits" in said(app)
        script.write_text(text + "for\n")
        await pilot.press("r", "r")
        await until(pilot, lambda: "syntax error" in said(app))
        assert app.session is session and app.scene.state == "running"
        script.write_text(TRAIN)
        await pilot.press("r", "r")
        await until(pilot, lambda: app.session is not session and app.idle and app.scene.iteration == 0)
        assert app.scene.state == "stopped"


async def test_a_script_that_was_not_waited_for_is_seen_to_stand_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stepper.session.pausing.PATIENCE_SECONDS", 0.2)
    monkeypatch.setattr("stepper.tui.opening.WAY_SECONDS", 0.5)
    script = tmp_path / "train.py"
    script.write_text(TRAIN + f"    t == 2 and __import__('os').system({blocking(tmp_path)!r})\n")
    session = Session(str(script), Options(arguments=("2.0",)))
    app = app_of(session)
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await pilot.press("c")
        await until(pilot, (tmp_path / "here").exists)
        script.write_text("for\n")
        await pilot.press("p", "r", "r")
        await until(pilot, lambda: "syntax error" in said(app))
        let_go(tmp_path)
        await until(pilot, lambda: app.idle and app.scene.state == "stopped")
        assert "waiting" not in screen_text(app)
        await pilot.press("i")
        await until(pilot, lambda: app.idle and app.scene.iteration == 1)


async def test_a_restart_that_is_refused_late_leaves_what_was_recorded(tmp_path: Path) -> None:
    """The type of a setting is known when it is bound, to what can be written down only then."""
    script = tmp_path / "train.py"
    script.write_text(TRAIN)
    session = Session(str(script), Options(arguments=("2.0",), settings=("rate=0.25",)))
    app = app_of(session)
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await pilot.press(*"g5", "enter")
        await until(pilot, lambda: app.idle and app.scene.iteration == 5)
        loss = app.scene.record.loss if app.scene.record is not None else None
        held = f"__import__('os').system({blocking(tmp_path)!r})\nrate = len(sys.argv)"
        script.write_text(TRAIN.replace("rate = 0.1", held))
        await pilot.press("r", "n")  # the second key waits for the start, and is forgotten with it
        await until(pilot, lambda: "then n" in screen_text(app) and session._lane.process.exit_code is not None)
        let_go(tmp_path)  # and not before: refused at once, the new one would leave the old one as it is
        await until(pilot, lambda: "a whole number, not '0.25'" in said(app) and app.idle)
        assert said(app).startswith(f"{script}: setting rate takes ")
        assert said(app).endswith("; what was recorded can be read, r tries again")
        assert app.return_code is None and app.session is session and app.scene.iteration == 5
        assert app.scene.record is not None and app.scene.record.loss == loss
        assert session._lane.process.exit_code is not None, "its memory was needed"
        await pilot.press("n", "i")
        await until(pilot, lambda: "the script's process was ended; g goes to any iteration" in said(app) and app.idle)
        assert app.scene.iteration == 5 and app.scene.statement == 2
        with pytest.raises(LookupError):
            await session.array(5, 0)
        await pilot.press("g", "1", "enter")
        await until(pilot, lambda: app.idle and app.scene.iteration == 1)
        script.write_text(TRAIN)
        await pilot.press("r")
        await until(pilot, lambda: app.session is not session and app.idle and app.scene.iteration == 0)
        assert app.scene.state == "stopped" and app.session.settings == {"rate": 0.25}


async def test_an_edit_is_told_of_while_the_file_is_open_and_no_longer_after_a_restart(tmp_path: Path) -> None:
    script, module = tmp_path / "train.py", tmp_path / "rule.py"
    module.write_text("def step(w):\n    return w - 0.2 * w\n")
    script.write_text("from rule import step\nw = 2.0\nfor t in range(40):\n    loss = w * w\n    w = step(w)\n")
    told = "changed on disk — r restarts"
    app = app_of(Session(str(script)))
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        text = script.read_text()
        for changed, back in ((text + "\n# more\n", text), (text.replace("2.0", "3.0"), text)):
            assert told not in screen_text(app)
            script.write_text(changed)
            await until(pilot, lambda: f"─ Source · {told}" in screen_text(app))
            assert "file changed" in screen_text(app).splitlines()[0]
            script.write_text(back)
            await until(pilot, lambda: told not in screen_text(app), "what is as it was has not changed")
        module.write_text(module.read_text() + "# more\n")
        await until(pilot, lambda: f"─ Source · rule.py {told}" in screen_text(app))
        assert app.scene.source == text
        session = app.session
        await pilot.press("r")
        await until(pilot, lambda: app.session is not session and app.idle and app.scene.event is not None)
        assert told not in screen_text(app)
        module.unlink()
        app.look_for_edits()
        await settled(pilot)
        assert told not in screen_text(app), "what is gone has no other text"


async def test_an_edit_of_a_script_that_failed_in_its_setup_is_told_of(tmp_path: Path) -> None:
    script = tmp_path / "train.py"
    script.write_text("w = 2.0\nw = w / 0\n" + TRAIN.partition("\n\n")[2] + "for t in range(3):\n    w -= 0.1 * w\n")
    app = app_of(Session(str(script)))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.scene.state == "failed" and app.idle)
        await pilot.press("1")
        script.write_text(script.read_text().replace("/ 0", "/ 1"))
        await until(pilot, lambda: "changed on disk — r restarts" in screen_text(app))
        await pilot.press("r")
        await until(pilot, lambda: app.scene.state == "stopped" and app.idle)
        assert "changed on disk" not in screen_text(app)


async def test_another_target_is_opened_while_the_script_is_stuck_in_a_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stepper.session.pausing.PATIENCE_SECONDS", 0.2)
    monkeypatch.setattr("stepper.tui.opening.WAY_SECONDS", 0.5)
    stuck, other = tmp_path / "stuck.py", tmp_path / "other.py"
    stuck.write_text(TRAIN + f"    t == 2 and __import__('os').system({blocking(tmp_path)!r})\n")
    other.write_text(TRAIN)
    app = app_of(Session(str(stuck), Options(arguments=("2.0",))))
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await pilot.press("c")
        await until(pilot, (tmp_path / "here").exists)
        await pilot.press("v", *["tab"])
        assert "The script is at work: opening a target ends that." in screen_text(app)
        app.screen.query_one("#path", Input).value = str(other)
        app.screen.query_one("#arguments", Input).value = "2.0"
        app.screen.query_one("#path", Input).focus()
        await pilot.press("enter")
        await until(pilot, lambda: app.session.target == str(other) and app.idle and app.scene.iteration == 0)
        assert app.scene.state == "stopped"


async def test_a_script_that_left_by_itself_has_no_traceback(tmp_path: Path) -> None:
    script = tmp_path / "train.py"
    script.write_text(TRAIN + "    t == 2 and sys.exit('done')\n")
    app = app_of(Session(str(script), Options(arguments=("2.0",))))
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await pilot.press("c")
        await until(pilot, lambda: app.scene.state == "failed" and app.idle)
        assert "╭─ Exit ─" in screen_text(app) and "Traceback" not in screen_text(app)
        await pilot.press("0", "m")
        await settled(pilot)
        assert "0 Exit" in screen_text(app).splitlines()[1]


async def test_what_is_watched_and_filtered_is_kept_for_the_same_file_and_forgotten_with_another(
    tmp_path: Path,
) -> None:
    script, other, wrong = tmp_path / "train.py", tmp_path / "other.py", tmp_path / "wrong.py"
    script.write_text(TRAIN)
    other.write_text(TRAIN)
    wrong.write_text("x = 1\n")
    (tmp_path / "link.py").symlink_to(script)
    app = app_of(Session(str(script), Options(arguments=("2.0",))))

    async def choose(target: Path) -> None:
        await pilot.press("v", "tab")
        app.screen.query_one("#path", Input).value = str(target)
        app.screen.query_one("#arguments", Input).value = "2.0"
        app.screen.query_one("#path", Input).focus()
        await pilot.press("enter")

    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await pilot.press("w", *"loss * 2", "enter")
        await settled(pilot)
        app.desk.tensors.set_filter("loss")
        await choose(tmp_path / "link.py")
        await until(pilot, lambda: app.session.target.endswith("link.py") and app.idle and app.scene.iteration == 0)
        assert app.watches.texts == ["loss * 2"] and app.desk.tensors.filter == "loss"
        await choose(wrong)
        await until(pilot, lambda: "wrong.py: " in text_of(app.message) and app.idle)
        assert app.watches.texts == ["loss * 2"] and app.desk.tensors.filter == "loss"
        await choose(other)
        await until(pilot, lambda: app.session.target == str(other) and app.idle and app.scene.iteration == 0)
        assert app.watches.texts == [] and app.desk.tensors.filter == ""
        assert "only loss" not in screen_text(app)
