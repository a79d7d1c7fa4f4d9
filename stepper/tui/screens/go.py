"""A small input: which iteration to go to."""

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.widgets import Input, Label

from stepper.session.findings.extent import only
from stepper.tui.screens.question import Question

SETUP = -1


class GoScreen(Question[int | None]):
    """Answers the iteration, `SETUP` for the setup, None for nothing."""

    BINDINGS = [Binding("escape", "dismiss(None)", "Cancel")]  # noqa: RUF012
    DEFAULT_CSS = """
    GoScreen > Vertical { width: 56; }
    """

    def __init__(self, count: int | None) -> None:
        """`count`: how many iterations there are, where that is certain."""
        super().__init__()
        self._count = count

    def compose(self) -> ComposeResult:
        """One input, and what may be typed."""
        last = f"0 to {self._count - 1}" if self._count else "counted from 0"
        with Vertical() as box:
            box.border_title = "Go to iteration"
            yield Input(placeholder="number, or setup", max_length=12)
            yield Label(f"{last}, or setup · enter goes there, esc closes")
            yield Label("", id="problem")

    @on(Input.Submitted)
    def go(self, event: Input.Submitted) -> None:
        """Answer, or say what is wrong with it."""
        text = event.value.strip().lower()
        if text in ("setup", "s"):
            self.dismiss(SETUP)
        elif text.isdecimal() and self._count and int(text) >= self._count:
            said = only(self._count)
            self._complain(f"{said[0].upper()}{said[1:]}.")
        elif text.isdecimal():
            self.dismiss(int(text))
        elif not text:
            self.dismiss(None)
        else:
            self._complain("Type an iteration's number, or setup.")

    def _complain(self, text: str) -> None:
        problem = self.query_one("#problem", Label)
        problem.update(text)
        problem.display = True
