"""Relatives of the ReLU that a script writes out by hand: SiLU, GELU, ELU and softplus, and a ReLU with a limit.

Only the numbers tell, and the flow of data: what came out is this function of h in every entry, and was made of h
alone. The share of an entry's gradient that passes is the derivative there; its gradients are the values before and
after a product with these shares.
"""

from __future__ import annotations

import math
from collections.abc import Container, Iterator, Sequence
from functools import cached_property, partial
from itertools import islice
from typing import Any

from stepper.engines import masks
from stepper.engines.arrays import numpy_module
from stepper.engines.base import GateSeen
from stepper.inferior.gates.curves import CURVES, Curve, elu, limited
from stepper.inferior.gates.descent import Descent, Step
from stepper.inferior.gates.entries import is_real, numbers
from stepper.inferior.gates.ranges import Ranges
from stepper.inferior.gates.through_graph import ThroughGraph
from stepper.inferior.recording.copies import Copy

FAR = 10  # steps between such a function's value and h
MOST = 64  # values on the way that are looked at
PAIRS = 10_000  # of values in a backward pass that are compared
LARGEST = 1 << 20  # entries; of more the function is not worked out
ROUNDING = 64  # units in the last place that two ways to work it out may lie apart


def soft_curves(
    descent: Descent, ranges: Ranges, graph: ThroughGraph, known: Container[Copy], engine_gates: Sequence[GateSeen]
) -> list[GateSeen]:
    """Those of a record, but for the gates that engines have reported, and those whose output is `known`."""
    reported = {copy for gate in engine_gates for copy in (gate.h, gate.out)}
    curves = _SoftCurves(descent)
    found: dict[Copy, tuple[int, GateSeen]] = {}
    for step in descent.steps:
        for made in step.made if step.event.kind == "statement" and step.event.phase == "forward" else ():
            out = made.copy
            if out is None or out.gone or out in known or out in reported:
                continue
            if (out in found and found[out][0] >= step.depth) or not _may_be(out, ranges):
                continue
            gate = curves.gate(step, out)
            if gate is not None and gate.h not in reported:
                found[out] = step.depth, gate
    gates = [gate for _, gate in found.values()]
    for gate in sorted(gates, key=lambda gate: -gate.event):
        curves.attach(gate, graph.arrived(gate.out), graph.arrived(gate.h))
    return gates


def _may_be(out: Copy, ranges: Ranges) -> bool:
    """Whether a value's range is that of such a function of something that was read: soon told, and true of few."""
    told = out.outline
    if told.kind != "tensor" or not told.shape or told.max is None or told.min is None:
        return False
    if told.max <= 0 or math.prod(told.shape) > LARGEST:
        return False
    if told.shape not in ranges.tops:
        return False
    if told.min == 0:
        return True  # with a limit, which may be any
    if ranges.lows.get((told.shape, told.max), 0.0) < told.min < 0:
        return True  # an ELU leaves the largest number as it is
    bound = ROUNDING * _precision(out) * max(1.0, told.max)
    return any(
        _leads(top, told.max, bound) and (copies != {out} or told.max > top)
        for top, copies in ranges.tops[told.shape].items()
    )


def _leads(top: float, highest: float, bound: float) -> bool:
    """Whether one of the curves may lead from a number above zero to another: soon told."""
    share = math.exp(-top)
    # of a number h > 0 SiLU gives less than GELU, and that no more than h; softplus gives more
    return top / (1 + share) - bound <= highest <= top + bound or abs(top + math.log1p(share) - highest) <= bound


