"""The list of breakpoints, and the dialog for a condition."""

from __future__ import annotations

from typing import cast

import pytest
from rich.style import Style
from textual.command import CommandPalette
from textual.events import Click
from textual.pilot import Pilot
from textual.widgets import Input, OptionList

from stepper.inferior.protocol import Line
from stepper.session import Session
from stepper.tui.screens.breakpoints import BreakpointsScreen
from stepper.tui.screens.condition import ConditionScreen
from tests.tui.screen import app_of, ready, screen_text, settled, text_of, until
from tests.tui.standin import Standin


async def press(pilot: Pilot[int], *keys: str) -> None:
    for key in keys:
        await pilot.press(key)
    await settled(pilot)


async def test_the_list_shows_each_with_its_line_and_changes_them() -> None:
    session = Standin()
    app = app_of(session)
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await press(pilot, "L")
        assert "There is no breakpoint; b sets one." in screen_text(app)
        session.toggle_breakpoint(13)
        session.toggle_breakpoint(17, condition="t == 3")
        await press(pilot, "L")
        await until(pilot, lambda: isinstance(app.screen, BreakpointsScreen))
        shown = screen_text(app)
        assert "● numpy.py:13  h_relu = np.maximum(h, 0)" in shown
        assert "◆ numpy.py:17  loss = np.square" in shown and "where t == 3" in shown
        await press(pilot, "space")
        assert "○ numpy.py:13" in screen_text(app) and session.breakpoints.spots == {("", 17)}
        await press(pilot, "down", "c")
        assert isinstance(app.screen, ConditionScreen) and app.screen.query_one(Input).value == "t == 3"
        await press(pilot, *["backspace"] * 6, "l", "o", "s", "s", "enter")
        await until(pilot, lambda: "where loss" in screen_text(app))
        assert [each.condition for each in session.breakpoints.all] == ["", "loss"]
        await press(pilot, "up", "delete")
        assert "numpy.py:13" not in screen_text(app) and len(session.breakpoints.all) == 1
        await press(pilot, "enter")
        await until(pilot, lambda: not app.screen.is_modal)
        assert app.desk.source.selected == 17 and app.focused is app.desk.source
        assert "◆" in text_of(app.desk.source).splitlines()[16]
        await press(pilot, "L", "delete")
        await until(pilot, lambda: not app.screen.is_modal)
        assert not session.breakpoints.all, "where none is left the list closes"


async def test_a_condition_is_given_to_the_selected_line() -> None:
    session = Standin()
    app = app_of(session)
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await press(pilot, "n", "W", "t", "space", "equals_sign", "enter")
        assert isinstance(app.screen, ConditionScreen)
        assert "t = is not a Python expression" in screen_text(app), "it is refused where it is typed"
        await press(pilot, *["backspace"] * 3, "enter")
        await until(pilot, lambda: "Breakpoint on line 13; c runs on to it" in screen_text(app))
        assert [(each.line, each.condition) for each in session.breakpoints.all] == [(13, "")]
        await press(pilot, "W", "t", "enter")
        await until(pilot, lambda: "Breakpoint on line 13, where t; c runs on to it" in screen_text(app))
        await press(pilot, "W", "x", "escape")
        assert [(each.line, each.condition) for each in session.breakpoints.all] == [(13, "t")]
        await press(pilot, "home", "down", "W")
        await until(pilot, lambda: "No statement begins on line 2," in screen_text(app))
        assert not app.screen.is_modal


async def test_of_a_line_of_the_setup_it_is_not_said_that_the_run_comes_to_it_again() -> None:
    session = Standin(after=lambda record: session.lines.append(Line(8, "setup")))
    app = app_of(session)
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await press(pilot, "home", *["down"] * 7, "b")
        assert "Breakpoint on line 8, in the setup, which has run; C goes back to it." in screen_text(app)
        session.clear_breakpoints()
        await press(pilot, "I", "home", *["down"] * 7, "b")
        assert app.scene.iteration is None
        assert "Breakpoint on line 8; c runs on to it, C back to it." in screen_text(app)


async def test_a_click_on_what_has_just_gone_from_a_list_picks_nothing() -> None:
    session = Standin()
    app = app_of(session)
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        session.toggle_breakpoint(13)
        await press(pilot, "L")
        for screen in (BreakpointsScreen, CommandPalette):
            await until(pilot, lambda screen=screen: isinstance(app.screen, screen) and app.focused)  # type: ignore[misc]
            listed = app.screen.query_one(OptionList)
            await until(pilot, lambda listed=listed: listed.option_count)  # type: ignore[misc]
            style = Style(meta={"option": listed.option_count})
            there = listed.region.offset
            listed.post_message(Click(listed, 0, 0, 0, 0, 1, False, False, False, there.x, there.y, style))
            await pilot.pause()
            assert isinstance(app.screen, screen) and app.is_running
            await pilot.press("escape")
            app.action_command_palette()


@pytest.mark.parametrize("opened", ["x", "ctrl+p"])
async def test_pages_of_a_list_that_has_no_room_do_not_end_the_app(opened: str) -> None:
    app = app_of(Standin())
    async with app.run_test(size=(60, 20)) as pilot:
        await ready(pilot)
        await press(pilot, "n", opened)
        await until(pilot, lambda: app.screen.is_modal and app.screen.query_one(OptionList).option_count)
        listed = app.screen.query_one(OptionList)
        listed.styles.height = 0
        await until(pilot, lambda: not listed.scrollable_content_region)
        for key in ("pagedown", "pageup"):
            listed.focus()
            await pilot.press(key)
        assert app.is_running and app.screen.is_modal


async def test_a_condition_is_not_given_to_a_target_that_has_come_meanwhile() -> None:
    session, other = Standin(), Standin()
    app = app_of(session)
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await press(pilot, "n", "W")
        assert isinstance(app.screen, ConditionScreen)
        app.follow(cast("Session", other))
        await press(pilot, "t", "enter")
        await until(pilot, lambda: "no breakpoint was set" in screen_text(app))
        assert not session.breakpoints.all and not other.breakpoints.all
