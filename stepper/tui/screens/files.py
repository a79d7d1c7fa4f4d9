"""A small file picker: folders and Python scripts."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar

from rich.text import Text, TextType
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import DirectoryTree, Label

from stepper.terminal_text import visible
from stepper.tui.screens.question import Question


class Scripts(DirectoryTree):
    """The tree of one folder, as far as it leads to Python scripts."""

    # a script's line begins where a folder's does; Textual's own icons are of double width in some terminals only
    ICON_NODE, ICON_NODE_EXPANDED, ICON_FILE = "▸ ", "▾ ", "  "

    def process_label(self, label: TextType) -> Text:
        """A name as it is: what looks like markup, or like a terminal's codes, is none."""
        return super().process_label(Text(visible(label)) if isinstance(label, str) else label)

    def filter_paths(self, paths: Iterable[Path]) -> Iterable[Path]:
        """Leave out what is hidden, and files that are no scripts."""
        return [path for path in paths if path.name[0] not in "._" and (path.suffix == ".py" or _is_folder(path))]


class FilesScreen(Question[Path | None]):
    """Answers a script's path, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Cancel"),
        Binding("backspace", "up", "The folder above"),
    ]
    DEFAULT_CSS = """
    FilesScreen {
        & > Vertical { width: 80%; max-width: 100; height: 80%; max-height: 40; }
        & DirectoryTree { height: 1fr; background: $surface; }
    }
    """

    def __init__(self, start: Path) -> None:
        super().__init__()
        self._start = start.resolve()

    def compose(self) -> ComposeResult:
        """The tree."""
        with Vertical() as box:
            box.border_title = Content(visible(str(self._start)))
            yield Scripts(self._start)
            yield Label("enter takes a script, opens a folder · backspace: the folder above · esc closes")

    def on_mount(self) -> None:
        """Arrows choose at once."""
        self.query_one(Scripts).focus()

    def action_up(self) -> None:
        """Show the folder above."""
        tree = self.query_one(Scripts)
        above = Path(tree.path).resolve().parent
        tree.path = above
        self.query_one(Vertical).border_title = Content(visible(str(above)))

    @on(DirectoryTree.FileSelected)
    def take(self, event: DirectoryTree.FileSelected) -> None:
        """Answer."""
        self.dismiss(event.path)


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # one that may not be looked into
        return False
