"""What if: the same target anew, with a statement carried out before the iteration that the cursor is in."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from stepper.tui.opening import Opening

if TYPE_CHECKING:
    from stepper.session import Options


class Supposing(Opening):
    """Asks for the statement, and goes to that iteration of the run that it makes."""

    def action_what_if(self) -> None:
        """Ask what is to be carried out before the iteration that is shown."""
        from stepper.session.whatif import present
        from stepper.tui.screens.whatif import WhatIfScreen

        iteration = self.scene.iteration
        if iteration is None:
            self.message.say("A statement is carried out before an iteration; i goes to one.")
            return
        said = present(self.session.options.what_if, iteration)

        def take(statement: str | None) -> None:
            if statement is not None and statement != said:
                self._elsewhere_by("what_if", lambda: self._suppose(iteration, statement))

        self.push_screen(WhatIfScreen(iteration, self.session.options.what_if), take)

    async def _suppose(self, iteration: int, statement: str) -> None:
        """Run the target anew to the iteration, with the statement before it; as it was, where that cannot be."""
        from stepper.session.whatif import instead

        before = self.session
        options = replace(before.options, what_if=instead(before.options.what_if, iteration, statement))
        if not before.options.what_if:
            self.own_losses = tuple(before.losses)
        refused = await self._anew(before.target, options, iteration)
        if refused:
            await self._anew(before.target, before.options, iteration)
            self.look()  # what was to be said of the start is over then, and does not take this with it
            self.message.say(f"{refused}; this is the run as it was", bad=True)
            return
        self.look()
        self.message.say(" ".join(filter(None, (self._told(iteration, statement), self._unlike()))))

    def _told(self, iteration: int, statement: str) -> str:
        """Which run is shown now."""
        others = [str(each.iteration) for each in self.session.options.what_if if each.iteration != iteration]
        beside = "; Loss draws the script's own beside it" if self.own_losses else ""
        more = f" (and what is before iteration {', '.join(others)})" if others else ""
        if statement:
            return f"This is the run with {statement} before iteration {iteration}{more}{beside}."
        return f"This is the run without it{more}{beside}."

    def _unlike(self) -> str:
        """That the losses differ before any statement was carried out: by numbers that are drawn anew in each run."""
        first = min((each.iteration for each in self.session.options.what_if), default=0)
        pairs = zip(self.own_losses[:first], self.session.losses, strict=False)
        apart = next((number for number, (own, loss) in enumerate(pairs) if own != loss and own == own), None)
        if apart is None:
            return ""
        return f"But it is another run, also without that: from iteration {apart} on the script draws other numbers."

    async def _anew(self, target: str, options: Options, iteration: int) -> str:
        """Run it anew, and go to the iteration; answers why that cannot be."""
        from stepper.session import Misuse

        refused = await self._replace(target, options, anew=True, alike=True)
        if not refused:
            try:
                await self.session.go(iteration)
            except Misuse as error:
                refused = str(error)
        return refused
