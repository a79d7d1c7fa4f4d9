"""What the script printed in the iteration, by the statement that printed it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from functools import partial
from itertools import accumulate, pairwise
from os.path import basename
from typing import ClassVar, NamedTuple

from rich.cells import cell_len
from textual import events
from textual.binding import BindingType
from textual.content import Content

from stepper.record import Event
from stepper.terminal_text import printed, visible
from stepper.tui.actions import bindings
from stepper.tui.history import History
from stepper.tui.panels.lines import LinePanel, Piece, Row, mark, pad
from stepper.tui.panels.record import RecordPanel
from stepper.tui.panels.source import CURRENT
from stepper.tui.scene import Scene

EARLIER = 4000
"""Bytes of what was printed before the iteration that are shown above it."""
MOST = 200_000
"""Bytes of one iteration's output that are shown: the first and the last of them."""
SHARE = 40_000
"""Bytes that are shown of what a statement printed at a stretch: the first and the last of them."""
MARGIN = 12
"""Columns that a line needs for its end to be told from its number."""
CUT = "\N{REPLACEMENT CHARACTER}"
"""What is read of a character that was cut."""
REACHED, AHEAD = "│", "┆"
"""Before a line that was printed by the cursor, or before it; and that is printed later."""
Read = Callable[[int, int | None], str]
ReadOf = Callable[[int | None, int, int | None], str]


class Span(NamedTuple):
    """A line, and the innermost event that printed it (None: before the record)."""

    text: str
    event: Event | None
    told: bool = False
    """Whether it is no output, but says how much is left out here."""
    behind: bool = False
    """Whether it was printed behind all that was recorded, by what the script left at its end."""
    live: bool = False
    """Whether the script, which runs on, has printed it since."""


