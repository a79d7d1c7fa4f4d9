"""The viewer and the table of tensors: opening, moving, zooming, slices, jumps, figures."""

from __future__ import annotations

import asyncio
import math
from typing import Any

import numpy as np
import pytest

from stepper.record import Record, Region, Summary, Survey, Value, Window
from stepper.tui import figures
from stepper.tui.app import StepperApp
from stepper.tui.names import Names
from stepper.tui.panels import view_panel, viewer_lines
from stepper.tui.panels.subject import Subject
from stepper.tui.view import View
from tests.tui.recorded import summary
from tests.tui.screen import app_of, ready, screen_text, settled, text_of, until
from tests.tui.standin import Standin
from tests.tui.test_panels import plant_nan

WIDE = "64, 20, 100, 10"


def reading(app: StepperApp) -> str:
    return text_of(app.desk.viewer).splitlines()[1].split("  ")[0].strip()


async def press(pilot: Any, *keys: str) -> None:
    for key in keys:
        await pilot.press(key)
        await settled(pilot)


def element(session: Standin, label: str, index: tuple[int, ...]) -> str:
    record = session.records[0]
    value = [v for event in record.events for v in event.values if v.label == label][-1]
    assert value.copy is not None
    return f"[{', '.join(map(str, index))}] = {float(session._recorder.copies[value.copy][index])!r}"


async def test_enter_opens_the_selected_tensor_and_the_cursor_reads_it() -> None:
    session = Standin(sizes=WIDE)
    app = app_of(session)
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await press(pilot, "2", "down", "down", "up", "enter")
        assert app.focused is app.desk.viewer
        assert text_of(app.desk.viewer).startswith("x  (64, 20) float64")
        assert reading(app) == element(session, "x", (0, 0))
        await press(pilot, "z", "down", "right", "right")
        assert reading(app) == element(session, "x", (1, 2))
        await press(pilot, "ctrl+end")
        assert reading(app) == element(session, "x", (63, 19))
        await press(pilot, "home", "up", "left")
        assert reading(app) == element(session, "x", (62, 0))
        await press(pilot, "end", "ctrl+home", "pagedown", "pageup", "ctrl+right", "ctrl+left")
        assert reading(app) == element(session, "x", (0, 0))


async def test_the_viewer_follows_the_statement_until_a_tensor_is_opened() -> None:
    app = app_of(Standin())
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await press(pilot, "8")
        assert text_of(app.desk.viewer).startswith("h  (8, 10)")
        await press(pilot, "n", "n")
        assert text_of(app.desk.viewer).startswith("y_pred  (8, 3)")
        await press(pilot, "2", "down", "enter", "n")
        assert text_of(app.desk.viewer).startswith("h_relu ")
        await press(pilot, "f")
        assert text_of(app.desk.viewer).startswith("y  (8, 3)"), "it has only read tensors: the first is shown"


async def test_zoom_goes_from_the_whole_to_elements_and_the_wheel_scrolls() -> None:
    app = app_of(Standin(sizes=WIDE))
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await press(pilot, "8")
        assert "1 cell = 4×2" in text_of(app.desk.viewer)
        await press(pilot, "plus")
        assert "1 cell = 2×2" in text_of(app.desk.viewer)
        await press(pilot, "plus")
        assert "1 cell" not in text_of(app.desk.viewer)
        await press(pilot, "minus", "equals_sign")
        top = app.desk.viewer.view
        assert top is not None
        pilot.app.screen.get_widget_at(90, 10)[0].post_message(_wheel(app))
        await until(pilot, lambda: app.desk.viewer.view is not None and app.desk.viewer.view.top == 3)
        await pilot.click("#viewer", offset=(5, 6))
        await settled(pilot)
        assert app.desk.viewer.view is not None
        assert app.desk.viewer.view.index == (6, 4)


def _wheel(app: StepperApp, *, shift: bool = False, ctrl: bool = False) -> Any:
    from textual.events import MouseScrollDown

    return MouseScrollDown(app.desk.viewer, 5, 5, 0, 1, 0, shift, False, ctrl)


