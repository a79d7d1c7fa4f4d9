"""Gates that a script writes by hand: the ReLU-like operations that ran, and where their gradient was masked.

An operation counts as a ReLU when its numbers are (`output = max(h, 0)`, to the bit), and either its spelling may be
one or nothing but h went into it. So does a leaky one, which keeps one share of all that is negative. Its gradients are
the value before and after the masked store or product whose mask comes from h: found by the flow of data, else by equal
bits.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

from stepper.engines import masks
from stepper.engines.arrays import numpy_module
from stepper.engines.base import GateSeen
from stepper.engines.openings import FUNCTIONS
from stepper.inferior.gates import gate_notes
from stepper.inferior.gates.descent import Descent
from stepper.inferior.gates.entries import is_real, numbers
from stepper.inferior.gates.maskings import Masking, Maskings
from stepper.inferior.gates.other_masks import OfTheLoss, in_turn, of_losses, rectified
from stepper.inferior.gates.ranges import Ranges
from stepper.inferior.gates.soft_curves import soft_curves
from stepper.inferior.gates.spelled_lists import spelled_lists
from stepper.inferior.gates.through_graph import ThroughGraph
from stepper.inferior.gates.unspelled import NEAR, Unspelled, slope_of
from stepper.inferior.recording.copies import Copy
from stepper.inferior.recording.drafts import Draft, Happening, Operated, Scalar, has_lists

COMPARISONS = frozenset(("lt", "le", "gt", "ge"))
STORES = frozenset(("where", "setitem"))
PRODUCTS = frozenset(("mul", "multiply", "imul", "mul_"))
CUTS = frozenset(("clip", "clamp", "clamp_", "clamp_min", "clamp_min_"))
RELATIVES = frozenset(("maximum", "fmax", "max", "relu", "relu_", *CUTS, *STORES, *PRODUCTS, *FUNCTIONS))
"""The operations that may be gates."""


def by_hand(
    operated: Sequence[Operated],
    engine_gates: Sequence[GateSeen],
    no_gates: Sequence[Any],
    happenings: Sequence[Happening],
) -> list[tuple[GateSeen, Any]]:
    """The gates among the operations of an iteration, each with its mask of blocked entries (None: by its rule).

    Operations that an engine has already reported as gates are left to it, and those that it knows to be none.
    """
    if not _may_have_gates(happenings):
        return []
    numpy = numpy_module()
    with numpy.errstate(all="ignore"):
        return _by_hand(operated, engine_gates, no_gates, happenings)


def _may_have_gates(happenings: Sequence[Happening]) -> bool:
    """Whether there are tensors, or lists: comparing them takes NumPy, which a script without has not imported."""
    return "numpy" in sys.modules or has_lists(happenings)


def _by_hand(
    operated: Sequence[Operated],
    engine_gates: Sequence[GateSeen],
    no_gates: Sequence[Any],
    happenings: Sequence[Happening],
) -> list[tuple[GateSeen, Any]]:
    descent = Descent(happenings)
    gates = list(_spelled(operated, engine_gates, descent))
    known = {*no_gates, *(gate.out for gate in (*gates, *engine_gates))}
    gates += spelled_lists(descent, known)
    known |= {gate.out for gate in gates}
    ranges = Ranges(descent)
    unspelled = Unspelled(descent, ranges)
    gates += unspelled.gates(known, {gate.h for gate in engine_gates})
    gates = [gate for gate in gates if not _goes_through(gate, engine_gates, descent)]
    graph = ThroughGraph(happenings, descent)
    curved = soft_curves(descent, ranges, graph, {gate.out for gate in gates}, engine_gates)
    large = [gate for gate in gates if not is_real(numbers(gate.h))]  # their own rule is known, and no more
    curved = [gate for gate in curved if not _goes_through(gate, engine_gates, descent)]
    gates = [gate for gate in gates if is_real(numbers(gate.h)) and not _is_part(gate, curved, descent)]
    forward = OfTheLoss(descent, happenings)
    rectifications = ((gate, rectified(gate, gates, descent, forward)) for gate in gates)
    of_gradients = {id(gate): masking for gate, masking in rectifications if masking is not None}
    gates = [gate for gate in gates if id(gate) not in of_gradients]
    if not gates:
        return [(gate, None) for gate in (*large, *curved)]
    inputs: dict[int, list[Copy]] = {}
    for gate in gates:  # `a = h.copy()` before `a[a < 0] = 0`: the input is h
        began = descent.copied(gate.h)
        inputs[id(gate)] = [gate.h, *(draft.copy for draft in began if draft.copy is not None)]
        if began:
            gate.h, gate.label = inputs[id(gate)][-1], began[-1].label
    slopes = {id(gate): slope for gate in gates if gate.soft and (slope := slope_of(gate))}
    gates = [gate for gate in gates if not _is_part(gate, gates, descent)]
    maskings = _of_gradients(Maskings(descent, gates, inputs, slopes, of_losses(descent, happenings)).all(), happenings)
    known = {each.after for each in maskings}
    maskings += [each for each in of_gradients.values() if each.after not in known]
    maskings.sort(key=_event_of)
    turns = _turns(gates, maskings)
    found = [(gate, _attach(gate, maskings, turns.get(gate.event), slopes.get(id(gate), 0.0))) for gate in gates]
    for gate, masking in found:
        if masking is None:
            graph.attach(gate, slopes.get(id(gate), 0.0))
    # The masking of one gate is no other gate, though in its few numbers only negative ones may be blocked.
    used = {masking.after for _, masking in found if masking is not None}
    otherwise = in_turn(found, maskings, descent, forward)
    gate_notes.write(found, maskings, descent, slopes, otherwise, forward)
    kept = [(gate, masking) for gate, masking in found if gate.out not in used or gate.before is not None]
    told = [(gate, None if masking is None else masking.blocked) for gate, masking in kept]
    return [*told, *((gate, None) for gate in (*large, *curved))]


def _of_gradients(maskings: list[Masking], happenings: Sequence[Happening]) -> list[Masking]:
    """Where a graph was gone through backward only what runs meanwhile masks gradients by hand: that the few numbers of
    an environment's state look masked by those of the step before is chance."""
    if not any(each.kind == "backward" for each in happenings):
        return maskings
    return [each for each in maskings if happenings[each.event].phase == "backward"]


