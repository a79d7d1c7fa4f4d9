"""Gates by hand whose gradient nothing masks: `dw = x.T @ da`, where `da * (h > 0)` should stand for `da`, or where a
mask stands that is true throughout.

No masking is seen there, and a right one may be written in many ways. So what is said rests on the formulas. The
forward pass made h of x and weights, and uses it for nothing but the gate: no gradient can come to h where it is
negative. The backward pass made of x, and of one value of h's shape, what the weights are moved by, and nothing of the
gate is in either. So that value stands for the gradient of h, and it is wrong where it is something and h is negative.
"""

from __future__ import annotations

from collections.abc import Collection, Container, Iterable, Iterator
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


class Origins:
    """What the values of a record were made of, entry by entry. `forward`: what the loss was made of."""

    def __init__(self, descent: Descent, forward: Container[Copy]) -> None:
        self.descent = descent
        self.forward = forward
        self._made_of: dict[Copy, list[Copy]] = {}

    def behind(self, start: Copy, stops: Container[Copy] = ()) -> Iterator[Copy]:
        """What a value of the backward pass was made of: not what came before a number that is the same for all of it
        (a norm that it is divided by), nor before the forward pass's own."""
        waiting, met = [start], {start}
        while waiting:
            copy = waiting.pop()
            yield copy
            more = [] if copy in stops else [each for each in self._sources(copy) if each not in met]
            met.update(more)
            waiting += more

    def _sources(self, copy: Copy) -> list[Copy]:
        if copy not in self._made_of:
            ends = copy in self.forward or is_uniform(copy)
            self._made_of[copy] = [] if ends else _read_by(_innermost(copy, self.descent))
        return self._made_of[copy]


def unmasked(gate: GateSeen, origins: Origins) -> Unmasked | None:
    """What stands for the gradient of a gate's input where nothing masks it."""
    descent, forward = origins.descent, origins.forward
    h = numbers(gate.h)
    if gate.soft or gate.share is not None or gate.out not in forward or not bool((h < 0).any()):
        return None
    between = Origins(descent, (gate.h,)).behind(gate.out)
    own = {gate.h, *(copy for copy in between if not is_uniform(copy))}
    uses = list(_uses(gate, h, origins))
    if not uses or _is_used_besides(own, gate, descent, forward):
        return None
    taken: _Use | None = None
    for use in uses:
        came = numbers(use.gradient)
        if use.gradient is None or not is_real(came) or not masks.together(came, h) or use.gradient in forward:
            return None
        if not bool(((h < 0) & (came != 0)).any()) or not own.isdisjoint(origins.behind(use.gradient)):
            return None
        if taken is None and own.isdisjoint(origins.behind(use.moved, (use.product,))):
            taken = use  # of others the product may be masked
    if taken is None or taken.gradient is None:
        return None
    site = taken.step.event.site
    where = f"{' '.join(taken.step.event.text.rpartition(' = ')[2].split())} ({place(site.line, site.file)})"
    passing = masks.count((h < 0) & (numbers(taken.gradient) != 0))
    return Unmasked(taken.gradient, where, _mask(taken.gradient, gate, descent), passing)


def _uses(gate: GateSeen, h: Any, origins: Origins) -> Iterator[_Use]:
    """The products of the backward pass in which the gradient of h stands, by the weights that h was made of."""
    for x, weights in _factors(gate.h, h, origins.descent):
        behind = [(copy, set(origins.behind(copy))) for copy in _moved(weights, gate, origins)]
        for step, product, gradient in _products(x, weights, gate, h, origins.descent) if behind else ():
            new = next((copy for copy, met in behind if product in met), None)
            if new is not None:
                yield _Use(step, product, gradient, new)


def _products(
    x: Copy, weights: Copy, gate: GateSeen, h: Any, descent: Descent
) -> Iterator[tuple[Step, Copy, Copy | None]]:
    """What the backward pass made, of the weights' shape, of x and of something of h's shape, which comes with it."""
    views = [each.copy for step in descent.readers(x) if _read(step) == [x] for each in step.made]
    own = [x, *(copy for copy in dict.fromkeys(views) if copy is not None and _is_view(copy, x, descent))]
    readers = {step.event.id: step for copy in own for step in descent.readers(copy)}
    for _, step in sorted(readers.items()):
        others = [each for each in _read(step) if each not in own]
        if (
            step.event.phase != "backward"
            or step.event.id < gate.event
            or all(shape(each) != h.shape for each in others)
        ):
            continue
        for made in step.made:
            product = made.copy
            if product is None or sorted(shape(product) or ()) != sorted(shape(weights) or ()):
                continue
            if any(each is step for each in _innermost(product, descent)):
                yield step, product, others[0] if len(others) == 1 else None


def _moved(weights: Copy, gate: GateSeen, origins: Origins) -> Iterator[Copy]:
    """What became of the weights behind a gate, and not on the way to the loss."""
    steps = (step for step in origins.descent.readers(weights) if step.event.id > gate.event)
    made = dict.fromkeys(draft.copy for step in steps for draft in step.made)
    moved = (copy for copy in made if copy is not None and copy is not weights and copy not in origins.forward)
    return (copy for copy in moved if shape(copy) == shape(weights))


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
        draft.copy in forward
        and draft.copy not in own
        and any(each is step for each in _innermost(draft.copy, descent))
        for copy in own
        for step in (descent.readers(copy) if copy is not gate.out else ())
        for draft in step.made
        if draft.copy is not None
    )


def _innermost(copy: Copy, descent: Descent) -> list[Step]:
    """The steps that made a value of others, without the calls and statements around them, which read what it was not
    made of."""
    makers = [step for step in descent.makers(copy) if step.reads]
    deepest = max((step.depth for step in makers), default=0)
    return [step for step in makers if step.depth == deepest]


def _read(step: Step) -> list[Copy]:
    return _read_by((step,))


def _read_by(steps: Iterable[Step]) -> list[Copy]:
    return list(dict.fromkeys(draft.copy for step in steps for draft in step.reads if draft.copy is not None))


def _is_view(copy: Copy, x: Copy, descent: Descent) -> bool:
    """Whether one was made of the other alone, and has as many numbers: `x.T`."""
    size, other = numbers(copy), numbers(x)
    if size is None or other is None or masks.size(size) != masks.size(other):
        return False
    return any(_read(step) == [x] for step in _innermost(copy, descent))


def _mask(gradient: Copy, gate: GateSeen, descent: Descent) -> str:
    """The mask that is true throughout, where the gradient went through one."""
    for step in (*descent.makers(gradient), *descent.readers(gradient)):  # the latter where it was masked in place
        made = any(draft.copy is gradient for draft in step.made)
        reads = _read(step) if made and step.event.phase == "backward" else []
        for mask in reads if any(each is gradient or alike(each, gradient) for each in reads) else ():
            flags = bools(numbers(mask))
            if flags is None or mask is gradient or not bool(flags.all()):
                continue
            if masks.kind(numbers(mask)) == "b" or descent.reaches(gate.h, mask):
                site = step.event.site
                return f"{' '.join(label_of(mask, step, descent).split())} ({place(site.line, site.file)})"
    return ""
