"""The columns of the table of tensors: what each holds, and how wide it may be. Pure."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import msgspec
from rich.cells import cell_len

from stepper.record import Summary
from stepper.session.findings.sightings import Sighting
from stepper.tui import figures, names
from stepper.tui.panels.lines import Piece
from stepper.tui.sketches import BINS

NAME, ROLE, SHAPE, DTYPE, DEVICE, HEALTH, SPREAD, MIN, MAX, MEAN, ZEROS, NONFINITE = range(12)
PILL = 6
SPARE = 4
"""Columns that `give` at least so much go before a name is abbreviated, and shapes are written without blanks."""
USUAL_COUNTS = 9
"""Columns for how much is not finite, where there is no room to spare."""
LONG_NAME, MEDIUM_NAME, EXPRESSION, SHORT_NAME = 26, 19, 17, 12
"""Columns that names may take at most before others do, without what all share, and abbreviated as far as can be; those
of expressions, which have no name; and at least."""


@dataclass(frozen=True)
class Column:
    """`least` and `most` bound the width; `right` aligns figures; columns with the highest `give` go first."""

    title: str
    least: int
    most: int
    right: bool = False
    give: int = 0


COLUMNS = (
    Column("name", 6, LONG_NAME),
    Column("role", 4, 10, give=1),
    Column("shape", 6, 40),
    Column("type", 4, 10, give=5),
    Column("on", 3, 8, give=6),
    Column("health", PILL, PILL, give=2),
    Column("histogram", BINS, BINS, give=3),
    Column("min", 7, 7, right=True),
    Column("max", 7, 7, right=True),
    Column("mean", 7, 7, right=True),
    Column("zeros", 5, 7, right=True, give=7),
    Column("NaN/∞", 5, 15, right=True),
)


SOME = "·"
"""In place of a text of which only that it is there matters."""
POOLED = "≈"
"""Before the shape of a value of which only a summary and a pooled picture are kept."""


def texts(sighting: Sighting, *, whole: bool = True) -> tuple[str, ...]:
    """What stands in each column for one value; if not `whole`, in columns that are as wide whatever stands in them
    only something, where there is anything."""
    value, summary = sighting.value, sighting.value.summary
    if summary.kind == "scalar":
        trouble = "" if not summary.nonfinite else "nan" if summary.value != summary.value else "∞"
        return (
            value.label,
            value.role,
            "",
            short(summary.type),
            "",
            "",
            "",
            "",
            "",
            figures.scalar(summary.value),
            "",
            trouble,
        )
    return (
        value.label,
        value.role,
        (POOLED if value.pooled else "") + figures.shape(summary.shape),
        short(summary.dtype or summary.type),
        summary.device or "",
        "".join(text for text, _ in pill(summary)) if whole else SOME if _has_pill(summary) else "",
        "",
        figures.figure(summary.min) if whole else SOME,
        figures.figure(summary.max) if whole else SOME,
        (figures.figure(summary.mean) if summary.counted is None else figures.COMING) if whole else SOME,
        figures.count(summary.zero) if summary.counted is None else _so_far(summary.zero),
        figures.nonfinite(summary) or "0",
    )


def _so_far(count: int | None) -> str:
    return figures.COMING if count is None else figures.count(count) + figures.COMING


def pill(summary: Summary, width: int = PILL) -> list[Piece]:
    """The shares of −∞, negative, zero, positive, +∞ and NaN elements in `width` characters; none that is there is
    left out, so that a single NaN among millions is seen. While they are counted, the shares so far and a `…`."""
    if summary.counted is not None:
        known = pill(msgspec.structs.replace(summary, counted=None), width - 1) if summary.counted else []
        return [*known, (figures.COMING, "muted")]
    numbers = [count or 0 for count in _counts(summary)]
    total = sum(numbers)
    if not total:
        return []
    cells = [max(1, round(number * width / total)) if number else 0 for number in numbers]
    while sum(cells) != width:
        short = [number * width / total - have for number, have in zip(numbers, cells, strict=True)]
        if sum(cells) < width:
            cells[short.index(max(short))] += 1
        else:  # what has a single cell keeps it
            cells[min(range(6), key=lambda index: short[index] if cells[index] > 1 else math.inf)] -= 1
    return [(glyph * count, part) for (glyph, part), count in zip(_PILL, cells, strict=True) if count]


def _counts(summary: Summary) -> list[int | None]:
    return [summary.neginf, summary.negative, summary.zero, summary.positive, summary.inf, summary.nan]


def _has_pill(summary: Summary) -> bool:
    return summary.counted is not None or any(_counts(summary))


_PILL = (("«", "bad"), ("-", "negative"), ("0", "zero"), ("+", "positive"), ("»", "bad"), ("?", "bad"))


def title(index: int, widths: list[int]) -> str:
    """What is written over a column: where all are scalars, the one of means has their values."""
    return "value" if index == MEAN and not widths[SHAPE] else COLUMNS[index].title


def sort_key(sighting: Sighting, column: int) -> tuple[int, float, str]:
    """What a value is ordered by in a column; what has nothing there comes last."""
    summary = sighting.value.summary
    if column in (NAME, ROLE, DTYPE, DEVICE):
        return (0, 0.0, texts(sighting)[column].lower())
    numbers = {
        SHAPE: float(summary.size),
        HEALTH: (summary.negative or 0) / max(1, summary.size),
        SPREAD: summary.std,
        MIN: summary.min,
        MAX: summary.max,
        MEAN: summary.value if isinstance(summary.value, int | float) else summary.mean,
        ZEROS: summary.zero,
        NONFINITE: summary.nonfinite,
    }
    number = numbers[column]
    return (1, 0.0, "") if number is None or number != number else (0, float(number), "")


SHORT_ROLES = {"parameter": "param", "activation": "activ", "gradient": "grad", "setting": "set"}


def short_role(role: str) -> str:
    """A role in few characters, for a narrow column."""
    return SHORT_ROLES.get(role, role)


_KINDS = {"float": "f", "bfloat": "bf", "int": "i", "uint": "u", "complex": "c"}


def short(dtype: str) -> str:
    """A dtype in few characters, as the field writes them: `f32`, `bf16`, `i64`, `bool`."""
    kind = dtype.rstrip("0123456789")
    return _KINDS[kind] + dtype[len(kind) :] if kind in _KINDS and kind != dtype else dtype


def shared(summaries: list[Summary]) -> tuple[str, str]:
    """The dtype that most tensors have, and the device that all are on; empty where there is no such."""
    dtypes = Counter(summary.dtype or "" for summary in summaries if summary.kind == "tensor")
    devices = {summary.device or "" for summary in summaries if summary.kind == "tensor"}
    return (dtypes.most_common(1)[0][0] if dtypes else "", devices.pop() if len(devices) == 1 else "")


def with_type(cells: tuple[str, ...], summary: Summary, usual: str) -> tuple[str, ...]:
    """The same, with a dtype that is not the usual one behind the shape, for a table without a column for it."""
    if summary.kind != "tensor" or summary.dtype == usual:
        return cells
    return (*cells[:SHAPE], f"{figures.tight(cells[SHAPE])} {cells[DTYPE]}", *cells[SHAPE + 1 :])


def tightened(cells: tuple[str, ...]) -> tuple[str, ...]:
    """The same, with a shape without blanks."""
    return (*cells[:SHAPE], figures.tight(cells[SHAPE]), *cells[SHAPE + 1 :])


class _Measures(NamedTuple):
    """What of the rows decides the widths, so that rows of which only the figures differ are fitted once.

    `longest`: columns of the longest text in each column; `tight`, `role`: of the longest shape without blanks, and of
    the longest role in few characters; `wrong`: whether anything is not finite.
    """

    longest: tuple[int, ...]
    labels: tuple[str, ...]
    tight: int
    role: int
    wrong: bool


def fit(rows: list[tuple[str, ...]], width: int, said: tuple[int, ...] = ()) -> list[int]:
    """Widths of the columns for what is in them; 0 for those there is no room for.

    Names first lose what all share; then the columns go that say the same in every row, which is `said` elsewhere, and
    those that can be spared; then names are abbreviated, and shapes lose their blanks; then columns go that say more. A
    shape is cut last.
    """
    measures = _Measures(
        tuple(map(_longest, zip(*rows, strict=True))) or (0,) * len(COLUMNS),
        tuple(row[NAME] for row in rows),
        _longest([figures.tight(row[SHAPE]) for row in rows]),
        max((len(short_role(row[ROLE])) for row in rows), default=0),
        any(row[NONFINITE] not in ("", "0") for row in rows),
    )
    return list(_fitted(measures, width, said))


def _longest(texts: Sequence[str]) -> int:
    """Columns of the longest text."""
    return max(map(len if "".join(texts).isascii() else cell_len, texts), default=0)


@lru_cache(maxsize=64)
def _fitted(measures: _Measures, width: int, said: tuple[int, ...]) -> tuple[int, ...]:
    widths, whole = [], measures.longest
    for index, (column, longest) in enumerate(zip(COLUMNS, whole, strict=True)):
        widths.append(max(min(longest, column.most), min(column.least, column.most), len(column.title)))
        if index not in (NAME, SPREAD, MEAN) and not longest:
            widths[index] = 0  # nothing has anything there
    if not widths[HEALTH]:
        widths[SPREAD] = 0

    def excess() -> int:
        return 2 + sum(size + 1 for size in widths if size) - 1 - width

    def cut(index: int, least: int) -> None:
        widths[index] -= max(0, min(excess(), widths[index] - least))

    tight = max(widths[SHAPE] and len(COLUMNS[SHAPE].title), measures.tight)
    without_shared, abbreviated = names.widths(measures.labels)
    named = names.widths(tuple(label for label in measures.labels if label.replace(".", "").isidentifier()))[1]
    medium = max(min(MEDIUM_NAME, named), min(EXPRESSION, abbreviated), SHORT_NAME)
    cut(NAME, max(SHORT_NAME, min(LONG_NAME, without_shared)))
    cut(NONFINITE, USUAL_COUNTS)
    for index in said:
        if excess() > 0:
            widths[index] = 0
    if excess() > 0:
        widths[ROLE] = max(len(COLUMNS[ROLE].title), measures.role)
    gives = [column.give for column in COLUMNS]
    # what is wrong is told before anything that is only nice to see; that nothing is, health tells, too
    gives[NONFINITE] = 1 if measures.wrong else 8
    for index in sorted(range(len(COLUMNS)), key=lambda number: -gives[number]):
        if gives[index] < SPARE:
            cut(NAME, medium)
            if excess() > 0:
                widths[SHAPE] = min(widths[SHAPE], tight)
        if index == NONFINITE and measures.wrong:
            # the others are of finite elements only: beside nothing they would look as if there were no others
            cut(NONFINITE, COLUMNS[NONFINITE].least)
            if excess() > 0:
                widths[MIN] = widths[MAX] = 0
        if excess() <= 0:
            break
        if gives[index]:
            widths[index] = 0
    cut(NAME, COLUMNS[NAME].least)
    if excess() > 0:
        widths[MIN] = widths[MAX] = 0
    cut(SHAPE, COLUMNS[SHAPE].least)
    # what is left goes to what was cut; blanks in shapes, and roles written out, are there for all, or for none
    for index, wanted in ((SHAPE, tight), *((each, whole[each]) for each in (SHAPE, NONFINITE, NAME, ROLE))):
        more = max(0, min(-excess(), wanted - widths[index]))
        if widths[index] and (index == NAME or wanted == tight or more == wanted - widths[index]):
            widths[index] += more
    return tuple(widths)