def _goes_through(gate: GateSeen, engine_gates: Sequence[GateSeen], descent: Descent) -> bool:
    """Whether one that an engine has reported lies between its ends: `F.relu(h.view(-1)).view(h.shape)`."""
    reported = {other.out for other in engine_gates if other.out is not gate.h}
    return any(copy in reported for copy in descent.back((gate.out,), (gate.h,)))


def _is_part(gate: GateSeen, gates: list[GateSeen], descent: Descent) -> bool:
    """Whether a relative of the ReLU, of the same input, was made of it: `np.maximum(h, 0) + a * np.minimum(h, 0)`,
    or `np.minimum(np.maximum(h, 0), 6)`."""
    of_same_input = (other for other in gates if other is not gate and other.share is not None and other.h is gate.h)
    return any(gate.out in descent.back((other.out,), (other.h,)) for other in of_same_input)


def _spelled(operated: Sequence[Operated], engine_gates: Sequence[GateSeen], descent: Descent) -> Iterator[GateSeen]:
    """Operations that are gates by their spelling and their numbers."""
    reported = {gate.event for gate in engine_gates} | {id(gate.h) for gate in engine_gates if gate.out is None}
    pairs = {(id(gate.h), id(gate.out)) for gate in engine_gates}
    compared = _named(operated, COMPARISONS)
    with_zero = [each for each in compared if any(_is_zero(item) for item in each.operands)]
    for each in sorted(_named(operated, RELATIVES), key=_event):  # a call before what happens inside it
        gate = _relu(each, with_zero, descent) or _soft(each)
        if gate is None or gate.event in reported or id(gate.h) in reported or (id(gate.h), id(gate.out)) in pairs:
            continue
        if each.event.phase == "update" and not gate.h.outline.shape:
            continue  # how far a step goes: `rate * max(0, 1 - t / 10)`
        pairs.add((id(gate.h), id(gate.out)))
        yield gate


