"""What there is to say in words of how a backward pass by hand masks: by something else than a gate's own input."""

from __future__ import annotations

import re
from collections.abc import Container, Mapping, Sequence
from typing import Any

from stepper.engines import masks
from stepper.engines.base import GateSeen
from stepper.inferior.gates.descent import Descent
from stepper.inferior.gates.entries import numbers, shape
from stepper.inferior.gates.forgotten_masks import Origins, unmasked
from stepper.inferior.gates.maskings import Masking, by_rules
from stepper.inferior.gates.stretched_masks import Turns
from stepper.inferior.gates.swapped import swapped
from stepper.inferior.recording.copies import Copy

Found = Sequence[tuple[GateSeen, Masking | None]]


def write(
    found: Found,
    maskings: Sequence[Masking],
    descent: Descent,
    slopes: Mapping[int, float],
    otherwise: Mapping[int, Masking],
    forward: Container[Copy],
) -> None:
    """Give each gate its note. By the ids of gates: `slopes`, what leaky ones keep of what is negative, and
    `otherwise`, what stands where the mask of one should that has none. `forward`: what the loss was made of."""
    lines = {step.event.id: step.event.site.line for step in descent.steps}
    origins = Origins(descent, forward)
    turns = Turns(found, maskings, descent, forward)
    for gate, masking in found:
        if masking is None and gate.before is not None:
            continue  # autograd's own
        if masking is None:
            gate.note = _others(gate, found, maskings)
            if not gate.note and id(gate) in otherwise:
                _remark_otherwise(gate, otherwise[id(gate)], descent)
            gate.note = gate.note or _stretched(gate, turns)
            if not gate.note and gate.before is None:
                _remark_unmasked(gate, origins)
        elif id(gate) in slopes:
            gate.note = _not_leaking(gate, masking, slopes[id(gate)])
        else:
            gate.note = _differing(gate, masking, lines)
    _remark_swapped(found, maskings, lines, descent)


def is_by_rule(blocked: Any, h: Any) -> bool:
    """Whether a mask is that of a ReLU of h, whatever it does at zero and at NaN."""
    return any(masks.equal(blocked, rule) for rule in by_rules(h))


def _differing(gate: GateSeen, masking: Masking, lines: Mapping[int, int]) -> str:
    """That backward masks by h, or by the output, and yet not as the operation did: `h_relu < 0`, `h > 1`. Where both
    are called `h`, what is meant is said."""
    h = numbers(gate.h)
    if gate.share is not None or is_by_rule(masking.blocked, h):
        return ""
    rule, there = _rule(masking, h)
    of_input = masking.of.get(id(gate), False)
    if not of_input and re.search(rf"(?<![\w.]){re.escape(gate.label)}(?!\w)", masking.place):
        what = "the gate's output" if masking.is_of(gate) else "another value"
        own = f"the gate's input ({gate.label} on line {lines.get(gate.event, 0)}) is {rule}"
        return f"backward masks by {masking.place}, where {gate.label} is {what}; that is not where {own} {there}"
    return f"backward masks by {masking.place}, which is not {gate.label} {rule} {there}"


def _not_leaking(gate: GateSeen, masking: Masking, slope: float) -> str:
    """That backward stops what a leaky operation passes a share of, or passes another share."""
    if masking.slope != slope:
        passed = f"{masking.slope:g} of it" if masking.slope else "nothing"
        return f"backward masks by {masking.place}, and passes {passed} where {gate.label} < 0; the operation {slope:g}"
    h = numbers(gate.h)
    if is_by_rule(masking.blocked, h):
        return ""
    rule, there = _rule(masking, h)
    return f"backward masks by {masking.place}, which is not {gate.label} {rule} {there}"


def _others(gate: GateSeen, found: Found, maskings: Sequence[Masking]) -> str:
    """That no gradient is masked by this gate's input, but one of its shape a second time by another gate's."""
    if not maskings:
        return ""
    h = numbers(gate.h)
    used = {masking.after for _, masking in found if masking is not None}
    used |= {other.out for other, _ in found}  # a ReLU may itself be spelt as a product with a mask
    for other, taken in found:
        for each in maskings if taken is not None else ():
            if each.event <= gate.event or each.after in used or each.blocked.shape != h.shape:
                continue
            if other.h is not gate.h and each.is_of(other) and not _is_the_same(each.blocked, h):
                own, its = gate.label, other.label
                if own == its:
                    own, its = f"this {own}", f"another gate's {its}"
                which = f"which is of {its}"
                if masks.together(each.blocked, h):
                    rule, there = _rule(each, h)
                    which += f", and not {own} {rule} {there}"
                return f"no gradient is masked by {own}; one is by {each.place}, {which}"
    return ""


