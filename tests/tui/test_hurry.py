"""Keys that come faster than the app can answer: none is lost, and none is answered twice."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from textual import events
from textual.pilot import Pilot
from textual.widgets import Input

from stepper.tui import keystrokes
from stepper.tui.app import StepperApp
from stepper.tui.keymap import keymap_of
from tests.tui.screen import app_of, place, ready, screen_text, settled, until
from tests.tui.standin import Standin


async def test_a_breakpoint_asked_for_in_a_hurry_is_set_where_the_steps_before_it_lead() -> None:
    app = app_of(Standin())
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await pilot.press("n", "n", "b", "n", "n")
        await settled(pilot)
        assert set(app.session.breakpoints.by_line()) == {14}
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


def type_at_once(app: StepperApp, *keys: str) -> None:
    """All of them before the app has dealt with the first; not through the pilot, which waits after each."""
    for key in keys:
        app.post_message(events.Key(key, key if len(key) == 1 else None))


BURSTS: list[tuple[list[str], Callable[[StepperApp], bool]]] = [
    (["g", "1", "2", "enter"], lambda app: app.scene.iteration == 12),
    (["6", "end"], lambda app: app.scene.statement == app.scene.statements),
    (["6", "end", "N"], lambda app: app.scene.statement == app.scene.statements - 1),
    (["6", "down", "down", "n", "up", "down", "down"], lambda app: app.scene.statement == 5),
    (["n", "6", "end", "home", "down"], lambda app: app.scene.statement == 2),
    (["down", "down", "enter", "n"], lambda app: app.scene.statement == 4),
    (["g", "5", "enter", "left_square_bracket", "n"], lambda app: place(app) == (0, 1)),
    (["6", "i", "i", "end"], lambda app: app.scene.iteration == 2 and app.scene.statement == app.scene.statements),
    (["2", "down", "down", "enter", "t"], lambda app: "pinned" in str(app.desk.viewer.border_title)),
    (["n", "n", "g", "3", "enter"], lambda app: app.scene.iteration == 3),
    (["g", "7", "escape", "n"], lambda app: app.scene.event is not None and app.scene.event.id == 1),
    (["slash", *"grad_h", "enter"], lambda app: app.scene.event is not None and "grad_h " in app.scene.event.text),
    (["2", "slash", *"grad", "enter"], lambda app: app.desk.tensors.filter == "grad"),
    (["question_mark", "escape", "8"], lambda app: app.desk.chosen is app.desk.viewer and not app.screen.is_modal),
    (["8", "j", *"1,2", "enter", "right"], lambda app: app.desk.viewer.view is not None),
    (["v", "escape", "6"], lambda app: app.desk.chosen is app.desk.record and not app.screen.is_modal),
    (["g", "4", "enter", "3", "z", "end", "i", "home"], lambda app: app.scene.iteration == 5 and column(app) == 0),
    (["slash", *"grad_w1", "enter", "8", "greater_than_sign", "z", "i"], lambda app: app.scene.iteration == 1),
]


def column(app: StepperApp) -> int:
    """Where the cursor of the Gate panel stands."""
    view = app.desk.gate.view
    return -1 if view is None else view.place[1]


@pytest.mark.parametrize(("keys", "reached"), BURSTS, ids=lambda each: "".join(each) if isinstance(each, list) else "")
async def test_keys_typed_at_once_go_where_the_ones_before_have_led(
    keys: list[str], reached: Callable[[StepperApp], bool]
) -> None:
    app = app_of(Standin())
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        type_at_once(app, *keys)
        await until(pilot, lambda: reached(app))
        await settled(pilot)
        assert not app.screen.is_modal


async def test_what_is_typed_behind_the_key_of_a_dialog_is_for_that_however_long_it_takes_to_open(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(keystrokes, "PATIENCE", 0)
    monkeypatch.setattr(keystrokes, "LOOKS", 1_000_000)
    app = app_of(Standin())
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        type_at_once(app, "v", "tab", *"proj/qrv.py")
        await until(pilot, lambda: app.screen.is_modal and not app.typing)
        assert app.screen.query_one("#path", Input).value == "proj/qrv.py"


async def test_enter_may_come_as_a_newline_unless_that_key_has_a_meaning_of_its_own() -> None:
    app = app_of(Standin())
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        type_at_once(app, "g", "3", "ctrl+j")
        await until(pilot, lambda: app.scene.iteration == 3)
        app.take_keys(keymap_of({"step.iteration": "ctrl+j"})[0])
        type_at_once(app, "ctrl+j")
        await until(pilot, lambda: app.scene.iteration == 4)


@asynccontextmanager
async def held(patience: float) -> AsyncIterator[tuple[StepperApp, Standin, Pilot[int], Callable[[], None]]]:
    """An app of so much patience whose jumps do not end before the last of these is called."""
    stand = Standin()
    app = app_of(stand)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keystrokes, "PATIENCE", patience)
        async with app.run_test(size=(120, 40)) as pilot:
            await ready(pilot)
            yield app, stand, pilot, stand.hold()


async def test_keys_typed_behind_a_jump_wait_for_where_it_leads() -> None:
    async with held(30) as (app, stand, pilot, let_go):
        type_at_once(app, "g", "3", "enter", "6", "end")
        await until(pilot, lambda: "go 3" in stand.calls)
        let_go()
        await until(pilot, lambda: app.scene.iteration == 3 and app.scene.statement == app.scene.statements)


async def test_what_depends_on_a_jump_waits_for_it_however_long_and_a_change_of_panel_does_not() -> None:
    async with held(0.3) as (app, _, pilot, let_go):
        type_at_once(app, "g", "3", "enter")
        await until(pilot, lambda: app.scene.busy)
        type_at_once(app, "n", "n", "6")
        await until(pilot, lambda: app.desk.chosen is app.desk.record)
        assert app.scene.busy
        type_at_once(app, "end", "N")  # of the record that the jump leads to, not of that which is shown
        await until(pilot, lambda: waiting(app) == 4)
        let_go()
        await until(pilot, lambda: app.scene.iteration == 3)
        await settled(pilot)
        assert app.scene.statement == app.scene.statements - 1


def waiting(app: StepperApp) -> int:
    """How many moves and keys wait for their turn."""
    return len(app.moves) + len(app.kept_keys)


BEHIND: list[tuple[list[str], int, Callable[[StepperApp], bool]]] = [
    (["6", "down", "down", "up", "down"], 4, lambda app: place(app) == (3, 2)),
    (["6", "end", "home", "1"], 3, lambda app: place(app) == (3, 0)),
    (["6", "pagedown", "2"], 2, lambda app: app.scene.iteration == 3 and app.scene.statement > 2),
    (["6", "left", "right", "enter", "down"], 4, lambda app: place(app) == (3, 1)),
    (["slash", *"grad_h", "enter"], 1, lambda app: place(app) == (3, 8)),
    (["home", *["down"] * 16, "enter", "n"], 19, lambda app: app.scene.iteration == 3 and app.scene.statement == 5),
    (["left_square_bracket", "n"], 2, lambda app: place(app) == (0, 1)),
    (["g", "5", "enter", "n"], 2, lambda app: place(app) == (5, 1)),
    (["c"], 1, lambda app: app.scene.iteration == 19),
    (["D", "n"], 2, lambda app: place(app) == (3, 1)),
    (["3", "z", "j", *"5,2", "enter", "n"], 7, lambda app: place(app) == (3, 1) and column(app) == 2),
    (["2", "down", "enter", "slash", *"p?q", "enter", "8", "i"], 9, lambda app: place(app) == (4, 0)),
    (["down", "down", "b", "n"], 4, lambda app: set(app.session.breakpoints.by_line()) == {14}),
]


@pytest.mark.parametrize(
    ("keys", "wait", "reached"), BEHIND, ids=lambda each: "".join(each) if type(each) is list else ""
)
async def test_a_move_typed_behind_a_jump_has_its_turn(
    keys: list[str], wait: int, reached: Callable[[StepperApp], bool]
) -> None:
    # a dialog has to be over within that patience
    async with held(1.0 if "enter" in keys else 0.3) as (app, _, pilot, let_go):
        type_at_once(app, "g", "3", "enter")
        await until(pilot, lambda: app.scene.busy)
        type_at_once(app, *keys)
        await until(pilot, lambda: waiting(app) == wait)
        let_go()
        await until(pilot, lambda: app.idle and reached(app))


async def test_nothing_waits_behind_a_run_that_waits_for_a_jump() -> None:
    async with held(0.3) as (app, _, pilot, let_go):
        type_at_once(app, "g", "3", "enter")
        await until(pilot, lambda: app.scene.busy)
        type_at_once(app, "c", "n")
        await until(pilot, lambda: "A run waits for the jump that is under way" in screen_text(app))
        let_go()
        await until(pilot, lambda: app.idle and app.scene.iteration == 19)


async def test_some_keys_never_wait_and_escape_drops_those_that_do() -> None:
    async with held(1) as (app, stand, pilot, let_go):
        type_at_once(app, "g", "3", "enter", "3", "z", "question_mark")
        await until(pilot, lambda: app.screen.is_modal and waiting(app) == 1)
        type_at_once(app, "escape")
        await until(pilot, lambda: not app.screen.is_modal)
        assert waiting(app) == 1
        type_at_once(app, "escape")
        await until(pilot, lambda: not waiting(app))
        type_at_once(app, "z", "p")
        await until(pilot, lambda: "pause" in stand.calls and not waiting(app))
        let_go()
        await until(pilot, lambda: app.idle)


async def test_behind_a_run_keys_wait_a_moment_only() -> None:
    async with held(0.3) as (app, _, pilot, let_go):
        type_at_once(app, "c", "6", "end", "n")
        await until(pilot, lambda: app.scene.busy and app.desk.chosen is app.desk.record)
        await until(pilot, lambda: not waiting(app) and "The script is at work" in screen_text(app))
        let_go()
        await until(pilot, lambda: app.idle and app.scene.iteration == 19)


async def test_a_click_in_a_record_that_a_jump_leaves_leads_nowhere() -> None:
    async with held(0.3) as (app, stand, pilot, let_go):
        type_at_once(app, "6", "g", "3", "enter")
        await until(pilot, lambda: app.scene.busy)
        await pilot.click(app.desk.record, offset=(20, 5))
        await until(pilot, lambda: len(app.moves) == 1)
        let_go()
        await until(pilot, lambda: app.scene.iteration == 3)
        await settled(pilot)
        assert place(app) == (3, 0) and stand.calls.count("go 3") == 1


async def test_steps_that_wait_behind_a_jump_say_so_and_are_dropped_by_p() -> None:
    async with held(0.01) as (app, stand, pilot, let_go):
        type_at_once(app, "g", "3", "enter")
        await until(pilot, lambda: app.scene.busy)
        type_at_once(app, "n")
        await until(pilot, lambda: "n waits for the jump" in screen_text(app))
        type_at_once(app, "p")
        await until(pilot, lambda: "pause" in stand.calls)
        let_go()
        await until(pilot, lambda: app.scene.iteration == 3)
        await settled(pilot)
        assert app.scene.event is not None and app.scene.event.id == 0


async def test_keys_are_not_held_back_for_ever_by_a_dialog_that_takes_them_with_it() -> None:
    app = app_of(Standin())
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await pilot.press("g")
        await until(pilot, lambda: app.screen.is_modal)
        lost = app.focused
        assert lost is not None
        lost.post_message = lambda message: False  # type: ignore[method-assign]  # nothing comes back from it
        type_at_once(app, "1")
        await until(pilot, lambda: not app.typing)
        del lost.post_message
        await pilot.press("escape", "n")
        await until(pilot, lambda: app.scene.event is not None and app.scene.event.id == 1)


async def test_a_repaint_that_is_due_when_the_app_has_ended_is_left_out() -> None:
    async with held(30) as (app, _, _, let_go):
        let_go()
    assert not app.screen_stack
    app._repaint()
