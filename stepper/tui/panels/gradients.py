"""What the iteration did to each parameter: the size of its gradient, and of the step against its own size."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from heapq import nlargest
from typing import ClassVar

from rich.cells import cell_len
from textual import events
from textual.binding import BindingType
from textual.content import Content

from stepper.record import Parameter, Record, Summary
from stepper.session.findings.all_zero import ZeroStreaks
from stepper.session.findings.carried import Carried, Since, climbs, coasting
from stepper.session.findings.left_out import Why
from stepper.session.findings.lossless import nearest_loss, not_in_the_record
from stepper.terminal_text import visible
from stepper.tui import figures, names
from stepper.tui.actions import bindings
from stepper.tui.panels.lines import EVERYTHING, LinePanel, Piece, Row, muted
from stepper.tui.panels.tensors import TensorsPanel
from stepper.tui.panels.titles import CORNERS, fitted

HEALTHY = (-4.0, -2.0)
"""log10 of the update/parameter ratio of a network that learns at a usual pace: about 1e-3."""
_LEFT, _RIGHT = -8.0, 0.0
WITHIN, ABOVE, BELOW = "✓", "↑", "↓"
CARRIED, UPHILL, COASTING, LEFT_OUT, BEHIND = "+", "^", "~", "∘", "·"
SIZES = {WITHIN: "usual", ABOVE: "large", BELOW: "small"}
"""What the signs say of a step, against the parameter's own size."""
BARS = "▁▂▃▄▅▆▇█"
HISTORY = 16
"""Iterations of the sparkline, where there is room."""
NAME, ABBREVIATED = 9, 20
"""Columns of a long name at least, and of one that is abbreviated as far as it can be at most."""


