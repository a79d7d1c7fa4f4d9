"""Masks by hand of another shape than the gradient's, which they are stretched to: `da * (x[:, :1] > 0)`.

None is a gate's own. One that masks what came through all later gates and through no earlier one stands where the
gate's own mask should. What stretches to a shape is often something else (a padding, a dropped channel): so the forward
pass may not have used it, and nothing else may be masked there.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence

from stepper.engines import masks
from stepper.engines.base import GateSeen
from stepper.inferior.gates.descent import Descent, Step
from stepper.inferior.gates.entries import is_real, numbers, shape
from stepper.inferior.gates.maskings import Masking, bools, label_of
from stepper.inferior.recording.copies import Copy

Found = Sequence[tuple[GateSeen, Masking | None]]


def stretched(
    gate: GateSeen,
    found: Found,
    maskings: Sequence[Masking],
    backward: Sequence[Step],
    descent: Descent,
    forward: Container[Copy],
) -> Masking | None:
    """The one masking in the turn of a gate without any, whose mask was stretched. `found`: all gates, with theirs;
    `backward`: the steps of the backward pass; `forward`: what the loss was made of, such as a padding, which is
    rightly in its gradient."""
    if not backward:
        return None
    later = [each for each in _taken(found) if each[0].event > gate.event and descent.reaches(gate.out, each[0].h)]
    began = max((masking.event for _, masking in later), default=gate.event)
    used = {masking.after for _, masking in _taken(found)} | {other.out for other, _ in found}
    if any(each.event > began and each.after not in used and each.blocked.shape == shape(gate.h) for each in maskings):
        return None
    earlier = [masking.after for other, masking in _taken(found) if other.event < gate.event]
    innermost: dict[Copy, tuple[int, Masking]] = {}
    for step in backward:
        for masking in _at(step, gate, forward, descent) if step.event.id > began else ():
            if masking.after not in innermost or innermost[masking.after][0] < step.depth:
                innermost[masking.after] = step.depth, masking
    its = [
        masking
        for _, masking in innermost.values()
        if all(descent.reaches(each.after, masking.before) for _, each in later)
        and not any(descent.reaches(each, masking.before) for each in earlier)
    ]
    return its[0] if len(its) == 1 else None


def _taken(found: Found) -> list[tuple[GateSeen, Masking]]:
    return [(gate, masking) for gate, masking in found if masking is not None]


def _at(step: Step, gate: GateSeen, forward: Container[Copy], descent: Descent) -> Iterator[Masking]:
    """The ways in which what an event made, of the gate's shape, is something that it read, masked by what is not of
    that shape, nor among what the forward pass was made of."""
    made = [draft.copy for draft in step.made if draft.copy is not None and shape(draft.copy) == shape(gate.h)]
    reads = [draft.copy for draft in step.reads if draft.copy is not None] if made else []
    near = list(descent.back(reads, statement=step.statement))
    others = [copy for copy in near if shape(copy) != shape(gate.h) and copy not in forward]
    for after in made if others else ():
        values = numbers(after)
        for before in (copy for copy in near if copy is not after and shape(copy) == shape(gate.h)):
            came = numbers(before)
            if not is_real(values) or not is_real(came) or not masks.together(came, values):
                continue
            same, low = masks.agreeing(values, came), masks.nothing(values, came)
            if same.all() or not (same | low).all():
                continue
            for mask in others:
                flags = bools(numbers(mask))
                if flags is None or not masks.together(flags, same) or not 0 < masks.count(flags) < masks.size(flags):
                    continue
                for blocked, passing in ((~flags, True), (flags, False)):
                    wide = masks.stretched(blocked, values.shape)
                    if wide is not None and ((wide & low) | (~wide & same)).all():
                        masking = Masking(step, label_of(mask, step, descent), wide, before, after, {})
                        masking.mask, masking.passing = mask, passing
                        yield masking
