"""Masks in the turn of a gate that are of no gate: of the gradient's own sign (`dh = da * (da > 0)`, the rule that
deconvolution networks have), or of whatever else.

Backward goes through the gates of one shape from the last to the first. Where as many gradients of that shape are
masked by something else as gates of it have no mask, each stands where the gate's own should.
"""

from __future__ import annotations

import math
from collections.abc import Container, Sequence
from functools import cached_property

from stepper.engines import masks
from stepper.engines.base import GateSeen
from stepper.inferior.gates.descent import Descent, Step
from stepper.inferior.gates.entries import numbers
from stepper.inferior.gates.maskings import Masking
from stepper.inferior.recording.copies import Copy
from stepper.inferior.recording.drafts import Happening

Found = Sequence[tuple[GateSeen, Masking | None]]


def rectified(gate: GateSeen, gates: Sequence[GateSeen], descent: Descent, forward: Container[Copy]) -> Masking | None:
    """The masking that something like a ReLU is, where it is one of a gradient that came through another gate."""
    step = next((each for each in descent.makers(gate.out) if each.event.id == gate.event), None)
    if step is None or step.event.phase != "backward" or not _is_gradient(gate.h, step, descent):
        return None
    if gate.out in forward:
        return None
    if not any(other is not gate and _leads_to(other, gate, descent, forward) for other in gates):
        return None
    h = numbers(gate.h)
    masking = Masking(step, step.event.text.rpartition(" = ")[2], ~(h > 0), gate.h, gate.out, {})
    masking.passing = True
    return masking


def _leads_to(gate: GateSeen, later: GateSeen, descent: Descent, forward: Container[Copy]) -> bool:
    """Whether what goes into a later gate came through this one; what Python's single numbers hand on is not followed,
    and there one of the same shape is taken for it."""
    if later.h.engine.name == "python":
        return gate.event < later.event and numbers(gate.h).shape == numbers(later.h).shape
    return gate.out in forward and descent.reaches(gate.out, later.h)


def in_turn(
    found: Found, maskings: Sequence[Masking], descent: Descent, forward: Container[Copy]
) -> dict[int, Masking]:
    """By the ids of gates that have no mask, the masking that stands there. `forward`: what the loss was made of."""
    taken = [(gate, masking) for gate, masking in found if masking is not None]
    without = [gate for gate, masking in found if masking is None and gate.before is None and not gate.soft]
    if not without:
        return {}
    used = {masking.after for _, masking in taken}
    strange = [
        each
        for each in maskings
        if not each.of
        and each.after not in used
        and each.phase == "backward"
        and each.before not in forward
        and (each.mask is None or each.mask not in forward)
    ]
    turns: dict[int, Masking] = {}
    for shape in {numbers(gate.h).shape for gate in without}:
        gates = sorted((gate for gate in without if numbers(gate.h).shape == shape), key=lambda gate: -gate.event)
        last = gates[0].event
        its = _once([each for each in strange if each.blocked.shape == shape and each.event > last])
        if len(its) == len(gates) and all(
            masks.together(each.blocked, numbers(gate.h)) and _fits(gate, each, taken, descent)
            for gate, each in zip(gates, its, strict=True)
        ):
            turns.update(zip(map(id, gates), its, strict=True))
    return turns


def _once(maskings: Sequence[Masking]) -> list[Masking]:
    """One of each event, in order of occurrence."""
    return list({each.event: each for each in reversed(maskings)}.values())[::-1]


def _fits(gate: GateSeen, masking: Masking, taken: Sequence[tuple[GateSeen, Masking]], descent: Descent) -> bool:
    """Whether what is masked came through all later gates that have their masks, and through no earlier one."""
    for other, its in taken:
        if descent.reaches(gate.out, other.h) and not descent.reaches(its.after, masking.before):
            return False
        if descent.reaches(other.out, gate.h) and descent.reaches(its.after, masking.before):
            return False
    return True


class OfTheLoss:
    """What the loss was made of, and what backward begins with: it is rightly in a gradient, be it a dropped unit, or a
    padding. Worked out when it is first asked for, which few records are."""

    def __init__(self, descent: Descent, happenings: Sequence[Happening]) -> None:
        self._descent = descent
        self._happenings = happenings

    def __contains__(self, copy: object) -> bool:
        return copy in self._copies

    @cached_property
    def _copies(self) -> set[Copy]:
        first = next((each for each in self._happenings if each.phase == "backward" and each.drafts), None)
        drafts = [draft for each in self._happenings if each.phase == "loss" for draft in each.drafts]
        drafts += [draft for draft in first.drafts if draft.when == "operand"] if first is not None else []
        return set(self._descent.back(draft.copy for draft in drafts if draft.copy is not None))


def of_losses(descent: Descent, happenings: Sequence[Happening]) -> set[Copy]:
    """The losses, each of one number, and what they were made of."""
    made = ((step, draft) for step in descent.steps for draft in step.made)
    steps = [step for step, draft in made if draft.role == "loss" and math.prod(draft.shape or ()) == 1]
    drafts = [draft for step in steps for draft in (*step.reads, *step.made)]
    for each in happenings:
        if any(draft.role == "loss" and draft.copy is None and draft.when == "result" for draft in each.drafts):
            drafts += [draft for draft in each.drafts if draft.when == "operand"]  # of a loss in Python's numbers
    return set(descent.back(draft.copy for draft in drafts if draft.copy))


def _is_gradient(copy: Copy, step: Step, descent: Descent) -> bool:
    """Whether the script takes a value for one where `step` read it, or where it was made."""
    drafts = [*step.reads, *(draft for each in descent.makers(copy) for draft in each.made)]
    return any(draft.role == "gradient" for draft in drafts if draft.copy is copy)