class GradientsPanel(LinePanel):
    """One line for each parameter."""

    TITLE = "Gradients"
    HELP = (
        "at the bottom: what the signs behind log10, and the marks, mean\n"
        "‖grad‖: Euclidean norm of the gradient that the update used; where no step used one that came, of what the "
        "iteration leaves · largest: its largest |entry| (enter, then | leads to it)\n"
        "zeros: the share of its entries that are exactly 0; where that is all, for how many iterations running stands "
        "below\n"
        "ratio: ‖update‖ / ‖parameter before it‖ · log10: of the ratio, on a scale from 1e-8 to 1\n"
        f"│ marks the band from 1e-4 to 1e-2 in which networks usually learn: {WITHIN} in it, {ABOVE} above, "
        f"{BELOW} below\n"
        f"{figures.COMING}: a large tensor is still being counted\n"
        "history: log10 over the iterations that are recorded, the latest on the right, between their smallest and "
        "largest; 0 where nothing was updated, ? where it was not finite\n"
        f"{CARRIED} the gradient was added to what an earlier iteration had left there (not zeroed between, or "
        "accumulation on purpose); since when stands below\n"
        f"{UPHILL} the update goes along its gradient, update·grad > 0: a sign may be wrong\n"
        f"{COASTING} so does this one, but by momentum: the optimizer follows earlier gradients, too (momentum, Adam's "
        "exp_avg); usual past a minimum, and where gradients are noisy\n"
        f"{LEFT_OUT} no step used its gradient (no optimizer has it, none took a step, a scaler left it out), or none "
        "came (detached before the loss, not used, its optimizer took no step); select it to see which\n"
        f"{BEHIND} it was moved behind this pass only, between the iterations: gradient and update are of what did\n"
        "ahead: the cursor stands before the gradients; update ahead: before the update · enter opens one in the "
        "Viewer\nf: are they right? a few entries of each are compared with finite differences of the loss"
    )
    PARTS: ClassVar[frozenset[str]] = frozenset({"heading", "line"})
    BINDINGS: ClassVar[list[BindingType]] = bindings("gradients")

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._selected = ""
        self._carried = Carried()
        self._zeros = ZeroStreaks()
        self._said = ""

    def forget(self) -> None:
        """Its gradients are others."""
        self._carried = Carried()
        self._zeros = ZeroStreaks()

    def on_resize(self) -> None:
        """Choose the columns anew."""
        self.refill()

    @property
    def parameters(self) -> Sequence[Parameter]:
        """Those of the record under the cursor."""
        return self.scene.record.parameters if self.scene.record is not None else ()

    def refill(self) -> None:
        """Redraw for another record, and when the cursor passes the update."""
        parameters = self.parameters
        if self.scene.record is None:
            self.set_rows([])
        elif not parameters:
            self.set_rows(muted(self._none(self.scene.record), self.inner.width))
        else:
            whole = names.without_beginning([parameter.name for parameter in parameters])
            columns = Columns.fit(max(map(cell_len, whole)), names.widths(whole)[1], self.inner.width, self._margin)
            rows = self._table(columns, whole)
            if self.has_focus:
                rows[self.selected + 1] = Row(rows[self.selected + 1].pieces, "current")
            self.set_rows(rows)
        self.retitle(self.TITLE + self._ahead(), self.TITLE)
        self._explain()

    def _none(self, record: Record) -> str:
        """Why there is no parameter; and where there may be one, of a loop whose first passes only collect."""
        missing = not_in_the_record(record)
        if missing:
            return f"This iteration {missing}."
        there = nearest_loss(record, self.scene.losses) if record.loss is None else None
        return "No parameter is updated here." + (f" Iteration {there} has a loss." if there is not None else "")

    def _table(self, columns: Columns, whole: Sequence[str]) -> list[Row]:
        """The heading, and a line for each parameter; `whole` are the names before they are shortened."""
        shown = names.shortened(tuple(whole), columns.name)
        past = histories(self.scene.records, self.scene.iteration)
        return [columns.heading()] + [
            columns.row(each, shown[name], self._step_of(each), past.get(each.name, []), self._marks(each))
            for each, name in zip(self.parameters, whole, strict=True)
        ]

    @property
    def _margin(self) -> int:
        """Columns of the marks behind the names."""
        return max((len(" " + mark) for mark in map(self._marks, self.parameters) if mark), default=0)

    def copied(self) -> str:
        """The table with all its columns, and names whole."""
        whole = [parameter.name for parameter in self.parameters]
        if not whole:
            return super().copied()
        columns = Columns.fit(0, 0, EVERYTHING, self._margin)
        columns.name, columns.scale = max(len("name"), *map(cell_len, whole)), 0
        rows = self._table(columns, whole)
        return "\n".join("".join(text for text, _ in row.pieces).rstrip() for row in rows)

    @property
    def _left_out(self) -> dict[str, Why]:
        """The parameters whose gradient no step used, or that got none, and why."""
        return self.scene.history.left_out if self.scene.history is not None else {}

    def _marks(self, parameter: Parameter) -> str:
        """What is unusual about its gradient and its update."""
        marks, record = CARRIED if self._since(parameter) is not None else "", self.scene.record
        if record is not None:
            marks += UPHILL if climbs(record, parameter) else COASTING if coasting(record, parameter) else ""
        return marks + (LEFT_OUT if parameter.name in self._left_out else BEHIND if parameter.between else "")

    def _step_of(self, parameter: Parameter) -> float | None:
        """log10 of its step against itself; None where that is not known, or no step was taken: none is not small."""
        logarithm = logarithm_of(parameter)
        return None if logarithm == -math.inf and parameter.name in self._left_out else logarithm

    def _since(self, parameter: Parameter) -> Since | None:
        record = self.scene.record
        return self._carried.since(self.scene.records, record, parameter.name) if record is not None else None

    def _explain(self) -> None:
        """Say below what the marks and the signs that are seen mean: where there is no room for all marks, those of the
        selected parameter."""
        seen = {_health(self._step_of(each))[0] for each in self.parameters}
        signs = [f"{sign} {SIZES[sign]}" for sign in SIZES if sign in seen]
        legend = " ".join(["step", *signs]) if signs else ""
        marks = self._meanings(self.parameters)
        forms = [" · ".join(filter(None, (each, legend))) for each in marks] + (marks if marks[0] else [])
        if self._chosen is not None:
            forms += filter(None, self._meanings([self._chosen]))
        said, _ = fitted(forms, (), self.outer_size.width - CORNERS)
        if said != self._said:
            self._said = said
            self.border_subtitle = Content(visible(said))

    def _meanings(self, parameters: Sequence[Parameter]) -> list[str]:
        """What the marks of these parameters mean, and the same in less room. Since when a gradient is added up, and
        why one was not updated, is told of the selected parameter where it has the mark, else of all
        that have it."""
        selected, record = self._chosen.name if self._chosen is not None else "", self.scene.record
        since = {each.name: when for each in parameters if (when := self._since(each)) is not None}
        found = {since[selected]} if selected in since else set(since.values())
        begun = str(found.pop()) if len(found) == 1 else "earlier iterations" if found else ""
        up = []
        if record is not None and any(climbs(record, each) for each in parameters):
            up.append(f"{UPHILL} uphill")
        if record is not None and any(coasting(record, each) for each in parameters):
            up.append(f"{COASTING} carried by momentum")
        if any(each.between for each in parameters):
            up.append(f"{BEHIND} moved between the iterations")
        up += self._all_zero(parameters)
        history, left = self.scene.history, [each.name for each in parameters if each.name in self._left_out]
        left = [selected] if selected in left else left
        out = {history.why_left_out(name) for name in left} if history is not None else set[str]()
        whys = [out.pop()] if len(out) == 1 else []
        whys += ["no optimizer updated it"] if whys or out else []
        return [
            " · ".join(([f"{CARRIED} added up since {when}"] if when else []) + up + said)
            for said in [[f"{LEFT_OUT} {each}"] for each in whys] or [[]]
            for when in (begun, begun.removeprefix("iteration "))
        ]

    def _all_zero(self, parameters: Sequence[Parameter]) -> list[str]:
        """That gradients are zero everywhere, and for how many iterations, where that is the same of all that are."""
        record = self.scene.record
        streaks = {} if record is None else self._zeros.of(self.scene.records, record)
        running = {str(streaks[each.name]) for each in parameters if each.name in streaks}
        if not running:
            return []
        return [
            f"100% zeros for {running.pop()} iterations" if len(running) == 1 and running != {"1"} else "100% zeros"
        ]

    def _ahead(self) -> str:
        """What of all this the cursor has not come to yet."""
        history, cursor = self.scene.history, self.scene.event
        parameters = [each for each in self.parameters if self._left_out.get(each.name) is not Why.EVALUATED]
        if history is None or cursor is None or all(history.seen(each.after, cursor) for each in parameters):
            return ""
        return " · update ahead" if all(history.seen(each.grad, cursor) for each in parameters) else " · ahead"

    # ----------------------------------------------------------------------------------------------- choosing

    def action_line(self, step: int) -> None:
        """Select the parameter above or below."""
        self._select(self.selected + step)

    def action_page(self, step: int) -> None:
        """Select the parameter a page away."""
        self._select(self.selected + step * max(1, self.inner.height - 2))

    def action_edge(self, index: int) -> None:
        """Select the first parameter, or the last."""
        self._select(index % max(1, len(self.parameters)))

    @property
    def selected(self) -> int:
        """The line of the selected parameter; the first where this iteration has it not."""
        return next((at for at, each in enumerate(self.parameters) if each.name == self._selected), 0)

    @property
    def _chosen(self) -> Parameter | None:
        """The selected parameter, while that is seen."""
        return self.parameters[self.selected] if self.has_focus and self.parameters else None

    def _some(self) -> bool:
        """Whether there is a parameter for a key; else it is said that there is none."""
        if not self.parameters:
            self.notice("There is no parameter here.")
        return bool(self.parameters)

    def _select(self, index: int) -> None:
        if self._some():
            index = max(0, min(index, len(self.parameters) - 1))
            self._selected = self.parameters[index].name
            self.refill()
            self.keep_visible(index + 1, 1)

    def action_open(self) -> None:
        """Look at the selected parameter's gradient."""
        if self._some():
            parameter = self.parameters[self.selected]
            if parameter.grad is not None:
                self.post_message(TensorsPanel.Open(parameter.grad.label, parameter.name))
            else:
                self.notice(f"There is no gradient of {parameter.name} to look at.")

    def on_click(self, click: events.Click) -> None:
        """Select a parameter, or look at the gradient of the one that is selected."""
        at = click.get_content_offset(self)
        index = at.y + self.scroll_offset.y - 1 if at is not None else -1
        if 0 <= index < len(self.parameters):
            if self.parameters[index].name == self._selected:  # the first line until one is: that selects it
                self.action_open()
            else:
                self._select(index)

    def on_focus(self) -> None:
        """The selection is seen while the panel has the focus."""
        self.refill()

    def on_blur(self) -> None:
        """And not otherwise."""
        self.refill()


