"""Losses of an iteration that are one loss on its way: `loss = loss + penalty`, a sum over samples, or one that a
function binds, and whoever calls it binds again. Pure."""

from __future__ import annotations

from stepper.record import Event, Record, Value


def grown(record: Record) -> frozenset[int]:
    """Which of an iteration's losses (their places in `losses`) are the one before, or what a statement made of that
    under the same name."""
    if any(event.kind in ("backward", "contribution") for event in record.events):
        return frozenset()  # each is what a pass of autograd's began with, be it twice the same
    steps = {step for event in record.events if event.kind == "statement" for step in _steps(event)}
    pairs = zip(record.losses, record.losses[1:], strict=False)
    return frozenset(place for place, pair in enumerate(pairs, 1) if pair[0] == pair[1] or pair in steps)


def _steps(event: Event) -> set[tuple[float, float]]:
    """What a name held before a statement, and what it holds behind it."""
    read = {value.label: number(value) for value in event.values if value.when in ("operand", "before")}
    made = {value.label: number(value) for value in event.values if value.when in ("result", "after")}
    return {
        (float(before), float(after))
        for label, after in made.items()
        if after is not None and (before := read.get(label)) is not None
    }


def number(value: Value) -> float | None:
    """The number of a value that is only one."""
    summary = value.summary
    found = summary.value if summary.kind == "scalar" else summary.min if summary.size == 1 else None
    return found if isinstance(found, int | float) else None
