"""The script: where the cursor stands, what has run, and what each line computed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from rich.cells import cell_len
from textual import events
from textual.binding import BindingType
from textual.content import Content
from textual.geometry import Offset, Size
from textual.message import Message

from stepper.record import Event, Record
from stepper.session.findings.telling import title, told
from stepper.terminal_text import visible
from stepper.tui import figures
from stepper.tui.actions import bindings
from stepper.tui.highlight import column, highlight
from stepper.tui.hints import POINTED_OUT, hint
from stepper.tui.history import History
from stepper.tui.panels.lines import Drawn, LinePanel, Piece, Row, mark, pad, wrapped
from stepper.tui.panels.titles import CORNERS
from stepper.tui.scene import Scene

if TYPE_CHECKING:
    from stepper.session.breakpoints import Breakpoint

CURRENT, DONE, FAILED, NONFINITE = "▶", "✓", "✗", "!"
BREAKPOINT, CONDITIONAL, OFF = "●", "◆", "○"
GUTTER = 3
"""Columns beside the digits of the line's number: its mark, its phase, its breakpoint."""
BEGINNING = 12
"""Columns of a line's code that no result takes, however long: where they fit into half of the panel."""
PHASES = {"setup": "s", "forward": "F", "loss": "L", "backward": "B", "update": "U", "between": "·"}
"""One letter for each phase, so that it can be told without colour."""
CONTINUED = "    "
"""Before all but the first of the lines that a long one takes."""
TOLD = 10
"""Lines, at most, that tell in words what happens inside a call; and never more than half the panel."""


