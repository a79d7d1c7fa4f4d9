"""Values as they are when a probe meets them: what counts as a scalar, what an error says."""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction
from typing import Any

from stepper.inferior.recording.drafts import Scalar
from stepper.record import Summary

EXACT = (Decimal, Fraction)  # numbers of any precision: shown, and taken for a loss, as the nearest float
SCALARS = frozenset((float, int, bool, str, complex, *EXACT))
DIGITS_OF = 600  # bits of an integer that is still told in all its digits


def tellable(text: str) -> str:
    """A text that can be sent: half a character (a lone surrogate) is written as its escape."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode("utf-8")


def plain(value: Any) -> Scalar:
    if type(value) in EXACT:
        return nearest(value)
    return value if isinstance(value, bool | int | float | str) else None


def nearest(value: Decimal | Fraction) -> float:
    """The float nearest to an exact number; infinite beyond all floats."""
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf
    except ValueError:  # a NaN that signals when it is touched
        return math.nan


def scalar_summary(value: Any) -> Summary:
    """The summary of a Python scalar; long texts are cut, since a summary is something to look at. Complex numbers, and
    integers that do not fit 64 bits, are told as text."""
    kept = tellable(value[:200]) if isinstance(value, str) else plain(value)
    if isinstance(kept, int) and not isinstance(kept, bool) and not -(1 << 63) <= kept < (1 << 63):
        kept = str(kept) if kept.bit_length() <= DIGITS_OF else f"{'-' if kept < 0 else ''}2^{kept.bit_length() - 1}…"
    elif isinstance(value, complex):
        kept = str(value).strip("()")
    return Summary(kind="scalar", type=type(value).__name__, value=kept)


def describe_error(error: BaseException) -> str:
    """`ValueError: what it says`, on one line and of bounded length, whatever the exception's own `__str__` does."""
    try:
        text = str(error)
    except Exception as failure:
        text = f"<its __str__ raised {type(failure).__name__}>"
    line = " ".join(tellable(text).split())
    name = type(error).__name__
    return f"{name}: {line[:400]}" if line else name
