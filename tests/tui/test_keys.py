"""What the keys of the app itself do; that no action of the table is without effect is tested in `test_actions`."""

from __future__ import annotations

from typing import Any

import pytest
from textual.command import CommandPalette
from textual.widgets import OptionList

from stepper.session import State
from stepper.tui.actions import ACTIONS, key_name
from stepper.tui.app import StepperApp
from stepper.tui.screens.go import GoScreen
from stepper.tui.screens.help import HelpScreen
from stepper.tui.screens.target import TargetScreen
from tests.tui.screen import Place, app_of, place, ready, screen_text, settled, text_of, until
from tests.tui.standin import Standin

MOVES: dict[str, tuple[list[str], Place]] = {
    "step.next": ([], (0, 1)),
    "step.previous": (["n", "n"], (0, 1)),
    "step.into": ([], (0, 1)),
    "step.back_into": (["s", "s"], (0, 1)),
    "step.out": (["n"], (0, 1)),
    "step.iteration": ([], (1, 0)),
    "step.previous_iteration": (["i", "i"], (1, 0)),
    "run.continue": ([], (19, 12)),
}


@pytest.mark.parametrize("action", [action for action in ACTIONS if action.name in MOVES], ids=lambda a: a.name)
async def test_keys_that_move(action: Any) -> None:
    before, expected = MOVES[action.name]
    for key in action.keys:
        app = app_of(Standin())
        async with app.run_test(size=(120, 40)) as pilot:
            await ready(pilot)
            await pilot.press(*before, key)
            await settled(pilot)
            assert place(app) == expected, key


async def test_p_pauses_what_runs_and_says_so_when_nothing_does() -> None:
    session = Standin()
    app = app_of(session)
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await pilot.press("p")
        assert "stands still" in screen_text(app)
        release = session.hold()
        await pilot.press("c")
        await until(pilot, lambda: "▶ running" in screen_text(app))
        await pilot.press("n")
        await until(pilot, lambda: "p pauses it" in screen_text(app))
        await pilot.press("p")
        await until(pilot, lambda: "pause" in session.calls)
        release()
        await settled(pilot)
        assert "NEXT" not in session.calls


async def test_ctrl_c_pauses_what_runs_and_names_the_key_that_quits_when_nothing_does() -> None:
    session = Standin()
    app = app_of(session)
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await pilot.press("ctrl+c")
        await until(pilot, lambda: "q quits" in text_of(app.message))
        assert not app._notifications, "the framework's own advice is not shown"
        release = session.hold()
        await pilot.press("c")
        await until(pilot, lambda: app.scene.state == "running")
        await pilot.press("ctrl+c")
        await until(pilot, lambda: "pause" in session.calls)
        release()
        await settled(pilot)
        await pilot.press("a", "ctrl+c")
        await until(pilot, lambda: "Auto-play is off" in text_of(app.message))
        assert app.is_running


async def test_steps_asked_for_in_a_hurry_are_all_done() -> None:
    app = app_of(Standin())
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await pilot.press(*"nnnnnnN")
        await settled(pilot)
        assert place(app) == (0, 5)


async def test_g_asks_for_an_iteration() -> None:
    app = app_of(Standin())
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await pilot.press("g")
        await until(pilot, lambda: isinstance(app.screen, GoScreen))
        await pilot.press("n", "x", "enter")
        assert isinstance(app.screen, GoScreen), "what is no number is said, not taken"
        await pilot.press("backspace", "backspace", *"9999", "enter")
        await until(pilot, lambda: "There are only 20 iterations, 0 to 19." in screen_text(app))
        assert isinstance(app.screen, GoScreen), "nothing is run to find that out"
        await pilot.press(*["backspace"] * 4, "7", "enter")
        await until(pilot, lambda: app.scene.iteration == 7)
        await pilot.press("g", *"setup", "enter")
        await until(pilot, lambda: app.scene.iteration is None)
        await pilot.press("g", "escape")
        await until(pilot, lambda: not isinstance(app.screen, GoScreen))
        await settled(pilot)
        assert app.scene.iteration is None


async def test_no_letter_acts_while_an_input_has_the_focus() -> None:
    session = Standin()
    app = app_of(session)
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        calls = list(session.calls)
        await pilot.press("g", *"nsuicpvmlq", "space")
        await settled(pilot)
        assert isinstance(app.screen, GoScreen)
        assert session.calls == calls


