"""The table of tensors: histograms of what is seen, the health of every value, filtering, every kind of shape."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest

from stepper.record import Record, Value
from stepper.tui.app import StepperApp
from stepper.tui.panels.columns import COLUMNS, short
from stepper.tui.panels.tensors import _heading
from stepper.tui.sketches import bars
from tests.tui.recorded import summary
from tests.tui.screen import app_of, ready, settled, text_of
from tests.tui.standin import Standin


async def press(pilot: Any, *keys: str) -> None:
    for key in keys:
        await pilot.press(key)
        await settled(pilot)


def lines(app: StepperApp) -> list[str]:
    return text_of(app.desk.tensors).splitlines()


def of(app: StepperApp, label: str) -> str:
    return next(line for line in lines(app) if line[2:].split("  ")[0].strip() == label)


def give(session: Standin, **arrays: Any) -> Any:
    """Let the first statement make these as well."""

    def after(record: Record) -> None:
        for label, array in arrays.items():
            session._recorder.copies.append(array)
            value = Value(label, "activation", "result", summary(array), len(session._recorder.copies) - 1)
            record.events[0].values.append(value)

    return after


def test_bars_are_as_tall_as_the_counts_and_nothing_is_left_out() -> None:
    assert bars([0, 1, 500, 1000]) == " ▁▄█"
    assert bars([]) == bars([0, 0]) == ""


def test_the_sign_of_the_order_cuts_no_title() -> None:
    for index, column in enumerate(COLUMNS):
        for backward, sign in ((False, "▴"), (True, "▾")):
            plain, sorted_by = (_heading([c.least for c in COLUMNS], at, backward) for at in (None, index))
            texts = [text for text, _ in plain.pieces], [text for text, _ in sorted_by.pieces]
            assert texts[1][index + 1].strip() == texts[0][index + 1].strip() + sign, column
            assert [len(text) for text in texts[0]] == [len(text) for text in texts[1]]


def test_dtypes_are_written_as_the_field_writes_them() -> None:
    assert [short(name) for name in ("float32", "bfloat16", "int64", "uint8", "complex128", "bool", "int", "list")] == [
        "f32", "bf16", "i64", "u8", "c128", "bool", "int", "list",
    ]  # fmt: skip


async def test_each_tensor_has_a_histogram_and_the_shares_of_its_signs() -> None:
    session = Standin()
    session._after = give(
        session, skew=np.array([[0.0] * 6 + [8.0] * 2]), ill=np.array([math.nan, -math.inf, 1.0, 3.0])
    )
    app = app_of(session)
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        assert "█       ▃" in of(app, "skew")
        assert "0000++" in of(app, "skew")
        assert "«" in of(app, "ill") and "?" in of(app, "ill"), "none is left out"
        assert "1 nan 1 ∞" in of(app, "ill")


async def test_only_lines_that_are_seen_are_asked_for_and_each_once() -> None:
    session = Standin()
    arrays = {f"t{index:02}": np.arange(4.0) + index for index in range(60)}
    session._after = give(session, **arrays)
    app = app_of(session)
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await press(pilot, "2")
        height = app.desk.tensors.inner.height
        assert 0 < len(session.sketched) <= height
        before = len(session.sketched)
        app.desk.tensors.scroll_to(y=20, animate=False, immediate=True)
        await settled(pilot)
        assert before < len(session.sketched) <= 2 * height + 1
        app.desk.tensors.scroll_to(y=0, animate=False, immediate=True)
        await settled(pilot)
        assert len(session.sketched) == len(set(session.sketched))
        app.desk.tensors.set_filter("t0")
        app.desk.tensors.scroll_to(y=20, animate=False, immediate=True)
        await settled(pilot)
        assert app.desk.tensors.scroll_offset.y == 0, "below the last line there is nothing to see"


async def test_tensors_of_every_shape_have_a_place() -> None:
    session = Standin()
    session._after = give(
        session, deep=np.ones((2, 3, 4, 5)), point=np.array(7.0), none=np.zeros((0, 3)), flags=np.array([True, False]),
        large=np.array([2**53 + 1, 2]),
    )  # fmt: skip
    app = app_of(session)
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        assert "(2, 3, 4, 5)" in of(app, "deep")
        assert of(app, "point").split()[3:5] == ["()", "++++++"]
        assert "(0, 3)" in of(app, "none") and "–" in of(app, "none")
        assert "(2,) bool" in of(app, "flags"), "a dtype that is not the usual one is told"
        assert "float64 on cpu" in str(app.desk.tensors.border_title)
        await press(pilot, "2")
        for label, text in (("point", "= 7.0"), ("none", "It has no element."), ("flags", "[0] = True"),
                            ("large", "[0] = 9007199254740993")):  # fmt: skip
            app.desk.viewer.open(label, app.scene.generation)
            await press(pilot, "8")
            assert text in text_of(app.desk.viewer), label


@pytest.mark.parametrize(("text", "labels"), [("forward", {"h"}), ("param", {"w1"}), ("x", {"x"})])
async def test_a_filter_takes_names_roles_and_phases(text: str, labels: set[str]) -> None:
    app = app_of(Standin())
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await press(pilot, "2", "slash", *text, "enter")
        shown = {line[2:].split()[0] for line in lines(app)[1:] if line.strip()}
        assert labels <= shown
        assert f"only {text}" in str(app.desk.tensors.border_title)


async def test_a_filter_that_lets_nothing_through_says_so_until_something_comes() -> None:
    app = app_of(Standin())
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await press(pilot, "2", "slash", *"grad_w2", "enter")
        assert "Nothing so far has that in its name, role or phase." in text_of(app.desk.tensors)
        await press(pilot, "6", "end")
        assert "Nothing so far" not in text_of(app.desk.tensors)
        assert lines(app)[1][2:].split()[0] == "grad_w2"


async def test_page_keys_home_and_end_select_what_enter_opens() -> None:
    app = app_of(Standin())
    async with app.run_test(size=(80, 12)) as pilot:
        await ready(pilot)
        await press(pilot, "6", "end", "2")
        labels = [line[2:].split()[0] for line in lines(app)[1:] if line.strip()]
        page = app.desk.tensors.inner.height - 2
        assert page < len(labels) - 1
        for keys, index in ((["end"], -1), (["home"], 0), (["pagedown"], page), (["pageup"], 0)):
            await press(pilot, *keys, "enter")
            assert text_of(app.desk.viewer).startswith(f"{labels[index]}  "), keys
            await press(pilot, "2")


@pytest.mark.parametrize("size", [(120, 40), (160, 50), (200, 60)])
async def test_there_is_room_for_the_histograms_beside_other_panels(size: tuple[int, int]) -> None:
    session = Standin()
    session._after = give(session, **{"learning_rate * mask": np.ones((64, 100), bool)})
    app = app_of(session)
    async with app.run_test(size=size) as pilot:
        await ready(pilot)
        await press(pilot, "6", "end")
        heading = lines(app)[0].split()
        assert "histogram" in heading and "mean" in heading


async def test_histograms_that_cannot_be_had_are_blank() -> None:
    class Forgetful(Standin):
        async def histograms(self, *arguments: Any) -> list[list[int]]:
            raise LookupError("iteration 0 is not recorded")

    app = app_of(Forgetful())
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        assert "█" not in of(app, "h")


@pytest.mark.parametrize(("key", "panel"), [("2", "tensors"), ("4", "gradients")])
async def test_the_first_line_is_selected_until_another_is_and_a_click_on_it_opens_nothing(
    key: str, panel: str
) -> None:
    app = app_of(Standin())
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await press(pilot, "6", "end")
        lines_of: Any = getattr(app.desk, panel)

        def selected() -> list[int]:
            return [index for index in range(1, 3) if lines_of.row(index).base == "current"]

        assert not selected(), "it has not the focus"
        await pilot.click(f"#{panel}", offset=(3, 2))
        await settled(pilot)
        assert app.focused is lines_of and selected() == [1]
        await press(pilot, "3", key, "down")
        assert selected() == [2]
        await press(pilot, "up")
        assert selected() == [1]


async def test_the_first_line_is_marked_where_that_of_the_selected_value_is_no_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    app = app_of(Standin())
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await press(pilot, "1", "slash", *"grad_w1", "enter", "2", "o", "O")
        while app.desk.tensors.row((app.desk.tensors.selected or 0) + 1).pieces[2][0].strip() != "grad_w1":
            await press(pilot, "down")
        assert app.desk.tensors.selected
        touched: set[int] = set()
        touch = app.desk.tensors.touch

        def watched(indices: Iterable[int]) -> None:
            found = list(indices)
            touched.update(found)
            touch(found)

        monkeypatch.setattr(app.desk.tensors, "touch", watched)
        await press(pilot, "N")
        assert "grad_w1" not in text_of(app.desk.tensors)
        assert app.desk.tensors.row(1).base == "current" and 1 in touched, "it is painted, too"
