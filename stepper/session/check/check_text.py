"""A gradient check as lines to read. The command and the app say the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import groupby
from textwrap import wrap

from stepper.session.check.gradient_check import Direction, EntryCheck, GradientCheck, ParameterCheck, Verdict
from stepper.session.findings.labels import some

HEADS = ("entry", "recorded", "finite difference", "give or take", "relative", "")
NARROW = ("entry", "recorded", "difference", "±", "relative", "")
INDENT = "    "
SAID = {Verdict.AGREES: "agree", Verdict.DIFFERS: "differ", Verdict.UNKNOWN: "cannot be told"}
FEW = 4  # parameters that are named one by one


def verdict(found: GradientCheck) -> str:
    """What came of several parameters, in a line; empty where there is one, or some are still to be checked."""
    if found.ahead or len(found.parameters) < 2 or _common(found.parameters):
        return ""
    named = {each: [one.name for one in found.parameters if one.verdict is each] for each in Verdict}
    if len(named[Verdict.AGREES]) == len(found.parameters):
        return f"all {len(found.parameters)} parameters agree"
    told = [f"{len(names)} {SAID[each]}{_those(each, names)}" for each, names in named.items() if names]
    return f"{len(found.parameters)} parameters: {', '.join(told)}"


def _those(verdict: Verdict, names: Sequence[str]) -> str:
    return "" if verdict is Verdict.AGREES else f" ({some(names, FEW)})"


def lines(found: GradientCheck, room: int | None = None) -> Iterator[str]:
    """Each parameter, what came of it, and its entries beneath; tables in at most `room` columns, if they can be."""
    ways = [each for each in found.directions if each.verdict is Verdict.AGREES]
    yield from map(_direction, ways)
    if ways:
        yield ""
    reason = _common(found.parameters)
    if reason:
        yield f"{len(found.parameters)} parameters  {Verdict.UNKNOWN.value}: {reason}"
    shared = _shared(found.parameters)
    for note, names in shared.items():
        whole = len(names) == len(found.parameters)
        yield f"{f'all {len(names)} parameters' if whole else some(names, FEW)}: {note}"
    if shared:
        yield ""
    told = () if reason else found.parameters
    for place, (short, several) in enumerate(groupby(told, key=partial(_is_short, shared=shared))):
        if place:
            yield ""
        together = list(several)
        if short and len(together) > 1:
            yield from _in_one(together, room)
            continue
        for before, parameter in zip((None, *together), together, strict=False):
            if before is not None and (before.entries or parameter.entries):
                yield ""
            shape = str(parameter.shape) if parameter.shape else "scalar"
            note = "" if parameter.name in shared.get(parameter.note, ()) else parameter.note
            yield f"{parameter.name}  {shape}  {parameter.verdict.value}{_colon(note)}"
            yield from _entries(parameter, room)
    if found.ahead and found.begun is not None:
        if found.parameters:
            yield ""
        yield f"{found.begun.name}  {found.begun.shape or 'scalar'}  not done yet; so far:"
        yield from _entries(found.begun, room, short=False)
    if found.hint:
        yield ""
        yield found.hint
    if found.ahead:
        if found.parameters or found.begun is not None:
            yield ""
        yield f"not checked yet: {', '.join(found.ahead)}"


def _is_short(parameter: ParameterCheck, shared: Mapping[str, Sequence[str]]) -> bool:
    """Whether all that there is to say of a parameter is one entry."""
    if len(parameter.entries) != 1 or parameter.verdict is not parameter.entries[0].verdict:
        return False
    noted = parameter.note and parameter.note != parameter.entries[0].reason
    return not noted or parameter.name in shared.get(parameter.note, ())


def _in_one(parameters: Sequence[ParameterCheck], room: int | None) -> Iterator[str]:
    """Parameters of which one entry each was looked at, in one table."""
    rows = [
        (f"{each.name}{cells[0] if each.shape else ''}", *cells[1:]) for each in parameters for cells in _rows(each)
    ]
    width = max(len(row[0]) for row in rows)
    yield from _fitted([(f"{row[0]:<{width}}", *row[1:]) for row in rows], room)


def _common(parameters: Sequence[ParameterCheck]) -> str:
    """Why nothing can be told of any of several parameters; empty where more than that is known."""
    reasons = {"" if each.entries or each.verdict is not Verdict.UNKNOWN else each.note for each in parameters}
    return reasons.pop() if len(parameters) > 1 and len(reasons) == 1 else ""


def _shared(parameters: Sequence[ParameterCheck]) -> dict[str, list[str]]:
    """What is to be remarked of several parameters that agree, and of which: it is said once."""
    found: dict[str, list[str]] = {}
    for each in parameters:
        if each.note and each.verdict is Verdict.AGREES:
            found.setdefault(each.note, []).append(each.name)
    return {note: names for note, names in found.items() if len(names) > 1}


def _direction(along: Direction) -> str:
    of = f"of {len(along.names)} parameters" if len(along.names) > 1 else f"of {along.names[0]}"
    figures = (
        f"recorded {_number(along.recorded, 9)}, finite difference {_number(along.difference, 9)}, "
        f"give or take {_number(along.error, 2)}"
    )
    by = f", {along.reason}" if along.reason else ""
    through = f"all {along.entries:,} entries" if along.entries > 1 else "the one entry"
    return f"a random direction through {through} {of}  agrees{by}: {figures}"


def _entries(parameter: ParameterCheck, room: int | None, *, short: bool = True) -> Iterator[str]:
    """`short`: without the reason that stands above them."""
    if not parameter.entries:
        return
    yield from _fitted(_rows(parameter, parameter.note if short else ""), room)


def _fitted(rows: Sequence[tuple[str, ...]], room: int | None) -> Iterator[str]:
    """A table in at most `room` columns, if it can be: reasons below their rows, under shorter heads."""
    told = _table(HEADS, rows)
    if room is not None and max(map(len, told)) > room:
        first, *others = _table(NARROW, [(*cells, verdict.partition(":")[0]) for *cells, verdict in rows])
        yield first
        for line, row in zip(others, rows, strict=True):
            yield line
            reason = row[-1].partition(": ")[2]
            yield from wrap(reason, room, initial_indent=INDENT, subsequent_indent=INDENT)
    else:
        yield from told


def _rows(parameter: ParameterCheck, note: str = "") -> list[tuple[str, ...]]:
    return [_row(entry, note) for entry in parameter.entries]


def _table(heads: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Columns to the right, the last one to the left."""
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    return [
        "  ".join(["", *(f"{cell:>{width}}" for cell, width in zip(row[:-1], widths, strict=False)), row[-1]]).rstrip()
        for row in (heads, *rows)
    ]


def _row(entry: EntryCheck, note: str) -> tuple[str, ...]:
    reason = "" if entry.reason == note else _colon(entry.reason)
    return (
        f"[{', '.join(map(str, entry.index))}]",
        _number(entry.recorded, 9),
        _number(entry.difference, 9),
        _number(None if entry.difference is None else entry.error, 2),
        _number(entry.relative, 2),
        f"{entry.verdict.value}{reason}",
    )


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}g}"


def _colon(text: str) -> str:
    return f": {text}" if text else ""
