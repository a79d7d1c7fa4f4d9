"""What the viewer looks at: pinned by enter, let go by a jump; what was not kept is said in plain words."""

from __future__ import annotations

from pathlib import Path

import pytest

from stepper.session import Options, Session
from tests.tui.screen import app_of, ready, screen_text, settled, text_of, until
from tests.tui.standin import Standin
from tests.tui.test_viewer import press, reading


@pytest.mark.parametrize("before", [[], ["n"] * 12, ["i", "n", "n"]], ids=["first", "past it", "another iteration"])
async def test_a_jump_by_a_name_shows_that_name_whatever_was_opened_before(before: list[str]) -> None:
    session = Standin()
    app = app_of(session)
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await press(pilot, *before, "2", "enter")
        assert "pinned · f follows" in screen_text(app)
        pinned = text_of(app.desk.viewer).split()[0]
        assert pinned != "grad_w1"
        await press(pilot, "n", "1")
        assert text_of(app.desk.viewer).split()[0] == pinned, "a step keeps it"
        await press(pilot, "slash", *"grad_w1", "enter")
        await press(pilot, "8")
        assert "pinned" not in screen_text(app)
        assert text_of(app.desk.viewer).split()[0] == "grad_w1"
        await press(pilot, "slash", "enter")
        assert app.scene.event is not None and app.scene.event.line == 29, "again: to what uses it"


async def test_g_lets_go_of_what_was_opened_and_a_step_does_not() -> None:
    app = app_of(Standin())
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await press(pilot, "2", "down", "down", "enter", "i")
        assert "pinned" in screen_text(app)
        await press(pilot, "g", "3", "enter")
        assert "pinned" not in screen_text(app)
        assert text_of(app.desk.viewer).split()[0] == "h"


async def test_a_gradient_is_opened_also_where_the_cursor_has_not_come_to_it() -> None:
    session = Standin()
    app = app_of(session)
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await press(pilot, "4", "down", "enter")
        gradient = session.records[0].parameters[1].grad
        assert gradient is not None and gradient.copy is not None
        number = float(session._recorder.copies[gradient.copy][0, 0])
        assert text_of(app.desk.viewer).startswith("grad_w2  (10, 3)")
        assert reading(app) == f"[0, 0] = {number!r}"


async def test_what_there_was_no_room_for_is_said_in_plain_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    app = app_of(Session("numpy", Options(seed=0, memory=300_000)))
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await press(pilot, "slash", *"grad_h", "enter")
        await press(pilot, "3")
        assert "not kept (--memory)" in text_of(app.desk.gate)
        assert app.scene.record is not None
        events = app.scene.record.events
        found = [v for e in events for v in e.values if v.pooled and v.summary.shape and min(v.summary.shape) > 48]
        app.desk.viewer.open(found[0].label, app.scene.generation)
        await press(pilot, *["n"] * 20, "8", "z")
        assert "Single elements were not kept (--memory)." in screen_text(app)
        await press(pilot, "t")
        heading = text_of(app.desk.viewer).splitlines()[2].split()
        assert heading[0].startswith("0:") and heading[1].startswith(heading[0][2:] + ":"), "the ranges of its means"
        await press(pilot, "greater_than_sign")
        assert "Its elements were not kept (--memory)." in screen_text(app)
        await pilot.press("x", "enter", "enter")
        await until(pilot, lambda: "Nothing was saved: not kept (--memory)" in screen_text(app))
        assert "LookupError" not in screen_text(app)


async def test_a_gate_that_there_was_no_room_for_is_not_told_as_one_that_did_not_run() -> None:
    app = app_of(Session("numpy", Options(seed=0, memory=1000)))
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await until(pilot, lambda: "are past --memory." in " ".join(text_of(app.desk.gate).split()))
        assert text_of(app.desk.gate).startswith("No gate is told in this iteration:")


async def test_a_hidden_viewer_offers_the_tensor_of_the_place_for_saving() -> None:
    app = app_of(Standin())
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await press(pilot, "8", "6", "n", "n")
        await pilot.press("x")
        await until(pilot, lambda: "The tensor y_pred" in screen_text(app))


async def test_after_the_backward_pass_only_the_update_is_ahead() -> None:
    pytest.importorskip("torch")
    app = app_of(Session("autograd", Options(seed=0)))
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        assert " · ahead" in screen_text(app)
        await press(pilot, "slash", *"loss.backward()", "enter")
        await settled(pilot)
        assert "Gradients · update ahead" in screen_text(app)


async def test_a_key_without_anything_to_do_says_so_until_the_next_one() -> None:
    app = app_of(Standin())
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        for panel, key, words in (
            ("3", "d", "There is no dead unit here."),
            ("3", "comma", "There is no other gate here."),
            ("8", "exclamation_mark", "Every element is finite."),
            ("8", "o", "It has no other axes to show."),
            ("8", "full_stop", "It has no other slice"),
            ("8", "d", "there is no before."),
            ("8", "u", "there is nothing to lead out of."),
            ("8", "left_square_bracket", "There is no place to go back to."),
        ):
            await press(pilot, panel, key)
            await until(pilot, lambda words=words: words in screen_text(app))  # type: ignore[misc]
            await press(pilot, "1")
            assert words not in screen_text(app)


async def test_the_header_says_that_it_plays() -> None:
    app = app_of(Standin())
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await pilot.press("a", "a")
        assert "playing 4/s" in screen_text(app).splitlines()[0]
        await pilot.press("p")
        await settled(pilot)
        assert "■ stopped" in screen_text(app).splitlines()[0]
