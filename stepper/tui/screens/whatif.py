"""A small input: a statement that is carried out before an iteration."""

from typing import ClassVar

from stepper.session.whatif import statement_of
from stepper.tui.screens.expression import ExpressionScreen


class WhatIfScreen(ExpressionScreen):
    """Answers a Python statement (empty: none), None for no change."""

    KIND: ClassVar[str] = "statement"
    EXAMPLE: ClassVar[str] = "lr = 0.1 or w1[:, 3] = 0"
    SAID: ClassVar[tuple[str, ...]] = (
        "The script runs anew from its beginning; before this iteration the statement is carried out, in the names of "
        "the loop and without gradients. Loss draws the script's own run beside that one.",
        "enter runs it (empty: nothing is carried out here), esc closes",
    )

    def __init__(self, iteration: int, present: str) -> None:
        """`present`: the statement that is carried out there now."""
        super().__init__(f"What if, before iteration {iteration}", present)

    def checked(self, text: str) -> str:
        """The statement. Raises ValueError."""
        return statement_of(text)