class OutputPanel(LinePanel):
    """Lines with the number of the source line that printed them; a click goes to the statement."""

    TITLE = "Output"
    HELP = (
        "what the script printed in this iteration (both streams), each line with the source line that printed it; "
        "colours and other escape codes are left out, a progress bar is shown as it was at last\n"
        f"{CURRENT} what the statement under the cursor printed · grey: what was printed before this iteration\n"
        f"{AHEAD} grey: what is printed further on in this iteration than the cursor stands\n"
        "without a number, behind the last iteration: what a library printed when the script came to its end\n"
        "of an iteration that was replayed it is what the replay printed, also above it\n"
        "while the script runs, what it prints stands below as it comes; a line scrolled to stays in view"
    )
    PARTS: ClassVar[frozenset[str]] = frozenset({"gutter", "span"})
    BINDINGS: ClassVar[list[BindingType]] = bindings("output")

    def __init__(self, read: Read, read_of: ReadOf, *, id: str | None = None) -> None:
        """`read`: what the script printed, from one byte to another; `read_of`: what the process that recorded an
        iteration did."""
        super().__init__(id=id)
        self._read = read
        self._read_of = read_of
        self._shown: tuple[History | None, bool] = (None, False)
        self._recorded: list[Span] = []
        self._live: int | None = None
        """Bytes that had been printed by the last look at a script that runs on."""
        self._spans: list[Span] = []
        self._printed: list[Event | None] = []
        self._found: tuple[int, str] | None = None
        self._found_from: Event | None = None
        self._followed: tuple[int, int] | None = None
        """The line that is kept in view, with so many around it."""

    def show(self, scene: Scene) -> None:
        """Also where the cursor stays: the script may have come to its end meanwhile."""
        super().show(scene)
        if self._over != self._shown[1] or scene.printed != self._live:
            self.refill()

    def refill(self) -> None:
        """Read the output of another record; mark what the cursor's statement printed."""
        history, over = self.scene.history, self._over
        if history is not self._shown[0] or over != self._shown[1]:
            self._shown = (history, over)
            of = partial(self._read_of, self.scene.iteration)
            self._recorded = _spans(history, of, over) if history is not None else []
        follows = self._live is None or self.scroll_offset.y + self.inner.height >= len(self._rows)
        self._live = self.scene.printed
        since = _since(self._start, self._read, self._live) if self._live is not None else []
        self._spans = [*self._recorded, *since]
        cursor = self.scene.event
        if cursor is not self._found_from:
            self._found = None
        rows: list[Row] = []
        self._printed = []
        first, later, more = None, 0, ""
        places = [self._place(span.event) for span in self._spans]
        digits = max(map(len, places), default=0)
        for (line, event, told, behind, live), place in zip(self._spans, places, strict=True):
            own = cursor is not None and event is not None and self._within(event, cursor)
            if own and first is None:
                first = len(rows)
            is_ahead = cursor is not None and event is not None and not self._reached(event, cursor)
            is_ahead = is_ahead or (behind and self._ahead_of_end)
            text: Piece = (line, "note" if told else "muted" if (event is None and not live) or is_ahead else "")
            gutter: Piece = (f"{place:>{digits}} {AHEAD if is_ahead else REACHED} ", "gutter")
            pieces: tuple[Piece, ...] = ((CURRENT if own else " ", "strong"), gutter, text)
            if self._found is not None and self._found[0] == len(rows):
                end = len(pieces[0][0]) + len(gutter[0]) + self._found_end
                pieces = mark(pieces, end - len(self._found[1]), end, "span")
            rows.append(Row(pieces, "current" if own else ""))
            later += is_ahead and not told
            more = "over " if is_ahead and told else more
            self._printed.append(event)
        where = "the setup" if self.scene.iteration is None else "this iteration"
        if (
            self.scene.record is not None
            and not any(self._printed)
            and not any(each.behind or each.live for each in self._spans)
        ):
            rows.append(Row(((f"Nothing was printed in {where}.", "muted"),)))
        self.set_rows(rows)
        ahead = f" · {more}{later} line{'s' if later > 1 else ''} ahead" if later else ""
        self.retitle(self.TITLE + (" · as it comes" if since else ahead), self.TITLE)
        shown = max(0, len(rows) - 1 - later) if first is None else first
        if since and follows:
            self._followed = len(rows) - 1, 0
        elif since and self._found is None:
            self._followed = None  # it was scrolled away from
        else:
            self._followed = (shown if self._found is None else self._found[0]), 1
        self._follow()

    def _follow(self) -> None:
        if self._followed is not None:
            self.keep_visible(*self._followed)

    @property
    def _start(self) -> int:
        """Where what is not recorded here begins in what the script has printed."""
        scene = self.scene
        if scene.resumed is not None:
            return scene.resumed
        return max((event.output[1] for event in scene.record.events), default=0) if scene.record is not None else 0

    @property
    def _over(self) -> bool:
        """Whether the script came to its end behind this iteration. Why one failed is told by its traceback."""
        scene = self.scene
        return scene.state == "ended" and not scene.traceback and scene.iteration == scene.done - 1

    @property
    def _ahead_of_end(self) -> bool:
        """Whether the cursor does not stand in the last statement."""
        history, cursor = self.scene.history, self.scene.event
        if history is None or cursor is None:
            return False
        return history.completion(cursor)[0] < len(history.record.events) - 1

    def _place(self, event: Event | None) -> str:
        """The number of the line that printed; with the file's name, where that is not the script."""
        if event is None or self.scene.record is None:
            return ""
        own = event.file == self.scene.record.home
        return str(event.line) if own else f"{basename(event.file)}:{event.line}"

    def _reached(self, event: Event, cursor: Event) -> bool:
        """Whether what an event printed was there when the event under the cursor was over."""
        history = self.scene.history
        return history is None or event.id <= history.completion(cursor)[0]

    def _within(self, event: Event, cursor: Event) -> bool:
        history = self.scene.history
        return history is not None and cursor.id <= event.id <= history.end(cursor.id)

    def row(self, index: int) -> Row:
        """A line, as far as there is room; of one in which a text was found, from there on if need be."""
        row, room = super().row(index), self.inner.width
        if room < MARGIN or sum(cell_len(text) for text, _ in row.pieces) <= room:
            return row
        pieces, end = row.pieces, 0
        if self._found is not None and self._found[0] == index:
            end = sum(len(text) for text, part in pieces if part == "gutter") + self._found_end
        if end >= room:
            sign, gutter, *rest = pieces
            skipped = self._found_end - room // 2
            kept: list[Piece] = []
            for text, part in rest:
                kept.append((text[max(0, skipped) :], part))
                skipped -= len(text)
            pieces = (sign, gutter, ("…", "muted"), *kept)
        return Row(pad(pieces, (), room), row.base)

    @property
    def _found_end(self) -> int:
        """The column of its line behind the text that was found."""
        if self._found is None:
            return 0
        index, wanted = self._found
        return self._spans[index].text.lower().find(wanted) + len(wanted)

    def copied(self) -> str:
        """What was printed, nothing of it cut."""
        return "\n".join("".join(text for text, _ in row.pieces).rstrip() for row in self._rows).rstrip()

    def on_resize(self) -> None:
        """Cut the lines anew, and keep the one that is followed in view: where this has not been shown before, there
        was no room yet when it was filled."""
        self.refresh()
        self._follow()

    def on_mouse_move(self, move: events.MouseMove) -> None:
        """The whole of a line that is cut is its tooltip."""
        index = move.y - self.gutter.top + self.scroll_offset.y
        cut = 0 <= index < len(self._spans) and self._spans[index].text not in self._shown_text(index)
        self.tooltip = Content(visible(self._spans[index].text)) if cut else None

    def _shown_text(self, index: int) -> str:
        return "".join(text for text, _ in self.row(index).pieces)

    def find(self, text: str) -> tuple[int, Event | None] | None:
        """The next line that has `text` in it, after the one that was found last or else after the cursor's, and from
        the beginning again after the end; and the event that printed it (None: before this iteration)."""
        cursor, wanted = self.scene.event, text.lower()
        ahead = (at for at, event in enumerate(self._printed) if event and cursor and not self._reached(event, cursor))
        start = next(ahead, 0) if self._found is None else self._found[0] + 1
        order = [*range(start, len(self._spans)), *range(min(start, len(self._spans)))]
        found = next((at for at in order if wanted in self._spans[at].text.lower() and not self._spans[at].told), None)
        return None if found is None else (found, self._printed[found])

    @property
    def whole(self) -> bool:
        """Whether all that was printed in the iteration can be looked at here."""
        return not any(span.told for span in self._spans)

    def point_at(self, line: int, text: str) -> None:
        """Show a line that was found, and `text` in it, until the cursor moves on."""
        self._found, self._found_from = (line, text.lower()), self.scene.event
        self.refill()

    def on_click(self, click: events.Click) -> None:
        """Go to the statement that printed the line."""
        at = click.get_content_offset(self)
        index = at.y + self.scroll_offset.y if at is not None else -1
        if 0 <= index < len(self._printed):
            event = self._printed[index]
            if event is not None:
                self.post_message(RecordPanel.Move(event.id))


