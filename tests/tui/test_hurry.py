"""Keys that come faster than the app can answer: none is lost, and none is answered twice."""

from __future__ import annotations

from typing import Any

import pytest
from textual import events

from tests.tui.screen import app_of, ready, settled, until
from tests.tui.standin import Standin


async def test_a_breakpoint_asked_for_in_a_hurry_is_set_where_the_steps_before_it_lead() -> None:
    app = app_of(Standin())
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await pilot.press("n", "n", "b", "n", "n")
        await settled(pilot)
        assert app.session.breakpoints.lines == {14}
        assert app.scene.event is not None and app.scene.event.id == 4


HURRIES = [
    (["x", "enter"], ["enter", "enter"]),
    (["g", "3"], ["enter", "enter"]),
    (["v"], ["escape", "escape"]),
    (["slash", "h"], ["enter", "enter"]),
    (["question_mark"], ["escape", "escape"]),
]


@pytest.mark.parametrize(("before", "twice"), HURRIES)
async def test_a_key_pressed_twice_in_a_hurry_answers_once(
    before: list[str], twice: list[str], tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    app = app_of(Standin())
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await pilot.press(*before)
        await until(pilot, lambda: app.screen.is_modal)
        for key in twice:  # not through the pilot, which waits after each
            app.post_message(events.Key(key, None))
        await until(pilot, lambda: not app.screen.is_modal)
        await settled(pilot)
        assert app.return_code is None
