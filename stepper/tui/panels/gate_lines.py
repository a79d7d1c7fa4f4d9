"""The lines of the gate panel: its counts, the element and the unit under the cursor, and the maps. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product

from rich.cells import cell_len

from stepper.record import Gate, Value, Window
from stepper.session.findings.streaks import Streak
from stepper.tui import figures
from stepper.tui.names import Names, shortened
from stepper.tui.panels import heatmap
from stepper.tui.panels.lines import Piece, Row, mark, pad, wrapped
from stepper.tui.view import Grid, Index, View

H, MASK, SHARE, BEFORE, AFTER = "h", "mask", "share", "grad before", "grad after"
GAP = 2
LISTED, SHORT = 24, 8
"""Columns of a gate's name in a list at most, and in its heading at least."""
DEAD = "†"
BARS = " ▁▂▃▄▅▆▇█"
ONE_LINE = 100
"""Columns from which the element's four values stand in one line."""


@dataclass(frozen=True)
class Arrangement:
    """`across` maps beside each other in each of `bands`, each `width` × `height` characters, and above it `titles`
    lines: its title, and a bar for each unit where these lie in its columns."""

    across: int
    bands: int
    width: int
    height: int
    titles: int = 2

    def at(self, x: int, y: int) -> tuple[int, int] | None:
        """The character of its map at a place of the whole, in line −1 for the bars above it; None between them."""
        band, within = divmod(y, self.height + self.titles)
        index, column = divmod(x, self.width + GAP)
        if x < 0 or y < 0 or not within or band >= self.bands or index >= self.across or column >= self.width:
            return None
        if within >= self.titles or self.titles > 1:
            return (column, within - self.titles)
        return None


@dataclass(frozen=True)
class Drawing:
    """All that is drawn below the counts: the same part of every map, at the same size."""

    gate: Gate
    view: View
    grid: Grid
    wide: int
    high: int
    arrangement: Arrangement
    maps: Mapping[str, Window | str | None]
    element: Mapping[str, float | str | None]
    unit: float | None
    """The share of the cursor's unit that is blocked."""
    units: Window | None
    """The share of each unit, or each few, that is blocked."""
    streaks: Mapping[int, Streak] = field(default_factory=dict)
    runs: Sequence[Gate] = ()
    """Of the gate in its iteration, it among them."""


def values_of(gate: Gate) -> dict[str, Value]:
    """What there is to draw of a gate."""
    found = {H: gate.h, BEFORE: gate.grad_before, AFTER: gate.grad_after}
    between = {SHARE: gate.share} if gate.share is not None else {MASK: gate.mask}
    whole = {H: found.pop(H), **between, **found}
    return {kind: value for kind, value in whole.items() if value is not None}


def shut(gate: Gate) -> Value:
    """What counts as shut, a bool tensor: what is blocked, or passes by less than half."""
    return gate.closed if gate.closed is not None else gate.mask


