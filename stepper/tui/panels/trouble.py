"""Why the script is over: its own traceback, or that its process is gone."""

from __future__ import annotations

from typing import ClassVar

from rich.cells import cell_len
from textual import events, on

from stepper.terminal_text import TAB, visible
from stepper.tui.panels.lines import LinePanel, Row, wrapped
from stepper.tui.scene import TRACEBACK, Scene

_ABOVE = 3
"""How many lines above the one that names the error are shown with it: the place, its text and the marks below that."""


class TroublePanel(LinePanel):
    """The traceback, scrolled to its end, or to where the error is named: its message may be longer than the panel."""

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
        return cls.TITLE if TRACEBACK in scene.traceback else "Exit"

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
        width, named, at = self.inner.width, _named(lines), 0
        rows: list[Row] = []
        for index, line in enumerate(lines):
            at = len(rows) if index == named else at
            part = "bad" if index == named else "" if line.startswith("  ") else "muted"
            whole = line.startswith("  ") or width < 1 or cell_len(line) <= width
            rows += [Row(((each, part),)) for each in ([line] if whole else wrapped(line, width))]
        if self._advice and width > 0:
            rows += [Row(((each, "note"),)) for each in wrapped(f"stepper: {self._advice}", width)]
        self.set_rows(rows, max((cell_len(text) for row in rows for text, _ in row.pieces), default=0))
        self.call_after_refresh(self.keep_visible, len(rows) - 1)
        self.call_after_refresh(self.keep_visible, at, _ABOVE)

    def copied(self) -> str:
        """The text as it is, unfolded."""
        return self._text.rstrip()


def _named(lines: list[str]) -> int:
    """The line that names the error, of a traceback the first behind the last place; of what is none, the last."""
    places = (index for index, line in enumerate(lines) if line.startswith('  File "'))
    last = max(places, default=len(lines))
    return next((index for index in range(last, len(lines)) if not lines[index].startswith(" ")), len(lines) - 1)
