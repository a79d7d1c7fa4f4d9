"""What all the app's actions stand on: the session, what it looks like now, and the queue of moves."""

from __future__ import annotations

import os
import time
from asyncio import TimerHandle
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from functools import partial
from traceback import extract_tb
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.worker import Worker, WorkerError

from stepper.record import Survey, Value, Window
from stepper.tui import sketches
from stepper.tui.bars import KeyBar, MessageBar, StatusBar
from stepper.tui.begun import beside
from stepper.tui.desk import Desk
from stepper.tui.drawn import DrawnScreen
from stepper.tui.keymap import Keymap
from stepper.tui.keystrokes import Keystrokes
from stepper.tui.moves import AFRESH, JUMPS, MOST, Move, Moves, Waiting
from stepper.tui.panels.gate import GatePanel
from stepper.tui.panels.lines import LinePanel, component_classes
from stepper.tui.panels.output import OutputPanel
from stepper.tui.panels.tensors import TensorsPanel
from stepper.tui.panels.viewer import ViewerPanel
from stepper.tui.pictures import BINS, Key, SurveyKey
from stepper.tui.places import Places
from stepper.tui.scene import Scene, scene_of
from stepper.tui.turns import Turn, together
from stepper.tui.watches import Watches

if TYPE_CHECKING:
    from stepper.session import Cursor, Session
    from stepper.session.expressions import Asked, Labels

REFRESH = 1 / 15
"""Seconds between two looks at a script that is at work."""

LOOK_AROUND = 1.0
"""Seconds between two looks at what nothing tells of."""

SOON = 1 / 2
"""Seconds for which keys wait for the end of a run, which may be far away: after that they act on what is shown."""

HOLD = 1 / 20
"""Seconds for which a repaint waits for the pictures that belong to it."""


def told(error: Exception) -> str:
    """What went wrong with a move, and where: in a line that can be handed on."""
    from stepper.session import LaneLost, Misuse

    if isinstance(error, (LaneLost, Misuse)):
        return str(error)
    frame = extract_tb(error.__traceback__)[-1:]
    where = "".join(f", {os.path.basename(each.filename)} line {each.lineno}" for each in frame)
    return f"The move failed, which is a fault of stepper's: {type(error).__name__}: {error}{where}"


def _runs_the_same(session: Session, before: Session) -> bool:
    """Whether two sessions run the same file, however it was named."""
    files = {os.path.realpath(each.script) if each.script else each.target for each in (session, before)}
    return session.target == before.target or len(files) == 1