class SourcePanel(LinePanel):
    """The script's lines, with a gutter on the left and the results of each line on the right."""

    TITLE = "Source"
    HELP = (
        f"{CURRENT} the statement under the cursor: it has run, and what it computed is shown\n"
        f"{DONE} lines that have run in this iteration by then · {FAILED} the line that failed\n"
        "the letter of each line is its phase: s setup, F forward, L loss, B backward, U update, · between two passes\n"
        f"{NONFINITE} in place of that letter: something first became NaN or infinite there in this iteration\n"
        f"{BREAKPOINT} a breakpoint, {CONDITIONAL} one with a condition, {OFF} one that is switched off\n"
        "changed on disk: the file has been edited since it was run; what is shown, and replayed, is the text that "
        "runs, until a restart\n"
        "the line that is selected is underlined; the arrows and a click select another\n"
        "at a line's end: what it computed last: a shape, (n,k)·(k,m) → (n,m) for a matrix product, or the value "
        "where that is one number (of a loop's head the first … the last); ‖Δ‖: the Euclidean norm of after − before "
        "over the parameters that it moved (of one that several lines move: an optimizer's step only)\n"
        f"{POINTED_OUT} (64,1) − (64,) → (64,64) at a line's end: broadcasting made a value larger than both operands, "
        "a loss compares different shapes, or one number moves all of a parameter, which may not be meant\n"
        f"{POINTED_OUT} no gradient at a line's end: the graph of gradients ends here (detach, no_grad), so that "
        "parameters which an optimizer has get none, or a term of the loss does that is added here\n"
        f"{POINTED_OUT} not read at a line's end: a gradient that no line of the file reads: an update that was "
        "forgotten\n"
        f"{POINTED_OUT} repeated at a line's end: an index has places more than once, and the step takes only the last "
        "of those for each\n"
        f"{POINTED_OUT} line 18 at a line's end: in a function that it calls, one of these is pointed out there\n"
        "at the bottom, inside a backward pass, a model or an optimizer's step: what happens there, the chain rule or "
        "the rule of the step with its numbers; inside a function, where it was called from; and what is cut of the "
        "selected line, whole (of another, where the mouse rests on it)"
    )
    PARTS: ClassVar[frozenset[str]] = frozenset(
        {"keyword", "string", "number", "comment", "function", "builtin", "operator", "gutter", "hint", "span",
         "breakpoint", "selected", "setup", "forward", "loss", "backward", "update", "between"}
    )  # fmt: skip
    BINDINGS: ClassVar[list[BindingType]] = bindings("source")

    @dataclass
    class Toggle(Message):
        """A breakpoint is wanted on this line, or no longer."""

        line: int

    @dataclass
    class Go(Message):
        """The person wants to be at this line."""

        line: int

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._source = ""
        self._code: list[tuple[Piece, ...]] = []
        self._marks: dict[int, str] = {}
        self._hints: dict[int, str] = {}
        self._current = 0
        self._selected = 1
        self._span = (0, 0)
        self._nonfinite = 0
        self._texts: dict[int, str] = {}
        self._said = ""
        self._told: list[Row] = []
        self._restart = "r"

    def show(self, scene: Scene) -> None:
        """Redraw the lines whose mark, hint or highlighting changed, and follow the cursor."""
        if scene.source != self._source:
            self._source = scene.source
            self._code = highlight(scene.source)
            self._marks, self._hints, self._current, self._nonfinite = {}, {}, 0, 0
            self.set_count(len(self._code))
            self.refresh()
        if scene.history is not self.scene.history:
            self._texts.clear()
        if scene.phases is not self.scene.phases:
            self.refresh()
        if scene.breakpoints != self.scene.breakpoints:
            old, new = self.scene.breakpoints, scene.breakpoints
            self.touch(line - 1 for line in old.keys() | new.keys() if old.get(line) != new.get(line))
        turned = scene.elsewhere or self.scene.elsewhere
        super().show(scene)
        self._entitle()
        if turned:
            self.refill()

    def take_key(self, restart: str) -> None:
        """The key that runs the target anew."""
        self._restart = restart
        self._entitle()

    def _entitle(self) -> None:
        """Say which file it is, and whether it has been edited since."""
        title = f"{self.TITLE} · {self.scene.file}" if self.scene.file else self.TITLE
        edited = f"{self.scene.edited} — {self._restart} restarts" if self.scene.edited else ""
        titles = [f"{each} · {edited}" for each in (title, self.TITLE)] if edited else []
        self.retitle(*titles, title, self.TITLE)

    def refill(self) -> None:
        """Mark what has run by now and what it computed, and follow the cursor."""
        history, event = self.scene.history, self._event
        marks, hints = self._annotations(history, event) if history and event else ({}, {})
        current = event.line if event else 0
        span = _span(event, self._source) if event else (0, 0)
        changed = {line for line in marks.keys() | self._marks.keys() if marks.get(line) != self._marks.get(line)}
        changed |= {line for line in hints.keys() | self._hints.keys() if hints.get(line) != self._hints.get(line)}
        if (current, span) != (self._current, self._span):
            changed |= {current, self._current}
        nonfinite = _nonfinite(history, event)
        if nonfinite != self._nonfinite:
            changed |= {nonfinite, self._nonfinite}
            self._nonfinite = nonfinite
        self._marks, self._hints, self._current, self._span = marks, hints, current, span
        self.touch(line - 1 for line in changed)
        if current:
            self._select(current)
        self._tell()
        if current:
            self.follow()

    @property
    def _event(self) -> Event | None:
        """The event under the cursor, where that stands in the file that is shown."""
        return None if self.scene.elsewhere else self.scene.event

    def follow(self) -> None:
        """Bring the cursor's line into view, with the lines around it that can be shown."""
        index, height, top = self._current - 1, self.inner.height - len(self._told), self.scroll_offset.y
        if height <= 0:  # not laid out yet: `on_resize` follows
            return
        margin = min(4, height // 4)
        if not top + min(margin, top) <= index < top + height - min(margin, max(0, len(self._code) - top - height)):
            # far enough that it need not scroll again with the next step: a scroll repaints the whole panel
            self.scroll_to(y=max(0, index - height // 3), animate=False, force=True, immediate=True)

    def on_resize(self) -> None:
        """Keep the cursor's line in view when there is less room."""
        self._tell()
        if self._current:
            self.follow()

    def line_at(self, y: int, scrolled: Offset, width: int) -> Drawn:
        """A line of the source, or, below it, of what is told of the event."""
        place = y - (self.inner.height - len(self._told)) if self._told else -1
        if place < 0:
            return super().line_at(y, scrolled, width)
        return self._draw(self._told[place], width, 0)

    def _tell(self) -> None:
        """Say in words, over the panel's last lines, what happens at the cursor where the source does not show it; and
        what cannot be read of the selected line, in the frame where it is short enough."""
        stack, cut = self._stack(), self._cut(self._selected - 1)
        in_frame = not stack and cell_len(cut) <= self.inner.width - CORNERS
        said = stack or (cut if in_frame else "")
        if said != self._said:
            self._said = said
            self.border_subtitle = Content(visible(said))
        own = self._words() if self._selected == self._current or not cut or in_frame else []
        lines = own or ([] if in_frame else self._unfolded(cut))
        if lines == self._told:
            return
        top, height = self.scroll_offset.y, self.inner.height
        most = max(len(lines), len(self._told))
        if len(lines) != len(self._told):
            # what lies under it must be reachable: the panel is longer by as much
            self.virtual_size = Size(0, len(self._code) + len(lines))
        self._told = lines
        for y in range(max(0, height - most), height):
            self.refresh_line(top + y)

    def _cut(self, index: int) -> str:
        """The code of a line some of which is cut; empty where all of it can be read."""
        if not 0 <= index < len(self._code):
            return ""
        code = "".join(text for text, _ in self._code[index]).strip()
        return "" if code in "".join(text for text, _ in self.row(index).pieces) else code

    def _unfolded(self, code: str) -> list[Row]:
        """The selected line in as many as it takes."""
        width, room = self.inner.width, min(TOLD, self.inner.height // 2)
        if not code or width < 20 or room < 2:
            return []
        lines = wrapped(code, width - 3, CONTINUED)
        if len(lines) >= room:
            lines = [*lines[: room - 2], "…"]
        return [_headed(f"── line {self._selected} ", width), *(Row(((f" {line}", ""),)) for line in lines)]

    def on_mouse_move(self, move: events.MouseMove) -> None:
        """The whole of a line that is cut is its tooltip."""
        cut = self._cut(move.y - self.gutter.top + self.scroll_offset.y)
        self.tooltip = Content(visible(cut)) if cut else None

    def _words(self) -> list[Row]:
        event, record = self._event, self.scene.record
        width, room = self.inner.width, min(TOLD, self.inner.height // 2)
        if event is None or record is None or width < 20 or room < 2:
            return []
        text = told(event, record)
        if not text and event.kind not in ("backward", "contribution", "module", "optimizer"):
            return []
        rows = [_headed(_head(event, record), width)]
        lines = [part for line in text for part in wrapped(line, width - 3, CONTINUED)]
        if len(lines) >= room:
            lines = [*lines[: room - 2], "…"]
        return rows + [Row(((f" {line}", ""),)) for line in lines]

    def copied(self) -> str:
        """The script with its marks, and what each line computed, nothing of it cut; and what is told below."""
        lines = []
        for index in range(len(self._code)):
            text = "".join(text for text, _ in self._line(index)).rstrip()
            hint = self._hints.get(index + 1, "")
            lines.append(f"{text}  {hint}" if hint else text)
        event, record = self._event, self.scene.record
        if self._words() and event is not None and record is not None:
            lines += [_head(event, record).rstrip(), *told(event, record)]
        return "\n".join(lines)

    def row(self, index: int) -> Row:
        """Line `index` + 1 of the script."""
        hint, current = self._hints.get(index + 1, ""), index + 1 == self._current
        right = [(hint, "strong" if current else "hint")] if hint else []
        code, width = "".join(text for text, _ in self._code[index]), self.inner.width
        indent = len(code) - len(code.lstrip())
        least = min(len(str(len(self._code))) + GUTTER + indent + BEGINNING, width // 2)
        return Row(pad(self._line(index), right, width, least), "current" if current else "")

    def _line(self, index: int) -> tuple[Piece, ...]:
        """The gutter of a line, and its code."""
        line = index + 1
        sign = self._marks.get(line, " ")
        digits = len(str(len(self._code)))
        part = "bad" if sign == FAILED else "good" if sign == DONE else "strong"
        code = self._code[index]
        current = line == self._current
        if current and self._span != (0, 0):
            code = mark(code, *self._span, "span")
        phase = self.scene.phases.get(line, "")
        letter = (NONFINITE, "bad") if line == self._nonfinite else (PHASES.get(phase, " "), phase)
        stop = _sign(self.scene.breakpoints.get(line))
        number = f"{line:>{digits}}"
        # on the cursor's line in full: grey on its ground could not be read in sixteen colours
        gutter = (number, "strong" if current else "selected" if line == self._selected else "gutter")
        return ((sign, part), gutter, letter, stop, *code)

    # ----------------------------------------------------------------------------------------------- the selected line

    @property
    def selected(self) -> int:
        """The line that a breakpoint would be set on: the cursor's, until another is selected."""
        return self._selected

    def select(self, line: int) -> None:
        """Select a line, and bring it into view with the lines around it."""
        self._select(line)
        self.keep_visible(self._selected - 1, margin=4)

    def find(self, text: str) -> bool:
        """Select the next line that has `text` in it, from the first again after the last; whether there is one."""
        lines, wanted = ["".join(text for text, _ in line).lower() for line in self._code], text.lower()
        order = [*range(self._selected, len(lines)), *range(min(self._selected, len(lines)))]
        found = next((index + 1 for index in order if wanted in lines[index]), None)
        if found is not None:
            self.select(found)
        return found is not None

    def _select(self, line: int) -> None:
        line = max(1, min(line, len(self._code)))
        if line != self._selected:
            self.touch((line - 1, self._selected - 1))
            self._selected = line
            self._tell()

    def action_line(self, step: int) -> None:
        """Select the line above or below."""
        self._select(self._selected + step)
        self.keep_visible(self._selected - 1)

    def action_page(self, step: int) -> None:
        """Select a line a page away."""
        self.action_line(step * max(1, self.inner.height - 1))

    def action_edge(self, index: int) -> None:
        """Select the first line, or the last."""
        self._select(1 if index == 0 else len(self._code))
        self.keep_visible(self._selected - 1)

    def action_go(self) -> None:
        """Go to the selected line."""
        self.post_message(self.Go(self._selected))

    def on_click(self, event: events.Click) -> None:
        """Beside the number: a breakpoint. On a line: select it, and twice: go there."""
        offset = event.get_content_offset(self)
        line = offset.y + self.scroll_offset.y + 1 if offset is not None else 0
        covered = offset is not None and offset.y >= self.inner.height - len(self._told)
        if offset is None or covered or not 1 <= line <= len(self._code):
            return
        self._select(line)
        if offset.x < len(str(len(self._code))) + GUTTER:
            self.post_message(self.Toggle(line))
        elif event.chain == 2:
            self.post_message(self.Go(line))

    def _annotations(self, history: History, cursor: Event) -> tuple[dict[int, str], dict[int, str]]:
        marks: dict[int, str] = {}
        hints: dict[int, str] = {}
        for line in history.lines(cursor.file):
            if not history.executed(line, cursor):
                continue
            marks[line] = DONE
            event = history.computed(line, cursor)
            if event is not None:
                if event.error:
                    marks[line] = FAILED
                hints[line] = self._hint(event, history)
        marks[cursor.line] = FAILED if cursor.error else CURRENT
        if cursor.kind != "statement":
            hints[cursor.line] = self._hint(cursor, history) or hints.get(cursor.line, "")
        return marks, hints

    def _hint(self, event: Event, history: History) -> str:
        text = self._texts.get(event.id)
        if text is None:
            text = self._texts[event.id] = hint(event, history)
        return text

    def _stack(self) -> str:
        """Inside a function: which, and the lines it was called from, the innermost first."""
        history, cursor = self.scene.history, self._event
        frames = history.stack(cursor) if history is not None and cursor is not None else []
        outside = "setup" if self.scene.iteration is None else "loop"
        return " ‹ ".join(f"{name or outside}:{line}" for name, line in frames) if len(frames) > 1 else ""


def _head(event: Event, record: Record) -> str:
    """The line above what is told of an event."""
    return f"── {title(event, record) if event.kind != 'statement' else event.text.splitlines()[0]} "


def _headed(head: str, width: int) -> Row:
    """That line, drawn on to the panel's edge."""
    head = figures.beginning(head, width)
    return Row(((head + "─" * (width - cell_len(head)), "note"),))


def _nonfinite(history: History | None, cursor: Event | None) -> int:
    """The line of the event where something first became NaN or infinite; 0 where nothing did, or in another file."""
    if history is None or history.nonfinite is None or cursor is None:
        return 0
    event = history.record.events[history.nonfinite]
    return event.line if event.file == cursor.file else 0


def _sign(found: Breakpoint | None) -> Piece:
    """What marks a line with a breakpoint."""
    if found is None:
        return (" ", "")
    return (OFF if not found.enabled else CONDITIONAL if found.condition else BREAKPOINT, "breakpoint")


def _span(event: Event, source: str) -> tuple[int, int]:
    """Where an expression stands in its line; (0, 0) for whole statements and what spreads over lines."""
    if event.kind == "statement" or event.line != event.end_line or event.end_column <= event.column:
        return (0, 0)
    return (column(source, event.line, event.column), column(source, event.line, event.end_column))
