"""What the iteration did to each parameter: the size of its gradient, and of the step against its own size."""

from __future__ import annotations

import math
from typing import ClassVar

from stepper.record import Parameter
from stepper.tui import figures
from stepper.tui.panels.lines import LinePanel, Piece, Row
from stepper.tui.scene import Scene

HEALTHY = (-4.0, -2.0)
"""log10 of the update/parameter ratio of a network that learns at a usual pace: about 1e-3."""
_LEFT, _RIGHT = -8.0, 0.0


class GradientsPanel(LinePanel):
    """One line for each parameter."""

    TITLE = "Gradients"
    HELP = (
        "‖grad‖: Euclidean norm of the gradient that the update used\n"
        "ratio: ‖update‖ / ‖parameter before it‖ · log10 of it, on a scale from 1e-8 to 1\n"
        "│ marks the band from 1e-4 to 1e-2 in which networks usually learn\n"
        "largest: the largest |entry| of the gradient · zeros: the share of its entries that are exactly 0\n"
        "history: log10 of the ratio over the iterations that were looked at, the latest on the right, from 1e-8 to 1\n"
        "ahead: the cursor stands before the update"
    )
    COMPONENT_CLASSES: ClassVar[set[str]] = {"line-panel--heading"}

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._past: dict[str, dict[int, float]] = {}

    def show(self, scene: Scene) -> None:
        """Redraw when another record is looked at, and when the cursor passes the update."""
        moved = scene.event is not self.scene.event or scene.history is not self.scene.history
        if scene.generation != self.scene.generation:
            self._past.clear()
        if scene.history is not self.scene.history and scene.record is not None and scene.iteration is not None:
            for parameter in scene.record.parameters:
                logarithm = _logarithm(parameter)
                if logarithm is not None:
                    self._past.setdefault(parameter.name, {})[scene.iteration] = logarithm
        super().show(scene)
        if moved:
            self._refill()

    def on_resize(self) -> None:
        """Choose the columns anew."""
        self._refill()

    def _refill(self) -> None:
        record = self.scene.record
        rows: list[Row] = []
        title = self.TITLE
        if record is not None:
            width = self.inner.width
            names = short_names([parameter.name for parameter in record.parameters])
            name = min(max([9, *map(len, names)]), max(9, width - 24), 30)
            room = width - name - 24
            largest, room = (True, room - 8) if room >= 8 else (False, room)
            zeros, room = (True, room - 6) if room >= 6 else (False, room)
            past, room = (min(12, room - 1), room - 13) if room >= 8 else (0, room)
            heading = f"{'parameter':<{name}} {'‖grad‖':>7} "
            heading += (f"{'largest':>7} " if largest else "") + (f"{'zeros':>5} " if zeros else "")
            heading += f"{'ratio':>7} {'log10':>6} " + (f"{'history':<{past}} " if past else "")
            rows.append(Row(((heading, "heading"),)))
            for parameter, text in zip(record.parameters, names, strict=True):
                seen = self._past.get(parameter.name, {})
                line = sparkline([seen[at] for at in sorted(seen) if at <= (self.scene.iteration or 0)][-past:], past)
                rows.append(_row(parameter, text, name, largest, zeros, line if past else "", min(41, room)))
            if not record.parameters:
                rows = [Row((("No parameter is updated here.", "muted"),))]
            elif self._ahead():
                title += " · ahead"
        self.set_rows(rows)
        self.retitle(title)

    def _ahead(self) -> bool:
        history, cursor = self.scene.history, self.scene.event
        if history is None or cursor is None:
            return False
        return not all(history.seen(parameter.after, cursor) for parameter in history.record.parameters)


def _row(parameter: Parameter, name: str, wide: int, largest: bool, zeros: bool, past: str, scale: int) -> Row:
    gradient = parameter.grad.summary if parameter.grad is not None else None
    trouble = gradient is not None and gradient.nonfinite
    norm = figures.figure(gradient.l2 if gradient is not None else None)
    if gradient is not None and trouble:
        norm = "nan" if gradient.nan else "∞"
    logarithm = _logarithm(parameter)
    healthy = logarithm is not None and HEALTHY[0] <= logarithm <= HEALTHY[1]
    pieces: list[Piece] = [
        (f"{name if len(name) <= wide else '…' + name[1 - wide :]:<{wide}} ", ""),
        (f"{norm:>7} ", "bad" if trouble else ""),
    ]
    if largest:
        sizes = [abs(each) for each in (gradient.min, gradient.max) if each is not None] if gradient is not None else []
        pieces.append((f"{figures.figure(max(sizes)) if sizes else '–':>7} ", ""))
    if zeros:
        known = gradient is not None and gradient.zero is not None and gradient.size
        share = f"{100 * (gradient.zero or 0) / gradient.size:.0f}%" if gradient is not None and known else "–"
        pieces.append((f"{share:>5} ", "note" if share == "100%" else "muted"))
    pieces += [
        (f"{figures.figure(parameter.ratio):>7} ", "muted"),
        (f"{logarithm:>6.2f}" if logarithm is not None else f"{'–':>6}", "good" if healthy else "note"),
        (f" {past}" if past else "", "muted"),
    ]
    if scale >= 9:
        pieces.append((" " + gauge(logarithm, scale - 1), "muted"))
    return Row(tuple(pieces))


def _logarithm(parameter: Parameter) -> float | None:
    ratio = parameter.ratio
    return math.log10(ratio) if ratio is not None and math.isfinite(ratio) and ratio > 0 else None


def sparkline(numbers: list[float], width: int) -> str:
    """The last numbers as bars of eighths, on the same scale as the gauge."""
    bars = "▁▂▃▄▅▆▇█"
    places = [min(1.0, max(0.0, (number - _LEFT) / (_RIGHT - _LEFT))) for number in numbers]
    return "".join(bars[round(place * (len(bars) - 1))] for place in places).rjust(width)


def short_names(names: list[str]) -> list[str]:
    """`names` without what all of them begin with, up to a dot: `model.linear1.weight` → `linear1.weight`."""
    while len(names) > 1 and all("." in name for name in names) and len({name.split(".")[0] for name in names}) == 1:
        names = [name.split(".", 1)[1] for name in names]
    return names


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
