"""Keys typed while a script is still starting: they wait, are seen to wait, and can be taken back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from textual.pilot import Pilot

from stepper.session import Session
from stepper.tui.app import StepperApp
from stepper.tui.moves import MOST, Moves, Waiting
from stepper.tui.screens.target import TargetScreen
from stepper.tui.turns import together
from tests.tui.screen import app_of, place, ready, screen_text, settled, text_of, until
from tests.tui.standin import Standin


@asynccontextmanager
async def starting(
    size: tuple[int, int] = (120, 40),
) -> AsyncIterator[tuple[StepperApp, Standin, Pilot[int], Callable[[], None]]]:
    """An app whose script goes on starting until the last of these is called."""
    stand = Standin()
    let_go = stand.hold()
    app = app_of(stand)
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: app.moves.starting and app.scene.source and "… starting" in screen_text(app))
        yield app, stand, pilot, let_go


LEADS: list[tuple[list[str], str, tuple[int | None, int]]] = [
    (["n", "n", "n"], "then n ×3 · esc forgets", (0, 3)),
    (["i", "space", "n", "N", "s"], "then i ×2 n N s · esc forgets", (2, 1)),
    (["n", "g", "7", "enter"], "then g 7 · esc forgets", (7, 0)),
    (["g", "7", "enter", "g", "3", "enter", "n"], "then g 3 n · esc forgets", (3, 1)),
    (["n", "c", "c"], "then n c · esc forgets", (19, 12)),
    (["n", "n", "left_square_bracket"], "then n ×2 [ · esc forgets", (0, 2)),
    (["c", "g", "5", "enter"], "then g 5 · esc forgets", (5, 0)),
    (["n", "n", "D"], "then n ×2 D · esc forgets", (0, 2)),
    (["slash", *"grad_w2", "enter", "n"], "then / grad_w2 n · esc forgets", (0, 7)),
]


@pytest.mark.parametrize(("keys", "said", "there"), LEADS, ids=lambda each: "".join(each) if type(each) is list else "")
async def test_keys_wait_for_the_start_and_are_seen_to(
    keys: list[str], said: str, there: tuple[int | None, int]
) -> None:
    async with starting() as (app, _, pilot, let_go):
        await pilot.press(*keys)
        await until(pilot, lambda: said in text_of(app.message))
        await pilot.press("2")
        assert said in text_of(app.message), "another key does not hide them"
        let_go()
        await until(pilot, lambda: app.idle and app.scene.event is not None and place(app) == there)
        assert "forgets" not in text_of(app.message)


async def test_a_run_that_waits_is_not_put_aside_by_what_asks_where_it_led() -> None:
    async with starting() as (app, _, pilot, let_go):
        await pilot.press("c", "D")
        let_go()
        await until(pilot, lambda: app.idle and app.scene.event is not None and place(app) == (19, 12))


PANELS: list[tuple[list[str], str, tuple[int | None, int], str]] = [
    (["g", "3", "enter", "8", "t", "2", "n"], "then g 3 t 2 n · esc forgets", (3, 1), "tensors"),
    (["6", "end", "g", "5", "enter", "N"], "then end g 5 enter N · esc forgets", (4, 12), "record"),
    (["slash", *"grad_w1", "enter", "8", "greater_than_sign"], "then / grad_w1 > · esc forgets", (0, 10), "viewer"),
]


@pytest.mark.parametrize(("keys", "said", "there", "panel"), PANELS)
async def test_keys_of_a_panel_wait_for_the_start_and_all_keys_for_those_before_them(
    keys: list[str], said: str, there: tuple[int | None, int], panel: str
) -> None:
    async with starting() as (app, _, pilot, let_go):
        await pilot.press(*keys)
        await until(pilot, lambda: said in text_of(app.message))
        let_go()
        await until(pilot, lambda: app.idle and app.scene.event is not None and place(app) == there)
        assert app.desk.chosen.id == panel
        if panel == "viewer":
            value = app.desk.viewer.value
            assert value is not None and f"= {value.summary.max}" in text_of(app.desk.viewer).splitlines()[1]


@pytest.mark.parametrize("key", ["escape", "p"])
async def test_what_waits_can_be_taken_back(key: str) -> None:
    async with starting() as (app, _, pilot, let_go):
        await pilot.press("m", "n", "i")
        await until(pilot, lambda: "then n i" in text_of(app.message))
        await pilot.press(key)
        await until(pilot, lambda: "then" not in text_of(app.message))
        assert app.desk.maximised, "that key does one thing at a time"
        await pilot.press("n")
        let_go()
        await until(pilot, lambda: app.idle and app.scene.event is not None and place(app) == (0, 1))


async def test_no_more_wait_than_can_be_kept_in_view_of() -> None:
    async with starting() as (app, stand, pilot, let_go):
        await pilot.press(*"n" * (MOST + 1))
        await until(pilot, lambda: f"{MOST} steps wait already" in screen_text(app))
        let_go()
        await until(pilot, lambda: app.idle and app.scene.event is not None)
        assert stand.calls.count("NEXT") == MOST


async def test_ctrl_c_pauses_at_once_as_p_does() -> None:
    async with starting() as (app, stand, pilot, let_go):
        await pilot.press("n", "end", "ctrl+c")
        await until(pilot, lambda: "pause" in stand.calls)
        assert "forgets" not in text_of(app.message)
        let_go()
        await until(pilot, lambda: app.idle and app.scene.event is not None and place(app) == (0, 0))


async def test_nothing_waits_behind_a_run_and_a_breakpoint_before_it_holds() -> None:
    async with starting() as (app, _, pilot, let_go):
        await pilot.press(*["down"] * 12, "b", "c", "n")
        await until(pilot, lambda: "nothing can wait behind that" in screen_text(app))
        await until(pilot, lambda: "●" in text_of(app.desk.source).splitlines()[12])
        let_go()
        await until(pilot, lambda: app.idle and app.scene.event is not None and place(app) == (0, 1))
        assert app.scene.stops == {0}


async def test_in_a_narrow_terminal_the_last_keys_are_seen() -> None:
    async with starting((60, 20)) as (app, _, pilot, let_go):
        await pilot.press(*"nsnsnsnsnsnsns")
        await until(pilot, lambda: "n s · esc forgets" in text_of(app.message))
        assert "Starting numpy …" in text_of(app.message)
        let_go()
        await ready(pilot)


async def choose_target(pilot: Pilot[int], target: str) -> None:
    await pilot.press("v")
    await until(pilot, lambda: isinstance(pilot.app.screen, TargetScreen))
    pilot.app.screen.query_one("Input").value = target  # type: ignore[attr-defined]
    pilot.app.screen.query_one("Input").focus()
    await pilot.press("enter")


async def test_another_target_is_opened_at_once_and_what_waited_is_forgotten() -> None:
    async with starting() as (app, stand, pilot, _):
        await pilot.press("n", "n")
        await choose_target(pilot, "and-gate")
        await pilot.press("n")
        await until(pilot, lambda: app.scene.target == "and-gate" and app.scene.event is not None)
        await settled(pilot)
        assert app.scene.statement == 2, "one step of the new one"
        assert stand.calls[-1] == "close"


async def test_a_wrong_target_leaves_the_one_that_is_starting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = tmp_path / "wrong.py"
    wrong.write_text("x = 1\n")
    opening, typed, open_it = asyncio.Event(), asyncio.Event(), Session.open

    async def slowly(session: Session) -> None:
        opening.set()
        await typed.wait()
        await open_it(session)

    monkeypatch.setattr(Session, "open", slowly)
    async with starting() as (app, _, pilot, let_go):
        await choose_target(pilot, str(wrong))
        await until(pilot, opening.is_set)
        await pilot.press("n")  # meant for the wrong one: it is forgotten with it
        await until(pilot, lambda: len(app.moves) == 1)
        typed.set()
        await until(pilot, lambda: "wrong.py: " in text_of(app.message))
        assert app.scene.state == "starting" and app.session.target == "numpy"
        await pilot.press("n", "n")
        let_go()
        await until(pilot, lambda: app.idle and app.scene.event is not None and place(app) == (0, 2))


async def test_a_key_that_comes_while_a_wrong_target_is_closed_waits_for_the_start_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = tmp_path / "wrong.py"
    wrong.write_text("x = 1\n")
    closing, typed, close = asyncio.Event(), asyncio.Event(), Session.close

    async def slowly(session: Session) -> None:
        closing.set()
        await typed.wait()
        await close(session)

    monkeypatch.setattr(Session, "close", slowly)
    async with starting() as (app, stand, pilot, let_go):
        await choose_target(pilot, str(wrong))
        await until(pilot, closing.is_set)
        await pilot.press("n")
        typed.set()
        await until(pilot, lambda: "wrong.py: " in text_of(app.message))
        assert "NEXT" not in stand.calls and app.scene.state == "starting"
        let_go()
        await until(pilot, lambda: app.idle and app.scene.event is not None and place(app) == (0, 1))


async def move() -> None:
    """Goes nowhere."""


def test_keys_that_are_the_same_are_told_together() -> None:
    moves = Moves()
    for keys in ("n", "n", "s", "n", "", "i"):
        moves.add(Waiting("step", move, keys))
    assert together(moves.keys) == ["n ×2", "s", "n", "i"]
    assert moves.stepping and len(moves) == 6
