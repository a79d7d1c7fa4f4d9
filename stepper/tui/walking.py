"""The actions that move the cursor or let the script run, and what asks for them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from textual import on
from textual.timer import Timer

from stepper.record import Spot
from stepper.session.findings.divergence import name_of
from stepper.tui.causes import began
from stepper.tui.history import History
from stepper.tui.panels.points import PointPanel
from stepper.tui.panels.record import RecordPanel
from stepper.tui.panels.source import SourcePanel
from stepper.tui.searching import Searching

if TYPE_CHECKING:
    from stepper.session import Cursor, Session

SPEEDS = (0, 1, 4, 15)
"""Statements a second of the auto-play; 0: off."""


class Walking(Searching):
    """Steps, jumps, running on, auto-play."""

    def __init__(self, session: Session, config: Path | None = None) -> None:
        super().__init__(session, config)
        self._speed = 0
        self._player: Timer | None = None
        self._played: Cursor | None = None

    def action_step(self, name: str) -> None:
        """Move the cursor: a statement, into, out, an iteration, or the same backward."""
        from stepper.session import Step

        step = Step[name]

        async def move() -> None:
            here = self.session.cursor
            await self.session.step(step)
            if self.session.cursor == here and step is Step.OUT:
                self.message.say("This statement is in the loop itself: there is nothing to lead out of.")

        self.enqueue("step", move, self.keymap.shown(f"step.{name.lower()}"))

    def action_continue(self) -> None:
        """Run on."""
        self.jump("continue", lambda: self.session.run(), self.keymap.shown("run.continue"))

    def action_reverse(self) -> None:
        """Go back to the stop before."""
        self.jump("continue", lambda: self.session.reverse(), self.keymap.shown("run.reverse"))

    @property
    def playing(self) -> bool:
        """Whether the auto-play is on."""
        return self._speed > 0

    def action_restore(self) -> None:
        """Forget what waits, for the script to start above all; else show all panels."""
        if self.kept_keys or (self.moves.starting and self.moves):
            self.forget_moves()
            self.message.say("Nothing waits any more.")
        elif self.desk.maximised:
            self.desk.maximise(False)

    def action_pause(self) -> None:
        """Stop at the next iteration, and forget the steps that were waiting."""
        if self._speed:
            self._play(0)
            return
        self.forget_moves()
        if self.scene.busy or self.moving:
            self.run_worker(self.session.pause(), group="pause", exit_on_error=False)
        elif self.session.working_out:
            self.message.say("")  # what the session says of that is to be seen: nothing else pauses, nor ends it
        else:
            self.message.say("The script stands still already.")

    # ----------------------------------------------------------------------------------------------- jumps

    def action_go(self) -> None:
        """Go to the iteration that is read in the focused panel; else ask for one, and go there."""
        from stepper.tui.screens.go import GoScreen

        panel = self.desk.chosen
        if isinstance(panel, PointPanel) and panel.point not in (None, self.scene.iteration):
            panel.action_go()
            return

        def go(iteration: int | None) -> None:
            # the screen answers -1 for the setup, None for nothing
            if iteration is not None:
                there = iteration if iteration >= 0 else None
                keys = f"{self.keymap.shown('go')} {'setup' if there is None else there}"
                self.jump("go", lambda: self.session.go(there), keys)

        self.push_screen(GoScreen(self.session.count), go)

    def action_wrong(self) -> None:
        """Go to where what made the loss NaN or infinite began: in the first iteration of such a loss, or before it.
        Where no loss is yet, something in the iteration that is shown may be."""
        none = "No loss so far is NaN or infinite."
        if self._first_wrong() is None and not self.moves.leading:
            self.message.say(none)
            return

        async def move() -> None:
            self.look()
            first = self._first_wrong()
            if first is None:
                self.message.say(none)
                return
            found = await began(first, self._record_of)
            there, event = found or (first, None)
            await self.session.go(there, event)
            loss = self.scene.losses[first] if first == self.scene.wrong else None
            if there != first and loss is not None:
                self.message.say(f"The loss is {name_of(loss)} from iteration {first} on: that began here, in {there}.")

        self.jump("place", move, self.keymap.shown("wrong"))  # unlike a `go`, it asks what came before it

    def _first_wrong(self) -> int | None:
        """The first iteration with a loss that is NaN or infinite; else the one shown, where something in it is."""
        history = self.scene.history
        shown = self.scene.iteration if history is not None and history.nonfinite is not None else None
        return shown if self.scene.wrong is None else self.scene.wrong

    async def _record_of(self, iteration: int) -> History | None:
        """Go to an iteration, and answer what happened in it; None where the run has been stopped before."""
        await self.session.go(iteration)
        self.look()
        return self.scene.history if self.scene.iteration == iteration else None

    def action_place(self, step: int) -> None:
        """Back to where the cursor jumped from, or forth again."""

        async def move() -> None:
            there = self.places.go(step, self.session.cursor)
            if there is None:
                way = "back" if step < 0 else "forth"
                self.message.say(f"There is no place to go {way} to.")
            else:
                await self.session.go(there.iteration, there.event if there.event >= 0 else None)

        self.enqueue("place", move, self.keymap.shown("place.back" if step < 0 else "place.forth"))

    @on(PointPanel.Go)
    def go_to_point(self, message: PointPanel.Go) -> None:
        """Go to an iteration that was read in a panel."""
        self.jump("go", lambda: self.session.go(message.iteration))

    @on(SourcePanel.Go)
    def go_to_line(self, message: SourcePanel.Go) -> None:
        """Go to the next event of this record that begins on a line, after the cursor and then from the beginning."""
        from stepper.inferior.protocol import Stop
        from stepper.session.stops import Sought, first_stop

        spot = Spot(self.scene.module, message.line)
        sought = Sought((Stop(spot),))

        async def move() -> None:
            self.look()  # where what was asked for before has led
            scene, here = self.scene, self.session.cursor
            if scene.record is None or scene.event is None:
                return
            found = first_stop(scene.record, sought, scene.event.id)
            found = first_stop(scene.record, sought) if found is None else found
            if found is None:
                self.message.say(f"Nothing on {self.session.named(spot)} ran in this record.")
            else:
                await self.session.go(scene.iteration, found)
                self.jumped(here)

        self.enqueue("pick", move, self.keymap.shown("source.go"))

    @on(RecordPanel.Move)
    def move_to(self, message: RecordPanel.Move) -> None:
        """Go to an event of the record that is shown, if it is the one that is shown then, too."""
        shown = self.scene.history

        async def move() -> None:
            self.look()
            if self.scene.history is shown:
                await self.session.go(self.scene.iteration, message.to)

        self.enqueue("pick", move)

    # ----------------------------------------------------------------------------------------------- auto-play

    def action_play(self) -> None:
        """Step by itself, faster each time, at last no longer."""
        self._play(SPEEDS[(SPEEDS.index(self._speed) + 1) % len(SPEEDS)])

    def _play(self, speed: int) -> None:
        if self._player is not None:
            self._player.stop()
        self._speed, self._played = speed, None
        self.status.play(speed)
        self._player = self.set_interval(1 / speed, self._play_on) if speed else None
        faster, stop = self.keymap.shown("run.play"), self.keymap.shown("run.pause")
        words = f"Playing {speed} statement{'s' if speed > 1 else ''} a second; {faster} changes it, {stop} stops."
        self.message.say(words if speed else "Auto-play is off.")

    def _play_on(self) -> None:
        """One step, if the last one is done and there is something over which to step."""
        if not self.idle or self.scene.busy or self.screen.is_modal:
            return
        if self.session.cursor == self._played:
            self._play(0)  # the end: the cursor did not move
            return
        self._played = self.session.cursor
        self.action_step("NEXT")
