"""The panels on the screen: all together where there is room, else in turns under tabs, alone or beside the source.

Carries out an `Arrangement`.
"""

from __future__ import annotations

from collections.abc import Callable

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.widget import Widget

from stepper.tui.arrangement import PANELS
from stepper.tui.bars import TabBar
from stepper.tui.borders import Borders
from stepper.tui.keymap import Keymap
from stepper.tui.panels.gate import GatePanel
from stepper.tui.panels.gradients import GradientsPanel
from stepper.tui.panels.lines import LinePanel
from stepper.tui.panels.loss import LossPanel
from stepper.tui.panels.output import OutputPanel
from stepper.tui.panels.record import RecordPanel
from stepper.tui.panels.source import SourcePanel
from stepper.tui.panels.tensors import TensorsPanel
from stepper.tui.panels.timeline import TimelinePanel
from stepper.tui.panels.trouble import TroublePanel
from stepper.tui.panels.viewer import ViewerPanel
from stepper.tui.scene import Scene

LEAST = (100, 30)
"""Columns and rows below which panels take turns."""
PAIRED = 120
"""Columns from which another panel stands beside the source where there are too few rows for all."""
WIDE = 160
"""Columns from which the loss and the gradients get a greater share."""
FULL = (160, 45)
"""Columns and rows from which the record has a place of its own beside the source."""


