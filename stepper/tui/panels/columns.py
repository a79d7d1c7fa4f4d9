"""The columns of the table of tensors: what each holds, and how wide it may be. Pure."""

from dataclasses import dataclass

from stepper.record import Summary
from stepper.tui import figures
from stepper.tui.history import Sighting

NAME, ROLE, SHAPE, DTYPE, DEVICE = range(5)
SHORT_NAME = 12


@dataclass(frozen=True)
class Column:
    """`least` and `most` bound the width; `right` aligns figures; columns with the highest `give` go first."""

    title: str
    least: int
    most: int
    right: bool = False
    give: int = 0


COLUMNS = (
    Column("name", 6, 26),
    Column("role", 4, 10, give=2),
    Column("shape", 6, 22),
    Column("dtype", 5, 10, give=3),
    Column("on", 3, 8, give=5),
    Column("min", 7, 7, right=True),
    Column("max", 7, 7, right=True),
    Column("mean", 7, 7, right=True),
    Column("zeros", 5, 7, right=True, give=4),
    Column("NaN/∞", 5, 9, right=True, give=1),
)


def texts(sighting: Sighting) -> tuple[str, ...]:
    """What stands in each column for one value."""
    value, summary = sighting.value, sighting.value.summary
    if summary.kind == "scalar":
        trouble = "nan" if summary.nan else "∞" if summary.nonfinite else ""
        return (value.label, value.role, "", summary.type, "", "", "", figures.scalar(summary.value), "", trouble)
    return (
        value.label,
        value.role,
        figures.shape(summary.shape),
        summary.dtype or summary.type,
        summary.device or "",
        figures.figure(summary.min),
        figures.figure(summary.max),
        figures.figure(summary.mean),
        figures.count(summary.zero),
        figures.nonfinite(summary) or "0",
    )


def shared(summaries: list[Summary]) -> tuple[str, str]:
    """The dtype that all tensors have, and the device that all are on; empty where they differ."""
    dtypes = {summary.dtype or "" for summary in summaries if summary.kind == "tensor"}
    devices = {summary.device or "" for summary in summaries if summary.kind == "tensor"}
    return (dtypes.pop() if len(dtypes) == 1 else "", devices.pop() if len(devices) == 1 else "")


def fit(rows: list[tuple[str, ...]], width: int, said: tuple[int, ...] = ()) -> list[int]:
    """Widths of the columns for what is in them; 0 for those there is no room for.

    Long names are cut first; then the columns go that say the same in every row, which is `said` elsewhere.
    """
    widths = []
    for index, column in enumerate(COLUMNS):
        longest = max((len(row[index]) for row in rows), default=0)
        widths.append(max(min(longest, column.most), min(column.least, column.most), len(column.title)))

    def excess() -> int:
        return 2 + sum(size + 1 for size in widths if size) - 1 - width

    def cut(index: int, least: int) -> None:
        widths[index] -= max(0, min(excess(), widths[index] - least))

    cut(NAME, SHORT_NAME)
    for index in said:
        if excess() > 0:
            widths[index] = 0
    cut(SHAPE, 10)
    for index in sorted(range(len(COLUMNS)), key=lambda number: -COLUMNS[number].give):
        if excess() <= 0:
            break
        if COLUMNS[index].give:
            widths[index] = 0
    cut(NAME, COLUMNS[NAME].least)
    cut(SHAPE, COLUMNS[SHAPE].least)
    return widths
