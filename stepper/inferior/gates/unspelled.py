"""ReLUs that no spelling tells: `(h + abs(h)) / 2`, a function that nobody looks into, a leaky ReLU by hand.

Only the numbers and the flow of data do: what came out is h where h is positive, and zero or one share of h where it is
negative; both occur, and it was made of h alone.
"""

from __future__ import annotations

import ast
from collections.abc import Container
from functools import partial
from typing import Any

from stepper.engines import masks
from stepper.engines.base import GateSeen
from stepper.inferior.gates.descent import Descent, Step
from stepper.inferior.gates.entries import alike, first_rows, is_real, numbers
from stepper.inferior.gates.ranges import Ranges
from stepper.inferior.recording.copies import Copy
from stepper.inferior.recording.drafts import Draft
from stepper.record import statement_in

NEAR = 3  # steps between a ReLU's output and its input


class Unspelled:
    """Looks for them in a record."""

    def __init__(self, descent: Descent, ranges: Ranges) -> None:
        self._descent = descent
        self._ranges = ranges

    def gates(self, known: Container[Copy], reported: Container[Copy]) -> list[GateSeen]:
        """The gates but those whose output is `known`, or of whose input an engine has `reported` one."""
        found: dict[Copy, tuple[int, GateSeen]] = {}
        lows = self._ranges.lows
        for step in self._descent.steps:
            for made in step.made:
                out = made.copy
                if out is None or out in known or (out in found and found[out][0] >= step.depth):
                    continue
                told = out.outline
                if told.min is None or lows.get((told.shape, told.max), 0.0) >= told.min:
                    continue  # soon told, and true of nearly all
                gate = self._gate(step, out)
                if gate is not None and gate.h not in reported:
                    found[out] = step.depth, gate
        return sorted((gate for _, gate in found.values()), key=lambda gate: gate.event)

    def _gate(self, step: Step, out: Copy) -> GateSeen | None:
        outline = out.outline
        if outline.kind != "tensor" or outline.min is None or outline.max is None or outline.max <= 0 or out.gone:
            return None
        reads = [draft.copy for draft in step.reads if draft.copy is not None]
        for h in self._descent.back(reads, depth=NEAR):
            told = h.outline
            if told.shape != outline.shape or told.min is None or told.min >= 0 or told.max != outline.max or h.gone:
                continue
            if outline.min and not 0 < outline.min / told.min < 1:
                continue  # a share of every negative number is one of the least
            slope = _slope(numbers(h), numbers(out), outline.min)
            if slope is None or any(alike(copy, out) for copy in reads) or not self._descent.is_function(out, h):
                continue
            operation = step.event.site.operation
            if operation is not None and operation.name == "setitem" and _is_at_fixed_places(step.event.text):
                return None
            name = operation.name if operation else "leaky_relu" if slope else "relu"
            gate = GateSeen(self._label(step, h), name, step.event.id, h, "h < 0")
            gate.out = out
            if slope:
                gate.soft, gate.rule = True, "h <= 0"
                gate.share = partial(_shares, h, slope)
            return gate
        return None

    def _label(self, step: Step, h: Copy) -> str:
        drafts: list[Draft] = [
            draft for each in (step, *self._descent.makers(h)) for draft in (*each.reads, *each.made)
        ]
        return next((draft.label for draft in drafts if draft.copy is h), "h")


def _is_at_fixed_places(text: str) -> bool:
    """Whether a store names its places as numbers (`u[0] = 0`, `u[:, -1] = 0`): no mask chose them, whatever the sign
    of what was there."""
    match statement_in(text):
        case ast.Assign(targets=[ast.Subscript(slice=index)]):
            return not any(isinstance(node, ast.Name) for node in ast.walk(index))
    return False


def slope_of(gate: GateSeen) -> float | None:
    """The share of what is negative that a leaky gate keeps; None of any other."""
    return _slope(numbers(gate.h), numbers(gate.out), -1.0)


def _shares(h: Copy, slope: float, kept: Any) -> Any:
    return masks.shares(h.engine.numbers(kept), slope)


def _slope(h: Any, out: Any, low: float) -> float | None:
    """What `out` keeps of h where that is negative: 0 of a ReLU; None where it is none, nor a leaky one."""
    if not is_real(h) or not is_real(out) or h.shape != out.shape or not masks.together(h, out):
        return None
    rows = first_rows(h)
    if low == 0:
        return 0.0 if masks.is_relu(h[rows], out[rows]) and masks.is_relu(h, out) else None
    if low > 0 or masks.kind(h) != "f":
        return None
    negative, kept = h[h < 0], out[h < 0]
    first = float(kept[0]) / float(negative[0]) if masks.size(negative) and float(negative[0]) else 0.0
    if not 0 < first < 1 or negative.min() == negative.max():
        return None  # of one number anything is a share
    for digits in (6, 12, 17):
        slope = float(f"{first:.{digits}g}")
        if bool(masks.left(kept, negative, slope).all()) and bool((masks.agreeing(h, out) | (h < 0)).all()):
            return slope
    return None
