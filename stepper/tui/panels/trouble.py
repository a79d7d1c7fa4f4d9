"""Why the script is over: its own traceback, or that its process is gone."""

from __future__ import annotations

from typing import ClassVar

from rich.cells import cell_len

from stepper.tui.panels.lines import LinePanel, Row
from stepper.tui.scene import Scene


class TroublePanel(LinePanel):
    """The traceback, scrolled to its end, where the error is named."""

    TITLE = "Traceback"
    HELP = "the script's own traceback, with its own lines; the record stays readable up to the failing statement"
    PARTS: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._text = ""

    @staticmethod
    def applies(scene: Scene) -> bool:
        """Whether there is trouble to show."""
        return bool(scene.traceback) or scene.state == "lost"

    def show(self, scene: Scene) -> None:
        """Show the traceback, or what is known of a lost process."""
        super().show(scene)
        text = ""
        if self.applies(scene):
            said = f"{scene.output.rstrip()}\n" if scene.output.strip() else ""
            text = said + (scene.traceback or scene.notice)
        if text == self._text:
            return
        self._text = text
        lines = text.expandtabs(4).rstrip().splitlines()
        last = len(lines) - 1
        rows = [
            Row(((line, "bad" if index == last else "" if line.startswith("  ") else "muted"),))
            for index, line in enumerate(lines)
        ]
        self.retitle("Process lost" if scene.state == "lost" else self.TITLE)
        self.set_rows(rows, max(map(cell_len, lines), default=0))
        self.call_after_refresh(self.keep_visible, last)
