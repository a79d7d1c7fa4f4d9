"""The dialog of the gradient check says also what went wrong in the check itself."""

from __future__ import annotations

from collections.abc import Callable

from textual.app import App
from textual.widgets import Static

from stepper.session.check.gradient_check import GradientCheck
from stepper.tui.screens.check import CheckScreen
from tests.tui.screen import until


async def test_a_fault_of_the_check_is_shown() -> None:
    async def broken(tell: Callable[[GradientCheck, str], None]) -> GradientCheck:
        tell(GradientCheck(3, 1.0, (), ("w",)), "w")
        raise ValueError("no such axis")

    app: App[int] = App()
    async with app.run_test() as pilot:
        await app.push_screen(CheckScreen(3, broken))
        shown = app.screen.query_one("#check", Static)
        await until(pilot, lambda: "ValueError: no such axis" in str(shown.render()))
