"""All breakpoints in a list: to go to, switch off, give a condition, or take away."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Label, OptionList
from textual.widgets.option_list import Option

from stepper.terminal_text import visible
from stepper.tui.panels.source import BREAKPOINT, CONDITIONAL, OFF
from stepper.tui.screens.condition import ConditionScreen
from stepper.tui.screens.options import OptionsList
from stepper.tui.screens.question import Question

if TYPE_CHECKING:
    from stepper.session import Session
    from stepper.session.breakpoints import Breakpoint


class BreakpointsScreen(Question["Breakpoint | None"]):
    """Answers the one whose line is to be shown, None for none. What is changed holds at once."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,L", "dismiss(None)", "Close"),
        Binding("delete,d,backspace", "remove", "Take away"),
        Binding("space", "switch", "Switch off or on"),
        Binding("W,c", "condition", "Condition"),
    ]
    DEFAULT_CSS = """
    BreakpointsScreen {
        & > Vertical { width: 90%; max-width: 110; }
        & OptionList { max-height: 30; }
    }
    """

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self._shown: tuple[Breakpoint, ...] = ()

    def compose(self) -> ComposeResult:
        """The lines."""
        with Vertical() as box:
            box.border_title = "Breakpoints"
            yield OptionsList()
            yield Label(
                "enter shows the line · space switches it off or on · c condition · del takes it away · esc closes"
            )

    def on_mount(self) -> None:
        """Arrows move at once."""
        self._fill(0)
        self.query_one(OptionList).focus()

    def _fill(self, highlighted: int) -> None:
        """List them as they are now; where none is left there is nothing to list."""
        self._shown = self._session.breakpoints.all
        if not self._shown:
            self.dismiss(None)
            return
        options = self.query_one(OptionList)
        options.clear_options()
        options.add_options(Option(Content(visible(self._line(each)))) for each in self._shown)
        options.highlighted = min(highlighted, len(self._shown) - 1)

    def _line(self, each: Breakpoint) -> str:
        sign = OFF if not each.enabled else CONDITIONAL if each.condition else BREAKPOINT
        session = self._session
        text = session.source if each.file == session.home else session.modules.get(each.file)
        if text is None:
            code = "(no file of this target)"
        else:
            code = next(iter(text.split("\n")[each.line - 1 : each.line]), "(there is no such line any more)").strip()
        parts = [f"{sign} {session.relative(each.file)}:{each.line}  {code}"]
        if each.condition:
            parts.append(f"    where {each.condition}")
        if each.problem:
            parts.append(f"    which failed with {each.problem}")
        return "\n".join(parts)

    def _chosen(self) -> tuple[int, Breakpoint] | None:
        number = self.query_one(OptionList).highlighted
        return None if number is None or number >= len(self._shown) else (number, self._shown[number])

    def action_remove(self) -> None:
        """Take the highlighted one away."""
        if (chosen := self._chosen()) is not None:
            self._session.remove_breakpoint(chosen[1])
            self._fill(chosen[0])

    def action_switch(self) -> None:
        """Let the highlighted one not hold for a while, or hold again."""
        if (chosen := self._chosen()) is not None:
            self._session.switch_breakpoint(chosen[1])
            self._fill(chosen[0])

    def action_condition(self) -> None:
        """Ask where the highlighted one is to stop."""
        if (chosen := self._chosen()) is None:
            return
        number, each = chosen

        def give(condition: str | None) -> None:
            if condition is not None:
                self._session.change_condition(each, condition)
                self._fill(number)

        place = f"{self._session.relative(each.file)} line {each.line}"
        self.app.push_screen(ConditionScreen(place, each.condition), give)

    @on(OptionList.OptionSelected)
    def chosen(self, message: OptionList.OptionSelected) -> None:
        """Show the line of that one."""
        each = self._shown[message.option_index]
        if each.file in self._session.files:
            self.dismiss(each)