def _spans(history: History, read: Read, over: bool) -> list[Span]:
    """Lines of output, each with the event that printed it; and where some are left out, how much that is. `over`:
    whether what follows on the last of them is all that the script printed."""
    known = [event for event in history.record.events if event.output[0] >= 0]
    if not known:
        return []
    start, end = min(event.output[0] for event in known), max(event.output[1] for event in known)
    spans: list[Span] = []
    if start:
        spans += [Span(line, None) for line in _last(max(0, start - EARLIER), start, read)]
    printing = sorted(
        (event for event in known if event.output[1] > event.output[0]), key=lambda event: (event.output[0], event.id)
    )
    edges = sorted({start, end, *(edge for event in printing for edge in event.output if start < edge < end)})
    inside: list[Event] = []
    following = 0
    stretches = list(pairwise(edges))
    gap = _gap(stretches)
    for place, (left, right) in enumerate(stretches):
        while following < len(printing) and printing[following].output[0] <= left:
            inside.append(printing[following])
            following += 1
        while inside and inside[-1].output[1] <= left:
            inside.pop()
        owner = inside[-1] if inside else None
        if place not in gap:
            spans += [Span(line, owner, told) for line, told in _share(left, right, read)]
        elif place == gap.start:
            spans.append(Span(_left_out(stretches[gap.stop - 1][1] - left), owner, True))
    if over:
        rest = read(end, end + SHARE)
        spans += [Span(line, None, behind=True) for line in printed(rest.rstrip(CUT))]
        if len(rest.encode()) >= SHARE:
            spans.append(Span("… what was printed behind this is not shown", None, True, True))
    return spans


def _gap(stretches: Sequence[tuple[int, int]]) -> range:
    """Those of the stretches in the middle that are not shown, where all of them would be too much."""
    sizes = [min(right - left, SHARE) for left, right in stretches]
    if sum(sizes) <= MOST:
        return range(0)
    first, last = (bisect_right(list(accumulate(each)), MOST // 2) for each in (sizes, sizes[::-1]))
    return range(first, len(sizes) - last)


def _left_out(count: int) -> str:
    return f"… {count:,} bytes are left out here"


def _since(start: int, read: Read, end: int) -> list[Span]:
    """The last lines that a script printed which runs on, from byte `start` up to `end`."""
    first = max(start, end - EARLIER, 0)
    lines = _last(first, end, read, first > start)
    told = [Span(_left_out(first - start), None, True)] if first > start else []
    return [*told, *(Span(line, None, live=True) for line in lines)]


def _last(left: int, right: int, read: Read, cut: bool = True) -> list[str]:
    """The lines from `left` on that are whole; one alone, as of a progress bar, which is written over and over, may be
    cut. `cut`: whether a line may have begun before `left`."""
    lines = printed(read(left, right).strip(CUT)) if right > left else []
    return lines[1:] or lines if cut and left else lines


def _share(left: int, right: int, read: Read) -> list[tuple[str, bool]]:
    """What was printed at a stretch, by lines; of very much the beginning and the end, and between them what is not."""
    out = right - left - SHARE
    if out <= 0:
        return [(line, False) for line in printed(read(left, right))]
    # a character that is cut there is left out, too
    first = printed(read(left, left + SHARE // 2).rstrip(CUT))
    last = printed(read(right - SHARE // 2, right).lstrip(CUT))
    return [*((line, False) for line in first), (_left_out(out), True), *((line, False) for line in last)]
