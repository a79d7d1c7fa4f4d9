"""The gradient of a step that adds several, each a product of its own: `w -= lr * dw1 + lr * dw2`, of two losses or a
loss and a penalty. None of them is the parameter's gradient, their sum is."""

from __future__ import annotations

import ast
from collections.abc import Callable

from stepper.engines.base import Engine
from stepper.inferior.gradients.fitting import shape_of
from stepper.inferior.gradients.steps import Steps
from stepper.inferior.gradients.worked_out import Unknown, value_in
from stepper.inferior.recording.copies import Copy
from stepper.inferior.recording.drafts import Draft, Happening
from stepper.inferior.recording.scalars import scalar_summary
from stepper.inferior.recording.tracks import Track
from stepper.inferior.spelling.added import Added, plainly, rated_steps


def sum_of_terms(
    track: Track, update: Happening, steps: Steps, is_gradient: Callable[[Draft], bool], arrays: Engine
) -> Draft | None:
    """None unless two or more gradients of the parameter's shape are added at one rate. What else is added is no part
    of it: a momentum, a decay."""
    read = steps.read(update)
    gradients: list[tuple[Added, bool, bool]] = []
    for text, taken in rated_steps(update.text, track.label):
        term = steps.added(text, read, track)
        drafts = [read.get(plainly(factor)) for factor in term.factors] if term is not None else []
        own = [each for each in drafts if each and shape_of(each) == shape_of(track.before) and is_gradient(each)]
        if term is not None and own:
            gradients.append((term, taken, any(steps.decays(each, update, track) for each in own)))
    if not all(decays for _, _, decays in gradients):
        gradients = [each for each in gradients if not each[2]]
    found: dict[str, tuple[float, ast.expr]] = {}
    rates: set[float] = set()
    for term, taken, _ in gradients:
        if term.quotient or not term.rate:
            return None
        rates.add(abs(term.rate))
        found[term.gradient] = (-1.0 if taken != (term.rate < 0) else 1.0, ast.parse(term.gradient, mode="eval").body)
    if len(found) < 2 or len(rates) > 1:
        return None
    first = next(iter(found.values()))[0]
    try:
        parts = [value_in(node, read) * (sign * first) for sign, node in found.values()]
    except (Unknown, ArithmeticError, TypeError, ValueError):
        return None
    whole = sum(parts[1:], parts[0])
    label = "".join(f"{' + ' if sign == first else ' - '}{text}" for text, (sign, _) in found.items())[3:]
    if isinstance(whole, int | float):
        return Draft(label, "gradient", "operand", None, scalar_summary(whole))
    return Draft(label, "gradient", "operand", Copy(arrays, whole))
