"""Gates that a script writes by hand: the ReLU-like operations that ran, and where their gradient was masked.

An operation counts as a ReLU when its spelling may be one and its numbers are (`output = max(h, 0)`, to the bit). Its
gradients are the value before and after the masked store or product whose mask comes from h: found by the flow of
data (the mask is the very result of comparing h, or the output, with zero), else by equal bits.
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from stepper.engines import masks
from stepper.engines.base import GateSeen
from stepper.engines.openings import FUNCTIONS
from stepper.inferior.copies import Copy
from stepper.inferior.drafts import Draft, Happening, Operated, Scalar
from stepper.inferior.swapped import swapped
from stepper.record import place

COMPARISONS = frozenset(("lt", "le", "gt", "ge"))
STORES = frozenset(("where", "setitem"))
PRODUCTS = frozenset(("mul", "multiply", "imul", "mul_"))
FILLS = frozenset(("masked_fill", "masked_fill_"))
CUTS = frozenset(("clip", "clamp", "clamp_", "clamp_min", "clamp_min_"))
MASKINGS = frozenset((*STORES, *PRODUCTS, *FILLS, "putmask"))
RELATIVES = frozenset(("maximum", "fmax", "max", "relu", "relu_", *CUTS, *STORES, *PRODUCTS, *FUNCTIONS))
"""The operations that may be gates."""
LIMIT = 1 << 24  # elements; a larger gate by hand is left to the eye


class Masking:
    """A store or product that zeroes some entries: `blocked` is True where it does."""

    def __init__(self, operated: Operated, mask: Copy, label: str, blocked: Any, before: Copy, after: Copy) -> None:
        self.event = operated.event.id
        self.place = f"{' '.join(label.split())} ({place(operated.site.line, operated.site.file)})"
        self.mask = mask
        self.blocked = blocked
        self.before = before
        self.after = after


def by_hand(
    operated: Sequence[Operated], engine_gates: Sequence[GateSeen], happenings: Sequence[Happening]
) -> list[tuple[GateSeen, Any]]:
    """The gates among the operations of an iteration, each with its mask of blocked entries (None: by its rule).

    Operations that an engine has already reported as gates are left to it.
    """
    if "numpy" not in sys.modules:
        return []
    reported = {gate.event for gate in engine_gates} | {id(gate.h) for gate in engine_gates if gate.out is None}
    pairs = {(id(gate.h), id(gate.out)) for gate in engine_gates}
    gates: list[GateSeen] = []
    compared = _named(operated, COMPARISONS)
    with_zero = [each for each in compared if any(_is_zero(item) for item in each.operands)]
    for each in sorted(_named(operated, RELATIVES), key=_event):  # a call before what happens inside it
        gate = _relu(each, with_zero) or _soft(each)
        if gate is None or gate.event in reported or id(gate.h) in reported or (id(gate.h), id(gate.out)) in pairs:
            continue
        if not any(other.h is gate.h and other.out is gate.out for other in gates):
            gates.append(gate)
    if not gates:
        return []
    maskings = [masking for each in _named(operated, MASKINGS) for masking in _maskings(each)]
    turns = _turns(gates, maskings, compared)
    found = [(gate, _attach(gate, maskings, compared, turns.get(gate.event))) for gate in gates]
    # The masking of one gate is no other gate, though in its few numbers only negative ones may be blocked.
    used = {masking.event for _, masking in found if masking is not None}
    lines = {each.event.id: each.site.line for each in operated}
    for gate, masking in found:
        if masking is None:
            gate.note = _others(gate, found, maskings, compared)
        else:
            gate.note = _differing(gate, masking, compared, lines)
    _remark_swapped(found, maskings, compared, lines, happenings)
    return [
        (gate, None if masking is None else masking.blocked)
        for gate, masking in found
        if gate.event not in used or gate.before is not None
    ]


def _named(operated: Sequence[Operated], names: frozenset[str]) -> list[Operated]:
    """Those of the operations that are called one of these."""
    return [each for each in operated if each.site.operation is not None and each.site.operation.name in names]


def _event(each: Operated) -> int:
    return each.event.id


def _turns(gates: list[GateSeen], maskings: list[Masking], compared: list[Operated]) -> dict[int, int]:
    """By a gate's event, the event of the masking whose turn is its own: backward goes through gates of one shape from
    the last to the first. Only where each of them has one, whichever of them it masks by."""
    turns: dict[int, int] = {}
    for shape in {_numbers(gate.h).shape for gate in gates}:
        alike = sorted((each for each in gates if _numbers(each.h).shape == shape), key=lambda gate: -gate.event)
        sources = tuple(copy for gate in alike for copy in (gate.h, gate.out))
        last = alike[0].event
        events = sorted(
            {
                each.event
                for each in maskings
                if each.event > last and each.blocked.shape == shape and _flows(each.mask, sources, compared)
            }
        )
        if len(events) == len(alike):
            turns.update(zip((gate.event for gate in alike), events, strict=True))
    return turns


def _attach(
    gate: GateSeen, maskings: list[Masking], compared: list[Operated], turn: int | None = None
) -> Masking | None:
    """Give `gate` the gradients of the masking that belongs to it, and return that masking. Of several that mask by
    this gate it is the one at the gate's own `turn`."""
    h = _numbers(gate.h)
    later = [each for each in maskings if each.event > gate.event and each.before is not gate.h]
    later = [each for each in later if each.blocked.shape == h.shape and masks.together(each.blocked, h)]
    flowing = [each for each in later if _flows(each.mask, (gate.h, gate.out), compared)]
    flowing.sort(key=lambda each: each.event != turn)
    chosen = next((each for each in (*flowing, *later) if _is_by_rule(each.blocked, h)), None)
    chosen = flowing[0] if flowing and (chosen is None or chosen not in flowing) else chosen
    if chosen is None:
        return None
    gate.before, gate.after = chosen.before, chosen.after
    return chosen


