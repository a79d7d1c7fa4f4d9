"""Which panels are seen where, and how large."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from textual import events
from textual.pilot import Pilot

from stepper.tui.app import StepperApp
from stepper.tui.arrangement import BOXES, FULL_PLACES, PANELS, PLACES, Arrangement
from tests.tui.screen import app_of, ready, screen_text, settled, until
from tests.tui.standin import Standin


def test_every_panel_has_one_place_and_lies_in_one_box() -> None:
    for places in (PLACES, FULL_PLACES):
        assert sorted(name for place in places for name in place) == sorted(set(PANELS) - {"trouble"})
    inside = [name for names in BOXES.values() for name in names]
    assert len(inside) == len(set(inside)) and set(PANELS) - set(inside) == {"trouble"}


def test_the_panel_chosen_last_is_seen_in_a_shared_place() -> None:
    there = Arrangement()
    assert there.seen == ["source", "gate", "tensors", "loss", "gradients"]
    there.choose("viewer")
    there.choose("output")
    assert there.seen == ["source", "viewer", "output", "loss", "gradients"]
    assert there.beside("viewer") == ("record", "gate")
    there.full = True
    assert there.seen == ["source", "record", "viewer", "output", "loss", "timeline", "gradients"]
    assert there.fronts == ("viewer", "output")


def test_a_hidden_place_is_opened_by_choosing_any_panel_of_it_and_one_always_stays() -> None:
    there = Arrangement()
    assert there.hide("gate") == "source"
    assert there.seen == ["source", "tensors", "loss", "gradients"] and there.hidden == ("gate", "record", "viewer")
    assert there.hide("viewer") is None, "what is not seen cannot be hidden"
    for name in ("source", "tensors", "loss"):
        assert there.hide(name) is not None
    assert there.hide("gradients") is None
    there.choose("record")
    assert there.seen == ["record", "gradients"]
    other = Arrangement()
    other.restore(there.fronts, there.hidden, {"upper": 3, "nonsense": 4, "lower": -1})
    assert other.seen == there.seen and other.sizes == {"upper": 3}
    other.restore([], PANELS, {})
    assert other.seen, "something always stays open"
    other.reset()
    assert other.seen == Arrangement().seen and not other.sizes


def test_a_border_moves_between_two_neighbours_and_leaves_each_some_room() -> None:
    there = Arrangement()
    there.resize("upper", {"source": 60, "gate": 60}, "source", "gate", 8)
    assert there.sizes == {"source": 68, "gate": 52, "record": 52, "viewer": 52}
    there.resize("upper", {"source": 68, "gate": 52}, "source", "gate", 500)
    assert (there.sizes["source"], there.sizes["gate"]) == (110, 10)
    there.resize("side", {"loss": 4, "gradients": 4}, "loss", "gradients", 1)
    assert "loss" not in there.sizes, "where there is no room, nothing is done"


Measure = Callable[[StepperApp], int]
RESIZED: list[tuple[str, str, int, Measure]] = [
    ("1", "shift+right", 2, lambda app: app.desk.source.region.width),
    ("1", "shift+left", -2, lambda app: app.desk.source.region.width),
    ("3", "shift+right", 2, lambda app: app.desk.gate.region.width),
    ("5", "shift+left", -2, lambda app: app.desk.loss.region.width),
    ("1", "shift+down", 1, lambda app: app.desk.source.region.height),
    ("2", "shift+down", 1, lambda app: app.desk.tensors.region.height),
    ("4", "shift+up", -1, lambda app: app.desk.gradients.region.height),
]


@pytest.mark.parametrize(("panel", "key", "by", "measure"), RESIZED)
async def test_keys_resize_the_focused_panel(panel: str, key: str, by: int, measure: Measure) -> None:
    app = app_of(Standin())
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await pilot.press(panel)
        before, room = measure(app), app.desk.region.area
        await pilot.press(key)
        await until(pilot, lambda: measure(app) == before + by, f"{before} + {by}")
        assert sum(each.region.area for each in app.desk.panels if each.display) == room
        await pilot.press("R")
        await until(pilot, lambda: measure(app) == before)


async def drag(pilot: Pilot[int], start: tuple[int, int], *way: tuple[int, int]) -> None:
    """Press the mouse's button, move along `way` faster than anything is drawn, let go."""
    end = way[-1]

    def event(kind: type[events.MouseEvent], at: tuple[int, int], button: int) -> events.MouseEvent:
        return kind(None, at[0], at[1], 0, 0, button, False, False, False, screen_x=at[0], screen_y=at[1])

    pilot.app.screen._forward_event(event(events.MouseDown, start, 1))
    await pilot.pause()
    for at in way:
        pilot.app.screen._forward_event(event(events.MouseMove, at, 1))
    await pilot.pause()
    for kind, button in ((events.MouseUp, 1), (events.MouseMove, 0)):
        pilot.app.screen._forward_event(event(kind, end, button))
        await pilot.pause()


