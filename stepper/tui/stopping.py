"""The actions on breakpoints: set, clear, list, give a condition; and showing a line of any of the script's files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual import on

from stepper.record import Spot
from stepper.session.findings.navigation import frame_of
from stepper.tui.panels.source import SourcePanel
from stepper.tui.remembering import Remembering

if TYPE_CHECKING:
    from stepper.session.breakpoints import Breakpoint


class Stopping(Remembering):
    """Breakpoints, and the file that Source shows."""

    def action_breakpoint(self, line: int | None = None) -> None:
        """Set a breakpoint on a line, by default that which is selected in the source, or take it away."""
        from stepper.session import NoStatement

        line = self.desk.source.selected if line is None else line
        try:
            there = self.session.toggle_breakpoint(line, self.scene.module)
        except NoStatement as problem:
            self._say_why_not(problem)
        else:
            self.message.say(self._said_of(line, there))

    def _say_why_not(self, problem: Exception) -> None:
        text = str(problem)
        self.message.say(text[0].upper() + text[1:] + ".", bad=True)

    def _said_of(self, line: int, there: bool) -> str:
        forth, back = self.keymap.shown("run.continue"), self.keymap.shown("run.reverse")
        spot = Spot(self.scene.module, line)
        place, found = self.session.named(spot), self.session.breakpoints.at(spot)
        if found is not None and found.condition:
            place += f", where {found.condition}"
        if there and self.scene.busy:
            return f"Breakpoint on {place}; it holds from now on."
        if there and self._ran_in_the_setup(spot):
            return f"Breakpoint on {place}, in the setup, which has run; {back} goes back to it."
        if there:
            return f"Breakpoint on {place}; {forth} runs on to it, {back} back to it."
        left = len(self.session.breakpoints.spots)
        return f"The breakpoint on {place} is gone; {left or 'none'} {'are' if left > 1 else 'is'} left."

    def _ran_in_the_setup(self, spot: Spot) -> bool:
        """Whether the cursor has left behind for good what stands on a line: the script's own setup, and no function
        that may be called again."""
        setup = self.scene.records.get(None)
        if setup is None or self.scene.iteration is None or self.scene.phases.get(spot.line) != "setup":
            return False
        ran = [event for event in setup.events if event.kind == "statement" and setup.spot(event) == spot]
        return bool(ran) and all(frame_of(setup, event) is None for event in ran)

    def action_clear_breakpoints(self) -> None:
        """Take all of them away."""
        count = len(self.session.breakpoints.all)
        self.session.clear_breakpoints()
        gone = f"{count} breakpoint{'s are' if count > 1 else ' is'} gone."
        self.message.say(gone if count else "There is no breakpoint.")

    # ----------------------------------------------------------------------------------------------- conditions

    def action_condition(self) -> None:
        """Ask for the condition of the breakpoint on the selected line; one is set where there is none."""
        from stepper.session import NoStatement
        from stepper.tui.screens.condition import ConditionScreen

        spot = Spot(self.scene.module, self.desk.source.selected)
        try:
            self.session.check_line(spot)
        except NoStatement as problem:
            self._say_why_not(problem)
            return
        found = self.session.breakpoints.at(spot)

        session = self.session

        def give(condition: str | None) -> None:
            if condition is None:
                return
            if session is not self.session:
                self.message.say("Another target has been opened meanwhile: no breakpoint was set.", bad=True)
                return
            session.set_condition(spot.line, spot.file, condition)
            self.message.say(self._said_of(spot.line, there=True))

        self.push_screen(ConditionScreen(self.session.named(spot), found.condition if found else ""), give)

    # ----------------------------------------------------------------------------------------------- the list

    def action_breakpoints(self) -> None:
        """List them all."""
        from stepper.tui.screens.breakpoints import BreakpointsScreen

        if not self.session.breakpoints.all:
            self.message.say(f"There is no breakpoint; {self.keymap.shown('breakpoint.toggle')} sets one.")
            return

        def go(chosen: Breakpoint | None) -> None:
            if chosen is None:
                return
            file = "" if chosen.file == self.session.home else chosen.file
            self.show_file(Spot(file, chosen.line))

        self.push_screen(BreakpointsScreen(self.session), go)

    def action_file(self) -> None:
        """Choose which of the script's files Source shows."""
        from stepper.tui.screens.pick import PickScreen

        files = self.session.files
        if len(files) < 2:
            self.message.say("The script has no other file of its own.")
            return
        current = files.index(self.scene.module or self.session.home)

        def choose(number: int | None) -> None:
            if number is not None:
                self.show_file(Spot(files[number] if number else "", 1))

        self.push_screen(
            PickScreen("Files of the script", [self.session.relative(each) for each in files], current), choose
        )

    def show_file(self, spot: Spot) -> None:
        """Show a line in Source, of whatever file, until the cursor moves."""
        self.turn_to(spot.file)
        self.desk.choose(self.desk.panels.index(self.desk.source))
        self.desk.source.select(spot.line)

    @on(SourcePanel.Toggle)
    def toggle_line(self, message: SourcePanel.Toggle) -> None:
        """A click beside a line's number."""
        self.action_breakpoint(message.line)
