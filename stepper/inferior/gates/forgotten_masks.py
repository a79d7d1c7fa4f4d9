"""Gates by hand whose gradient nothing masks: `dw = x.T @ da`, where `da * (h > 0)` should stand for `da`, or where a
mask stands that is true throughout.

No masking is seen there, and a right one may be written in many ways. So what is said rests on the formulas. The
forward pass made h of x and weights, and uses it for nothing but the gate: no gradient can come to h where it is
negative. The backward pass made of x, and of one value of h's shape, what the weights are moved by, and nothing of the
gate is in either. So that value stands for the gradient of h, and it is wrong where it is something and h is negative.
"""

from __future__ import annotations

from collections.abc import Collection, Container, Iterator, Sequence
from typing import Any, NamedTuple

from stepper.engines import masks
from stepper.engines.base import GateSeen
from stepper.inferior.gates.descent import Descent, Step, is_uniform
from stepper.inferior.gates.entries import alike, is_real, numbers, shape
from stepper.inferior.gates.maskings import bools, label_of
from stepper.inferior.recording.copies import Copy
from stepper.record import place


class Unmasked(NamedTuple):
    """What stands for the gradient of a gate's input. `taken`: by what, and where; `mask`: the one that is true
    throughout, and where, if there is one. `passing`: in how many entries something passes where h is negative."""

    gradient: Copy
    taken: str
    mask: str
    passing: int


class _Use(NamedTuple):
    """A product of the backward pass, which the weights are moved by, and the gradient in it; None where it may be
    made of more than that."""

    step: Step
    product: Copy
    gradient: Copy | None
    moved: Copy


def unmasked(gate: GateSeen, backward: Sequence[Step], descent: Descent, forward: Container[Copy]) -> Unmasked | None:
    """What stands for the gradient of a gate's input where nothing masks it. `backward`: the steps of the backward
    pass; `forward`: what the loss was made of."""
    h = numbers(gate.h)
    if gate.soft or gate.share is not None or gate.out not in forward or not bool((h < 0).any()):
        return None
    own = {gate.h, *(copy for copy in _behind(gate.out, descent, (), (gate.h,)) if not is_uniform(copy))}
    uses = list(_uses(gate, h, backward, descent, forward))
    if not uses or _is_used_besides(own, gate, descent, forward):
        return None
    taken: _Use | None = None
    for use in uses:
        came = numbers(use.gradient)
        if use.gradient is None or not is_real(came) or not masks.together(came, h) or use.gradient in forward:
            return None
        if not bool(((h < 0) & (came != 0)).any()) or own & set(_behind(use.gradient, descent, forward)):
            return None
        if taken is None and not own & set(_behind(use.moved, descent, forward, (use.product,))):
            taken = use  # of others the product may be masked
    if taken is None or taken.gradient is None:
        return None
    site = taken.step.event.site
    where = f"{' '.join(taken.step.event.text.rpartition(' = ')[2].split())} ({place(site.line, site.file)})"
    passing = masks.count((h < 0) & (numbers(taken.gradient) != 0))
    return Unmasked(taken.gradient, where, _mask(taken.gradient, gate, backward, descent), passing)


def _uses(
    gate: GateSeen, h: Any, backward: Sequence[Step], descent: Descent, forward: Container[Copy]
) -> Iterator[_Use]:
    """The products of the backward pass in which the gradient of h stands, by the weights that h was made of."""
    for x, weights in _factors(gate.h, h, descent):
        moved = [
            draft.copy
            for step in descent.steps
            if step.event.id > gate.event and any(each.copy is weights for each in step.reads)
            for draft in step.made
            if draft.copy is not None and draft.copy is not weights and shape(draft.copy) == shape(weights)
        ]
        behind = [(copy, set(_behind(copy, descent, forward))) for copy in dict.fromkeys(moved)]
        for step in backward if behind else ():
            for draft in step.made if step.event.id > gate.event else ():
                after = draft.copy
                if (
                    after is None
                    or sorted(shape(after) or ()) != sorted(shape(weights) or ())
                    or step not in _innermost(after, descent)
                ):
                    continue
                new = next((copy for copy, met in behind if after in met), None)
                reads = _read(step)
                others = [each for each in reads if each is not x and not _is_view(each, x, descent)]
                if new is None or len(others) == len(reads) or not any(shape(each) == h.shape for each in others):
                    continue
                yield _Use(step, after, others[0] if len(others) == 1 else None, new)


