"""Opening targets: the first one, and others in its place, also while one is still starting."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from stepper.tui.moves import LONG
from stepper.tui.walking import Walking

if TYPE_CHECKING:
    from stepper.session import Misuse, Options, Session
    from stepper.tui.moves import Move


WAY_SECONDS = 2.0
"""How long a restart, or another target, waits for the script to pause; inside a call that does not end it never does.
"""


class Opening(Walking):
    """`misuse` is the line to print where the first target could not be opened (exit code 2)."""

    def __init__(self, session: Session, config: Path | None = None) -> None:
        super().__init__(session, config)
        self.misuse = ""
        self.refused: tuple[str, Options] | None = None
        """What was asked for last, where it could not be opened."""
        self._start: asyncio.Task[None] | None = None
        """The start of the session that is shown, until it is over: it goes on while another target is asked for, which
        may be wrong."""
        self._elsewhere: asyncio.Future[None] | None = None
        """While a start is waited for: whether another target has been asked for."""

    def begin(self) -> None:
        """Open the session that is shown."""
        self.enqueue("open", self._open)

    async def leave(self) -> None:
        """Look no more, and end the script's process, wherever it has come to."""
        if self._start is not None:
            self._start.cancel()
        await super().leave()

    async def _open(self) -> None:
        from stepper.session import Misuse

        if self._start is None:
            self._start = asyncio.create_task(self.session.open())
        try:
            open_now = await self._started(self._start)
        except Misuse as error:
            self._refuse(error)
        else:
            if open_now:
                self._opened()
        if self.misread:
            self.look()  # what opening had to say is over then, and does not take this with it
            self.message.say(self.misread, bad=True)

    def _refuse(self, error: Misuse) -> None:
        """There is nothing to show."""
        self.misuse = str(error)
        self.exit(2, return_code=2)

    async def _started(self, start: asyncio.Task[None]) -> bool:
        """Wait until a session has started; False where another target is asked for before that. Raises Misuse."""
        self._elsewhere = asyncio.get_running_loop().create_future()
        if self.moves.leaving:
            self._elsewhere.set_result(None)
        await asyncio.wait({start, self._elsewhere}, return_when=asyncio.FIRST_COMPLETED)
        if not start.done():
            return False
        start.result()
        self._start = None
        return True

    async def _replace(self, target: str, options: Options, *, anew: bool = False, alike: bool = False) -> str:
        """Open another target; the present one stays, open or starting, until that has worked. `anew`: it is the same
        one, whose memory and device it needs: the present one's process stays until it is known that it can be run,
        and what it has recorded until it has been. Answers why it could not be opened.
        `alike`: it draws the numbers that the present one drew."""
        from stepper.session import Misuse, Session

        old, old_start, places = self.session, self._start, self.places
        watched, only = self.watches.texts, self.desk.tensors.filter
        new = Session(target, options, count_later=True)
        given_up = False
        try:
            new.launch(old if alike else None)
            new.keep_breakpoints(old)
            self.follow(new)
            if anew:
                await new.analysed()
                await _give_up(old, old_start)
                given_up, old_start = True, None
            self._start = asyncio.create_task(new.open())
            open_now = await self._started(self._start)
        except Misuse as error:
            self.refused = (target, options)
            self.forget_moves()  # they were meant for the new one
            followed = self.session is new
            if followed:
                self.follow(old)
                self._start, self.places, self.watches.texts = old_start, places, watched
                self.desk.tensors.set_filter(only)
            if old_start is not None:
                self.begin()  # ahead of the keys that come while the new one is closed
            if followed:
                await new.close()
            again = f"; what was recorded can be read, {self.keymap.shown('restart')} tries again" if given_up else ""
            self.message.say(f"{error}{again}", bad=True)
            return str(error)
        else:
            if open_now:
                self._opened()
            if not given_up:
                await _give_up(old, old_start)
            await old.close()
            return ""

    def _opened(self) -> None:
        """Remember a script of the person's own."""
        import shlex  # only where there is something to remember

        from stepper.tui.recent import entry_of
        from stepper.variants import VARIANTS

        if self.session.script and self.session.target not in VARIANTS:
            entry = entry_of(self.session.target, self.session.script)
            self.opened(entry, shlex.join(self.session.options.arguments))

    def _elsewhere_by(self, name: str, move: Move) -> None:
        """Let a move wait that opens a session; what is starting now is no longer waited for, and what the script is at
        work on for a while only."""
        asked = self.enqueue(name, move, self.keymap.shown(name) if name == "restart" else "")
        if asked and self.moves.starting and self._elsewhere is not None and not self._elsewhere.done():
            self._elsewhere.set_result(None)
        if (self.scene.busy or self.moving) and not self.moves.starting:  # in a call it may be stuck
            self.run_worker(self.session.pause(), group="pause", exit_on_error=False)
            self.set_timer(WAY_SECONDS, partial(self.leave_move, self.number))

    def action_restart(self) -> None:
        """Run the same target anew; while it is at work, say first what that ends."""
        session, here = self.session, self.session.cursor
        working = self.scene.busy or self.moves.underway in LONG
        if working and self.asked != "restart":
            self.asked = "restart"
            again, pause = self.keymap.shown("restart"), self.keymap.shown("run.pause")
            self.message.say(f"The script is at work: {again} again ends it and runs it anew, {pause} pauses it.")
            return

        async def anew() -> None:
            await self._replace(session.target, session.options, anew=True)
            new = self.session
            if new is not session and new.source:
                same = (new.source, new.modules) == (session.source, session.modules)
                self.places.left(here if same else replace(here, event=-1))
                if here.iteration:
                    self.look()  # what was to be said of the start is over then, and does not take this with it
                    self.message.say(f"Restarted; {self.keymap.shown('place.back')} leads to where the cursor stood.")

        self._elsewhere_by("restart", anew)

    def action_target(self) -> None:
        """Choose what to debug."""
        from stepper.tui.screens.target import Choice, TargetScreen

        async def opened(choice: Choice) -> None:
            await self._replace(choice.target, choice.options)

        def choose(choice: Choice | None) -> None:
            if choice is not None:
                self._elsewhere_by("target", lambda: opened(choice))

        refused, self.refused = self.refused, None
        again = Choice(*refused) if refused is not None else None
        self.push_screen(TargetScreen(self.session, self.recent, self.arguments, again), choose)


async def _give_up(session: Session, start: asyncio.Task[None] | None) -> None:
    """End a session's processes, wherever its start has come to."""
    if start is not None:
        start.cancel()
        await asyncio.wait({start})
        if not start.cancelled():
            start.exception()  # it may have been a wrong target: that no longer matters
    await session.end()