async def test_the_wheel_goes_sideways_with_shift_and_zooms_with_ctrl() -> None:
    from textual.events import MouseScrollRight, MouseScrollUp

    app = app_of(Standin(sizes="64, 200, 100, 10"))
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await press(pilot, "2", "enter", "z")
        viewer = app.desk.viewer

        def view() -> tuple[int, int]:
            assert viewer.view is not None
            return (viewer.view.left, viewer.view.zoom)

        viewer.post_message(_wheel(app, shift=True))
        await until(pilot, lambda: view() == (3, 1))
        viewer.post_message(MouseScrollRight(viewer, 5, 5, 1, 0, 0, False, False, False))
        await until(pilot, lambda: view() == (6, 1))
        viewer.post_message(_wheel(app, ctrl=True))
        await until(pilot, lambda: view()[1] == 2, "zoomed out")
        viewer.post_message(MouseScrollUp(viewer, 5, 5, 0, -1, 0, False, False, True))
        await until(pilot, lambda: view()[1] == 1, "zoomed in")


async def test_jumps_to_extremes_and_to_an_index() -> None:
    session = Standin(plant_nan)
    app = app_of(session)
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await press(pilot, "8")
        value = next(value for value in session.records[0].events[0].values if value.label == "h")
        assert value.copy is not None
        h = session._recorder.copies[value.copy]
        places = {"greater_than_sign": h.argmax(), "less_than_sign": h.argmin(), "vertical_line": np.abs(h).argmax()}
        assert -h.min() > h.max()
        for key, flat in places.items():
            await press(pilot, key)
            row, column = np.unravel_index(flat, h.shape)
            await until(pilot, lambda at=f"[{row}, {column}] =": reading(app).startswith(at))  # type: ignore[misc]
        await press(pilot, "exclamation_mark")
        await until(pilot, lambda: "Every element is finite." in screen_text(app))
        await press(pilot, "i", "i", "i", "ctrl+end", "exclamation_mark")
        await until(pilot, lambda: reading(app) == "[0, 0] = nan")
        await press(pilot, "j", *"7, 9", "enter")
        await until(pilot, lambda: reading(app).startswith("[7, 9]"))
        await press(pilot, "j", *"77, 9", "enter")
        await until(pilot, lambda: "axis 0 has 8 elements" in screen_text(app))
        await press(pilot, *["left"] * 3, "backspace", "enter")  # what was typed is mended
        await until(pilot, lambda: not app.screen.is_modal and reading(app).startswith("[7, 9]"))


async def test_before_after_and_difference_of_what_was_changed_in_place() -> None:
    session = Standin()
    app = app_of(session)
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await press(pilot, "8", *"nnnnnnnnnnn")
        values = {
            value.when: session._recorder.copies[value.copy]
            for value in session.records[0].events[11].values
            if value.label == "w1" and value.copy is not None
        }
        for what, number in (
            ("after", values["after"]),
            ("before", values["before"]),
            ("difference", values["after"] - values["before"]),
        ):
            assert f"  {what}" in text_of(app.desk.viewer).splitlines()[0]
            assert reading(app) == f"[0, 0] = {float(number[0, 0])!r}"
            await press(pilot, "d")
        await press(pilot, "d", "d", "greater_than_sign")
        difference = values["after"] - values["before"]
        row, column = np.unravel_index(difference.argmax(), difference.shape)
        await until(pilot, lambda: reading(app) == f"[{row}, {column}] = {float(difference.max())!r}")
        await press(pilot, "i", "d")
        assert "not changed in place" in screen_text(app)


async def test_without_a_value_the_viewer_says_how_to_open_one() -> None:
    app = app_of(Standin())
    async with app.run_test(size=(120, 40)) as pilot:
        assert app.desk.viewer.subject is None  # the head of the loop made a number
        app.desk.viewer.action_what()
        await until(pilot, lambda: "The viewer shows no value: open one with enter in Tensors." in screen_text(app))


