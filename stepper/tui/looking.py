"""The actions that change what is seen and where: panels, scales, the viewer's place, help, the palette."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial

from textual import events, on
from textual.actions import ActionParseResult
from textual.app import SystemCommand
from textual.dom import DOMNode
from textual.driver import Driver
from textual.screen import Screen

from stepper.tui.actions import ACTIONS
from stepper.tui.panels.lines import LinePanel
from stepper.tui.panels.tensors import TensorsPanel
from stepper.tui.panels.view_panel import ViewPanel
from stepper.tui.stage import Stage


class Looking(Stage):
    """The arrangement, and all that only looks."""

    def on_resize(self, event: events.Resize) -> None:
        """Choose between all panels and one at a time."""
        self.desk.fit(event.size.width, event.size.height)

    @on(Driver.SignalResume)
    def paint_anew(self) -> None:
        """Back from the shell, which has the other screen: nothing of this one is there any more."""
        self.refresh(layout=True)

    def on_descendant_focus(self) -> None:
        """Remember the panel the person is at: the one that has the focus now, for such events can overtake others,
        even the end of the app, which has no screen any more."""
        if self.screen_stack and self.focused is not None:
            self.desk.focused(self.focused)
            self.keys.at(self.desk.chosen.id or "")

    def action_loss_scale(self) -> None:
        """Linear or logarithmic."""
        self.desk.loss.toggle()

    def action_maximise(self) -> None:
        """One panel, or all of them."""
        self.desk.maximise(not self.desk.maximised)

    def action_hide(self) -> None:
        """Give the chosen panel's place to its neighbours."""
        panel = self.desk.chosen
        index = self.desk.panels.index(panel)
        if self.desk.single:
            self.message.say("Panels take turns here: there is nothing to hide.")
        elif self.desk.hide():
            self.message.say(f"{panel.TITLE} is hidden; {self.keymap.shown(f'panel.{index + 1}')} shows it again.")
        else:
            self.message.say("This is the last panel: it cannot be hidden.")

    def action_resize(self, columns: int, rows: int) -> None:
        """Make the chosen panel wider, narrower, taller or shorter."""
        if not self.desk.resize(self.desk.chosen, columns, rows):
            self.message.say("There is nothing beside this panel." if columns else "There is nothing above or below.")

    def action_reset(self) -> None:
        """All panels where they were at first."""
        self.desk.reset()

    def action_panel(self, index: int) -> None:
        """Go to a panel."""
        if not self.desk.choose(index):
            self.message.say("There is no traceback: the script has not failed.")

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

    async def run_action(
        self,
        action: str | ActionParseResult,
        default_namespace: DOMNode | None = None,
        namespaces: Mapping[str, DOMNode] | None = None,
    ) -> bool:
        """Do what a key or a click stands for; what was said of the one before is over."""
        self.message.hush()
        if not self.moving:
            self.session.heard()
        return await super().run_action(action, default_namespace, namespaces)

    @on(LinePanel.Notice)
    def tell(self, message: LinePanel.Notice) -> None:
        """A key had nothing to do."""
        self.message.say(message.text)

    @on(TensorsPanel.Open)
    def look_at(self, message: TensorsPanel.Open) -> None:
        """Open a value in the viewer."""
        self.desk.viewer.open(message.label, self.scene.generation, message.parameter)
        self.desk.choose(self.desk.panels.index(self.desk.viewer))

    def action_watch(self) -> None:
        """Ask for an expression, and show in Tensors what it comes to."""
        from stepper.tui.screens.watch import WatchScreen

        def watch(text: str | None) -> None:
            if text:
                self.watches.add(text)
                self.desk.choose(self.desk.panels.index(self.desk.tensors))
                self.desk.tensors.select_watched(text)
                self.look()

        self.push_screen(WatchScreen(), watch)

    @on(TensorsPanel.Unwatch)
    def unwatch(self, message: TensorsPanel.Unwatch) -> None:
        """Take an expression away."""
        self.watches.remove(message.text)
        self.look()
        self.message.say(f"{message.text} is watched no more.")

    def action_pick_gate(self) -> None:
        """Choose one of the record's gates from a list."""
        from stepper.tui.screens.pick import PickScreen

        gate = self.desk.gate
        if not gate.gates:
            self.message.say("There is no gate to choose here.")
            return

        def choose(number: int | None) -> None:
            if number is not None:
                gate.choose(number)

        self.push_screen(PickScreen("Gates of this iteration", gate.listed, gate.number), choose)

    def action_jump(self) -> None:
        """Ask for an index or a slice of the tensor in the focused panel, and go there."""
        from stepper.tui.screens.search import SearchScreen

        panel = self.desk.chosen
        if not isinstance(panel, ViewPanel):
            return
        view = panel.view
        if view is None or view.empty:
            self.message.say(panel.lacking)
            return

        advice = "an index, 12, 87, or a slice, 3, :, :, 0 · enter goes there, esc closes"
        self.push_screen(SearchScreen(view.slice, "Go to an element", advice, panel.go_to))

    def action_help(self) -> None:
        """All keys, and what the figures mean."""
        from stepper.tui.screens.help import HelpScreen

        self.push_screen(HelpScreen(self.desk.chosen, self.desk.panels, self.keymap))

    def action_command_palette(self) -> None:
        """All actions, and themes."""
        from stepper.tui.screens.palette import Palette

        if not isinstance(self.screen, Palette):
            self.push_screen(Palette(id="--command-palette"))

    def search_themes(self) -> None:
        """A palette of themes."""
        from textual.theme import ThemeProvider

        from stepper.tui.screens.palette import Palette

        self.push_screen(Palette(providers=[ThemeProvider], placeholder="Search for themes…"))

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """The palette: the app's own actions, and Textual's choice of a theme."""
        panel = self.desk.chosen
        for action in ACTIONS:
            if action.panel in ("", panel.id):
                owner = panel if action.panel else self
                yield SystemCommand(
                    action.title,
                    f"{self.keymap.shown(action)} · {action.help}",
                    lambda call=action.call, owner=owner: self.call_later(self.run_action, call, owner),
                )
        # the others, a screenshot and a maximised panel, are actions of our own
        yield from (command for command in super().get_system_commands(screen) if command.title == "Theme")
        for name in sorted(self.available_themes):  # found where one looks for it; the list would be long else
            yield SystemCommand(f"Theme {name}", "Change to this theme", partial(setattr, self, "theme", name), False)
