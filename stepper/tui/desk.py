"""The arrangement of the panels: all together where there is room, else one at a time under tabs."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Container, Horizontal, Vertical
from textual.widget import Widget

from stepper.tui.bars import TabBar
from stepper.tui.panels.gate import GatePanel
from stepper.tui.panels.gradients import GradientsPanel
from stepper.tui.panels.lines import LinePanel
from stepper.tui.panels.loss import LossPanel
from stepper.tui.panels.source import SourcePanel
from stepper.tui.panels.tensors import TensorsPanel
from stepper.tui.panels.trouble import TroublePanel
from stepper.tui.scene import Scene

LEAST = (100, 30)
"""Columns and rows below which panels are shown one at a time."""


WIDE = 160
"""Columns from which the loss and the gradients get a greater share."""


class Desk(Container):
    """Holds the panels. `single` is decided by the room; `maximised` by the person."""

    def __init__(self, gate: GatePanel, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.source = SourcePanel(id="source")
        self.tensors = TensorsPanel(id="tensors")
        self.gate = gate
        self.gradients = GradientsPanel(id="gradients")
        self.loss = LossPanel(id="loss")
        self.trouble = TroublePanel(id="trouble")
        self.tabs = TabBar(id="tabs")
        self.panels: tuple[LinePanel, ...] = (
            self.source, self.tensors, self.gate, self.gradients, self.loss, self.trouble,
        )  # fmt: skip
        self._small = False
        self._maximised = False
        self._chosen = 0
        self._trouble = False

    def compose(self) -> ComposeResult:
        """Source and gate above; tensors, loss and gradients below."""
        self.tabs.display = False
        self.trouble.display = False
        yield self.tabs
        with Horizontal(id="upper"):
            yield self.source
            yield self.gate
        with Horizontal(id="lower"):
            yield self.tensors
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
        small = columns < LEAST[0] or rows < LEAST[1]
        if small != self._small:
            self._small = small
            self.lay_out()

    def maximise(self, on: bool) -> None:
        """Give the chosen panel all the room, or give it back."""
        self._maximised = on
        self.lay_out()

    def choose(self, index: int) -> None:
        """Make panel `index` the chosen one, and focus it. A panel that has nothing to show is not chosen."""
        if self.panels[index] is self.trouble and not self._trouble:
            return
        self._chosen = index
        if self.single:
            self.lay_out()
        self.panels[index].focus(scroll_visible=False)

    def cycle(self, step: int) -> None:
        """Choose the next or previous panel."""
        count = len(self.panels) if self._trouble else len(self.panels) - 1
        self.choose((self._chosen + step) % count)

    def focused(self, panel: Widget) -> None:
        """Remember which panel the person is at."""
        if panel in self.panels:
            self._chosen = self.panels.index(panel)

    def lay_out(self) -> None:
        """Show and hide."""
        self.tabs.display = self.single
        for index, panel in enumerate(self.panels):
            panel.display = (not self.single or index == self._chosen) and (panel is not self.trouble or self._trouble)
        for name in ("#side", "#upper", "#lower"):
            box = self.query_one(name)
            box.display = any(child.display for child in box.children)
        self.set_class(self.single, "-single")
        names = tuple(panel.TITLE for panel in self.panels if panel is not self.trouble or self._trouble)
        self.tabs.set_tabs(names, self._chosen)
        if self.single and self.chosen.screen.is_current:
            self.chosen.focus(scroll_visible=False)

    # ----------------------------------------------------------------------------------------------- contents

    def show(self, scene: Scene) -> None:
        """Let every panel draw the scene. Hidden ones are told too: they must be right when they are shown."""
        trouble = TroublePanel.applies(scene)
        if trouble != self._trouble:
            self._trouble = trouble
            if not trouble and self.chosen is self.trouble:
                self._chosen = 0
            self.lay_out()
        for panel in self.panels:
            panel.show(scene)
