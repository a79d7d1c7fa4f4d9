"""A small input: an expression to watch."""

from typing import ClassVar

from stepper.tui.screens.expression import ExpressionScreen


class WatchScreen(ExpressionScreen):
    """Answers a Python expression; None, or an empty one, for none."""

    EXAMPLE: ClassVar[str] = "(h > 0).mean(0) or w1.grad.norm()"
    SAID: ClassVar[tuple[str, ...]] = (
        "It is worked out of what the record holds where the cursor stands, of copies, with the script's modules (np, "
        "torch); the run goes on as it would.",
        "enter shows it in Tensors, esc closes",
    )

    def __init__(self) -> None:
        super().__init__("Watch")
