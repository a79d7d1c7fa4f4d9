"""Gradients that are all wrong by one and the same factor are mostly right, of another loss: a sum where the mean is
told, a share of several batches. What in the iteration has that number is named. Pure: reads records only.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from stepper.record import Event, Parameter, Record
from stepper.session.check.gradient_check import ParameterCheck, Verdict

FEW = 3  # things that are named
CLOSE = 1e-3  # relative: a factor is known no better in float32
BEFORE = ("forward", "loss", "backward")


def common_factor(record: Record, parameters: tuple[ParameterCheck, ...]) -> str:
    """In words; empty where there is no such factor, or only one parameter that could be told of."""
    told = [each for each in parameters if each.verdict is not Verdict.UNKNOWN]
    factors = [each.factor for each in told if each.verdict is Verdict.DIFFERS and each.factor is not None]
    if len(told) < 2 or len(factors) < len(told):
        return ""
    factor, size = factors[0], abs(factors[0])
    added = factor < 0 and {each.name for each in told} <= {each.name for each in record.parameters if _is_added(each)}
    if not (factor > 0 or added) or not all(math.isclose(factor, each, rel_tol=CLOSE) for each in factors):
        return ""
    number = size if size > 1 else 1 / size
    names = holding(record, number)
    where = f" ({', '.join(names)})" if names else ""
    return (
        f"all gradients differ by the same factor {number:.6g}{where}: if they are those of another multiple of "
        "the loss (a sum for a mean, a share of several batches), --loss EXPR names it"
    )


def holding(record: Record, number: float) -> list[str]:
    """In words, what of an iteration holds a number, or its reciprocal, or so many rows of data; the first few."""
    return list(dict.fromkeys(name for event in record.events for name in _having(event, number)))[:FEW]


def _is_added(parameter: Parameter) -> bool:
    """Whether the update goes along what was recorded, which is then the negative gradient."""
    return parameter.cosine is not None and parameter.cosine > 0


def _having(event: Event, number: float) -> Iterator[str]:
    """The names of an event that hold it."""
    if event.phase not in BEFORE:
        return
    for value in event.values:
        held, shape = value.summary.value, value.summary.shape
        if type(held) in (int, float) and held and value.label:
            if any(math.isclose(abs(float(held)), each, rel_tol=CLOSE) for each in (number, 1 / number)):
                yield f"{value.label} on line {event.line} is {held:.6g}"
        elif value.role == "data" and shape and math.isclose(shape[0], number, rel_tol=CLOSE):
            yield f"{value.label} has {shape[0]} rows"