class Desk(Borders):
    """Holds the panels. `single` is decided by the room; `maximised` by the person."""

    class LaidOut(Message):
        """Other panels may be seen than before."""

    def __init__(
        self, tensors: TensorsPanel, gate: GatePanel, output: OutputPanel, viewer: ViewerPanel, *, id: str | None = None
    ) -> None:
        super().__init__(id=id)
        self.source = SourcePanel(id="source")
        self.tensors = tensors
        self.gate = gate
        self.gradients = GradientsPanel(id="gradients")
        self.loss = LossPanel(id="loss")
        self.record = RecordPanel(id="record")
        self.output = output
        self.viewer = viewer
        self.timeline = TimelinePanel(id="timeline")
        self.trouble = TroublePanel(id="trouble")
        self.tabs = TabBar(id="tabs")
        self.panels: tuple[LinePanel, ...] = tuple(getattr(self, name) for name in PANELS)
        self._keymap = Keymap()
        self._scene = Scene()
        self._stale: set[LinePanel] = set()
        self._laid_out = False
        self._small = False
        self._low = False
        self._beside_source = PANELS.index("tensors")
        """The panel that was chosen last, but for the source."""
        self._maximised = False
        self._chosen = 0
        self._trouble = False

    def compose(self) -> ComposeResult:
        """Source, record and gate above; tensors, loss and gradients below."""
        self.tabs.display = False
        for panel in self.panels:
            panel.display = panel.id in self.arrangement.seen
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
                yield self.timeline
                yield self.gradients
        yield self.trouble

    def take_keys(self, keymap: Keymap) -> None:
        """Name these keys beside the panels' names."""
        self._keymap = keymap
        self.viewer.take_key(keymap.shown("viewer.follow"))
        self.source.take_key(keymap.shown("restart"))
        self.lay_out()

    def _key(self, index: int) -> str:
        """The key that chooses a panel."""
        return self._keymap.shown("panel.traceback" if self.panels[index] is self.trouble else f"panel.{index + 1}")

    # ----------------------------------------------------------------------------------------------- arrangement

    @property
    def single(self) -> bool:
        """Whether panels take turns."""
        return self._small or self._maximised

    @property
    def paired(self) -> bool:
        """Whether they do so beside the source: the screen is low, but wide."""
        return self._low and not self._maximised

    @property
    def maximised(self) -> bool:
        """Whether the person asked for one panel."""
        return self._maximised

    @property
    def waiting(self) -> bool:
        """Whether something that is to be drawn has not come yet, or will have to be asked for."""
        return any(panel.waiting for panel in self.panels)

    @property
    def asked(self) -> bool:
        """Whether something has been asked for and has not come yet."""
        return self.gate.pictures.waiting or self.viewer.pictures.waiting or self.tensors.sketches.waiting

    @property
    def chosen(self) -> LinePanel:
        """The panel that is shown alone, or was focused last."""
        return self.panels[self._chosen]

    def fit(self, columns: int, rows: int) -> None:
        """Decide by the room of the whole screen."""
        self.set_class(columns >= WIDE, "-wide")
        small, full = columns < LEAST[0] or rows < LEAST[1], columns >= FULL[0] and rows >= FULL[1]
        low = small and columns >= PAIRED
        if (small, low, full) != (self._small, self._low, self.arrangement.full) or not self._laid_out:
            self._small, self._low, self.arrangement.full, self._laid_out = small, low, full, True
            self.lay_out()

    def maximise(self, on: bool) -> None:
        """Give the chosen panel all the room, or give it back."""
        self._maximised = on
        self.lay_out()

    def choose(self, index: int) -> bool:
        """Make panel `index` the chosen one, and focus it. A panel that has nothing to show is not chosen: False."""
        if self.panels[index] is self.trouble and not self._trouble:
            return False
        self._choose(index % len(self.panels))
        if self.single or not self.panels[index].display:
            self.lay_out()
        self.panels[index].focus(scroll_visible=False)
        return True

    def cycle(self, step: int) -> None:
        """The panel after the chosen one, or before it."""
        count = len(self.panels) if self._trouble else len(self.panels) - 1
        self.choose((self._chosen + step) % count)

    def focused(self, panel: Widget) -> None:
        """Remember which panel the person is at; of one that was hidden meanwhile the news comes late."""
        if panel in self.panels and panel.display and panel is not self.chosen:
            self._choose(self.panels.index(panel))
            if self.paired:
                self._mark_tabs()

    def hide(self) -> bool:
        """Give the chosen panel's place to its neighbours; False where it is the last one that is seen."""
        following = None if self.single else self.arrangement.hide(PANELS[self._chosen])
        if following is None:
            return False
        self.lay_out()
        self.choose(PANELS.index(following))
        return True

    def reset(self) -> None:
        """Everything where it was at first."""
        self.arrangement.reset()
        self._maximised = False
        self.lay_out()
        self.choose(0)

    def _choose(self, index: int) -> None:
        self._chosen = index
        if self.panels[index] is not self.source:
            self._beside_source = index
        self.arrangement.choose(PANELS[index])

    def _has_room(self, panel: LinePanel) -> bool:
        """Whether a panel is seen now."""
        if self.paired:
            return panel in (self.source, self.panels[self._beside_source])
        if self.single:
            return panel is self.chosen
        return self._trouble if panel is self.trouble else panel.id in self.arrangement.seen

    def _beside(self, panel: LinePanel) -> tuple[tuple[str, str, str], ...]:
        """The panels that are hidden behind `panel`."""
        if self.single:
            return ()
        hidden = [PANELS.index(name) for name in self.arrangement.beside(panel.id or "")]
        return tuple((self._key(index), self._title(index), f"app.panel({index})") for index in hidden)

    def _title(self, index: int) -> str:
        """What a panel is called."""
        panel = self.panels[index]
        return TroublePanel.title_of(self._scene) if panel is self.trouble else panel.TITLE

    def lay_out(self) -> None:
        """Show and hide."""
        self.tabs.display = self.single
        for panel in self.panels:
            panel.display = self._has_room(panel)
        for panel in self.panels:
            panel.set_beside(self._beside(panel))
            if panel.display and panel in self._stale:
                self._stale.discard(panel)
                panel.show(self._scene)
        for name in ("#side", "#upper", "#lower"):
            box = self.query_one(name)
            box.display = any(child.display for child in box.children)
        self.set_class(self.single, "-single")
        self.set_class(self.paired, "-paired")
        self.set_sizes()
        self._mark_tabs()
        if self.single and self.chosen.screen.is_current:
            self.chosen.focus(scroll_visible=False)
        self.post_message(self.LaidOut())

    def _mark_tabs(self) -> None:
        shown = [index for index, panel in enumerate(self.panels) if panel is not self.trouble or self._trouble]
        self.tabs.set_tabs(tuple((self._key(index), self._title(index), index) for index in shown), self._chosen)

    def on_click(self, event: events.Click) -> None:
        """Twice on a panel's title: all the room, or back again."""
        if event.chain != 2:
            return
        for index, panel in enumerate(self.panels):
            region = panel.region
            if panel.display and region.contains(event.screen_x, event.screen_y) and region.y == event.screen_y:
                self._choose(index)
                self.maximise(not self._maximised)
                return

    # ----------------------------------------------------------------------------------------------- contents

    def show(self, scene: Scene, pictures_asked: Callable[[], None]) -> None:
        """Let every panel that is shown draw the scene; the others are told when they are shown again. Calls
        `pictures_asked` when all pictures have been asked for."""
        self._scene = scene
        trouble = TroublePanel.applies(scene)
        if trouble != self._trouble:
            self._trouble = trouble
            if not trouble and self.chosen is self.trouble:
                self._choose(0)
            if not trouble and self.panels[self._beside_source] is self.trouble:
                self._beside_source = PANELS.index("tensors")
            self.lay_out()
        pictured = (self.gate, self.viewer)  # they ask for pictures, which are made while the others are drawn
        for panel in pictured:
            self._show(panel)
        pictures_asked()
        for each in self.panels:
            if each not in pictured:
                self._show(each)

    def bring_up_to_date(self, panel: LinePanel) -> None:
        """Let a panel draw the scene also if it is not shown."""
        if panel in self._stale:
            self._stale.discard(panel)
            panel.show(self._scene)

    def _show(self, panel: LinePanel) -> None:
        if panel.display:
            self._stale.discard(panel)
            panel.show(self._scene)
        else:
            self._stale.add(panel)