async def test_v_lists_the_variants_and_takes_a_path() -> None:
    app = app_of(Standin())
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await pilot.press("v")
        await until(pilot, lambda: isinstance(app.screen, TargetScreen))
        await pilot.pause()
        text = screen_text(app)
        assert "and-gate" in text
        assert "preset small" in text
        await pilot.press("tab", *"no-such.py", "enter")
        await until(pilot, lambda: "no such file" in screen_text(app))
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(app.screen, TargetScreen))


async def test_l_switches_the_scale_of_the_loss() -> None:
    app = app_of(Standin())
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await pilot.press("l")
        await until(pilot, lambda: "Loss · log" in screen_text(app))
        assert "Loss · log," not in screen_text(app), "all of it is above zero"
        app.session.tell(losses=[3.0, -1.0, 2.0])  # type: ignore[attr-defined]
        await until(pilot, lambda: "Loss · log, > 0  9 Timeline" in screen_text(app))
        await pilot.press("5", "m")
        await until(pilot, lambda: "Loss · log, only what is above 0 ─" in screen_text(app))
        await pilot.press("l")
        await until(pilot, lambda: "Loss · linear" in screen_text(app))


async def test_m_gives_the_focused_panel_all_the_room() -> None:
    app = app_of(Standin())
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        for restore in ("m", "escape"):
            await pilot.press("2", "m")
            await until(pilot, lambda: app.desk.tensors.size.width > 110)
            assert not app.desk.source.display
            await pilot.press(restore)
            await until(pilot, lambda: app.desk.source.display)
            await until(pilot, lambda: app.desk.tensors.size.width < 110)


@pytest.mark.parametrize("size", [(120, 40), (80, 24)])
async def test_digits_and_tab_go_to_panels(size: tuple[int, int]) -> None:
    app = app_of(Standin())
    async with app.run_test(size=size) as pilot:
        await ready(pilot)
        for index, panel in enumerate(app.desk.panels[:-1]):
            await pilot.press(str(index + 1))
            await until(pilot, lambda panel=panel: app.focused is panel)  # type: ignore[misc]
            assert panel.display
        await pilot.press("tab")
        await until(pilot, lambda: app.focused is app.desk.source)
        await pilot.press("shift+tab")
        last = app.desk.panels[-2]
        await until(pilot, lambda: app.focused is last)
        await pilot.press("0")
        assert app.focused is last, "there is no traceback to go to"


async def test_what_help_says_of_a_panel_is_a_list_whose_long_lines_hang_below_their_beginning() -> None:
    app = app_of(Standin())
    async with app.run_test(size=(60, 24)) as pilot:
        await ready(pilot)
        await pilot.press("8", "question_mark")
        await until(pilot, lambda: isinstance(app.screen, HelpScreen))
        await until(pilot, lambda: "· any tensor: enter in Tensors opens one" in screen_text(app))
        about = [line[2:].rstrip(" │▂▄▆█▁▃▅▇▔") for line in screen_text(app).splitlines()[3:8]]
        assert about[0].startswith("· any tensor: ")
        assert about[1].startswith("  ") and about[1].strip()


@pytest.mark.parametrize("key", ["question_mark", "f1"])
async def test_help_shows_all_keys_and_the_focused_panel_first(key: str) -> None:
    app = app_of(Standin())
    async with app.run_test(size=(120, 150)) as pilot:
        await ready(pilot)
        await pilot.press("3", key)
        await until(pilot, lambda: isinstance(app.screen, HelpScreen))
        await until(pilot, lambda: "∂L/∂output" in screen_text(app))
        text = screen_text(app)
        for action in ACTIONS:
            if action.panel in ("", "gate"):
                assert key_name(action.keys[0]) in text
                assert action.help[:40] in text
        assert "the table [keys] of the configuration" in text
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(app.screen, HelpScreen))


async def test_q_quits_and_ends_the_session() -> None:
    session = Standin()
    app = app_of(session)
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await pilot.press("q")
        await pilot.pause()
    assert session.calls[-1] == "close"
    assert app.return_code == 0


async def test_the_palette_offers_every_action() -> None:
    app = app_of(Standin())
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await pilot.press("ctrl+p")
        await pilot.press(*"next statement")
        await until(pilot, lambda: "n · Move to the next statement" in screen_text(app))
        await pilot.press("enter")
        await until(pilot, lambda: app.scene.event is not None and place(app) == (0, 1))
        await pilot.press("ctrl+p", *"back")
        await until(pilot, lambda: "[ · Go back to where the cursor jumped from" in screen_text(app))
        await pilot.press("escape")  # closed while it still searches, the palette fails


