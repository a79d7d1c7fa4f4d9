"""A gradient that is off by one and the same multiple of its parameter, in every entry: that of an L2 term of the loss
is missing, or one that the loss does not have is in it. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from stepper.session.check.gradient_check import EntryCheck, ParameterCheck, Verdict

CLOSE = 1e-3  # relative


def with_decay_term(found: ParameterCheck, at: Sequence[float]) -> ParameterCheck:
    """A parameter that differs, and the term by which it does, where that is so; `at` are its numbers, by entry."""
    if found.verdict is not Verdict.DIFFERS or found.factor is not None or found.note:
        return found
    known = [pair for pair in zip(found.entries, at, strict=True) if pair[0].verdict is not Verdict.UNKNOWN]
    differing = [(_missing(entry) / theta, abs(theta)) for entry, theta in known if _differs(entry) and theta]
    if len(differing) < 2:
        return found
    times, _ = max(differing, key=lambda each: each[1])
    if any(
        abs(_missing(entry) - times * theta) > entry.tolerance + CLOSE * abs(_missing(entry)) for entry, theta in known
    ):
        return found
    term, size = f"{abs(times):.3g} × {found.name}", abs(times) / 2
    if times > 0:
        said = f"{term} is missing, as of an L2 term {size:.3g} · sum({found.name}²) of the loss"
    else:
        said = f"{term} is extra, as of an L2 term {size:.3g} · sum({found.name}²) that the loss does not have"
    return replace(found, note=said)


def _differs(entry: EntryCheck) -> bool:
    return entry.verdict is Verdict.DIFFERS


def _missing(entry: EntryCheck) -> float:
    return (entry.difference or 0.0) - entry.recorded
