"""All iterations from the first to the last, with marks: which are recorded, printed, were stopped at, went wrong."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import ClassVar

from textual.binding import BindingType
from textual.content import Content

from stepper.tui import figures, marks
from stepper.tui.actions import bindings
from stepper.tui.marks import Axis, Ledger, Troubles
from stepper.tui.panels.lines import Piece, Row, mark, pad
from stepper.tui.panels.points import PointPanel
from stepper.tui.panels.series import Series
from stepper.tui.scene import Scene

LEAST = 4
"""Columns of the axis without which nothing is drawn."""
LIST = 8
"""Lines above the list of iterations: numbers, axis, four kinds of marks, what is read, a blank."""


class TimelinePanel(PointPanel):
    """A row for each kind of mark; a hundred thousand iterations take no more room than twenty."""

    TITLE = "Timeline"
    HELP = (
        "from left to right all iterations: ━ those that have run, ─ those to come; ▲ the iteration under the cursor\n"
        f"recorded: {marks.RECORDED} there is a record here, {marks.WHOLLY} of every iteration in this column\n"
        f"wrong: the loss was {marks.NAN} NaN or {marks.INFINITE} infinite · {marks.INSIDE} something in the record "
        f"was, but not the loss · {marks.FAILED} the script failed\n"
        f"stopped: {marks.STOPPED} a run came to a breakpoint here\n"
        f"printed: {marks.PRINTED} the script wrote something\n"
        f"{marks.AMONG} it did in some of these iterations, which are not recorded\n"
        "arrows or the mouse read an iteration, comma and dot the one before or after that has a mark; enter, g or a "
        "second click goes there; below, where there is room: the iterations that have marks"
    )
    PARTS: ClassVar[frozenset[str]] = frozenset({"line", "axis", "cell"})
    BINDINGS: ClassVar[list[BindingType]] = bindings("timeline")

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._series = Series()
        self._ledger = Ledger()
        self._troubles = Troubles()
        self._listed: list[int] = []
        self._drawn: tuple[object, ...] = ()

    def show(self, scene: Scene) -> None:
        """Take in what has run since, and what is recorded."""
        if scene.generation != self.scene.generation:
            self._series, self._ledger, self._troubles = Series(), Ledger(), Troubles()
        super().show(scene)
        self.redraw()

    def on_resize(self) -> None:
        """Draw for the new size."""
        self.redraw()

    @property
    def count(self) -> int:
        """All iterations there are, as far as is known; also those to come can be gone to."""
        scene = self.scene
        return max(scene.done, scene.total or 0, (scene.iteration or 0) + 1 if scene.record is not None else 0)

    @property
    def wide(self) -> int:
        """Columns of the axis: one for each iteration, where there is room for them. More would part their marks, as if
        there were others between them."""
        room = super().wide
        return min(room, max(1, self.count)) if room >= LEAST else 0

    def at(self, column: int) -> int:
        """The iteration at a column."""
        return Axis(self.count, max(1, self.wide)).first(column)

    def redraw(self) -> None:
        """Draw the marks, if anything has changed."""
        scene = self.scene
        drawn = (
            scene.generation, scene.done, scene.total, scene.iteration, id(scene.records), scene.stops, self.inner,
            self.point,
        )  # fmt: skip
        if drawn == self._drawn:
            return
        self._drawn = drawn
        self._series.follow(scene.losses)
        self._ledger.follow(scene.records)
        self._troubles.follow(scene.losses)
        self.set_rows(self._lines())
        self._say()

    def action_mark(self, step: int) -> None:
        """Read the next iteration with a mark, or the one before."""
        here, places = self._here, self._places
        at = bisect_right(places, here) if step > 0 else bisect_left(places, here) - 1
        if 0 <= at < len(places):
            self.read(places[at])

    @property
    def _here(self) -> int:
        return self.point if self.point is not None else self.scene.iteration or 0

    @property
    def _places(self) -> list[int]:
        """The iterations worth going to: recorded, stopped at, and where the loss ceased to be finite."""
        return sorted({*self._ledger.facts, *self.scene.stops, *self._troubles.starts})

    def pointed(self, x: int, y: int) -> int | None:
        """The iteration of a column, or of a listed line."""
        if y >= LIST:
            return self._listed[y - LIST] if y - LIST < len(self._listed) else None
        return super().pointed(x, y)

    # ----------------------------------------------------------------------------------------------- drawing

    def _lines(self) -> list[Row]:
        width, count = self.wide, self.count
        if not width:
            return []
        if not count:
            return [Row((("No iteration has run yet.", "muted"),))]
        axis = Axis(count, width)
        found = marks.rows(axis, self._series, self._ledger.facts, self.scene.stops)
        done = axis.column(self.scene.done) if self.scene.done < count else width
        run: list[Piece] = [("━" * done, "line"), ("─" * (width - done), "axis")]
        cursor = self.scene.iteration
        if cursor is not None and self.scene.record is not None:
            run = self._placed(run, axis.column(cursor))
        kinds = [
            ("recorded", found.recorded, "strong"),
            ("wrong", found.trouble, "bad"),
            ("stopped", found.stopped, "note"),
            ("printed", found.printed, "muted"),
        ]
        if self.inner.height < 2 + len(kinds):  # those that there are go first, and what is wrong before others
            kinds.sort(key=lambda kind: (not kind[1], kind[1] is not found.trouble))
        rows = [
            Row(((" " * (self.LABEL + 1), ""), *self._ends(width, count))),
            self._row("iteration", run),
            *(self._row(label, _marked(marked, width, part)) for label, marked, part in kinds),
        ]
        if self.point is not None:
            place = self.LABEL + 1 + axis.column(self.point)
            rows = [rows[0], *(Row(mark(row.pieces, place, place + 1, "cell")) for row in rows[1:])]
        return [*rows, self._reading(self.point), Row(), *self._list()]

    def _say(self) -> None:
        """Where there is no line for what is read, it is said at the bottom of the frame."""
        low = self.point is not None and self.inner.height < LIST - 1
        text = "".join(text for text, _ in self._reading(self.point).pieces).rstrip() if low else ""
        if text != self.border_subtitle:
            self.border_subtitle = Content(text)

    def _list(self) -> list[Row]:
        """The iterations with marks that are nearest, as many as there is room for."""
        room = self.inner.height - LIST
        places = self._places if room > 0 else []
        first = max(0, min(bisect_left(places, self._here) - room // 2, len(places) - room))
        self._listed = places[first : first + max(0, room)]
        here = self._here
        return [Row(self._reading(at).pieces, "current" if at == here else "") for at in self._listed]

    def _row(self, label: str, pieces: list[Piece]) -> Row:
        return Row(((f"{label:>{self.LABEL}} ", "muted"), *pieces))

    @staticmethod
    def _placed(run: list[Piece], column: int) -> list[Piece]:
        """The cursor on the axis."""
        text = "".join(text for text, _ in run)
        done = len(run[0][0])
        parts: list[Piece] = []
        for index, character in enumerate(text):
            part = "strong" if index == column else "line" if index < done else "axis"
            character = "▲" if index == column else character
            if parts and parts[-1][1] == part:
                parts[-1] = (parts[-1][0] + character, part)
            else:
                parts.append((character, part))
        return parts

    def _ends(self, width: int, count: int) -> tuple[Piece, ...]:
        """The numbers of the first and the last iteration, and of the cursor's between them if there is room."""
        last = str(count - 1)
        line = list("0" + " " * (width - 1))
        if count > 1:
            line[width - len(last) :] = last
        cursor = self.scene.iteration
        if cursor is not None and 0 < cursor < count - 1:
            text, column = str(cursor), Axis(count, width).column(cursor)
            start = max(0, min(column - len(text) // 2, width - len(text)))
            if start > 1 and start + len(text) < width - len(last):
                line[start : start + len(text)] = text
        return (("".join(line)[:width], "muted"),)

    def _reading(self, at: int | None) -> Row:
        """What is known of an iteration."""
        scene = self.scene
        if at is None:
            return Row((("arrows read, enter goes there", "muted"),))
        pieces: list[Piece] = [(f"{at}", "strong")]
        if at >= scene.done and at not in self._ledger.facts:
            pieces.append((" has not run yet", "muted"))
        elif at < scene.done:
            loss = scene.losses[at]
            text = "no loss" if loss is None else f"loss {figures.figure(loss, 12)}"
            pieces.append((f"  {text}", "bad" if marks.wrong(loss) else ""))
        fact = self._ledger.facts.get(at)
        if at in scene.stops:
            pieces.append((f" · {marks.STOPPED} stopped", "note"))
        if fact is not None:
            pieces += [(f" · {marks.FAILED} failed", "bad")] if fact.failed else []
            pieces += [(" · NaN or ∞ in it", "bad")] if fact.nonfinite else []
            pieces += [(" · recorded", ""), (" · printed" if fact.printed else "", "muted")]
        return Row(pad(pieces, (), self.inner.width))


def _marked(found: dict[int, str], width: int, part: str) -> list[Piece]:
    return [("".join(found.get(column, " ") for column in range(width)), part)]