class _SoftCurves:
    """Looks for them in a record."""

    def __init__(self, descent: Descent) -> None:
        self._descent = descent
        self._place = 0
        self._left = PAIRS

    @cached_property
    def _backward(self) -> dict[tuple[int, ...], list[tuple[Step, Copy]]]:
        """What a backward pass by hand made, by its shape."""
        found: dict[tuple[int, ...], list[tuple[Step, Copy]]] = {}
        for step in self._descent.steps:
            for made in step.made if step.event.phase == "backward" else ():
                if made.copy is not None and not made.copy.gone and made.copy.outline.shape:
                    found.setdefault(made.copy.outline.shape, []).append((step, made.copy))
        return found

    def gate(self, step: Step, out: Copy) -> GateSeen | None:
        """The gate whose output this is."""
        told = out.outline
        if (
            told.kind != "tensor"
            or not told.shape
            or told.max is None
            or told.max <= 0
            or math.prod(told.shape) > LARGEST
        ):
            return None
        reads = [draft.copy for draft in step.reads if draft.copy is not None]
        eps = _precision(out)
        for h in islice(self._descent.back(reads, depth=FAR), MOST):
            own = h.outline
            if own.shape != told.shape or h.gone or h is out or own.min is None or not own.min < 0 < (own.max or 0):
                continue
            for curve in _fitting(h, out, eps):
                if self._descent.is_function(out, h):
                    gate = GateSeen(self._label(step, h), curve.name, step.event.id, h, "h <= 0")
                    gate.out, gate.soft = out, curve.soft
                    gate.share = partial(_shares, h, curve)
                    return gate
        return None

    def _label(self, step: Step, h: Copy) -> str:
        steps = (step, *self._descent.makers(h), *self._descent.readers(h))
        drafts = [draft for each in steps for draft in (*each.reads, *each.made)]
        return next((draft.label for draft in drafts if draft.copy is h), "h")

    def attach(self, gate: GateSeen, came: Copy | None, left: Copy | None) -> None:
        """Give such a gate the gradients that were multiplied by its shares: those that autograd has seen (`came` and
        `left`), or those of a backward pass by hand."""
        shares = gate.share(gate.h.kept) if gate.share is not None else None
        if came is not None and left is not None and _are_shares(came, left, shares):
            gate.before, gate.after = came, left
            return
        backward = self._backward.get(gate.h.outline.shape or (), [])
        first = min(self._place, len(backward))  # as a rule it is behind that of a later gate
        for place in (*range(first, len(backward)), *range(first)):
            step, after = backward[place]
            reads = [draft.copy for draft in step.reads if draft.copy is not None]
            for before in self._descent.back(reads, statement=step.statement) if step.event.id > gate.event else ():
                if before is after or self._left == 0:
                    continue
                self._left -= 1
                if _are_shares(before, after, shares):
                    gate.before, gate.after, self._place = before, after, place
                    return


def _fitting(h: Copy, out: Copy, eps: float) -> Iterator[Curve]:
    """The curves that lead from one to the other, to within rounding (`eps`: a unit in the last place of 1)."""
    numpy = numpy_module()
    top, highest = h.outline.max or 0.0, out.outline.max or 0.0
    low, lowest = h.outline.min or 0.0, out.outline.min or 0.0
    bound = ROUNDING * eps * max(1.0, top)
    curves: Sequence[Curve] = CURVES
    if highest == top and low < lowest < 0:
        curves = (elu(float(f"{lowest / math.expm1(low):.6g}")), *CURVES)
    elif lowest == 0 and highest < top:
        curves = (limited(highest),)
    elif not _leads(top, highest, bound):
        return
    for curve in curves:
        if abs(float(curve.value(numpy.float64(top))) - highest) > bound:
            continue
        values, came = _host(h), _host(out)
        if values is None or came is None or values.shape != came.shape:
            return
        near = abs(curve.value(values) - came) <= ROUNDING * eps * numpy.maximum(1.0, abs(values))
        between = curve.soft or bool(((values > 0) & (values < highest)).any())  # else it may be a step
        if between and bool((near | numpy.isnan(values)).all()):
            yield curve


def _are_shares(before: Copy, after: Copy, shares: Any) -> bool:
    """Whether one is the other, multiplied by these shares."""
    numpy = numpy_module()
    if before.gone or before.outline.shape != after.outline.shape:
        return False
    came, left = _host(before), _host(after)
    if came is None or left is None or shares is None or came.shape != shares.shape:
        return False
    bound = ROUNDING * _precision(after) * numpy.maximum(abs(came), 1e-300)
    return bool((abs(came * shares - left) <= bound).all()) and bool(came.any())


def _host(copy: Copy) -> Any:
    """The numbers of a copy as float64, where the processor is; None where they are not real."""
    if not is_real(numbers(copy)):
        return None
    return copy.engine.ndarray(copy.kept).astype("float64")


def _shares(h: Copy, curve: Curve, kept: Any) -> Any:
    return curve.slope(h.engine.ndarray(kept).astype("float64"))


def _precision(copy: Copy) -> float:
    values = numbers(copy)
    return masks.precision(values) or 2.0**-52 if values is not None else 0.0