def _named(operated: Sequence[Operated], names: frozenset[str]) -> list[Operated]:
    """Those of the operations that are called one of these."""
    return [each for each in operated if each.site.operation is not None and each.site.operation.name in names]


def _event(each: Operated) -> int:
    return each.event.id


def _event_of(masking: Masking) -> int:
    return masking.event


def _turns(gates: list[GateSeen], maskings: list[Masking]) -> dict[int, int]:
    """By a gate's event, the event of the masking whose turn is its own: backward goes through gates of one shape from
    the last to the first. Only where each of them has one, whichever of them it masks by."""
    turns: dict[int, int] = {}
    for shape in {numbers(gate.h).shape for gate in gates}:
        alike = sorted((each for each in gates if numbers(each.h).shape == shape), key=lambda gate: -gate.event)
        last = alike[0].event
        masking = (each for each in maskings if each.event > last and each.blocked.shape == shape)
        events = sorted({each.event for each in masking if each.is_of(*alike)})
        if len(events) == len(alike):
            turns.update(zip((gate.event for gate in alike), events, strict=True))
    return turns


def _attach(gate: GateSeen, maskings: list[Masking], turn: int | None, slope: float) -> Masking | None:
    """Give `gate` the gradients of the masking that belongs to it, and return that masking. Of several that mask by
    this gate it is the one at the gate's own `turn`."""
    h = numbers(gate.h)
    later = [each for each in maskings if each.event > gate.event and each.before is not gate.h]
    later = [each for each in later if each.blocked.shape == h.shape and masks.together(each.blocked, h)]
    flowing = [each for each in later if each.is_of(gate)]
    flowing.sort(key=lambda each: (each.slope != slope, each.event != turn))
    equal = (each for each in later if masks.count(each.blocked))  # one that stops nothing may be anything's
    fitting = (each for each in chain(flowing, equal) if each.slope == slope)
    chosen = next((each for each in fitting if gate_notes.is_by_rule(each.blocked, h)), None)
    chosen = flowing[0] if flowing and (chosen is None or chosen not in flowing) else chosen
    if chosen is None:
        return None
    gate.before, gate.after = chosen.before, chosen.after
    return chosen


def _tells(mask: Draft, h: Draft, with_zero: list[Operated]) -> bool:
    """Whether a factor is what was computed by comparing `h` with zero, by its text too: equal masks share a copy."""
    return any(
        each.result is not None
        and each.result.copy is mask.copy
        and mask.label in (each.result.label, *each.event.site.bound)
        and any(isinstance(operand, Draft) and operand.copy is h.copy for operand in each.operands)
        for each in with_zero
    )


def _is_made(h: Copy | None, out: Copy, drafts: list[Draft], descent: Descent, *, store: bool) -> bool:
    """Whether the flow of data tells that a product, or a store, is a ReLU of h. Where both kinds of entries are there,
    the numbers do, as long as it was made of nothing else; else the mask has to be one of h."""
    if h is None:
        return False
    values, came = numbers(h), numbers(out)
    if bool((values < 0).any()) and bool((came > 0).any()):
        return descent.is_function(out, h)
    # One number masks nothing: `error * x` where nothing is wrong, `x[i] = old` where that is 0
    others = [draft for draft in drafts if draft.shape and (store or draft.shape == values.shape)]
    masked = [draft.copy for draft in others if draft.copy is not None and draft.copy is not h]
    made_of = list(descent.back(masked, depth=NEAR))
    if not bool(((values == values) & (values != 0)).any()):
        # A multiple of zeros, or of NaN, masks nothing: `0.1 * g * g`. What is all NaN fits each store of zeros, too.
        read = (numbers(copy) for copy in made_of)
        compared = any(each is not None and masks.kind(each) == "b" for each in read)
        return h in made_of and (not bool((values != values).any()) if store else compared)
    return (store or not bool((came > 0).any())) and h in made_of


