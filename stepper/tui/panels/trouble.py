"""Why the script is over: its own traceback, or that its process is gone."""

from __future__ import annotations

from typing import ClassVar

from rich.cells import cell_len
from textual import events, on

from stepper.terminal_text import TAB, visible
from stepper.tui.panels.lines import LinePanel, Row, wrapped
from stepper.tui.scene import Scene


class TroublePanel(LinePanel):
    """The traceback, scrolled to its end, where the error is named."""

    TITLE = "Traceback"
    HELP = (
        "the script's own traceback, with its own lines; the record stays readable up to the failing statement\n"
        "Exit: the script left by itself, as by sys.exit · Process lost: it was ended from outside, or crashed\n"
        "below it, where stepper knows what is to be done: that"
    )
    PARTS: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._text = ""
        self._advice = ""

    @staticmethod
    def applies(scene: Scene) -> bool:
        """Whether there is trouble to show."""
        return bool(scene.traceback) or scene.state == "lost"

    @classmethod
    def title_of(cls, scene: Scene) -> str:
        """What there is to read: of a script that left by itself, as by `sys.exit`, no traceback."""
        if scene.state == "lost":
            return "Process lost"
        return cls.TITLE if "Traceback (most recent call last)" in scene.traceback else "Exit"

    def show(self, scene: Scene) -> None:
        """Show the traceback, or what is known of a lost process."""
        super().show(scene)
        text = ""
        if self.applies(scene):
            said = f"{scene.output.rstrip()}\n" if scene.output.strip() else ""
            text = said + (scene.traceback or scene.notice)
        if (text, scene.advice) == (self._text, self._advice):
            return
        self._text, self._advice = text, scene.advice
        self.retitle(self.title_of(scene))
        self.fold()

    @on(events.Resize)
    def fold(self) -> None:
        """What is no source, and longer than the panel is wide, takes several lines."""
        lines = visible(self._text.expandtabs(TAB)).rstrip().split("\n") if self._text else []
        width, last = self.inner.width, len(lines) - 1
        rows: list[Row] = []
        for index, line in enumerate(lines):
            part = "bad" if index == last else "" if line.startswith("  ") else "muted"
            whole = line.startswith("  ") or width < 1 or cell_len(line) <= width
            rows += [Row(((each, part),)) for each in ([line] if whole else wrapped(line, width))]
        if self._advice and width > 0:
            rows += [Row(((each, "note"),)) for each in wrapped(f"stepper: {self._advice}", width)]
        self.set_rows(rows, max((cell_len(text) for row in rows for text, _ in row.pieces), default=0))
        self.call_after_refresh(self.keep_visible, len(rows) - 1)

    def copied(self) -> str:
        """The text as it is, unfolded."""
        return self._text.rstrip()