class Stage(Keystrokes):
    """Follows one session at a time and does the moves one after the other. The actions are in the subclasses."""

    COMPONENT_CLASSES: ClassVar[set[str]] = component_classes()

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        self.scene = Scene(target=session.target, notice=f"Starting {session.target} …")
        self.keymap = Keymap()
        self.places = Places()
        self.asked = ""
        """What was asked for while the script is at work, which ends that: asked for again, it is done."""
        self._generation = 0
        self._unsubscribe: Callable[[], None] = lambda: None
        self.moves = Moves()
        self.number = 0
        """How many moves were begun so far."""
        self._soon = False
        """Whether the run that is under way may be expected to end soon."""
        self._worker: Worker[None] | None = None
        self._scheduled = False
        self._timer: TimerHandle | None = None
        self._shown_at = 0.0
        self._turned: tuple[str, Cursor] | None = None  # a file that was asked for, and where the cursor stood then
        self._edited: tuple[str, ...] = ()
        self._held = ExitStack()
        self._release: TimerHandle | None = None
        self._looking_whether_whole = False
        self.own_losses: tuple[float | None, ...] = ()
        """The losses of the script's own run, where the one that is shown has statements of the person's in it."""
        self.watches = Watches(self._evaluated, lambda work: beside(work, self.call_later), self._watched)
        self.desk = Desk(
            TensorsPanel(self._sketches, id="tensors"),
            GatePanel(self._picture, id="gate"),
            OutputPanel(self._output, self._output_of, id="output"),
            ViewerPanel(self._picture, id="viewer"),
            id="desk",
        )
        self.status = StatusBar(id="status")
        self.message = MessageBar(id="message")
        self.keys = KeyBar(id="keys")

    def get_default_screen(self) -> DrawnScreen[None]:
        """One that sends no more than is seen to change."""
        return DrawnScreen(id="_default")

    @property
    def idle(self) -> bool:
        """Whether nothing is under way: no move, no look at the session, no picture."""
        waiting = self.moving or self._scheduled or self._timer is not None or len(self.moves)
        asked = self.desk.waiting or self.watches.waiting
        return not waiting and not self.typing and not asked and self._release is None

    @property
    def moving(self) -> bool:
        """Whether a move is under way."""
        return bool(self.moves.underway)

    def take_keys(self, keymap: Keymap) -> None:
        """Let the person's own keys hold, and be shown."""
        self.keymap = keymap
        self.set_keymap(keymap.for_textual)
        self.keys.take_keys(keymap)
        self.desk.take_keys(keymap)

    # ----------------------------------------------------------------------------------------------- looking

    def follow(self, session: Session) -> None:
        """Look at `session` from now on."""
        self._unsubscribe()
        if self.session.working_out:
            self.watches.leave(self.session.working_out, "it came to no end")
        if not _runs_the_same(session, self.session):  # these are in the names of another script
            self.watches.texts = []
            self.desk.tensors.set_filter("")
        if not (session.options.what_if and _runs_the_same(session, self.session)):
            self.own_losses = ()
        self.session = session
        self.places = Places()
        self._turned = None
        self._edited = ()
        self._generation += 1
        self._unsubscribe = session.subscribe(self._changed)
        self.look()

    async def leave(self) -> None:
        """Look no more, and end the script's process."""
        self._unsubscribe()
        await self.session.close()

    def _changed(self) -> None:
        """Look at the session soon: at once where it stands still, at most 15 times a second while it works."""
        busy = self.moving or self.session.state.name in ("STARTING", "RUNNING", "REPLAYING")
        if not busy:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            if not self._scheduled:
                self._scheduled = True
                self.call_later(self.look)
        elif self._timer is None and not self._scheduled:
            # not at once: what takes a few milliseconds is shown when it is done, and does not flicker
            wait = max(REFRESH / 2, self._shown_at + REFRESH - time.monotonic())
            self._timer = self.call_after(wait, self.look)

    def look(self) -> None:
        """Show the session as it is now."""
        self._scheduled = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._shown_at = time.monotonic()
        if self._turned is not None and self._turned[1] != self.session.cursor:
            self._turned = None
        turned = None if self._turned is None else self._turned[0]
        before, scene = self.scene, scene_of(self.session, self.scene, self._generation, turned, self._edited)
        if self.own_losses:
            scene = replace(scene, own_losses=self.own_losses)
        self.scene = replace(scene, watched=self.watches.at(scene)) if self.watches.texts else scene
        with self.batch_update():
            self.status.show(self.scene)
            if self.scene != before or self.desk.viewer.repinned:  # a move's end is often told twice
                self.desk.show(self.scene, self.session.send)
            self._advise()
            self.message.show(self.scene)
            if self.kept_keys:
                self.call_later(self.release_keys)
            if (self.desk.asked or self.watches.waiting) and self._release is None:
                self._held.enter_context(self.batch_update())  # one repaint, not two
                self._release = self.call_after(HOLD, self._repaint)
        if self._release is None:
            self._paint()

    def _advise(self) -> None:
        """What went wrong is told below, unless the traceback is seen."""
        seen = self.desk.trouble.display
        self.message.advise("" if seen else self.scene.error, "" if seen else self.scene.advice)

    @on(Desk.LaidOut)
    def advise_again(self) -> None:
        """The traceback is seen now, or is no more."""
        self._advise()
        self.message.build()

    def look_around(self) -> None:
        """Look for what nothing tells of: edited files, and what a script prints within an iteration, or its setup."""
        if self.scene.printed is not None and self.scene.printed != self.session.printed:
            self._changed()
        self.look_for_edits()

    def look_for_edits(self) -> None:
        """Look whether the files of the script still hold what runs."""
        if not self.idle or self.scene.busy:
            return
        edited = self.session.edited()
        if edited != self._edited:
            self._edited = edited
            self.look()

    def turn_to(self, file: str) -> None:
        """Show another file of the script in Source, until the cursor moves; empty: the one with the training loop."""
        self._turned = (file, self.session.cursor)
        self.look()

    def _repaint(self) -> None:
        """Let the screen be drawn, with what has come by now."""
        if self._release is not None:
            self._release.cancel()
            self._release = None
        self._held.close()
        self._paint()

    def _paint(self) -> None:
        """Let what has changed be seen."""
        for screen in self.screen_stack[-1:]:  # none any more while the app ends
            if isinstance(screen, DrawnScreen):
                screen.paint((*self.desk.panels, self.desk.tabs, self.status, self.message, self.keys))
            else:
                screen.check_idle()  # the app looks at itself only

    def _repaint_if_whole(self) -> None:
        self._looking_whether_whole = False
        if self._release is not None and not (self.desk.asked or self.watches.waiting):
            self._repaint()

    async def _picture(self, key: Key) -> Window | Survey:
        try:
            if isinstance(key, SurveyKey):
                return await self.session.survey(key.iteration, key.copy, BINS, key.less)
            return await self.session.window(
                key.iteration, key.copy, key.rows, key.columns, key.region, key.axes, key.along
            )
        finally:
            self._came()

    async def _sketches(self, iteration: int | None, ranges: Sequence[tuple[int, float, float]]) -> list[list[int]]:
        try:
            return await self.session.histograms(iteration, ranges, sketches.BINS)
        finally:
            self._came()

    def _came(self) -> None:
        """Something that was asked for is here; what came with it is looked at first."""
        if self._release is not None and not self._looking_whether_whole:
            self._looking_whether_whole = True
            self.call_later(self._repaint_if_whole)

    async def _evaluated(self, iteration: int | None, text: str, labels: Labels, asked: Asked) -> Value:
        from stepper.session.evaluation import evaluated

        return await evaluated(self.session, iteration, text, labels, asked)

    def _watched(self) -> None:
        """The value of an expression is here, or why there is none."""
        self._changed()
        self._came()

    def _output(self, start: int, end: int | None) -> str:
        return self.session.output(start, end)

    def _output_of(self, iteration: int | None, start: int, end: int | None) -> str:
        return self.session.output_of(iteration, start, end)

    # ----------------------------------------------------------------------------------------------- moving

    def begin_work(self) -> None:
        """Do moves from now on."""
        if self._worker is None:
            self.set_interval(LOOK_AROUND, self.look_around)
        self._worker = self.run_worker(self.work(), group="moves", exit_on_error=False)

    async def leave_move(self, number: int) -> None:
        """Wait no longer for the end of a move, if it is still under way; go on to the next."""
        if self._worker is None or number != self.number or not self.moving:
            return
        self._worker.cancel()
        with suppress(WorkerError):
            await self._worker.wait()
        self.begin_work()

    async def work(self) -> None:
        """Do the moves one after the other, in the order in which they were asked for."""
        while True:
            move = await self.moves.next()
            self.number += 1
            self._show_waiting()
            if self.moves.underway == "continue":
                self._soon = True
                self.set_timer(SOON, partial(self._no_longer_soon, self.number))
            try:
                await move()
            except Exception as error:  # shown: a failed move must not take the app down
                self.log.error(error)
                self.message.say(told(error), bad=True)
            finally:
                self.moves.underway = ""
                self._changed()
                if self.kept_keys:
                    self.call_later(self.release_keys)  # behind the look at what has changed

    def enqueue(self, name: str, move: Move, keys: str = "") -> bool:
        """Let a move wait for its turn, and say what it waits for; or say why it may not (False).

        `keys` asked for it.
        """
        refusal = self.moves.refusal(name)
        if refusal:
            self.message.say(self._refused(refusal))
            return False
        self.message.say("")
        self.asked = ""
        if name in AFRESH:
            self.forget_keys()  # they were meant for what that ends
        self.moves.add(Waiting(name, move, keys))
        self._show_waiting()
        if name not in AFRESH:
            self._tell_waiting()
        return True

    def _tell_waiting(self) -> None:
        if self.moves.underway in JUMPS and self.scene.busy:
            keys = " ".join(together([*self.moves.keys, *self.kept_keys])) or "That"
            pause = self.keymap.shown("run.pause")
            self.message.say(f"{keys} waits for the jump that is under way; {pause} drops both.")

    def keeps(self, turn: Turn) -> bool:
        """A key that acts on where a move leads waits for it, for the look at it, and for what its panel looks for
        there; behind a run it, and a key that asks for a move, waits a moment."""
        if turn is Turn.ALIKE:
            return False
        if self.moves.underway == "continue" and self._soon:
            return True
        if turn is Turn.QUEUED:
            return False
        leading = self.moves.moving if turn is Turn.LINE else self.moves.leading
        return leading or self._scheduled or self.desk.chosen.seeking

    @on(LinePanel.Found)
    async def _go_on_from_there(self) -> None:
        await self.release_keys()

    async def _no_longer_soon(self, number: int) -> None:
        if number == self.number:
            self._soon = False
            await self.release_keys()

    def kept_changed(self) -> None:
        """Say which keys wait, or that they do."""
        self._show_waiting()
        if self.kept_keys:
            self._tell_waiting()

    def _refused(self, refusal: str) -> str:
        if refusal == "work":
            return f"The script is at work; {self.keymap.shown('run.pause')} pauses it."
        forget = f"{self.keymap.shown('panel.restore')} forgets what waits."
        if not self.moves.starting:
            pause = self.keymap.shown("run.pause")
            return f"A run waits for the jump that is under way, and nothing can wait behind that; {pause} drops both."
        if refusal == "many":
            return f"{MOST} steps wait already for the script to start; {forget}"
        return f"A run waits for the script to start, and nothing can wait behind that; {forget}"

    def _show_waiting(self) -> None:
        keys = together([*self.moves.keys, *self.kept_keys]) if self.moves.starting else []
        self.message.wait_for(keys, self.keymap.shown("panel.restore"))

    def jump(self, name: str, move: Move, keys: str = "") -> None:
        """A move that is no step: `[` leads back from it, and the viewer shows what is there."""

        async def there() -> None:
            here = self.session.cursor
            await move()
            self.jumped(here)

        self.enqueue(name, there, keys)

    def jumped(self, here: Cursor) -> None:
        """A jump from `here` is done."""
        if self.session.cursor != here:
            self.places.left(here)
        self.desk.viewer.unpin()

    def forget_moves(self) -> None:
        """Leave out the moves and the keys that wait."""
        self.moves.clear()
        self.forget_keys()
        self._show_waiting()
