"""Gradients that agree by an earlier loss than the last, a sum over samples say, of which the steps take different
multiples: what one of them is divided by, another is not. Pure: reads records only."""

from __future__ import annotations

import math
from collections.abc import Sequence

from stepper.record import Parameter, Record
from stepper.session.check.common_factor import holding
from stepper.session.check.gradient_check import ParameterCheck, Verdict

ALONG = 0.99  # cosine of a step and the gradient's opposite: a decay may be in it
NEAR = 0.02  # relative: what a decay may make of a multiple
FEW = 4  # parameters that are named


def unlike_steps(record: Record, checks: Sequence[ParameterCheck]) -> str:
    """In words; empty where the steps are alike, or where nothing in the iteration has the number that they differ by:
    learning rates may differ, and adaptive ones do."""
    by_name = {each.name: each for each in record.parameters}
    found: dict[str, dict[str, float]] = {}
    for each in checks:
        multiple = _multiple(by_name[each.name]) if each.by and each.verdict is Verdict.AGREES else None
        if multiple is not None:
            found.setdefault(each.by, {})[each.name] = multiple
    for multiples in found.values():
        times = max(multiples.values()) / min(multiples.values())
        number = round(times) if math.isfinite(times) else 0
        names = holding(record, number) if number > 1 and math.isclose(times, number, rel_tol=NEAR) else []
        if names:
            named = sorted(multiples, key=lambda name: multiples[name])
            some = named if len(named) <= FEW else [*named[: FEW - 1], named[-1]]
            told = ", ".join(f"{name} {multiples[name]:.3g}" for name in some)
            return (
                f"the steps take different multiples of these gradients, by a factor {number}: {told} "
                f"({', '.join(names)}): is one of them divided by what another is not?"
            )
    return ""


def _multiple(parameter: Parameter) -> float | None:
    """How many times its gradient a step is; None where it does not go along that, or nothing of it is known."""
    if parameter.grad is None or not parameter.used or parameter.cosine is None or parameter.cosine > -ALONG:
        return None
    step, gradient = parameter.update.summary.norm, parameter.grad.summary.norm
    return step / gradient if step and gradient else None