async def test_a_table_shows_figures_and_a_histogram_counts() -> None:
    app = app_of(Standin(sizes=WIDE))
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await press(pilot, "8", "t", "right", "down")
        lines = text_of(app.desk.viewer).splitlines()
        assert lines[2].split() == ["0", "1", "2", "3"]
        assert lines[4].split()[0] == "1"
        await press(pilot, "z")
        assert "A table shows single elements already." in screen_text(app)
        assert reading(app).endswith(f"= {float(lines[4].split()[2])!r}")
        await press(pilot, "t", "h")
        await until(pilot, lambda: "tallest bin" in text_of(app.desk.viewer))
        await press(pilot, "h")
        assert "tallest bin" not in text_of(app.desk.viewer)


async def test_more_than_two_axes_are_shown_slice_by_slice() -> None:
    session = Standin()

    def deepen(record: Record) -> None:
        array = np.arange(2.0 * 3 * 4 * 5).reshape(2, 3, 4, 5)
        session._recorder.copies.append(array)
        value = Value("deep", "activation", "result", summary(array), len(session._recorder.copies) - 1)
        record.events[0].values.append(value)
        record.events[0].values.append(Value("none", "other", "result", summary(np.zeros((0, 3))), 0))

    session._after = deepen
    app = app_of(session)
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        app.desk.viewer.open("deep", app.scene.generation)
        await press(pilot, "8", "full_stop", "full_stop", "comma")
        assert text_of(app.desk.viewer).startswith("deep [0, 1, :, :]  (2, 3, 4, 5)")
        assert reading(app) == "[0, 1, 0, 0] = 20.0"
        await press(pilot, "j", *"1, :, :, 4", "enter")
        await settled(pilot)
        assert text_of(app.desk.viewer).startswith("deep [1, :, :, 4]")
        await press(pilot, "ctrl+end")
        assert reading(app) == "[1, 2, 3, 4] = 119.0"
        await press(pilot, "o")
        assert text_of(app.desk.viewer).startswith("deep [:, 2, 3, :]")
        app.desk.viewer.open("none", app.scene.generation)
        await settled(pilot)
        assert "It has no element." in text_of(app.desk.viewer)
        await press(pilot, "greater_than_sign")
        assert "It has no element." in screen_text(app).splitlines()[-2]


async def test_tensors_are_sorted_and_filtered() -> None:
    app = app_of(Standin())

    def names() -> list[str]:
        return [line[2:].split()[0] for line in text_of(app.desk.tensors).splitlines()[1:] if line.strip()]

    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await press(pilot, "n", "n", "2")
        relevant = names()
        assert relevant[0] == "y_pred"
        await press(pilot, "o")
        assert names() == sorted(relevant)
        await press(pilot, "O")
        assert names() == sorted(relevant, reverse=True)
        for _ in range(20):
            if names() == relevant:
                break
            await press(pilot, "o")
        assert names() == relevant
        await press(pilot, "slash", *"param", "enter")
        assert set(names()) == {"w1", "w2"}
        assert "only param" in screen_text(app)
        await press(pilot, "slash", "enter")
        assert names() == relevant
        await pilot.click("#tensors", offset=(4, 1))
        await settled(pilot)
        assert names() == sorted(relevant)
        await pilot.click("#tensors", offset=(4, 3))
        await pilot.click("#tensors", offset=(4, 3))
        await settled(pilot)
        assert text_of(app.desk.viewer).startswith(sorted(relevant)[1] + " ")


@pytest.mark.parametrize(
    ("number", "dtype", "text"),
    [
        (0.10000000149011612, "float32", "0.1"), (0.1, "float64", "0.1"), (3.0, "int64", "3"), (1.0, "bool", "True"),
        (math.nan, "float32", "nan"), (-math.inf, "float16", "-∞"), (0.0999755859375, "float16", "0.1"),
        (3.4028234663852886e38, "float32", "3.4028235e+38"),
        (figures.Element("18446744073709551615"), "uint64", "18446744073709551615"),
        (figures.Element("0.10000000149011612-0.30000001192092896j"), "complex64", "0.1-0.3j"),
        (figures.Element("nan+2j"), "complex128", "nan+2.0j"),
    ],
)  # fmt: skip
def test_an_element_is_read_exactly(number: float | figures.Element, dtype: str, text: str) -> None:
    assert figures.exact(number, dtype) == text


