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


class Turns:
    """Which masking of a record stands in the turn of a gate. `found`: all gates, with theirs; `forward`: what the loss
    was made of, such as a padding, which is rightly in its gradient."""

    def __init__(self, found: Found, maskings: Sequence[Masking], descent: Descent, forward: Container[Copy]) -> None:
        self._taken = [(gate, masking) for gate, masking in found if masking is not None]
        self._used = {masking.after for _, masking in self._taken} | {gate.out for gate, _ in found}
        self._free = [masking for masking in maskings if masking.after not in self._used]
        self._descent = descent
        self._forward = forward
        self._backward = [step for step in descent.steps if step.event.phase == "backward"]
        self._stretched: dict[tuple[int, ...] | None, list[tuple[Step, Masking]]] = {}

    def stretched(self, gate: GateSeen) -> Masking | None:
        """The one masking in the turn of a gate without any, whose mask was stretched."""
        reaches, its_shape = self._descent.reaches, shape(gate.h)
        later = [each for each in self._taken if each[0].event > gate.event and reaches(gate.out, each[0].h)]
        began = max((masking.event for _, masking in later), default=gate.event)
        if any(each.event > began and each.blocked.shape == its_shape for each in self._free):
            return None
        earlier = [masking.after for other, masking in self._taken if other.event < gate.event]
        innermost: dict[Copy, tuple[int, Masking]] = {}
        for step, masking in self._of(its_shape):
            deepest = masking.after not in innermost or innermost[masking.after][0] < step.depth
            if step.event.id > began and deepest:
                innermost[masking.after] = step.depth, masking
        its = [
            masking
            for _, masking in innermost.values()
            if all(reaches(each.after, masking.before) for _, each in later)
            and not any(reaches(each, masking.before) for each in earlier)
        ]
        return its[0] if len(its) == 1 else None

    def _of(self, its_shape: tuple[int, ...] | None) -> list[tuple[Step, Masking]]:
        """Those of gradients of a shape."""
        if its_shape not in self._stretched:
            self._stretched[its_shape] = [
                (step, masking)
                for step in self._backward
                for masking in _at(step, its_shape, self._forward, self._descent)
            ]
        return self._stretched[its_shape]


def _at(step: Step, its_shape: tuple[int, ...] | None, forward: Container[Copy], descent: Descent) -> Iterator[Masking]:
    """The ways in which what an event made, of a shape, is something that it read, masked by what is not of
    that shape, nor among what the forward pass was made of."""
    made = [draft.copy for draft in step.made if draft.copy is not None and shape(draft.copy) == its_shape]
    reads = [draft.copy for draft in step.reads if draft.copy is not None] if made else []
    near = list(descent.back(reads, statement=step.statement))
    others = [copy for copy in near if shape(copy) != its_shape and copy not in forward]
    for after in made if others else ():
        values = numbers(after)
        for before in (copy for copy in near if copy is not after and shape(copy) == its_shape):
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