def _remark_otherwise(gate: GateSeen, masking: Masking, descent: Descent) -> None:
    """Give a gate the gradients that were masked in its place, and say by what: their own sign, or anything else. One
    that is masked by h, and by something besides that is not its sign (a padding), is as it should be."""
    gate.before, gate.after = masking.before, masking.after
    h, came = numbers(gate.h), numbers(masking.before)
    positive = came > 0
    own = masks.equal(~masking.blocked, positive)
    within = masking.mask is not None and not bool((~masking.blocked & (h < 0)).any())
    by_h = within and not own and masking.mask is not None and descent.reaches(gate.h, masking.mask)
    if by_h and not masks.equal(~masking.blocked, positive & (h > 0)):
        return
    rule, there = _rule(masking, h)
    which = "the sign of the gradient itself, and" if own else "which is"
    gate.note = f"backward masks by {masking.place}, {which} not {gate.label} {rule} {there}"


def _stretched(gate: GateSeen, turns: Turns) -> str:
    """That where its gradient should be masked, one is by a mask of another shape."""
    masking = None if gate.soft else turns.stretched(gate)
    h = numbers(gate.h)
    if masking is None or masking.mask is None or not masks.together(masking.blocked, h):
        return ""
    if is_by_rule(masking.blocked, h):
        return ""
    rule, there = _rule(masking, h)
    which = f"which is stretched from {shape(masking.mask)}, and not {gate.label} {rule} {there}"
    return f"no gradient is masked by {gate.label}; one is by {masking.place}, {which}"


def _remark_unmasked(gate: GateSeen, origins: Origins) -> None:
    """Give a gate whose gradient nothing masks that gradient, before and after, and say where it is taken as it is."""
    taken = unmasked(gate, origins)
    if taken is None:
        return
    gate.before = gate.after = taken.gradient
    passes = f"passes where {gate.label} is negative, too, in {taken.passing} of {masks.size(numbers(gate.h))} entries"
    if taken.mask:
        gate.note = (
            f"no gradient is masked by {gate.label}; one is by {taken.mask}, which is true throughout: it {passes}"
        )
    else:
        gate.note = f"no gradient is masked by {gate.label} > 0: what comes back to {taken.taken} {passes}"


def _remark_swapped(found: Found, maskings: Sequence[Masking], lines: Mapping[int, int], descent: Descent) -> None:
    """Of two gates that are each masked once, by the other's input: say so, and give each the gradients of its turn."""
    once = []
    for gate, masking in found:
        own = {each.event for each in maskings if each.is_of(gate)}
        if masking is not None and own == {masking.event}:
            once.append((gate, masking))
    for earlier, its, later, other in swapped(once, _differ, descent):
        both = " and ".join(f"{each.label} (line {lines.get(each.event, 0)})" for each in (earlier, later))
        for gate, taken in ((earlier, other), (later, its)):
            gate.before, gate.after = taken.before, taken.after
            rule, there = _rule(taken, numbers(gate.h))
            told = f"backward masks by {taken.place}, which is not this {gate.label} {rule} {there}"
            gate.note = f"the masks of {both} are swapped: {told}"


def _differ(one: Masking, other: Masking) -> bool:
    return one.blocked.shape == other.blocked.shape and not masks.equal(one.blocked, other.blocked)


def _is_the_same(blocked: Any, h: Any) -> bool:
    return masks.together(blocked, h) and is_by_rule(blocked, h)


def _rule(masking: Masking, h: Any) -> tuple[str, str]:
    """What a gate's own mask is, said in the sense of the script's (what is passed, or what is not), and in how many
    entries the script's is not that."""
    rule, own, mask = ("> 0", h > 0, ~masking.blocked) if masking.passing else ("< 0", h < 0, masking.blocked)
    return rule, f"in {masks.count(mask != own)} of {masks.size(h)} entries"
