"""What if: `e` runs the target anew with a statement before the iteration that is shown, and compares the losses."""

from __future__ import annotations

from pathlib import Path

from textual.widgets import Input, Label

from stepper.session import Options, Session
from tests.tui.screen import app_of, ready, settled, text_of, until

TRAIN = """
import random
rate = 0.1
w = 2.0 + random.random()
for t in range(40):
    loss = w * w
    w = w - rate * 2 * w
"""


async def test_a_statement_makes_another_run_which_is_compared_with_the_scripts_own(tmp_path: Path) -> None:
    script = tmp_path / "train.py"
    script.write_text(TRAIN)
    app = app_of(Session(str(script), Options()))
    async with app.run_test(size=(120, 40)) as pilot:

        async def suppose(statement: str) -> None:
            before = app.session
            await pilot.press("e")
            await until(pilot, lambda: bool(app.screen.query(Input)))
            app.screen.query_one(Input).value = statement
            await pilot.press("enter")
            await until(pilot, lambda: app.session is not before and app.idle and app.scene.iteration == 3)
            await settled(pilot)

        await ready(pilot)
        await pilot.press(*"g9", "enter", *"g3", "enter")
        await until(pilot, lambda: app.idle and app.scene.iteration == 3)
        own = list(app.session.losses)
        script.write_text("this is written anew, and (")
        await suppose("w = 1.0")  # the numbers that it draws without a seed are drawn again, by the text that ran
        assert app.scene.losses == [*own[:3], 1.0] and list(app.scene.own_losses) == own
        assert "what if @3" in text_of(app.status) and "the run with w = 1.0 before iteration 3" in text_of(app.message)
        parts = {part for y in range(app.desk.loss.inner.height - 1) for _, part in app.desk.loss.row(y).pieces[2:]}
        assert parts == {"line", "muted"}, "both are drawn, to be told apart"
        await pilot.resize_terminal(80, 24)
        await until(pilot, lambda: app.status.size.width == 80 and app.idle)
        assert "what if @3" in text_of(app.status), "that this is no run of the script's own"

        await pilot.press("g", "4", "enter")
        await until(pilot, lambda: app.idle and app.scene.iteration == 4)
        await pilot.press("e")
        await until(pilot, lambda: bool(app.screen.query(Input)))
        said = [str(label.render()) for label in app.screen.query(Label)]
        assert said[0] == "also in this run: w = 1.0 before iteration 3", said
        await pilot.press("escape", "g", "3", "enter")
        await until(pilot, lambda: app.idle and app.scene.iteration == 3)

        await suppose("speed = 1.0")
        assert "has no name 'speed' there" in text_of(app.message)
        assert app.scene.losses == [*own[:3], 1.0], "what cannot be carried out leaves the run that there was"

        await suppose("")
        assert app.scene.losses == own[:4] and not app.scene.own_losses and "what if" not in text_of(app.status)
