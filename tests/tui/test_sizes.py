"""Whatever the terminal's size, and while it changes: no panel leaves the screen, and none lies over another."""

from itertools import combinations

import pytest
from textual.widgets import Input

from stepper.tui.app import StepperApp
from stepper.tui.panels.gate import NO_ROOM
from tests.tui.screen import app_of, ready, screen_text, settled, until
from tests.tui.standin import Standin

SIZES = [(60, 20), (80, 24), (160, 24), (120, 12), (100, 30), (114, 30), (120, 40), (160, 50), (250, 70)]


def check_places(app: StepperApp, size: tuple[int, int]) -> None:
    shown = [panel for panel in app.desk.panels if panel.is_on_screen and panel.region.area]
    assert shown
    for panel in shown:
        assert app.screen.region.contains_region(panel.region), (size, panel.id, panel.region)
    for one, other in combinations(shown, 2):
        assert not one.region.overlaps(other.region), (size, one.id, other.id)


@pytest.mark.parametrize("size", SIZES)
async def test_panels_share_the_screen(size: tuple[int, int]) -> None:
    app = app_of(Standin())
    async with app.run_test(size=size) as pilot:
        await ready(pilot)
        check_places(app, size)


@pytest.mark.parametrize("key", ["v", "x", "g", "question_mark", "slash", "ctrl+p"])
async def test_what_opens_over_a_tiny_screen_stays_on_it(key: str) -> None:
    app = app_of(Standin())
    async with app.run_test(size=(40, 12)) as pilot:
        await ready(pilot)
        await pilot.press(key)
        await until(pilot, lambda: app.screen.is_modal)
        await pilot.pause()
        for child in app.screen.children:
            assert app.screen.region.contains_region(child.region), (key, child, child.region)
        for field in app.screen.query(Input):
            assert field.region.right < 40, (key, field)


async def test_every_tab_is_on_a_tiny_screen() -> None:
    app = app_of(Standin())
    async with app.run_test(size=(40, 12)) as pilot:
        await ready(pilot)
        await pilot.press("8")
        await settled(pilot)
        tabs = screen_text(app).splitlines()[1]
        assert "▸8 Viewer" in tabs and all(str(digit) in tabs for digit in range(1, 10))
        for digit in "123456789":
            await pilot.press(digit)
            await settled(pilot)
            check_places(app, (40, 12))
            assert "╰─" in screen_text(app).splitlines()[-3], digit
        await pilot.press("3")
        await settled(pilot)
        assert NO_ROOM in screen_text(app)


async def test_panels_share_the_screen_while_it_changes() -> None:
    app = app_of(Standin())
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        for size in (*SIZES, (20, 5), (10, 3), (200, 12), (30, 60), *reversed(SIZES)):
            await pilot.resize_terminal(*size)
            await until(pilot, lambda size=size: app.size == size)  # type: ignore[misc]
            await pilot.pause()
            if size[1] >= 12:
                check_places(app, size)


async def test_on_a_low_but_wide_screen_panels_take_turns_beside_the_source() -> None:
    app = app_of(Standin())

    def seen() -> list[str | None]:
        return [panel.id for panel in app.desk.panels if panel.display]

    async with app.run_test(size=(160, 24)) as pilot:
        await ready(pilot)
        assert seen() == ["source", "tensors"]
        for keys, panels, marked in (
            ("3", ["source", "gate"], "▸3 Gate"),
            ("1", ["source", "gate"], "▸1 Source"),
            ("8", ["source", "viewer"], "▸8 Viewer"),
            ("m", ["viewer"], "▸8 Viewer"),
            ("m", ["source", "viewer"], "▸8 Viewer"),
        ):
            await pilot.press(keys)
            await settled(pilot)
            assert seen() == panels, keys
            assert marked in screen_text(app).splitlines()[1]
        await pilot.click("#source", offset=(9, 3))
        await settled(pilot)
        assert "▸1 Source" in screen_text(app).splitlines()[1]
        source, viewer = app.desk.source.region, app.desk.viewer.region
        assert source.y == viewer.y and source.right == viewer.x and source.height == viewer.height
        await pilot.resize_terminal(100, 24)
        await until(pilot, lambda: seen() == ["source"])


async def test_every_panel_can_be_gone_to_whatever_the_size() -> None:
    app = app_of(Standin(gates=False))
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        for size in ((60, 20), (20, 6), (1, 1), (80, 24)):
            await pilot.resize_terminal(*size)
            await until(pilot, lambda size=size: app.size == size)  # type: ignore[misc]
            for index in reversed(range(9)):
                await pilot.press("i")  # a hidden panel has no size, and something new to show
                await settled(pilot)
                await pilot.press(str(index + 1))
                assert app.desk.chosen is app.desk.panels[index], size
        await settled(pilot)
