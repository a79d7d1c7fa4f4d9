"""What the record has of a parameter's gradient: as the update used it, and as the backward pass left it, before it was
clipped, scaled, decayed, or added to what an earlier iteration had left.

Pure: reads records only.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from stepper.record import Contribution, Parameter, Record, Value


@dataclass(frozen=True)
class Version:
    """One of them: the sum of `parts`. `note` says what it is, where it is not the one that the update used."""

    parts: tuple[Value, ...]
    note: str = ""


def versions(record: Record, parameter: Parameter) -> Iterator[Version]:
    """The one that the update used comes first, where there was one."""
    used = parameter.grad
    if used is not None:
        yield Version((used,))
    shares = _contributions(record, parameter.name)
    if shares and not (used is not None and len(shares) == 1 and shares[0].copy == used.copy):
        note = "as this iteration's backward pass made it; "
        note += "no update used it" if used is None else "the update used it clipped, scaled, or added to another"
        yield Version(tuple(shares), note)
    elif used is not None:
        first = _made(record, used)
        if first is not None:
            yield Version((first,), f"as it was made; it was changed{_where(record, used)}, before the update used it")


def _contributions(record: Record, parameter: str) -> list[Value]:
    """What each use of a parameter added to its gradient. (Those of a value that stands between bear its name.)"""
    return [
        event.values[0]
        for event in record.events
        if isinstance(event.detail, Contribution) and event.detail.parameter == parameter
    ]


def _made(record: Record, used: Value) -> Value | None:
    """The first value of that name in the iteration, where its numbers were others."""
    if used.copy is None or not used.label:
        return None
    for event in record.events:
        for value in event.values:
            if value.label == used.label and value.when == "result" and value.copy is not None:
                return value if value.copy != used.copy and value.summary.shape == used.summary.shape else None
    return None


def _where(record: Record, used: Value) -> str:
    for event in record.events:
        if any(value.copy == used.copy and value.when == "after" for value in event.values):
            return f" on line {event.line}"
    return ""