async def test_a_picture_that_is_long_in_coming_is_announced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(view_panel, "PATIENCE", 0.001)
    session = Standin()
    app = app_of(session)
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await press(pilot, "8")
        release, window = asyncio.Event(), session.window

        async def slow(*arguments: Any) -> Any:
            await release.wait()
            return await window(*arguments)

        session.window = slow  # type: ignore[method-assign, assignment]
        await pilot.press("n")
        await until(pilot, lambda: app.desk.viewer.remarked == view_panel.COMING)
        assert text_of(app.desk.viewer).startswith("h "), "the last one is still there"
        release.set()
        await until(pilot, lambda: text_of(app.desk.viewer).startswith("h_relu "))
        assert not app.desk.viewer.remarked


def test_what_is_read_of_complex_numbers_is_said_to_be_their_absolute_value() -> None:
    view = View.of((2, 2))
    grid = view.grid(20, 10)
    assert grid is not None
    window = Window((2, 2), Region(0, 2, 0, 2), 2, 2, [5.0, 1.0, 1.0, 1.0])

    def told(dtype: str) -> tuple[str, str]:
        value = Value("z", "other", "result", Summary(kind="tensor", type="Tensor", shape=(2, 2), dtype=dtype), 0)
        rows = (
            viewer_lines.title_line(Subject("z", value, None), Names(["z"]), view, "after", grid, 60),
            viewer_lines.reading(view, grid, window, 5.0, dtype, 60),
        )
        first, second = ("".join(text for text, _ in row.pieces).rstrip() for row in rows)
        return first, second

    assert told("complex64") == ("z  (2, 2) complex64 |z|", "[0, 0] |z| = 5.0")
    assert told("float64") == ("z  (2, 2) float64", "[0, 0] = 5.0")


@pytest.mark.parametrize(
    ("width", "told"),
    [
        (90, "model.2.weight.grad  (10, 100) float32  ahead of the cursor, line 36  1 cell = 1×2"),
        (70, "model.2.weight.grad  (10, 100) float32  ahead of the cursor, line 36"),
        (56, "model.2.weight.grad  (10, 100) float32  ahead, line 36"),
        (50, "model.2.weight.grad  (10, 100) f32  ahead, line 36"),
        (41, "model.2.weight.grad  (10,100) f32  ahead"),
        (36, "…2.weight.grad  (10,100) f32  ahead"),
        (29, "…2….grad  (10,100) f32  ahead"),
    ],
)
def test_the_name_in_the_title_is_shortened_last(width: int, told: str) -> None:
    view = View.of((10, 100))
    grid = view.grid(50, 10)
    value = Value("g", "gradient", "after", Summary(kind="tensor", type="Tensor", shape=(10, 100), dtype="float32"), 0)
    names = Names([f"model.{layer}.{name}" for layer in (0, 2) for name in ("weight", "bias")])
    subject = Subject("model.2.weight.grad", value, None, "line 36")
    row = viewer_lines.title_line(subject, names, view, "after", grid, width)
    assert "".join(text for text, _ in row.pieces).split() == told.split()


@pytest.mark.parametrize("width", [40, 63, 64, 65, 100, 127, 128, 200])
def test_the_histogram_takes_the_whole_width(width: int) -> None:
    survey = Survey((0,), (0,), None, 0.0, 1.0, [*range(1, 65)], 2080)
    rows = ["".join(text for text, _ in row.pieces) for row in viewer_lines.histogram_lines(survey, width, 2080)]
    assert {len(row) for row in rows[1:]} == {width}
    assert rows[1].endswith("█"), "the tallest bin is the last, and ends where the axis does"
