"""The base of all panels: a scrolling list of lines, of which only the visible and the changed ones are drawn.

A line is a row of pieces, each with the name of one of the panel's component classes; the colours are in the CSS.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import ClassVar, NamedTuple

from rich.cells import cell_len, chop_cells
from rich.segment import Segment
from rich.style import Style
from textual import events, on
from textual.color import Color
from textual.content import Content
from textual.dom import NoScreen
from textual.filter import ANSIToTruecolor, LineFilter
from textual.geometry import Offset, Region, Size, Spacing
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from stepper.terminal_text import visible
from stepper.tui import figures
from stepper.tui.drawn import DrawnScreen
from stepper.tui.panels.legible import legible, told_apart
from stepper.tui.panels.titles import CORNERS, fitted
from stepper.tui.scene import Scene

Piece = tuple[str, str]
"""Text, and the component class (without the panel's prefix) that styles it; empty for the panel's own style."""


class Row(NamedTuple):
    """One line: its pieces, and the component class that lies under all of them, to the panel's edge."""

    pieces: tuple[Piece, ...] = ()
    base: str = ""


Drawn = Sequence[Segment]
"""A line as it is drawn: its pieces with their styles."""

DARK = frozenset((0, 1, 4, 5, 8, 12))
"""Of the sixteen colours those that most terminals show dark: black, red, blue, magenta, and two of the bright ones."""

EMPTY = Row()
_CACHE = 2000
EVERYTHING = 1 << 30
"""Columns for a title as long as nothing is laid out."""


class LinePanel(ScrollView, can_focus=True):
    """Subclasses say how many lines there are (`set_count`), what each is (`row`), and which changed (`touch`)."""

    PARTS: ClassVar[frozenset[str]] = frozenset({"muted", "strong", "current", "good", "bad", "note"})
    """What every panel styles, named `line-panel--PART` in CSS; subclasses add their own."""

    DEFAULT_CSS = "LinePanel { scrollbar-size: 1 1; }"

    TITLE: ClassVar[str] = ""
    HELP: ClassVar[str] = ""
    """What the panel's figures mean, for the help screen."""

    class Notice(Message):
        """Something is to be said of a key that had nothing to do here."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class Found(Message):
        """Nothing is being looked for any more (`seeking`)."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self.scene = Scene()
        self._count = 0
        self._wide = 0
        self._drawn_lines: dict[tuple[Row, int, int], Drawn] = {}
        self._segments: dict[tuple[str, str, str], tuple[Segment, int]] = {}
        self._styles_by_part: dict[tuple[str, str], Style] = {}
        self._rows: list[Row] = []
        self.border_title = self.TITLE

    # ----------------------------------------------------------------------------------------------- for subclasses

    @property
    def seeking(self) -> bool:
        """Whether it is still being looked for where an earlier key leads to in this panel."""
        return False

    def show(self, scene: Scene) -> None:
        """Draw `scene`; called with every change: `forget` and `refill` are told what is new."""
        before, self.scene = self.scene, scene
        if scene.generation != before.generation:
            self.forget()
        if scene.event is not before.event or scene.history is not before.history:
            self.refill()

    def forget(self) -> None:
        """Another target is looked at: what was kept of the last one means nothing any more."""

    def refill(self) -> None:
        """The cursor has moved, or its record is another."""

    def row(self, index: int) -> Row:
        """Line `index`, for the panel's present width: by default of those that were last given to `set_rows`."""
        return self._rows[index] if index < len(self._rows) else EMPTY

    def set_rows(self, rows: list[Row], wide: int = 0) -> None:
        """Show `rows`, for panels that make all their lines at once; only those that differ are drawn."""
        old, self._rows = self._rows, rows
        size = max(len(old), len(rows))
        self.set_count(len(rows), wide)
        self.touch(
            index for index in range(size) if index >= len(old) or index >= len(rows) or old[index] != rows[index]
        )

    def set_count(self, count: int, wide: int = 0) -> None:
        """There are `count` lines, the longest `wide` columns (0: all fit). A change costs a layout pass."""
        if (count, wide) != (self._count, self._wide):
            self._count, self._wide = count, wide
            self.virtual_size = Size(wide, count)
            self.refresh()

    @property
    def waiting(self) -> bool:
        """Whether something that is to be drawn has been asked for and has not come yet."""
        return False

    def notice(self, text: str) -> None:
        """Say in the line of messages why a key did nothing."""
        self.post_message(self.Notice(text))

    def copied(self) -> str:
        """What goes to the clipboard: by default all lines, as text."""
        lines = ["".join(text for text, _ in self.row(index).pieces).rstrip() for index in range(self._count)]
        return "\n".join(lines).rstrip()

    def touch(self, indices: Iterable[int]) -> None:
        """These lines are not what they were."""
        top = self.scroll_offset.y
        bottom = top + self.inner.height
        seen = sorted({index for index in indices if top <= index < bottom})
        first = 0
        for place, index in enumerate(seen, 1):
            if place == len(seen) or seen[place] != index + 1:  # the last of some that follow each other
                self.refresh_lines(seen[first], place - first)
                first = place

    def refresh_lines(self, y_start: int, line_count: int = 1) -> None:
        """Paint lines anew, from border to border: lines that are painted in part would first have to be cut."""
        gutter = self._gutter
        width = self.outer_size.width - (gutter.right if self.show_vertical_scrollbar else 0)
        self.refresh(Region(-gutter.left, y_start - self.scroll_offset.y, width, line_count))

    def refresh(
        self, *regions: Region, repaint: bool = True, layout: bool = False, recompose: bool = False
    ) -> LinePanel:
        """Paint lines anew (`regions`), or all. A widget tells the screen so by messages; of lines alone, which change
        no size, it is told at once."""
        try:
            screen = self.screen if regions and self.is_mounted else None
        except NoScreen:  # the app is ending
            screen = None
        if isinstance(screen, DrawnScreen) and screen.ours and repaint and not layout and not recompose:
            screen.soil(self, *regions)
        else:
            super().refresh(*regions, repaint=repaint, layout=layout, recompose=recompose)
        return self

    def retitle(self, *titles: str) -> None:
        """Set the border's title, if it is another than before (a new title repaints the panel): the first of `titles`
        that there is room for, beside the names of the panels that share this one's place."""
        if titles != self._titles:
            self._titles = titles
            self._draw_title()

    def set_beside(self, beside: tuple[tuple[str, str, str], ...]) -> None:
        """Name the panels that share this one's place: the key, the title and the action of each."""
        if beside != self._beside:
            self._beside = beside
            self._draw_title()

    @on(events.Resize)
    def fit_title(self) -> None:
        """There is more room for it, or less."""
        self._draw_title()

    def _draw_title(self) -> None:
        room = self.outer_size.width - CORNERS if self.outer_size.width else EVERYTHING
        drawn = fitted(self._titles or (self.TITLE,), [(key, name) for key, name, _ in self._beside], room)
        if drawn == self._drawn_title:
            return
        self._drawn_title = drawn
        title = Content(visible(drawn[0]))
        for text, (_, _, call) in zip(drawn[1], self._beside, strict=True):
            title += Content.from_markup(f"[$text-muted]  [@click={call}]$text[/][/]", text=visible(text))
        self.border_title = title

    _titles: tuple[str, ...] = ()
    _beside: tuple[tuple[str, str, str], ...] = ()
    _drawn_title: tuple[str, tuple[str, ...]] = ("", ())

    @property
    def inner(self) -> Size:
        """The room for lines, in cells. From what the last layout gave: Textual's own properties look the widget up on
        the screen each time, and this is asked for with every line."""
        width, height = self.outer_size
        gutter = self._gutter
        if self._bars is None:
            styles = self.styles
            stable = styles.scrollbar_gutter == "stable" and styles.overflow_y == "auto"
            self._bars = stable, styles.scrollbar_size_vertical, styles.scrollbar_size_horizontal
        stable, across, down = self._bars
        return Size(
            max(0, width - gutter.width - (across if stable or self.show_vertical_scrollbar else 0)),
            max(0, height - gutter.height - (down if self.show_horizontal_scrollbar else 0)),
        )

    @property
    def line_width(self) -> int:
        """Columns of a line, those under the scrollbar included."""
        return max(0, self.outer_size.width - self._gutter.width)

    @property
    def _gutter(self) -> Spacing:
        """Border and padding: of the styles as they were applied last, from which they are worked out rule by rule."""
        if self._gutter_known is None:
            self._gutter_known = self.styles.gutter
        return self._gutter_known

    _gutter_known: Spacing | None = None
    _bars: tuple[bool, int, int] | None = None
    """Of the scrollbars, whether there is always room for the vertical one, and how large they are."""
    _sides: tuple[Strip, Strip] | None = None
    """What is drawn left and right of every line."""

    def get_line_filters(self) -> Sequence[LineFilter]:
        """Without the one that looks for colours by name, of which panels have none, in every piece that is drawn."""
        return [each for each in super().get_line_filters() if not isinstance(each, ANSIToTruecolor)]

    def keep_visible(self, index: int, margin: int = 0) -> None:
        """Scroll as little as makes line `index`, with `margin` lines around it, visible."""
        height = self.inner.height
        if height <= 0:
            return
        margin = min(margin, (height - 1) // 2)
        top = self.scroll_offset.y
        wanted = top
        if index - margin < top:
            wanted = index - margin
        elif index + margin >= top + height:
            wanted = index + margin - height + 1
        wanted = max(0, min(wanted, self._count - height))
        if wanted != top:
            self.scroll_to(y=wanted, animate=False, force=True, immediate=True)

    # ----------------------------------------------------------------------------------------------- drawing

    def part_style(self, part: str) -> Style:
        """The style of a part, its transparent colours laid on the panel's; overridden where styles are blended."""
        styles = self.app.get_component_styles(f"line-panel--{part}")
        under = self.background_colors[1]
        background = under + styles.background if styles.has_rule("background") else None
        colour = None
        if styles.has_rule("color"):
            base = background or under
            auto = styles.auto_color or (
                background is not None and (background.ansi or 0) > 0 > (styles.color.ansi or 0)
            )
            colour = readable_on(base, styles.color.a) if auto else styles.color
            colour = base + colour
        return styles.text_style + Style.from_color(
            colour.rich_color if colour is not None else None,
            background.rich_color if background is not None else None,
        )

    def _style(self, base: str, part: str) -> Style:
        """The whole style of a piece: the panel's own, the line's, the piece's, each over the one before."""
        style = self._styles_by_part.get((base, part))
        if style is None:
            style = self.rich_style
            for name in (base, part):
                if name:
                    own = self.part_style(name)
                    style += own.without_color + Style(reverse=not own.reverse) if style.reverse else own
            style = legible(style)
            if self.app.console.color_system == "standard":
                style = told_apart(style)
            self._styles_by_part[base, part] = style
        return style

    def notify_style_update(self) -> None:
        """The theme or the focus changed: forget what was drawn with the old styles."""
        self._drawn_lines.clear()
        self._segments.clear()
        self._styles_by_part.clear()
        self._gutter_known = None
        self._bars = None
        self._sides = None
        super().notify_style_update()

    def render_lines(self, crop: Region) -> list[Strip]:
        """Lines of the panel, with its frame. Textual works out the frame's sides for every line anew."""
        (width, height), gutter = self.outer_size, self._gutter
        first, last = max(crop.y, gutter.top), min(crop.bottom, height - gutter.bottom)
        if crop.x or crop.width != width or first >= last or self.get_line_filters():
            return super().render_lines(crop)
        if self._sides is None:
            (line,) = super().render_lines(Region(0, first, width, 1))
            self._sides = line.crop(0, gutter.left), line.crop(width - gutter.right, width)
        left, right = self._sides
        scrolled, room = self.scroll_offset, self.line_width
        lines = (self.line_at(y - gutter.top, scrolled, room) for y in range(first, last))
        within = [Strip([*left, *line, *right], width) for line in lines]
        above, below = range(crop.y, first), range(last, crop.bottom)
        return [*self._of_frame(above), *within, *self._of_frame(below)] if above or below else within

    def _of_frame(self, lines: range) -> list[Strip]:
        """The frame's own lines."""
        return super().render_lines(Region(0, lines.start, self.outer_size.width, len(lines))) if lines else []

    def render_line(self, y: int) -> Strip:
        """Line `y` of what is visible now."""
        return Strip(self.line_at(y, self.scroll_offset, self.line_width), self.line_width)

    def line_at(self, y: int, scrolled: Offset, width: int) -> Drawn:
        """The same, where it is known how far is scrolled, and how wide a line is: Textual works that out each time. No
        strip yet, of which it makes seven caches each: one is made with the frame."""
        return self.line_of(y + scrolled.y, scrolled, width)

    def line_of(self, index: int, scrolled: Offset, width: int) -> Drawn:
        """Line `index`, cut to what is visible of its columns."""
        row = self.row(index) if index < self._count else EMPTY
        key = (row, width, scrolled.x)
        line = self._drawn_lines.get(key)
        if line is None:
            if len(self._drawn_lines) > _CACHE:
                self._drawn_lines.clear()
            line = self._drawn_lines[key] = self._draw(*key)
        return line

    def _draw(self, row: Row, width: int, left: int) -> Drawn:
        segments, size = [], 0
        for text, part in row.pieces:
            if text:
                segment, columns = self._segments.get((text, part, row.base)) or self._segment(text, part, row.base)
                segments.append(segment)
                size += columns
        style = self._style(row.base, "")
        if left or size > width:
            return list(Strip(segments, size).crop_extend(left, left + width, style))
        if size < width:
            segments.append(Segment(" " * (width - size), style))
        return segments

    def _segment(self, text: str, part: str, base: str) -> tuple[Segment, int]:
        """A piece as it is drawn, and its columns; kept, since most come again, those of heat maps above all."""
        if len(self._segments) > _CACHE:
            self._segments.clear()
        shown = visible(text)
        found = self._segments[text, part, base] = Segment(shown, self._style(base, part)), cell_len(shown)
        return found


def component_classes() -> set[str]:
    """Those of the parts of all panels that have been defined. The app has them, once: no part's style depends on the
    panel that it is in, and each costs time wherever it is, at the start and when the focus moves."""
    found: set[str] = set()
    panels: list[type[LinePanel]] = [LinePanel]
    while panels:
        panel = panels.pop()
        found |= {f"line-panel--{part}" for part in panel.PARTS}
        panels += panel.__subclasses__()
    return found


def pad(pieces: Iterable[Piece], right: Iterable[Piece], width: int, least: int = 0) -> tuple[Piece, ...]:
    """`pieces`, then as many blanks as push `right` to the right edge of `width` columns; `pieces` are cut for it, down
    to `least` columns, and beyond that `right` is."""
    pieces, right = tuple(pieces), tuple(right)
    if right:
        least = min(least, sum(cell_len(text) for text, _ in pieces))
        right = pad(right, (), width - least - (1 if least else 0))
    room = width - sum(cell_len(text) for text, _ in right) - (1 if right else 0)
    kept: list[Piece] = []
    used = 0
    for text, part in pieces:
        size = cell_len(text)
        if used + size > room:
            if room <= used and kept:  # what is there fills it: its last character says that more follows
                text, part = kept.pop()
                used -= cell_len(text)
            text = figures.beginning(text, room - used - 1) + "…" if room > used else ""
            size = cell_len(text)
            kept.append((text, part))
            used += size
            break
        kept.append((text, part))
        used += size
    if not right:
        return tuple(kept)
    return (*kept, (" " * (width - used - sum(cell_len(text) for text, _ in right)), ""), *right)


def readable_on(background: Color, alpha: float = 1.0) -> Color:
    """Black or white, whichever can be read; of the sixteen, whose shades are the terminal's own, as most show them."""
    if background.ansi is None:
        return background.get_contrast_text(alpha)
    if background.ansi < 0:
        return background  # the terminal's own text on its own background
    return Color.parse("ansi_bright_white" if background.ansi in DARK else "ansi_black")


def wrapped(text: str, width: int, indent: str = "") -> list[str]:
    """`text` in lines of at most `width` columns (one at least), parted between words, and within those too long; all
    but the first begin with `indent`."""
    lines = [""]
    for gap, word in _WORD.findall(text):
        if lines[-1] and cell_len(lines[-1] + gap + word) <= width:
            lines[-1] += " " * len(gap) + word
        elif lines == [""]:
            first, *rest = chop_cells(word, max(1, width)) or [word]
            lines = [first]
            lines += _further("".join(rest), width, indent)
        else:
            lines += _further(word, width, indent)
    return lines


def muted(text: str, width: int) -> list[Row]:
    """What a panel says where it has nothing else to show."""
    return [Row(((line, "muted"),)) for line in wrapped(text, width)]


def _further(word: str, width: int, indent: str) -> list[str]:
    """Lines for a word that begins one, after the first."""
    return [indent + part for part in chop_cells(word, max(1, width - len(indent))) or [word]] if word else []


_WORD = re.compile(r"(\s*)(\S+)")


def mark(pieces: Iterable[Piece], start: int, end: int, part: str) -> tuple[Piece, ...]:
    """`pieces` with the characters from `start` to `end` given another style."""
    found: list[Piece] = []
    position = 0
    for text, own in pieces:
        for left, right, name in ((0, start, own), (start, end, part), (end, 1 << 30, own)):
            inside = text[max(0, left - position) : max(0, right - position)]
            if inside:
                found.append((inside, name))
        position += len(text)
    return tuple(found)