def offered(app: StepperApp) -> str:
    """What the palette lists."""
    return "\n".join(str(option.prompt) for option in app.screen.query_one(OptionList).options)


async def test_the_palette_finds_a_theme_by_its_name_and_lists_none_unasked() -> None:
    app = app_of(Standin())
    async with app.run_test(size=(120, 80)) as pilot:
        await ready(pilot)
        await pilot.press("ctrl+p")
        await until(pilot, lambda: "Change the current theme" in offered(app))
        assert "solarized-light" not in offered(app)
        await pilot.press(*"solarized-li")
        await until(pilot, lambda: offered(app).startswith("Theme solarized-light"))
        await pilot.press("enter")
        await until(pilot, lambda: app.theme == "solarized-light" and not app.screen.is_modal)


async def test_arrows_select_a_line_of_the_source_and_enter_goes_there() -> None:
    app = app_of(Standin())
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        source = app.desk.source
        for key, line in (("home", 1), ("up", 1), ("down", 2), ("pagedown", 19), ("end", 30), ("pageup", 13)):
            await pilot.press(key)
            assert source.selected == line, key
            top = source.scroll_offset.y
            assert top < line <= top + source.inner.height, "the selected line is in view"
        await pilot.press("enter")
        await settled(pilot)
        assert place(app) == (0, 1)
        await pilot.press("n", "n")
        await settled(pilot)
        assert source.selected == 17, "the selection goes with the cursor"
        await pilot.press("home", "enter")
        await until(pilot, lambda: "Nothing on line 1 ran" in screen_text(app))
        await pilot.click("#source", offset=(20, 13), times=2)
        await settled(pilot)
        assert place(app) == (0, 1)


@pytest.mark.parametrize("key", ["b", "f9"])
async def test_breakpoints_are_set_where_the_source_stands_and_stop_a_run_both_ways(key: str) -> None:
    app = app_of(Standin())
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await pilot.press("n")
        await settled(pilot)
        await pilot.press(key, "up", "up", "up", "up", key)
        assert "No statement begins on line 9" in screen_text(app)
        assert "●" in text_of(app.desk.source).splitlines()[12]
        for keys, expected in ((["c"], (1, 1)), (["c", "c"], (3, 1)), (["C"], (2, 1)), (["N", "C"], (1, 1))):
            for pressed in keys:
                await pilot.press(pressed)
                await settled(pilot)
            assert place(app) == expected
        assert app.session.state.name == "STOPPED"
        await pilot.press(key)
        await until(pilot, lambda: "The breakpoint on line 13 is gone; none is left" in screen_text(app))
        assert "●" not in text_of(app.desk.source)
        await pilot.press("C")
        await settled(pilot)
        assert place(app) == (0, 0), "without breakpoints to the beginning"
        await pilot.click("#source", offset=(2, 17 - app.desk.source.scroll_offset.y))
        await pilot.click("#source", offset=(2, 18 - app.desk.source.scroll_offset.y))
        await until(pilot, lambda: set(app.session.breakpoints.by_line()) == {17, 18})
        await pilot.press("B", "B")
        await until(pilot, lambda: "There is no breakpoint" in screen_text(app))
        assert not app.session.breakpoints.by_line()


async def test_the_footer_and_the_tabs_can_be_clicked() -> None:
    app = app_of(Standin())
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await pilot.click("#keys", offset=(2, 0))
        await settled(pilot)
        assert place(app) == (0, 1)
        await pilot.click("#tabs", offset=(15, 0))
        await until(pilot, lambda: app.desk.tensors.display)
        assert not app.desk.source.display


async def test_the_parts_of_the_status_line_can_be_clicked() -> None:
    app = app_of(Standin())
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        line = text_of(app.status)
        for text, screen in (("iteration", GoScreen), ("numpy", TargetScreen)):
            await pilot.click("#status", offset=(line.index(text) + 1, 0))
            await until(pilot, lambda screen=screen: isinstance(app.screen, screen))  # type: ignore[misc]
            await pilot.press("escape")
            await until(pilot, lambda: not app.screen.is_modal)
        await pilot.click("#status", offset=(line.index("loss"), 0))
        await until(pilot, lambda: app.focused is app.desk.loss)
        await pilot.click("#status", offset=(line.index("stopped"), 0))
        await until(pilot, lambda: "stands still" in screen_text(app))


