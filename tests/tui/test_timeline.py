"""The timeline: marks at their places, however long the run is; reading an iteration, and going there."""

from __future__ import annotations

import math
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepper.tui import marks
from stepper.tui.app import StepperApp
from stepper.tui.marks import Axis, Facts, Troubles
from stepper.tui.panels.series import Series
from stepper.tui.screens.go import GoScreen
from tests.tui.screen import app_of, ready, settled, text_of, until
from tests.tui.standin import Standin
from tests.tui.test_panels import plant_failure, plant_nan

PLAIN = Facts(printed=False, failed=False, nonfinite=False)


async def press(pilot: Any, *keys: str) -> None:
    for key in keys:
        await pilot.press(key)
        await settled(pilot)


def line(app: StepperApp, label: str) -> str:
    found = next(line for line in text_of(app.desk.timeline).splitlines() if line.lstrip().startswith(label))
    return found[found.index(label) + len(label) + 1 :]


@given(st.integers(1, 10**7), st.integers(1, 300), st.data())
def test_an_iteration_lies_in_the_column_that_leads_back_to_it(count: int, width: int, data: st.DataObject) -> None:
    axis = Axis(count, width)
    iteration = data.draw(st.integers(0, count - 1))
    column = axis.column(iteration)
    assert 0 <= column < width
    assert axis.first(column) <= iteration or axis.within(column) == 0
    assert sum(map(axis.within, range(width))) == count


def test_marks_of_a_hundred_thousand_iterations_fit_any_width() -> None:
    losses: list[float | None] = [1.0] * 100_000
    losses[70_000], losses[70_001] = math.nan, math.inf
    series, troubles = Series(), Troubles()
    series.follow(losses)
    troubles.follow(losses)
    assert troubles.starts == [70_000]
    silent = Facts(printed=False, failed=False, nonfinite=False, output=(7, 7))
    failed = Facts(printed=True, failed=True, nonfinite=True, output=(90, 99))
    known = {0: PLAIN, 50_000: silent, 80_000: silent, 99_999: failed}
    found = marks.rows(Axis(100_000, 50), series, known, {50_000})
    assert found.recorded == {0: "▪", 25: "▪", 40: "▪", 49: "▪"}
    assert found.trouble == {35: "?", 49: "✗"}
    assert found.stopped == {25: "●"}
    assert found.printed == {**dict.fromkeys(range(40, 49), "╌"), 49: "›"}, "of what lies between records only that"


def test_a_column_of_which_all_is_recorded_is_full() -> None:
    found = marks.rows(Axis(100, 10), Series(), dict.fromkeys(range(20), PLAIN) | {25: PLAIN}, ())
    assert found.recorded == {0: "█", 1: "█", 2: "▪"}


def test_following_the_losses_keeps_nothing_of_each() -> None:
    losses: list[float | None] = [0.5] * 200_000
    troubles, series = Troubles(), Series()
    series.follow(losses[:10_000])
    troubles.follow(losses[:10_000])
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        series.follow(losses)
        troubles.follow(losses)
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert grown < 1_000_000


async def test_every_key_of_the_timeline() -> None:
    app = app_of(Standin(plant_nan))
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await press(pilot, *"iiii", "9")
        assert line(app, "iteration").startswith("━━━━▲")
        assert line(app, "recorded").rstrip() == "▪▪▪▪▪"
        assert line(app, "wrong").rstrip() == "   ??", "the loss is NaN from iteration 3 on"
        await press(pilot, "home")
        assert text_of(app.desk.timeline).splitlines()[6].startswith("0  loss 21128 · recorded")
        await press(pilot, "full_stop", "right")
        assert app.desk.timeline.point == 2
        await press(pilot, "comma", "left", "enter")
        assert app.scene.iteration == 0
        await press(pilot, "end")
        assert "19 has not run yet" in text_of(app.desk.timeline)
        await press(pilot, "g")
        assert app.scene.iteration == 19, "what is to come can be gone to as well"
        await press(pilot, "g")
        assert isinstance(app.screen, GoScreen), "there already: it asks"