def _is_by_rule(blocked: Any, h: Any) -> bool:
    """Whether a mask is that of a ReLU of h, whatever it does at zero and at NaN."""
    import numpy

    with numpy.errstate(all="ignore"):
        return any(masks.equal(blocked, rule) for rule in (h < 0, h <= 0, ~(h >= 0), ~(h > 0)))


def _differing(gate: GateSeen, masking: Masking, compared: list[Operated], lines: Mapping[int, int]) -> str:
    """That backward masks by h, or by the output, and yet not as the operation did: `h_relu < 0`, `h > 1`. Where both
    are called `h`, what is meant is said."""
    h = _numbers(gate.h)
    if gate.share is not None or _is_by_rule(masking.blocked, h):
        return ""
    there = _there(masking.blocked, h)
    of_input = _flows(masking.mask, (gate.h,), compared)
    if not of_input and re.search(rf"(?<![\w.]){re.escape(gate.label)}(?!\w)", masking.place):
        what = "the gate's output" if _flows(masking.mask, (gate.out,), compared) else "another value"
        own = f"the gate's input ({gate.label} on line {lines.get(gate.event, 0)}) is < 0"
        return f"backward masks by {masking.place}, where {gate.label} is {what}; that is not where {own} {there}"
    return f"backward masks by {masking.place}, which is not {gate.label} < 0 {there}"


def _remark_swapped(
    found: list[tuple[GateSeen, Masking | None]],
    maskings: list[Masking],
    compared: list[Operated],
    lines: Mapping[int, int],
    happenings: Sequence[Happening],
) -> None:
    """Of two gates that are each masked once, by the other's input: say so, and give each the gradients of its turn."""
    once = []
    for gate, masking in found:
        own = {each.event for each in maskings if _flows(each.mask, (gate.h, gate.out), compared)}
        if masking is not None and own == {masking.event}:
            once.append((gate, masking))
    for earlier, its, later, other in swapped(once, _differ, happenings):
        both = " and ".join(f"{each.label} (line {lines.get(each.event, 0)})" for each in (earlier, later))
        for gate, taken in ((earlier, other), (later, its)):
            gate.before, gate.after = taken.before, taken.after
            there = _there(taken.blocked, _numbers(gate.h))
            told = f"backward masks by {taken.place}, which is not this {gate.label} < 0 {there}"
            gate.note = f"the masks of {both} are swapped: {told}"


def _differ(one: Masking, other: Masking) -> bool:
    return one.blocked.shape == other.blocked.shape and not masks.equal(one.blocked, other.blocked)


def _there(blocked: Any, h: Any) -> str:
    """In how many entries a mask is not that of a gate's input."""
    import numpy

    with numpy.errstate(all="ignore"):
        return f"in {masks.count(blocked != (h < 0))} of {masks.size(h)} entries"


def _others(
    gate: GateSeen, found: list[tuple[GateSeen, Masking | None]], maskings: list[Masking], compared: list[Operated]
) -> str:
    """That no gradient is masked by this gate's input, but one of its shape a second time by another gate's."""
    h = _numbers(gate.h)
    used = {masking.event for _, masking in found if masking is not None}
    used |= {other.event for other, _ in found}  # a ReLU may itself be spelt as a product with a mask
    for other, taken in found:
        for each in maskings if taken is not None else ():
            if each.event <= gate.event or each.event in used or each.blocked.shape != h.shape:
                continue
            if other.h is not gate.h and _flows(each.mask, (other.h, other.out), compared):
                own, its = gate.label, other.label
                if own == its:
                    own, its = f"this {own}", f"another gate's {its}"
                there = _there(each.blocked, h) if masks.together(each.blocked, h) else ""
                which = f"which is of {its}" + (f", and not {own} < 0 {there}" if there else "")
                return f"no gradient is masked by {own}; one is by {each.place}, {which}"
    return ""


