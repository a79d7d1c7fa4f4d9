"""A small input: where on its line a breakpoint stops."""

from typing import ClassVar

from stepper.tui.screens.expression import ExpressionScreen


class ConditionScreen(ExpressionScreen):
    """Answers a Python expression (empty: none, it always stops), None for no change."""

    EXAMPLE: ClassVar[str] = "t == 300 or loss > 10"
    SAID: ClassVar[tuple[str, ...]] = (
        "It is evaluated before the line runs, and changes no number of the run; what it prints, or takes from an "
        "iterator, is done each time.",
        "enter takes it (empty: it always stops), esc leaves it as it was",
    )

    def __init__(self, place: str, condition: str) -> None:
        """`place`: the line, to be read; `condition`: the present one."""
        super().__init__(f"Stop on {place} only where", condition)
