"""The keys that walk, fold and search the record."""

from __future__ import annotations

from stepper.record import ModuleCall, Record
from stepper.tui.screens.search import SearchScreen
from tests.tui.screen import app_of, place, ready, screen_text, settled, text_of, until
from tests.tui.standin import Standin
from tests.tui.test_panels import plant_nan


async def test_the_record_is_walked_and_folded_with_the_arrows() -> None:
    app = app_of(Standin())
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await pilot.press("6")
        await until(pilot, lambda: app.focused is app.desk.record)
        for key, expected in (("down", 1), ("end", 12), ("up", 11), ("home", 0), ("pagedown", 12), ("pageup", 0)):
            await pilot.press(key)
            await settled(pilot)
            assert place(app) == (0, expected), key


async def test_the_end_of_the_record_is_its_last_statement_below_which_stands_what_is_inside_it() -> None:
    def end_with_an_expression(record: Record) -> None:
        record.events[-1].parent, record.events[-1].kind = record.events[-2].id, "expression"

    app = app_of(Standin(after=end_with_an_expression))
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await pilot.press("6")
        await until(pilot, lambda: app.focused is app.desk.record)
        for key, expected in (("end", 11), ("end", 11), ("down", 12), ("end", 11), ("home", 0), ("pagedown", 12)):
            await pilot.press(key)
            await settled(pilot)
            assert place(app) == (0, expected), key


async def test_what_happened_inside_an_event_is_folded_and_unfolded() -> None:
    def nest(record: Record) -> None:
        for event in record.events[2:5]:
            event.parent = 1

    app = app_of(Standin(after=nest))
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await pilot.press("6", "down")
        await settled(pilot)
        whole = text_of(app.desk.record)
        assert "▾ h_relu" in whole
        for fold, unfold in (("left", "right"), ("enter", "enter")):
            await pilot.press(fold)
            await settled(pilot)
            assert "▸ h_relu" in text_of(app.desk.record)
            assert "F       y_pred" not in text_of(app.desk.record)
            await pilot.press(unfold)
            await settled(pilot)
            assert text_of(app.desk.record) == whole
        await pilot.press("right")
        await settled(pilot)
        assert place(app) == (0, 2), "what is unfolded is entered"
        await pilot.press("left")
        await settled(pilot)
        assert place(app) == (0, 1), "and left again"
        await pilot.press("left", "down")
        await settled(pilot)
        assert place(app) == (0, 5)
        await pilot.press("N", "N")
        await settled(pilot)
        assert "▾ h_relu" in text_of(app.desk.record), "the cursor is never hidden"


async def test_slash_looks_for_a_text() -> None:
    app = app_of(Standin(plant_nan))
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await pilot.press("slash", *"w2", "enter")
        await settled(pilot)
        assert place(app) == (0, 2)
        await pilot.press("slash", "enter")
        await settled(pilot)
        assert place(app) == (0, 6), "enter alone looks for the same again"
        await pilot.press("slash", *"nan", "enter")
        await until(pilot, lambda: "Nothing in this record" in screen_text(app))
        await pilot.press("i", "i", "i", "slash", "enter")
        await settled(pilot)
        assert place(app)[0] == 3
        await pilot.press("slash", "escape")
        await until(pilot, lambda: not isinstance(app.screen, SearchScreen))


async def test_slash_finds_whatever_a_line_of_the_record_says() -> None:
    def evaluated(record: Record) -> None:
        record.events[2].detail = ModuleCall("net.drop", 1, training=False)
        for event in record.events[6:9]:
            event.function = "ReluNet.loss"
        record.events[8].kind = "call"

    app = app_of(Standin(after=evaluated))
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await pilot.press("6", "slash", *"eval", "enter")
        await settled(pilot)
        assert place(app) == (0, 2), "the mode that a layer was called in"
        await pilot.press("slash", *"(8, 3)", "enter")
        await settled(pilot)
        assert place(app) == (0, 5), "a shape"
        await pilot.press("slash", *"reluNET", "enter")
        await settled(pilot)
        assert place(app) == (0, 8), "a class that no line has in it: to the call of its method"
        await pilot.press("slash", *"relu", "enter")
        await settled(pilot)
        assert place(app) == (0, 1), "but what lines have in them is looked for there"


async def test_slash_in_source_selects_a_line_that_did_not_run() -> None:
    app = app_of(Standin())
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await pilot.press("1", "slash", *"# update", "enter")
        await settled(pilot)
        assert app.desk.source.selected == 28 and place(app) == (0, 0)
        assert "Nothing in this record has # update in it; the selected line has." in screen_text(app)
