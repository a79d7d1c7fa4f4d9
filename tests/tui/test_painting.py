"""Of what changed on the screen only what is seen is drawn, and the same as Textual would draw."""

from __future__ import annotations

import pyte
import pytest
from rich.color import ColorSystem
from rich.style import Style
from textual._compositor import Compositor, CompositorUpdate
from textual.geometry import Region
from textual.pilot import Pilot
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.widget import Widget

from stepper.tui.app import StepperApp
from stepper.tui.drawn import DrawnScreen
from stepper.tui.painting import SparseCompositor
from tests.tui.screen import app_of, ready, until
from tests.tui.standin import Standin

REGIONS = [
    [Region(0, 0, 120, 1)],
    [Region(0, 0, 120, 40)],
    [Region(3, 5, 20, 2), Region(70, 4, 30, 3)],
    [Region(50, 10, 40, 20)],
    [Region(0, 36, 120, 4)],
    [Region(0, y, 120, 1) for y in range(0, 40, 3)],
]


def shown(app: StepperApp, update: object, regions: list[Region]) -> list[object]:
    """What a terminal shows in some regions that shows nothing else."""
    assert isinstance(update, CompositorUpdate)
    terminal = pyte.Screen(120, 40)
    pyte.Stream(terminal).feed(update.render_segments(app.console))
    places = [(y, x) for each in regions for y in each.line_range for x in each.column_range]
    return [terminal.buffer[y][x] for y, x in places]


@pytest.fixture
def no_codes_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Style keeps the codes that it was first written with, and in an earlier test the terminal had fewer colours."""
    usual = Strip.render_style

    def render_style(style: Style, text: str = "", *, color_system: ColorSystem) -> str:
        style._ansi = None
        return usual(style, text, color_system=color_system)

    monkeypatch.setattr(Strip, "render_style", staticmethod(render_style))


@pytest.mark.parametrize("key", ["", "question_mark"])
@pytest.mark.parametrize("regions", REGIONS)
@pytest.mark.usefixtures("no_codes_kept")
async def test_the_same_is_painted(regions: list[Region], key: str) -> None:
    app = app_of(Standin())
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        if key:
            await pilot.press(key)
            await until(pilot, lambda: app.screen.is_modal)
            await pilot.pause()
        compositor, behind = app.screen._compositor, app._background_screens
        assert isinstance(compositor, SparseCompositor)
        compositor._dirty_regions = set(regions)
        own = shown(app, compositor.render_update(screen_stack=behind), regions)
        compositor._dirty_regions = set(regions)
        usual = shown(app, Compositor.render_update(compositor, screen_stack=behind), regions)
        assert [pair for pair in zip(own, usual, strict=True) if pair[0] != pair[1]][:3] == []


async def test_nothing_is_drawn_of_what_lies_behind_or_has_not_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    app = app_of(Standin())
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        drawn: list[object] = []
        for widget in app.screen.walk_children(Widget, with_self=True):
            usual = widget.render_lines

            def render_lines(crop: Region, widget: object = widget, usual: object = usual) -> list[Strip]:
                drawn.append(widget)
                assert callable(usual)
                strips: list[Strip] = usual(crop)
                return strips

            monkeypatch.setattr(widget, "render_lines", render_lines)
        app.desk.source.touch([1, 2])
        app.status.touch([0])
        app.screen._compositor.update_widgets(app.screen._dirty_widgets)
        app.screen._compositor.render_update()
        assert set(drawn) == {app.desk.source, app.status}


async def test_lines_are_drawn_with_the_frame_that_the_panel_has_now() -> None:
    app = app_of(Standin())
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        source = app.desk.source
        row = Region(0, 3, source.outer_size.width, 2)
        drawn: list[list[Strip]] = []
        for change in (lambda: app.desk.tensors.focus(), lambda: setattr(app, "theme", "textual-light")):
            before = source.render_lines(row)
            change()
            await until(pilot, lambda before=before: source.render_lines(row) != before)  # type: ignore[misc]
            drawn.append(source.render_lines(row))
            for lines in (row, source.outer_size.region, Region(0, 0, row.width, 3)):
                own = source.render_lines(lines)
                source._styles_cache.clear()
                assert [list(line) for line in own] == [list(line) for line in ScrollView.render_lines(source, lines)]
        assert drawn[0] != drawn[1]


async def at_rest(pilot: Pilot[int]) -> DrawnScreen[object]:
    """The screen, once nothing is left to be painted, nor to be laid out, which would paint it later."""
    screen = pilot.app.screen
    assert isinstance(screen, DrawnScreen)

    def rests() -> bool:
        moving = (each._layout_required or each._scroll_required for each in (screen, *screen.walk_children(Widget)))
        return not (screen._dirty_widgets or pilot.app._batch_count or any(moving))

    await until(pilot, rests)
    return screen


async def test_what_changed_is_painted_at_once_but_not_while_a_place_has_yet_to_change(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    app = app_of(Standin())
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        screen, source = await at_rest(pilot), app.desk.source
        painted: list[set[Widget]] = []
        monkeypatch.setattr(screen, "_compositor_refresh", lambda: painted.append(set(screen._dirty_widgets)))
        source.touch([1])
        screen.paint([source])
        assert len(painted) == 1 and source in painted[0]
        screen._dirty_widgets.clear()
        source.set_count(1000)  # a scrollbar is to come
        source.touch([1])
        screen.paint([source])
        assert len(painted) == 1
        with app.batch_update():
            source.touch([1])
            screen.paint([])
            assert len(painted) == 1
        await until(pilot, lambda: len(painted) > 1)


async def test_a_scrollbar_and_a_title_are_painted_with_what_they_belong_to(monkeypatch: pytest.MonkeyPatch) -> None:
    app = app_of(Standin())
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        screen, source = await at_rest(pilot), app.desk.source
        painted: list[set[Widget]] = []
        usual = screen._compositor_refresh

        def refresh() -> None:
            painted.append(set(screen._dirty_widgets))
            usual()

        monkeypatch.setattr(screen, "_compositor_refresh", refresh)
        source.retitle("Another title")
        source.vertical_scrollbar.position = 3
        app.status.touch([0])
        screen.paint([source, app.status])
        assert len(painted) == 1 and painted[0] >= {source, source.vertical_scrollbar, app.status}
        await pilot.pause()
        assert len(painted) == 1
