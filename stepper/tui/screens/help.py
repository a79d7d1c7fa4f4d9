"""The help screen: what the focused panel shows, all keys, and what the figures of the other panels mean."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import ClassVar

from rich.console import Group
from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widgets import Static

from stepper.tui.action import Action, key_name
from stepper.tui.actions import ACTIONS
from stepper.tui.keymap import Keymap
from stepper.tui.panels.lines import LinePanel
from stepper.tui.screens.question import Question


class HelpScreen(Question[None]):
    """Made from the table of actions and the panels' own words."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,question_mark,f1", "dismiss(None)", "Close"),
    ]
    DEFAULT_CSS = """
    HelpScreen {
        & > VerticalScroll { width: 124; height: 90%; }
        & Static { width: 1fr; margin-bottom: 1; }
    }
    """

    def __init__(self, focused: LinePanel, panels: Sequence[LinePanel], keymap: Keymap) -> None:
        super().__init__()
        self._focused = focused
        self._panels = panels
        self._keymap = keymap

    def compose(self) -> ComposeResult:
        """First what the person is looking at."""
        with VerticalScroll() as box:
            box.border_title = "Help"
            box.border_subtitle = "esc closes · arrows scroll"
            yield Static(_about(self._focused))
            own = [action for action in ACTIONS if action.panel == self._focused.id]
            if own:
                yield Static(_keys(own, self._keymap))
            yield Static(_all_keys(self._keymap))
            yield Static(
                "The names on the right are those by which the table [keys] of the configuration changes keys.",
                markup=False,
            )
            for panel in self._panels:
                if panel is not self._focused:
                    yield Static(_about(panel))

    def on_mount(self) -> None:
        """Arrows scroll at once."""
        self.query_one(VerticalScroll).focus()


def _about(panel: LinePanel) -> Group:
    lines = Table.grid(padding=(0, 1))
    lines.add_column(style="dim")
    lines.add_column(ratio=1)
    for line in panel.HELP.splitlines():
        lines.add_row("·", line)
    return Group(Text(panel.TITLE, style="bold"), lines)


def _keys(actions: Sequence[Action], keymap: Keymap) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True, min_width=16)
    table.add_column(ratio=1)
    table.add_column(no_wrap=True, style="dim")
    for group, found in groupby(actions, key=lambda action: action.group):
        table.add_row(Text(group, style="bold"), "", "")
        for action in found:
            table.add_row("  " + " or ".join(map(key_name, keymap.keys(action))), action.help, action.name)
    return table


def _all_keys(keymap: Keymap) -> Table:
    table = _keys([action for action in ACTIONS if not action.panel], keymap)
    table.add_row("  tab", "Go to the next panel; shift+tab to the one before.", "")
    table.add_row("  arrows", "Scroll the focused panel; also page up and down, home and end.", "")
    table.add_row("  ctrl+p", "The palette: every action by name, and themes.", "")
    return table
