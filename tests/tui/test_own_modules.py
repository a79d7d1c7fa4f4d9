"""The app inside functions of files beside the script: Source shows the file that the cursor stands in."""

from pathlib import Path

import pytest

from stepper.session import Session
from stepper.tui.app import StepperApp
from tests.session.support import TWO_FILES, script
from tests.tui.screen import app_of, ready, screen_text, settled, text_of, until

LAYERS = '''
"""Doubles."""
def double(x):
    y = x * 2
    print("doubled")
    return y
'''


def two_files(folder: Path) -> StepperApp:
    script(folder, LAYERS, "layers.py")
    return app_of(Session(script(folder, TWO_FILES, "train.py")))


async def press(pilot: object, *keys: str) -> None:
    for key in keys:
        await pilot.press(key)  # type: ignore[attr-defined]
        await settled(pilot)  # type: ignore[arg-type]


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_source_follows_the_cursor_into_another_file_and_back(tmp_path: Path, size: tuple[int, int]) -> None:
    app = two_files(tmp_path)
    async with app.run_test(size=size) as pilot:
        await ready(pilot)
        await press(pilot, "n", "s", "s")
        shown = text_of(app.desk.source)
        assert app.scene.file == "layers.py" and app.desk.source.border_title == "Source · layers.py"
        assert "▶4L     y = x * 2" in shown and "double(w)" not in shown
        assert "double:4 ‹ loop:5" in str(app.desk.source.border_subtitle)
        await press(pilot, "u", "u")
        shown = text_of(app.desk.source)
        assert app.scene.file == "" and app.desk.source.border_title == "Source"
        assert "▶5L     loss = double(w) ** 2" in shown and "y = x" not in shown


async def test_a_line_of_another_file_can_be_gone_to_and_have_a_breakpoint(tmp_path: Path) -> None:
    app = two_files(tmp_path)
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await press(pilot, "n", "s", "s", "1", "down", "down", "enter")
        assert app.scene.event is not None and app.scene.event.text == "return y"
        await press(pilot, "b")
        assert "Breakpoint on layers.py line 6" in screen_text(app) and "●" in text_of(app.desk.source)
        assert set(app.session.breakpoints.by_line(app.scene.module)) == {6} and not app.session.breakpoints.by_line()
        await press(pilot, "c")
        await until(pilot, lambda: app.scene.iteration == 1)
        assert app.scene.event.text == "return y"
        await press(pilot, "u", "u")
        assert "●" not in text_of(app.desk.source)


async def test_output_names_the_file_that_printed(tmp_path: Path) -> None:
    app = two_files(tmp_path)
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await press(pilot, "n", "7")
        assert "layers.py:5" in text_of(app.desk.output)


async def test_record_says_which_file_a_call_leads_to(tmp_path: Path) -> None:
    app = two_files(tmp_path)
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await press(pilot, "n", "s", "6")
        line = next(line for line in text_of(app.desk.record).splitlines() if "def double(x)" in line)
        assert "layers.py:3" in line


async def test_any_file_of_the_script_can_be_shown_and_have_breakpoints_before_the_cursor_comes_there(
    tmp_path: Path,
) -> None:
    app = two_files(tmp_path)
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await press(pilot, "1", "f", "down", "enter")
        await until(pilot, lambda: app.scene.file == "layers.py" and not app.screen.is_modal)
        assert app.desk.source.border_title == "Source · layers.py" and "▶" not in text_of(app.desk.source)
        await press(pilot, "down", "down", "down", "W", "t", "greater_than_sign", "0", "enter")
        await press(pilot, "escape", "down", "down", "b")
        await until(pilot, lambda: "Breakpoint on layers.py line 6" in screen_text(app))
        assert [each.line for each in app.session.breakpoints.all] == [4, 6]
        await press(pilot, "n")
        assert app.scene.file == "" and "▶" in text_of(app.desk.source), "it follows the cursor again"
        await press(pilot, "L", "down", "enter")
        await until(pilot, lambda: app.scene.file == "layers.py" and app.desk.source.selected == 6)
        await press(pilot, "enter")
        await until(pilot, lambda: app.scene.event is not None and app.scene.event.text == "return y")
        await press(pilot, "c")
        await until(pilot, lambda: app.scene.iteration == 1)
        assert "layers.py line 4: its condition t>0 failed with NameError" in screen_text(app)