def _relu(each: Operated, with_zero: list[Operated], descent: Descent) -> GateSeen | None:
    """The gate, where this operation computed max(h, 0)."""
    operation = each.site.operation
    if operation is None:
        return None
    name = operation.name
    drafts = [item for item in each.operands if isinstance(item, Draft) and item.copy is not None]
    result = each.result
    if name == "setitem" or result is None:  # a store, or a call that writes into its `out`
        result = next((draft for draft in reversed(each.event.drafts) if draft.when == "after"), None)
    if result is None or result.copy is None or not drafts:
        return None
    if name in ("maximum", "fmax", "max"):
        possible = len(each.operands) in (2, 3) and any(_is_zero(item) for item in each.operands)
    elif name in CUTS:
        possible = any(_is_zero(item) for item in each.operands[1:])
    elif name in ("relu", "relu_"):
        possible = True
    elif name in STORES:
        possible = len(each.operands) == 3 and any(_is_zero(item) for item in each.operands)
        possible = possible and not (name == "setitem" and _is_number(each.operands[1]))  # one element, be it 0
    else:
        possible = name in PRODUCTS and len(drafts) == 2
    if not possible:
        return None
    out = numbers(result.copy)
    if not is_real(out):
        return None
    for draft in drafts:
        h = numbers(draft.copy)
        if not is_real(h) or h.shape != out.shape or draft.copy is result.copy:
            continue
        same = masks.together(h, out) and masks.is_relu(h, out)
        # Spelled like this much else is, too: `y * np.log(p)` where y is 0
        shown = name not in (*PRODUCTS, *STORES) or any(_tells(other, draft, with_zero) for other in drafts)
        if same and not shown:
            shown = _is_made(draft.copy, result.copy, drafts, descent, store=name in STORES)
        if same and shown:
            torchs = name in ("relu", "relu_") and "." in operation.path and not operation.path.startswith("self.")
            rule = "h <= 0" if torchs and draft.copy is not None and draft.copy.engine.name == "torch" else "h < 0"
            gate = GateSeen(draft.label, name, each.event.id, draft.copy, rule)
            gate.out = result.copy
            return gate
    return None


def _soft(each: Operated) -> GateSeen | None:
    """The gate, where this operation is a relative of the ReLU that its engine knows by name."""
    operation, operands = each.site.operation, each.operands
    if operation is None or operation.name not in FUNCTIONS or not operands:
        return None
    h, result = operands[0], each.result
    if not isinstance(h, Draft) or h.copy is None or h.copy.gone or result is None or result.copy is None:
        return None
    given = len(operation.operands)
    further = [_plain(item) for item in operands[1:]]
    named = dict(zip((key for key, _ in operation.keywords), further[given - 1 :], strict=True))
    if result.copy.gone or result.copy is h.copy:
        return None
    found = h.copy.engine.activation(operation.name, h.copy.kept, result.copy.kept, further[: given - 1], named)
    if found is None:
        return None
    gate = GateSeen(h.label, operation.name, each.event.id, h.copy, "h <= 0")
    gate.out = result.copy
    gate.share, gate.soft = found
    return gate


def _plain(item: Draft | Scalar) -> Scalar:
    """An argument that is a number or a text; None for anything else."""
    if not isinstance(item, Draft):
        return item
    return item.summary.value if item.summary is not None else None


def _is_zero(item: Draft | Scalar) -> bool:
    if isinstance(item, Draft) and item.copy is not None:
        outline = item.copy.outline
        return outline.min == outline.max == 0 and not (outline.nan or outline.inf or outline.neginf)
    if isinstance(item, Draft):
        return item.summary is not None and item.summary.value == 0 and item.summary.type != "bool"
    return type(item) in (int, float) and item == 0


def _is_number(item: Draft | Scalar) -> bool:
    return not isinstance(item, Draft) or (item.copy is None and item.summary is not None)
