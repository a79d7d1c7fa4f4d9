"""All that happened in the iteration, as a tree; the cursor moves in it."""

from __future__ import annotations

from typing import ClassVar

from rich.cells import cell_len
from textual import events
from textual.binding import BindingType
from textual.content import Content
from textual.message import Message

from stepper.terminal_text import visible
from stepper.tui import figures
from stepper.tui.actions import bindings
from stepper.tui.hints import POINTED_OUT
from stepper.tui.outline import SIGN, Outline, Site, mode_of, result_of, text_of
from stepper.tui.panels.lines import EMPTY, LinePanel, Piece, Row, pad
from stepper.tui.panels.source import CURRENT, FAILED, NONFINITE, PHASES

FOLDED, UNFOLDED = "▸", "▾"
LEAF = "Nothing happened inside that could be folded or unfolded."
TIME, BEGINNING, SHORTEST = 6, 24, 6
"""Columns of a time, of a statement's text at least, and of a layer's name beside its mode."""


class RecordPanel(LinePanel):
    """One line for each event. Moving in it asks for the session's cursor to be moved."""

    TITLE = "Record"
    HELP = (
        "one line for each thing that happened, indented below what it happened in: statements, the calls, operators "
        "and layers inside them, the statements of functions that were called\n"
        f"the letter is the phase; {CURRENT} the cursor · {NONFINITE} where something first became NaN or infinite · "
        f"{FOLDED} folded · {UNFOLDED} unfolded\n"
        "train, eval: the mode that a layer or a model was called in\n"
        f"eval {POINTED_OUT}: the loss is trained through this layer, which computes something else in training (a "
        "dropout, a batch normalisation): nothing has undone a model.eval(); the status line says eval mode then\n"
        "call 2: the second time that a layer is called · use 1 of 3: the first of three contributions to arrive at a "
        "parameter's gradient, which is that of the last call · h₂: the second value that is called h\n"
        "on the right: what it computed, and the time it took, the recording of it included\n"
        "what is cut of the cursor's line stands below it whole, that of another where the mouse rests on it"
    )
    PARTS: ClassVar[frozenset[str]] = frozenset({"setup", "forward", "loss", "backward", "update", "between", "hint"})
    BINDINGS: ClassVar[list[BindingType]] = bindings("record")

    class Move(Message):
        """The cursor shall go to an event of the record that is shown."""

        def __init__(self, to: int) -> None:
            super().__init__()
            self.to = to

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._outline: Outline | None = None
        self._folds: dict[Site, bool] = {}
        self._lines: list[int] = []
        self._current = -1
        self._said = ""

    # ----------------------------------------------------------------------------------------------- what to show

    def forget(self) -> None:
        """What was folded were places in another script."""
        self._folds = {}

    def on_resize(self) -> None:
        """Keep the cursor's line in view."""
        self._follow()
        self._tell()

    def refill(self) -> None:
        """Follow the cursor; build the tree anew when the record is another."""
        history, cursor = self.scene.history, self.scene.event
        if history is None or cursor is None:
            self._outline, self._lines, self._current = None, [], -1
            self.set_count(0)
            self.refresh()
            self._tell()
            return
        new = self._outline is None or self._outline.history is not history
        if new or self._outline is None:
            self._outline = Outline(history, self._folds)
        lines = self._outline.shown(cursor.id)
        place = self._outline.place(cursor.id)
        if new or lines is not self._lines:
            self._lines = lines
            self.set_count(len(lines))
            self.refresh()
        else:
            self.touch({self._current, place})
        self._current = place
        self._follow()
        self._tell()

    def _follow(self) -> None:
        if self._current >= 0:
            self.keep_visible(self._current, 2)

    def copied(self) -> str:
        """All lines that are unfolded, nothing of them cut."""
        return "\n".join(self._whole(index) for index in range(len(self._lines)))

    def _whole(self, index: int) -> str:
        """A line with nothing of it cut."""
        outline = self._outline
        if outline is None:
            return ""
        event = outline.events[self._lines[index]]
        left = "".join(text for text, _ in self._beginning(outline, index))
        return "  ".join(
            [
                left + text_of(event, outline.history),
                *filter(None, [result_of(event, outline.history), figures.duration(event.duration)]),
            ]
        )

    def _cut(self, index: int) -> str:
        """The text of a line where some of it is cut, and what it computed; empty where all of it can be read."""
        outline = self._outline
        if outline is None or not 0 <= index < len(self._lines):
            return ""
        event = outline.events[self._lines[index]]
        shown = "".join(text for text, _ in self.row(index).pieces)
        if text_of(event, outline.history) in shown and result_of(event, outline.history) in shown:
            return ""
        return "  ".join(filter(None, [" ".join(event.text.split()) or event.kind, result_of(event, outline.history)]))

    def _tell(self) -> None:
        """Say at the bottom what is cut of the cursor's line."""
        said = self._cut(self._current)
        if said != self._said:
            self._said = said
            self.border_subtitle = Content(visible(said))

    def on_mouse_move(self, move: events.MouseMove) -> None:
        """What is cut of the line under the mouse is its tooltip."""
        said = self._cut(move.y - self.gutter.top + self.scroll_offset.y)
        self.tooltip = Content(visible(said)) if said else None

    def row(self, index: int) -> Row:
        """An event's line."""
        outline = self._outline
        if outline is None or not 0 <= index < len(self._lines):
            return EMPTY
        event = outline.events[self._lines[index]]
        current = index == self._current
        pieces = self._beginning(outline, index)
        mode = mode_of(event, outline.history)
        text = text_of(event, outline.history).removesuffix(mode)
        room = self.inner.width
        time = f"  {figures.duration(event.duration):>{TIME}}" if room >= 40 else ""
        left = room - cell_len(time) - 1 - sum(cell_len(piece) for piece, _ in pieces)
        # the text gives way first, down to its beginning
        most = max((room - cell_len(time)) // 3, left - min(BEGINNING, cell_len(text + mode)))
        result = result_of(event, outline.history)
        result = result if cell_len(result) <= most else figures.fit(result, max(0, most))
        left -= cell_len(result)
        if cell_len(text + mode) > left:
            text = outline.history.names.forms(text)[:2][-1]
        if mode and left - len(mode) < SHORTEST:
            mode = SIGN if mode.endswith(SIGN) else ""
        if mode:  # its sign is cut last
            text = figures.fit(text, max(0, left - len(mode))).rstrip() + mode
        pieces.append((text, "" if event.kind == "statement" else "muted"))
        right: list[Piece] = [(result, "hint"), (time, "muted")]
        return Row(pad(pieces, right, room), "current" if current else "")

    def _beginning(self, outline: Outline, index: int) -> list[Piece]:
        """What stands before the text of a line: its mark, its phase, and its fold."""
        event = outline.events[self._lines[index]]
        mark = FAILED if event.error else CURRENT if index == self._current else " "
        wrong = event.id == outline.history.nonfinite
        letter = (NONFINITE, "bad") if wrong else (PHASES.get(event.phase, " "), event.phase)
        shut = index + 1 >= len(self._lines) or self._lines[index + 1] != event.id + 1
        fold = (FOLDED if shut else UNFOLDED) if outline.inside(event.id) else " "
        return [
            (mark, "bad" if event.error else "strong"),
            letter,
            (" " + "  " * outline.depths[event.id], ""),
            (f"{fold} ", "muted"),
        ]

    # ----------------------------------------------------------------------------------------------- moving in it

    def _at(self, place: int) -> int | None:
        """The event of a line, or of the nearest there is; None where the cursor stands there already."""
        place = max(0, min(place, len(self._lines) - 1))
        return self._lines[place] if self._lines and place != self._current else None

    def _go(self, event: int | None) -> None:
        if event is not None:
            self.post_message(self.Move(event))

    def action_line(self, step: int) -> None:
        """Up or down by a line."""
        self._go(self._at(self._current + step))

    def action_page(self, step: int) -> None:
        """Up or down by what is visible."""
        self._go(self._at(self._current + step * self._page))

    @property
    def _page(self) -> int:
        # a panel that a key just before has shown has no size yet
        return max(1, (self.inner.height or self.app.size.height // 2) - 2)

    def action_edge(self, place: int) -> None:
        """To the first line, or to the statement that was over last: below it may stand what happened inside it."""
        outline, cursor = self._outline, self.scene.event
        if place >= 0:
            self._go(self._at(place))
        elif outline is not None and cursor is not None and outline.history.final != cursor.id:
            self._go(outline.history.final)

    def action_fold(self) -> None:
        """Fold; what is folded already, or has nothing inside, hands on to the event around it."""
        outline, cursor = self._outline, self.scene.event
        if outline is None or cursor is None:
            return
        if not outline.inside(cursor.id) or outline.folded(cursor.id):
            if cursor.parent is None:
                self.notice("Nothing is around it, and nothing inside is unfolded.")
            self._go(cursor.parent)
        else:
            self._fold(cursor.id, True)

    def action_unfold(self) -> None:
        """Unfold; what is unfolded already is entered."""
        outline, cursor = self._outline, self.scene.event
        if outline is None or cursor is None:
            return
        if not outline.inside(cursor.id):
            self.notice(LEAF)
        elif not outline.folded(cursor.id):
            self._go(cursor.id + 1)
        else:
            self._fold(cursor.id, False)

    def action_turn(self) -> None:
        """Fold or unfold."""
        if self._outline is not None and self.scene.event is not None:
            if not self._outline.inside(self.scene.event.id):
                self.notice(LEAF)
            self._fold(self.scene.event.id, not self._outline.folded(self.scene.event.id))

    def _fold(self, event: int, on: bool) -> None:
        if self._outline is not None and self._outline.inside(event):
            self._outline.fold(event, on)
            self._lines = []
            self.refill()

    def on_click(self, click: events.Click) -> None:
        """Move to the line; on its fold mark or beside it, fold or unfold it."""
        at = click.get_content_offset(self)
        place = at.y + self.scroll_offset.y if at is not None else -1
        if at is None or self._outline is None or not 0 <= place < len(self._lines):
            return
        event = self._lines[place]
        mark = 3 + 2 * self._outline.depths[event]
        if self._outline.inside(event) and abs(at.x - mark) <= 1:
            self._fold(event, not self._outline.folded(event))
        else:
            self._go(self._at(place))
