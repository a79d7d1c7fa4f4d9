"""Watched expressions: shown in Tensors wherever the cursor is, opened in the viewer, taken away."""

from __future__ import annotations

import asyncio
from typing import Any

from textual.pilot import Pilot

from stepper.inferior.protocol import TOOK_LONG
from stepper.record import Summary, Value
from stepper.session.expressions import Asked
from tests.tui.screen import app_of, ready, screen_text, settled, text_of, until
from tests.tui.standin import Standin


async def watch(pilot: Pilot[int], text: str) -> None:
    """Type an expression to watch."""
    await pilot.press("w", *text, "enter")
    await settled(pilot)


def lines(app: Any) -> list[str]:
    """The lines of Tensors that are watched."""
    return [line for line in text_of(app.desk.tensors).splitlines() if line.startswith("=")]


async def test_an_expression_is_worked_out_anew_wherever_the_cursor_comes_to() -> None:
    app = app_of(Standin())
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await watch(pilot, "(h > 0).sum(0)")
        await watch(pilot, "loss * 2")
        assert app.desk.chosen is app.desk.tensors
        assert "(10,)" in lines(app)[0] and "loss has no value yet" in lines(app)[1]
        first = app.scene.watched[0].value
        await pilot.press("i", "n", "n", "n", "n")
        await settled(pilot)
        assert app.scene.record is not None and app.scene.record.loss is not None
        assert app.scene.watched[1].value.summary.value == 2 * app.scene.record.loss
        assert app.scene.watched[0].value.copy != first.copy


async def test_enter_opens_it_in_the_viewer_and_delete_takes_it_away() -> None:
    app = app_of(Standin())
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await pilot.press("n", "n", "n")
        await watch(pilot, "h.T * 2")
        await pilot.press("enter")
        await settled(pilot)
        assert app.desk.chosen is app.desk.viewer and "h.T * 2" in text_of(app.desk.viewer)
        assert app.desk.viewer.view is not None and app.desk.viewer.view.shape == (10, 8)
        await pilot.press("2", "delete")
        await settled(pilot)
        assert not lines(app) and "h.T * 2 is watched no more" in screen_text(app)


async def test_a_name_of_the_record_may_be_watched_and_the_arrows_pass_by_both_of_its_lines() -> None:
    app = app_of(Standin())
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await pilot.press("n", "n", "n")
        await watch(pilot, "h")
        met = []
        for _ in range(6):
            met.append(app.desk.tensors.selected)
            await pilot.press("down")
        assert met == [0, 1, 2, 3, 4, 5]


async def test_what_cannot_be_told_says_why_and_enter_says_all_of_it() -> None:
    app = app_of(Standin())
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await watch(pilot, "grad_w")
        assert "nothing here is called grad_w" in lines(app)[0]
        await pilot.press("enter")
        await settled(pilot)
        assert app.desk.chosen is app.desk.tensors and "did you mean" in screen_text(app)


async def test_a_shape_is_told_in_words_and_whole_and_so_is_a_long_expression_that_is_a_number() -> None:
    class Shaped(Standin):
        async def evaluate(self, iteration: int | None, label: str, asked: Asked) -> Value:
            if label == "h.shape":
                return Value(label, "other", "result", Summary("scalar", "tuple", value="(1000, 100)"))
            return Value(label, "other", "result", Summary("scalar", "float", value=0.25))

    app = app_of(Shaped())
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await watch(pilot, "h.shape")
        assert lines(app)[0].split() == ["=", "h.shape", "(1000,", "100)"]
        await pilot.press("enter")
        await settled(pilot)
        assert app.desk.chosen is app.desk.tensors and "h.shape: (1000, 100)" in screen_text(app)
        await watch(pilot, "h[0] * 2 + h[1] * 3 + h[2]")
        assert " ".join(lines(app)[1].split()) == "= h[0] * 2 + h[1] * 3 + h[2] 0.25"


async def test_what_is_no_expression_is_told_in_the_dialog() -> None:
    app = app_of(Standin())
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await pilot.press("w", *"h =", "enter")
        await until(pilot, lambda: "is not a Python expression" in screen_text(app))
        await pilot.press("escape")
        await settled(pilot)
        assert not app.watches.texts


async def test_while_it_is_worked_out_the_line_says_that_it_is_coming() -> None:
    class Slow(Standin):
        gate: asyncio.Event

        async def evaluate(self, iteration: int | None, label: str, asked: Asked) -> Value:
            await self.gate.wait()
            return await super().evaluate(iteration, label, asked)

    session = Slow()
    session.gate = asyncio.Event()
    app = app_of(session)
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await pilot.press("n", "w", *"h + 1", "enter")
        await until(pilot, lambda: any("…" in line for line in lines(app)))
        session.gate.set()
        await until(pilot, lambda: "(8, 10)" in lines(app)[0])


async def test_one_that_comes_to_no_end_is_not_asked_for_again_until_the_person_does() -> None:
    class Endless(Standin):
        asked = 0

        async def evaluate(self, iteration: int | None, label: str, asked: Asked) -> Value:
            self.asked += 1
            raise LookupError(f"{TOOK_LONG}10 seconds")

    session = Endless()
    app = app_of(session)
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await watch(pilot, "1 + 1")
        await pilot.press("i")
        await settled(pilot)
        assert TOOK_LONG in lines(app)[0] and session.asked == 1
        await watch(pilot, "1 + 1")
        assert session.asked == 2
        session.working_out = "2 + 2"
        for key in ("p", "ctrl+c"):
            await pilot.press(key)
            await settled(pilot)
            assert "stands still" not in screen_text(app) and "Nothing runs" not in screen_text(app), key
        app.watches.texts.append("2 + 2")
        app.follow(app.session)  # as where the script is run anew, since nothing else ends that
        await settled(pilot)
        assert "it came to no end: w asks" in lines(app)[1] and session.asked == 2
