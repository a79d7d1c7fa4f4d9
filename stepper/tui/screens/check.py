"""The gradients of an iteration against finite differences: how far the check is, then what came of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from stepper.session.check.check_text import lines, verdict
from stepper.session.check.gradient_check import GradientCheck
from stepper.session.errors import Misuse, ScriptFailed
from stepper.terminal_text import visible
from stepper.tui.screens.question import Question

LEAST = 20
"""Columns that lines are made for, however few there are."""
Check = Callable[[Callable[[GradientCheck, str], None]], Awaitable[GradientCheck]]


class CheckScreen(Question[None]):
    """Begins the check when it opens; the app goes on, and closing ends it."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q", "dismiss(None)", "Close")]
    DEFAULT_CSS = """
    CheckScreen {
        & > VerticalScroll { width: 110; }
        & Static { width: 1fr; height: auto; }
    }
    """

    def __init__(self, iteration: int, check: Check) -> None:
        super().__init__()
        self._iteration = iteration
        self._check = check
        self._text: Callable[[int], str] = lambda room: ""

    def compose(self) -> ComposeResult:
        """One text."""
        with VerticalScroll() as box:
            box.border_title = f"Gradients of iteration {self._iteration} against finite differences"
            box.border_subtitle = "esc closes · arrows scroll"
            yield Static(id="check")

    def on_mount(self) -> None:
        """Arrows scroll at once."""
        self.query_one(VerticalScroll).focus()
        self._say("running the script again, in a process of its own, to the head of the iteration …")
        self.run_worker(self._run(), exit_on_error=False)

    async def _run(self) -> None:
        def tell(found: GradientCheck, name: str) -> None:
            done = len(found.parameters)
            if name:
                known = replace(found, ahead=()) if done else None
                self._tell(known, f"checking {name} ({done + 1} of {done + len(found.ahead)}) …")

        try:
            found = await self._check(tell)
        except (LookupError, Misuse) as reason:
            self._say(str(reason.args[0] if reason.args else reason))
        except ScriptFailed as failed:
            self._say(f"{failed}\n{failed.traceback}")
        except Exception as error:  # a fault of our own: told here, where the check was asked for
            self._say(f"the check failed, by a fault of stepper's: {type(error).__name__}: {error}")
        else:
            self._tell(found, "")

    def _tell(self, found: GradientCheck | None, last: str) -> None:
        """What is known so far, and a line behind it."""

        def text(room: int) -> str:
            known = list(lines(found, room)) if found is not None else []
            if found is not None and not last and (whole := verdict(found)):
                known = [whole, "", *known]
            behind = ["", last] if known and last else [last] if last else []
            return "\n".join([*known, *behind])

        self._show(text)

    def _say(self, text: str) -> None:
        self._show(lambda room: text)

    def _show(self, text: Callable[[int], str]) -> None:
        self._text = text
        self.draw()

    @on(events.Resize)
    def draw_anew(self) -> None:
        """There is another width, once that is laid out."""
        self.call_after_refresh(self.draw)

    def draw(self) -> None:
        """Show what there is to say, for the present width."""
        room = self.query_one(VerticalScroll).scrollable_content_region.width
        self.query_one("#check", Static).update(Content(visible(self._text(max(LEAST, room)))))