@pytest.mark.parametrize("panel", ["5", "9"])
async def test_a_point_that_was_gone_to_goes_with_the_cursor(panel: str) -> None:
    app = app_of(Standin())
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await press(pilot, *"iiii", panel, "left", "left", "g")
        assert app.scene.iteration == 3
        await press(pilot, "i", "i", "i", "i")
        assert app.scene.iteration == 7
        await press(pilot, "g")
        assert isinstance(app.screen, GoScreen), "it asks: nothing else than the cursor's iteration is read"
        await press(pilot, "escape", "I", "left", "g")
        assert app.scene.iteration == 5


async def test_a_click_reads_an_iteration_and_a_second_goes_there() -> None:
    app = app_of(Standin())
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await press(pilot, "i", "i", "9", "m")
        panel = app.desk.timeline
        column = Axis(20, panel.wide).column(7) + panel.LABEL + 2
        await pilot.click("#timeline", offset=(column, 2))
        await settled(pilot)
        assert panel.point == 7
        assert app.scene.iteration == 2
        await pilot.click("#timeline", offset=(column, 2))
        await until(pilot, lambda: app.scene.iteration == 7)
        await settled(pilot)
        listed = [line.split()[0] for line in text_of(panel).splitlines()[8:]]
        assert listed == ["0", "1", "2", "3", "4", "5", "6", "7"]
        for _ in range(2):
            await pilot.click("#timeline", offset=(3, 8 + 1 + listed.index("4")))
            await settled(pilot)
        assert app.scene.iteration == 4


async def test_stops_and_failures_are_marked() -> None:
    app = app_of(Standin(plant_failure))
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        app.session.toggle_breakpoint(17)
        await press(pilot, "c", "c", "9")
        assert line(app, "stopped").rstrip() == "●●"
        await press(pilot, "right")
        assert "● stopped" in text_of(app.desk.timeline)
        app.session.clear_breakpoints()
        await press(pilot, "c", "9", "m")
        assert line(app, "wrong").strip() == "✗"
        assert "failed" in text_of(app.desk.timeline)


@pytest.mark.parametrize("size", [(80, 24), (200, 60)])
async def test_before_anything_has_run_and_in_the_setup(size: tuple[int, int]) -> None:
    app = app_of(Standin())
    async with app.run_test(size=size) as pilot:
        await ready(pilot)
        await press(pilot, "I", "9", "right")
        assert "▲" not in line(app, "iteration")
        assert app.desk.timeline.point == 0


async def test_what_is_read_is_said_in_the_frame_where_there_is_no_line_for_it() -> None:
    app = app_of(Standin())
    async with app.run_test(size=(160, 50)) as pilot:
        await ready(pilot)
        await press(pilot, "9", "home")
        assert app.desk.timeline.inner.height < 7
        assert str(app.desk.timeline.border_subtitle).startswith("0  loss 21128 · recorded")


async def test_g_goes_to_the_point_that_the_loss_reads() -> None:
    app = app_of(Standin())
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await press(pilot, "c", "5", "home", "right")
        assert app.desk.loss.copied() == f"1\t{app.scene.losses[1]}"
        await press(pilot, "g")
        assert app.scene.iteration == 1


async def test_marks_of_iterations_that_follow_each_other_have_no_gaps() -> None:
    """Where there are more columns than iterations."""
    app = app_of(Standin())
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await press(pilot, *"iiiiiii", "9", "m")
        assert line(app, "recorded").rstrip() == "▪" * 8
        assert line(app, "iteration").rstrip() == "━" * 7 + "▲" + "─" * 12
        await pilot.click("#timeline", offset=(app.desk.timeline.LABEL + 2 + 30, 2))
        await settled(pilot)
        assert app.desk.timeline.point is None, "there is no iteration beyond the last"