def _factors(copy: Copy, h: Any, descent: Descent) -> Iterator[tuple[Copy, Copy]]:
    """The pairs of values that were made into h, or into a summand of it: `x` and `w` of `x @ w + b`, either way."""
    waiting, met = [copy], {copy}
    while waiting:
        whole = waiting.pop()
        for step in _innermost(whole, descent):
            reads = _read(step)
            if len(reads) != 2:
                continue
            if _is_sum(whole, *reads):
                summands = [each for each in reads if shape(each) == h.shape and each not in met]
                met.update(summands)
                waiting += summands
            else:
                yield reads[0], reads[1]
                yield reads[1], reads[0]


def _is_sum(whole: Copy, one: Copy, other: Copy) -> bool:
    values, first, second = numbers(whole), numbers(one), numbers(other)
    if not all(map(is_real, (values, first, second))):
        return False
    if not masks.together(values, first) or not masks.together(values, second):
        return False
    wide = [masks.stretched(each, tuple(values.shape)) for each in (first, second)]
    return all(each is not None for each in wide) and masks.equal(wide[0] + wide[1], values)


def _is_used_besides(own: Collection[Copy], gate: GateSeen, descent: Descent, forward: Container[Copy]) -> bool:
    """Whether the loss was made of h in another way than through the gate, too: a gradient that is not masked comes
    back there, and rightly."""
    return any(
        draft.copy in forward and draft.copy not in own and step in _innermost(draft.copy, descent)
        for step in descent.steps
        if any(copy in own and copy is not gate.out for copy in _read(step))
        for draft in step.made
        if draft.copy is not None
    )


def _behind(start: Copy, descent: Descent, forward: Container[Copy], stops: Container[Copy] = ()) -> Iterator[Copy]:
    """What a value of the backward pass was made of, entry by entry: not what came before a number that is the same
    for all of it (a norm that it is divided by), nor before the forward pass's own."""
    waiting, met = [start], {start}
    while waiting:
        copy = waiting.pop()
        yield copy
        if copy in stops or copy in forward or is_uniform(copy):
            continue
        for step in _innermost(copy, descent):
            more = [each for each in _read(step) if each not in met]
            met.update(more)
            waiting += more


def _innermost(copy: Copy, descent: Descent) -> list[Step]:
    """The steps that made a value of others, without the calls and statements around them, which read what it was not
    made of."""
    makers = [step for step in descent.makers(copy) if step.reads]
    deepest = max((step.depth for step in makers), default=0)
    return [step for step in makers if step.depth == deepest]


def _read(step: Step) -> list[Copy]:
    return list(dict.fromkeys(draft.copy for draft in step.reads if draft.copy is not None))


def _is_view(copy: Copy, x: Copy, descent: Descent) -> bool:
    """Whether one was made of the other alone, and has as many numbers: `x.T`."""
    size, other = numbers(copy), numbers(x)
    if size is None or other is None or masks.size(size) != masks.size(other):
        return False
    return any(_read(step) == [x] for step in _innermost(copy, descent))


def _mask(gradient: Copy, gate: GateSeen, backward: Sequence[Step], descent: Descent) -> str:
    """The mask that is true throughout, where the gradient went through one."""
    for step in backward:
        reads = _read(step) if any(draft.copy is gradient for draft in step.made) else []
        for mask in reads if any(each is gradient or alike(each, gradient) for each in reads) else ():
            flags = bools(numbers(mask))
            if flags is None or mask is gradient or not bool(flags.all()):
                continue
            if masks.kind(numbers(mask)) == "b" or descent.reaches(gate.h, mask):
                site = step.event.site
                return f"{' '.join(label_of(mask, step, descent).split())} ({place(site.line, site.file)})"
    return ""
