"""The app: asks the session to move, and shows what it looks like then. All else is in the panels."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import events, on
from textual.app import App, ComposeResult, SystemCommand
from textual.binding import BindingType
from textual.screen import Screen
from textual.timer import Timer

from stepper.record import Survey, Window
from stepper.tui.actions import ACTIONS, bindings
from stepper.tui.bars import KeyBar, MessageBar, StatusBar
from stepper.tui.desk import Desk
from stepper.tui.outline import find
from stepper.tui.panels.gate import GatePanel
from stepper.tui.panels.loss import LossPanel
from stepper.tui.panels.output import OutputPanel
from stepper.tui.panels.record import RecordPanel
from stepper.tui.panels.tensors import TensorsPanel
from stepper.tui.panels.viewer import ViewerPanel
from stepper.tui.pictures import BINS, Key, SurveyKey, WindowKey
from stepper.tui.places import Places
from stepper.tui.preferences import Preferences, load, save
from stepper.tui.scene import Scene, scene_of

if TYPE_CHECKING:
    from stepper.session import Cursor, Session

REFRESH = 1 / 15
"""Seconds between two looks at a script that is at work."""

SPEEDS = (0, 1, 4, 15)
"""Statements a second of the auto-play; 0: off."""

Move = Callable[[], Awaitable[None]]


class StepperApp(App[int]):
    """Shows one session at a time. `misuse` is the line to print where the target could not be opened (code 2)."""

    CSS_PATH = "stepper.tcss"
    TITLE = "stepper"
    ENABLE_COMMAND_PALETTE = True
    BINDINGS: ClassVar[list[BindingType]] = bindings()

    def __init__(self, session: Session, config: Path | None = None) -> None:
        """`config`: the file in which theme and arrangement are kept; None: nothing is."""
        super().__init__()
        self.session = session
        self._config = config
        self._remembered = Preferences()
        self._misread = ""
        self._speed = 0
        self._player: Timer | None = None
        self._played: Cursor | None = None
        self.misuse = ""
        self.scene = Scene(target=session.target, notice=f"Starting {session.target} …")
        self._generation = 0
        self._unsubscribe: Callable[[], None] = lambda: None
        self._moves: asyncio.Queue[tuple[str, Move]] = asyncio.Queue()
        self._underway = ""
        self._scheduled = False
        self._timer: Timer | None = None
        self._shown_at = 0.0
        self.desk = Desk(
            GatePanel(self._window, id="gate"),
            OutputPanel(self._output, id="output"),
            ViewerPanel(self._picture, id="viewer"),
            id="desk",
        )
        self._sought = ""
        self._asked_to_quit = False
        self._places = Places()
        self.status = StatusBar(id="status")
        self.message = MessageBar(id="message")
        self.keys = KeyBar(id="keys")

    def compose(self) -> ComposeResult:
        """Status, panels, messages, keys."""
        yield self.status
        yield self.desk
        yield self.message
        yield self.keys

    def on_mount(self) -> None:
        """Paint at once; open the session beside it."""
        self.desk.fit(self.size.width, self.size.height)
        self._remember()
        self.desk.choose(0)
        self._follow(self.session)
        self.run_worker(self._work(), group="moves", exit_on_error=False)
        self._enqueue("open", self._open)

    def _remember(self) -> None:
        """Take up the theme and the arrangement of last time."""
        if self._config is None:
            return
        try:
            found = load(self._config)
        except ValueError as error:
            self._misread = str(error)
            self._config = None  # a file that was not understood is not written over
            return
        if found.theme in self.available_themes:
            self.theme = found.theme
        if found.logarithmic:
            self.desk.loss.toggle()
        self.desk.see(found.panels)
        self._remembered = self._preferences()

    def _preferences(self) -> Preferences:
        return Preferences(self.theme, self.desk.loss.logarithmic, self.desk.seen)

    def _keep(self) -> None:
        """Write down what has changed."""
        if self._config is not None and self._preferences() != self._remembered:
            try:
                save(self._config, self._preferences())
            except OSError as error:
                self.log.error(
                    error
                )  # the app is closing: there is nobody to tell, and nothing of the script's is lost

    async def on_unmount(self) -> None:
        """End the script's process with the app."""
        self._keep()
        self._unsubscribe()
        await self.session.close()

    def on_resize(self, event: events.Resize) -> None:
        """Choose between all panels and one at a time."""
        self.desk.fit(event.size.width, event.size.height)

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """Remember the panel the person is at."""
        self.desk.focused(event.widget)

    # ----------------------------------------------------------------------------------------------- the session

    def _follow(self, session: Session) -> None:
        self._unsubscribe()
        self.session = session
        self._places = Places()
        self._generation += 1
        self._unsubscribe = session.subscribe(self._changed)
        self._look()

    async def _open(self) -> None:
        from stepper.session import Misuse

        try:
            await self.session.open()
        except Misuse as error:
            self.misuse = str(error)
            self.exit(2, return_code=2)
        if self._misread:  # when what opening had to say is over
            self.call_later(self.message.say, self._misread, True)

    async def _replace(self, target: str, preset: str | None) -> None:
        """Open another target; the present one stays open until that has worked."""
        from stepper.session import Misuse, Options, Session

        old = self.session
        new = Session(target, Options(preset=preset, seed=old.seed))
        try:
            new.launch()
            self._follow(new)
            await new.open()
        except Misuse as error:
            if self.session is new:
                self._follow(old)
                await new.close()
            self.message.say(str(error), bad=True)
        else:
            await old.close()

    @property
    def idle(self) -> bool:
        """Whether nothing is under way: no move, no look at the session, no picture."""
        waiting = self._underway or self._scheduled or self._timer is not None or not self._moves.empty()
        return not waiting and not self.desk.gate.waiting and not self.desk.viewer.pictures.waiting

    def _changed(self) -> None:
        """Look at the session soon: at once where it stands still, at most 15 times a second while it works."""
        busy = self.session.state.name in ("STARTING", "RUNNING", "REPLAYING")
        if not busy:
            if self._timer is not None:
                self._timer.stop()
                self._timer = None
            if not self._scheduled:
                self._scheduled = True
                self.call_later(self._look)
        elif self._timer is None and not self._scheduled:
            # not at once: what takes a few milliseconds is shown when it is done, and does not flicker
            wait = max(REFRESH / 2, self._shown_at + REFRESH - time.monotonic())
            self._timer = self.set_timer(wait, self._look)

    def _look(self) -> None:
        self._scheduled = False
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
        self._shown_at = time.monotonic()
        self.scene = scene_of(self.session, self.scene, self._generation)
        self.status.show(self.scene)
        self.desk.show(self.scene)
        self.message.show(self.scene)

    async def _window(self, key: WindowKey) -> Window:
        return await self.session.window(key.iteration, key.copy, key.rows, key.columns, key.region)

    async def _picture(self, key: Key) -> Window | Survey:
        if isinstance(key, SurveyKey):
            return await self.session.survey(key.iteration, key.copy, BINS)
        return await self.session.window(key.iteration, key.copy, key.rows, key.columns, key.region, key.axes)

    def _output(self, start: int, end: int | None) -> str:
        return self.session.output(start, end)

    # ----------------------------------------------------------------------------------------------- moving

    async def _work(self) -> None:
        """Do the moves one after the other, in the order in which they were asked for."""
        while True:
            self._underway, move = await self._moves.get()
            try:
                await move()
            except Exception as error:  # shown: a failed move must not take the app down
                self.log.error(error)
                self.message.say(f"{type(error).__name__}: {error}", bad=True)
            finally:
                self._underway = ""

    def _enqueue(self, name: str, move: Move) -> bool:
        """Steps queue up behind steps; while something long is under way, nothing else is begun (False)."""
        if self._underway in ("open", "continue", "go", "target"):
            doing = {"open": "starting", "target": "starting"}.get(self._underway, "at work")
            hint = "" if doing == "starting" else "; p pauses it"
            self.message.say(f"The script is {doing}{hint}.")
            return False
        self.message.say("")
        self._asked_to_quit = False
        self._moves.put_nowait((name, move))
        return True

    def _jump(self, name: str, move: Move) -> None:
        """A move that is no step: `[` leads back from it."""
        here = self.session.cursor
        if self._enqueue(name, move):
            self._places.left(here)

    def action_place(self, step: int) -> None:
        """Back to where the cursor jumped from, or forth again."""
        there = self._places.go(step, self.session.cursor)
        if there is None:
            self.message.say("There is no place to go back to." if step < 0 else "There is no place to go forth to.")
        else:
            self._enqueue("go", lambda: self.session.go(there.iteration, there.event if there.event >= 0 else None))

    @on(LossPanel.Go)
    def go_to_point(self, message: LossPanel.Go) -> None:
        """Go to an iteration that was read off the chart."""
        self._jump("go", lambda: self.session.go(message.iteration))

    def action_step(self, name: str) -> None:
        """Move the cursor: a statement, into, out, an iteration, or the same backward."""
        from stepper.session import Step

        step = Step[name]
        self._enqueue("step", lambda: self.session.step(step))

    def action_continue(self) -> None:
        """Run on."""
        self._jump("continue", lambda: self.session.run())

    def action_play(self) -> None:
        """Step by itself, faster each time, at last no longer."""
        self._play(SPEEDS[(SPEEDS.index(self._speed) + 1) % len(SPEEDS)])

    def _play(self, speed: int) -> None:
        if self._player is not None:
            self._player.stop()
        self._speed, self._played = speed, None
        self._player = self.set_interval(1 / speed, self._play_on) if speed else None
        words = f"Playing {speed} statement{'s' if speed > 1 else ''} a second; a changes it, p stops."
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

    def action_pause(self) -> None:
        """Stop at the next iteration, and forget the steps that were waiting."""
        if self._speed:
            self._play(0)
            return
        while not self._moves.empty():
            self._moves.get_nowait()
        if self.scene.busy or self._underway:
            self.run_worker(self.session.pause(), group="pause", exit_on_error=False)
        else:
            self.message.say("The script stands still already.")

    def action_go(self) -> None:
        """Ask for an iteration, and go there."""
        from stepper.tui.screens.go import GoScreen

        def go(iteration: int | None) -> None:
            # the screen answers -1 for the setup, None for nothing
            if iteration is not None:
                self._jump("go", lambda: self.session.go(iteration if iteration >= 0 else None))

        self.push_screen(GoScreen(self.scene.total), go)

    @on(RecordPanel.Move)
    def move_to(self, message: RecordPanel.Move) -> None:
        """Go to an event of the record that is shown."""
        iteration, event = self.scene.iteration, message.event
        self._enqueue("step", lambda: self.session.go(iteration, event))

    def action_search(self) -> None:
        """Ask for a text, and go to the next event that has it."""
        from stepper.tui.screens.search import SearchScreen

        tensors = self.desk.tensors

        def search(text: str | None) -> None:
            self._sought = text or self._sought
            if text is not None and self._sought:
                self._seek(self._sought)

        def only(text: str | None) -> None:
            if text is not None:
                tensors.set_filter(text)

        if self.desk.chosen is tensors:
            advice = "a name, a role or a phase · enter alone shows all again, esc closes"
            self.push_screen(SearchScreen(tensors.filter, "Show only some tensors", advice), only)
        else:
            self.push_screen(SearchScreen(self._sought), search)

    @on(TensorsPanel.Open)
    def look_at(self, message: TensorsPanel.Open) -> None:
        """Open a value in the viewer."""
        self.desk.viewer.open(message.label, self.scene.generation)
        self.desk.choose(self.desk.panels.index(self.desk.viewer))

    def action_jump(self) -> None:
        """Ask for an index or a slice of the tensor in the viewer, and go there."""
        from stepper.tui.screens.search import SearchScreen

        def jump(text: str | None) -> None:
            problem = self.desk.viewer.go_to(text) if text else ""
            if problem:
                self.message.say(problem, bad=True)

        view = self.desk.viewer.view
        advice = "an index, 12, 87, or a slice, 3, :, :, 0 · enter goes there, esc closes"
        self.push_screen(SearchScreen(view.slice if view is not None else "", "Go to an element", advice), jump)

    def _seek(self, text: str) -> None:
        scene = self.scene
        found = find(scene.history, text, scene.event.id) if scene.history is not None and scene.event else None
        if found is None:
            self.message.say(f"Nothing in this record has {text} in it.")
        else:
            self._jump("step", lambda: self.session.go(scene.iteration, found))

    def action_target(self) -> None:
        """Choose what to debug."""
        from stepper.tui.screens.target import Choice, TargetScreen

        def choose(choice: Choice | None) -> None:
            if choice is not None:
                self._enqueue("target", lambda: self._replace(choice.target, choice.preset))

        self.push_screen(TargetScreen(self.session.target), choose)

    # ----------------------------------------------------------------------------------------------- looking

    def action_loss_scale(self) -> None:
        """Linear or logarithmic."""
        self.desk.loss.toggle()

    def action_maximise(self) -> None:
        """One panel, or all of them."""
        self.desk.maximise(not self.desk.maximised)

    def action_restore(self) -> None:
        """All of them."""
        if self.desk.maximised:
            self.desk.maximise(False)

    def action_panel(self, index: int) -> None:
        """Go to a panel."""
        self.desk.choose(index)

    def action_focus_next(self) -> None:
        """`tab`: the next panel, also one that is hidden behind the chosen tab."""
        if self.screen.is_modal:
            super().action_focus_next()
        else:
            self.desk.cycle(1)

    def action_focus_previous(self) -> None:
        """`shift+tab`: the previous panel."""
        if self.screen.is_modal:
            super().action_focus_previous()
        else:
            self.desk.cycle(-1)

    def action_help(self) -> None:
        """All keys, and what the figures mean."""
        from stepper.tui.screens.help import HelpScreen

        self.push_screen(HelpScreen(self.desk.chosen, self.desk.panels))

    def action_export(self) -> None:
        """Ask what to save and where, and save it."""
        from stepper.tui import saving
        from stepper.tui.screens.export import ExportScreen, Order

        value, iteration = self.desk.viewer.value, self.scene.iteration
        screen = self.export_screenshot(title=f"stepper {self.scene.target}")

        async def write(order: Order) -> None:
            try:
                self.message.say(await saving.save(order, self.session, iteration, value, screen))
            except Exception as error:  # shown: whatever went wrong, nothing was saved
                self.message.say(f"Nothing was saved: {error}", bad=True)

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

    async def action_quit(self) -> None:
        """Close; while the script runs, say so first."""
        if self.scene.state in ("running", "replaying") and not self._asked_to_quit:
            self._asked_to_quit = True
            self.message.say("The script is at work: q again ends it and quits, p pauses it.")
            return
        self.exit(0)

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """The palette: the app's own actions, then Textual's."""
        panel = self.desk.chosen
        for action in ACTIONS:
            if action.panel in ("", panel.id):
                owner = panel if action.panel else self
                yield SystemCommand(
                    action.title,
                    action.help,
                    lambda call=action.call, owner=owner: self.call_later(self.run_action, call, owner),
                )
        yield from super().get_system_commands(screen)