async def test_the_footer_has_the_focused_panels_keys_first_and_they_can_be_clicked() -> None:
    app = app_of(Standin())
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await pilot.press("8")
        await settled(pilot)
        footer = text_of(app.keys)
        assert footer.startswith(" z zoom  t figures  > largest ") and " n next " in footer and " q quit" in footer
        picture = text_of(app.desk.viewer)
        await pilot.click("#keys", offset=(footer.index("figures"), 0))
        await until(pilot, lambda: text_of(app.desk.viewer) != picture)
        assert app.focused is app.desk.viewer
        await pilot.press("2")
        await until(pilot, lambda: text_of(app.keys).startswith(" enter view "))


async def test_brackets_go_back_and_forth_through_the_places_jumped_from() -> None:
    app = app_of(Standin())
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await pilot.press("left_square_bracket")
        assert "no place to go back to" in screen_text(app)
        for keys in (["n", "n", "slash", *"grad_w1", "enter"], ["g", "7", "enter"], ["c"]):
            for key in keys:
                await pilot.press(key)
                await settled(pilot)
        assert place(app) == (19, 12)
        for key, expected in (
            ("left_square_bracket", (7, 0)),
            ("left_square_bracket", (0, 10)),
            ("left_square_bracket", (0, 2)),
            ("right_square_bracket", (0, 10)),
            ("right_square_bracket", (7, 0)),
        ):
            await pilot.press(key)
            await settled(pilot)
            assert place(app) == expected
        await pilot.press("g", "3", "enter", "right_square_bracket")
        await until(pilot, lambda: "no place to go forth to" in screen_text(app))


async def test_a_point_of_the_loss_is_read_and_gone_to() -> None:
    app = app_of(Standin())
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await pilot.press("c", "5", "home")
        await settled(pilot)
        assert "0: 21128 · enter goes there" in screen_text(app)
        await pilot.press("right", "right", "left", "enter")
        await settled(pilot)
        assert place(app) == (1, 0)
        await pilot.press("end", "enter")
        await settled(pilot)
        assert place(app) == (19, 0)
        await pilot.click("#loss", offset=(11, 3))
        assert "0: 21128 · enter goes there" in screen_text(app)
        await pilot.click("#loss", offset=(11, 3))
        await settled(pilot)
        assert place(app) == (0, 0)


async def test_the_bar_counts_towards_the_end_of_a_replay_while_there_is_one() -> None:
    session = Standin()
    app = app_of(session)
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        session.tell(state=State.REPLAYING, replay=(3, 12), notice="replaying from the start to iteration 11")
        await until(pilot, lambda: "3/12 iterations" in screen_text(app))
        session.tell(replay=(9, 12))
        await until(pilot, lambda: "9/12 iterations" in screen_text(app))
        session.tell(state=State.STOPPED, replay=None, notice="")
        await until(pilot, lambda: "12 iterations" not in screen_text(app))


async def test_quitting_while_the_script_runs_asks_once() -> None:
    session = Standin()
    app = app_of(session)
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        release = session.hold()
        await pilot.press("c")
        await until(pilot, lambda: "▶ running" in screen_text(app))
        await pilot.press("q")
        await until(pilot, lambda: "q again" in screen_text(app))
        await pilot.press("q")
        release()
        await pilot.pause()
    assert app.return_code == 0


async def test_a_plays_faster_each_time_until_it_is_stopped_or_at_the_end() -> None:
    app = app_of(Standin())
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await pilot.press("a")
        assert "Playing 1 statement a second" in screen_text(app)
        await pilot.press("a", "a")
        await until(pilot, lambda: place(app)[1] >= 2)
        await pilot.press("p")
        assert "Auto-play is off" in screen_text(app)
        await pilot.press("c", "a", "a", "a")
        await until(pilot, lambda: "Auto-play is off" in screen_text(app))
        assert place(app) == (19, 12)


async def test_the_palette_closes_once_however_often_it_is_clicked_away() -> None:
    app = app_of(Standin())
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        for open_it in (app.action_command_palette, app.search_themes):
            open_it()
            await until(pilot, lambda: isinstance(app.screen, CommandPalette) and app.focused, "a palette")
            palette = app.screen
            for _ in range(2):  # the second click comes before the first has closed it
                palette.dismiss()
            await until(pilot, lambda: not app.screen.is_modal, "no palette")
        assert place(app) == (0, 0)


async def test_what_the_session_said_of_a_key_is_over_with_the_next() -> None:
    app = app_of(Standin())
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await pilot.press("c")
        await until(pilot, lambda: app.scene.state == "ended")
        for _ in range(2):  # and is said again of the same key
            await pilot.press("n")
            await until(pilot, lambda: "The script has ended." in screen_text(app))
            await pilot.press("2")
            await until(pilot, lambda: "The script has ended." not in screen_text(app))
