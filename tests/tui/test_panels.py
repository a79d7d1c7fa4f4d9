"""What the panels say of iterations that are not as they should be: NaN, failures, nothing to show, a lost process."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from typing import Any

import pytest

from stepper.record import Record, Summary
from stepper.session import Misuse, State
from tests.tui.screen import app_of, ready, screen_text, settled, text_of, until
from tests.tui.standin import Standin


def plant_nan(iteration: int, line: int, names: dict[str, Any]) -> None:
    """From iteration 3 on, one weight is NaN and another infinite."""
    if iteration == 3 and line == 12:
        names["w1"][0, 0], names["w1"][1, 1] = math.nan, math.inf


def plant_failure(iteration: int, line: int, names: dict[str, Any]) -> None:
    """Line 23 of iteration 2 fails."""
    if iteration == 2 and line == 23:
        raise ZeroDivisionError("division by zero")


async def test_a_line_shows_what_it_computed_when_it_has_run() -> None:
    app = app_of(Standin())
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        lines = text_of(app.desk.source).splitlines()
        assert lines[11].startswith("▶12F")
        assert lines[11].endswith("(8,6)·(6,10) → (8,10)")
        assert lines[13].startswith(" 14")
        assert lines[13].endswith("dot(w2)")
        await pilot.press("n", "n", "n")
        await settled(pilot)
        lines = text_of(app.desk.source).splitlines()
        assert lines[11].startswith("✓12")
        assert lines[13].endswith("→ (8,3)")
        assert lines[16].endswith("21128")


async def test_what_the_statement_read_and_changed_stands_out() -> None:
    app = app_of(Standin())
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await pilot.press("n")
        await settled(pilot)
        marked = [line.split()[:2] for line in text_of(app.desk.tensors).splitlines() if line[:1] in ("◆", "›")]
        assert marked == [["◆", "h_relu"], ["›", "h"]]


async def test_nan_is_shown_wherever_it_is() -> None:
    app = app_of(Standin(plant_nan))
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await pilot.press("i", "i", "i", "i", "n", "n", "n")
        await settled(pilot)
        assert "loss nan" in text_of(app.status)
        assert "nan" in text_of(app.desk.source).splitlines()[16]
        assert "60 nan" in text_of(app.desk.tensors)
        assert "?" in text_of(app.desk.gate)
        assert "?" in text_of(app.desk.loss).splitlines()[0]
        assert "nan" in text_of(app.desk.gradients)


async def test_a_failure_keeps_the_cursor_on_the_failing_statement_and_shows_the_traceback() -> None:
    app = app_of(Standin(plant_failure))
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await pilot.press("c")
        await settled(pilot)
        assert app.scene.event is not None
        assert app.scene.event.line == 23
        assert text_of(app.desk.source).splitlines()[22].startswith("✗23")
        assert "ZeroDivisionError: division by zero" in screen_text(app)
        assert "✗ failed" in screen_text(app)
        await pilot.press("N", "0")
        await settled(pilot)
        assert app.focused is app.desk.trouble
        assert text_of(app.desk.source).splitlines()[21].startswith("▶22")
        assert screen_text(app).count("ZeroDivisionError") == 1, "in one place"
        await pilot.resize_terminal(80, 24)
        await pilot.press("1")
        await settled(pilot)
        assert not app.desk.trouble.display
        told = " ZeroDivisionError: division by zero (line 23)"
        await until(pilot, lambda: told in map(str.rstrip, screen_text(app).splitlines()))
        await pilot.press("0")
        await until(pilot, lambda: screen_text(app).count("ZeroDivisionError") == 1, "in one place again")


@pytest.mark.parametrize("size", [(120, 40), (80, 24)])
async def test_a_lost_process_is_told_with_its_last_words(size: tuple[int, int]) -> None:
    session = Standin()
    app = app_of(session)
    async with app.run_test(size=size) as pilot:
        await ready(pilot)
        session.tell(state=State.LOST, traceback="the script's process was ended by SIGSEGV")
        await pilot.press("0")
        await until(pilot, lambda: "ended by SIGSEGV" in screen_text(app))
        assert "out of luck" in screen_text(app)
        assert "✗ process lost" in screen_text(app)
        assert app.scene.event is not None


async def test_what_ended_a_script_is_read_whole_in_a_narrow_terminal() -> None:
    session = Standin()
    app = app_of(session)
    told = (
        "the script left by itself with status 7 (os._exit), at line 9, in iteration 3; iterations 0 to 2 were finished"
    )
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        session.tell(state=State.FAILED, traceback=told + "\n")
        await pilot.press("0")
        await until(pilot, lambda: "were finished" in screen_text(app))
        assert " ".join(text_of(app.desk.trouble).split()).endswith(told)
        await pilot.press("y")
        assert app.clipboard.endswith(told)
        session.tell(state=State.FAILED, traceback=told + "\n", notice=f"{told}.")
        await pilot.press("1")
        await until(pilot, lambda: "were finished." in screen_text(app))
        assert screen_text(app).count("left by itself") == 1, "what is told in both is said once"


async def test_without_gates_and_parameters_the_panels_say_so() -> None:
    app = app_of(Standin(gates=False, parameters=False))
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        assert "No ReLU-like gate ran in this iteration." in screen_text(app)
        assert "No parameter is updated" in text_of(app.desk.gradients)


async def test_a_run_without_a_loss_is_told_that_a_later_iteration_may_have_one_until_it_is_over() -> None:
    def without(record: Record) -> None:
        record.loss = None

    app = app_of(Standin(after=without))
    async with app.run_test(size=(200, 60)) as pilot:
        await ready(pilot)
        said = " ".join(text_of(app.desk.loss).split())
        assert "A later one may have; else name it by --loss EXPR, or v, Loss." in said
        await pilot.press("c")
        await settled(pilot)
        said = " ".join(text_of(app.desk.loss).split())
        assert "called loss, cost or error: name one by --loss EXPR, or v, Loss." in said


async def test_misuse_ends_the_app_with_its_line_and_code_2() -> None:
    class Wrong(Standin):
        async def open(self) -> None:
            raise Misuse("numpy: no training loop")

    app = app_of(Wrong())
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: app.return_code is not None)
    assert (app.return_code, app.misuse) == (2, "numpy: no training loop")


async def test_what_goes_wrong_in_a_move_is_shown() -> None:
    class Broken(Standin):
        async def step(self, step: object) -> None:
            raise RuntimeError("the wire is cut")

    app = app_of(Broken())
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await pilot.press("n")
        line = Broken.step.__code__.co_firstlineno + 1
        await until(pilot, lambda: f"RuntimeError: the wire is cut, test_panels.py line {line}" in screen_text(app))


async def test_a_picture_that_cannot_be_had_is_explained() -> None:
    class Forgetful(Standin):
        async def window(self, *arguments: Any) -> Any:
            raise LookupError("iteration 0 is not recorded")

    app = app_of(Forgetful())
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        assert "iteration 0 is" in text_of(app.desk.gate)


@pytest.mark.parametrize("size", [(20, 6), (80, 24), (99, 29), (120, 40), (200, 60), (300, 20)])
async def test_any_size_is_survived(size: tuple[int, int]) -> None:
    def crowd(record: Record) -> None:
        record.gates *= 3

    app = app_of(Standin(plant_nan, after=crowd))
    async with app.run_test(size=size) as pilot:
        await ready(pilot)
        await pilot.press("i", "s", "3", "z", "m", "i", "l", "5", "i", "4", "m", "2")
        await settled(pilot)
        await pilot.resize_terminal(size[0] // 2 + 8, size[1] // 2 + 3)
        await pilot.press("n")
        await settled(pilot)
        assert app.scene.iteration == 3


def test_what_is_drawn_is_never_wider_than_its_panel() -> None:
    async def check(look: Callable[[Any], None]) -> None:
        app = app_of(Standin())
        for size in [(80, 24), (120, 40), (200, 60)]:
            async with app.run_test(size=size) as pilot:
                await ready(pilot)
                look(app)
            app = app_of(Standin())

    def look(app: Any) -> None:
        for panel in app.desk.panels:
            if panel.display:
                for line in text_of(panel).splitlines():
                    assert len(line.rstrip()) <= panel.inner.width, (panel.id, line)

    asyncio.run(check(look))


def test_the_gradient_of_a_single_number_has_a_size() -> None:
    number = Summary(kind="scalar", type="float", value=-2.5)
    assert (number.norm, number.largest, number.zeros, number.nonfinite) == (2.5, 2.5, 0, 0)
    assert Summary(kind="scalar", type="float", value=float("nan")).nonfinite == 1
    assert Summary(kind="scalar", type="int", value=10**400).norm == 10**400
    assert Summary(kind="scalar", type="str", value="sum").norm is None


@pytest.mark.parametrize("rows", [1, 60])
async def test_a_message_longer_than_the_panel_is_read_from_its_beginning(rows: int) -> None:
    session = Standin()
    app = app_of(session)
    told = 'Traceback (most recent call last):\n  File "nine.py", line 9, in <module>\n    draw(x)\n    ~~~~^^^'
    told += "\nValueError: not within bounds:\ntensor([nan,\n" + "        nan,\n" * rows + "        nan])\n"
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        session.tell(state=State.FAILED, traceback=told)
        await pilot.press("0")
        await until(pilot, lambda: "ValueError: not within bounds" in screen_text(app))
        assert 'File "nine.py", line 9' in screen_text(app)
        assert ("nan])" in screen_text(app)) == (rows == 1)