def _flows(mask: Copy, sources: tuple[Copy | None, ...], compared: list[Operated]) -> bool:
    """Whether `mask` is the result of comparing one of these, a gate's input or output, with something."""
    for each in compared:
        if each.result is not None and each.result.copy is mask:
            for operand in each.operands:
                if isinstance(operand, Draft) and operand.copy is not None and operand.copy in sources:
                    return True
    return False


def _tells(mask: Draft, h: Draft, with_zero: list[Operated]) -> bool:
    """Whether a factor is what was computed by comparing `h` with zero, by its text too: equal masks share a copy."""
    return any(
        each.result is not None
        and each.result.copy is mask.copy
        and mask.label in (each.result.label, *each.event.site.bound)
        and any(isinstance(operand, Draft) and operand.copy is h.copy for operand in each.operands)
        for each in with_zero
    )


def _relu(each: Operated, with_zero: list[Operated]) -> GateSeen | None:
    """The gate, where this operation computed max(h, 0)."""
    import numpy

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
    out = _numbers(result.copy)
    if out is None or masks.kind(out) not in "fiu" or masks.size(out) > LIMIT:
        return None
    for draft in drafts:
        h = _numbers(draft.copy)
        if h is None or h.shape != out.shape or masks.kind(h) not in "fiu" or draft.copy is result.copy:
            continue
        with numpy.errstate(all="ignore"):
            same = masks.together(h, out) and masks.is_relu(h, out)
        # Spelled like this much else is, too: where no number is negative, or every one is NaN, only the mask tells
        shown = bool((h < 0).any()) if name in PRODUCTS else name not in STORES or bool((h == h).any())
        shown = shown or any(_tells(other, draft, with_zero) for other in drafts if other is not draft)
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


def _maskings(each: Operated) -> list[Masking]:
    """The ways in which this operation zeroes entries by a mask; a product can be read in two."""
    operation = each.site.operation
    if operation is None:
        return []
    name, operands = operation.name, each.operands
    result = each.result.copy if each.result is not None else None
    found: list[Masking] = []
    if name == "setitem" and len(operands) == 3 and _is_zero(operands[2]):
        after = next((draft.copy for draft in reversed(each.event.drafts) if draft.when == "after"), None)
        _add(found, each, operands[1], operands[0], after, blocked_when=True)
    elif name in PRODUCTS and len(operands) == 2:
        after = result
        if name in ("imul", "mul_"):
            after = next((draft.copy for draft in reversed(each.event.drafts) if draft.when == "after"), result)
        _add(found, each, operands[1], operands[0], after, blocked_when=False)
        _add(found, each, operands[0], operands[1], after, blocked_when=False)
    elif name == "where" and len(operands) == 3:
        if _is_zero(operands[2]):
            _add(found, each, operands[0], operands[1], result, blocked_when=False)
        elif _is_zero(operands[1]):
            _add(found, each, operands[0], operands[2], result, blocked_when=True)
    elif name == "putmask" and len(operands) == 3 and _is_zero(operands[2]):
        after = next((draft.copy for draft in reversed(each.event.drafts) if draft.when == "after"), None)
        _add(found, each, operands[1], operands[0], after, blocked_when=True)
    elif name in FILLS and len(operands) == 3 and _is_zero(operands[2]):
        _add(found, each, operands[1], operands[0], result, blocked_when=True)
    return found


def _add(
    found: list[Masking],
    each: Operated,
    mask: Draft | Scalar,
    before: Draft | Scalar,
    after: Copy | None,
    *,
    blocked_when: bool,
) -> None:
    if not (isinstance(mask, Draft) and isinstance(before, Draft)):
        return
    if mask.copy is None or before.copy is None or after is None:
        return
    values = _numbers(mask.copy)
    if values is None or masks.size(values) > LIMIT:
        return
    if masks.kind(values) != "b":
        if masks.kind(values) not in "fiu" or not ((values == 0) | (values == 1)).all():
            return
        values = values != 0
    found.append(Masking(each, mask.copy, mask.label, values if blocked_when else ~values, before.copy, after))


def _is_zero(item: Draft | Scalar) -> bool:
    if isinstance(item, Draft):
        return item.summary is not None and item.summary.value == 0 and item.summary.type != "bool"
    return type(item) in (int, float) and item == 0


def _is_number(item: Draft | Scalar) -> bool:
    return not isinstance(item, Draft) or (item.copy is None and item.summary is not None)


def _numbers(copy: Copy | None) -> Any:
    if copy is None:
        return None
    try:
        if copy.elsewhere and math.prod(copy.engine.extents(copy.kept) or ()) > LIMIT:
            return None
        return copy.engine.numbers(copy.kept)
    except (LookupError, TypeError, ValueError, RuntimeError):
        return None  # a value without numbers (sparse, structured, on a device that failed) is no gate
