"""The loss of every iteration so far, on a linear or logarithmic scale."""

from __future__ import annotations

from itertools import groupby
from typing import ClassVar

from textual.binding import BindingType
from textual.content import Content

from stepper.session.findings.lossless import looked_for
from stepper.tui import figures
from stepper.tui.actions import bindings
from stepper.tui.panels.chart import Picture, column_of, draw
from stepper.tui.panels.lines import Piece, Row, mark, muted
from stepper.tui.panels.points import PointPanel
from stepper.tui.panels.series import Series
from stepper.tui.panels.titles import CORNERS, fitted
from stepper.tui.scene import Scene


class LossPanel(PointPanel):
    """A braille chart that costs the same however long the run is."""

    TITLE = "Loss"
    HELP = (
        "each dot column spans the losses of the iterations that fall into it\n"
        "? at the top: a loss there was NaN · ∞: infinite · ▲ the iteration under the cursor\n"
        "arrows or the mouse read a point; enter, g or a second click goes to its iteration\n"
        "of an iteration with several backward passes (the closure of LBFGS, two networks) it is the loss of the last "
        "one; the status line says last of 4 then\n"
        "the loss is what backward() is called on, with a GradScaler the scaled one; --loss, or Loss in the picker, "
        "takes another\n"
        "of a run with what-ifs (e) the dim line is the script's own run, as far as it had come\n"
        "l switches between a linear and a logarithmic scale (which leaves out losses that are not above 0)"
    )
    PARTS: ClassVar[frozenset[str]] = frozenset({"line", "axis", "cell"})
    BINDINGS: ClassVar[list[BindingType]] = bindings("loss")

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._read = ""
        self.logarithmic = False
        self._series = Series()
        self._others: Series | None = None
        """The losses of the script's own run, where that is another."""
        self._drawn: tuple[object, ...] = ()
        self._picture = Picture([])
        self._pictured: tuple[object, ...] = ()

    def show(self, scene: Scene) -> None:
        """Take in new losses; redraw if there are any, or if the cursor is in another iteration."""
        if scene.generation != self.scene.generation:
            self._series, self._others = Series(), None
        super().show(scene)
        self.redraw()

    def on_resize(self) -> None:
        """Draw the chart for the new size."""
        self.redraw()

    def toggle(self) -> None:
        """From linear to logarithmic, and back."""
        self.logarithmic = not self.logarithmic
        self.redraw()

    @property
    def _over(self) -> bool:
        """Whether no later iteration can have a loss."""
        return self.scene.state in ("ended", "failed", "lost")

    @property
    def span(self) -> int:
        """The axis has room for both runs."""
        return max(self.count, len(self.scene.own_losses))

    def redraw(self) -> None:
        """Draw the chart, if anything has changed."""
        scene = self.scene
        key = (scene.generation, scene.done, self._over, scene.iteration, self.logarithmic, self.inner, self.point)
        if key == self._drawn:
            return
        self._drawn = key
        self._series.follow(scene.losses)
        if scene.own_losses and self._others is None:
            self._others = Series()
            self._others.follow(scene.own_losses)
        self.set_rows(self._lines())
        self._say()
        scale = f"{self.TITLE} · {'log' if self.logarithmic else 'linear'}"
        beside = self._beside_titles(scale) if self._others is not None else ()
        whole = not self.logarithmic or self._series.above_zero
        self.retitle(
            *(() if whole else (f"{scale}, only what is above 0", f"{scale}, > 0")), *beside, scale, self.TITLE
        )

    def _beside_titles(self, scale: str) -> tuple[str, ...]:
        """What is said of the other run: also how far it is known, where that is not as far as this one."""
        known = len(self.scene.own_losses)
        far = "" if known >= len(self.scene.losses) else f", to {known - 1}"
        return f"{scale} · dim: the script's own run{far}", f"{scale} · own run dim{far}"

    def _lines(self) -> list[Row]:
        width, height = self.wide, self.inner.height - 1
        count = self._series.count
        if width < 4 or height < 1:
            return []
        if not count:
            return muted("No iteration has finished yet.", width)
        drawn = (self.scene.generation, count, width, height, self.logarithmic)
        if drawn != self._pictured:  # where only the cursor moves, the line stays
            self._pictured, self._picture = drawn, draw(self._series, width, height, self.logarithmic, self._others)
        picture = self._picture
        if picture.high is None and not picture.marks:
            finite = any(bucket.finite for bucket in self._series.buckets)
            looked = looked_for(self.scene.named_loss, self._over, self.scene.record)
            missing = f"No iteration so far has a loss: {looked}, or v, Loss."
            text = "No loss is above zero." if finite else missing
            return muted(text, self.inner.width)[: self.inner.height]
        labels = {0: figures.figure(picture.high), height - 1: figures.figure(picture.low)} if height > 1 else {}
        rows = []
        for index, line in enumerate(picture.rows):
            pieces: list[Piece] = [(f"{labels.get(index, ''):>{self.LABEL - 1}} ", "muted"), ("│", "axis")]
            if index == 0 and picture.marks:
                pieces += [
                    (picture.marks.get(x, text), "bad" if x in picture.marks else "line") for x, text in enumerate(line)
                ]
            else:
                pieces += _both(line, picture.beside[index]) if picture.beside else [(line, "line")]
            rows.append(Row(tuple(pieces)))
        rows.append(self._axis(width, self.span))
        column = column_of(self.point, self.span, width) if self.point is not None else None
        if column is not None:
            place = self.LABEL + 1 + column
            rows = [Row(mark(row.pieces, place, place + 1, "cell")) for row in rows]
        return rows

    # ----------------------------------------------------------------------------------------------- reading a point

    def _say(self) -> None:
        """The point that is read, at the bottom of the frame."""
        text = ""
        if self.point is not None and self.point < len(self.scene.losses):
            loss = self.scene.losses[self.point]
            point, told = str(self.point), "no loss" if loss is None else figures.figure(loss, 12)
            named = "no loss" if loss is None else f"loss {told}"
            forms = [f"iteration {point}: {named} · enter goes there", f"{point}: {told} · enter goes there"]
            own = self.scene.own_losses[self.point : self.point + 1]
            if own and own[0] is not None:
                there = figures.figure(own[0], 12)
                forms[:0] = [f"iteration {point}: {named}, the script's own {there} · enter goes there"]
                forms[1:] = [f"{point}: {told}, own {there} · enter"]
            text, _ = fitted((*forms, f"{point}: {told} · enter"), (), self.outer_size.width - CORNERS)
        if text != self._read:
            self._read = text
            self.border_subtitle = Content(text)

    def copied(self) -> str:
        """The point that is read, a tab between its iteration and its loss, with all digits; without one the chart."""
        if self.point is None or self.point >= len(self.scene.losses):
            return super().copied()
        loss = self.scene.losses[self.point]
        return f"{self.point}\t{'' if loss is None else loss}"

    # ----------------------------------------------------------------------------------------------- drawing

    def _axis(self, width: int, count: int) -> Row:
        axis = list("─" * width)
        end = str(count - 1)
        column = column_of(self.scene.iteration, count, width) if self.scene.iteration is not None else None
        if width > len(end) + 4 and count > 1:
            axis[0] = "0"
            right = width if column is None or column < width - len(end) else column
            axis[right - len(end) : right] = end
        pieces: list[Piece] = [(f"{'iteration':>{self.LABEL}}", "muted"), ("└", "axis")]
        text = "".join(axis)
        if column is None:
            return Row((*pieces, (text, "axis")))
        return Row((*pieces, (text[:column], "axis"), ("▲", "strong"), (text[column + 1 :], "axis")))


def _both(line: str, beside: str) -> list[Piece]:
    """A line of the chart, and behind it that of another run, where this one leaves room."""
    pieces = []
    for own, cells in groupby(zip(line, beside, strict=True), key=lambda cell: cell[0] != " "):
        pieces.append(("".join(cell[0] if own else cell[1] for cell in cells), "line" if own else "muted"))
    return pieces
