"""The app: saves and quits. Its other actions are in `opening`, `supposing`, `walking` and `looking`."""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType

from stepper.terminal_text import printed
from stepper.tui.actions import bindings
from stepper.tui.looking import Looking
from stepper.tui.pictures import reason
from stepper.tui.signals import mind_signals
from stepper.tui.supposing import Supposing

if TYPE_CHECKING:
    from stepper.session import Session


TOLD_AFTER = 1.0
"""Seconds after which it is said that the script's process has not ended yet."""


class StepperApp(Supposing, Looking):
    """Shows one session at a time."""

    CSS_PATH = "stepper.tcss"
    TITLE = "stepper"
    ENABLE_COMMAND_PALETTE = True
    BINDINGS: ClassVar[list[BindingType]] = bindings()

    def __init__(self, session: Session, config: Path | None = None) -> None:
        """`config`: the file in which theme and arrangement are kept; None: nothing is."""
        super().__init__(session, config)

    def compose(self) -> ComposeResult:
        """Status, panels, messages, keys."""
        yield self.status
        yield self.desk
        yield self.message
        yield self.keys

    def on_mount(self) -> None:
        """Paint at once; open the session beside it."""
        mind_signals(self, self.keep)
        self.desk.fit(self.size.width, self.size.height)
        self.remember()
        self.desk.choose(0)
        self.follow(self.session)
        self.begin_work()
        self.begin()

    async def on_unmount(self) -> None:
        """The screen is over; the terminal is not given back before this is."""
        self.keep()
        if self.is_headless:  # there is no terminal to give back
            await self.leave()

    async def run_async(self, *args: Any, **kwargs: Any) -> int | None:
        """Run, and end the script's process behind the screen: its exit handlers, and what its libraries take down with
        it, may need seconds, for which the last picture would stand there as if no key had any effect."""
        try:
            return await super().run_async(*args, **kwargs)
        finally:
            if not self.is_headless:
                await self._wait_for_the_end()

    async def _wait_for_the_end(self) -> None:
        leaving = asyncio.create_task(self.leave())
        await asyncio.wait({leaving}, timeout=TOLD_AFTER)
        if not leaving.done():
            print(f"{self.session.target}: waiting for the script's process to end", file=sys.stderr)
        await leaving
        with suppress(OSError):  # the terminal may be gone
            for line in printed(self.session.parting):  # there is no panel any more to show it
                print(line, flush=True)

    def action_check(self) -> None:
        """Compare the gradients of the iteration that is shown with finite differences of its loss."""
        from stepper.tui.screens.check import CheckScreen

        iteration = self.scene.iteration
        if iteration is None or self.scene.record is None:
            self.message.say("There are no gradients to check here: the setup has none, i goes to an iteration.")
            return
        self.push_screen(CheckScreen(iteration, partial(self.session.check, iteration, None)))

    # ----------------------------------------------------------------------------------------------- taking away

    def action_export(self) -> None:
        """Ask what to save and where, and save it."""
        from stepper.tui import saving
        from stepper.tui.screens.export import ExportScreen, Order

        value, iteration = self.desk.viewer.value_in(self.scene), self.scene.iteration
        screen = self.export_screenshot(title=f"stepper {self.scene.target}")

        async def write(order: Order) -> None:
            try:
                self.message.say(await saving.save(order, self.session, iteration, value, screen))
            except Exception as error:  # shown: whatever went wrong, nothing was saved
                self.message.say(f"Nothing was saved: {reason(error)}", bad=True)

        def take(order: Order | None) -> None:
            if order is not None:
                self.run_worker(write(order), group="export", exit_on_error=False)

        self.push_screen(ExportScreen(saving.offers(self.scene, value)), take)

    def action_copy(self) -> None:
        """Hand the focused panel's text to the terminal's clipboard."""
        text = self.desk.chosen.copied()
        if text:
            self.copy_to_clipboard(text)
        lines = text.count("\n") + 1
        said = f"{lines} lines" if lines > 1 else text[:60]
        self.message.say(f"Copied {said}." if text else "There is nothing to copy here.")

    def action_help_quit(self) -> None:
        """What Textual calls for ctrl+c: stop what runs, as in any terminal; else say which key quits."""
        if self.scene.busy or self.moving or self.playing or self.session.working_out:
            self.action_pause()
        else:
            self.message.say(f"Nothing runs that ctrl+c could stop; {self.keymap.shown('quit')} quits.")

    async def action_quit(self) -> None:
        """Close; while the script runs, say so first."""
        if self.scene.state in ("running", "replaying") and self.asked != "quit":
            self.asked = "quit"
            again, pause = self.keymap.shown("quit"), self.keymap.shown("run.pause")
            self.message.say(f"The script is at work: {again} again ends it and quits, {pause} pauses it.")
            return
        self.exit(0)
