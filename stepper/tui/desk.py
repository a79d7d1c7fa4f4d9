"""The arrangement of the panels: all together where there is room, else one at a time under tabs."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.containers import Container, Horizontal, Vertical
from textual.widget import Widget

from stepper.tui.actions import ACTIONS
from stepper.tui.bars import TabBar
from stepper.tui.panels.gate import GatePanel
from stepper.tui.panels.gradients import GradientsPanel
from stepper.tui.panels.lines import LinePanel
from stepper.tui.panels.loss import LossPanel
from stepper.tui.panels.output import OutputPanel
from stepper.tui.panels.record import RecordPanel
from stepper.tui.panels.source import SourcePanel
from stepper.tui.panels.tensors import TensorsPanel
from stepper.tui.panels.trouble import TroublePanel
from stepper.tui.panels.viewer import ViewerPanel
from stepper.tui.scene import Scene

LEAST = (100, 30)
"""Columns and rows below which panels are shown one at a time."""
WIDE = 160
"""Columns from which the loss and the gradients get a greater share."""
FULL = (160, 45)
"""Columns and rows from which the record has a place of its own beside the source."""


def key_of(index: int) -> str:
    """The key that chooses a panel."""
    name = f"panel({index})"
    return next((action.shown_key for action in ACTIONS if action.call == name), "0")


class Desk(Container):
    """Holds the panels. `single` is decided by the room; `maximised` by the person."""

    def __init__(self, gate: GatePanel, output: OutputPanel, viewer: ViewerPanel, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.source = SourcePanel(id="source")
        self.tensors = TensorsPanel(id="tensors")
        self.gate = gate
        self.gradients = GradientsPanel(id="gradients")
        self.loss = LossPanel(id="loss")
        self.record = RecordPanel(id="record")
        self.output = output
        self.viewer = viewer
        self.trouble = TroublePanel(id="trouble")
        self.tabs = TabBar(id="tabs")
        self.panels: tuple[LinePanel, ...] = (
            self.source, self.tensors, self.gate, self.gradients, self.loss, self.record, self.output, self.viewer,
            self.trouble,
        )  # fmt: skip
        self._places: tuple[list[LinePanel], ...] = (
            [self.source], [self.record, self.viewer, self.gate], [self.tensors, self.output], [self.loss],
            [self.gradients],
        )  # fmt: skip
        """Panels that share a place; the last of each that was chosen is seen."""
        self._seen: list[LinePanel] = [self.source, self.gate, self.tensors, self.loss, self.gradients]
        self._scene = Scene()
        self._stale: set[LinePanel] = set()
        self._laid_out = False
        self._small = False
        self._full = False
        self._maximised = False
        self._chosen = 0
        self._trouble = False

    def compose(self) -> ComposeResult:
        """Source, record and gate above; tensors, loss and gradients below."""
        self.tabs.display = False
        for panel in self.panels:
            panel.display = panel in self._seen
        yield self.tabs
        with Horizontal(id="upper"):
            yield self.source
            yield self.record
            yield self.viewer
            yield self.gate
        with Horizontal(id="lower"):
            yield self.tensors
            yield self.output
            with Vertical(id="side"):
                yield self.loss
                yield self.gradients
        yield self.trouble

    # ----------------------------------------------------------------------------------------------- arrangement

    @property
    def single(self) -> bool:
        """Whether one panel has all the room."""
        return self._small or self._maximised

    @property
    def maximised(self) -> bool:
        """Whether the person asked for one panel."""
        return self._maximised

    @property
    def chosen(self) -> LinePanel:
        """The panel that is shown alone, or was focused last."""
        return self.panels[self._chosen]

    def fit(self, columns: int, rows: int) -> None:
        """Decide by the room of the whole screen."""
        self.set_class(columns >= WIDE, "-wide")
        small, full = columns < LEAST[0] or rows < LEAST[1], columns >= FULL[0] and rows >= FULL[1]
        if (small, full) != (self._small, self._full) or not self._laid_out:
            self._small, self._full, self._laid_out = small, full, True
            self.lay_out()

    def maximise(self, on: bool) -> None:
        """Give the chosen panel all the room, or give it back."""
        self._maximised = on
        self.lay_out()

    def choose(self, index: int) -> None:
        """Make panel `index` the chosen one, and focus it. A panel that has nothing to show is not chosen."""
        if self.panels[index] is self.trouble and not self._trouble:
            return
        self._choose(index % len(self.panels))
        if self.single or not self.panels[index].display:
            self.lay_out()
        self.panels[index].focus(scroll_visible=False)

    @property
    def seen(self) -> tuple[str, ...]:
        """The names of the panels that are seen where several share a place."""
        return tuple(panel.id or "" for panel, panels in zip(self._seen, self._places, strict=True) if len(panels) > 1)

    def see(self, names: Sequence[str]) -> None:
        """Show the named panels in their places; names that are unknown are passed over."""
        for place, panels in enumerate(self._places):
            for panel in panels:
                if panel.id in names:
                    self._seen[place] = panel
        self.lay_out()

    def cycle(self, step: int) -> None:
        """Choose the next or previous panel."""
        count = len(self.panels) if self._trouble else len(self.panels) - 1
        self.choose((self._chosen + step) % count)

    def focused(self, panel: Widget) -> None:
        """Remember which panel the person is at."""
        if panel in self.panels:
            self._choose(self.panels.index(panel))

    def _choose(self, index: int) -> None:
        self._chosen = index
        for place, panels in enumerate(self._places):
            if self.panels[index] in panels and not (self._full and self.panels[index] is self.record):
                self._seen[place] = self.panels[index]

    def _has_room(self, panel: LinePanel) -> bool:
        if panel is self.trouble:
            return self._trouble
        return panel in self._seen or (panel is self.record and self._full)

    def _beside(self, panel: LinePanel) -> tuple[tuple[str, str, str], ...]:
        """The panels that are hidden behind `panel`."""
        if self.single:
            return ()
        hidden = [
            self.panels.index(other)
            for panels in self._places
            if panel in panels
            for other in panels
            if other is not panel and not other.display
        ]
        return tuple((key_of(index), self.panels[index].TITLE, f"app.panel({index})") for index in hidden)

    def lay_out(self) -> None:
        """Show and hide."""
        self.tabs.display = self.single
        for index, panel in enumerate(self.panels):
            panel.display = index == self._chosen if self.single else self._has_room(panel)
        for panel in self.panels:
            panel.set_beside(self._beside(panel))
            if panel.display and panel in self._stale:
                self._stale.discard(panel)
                panel.show(self._scene)
        for name in ("#side", "#upper", "#lower"):
            box = self.query_one(name)
            box.display = any(child.display for child in box.children)
        self.set_class(self.single, "-single")
        shown = [index for index, panel in enumerate(self.panels) if panel is not self.trouble or self._trouble]
        self.tabs.set_tabs(tuple((key_of(index), self.panels[index].TITLE, index) for index in shown), self._chosen)
        if self.single and self.chosen.screen.is_current:
            self.chosen.focus(scroll_visible=False)

    # ----------------------------------------------------------------------------------------------- contents

    def show(self, scene: Scene) -> None:
        """Let every panel that is shown draw the scene; the others are told when they are shown again."""
        self._scene = scene
        trouble = TroublePanel.applies(scene)
        if trouble != self._trouble:
            self._trouble = trouble
            if not trouble and self.chosen is self.trouble:
                self._choose(0)
            self.lay_out()
        for panel in self.panels:
            if panel.display:
                self._stale.discard(panel)
                panel.show(scene)
            else:
                self._stale.add(panel)
