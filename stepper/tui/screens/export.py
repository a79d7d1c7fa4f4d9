"""What to save, and where. A file that is there already is replaced only when that is said twice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input, Label, OptionList

from stepper.terminal_text import visible
from stepper.tui.screens.options import OptionsList
from stepper.tui.screens.question import Question


@dataclass(frozen=True)
class Offer:
    """Something that can be saved: its kind, what it is called, and the name its file would have."""

    kind: str
    title: str
    file: str


@dataclass(frozen=True)
class Order:
    """What is to be saved where."""

    kind: str
    path: Path


class ExportScreen(Question[Order | None]):
    """Answers an order, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "Cancel")]
    DEFAULT_CSS = """
    ExportScreen {
        & > Vertical { width: 76; }
        & #problem { color: $text-warning; }
    }
    """

    def __init__(self, offers: Sequence[Offer]) -> None:
        super().__init__()
        self._offers = offers
        self._kind = offers[0].kind
        self._asked: Path | None = None

    def compose(self) -> ComposeResult:
        """What there is above, the file's name below."""
        with Vertical() as box:
            box.border_title = "Save"
            titles = [offer.title for offer in self._offers]
            yield OptionsList(*titles, names=titles)
            yield Input(value=self._offers[0].file)
            yield Label("enter goes to the file's name, and then saves · esc closes")
            yield Label("", id="problem")

    def on_mount(self) -> None:
        """Choose first."""
        options = self.query_one(OptionList)
        options.highlighted = 0
        options.focus()

    @on(OptionList.OptionHighlighted)
    def offer(self, event: OptionList.OptionHighlighted) -> None:
        """Propose a name."""
        chosen = self._offers[event.option_index]
        self._kind = chosen.kind
        self.query_one(Input).value = chosen.file

    @on(OptionList.OptionSelected)
    def ask_name(self) -> None:
        """Go on to the name; at once, so that what is typed next is not lost."""
        self.set_focus(self.query_one(Input))

    @on(Input.Changed)
    def forget(self) -> None:
        """Another name has not been asked about."""
        self._asked = None
        self.query_one("#problem", Label).display = False

    @on(Input.Submitted)
    def save(self, event: Input.Submitted) -> None:
        """Answer; ask first where a file would be replaced."""
        from stepper.session.paths import is_there, named, obstacle  # only where there is something to save

        if not event.value.strip():
            return
        path = named(event.value)
        why = obstacle(path)
        if why is None and is_there(path) and self._asked != path:
            self._asked = path
            why = f"{path} is there already: enter again replaces it"
        if why is None:
            self.dismiss(Order(self._kind, path))
            return
        problem = self.query_one("#problem", Label)
        problem.update(Content(visible(why)))
        problem.display = True