def arrange(extent: tuple[int, int], count: int, width: int, height: int, titles: int) -> Arrangement | None:
    """The arrangement of `count` maps of a matrix in which a cell covers the fewest elements; side by side if equal."""
    best: tuple[int, Arrangement] | None = None
    for across in range(count, 0, -1):
        bands = -(-count // across)
        found = Arrangement(across, bands, (width - GAP * (across - 1)) // across, height // bands - titles, titles)
        layout = heatmap.layout(extent, found.width, found.height)
        if layout is not None and count % across == 0:
            cost = layout.pooled[0] * layout.pooled[1]
            if best is None or cost < best[0]:
                best = (cost, found)
    return best[1] if best is not None else None


def listed(gates: Sequence[Gate]) -> list[str]:
    """Gates to choose from, a line for each."""
    labels = tuple(gate.label for gate in gates)
    room = min(LISTED, max(map(cell_len, labels), default=0))
    names = shortened(labels, room)
    lines = []
    for number, gate in enumerate(gates, 1):
        total = gate.active + gate.blocked
        share = f"{100 * gate.active / total:.0f}% active" if total else "empty"
        shape = figures.shape(gate.h.summary.shape)
        dead = f"dead {len(gate.by_unit.dead)} of {gate.by_unit.count}"
        name = figures.fit(names[gate.label], room)
        lines.append(f"{number:>3}  {name}  {gate.op}, {gate.place:<10} {shape:<18} {share}, {dead}")
    return lines


def heading(gate: Gate, names: Names, width: int) -> Row:
    """Which operation it is; how many entries were let through and blocked."""
    total = gate.active + gate.blocked
    share = f" ({100 * gate.blocked / total:.1f}%)" if total else ""
    own = gate.label.removeprefix("self.")
    forms = names.forms(gate.label)
    readable = [*forms[:2], own]
    counts = [f"blocked {figures.count(gate.blocked)}{share}", f"blocked {figures.count(gate.blocked)}"]
    if gate.soft and not gate.blocked:  # as of most, which only attenuate
        counts.append("")
    place = f"  {gate.place}"
    ways = ((readable, (f"  {gate.op}, {gate.place}", place)), (forms, (place,)))
    for (some, places), blocked in product(ways, counts):
        right: list[Piece] = [(f"active {figures.count(gate.active)}", "good")]
        if blocked:
            right += [("  ", ""), (blocked, "note")]
        if gate.soft:
            right += [("  ", ""), (f"attenuated {figures.count(gate.attenuated)}", "note")]
        if wrong := gate.h.summary.nonfinite:  # of which the rule alone would say that they are active
            right = [(f"{figures.count(wrong)} NaN or ∞", "bad"), ("  ", ""), *right]
        for where in places:
            # a name that can be read is worth more than what is said elsewhere as well
            room = width - sum(len(text) for text, _ in right) - 1 - len(where)
            name = next((form for form in some if cell_len(form) <= room), None)
            if name is not None:
                name = names.stretched(gate.label, name, room)
                return Row(pad([(name, "strong"), (where, "muted")], right, width))
    return Row(pad([(names.fitted(own, max(SHORT, room)), "strong"), (where, "muted")], right, width))


def noted(gate: Gate, width: int, most: int) -> list[Row]:
    """What there is to say of it in words, that a gradient is masked by something else: in at most so many lines, the
    last of which says so where there is more."""
    lines = wrapped(gate.note, width) if gate.note else []
    if len(lines) > most:
        lines[most - 1] = f"{figures.beginning(lines[most - 1], width - 1)}…"
    return [Row(((line, "bad"),)) for line in lines[:most]]


def dead_elsewhere(gates: Sequence[Gate], number: int) -> str:
    """How many dead units the gates other than that one have: `50 dead in gate 2, 3 in gate 4`, or nothing."""
    found = [(len(gate.by_unit.dead), at) for at, gate in enumerate(gates) if at != number and gate.by_unit.dead]
    return ", ".join(f"{count}{'' if place else ' dead'} in gate {at + 1}" for place, (count, at) in enumerate(found))


def dead_lines(
    gate: Gate,
    streaks: Mapping[int, Streak],
    unit: int | None,
    width: int,
    most: int,
    elsewhere: str = "",
    runs: Sequence[Gate] = (),
) -> list[Row]:
    """The dead units in at most `most` lines, each with its streak; one streak for all, where it is the same. Where
    there is no room for all, `unit`, that of the cursor, is among those that are shown. Behind them `elsewhere`, what
    there is of them in other gates: cut where there is none here, else as far as there is room for it whole. `runs` of
    the gate in its iteration: of several it is said which one this is."""
    units, along = gate.by_unit.dead, f" {gate.along}" if gate.along else ""
    if len(runs) > 1:
        along = f" in run {next(n for n, each in enumerate(runs, 1) if each is gate)} of {len(runs)}{along}"
    further = (f" · {elsewhere}" if elsewhere else "", "bad")
    if not units:
        return [Row(pad([(f"no dead unit, of {gate.by_unit.count}{along}", "muted"), further], (), width))]
    head: list[Piece] = [(f"dead {len(units)} of {gate.by_unit.count}", "bad"), *([(along, "muted")] if along else [])]
    alike = {streaks.get(each) for each in units}
    streak = next(iter(alike))
    if len(alike) == 1 and streak is not None:
        head.append((f", for {streak} iteration{'' if streak == Streak(1, True) else 's'}", "muted"))
        texts = [str(each) for each in units]
    else:
        texts = [f"{each} ({streaks[each]})" if each in streaks else str(each) for each in units]
    taken = sum(len(text) for text, _ in head) + 2
    lines, shown = _listed(texts, taken, width, most)
    place = units.index(unit) if unit in units else 0
    if place >= shown:  # as many as fit, ending with the cursor's
        count = len(lines)
        first = next(at for at in range(1, place + 1) if at + _listed(texts[at:], taken + 2, width, most)[1] > place)
        lines, _ = _listed(texts[first:], taken + 2, width, most)
        lines = ["… " + lines[0], *lines[1:], *[""] * (count - len(lines))]
    rows = [Row((*head, (": " + lines[0], "bad"))), *(Row(((f"  {line}", "bad"),)) for line in lines[1:])]
    if elsewhere and sum(len(text) for text, _ in (*rows[-1].pieces, further)) <= width:
        rows[-1] = Row((*rows[-1].pieces, further))
    return rows


def _listed(texts: Sequence[str], taken: int, width: int, most: int) -> tuple[list[str], int]:
    """`texts`, parted by commas, in at most `most` lines, `taken` columns of the first of which are taken; and how many
    of them that are. An ellipsis ends what is not whole."""
    lines, room = [""], width - taken
    for index, text in enumerate(texts):
        last = index + 1 == len(texts)
        piece = text if last else f"{text}, "
        spare = 0 if last or len(lines) < most else 2  # for the ellipsis
        if len(lines[-1]) + len(piece.rstrip()) + spare > room:
            if len(lines) == most:
                lines[-1] += "…"
                return lines, max(1, index)
            lines[-1] = lines[-1].rstrip()
            lines.append("")
            room = width - 2
        lines[-1] += piece
    return lines, len(texts)


def legend(view: View, grid: Grid, width: int) -> str:
    """What part is in view, how much a cell covers, and what its glyphs mean; as much as there is room for."""
    parts = [f"1 cell = {view.size(grid.factor)}"] if grid.factor != (1, 1) else []
    if (grid.bottom - grid.top, grid.right - grid.left) != view.extent:
        parts.insert(0, view.part(grid.top, grid.bottom, grid.left, grid.right))
    for part in (heatmap.SIGNS, f"{heatmap.BLOCKED} blocked"):
        if len(" · ".join([*parts, part])) <= width:
            parts.append(part)
    return " · ".join(parts)


def readings(drawing: Drawing, width: int) -> list[Row]:
    """The element under the cursor in all four maps, exactly, and its unit."""
    index = "[" + ", ".join(map(str, drawing.view.index)) + "]"
    first: list[Piece] = [(f"{index} ", "muted"), ("h = ", "muted"), (_figure(drawing, H), "strong")]
    blocked, share = drawing.element.get(MASK), drawing.element.get(SHARE)
    if isinstance(share, float):
        first.append((f"  passes {figures.exact(share, drawing.gate.h.summary.dtype or '')} of it", "note"))
    elif isinstance(blocked, float):
        first.append((f"  {heatmap.BLOCKED} blocked", "note") if blocked >= 1 else ("  active", "good"))
    second: list[Piece] = []
    for kind in (BEFORE, AFTER):
        if kind in values_of(drawing.gate):
            name = kind if not second else f" → {kind.removeprefix('grad ')}"
            second += [(f"{name} ", "muted"), (_figure(drawing, kind), "strong")]
    if sum(len(text) for text, _ in second) > width:
        second[0] = (f"{BEFORE.removeprefix('grad ')} ", "muted")
    if not second:
        second = [("no gradient was seen", "muted")]
    unit = _unit(drawing)
    if width >= ONE_LINE:
        return [Row(pad([*first, ("   ", ""), *second], (), width)), Row(pad(unit, (), width))]
    return [Row(pad(first, (), width)), Row(pad(second, (), width)), Row(pad(unit, (), width))]


def reading_height(width: int) -> int:
    """How many lines `readings` has."""
    return 2 if width >= ONE_LINE else 3


def _figure(drawing: Drawing, kind: str) -> str:
    value = drawing.element.get(kind)
    if value is None or isinstance(value, str):
        return value or "…"
    summary = values_of(drawing.gate)[kind].summary
    return figures.exact(value, summary.dtype or "")


def _unit(drawing: Drawing) -> list[Piece]:
    """What became of the unit that the cursor is in."""
    gate, view = drawing.gate, drawing.view
    if not view.index:
        return []
    unit = view.index[gate.by_unit.axis]
    entries = (gate.active + gate.blocked) // max(1, gate.by_unit.count)
    pieces: list[Piece] = [(f"unit {unit}: ", "muted")]
    others = sum(unit not in each.by_unit.dead for each in drawing.runs)
    if unit in gate.by_unit.dead and others:
        pieces.append(("blocked here", "note"))
        pieces.append((f", active in {others} of this gate's {len(drawing.runs)} runs", "muted"))
    elif unit in gate.by_unit.dead:
        streak = drawing.streaks.get(unit, Streak(1, False))
        least = "" if streak.whole else "at least "
        plural = "s running" if streak.iterations > 1 else ""
        what = "dead" if entries > 1 else "its one entry blocked"  # of a single sample: that tells little
        pieces.append((f"{what}, for {least}{streak.iterations} iteration{plural}", "bad"))
        if not streak.whole:
            pieces.append((" (what was before is not recorded)", "muted"))
    elif drawing.unit is None:
        pieces.append(("…", "muted"))
    else:
        active = entries - round(drawing.unit * entries)
        what = "open by half or more" if gate.closed is not None else "active"
        pieces.append((f"{what} in {active} of {entries} entries", "good"))
        pieces.append((f", {100 * active / max(1, entries):.0f}%", "muted"))
    return pieces


def map_lines(drawing: Drawing, width: int) -> list[Row]:
    """The maps, band by band, each with its title and the bars of the units that lie in its columns."""
    arrangement, kinds = drawing.arrangement, list(values_of(drawing.gate))
    aligned = drawing.view.axes[1] == drawing.gate.by_unit.axis
    most = _scales(drawing)
    rows: list[Row] = []
    bars = unit_bars(drawing, drawing.wide if aligned else 1)
    if not aligned:
        rows.append(Row(pad([("units ", "muted"), *bars], (), width)))
    for band in range(arrangement.bands):
        shown = kinds[band * arrangement.across : (band + 1) * arrangement.across]
        titles: list[list[Piece]] = [[(_title(drawing, kind, arrangement.width), "heading")] for kind in shown]
        rows.append(_beside(titles, arrangement.width))
        if aligned:
            rows.append(_beside([bars] * len(shown), arrangement.width))
        bands = [_map(drawing, kind, most.get(kind, 1.0)) for kind in shown]
        rows += [_beside([each[line] for each in bands], arrangement.width) for line in range(arrangement.height)]
    return rows


def unit_bars(drawing: Drawing, wide: int) -> list[Piece]:
    """For each column the share of its units' entries that is blocked, as a bar; those with a dead unit marked."""
    window = drawing.units
    if window is None or not window.columns:
        return []
    left, count = window.region.left, window.region.right - window.region.left
    dead: dict[int, bool] = {}
    for unit in drawing.gate.by_unit.dead:
        if left <= unit < left + count:
            dead[((unit - left + 1) * window.columns - 1) // count] = True
    pieces: list[Piece] = []
    for column, share in enumerate(window.cells):
        bar = DEAD if column in dead else BARS[heatmap.ceiling(share, len(BARS) - 1)]
        pieces.append((bar.center(wide), "bad" if column in dead else "note"))
    return pieces


def _title(drawing: Drawing, kind: str, width: int) -> str:
    if kind != H:
        return map_title(kind, width)
    view = drawing.view
    part = view.slice if view.fixed or view.turned else figures.shape(view.shape)
    text = f"{kind} {part}"
    return next((each for each in (text, f"{kind} {part.replace(' ', '')}") if len(each) <= width), kind)


def map_title(kind: str, width: int) -> str:
    """What a map other than that of h is called in `width` columns."""
    forms = ("share that passes", "share passed", SHARE) if kind == SHARE else (kind, kind.removeprefix("grad "))
    return next((form for form in forms if len(form) <= width), forms[-1])


def _map(drawing: Drawing, kind: str, most: float) -> list[list[Piece]]:
    """The lines of one map; blank below it."""
    height, window = drawing.arrangement.height, drawing.maps.get(kind)
    if not isinstance(window, Window):
        return [[(window or "…", "muted")], *([] for _ in range(height - 1))]
    grid = drawing.grid
    layout = heatmap.Grid(grid.rows, grid.columns, drawing.wide, drawing.high, grid.factor)
    mask = drawing.maps.get(MASK)
    over = mask if kind in (BEFORE, AFTER) and isinstance(mask, Window) else None
    at = grid.cell(*drawing.view.place)
    lines: list[list[Piece]] = []
    for index in range(window.rows):
        for within in range(drawing.high):
            first = within == (drawing.high - 1) // 2
            if kind == MASK:
                pieces = heatmap.mask_line(window, index, layout, first)
            else:
                pieces = heatmap.line(window, over, index, layout, most, first)
            if at is not None and at[0] == index:
                pieces = list(mark(pieces, at[1] * drawing.wide, (at[1] + 1) * drawing.wide, "cell"))
            lines.append(pieces)
    return [*lines, *([] for _ in range(height - len(lines)))][:height]


def _scales(drawing: Drawing) -> dict[str, float]:
    """The size that gets the strongest colour, by map; a mask has none. Both gradients share one: what the gate took
    away must look like less, not like the same."""
    values = values_of(drawing.gate)

    def scale(kinds: tuple[str, ...]) -> float:
        if drawing.grid.factor == (1, 1):
            return max((heatmap.usual(values[each].summary) for each in kinds if each in values), default=1.0)
        windows = [drawing.maps.get(each) for each in kinds]
        return heatmap.limit(*(each for each in windows if isinstance(each, Window)))

    scales = {kind: scale((kind,)) for kind in (H, SHARE) if kind in values}
    return scales | dict.fromkeys((BEFORE, AFTER), scale((BEFORE, AFTER)))


def _beside(parts: Sequence[Sequence[Piece]], width: int) -> Row:
    """Lines side by side, each padded, or cut, to `width`."""
    pieces: list[Piece] = []
    for index, part in enumerate(parts):
        used = sum([len(text) for text, _ in part])
        if used > width:
            part = pad(part, (), width)
            used = width
        pieces += part
        if index < len(parts) - 1:
            pieces.append((" " * (width - used + GAP), ""))
    return Row(tuple(pieces))


def next_dead(gate: Gate, index: Index, unit: int) -> Index | None:
    """The same place as `index` in the first dead unit after `unit`; None where there is none."""
    after = next((dead for dead in gate.by_unit.dead if dead > unit), None)
    if after is None or not index:
        return None
    axis = gate.by_unit.axis % len(index)
    return (*index[:axis], after, *index[axis + 1 :])
