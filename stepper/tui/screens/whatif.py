"""A small input: a statement that is carried out before an iteration."""

from collections.abc import Sequence
from typing import ClassVar

from stepper.inferior.protocol import WhatIf
from stepper.session.whatif import present, statement_of
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

    def __init__(self, iteration: int, what_if: Sequence[WhatIf]) -> None:
        """`what_if`: what is carried out in the run that is shown."""
        super().__init__(f"What if, before iteration {iteration}", present(what_if, iteration))
        others = sorted({each.iteration for each in what_if} - {iteration})
        self._others = [f"also in this run: {present(what_if, each)} before iteration {each}" for each in others]

    @property
    def said(self) -> tuple[str, ...]:
        """What there is to know, and what else is carried out in this run."""
        return (*self._others, *self.SAID)

    def checked(self, text: str) -> str:
        """The statement. Raises ValueError."""
        return statement_of(text)