async def test_borders_are_dragged_with_the_mouse() -> None:
    app = app_of(Standin())
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        source = app.desk.source
        width, height = source.region.width, source.region.height
        edge = (source.region.right - 1, source.region.y + 5)
        await drag(pilot, edge, *((edge[0] + by, edge[1]) for by in (1, 2, 90, 4, 9)))
        await until(pilot, lambda: source.region.width == width + 9)
        edge = (30, source.region.bottom)
        await drag(pilot, edge, (30, edge[1] - 4))
        await until(pilot, lambda: source.region.height == height - 4)
        await drag(pilot, (30, 10), (40, 15))
        await settled(pilot)
        assert (source.region.width, source.region.height) == (width + 9, height - 4), "no border there"


async def test_a_title_clicked_twice_gives_its_panel_all_the_room_and_takes_it_back() -> None:
    app = app_of(Standin())
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        for panel in (app.desk.tensors, app.desk.source, app.desk.gate):
            width = panel.region.width
            await pilot.click(offset=(panel.region.right - 2, panel.region.y), times=2)
            await until(pilot, lambda panel=panel: panel.region.width == 120)  # type: ignore[misc]
            assert app.desk.chosen is panel
            await pilot.click(offset=(panel.region.right - 2, panel.region.y), times=2)
            await until(pilot, lambda panel=panel, width=width: panel.region.width == width)  # type: ignore[misc]
        await pilot.click("#tensors", offset=(10, 4), times=2)
        await settled(pilot)
        assert not app.desk.maximised


async def test_a_panel_is_hidden_and_shown_again() -> None:
    app = app_of(Standin())
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await pilot.press("3", "M")
        await until(pilot, lambda: "Gate is hidden; 3 shows it again." in screen_text(app))
        assert not app.desk.gate.display and app.desk.source.region.width == 120
        await until(pilot, lambda: app.focused is app.desk.source)
        await pilot.press("3")
        await until(pilot, lambda: app.desk.gate.display and app.desk.source.region.width < 70)
        await pilot.press("M", "5", "M", "4", "M", "2", "M", "M")
        await until(pilot, lambda: "cannot be hidden" in screen_text(app))
        await pilot.press("R")
        await until(pilot, lambda: app.desk.gate.display and app.desk.gradients.display)


async def test_what_is_left_alone_has_the_room_of_its_hidden_neighbours() -> None:
    app = app_of(Standin())
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        below = app.desk.gradients.region.bottom
        await pilot.press("2", "M")
        await until(pilot, lambda: app.desk.gradients.region.width == app.desk.loss.region.width == 120)
        await pilot.press("5", "M")
        await until(pilot, lambda: app.desk.gradients.region.y == app.desk.source.region.bottom)
        assert app.desk.gradients.region.bottom == below and app.desk.gradients.region.width == 120
        await pilot.press("R")
        await until(pilot, lambda: app.desk.loss.display and app.desk.gradients.region.width < 60)
        assert app.desk.gradients.region.height < 10


async def test_where_one_panel_is_shown_nothing_is_hidden_or_resized() -> None:
    app = app_of(Standin())
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await pilot.press("M")
        await until(pilot, lambda: "take turns" in screen_text(app))
        await pilot.press("shift+right")
        await until(pilot, lambda: "nothing beside" in screen_text(app))
        assert app.desk.source.display and app.desk.source.region.width == 80


async def test_sizes_hold_when_the_terminal_changes() -> None:
    app = app_of(Standin())
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        width = app.desk.source.region.width
        await pilot.press(*["shift+right"] * 10)
        await until(pilot, lambda: app.desk.source.region.width == width + 20)
        await pilot.resize_terminal(80, 24)
        await until(pilot, lambda: app.desk.source.region.width == 80)
        await pilot.resize_terminal(180, 50)
        await until(pilot, lambda: app.desk.record.display and app.desk.source.region.width > 70)
        seen = [app.desk.source, app.desk.record, app.desk.gate]
        assert sum(panel.region.width for panel in seen) == 180


async def test_a_panel_that_is_hidden_at_once_stays_so() -> None:
    """The news that it has the focus comes when it is hidden already, and before the next one has it."""
    app = app_of(Standin())
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        app.desk.choose(PANELS.index("tensors"))
        await until(pilot, lambda: app.focused is app.desk.tensors)
        assert app.desk.hide()
        app.on_descendant_focus()
        await settled(pilot)
        assert "tensors" in app.desk.arrangement.hidden
        await pilot.press("6")
        await settled(pilot)
        assert app.desk.record.display and not app.desk.tensors.display