class Columns:
    """Which columns there is room for, the least telling left out."""

    def __init__(self) -> None:
        self.name = NAME
        self.marks = 0
        self.largest = self.zeros = self.ratio = False
        self.past = self.scale = 0

    @staticmethod
    def fit(longest: int, shortest: int, width: int, marks: int = 0) -> Columns:
        """For names of at most `longest` characters, and `shortest` when they are abbreviated; and so many marks."""
        found = Columns()
        found.marks = marks
        width -= marks
        name = max(len("name"), min(longest, max(NAME, min(shortest, ABBREVIATED)), width - 16))
        room = width - (name + 1) - 8 - 7
        found.largest, room = (True, room - 8) if room >= 8 else (False, room)
        found.past, room = (HISTORY // 2, room - HISTORY // 2 - 1) if room > HISTORY // 2 else (0, room)
        more = min(max(0, min(longest, 30) - name), max(0, room))
        found.name, room = name + more, room - more
        found.zeros, room = (True, room - 6) if room >= 6 else (False, room)
        found.ratio, room = (True, room - 8) if room >= 8 + 10 else (False, room)
        longer = min(HISTORY - found.past, max(0, room - 22)) if found.past else 0
        found.past, room = found.past + longer, room - longer
        found.scale = min(41, room - 1) if room >= 10 else 0
        return found

    def heading(self) -> Row:
        """The titles."""
        text = f"{'name':<{self.name + self.marks}} {'‖grad‖':>7} "
        text += (f"{'largest':>7} " if self.largest else "") + (f"{'zeros':>5} " if self.zeros else "")
        text += (f"{'ratio':>7} " if self.ratio else "") + f"{'log10':>6} "
        text += f"{'history':<{self.past}} "[: self.past + 1] if self.past else ""
        return Row(((text, "heading"),))

    def row(
        self, parameter: Parameter, name: str, logarithm: float | None, past: Sequence[float | None], marks: str = ""
    ) -> Row:
        """One parameter's line; `logarithm` is that of its step against itself."""
        gradient = parameter.grad.summary if parameter.grad is not None else None
        coming = gradient is not None and gradient.counted is not None
        norm = figures.COMING if coming else figures.figure(gradient.norm if gradient is not None else None)
        wrong = gradient is not None and bool(gradient.nonfinite)
        if gradient is not None and wrong:
            norm = _wrong(gradient)
        pieces: list[Piece] = [
            (figures.fit(name, self.name), ""),
            (f"{' ' + marks if marks else '':<{self.marks}} ", "muted" if marks == COASTING else "note"),
            (f"{norm:>7} ", "bad" if wrong else ""),
        ]
        if self.largest:
            pieces.append((f"{_largest(gradient):>7} ", "bad" if wrong else ""))
        if self.zeros:
            share = _zeros(gradient)
            pieces.append((f"{share:>5} ", "note" if share == "100%" else "muted"))
        if self.ratio:
            ratio = figures.COMING if _coming(parameter) else figures.figure(parameter.ratio)
            pieces.append((f"{ratio:>7} ", "muted"))
        sign, part = _health(logarithm)
        told = figures.COMING if _coming(parameter) else "–" if logarithm is None else _decades(logarithm)
        pieces.append((f"{told:>5}{sign} ", part))
        if self.past:
            pieces.append((f"{sparkline(past[-self.past :]):>{self.past}} ", "line"))
        if self.scale:
            pieces.append((gauge(logarithm, self.scale), "muted"))
        return Row(tuple(pieces))


def _decades(logarithm: float) -> str:
    return f"{logarithm:.2f}" if math.isfinite(logarithm) else "-∞"


def _wrong(gradient: Summary) -> str:
    return "nan" if gradient.nan or gradient.value != gradient.value else "∞"


def _largest(gradient: Summary | None) -> str:
    if gradient is not None and gradient.nonfinite:
        return _wrong(gradient)
    return figures.figure(gradient.largest if gradient is not None else None)


def _coming(parameter: Parameter) -> bool:
    """Whether the ratio is not known yet, since large values are still being counted."""
    return parameter.update.summary.counted is not None or parameter.before.summary.counted is not None


def _zeros(gradient: Summary | None) -> str:
    if gradient is not None and gradient.counted is not None:
        return figures.COMING
    if gradient is None or gradient.zeros is None or not gradient.size:
        return "–"
    share = 100 * gradient.zeros / gradient.size
    if 0 < share < 1:
        return "<1%"  # some, and not all: neither is rounded away
    return f"{min(share, 99) if share < 100 else 100:.0f}%"


def _health(logarithm: float | None) -> tuple[str, str]:
    if logarithm is None:
        return (" ", "note")
    if logarithm < HEALTHY[0]:
        return (BELOW, "note")
    return (ABOVE, "note") if logarithm > HEALTHY[1] else (WITHIN, "good")


def logarithm_of(parameter: Parameter) -> float | None:
    """log10 of ‖update‖ / ‖parameter‖: −∞ where nothing was updated; None where the ratio is not finite."""
    ratio = parameter.ratio
    if ratio is None or not math.isfinite(ratio):
        return None
    return math.log10(ratio) if ratio > 0 else -math.inf


def histories(
    records: Mapping[int | None, Record], iteration: int | None, most: int = HISTORY
) -> dict[str, list[float | None]]:
    """By parameter, log10 of its ratio in the latest `most` recorded iterations up to this one, the latest last."""
    before = [at for at in records if at is not None and (iteration is None or at <= iteration)]
    found: dict[str, list[float | None]] = {}
    for at in reversed(nlargest(most, before)):
        for parameter in records[at].parameters:
            if not _coming(parameter):
                found.setdefault(parameter.name, []).append(logarithm_of(parameter))
    return found


def sparkline(numbers: Sequence[float | None]) -> str:
    """Numbers as bars of eighths between the smallest and the largest; `0` for −∞, `?` for what there is none of.

    What differs by less than half a decade is not blown up to the whole height.
    """
    known = [number for number in numbers if number is not None and math.isfinite(number)]
    low, high = min(known, default=0.0), max(known, default=0.0)
    spread = max(high - low, 0.5)
    low = (low + high - spread) / 2
    last = len(BARS) - 1

    def bar(number: float | None) -> str:
        if number is None:
            return "?"
        return BARS[round((number - low) / spread * last)] if math.isfinite(number) else "0"

    return "".join(map(bar, numbers))


def gauge(logarithm: float | None, width: int) -> str:
    """A scale of `width` columns from 1e-8 to 1 with the usual band marked and the value on it: `──│──●─│───`."""

    def place(number: float) -> int:
        share = (number - _LEFT) / (_RIGHT - _LEFT)
        return round(min(1.0, max(0.0, share)) * (width - 1))

    cells = ["─"] * width
    for edge in HEALTHY:
        cells[place(edge)] = "│"
    if logarithm is not None:
        cells[place(logarithm)] = "◀" if logarithm < _LEFT else "▶" if logarithm > _RIGHT else "●"
    return "".join(cells)
