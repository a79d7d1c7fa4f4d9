"""Where the entries of a gradient were masked by hand, and of which gate's input each mask is.

A masking is known by its numbers: each entry of what came out is that of what went in, or nothing of it (of a leaky
gate: its slope's share). Its mask is a value of bools, or of zeros and ones, that was read there; or, where none was
(indices, a function that nobody looks into), where a gate's input is negative. It is the mask of the gate whose input
or output it was made of: nearest on the way back, and divided by it at some number.
"""

from __future__ import annotations

import itertools
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from typing import Any

from stepper.engines import masks
from stepper.engines.base import GateSeen
from stepper.inferior.gates.descent import Descent, Step, is_uniform
from stepper.inferior.gates.entries import first_rows, is_real, numbers, shape
from stepper.inferior.recording.copies import Copy
from stepper.inferior.recording.drafts import Draft
from stepper.record import place

FAR = 8  # steps between a mask and the gate's input that it was made of
NEAR = 4  # the same where no mask was seen, or one that is true, or false, throughout: it is divided by anything


class Masking:
    """A masked gradient: `blocked` is True where nothing is passed, or `slope` of it only. `of` says for each gate
    whose mask it is, by its id, whether it was made of the input, rather than of the output. `passing`: the mask that
    the script has says what is passed, rather than what is not."""

    def __init__(self, step: Step, label: str, blocked: Any, before: Copy, after: Copy, of: dict[int, bool]) -> None:
        site = step.event.site
        self.event = step.event.id
        self.phase = step.event.phase
        self.place = f"{' '.join(label.split())} ({place(site.line, site.file)})"
        self.blocked = blocked
        self.before = before
        self.after = after
        self.of = of
        self.slope = 0.0
        self.passing = False
        self.mask: Copy | None = None

    def is_of(self, *gates: GateSeen) -> bool:
        """Whether it masks by one of these."""
        return any(id(gate) in self.of for gate in gates)


class Maskings:
    """Looks for the maskings in a record, once its gates are known. By a gate's id, `inputs` are the copies of its h,
    and `slopes` what it keeps of what is negative, where that is something. `ahead`: what the loss was made of."""

    def __init__(
        self,
        descent: Descent,
        gates: Sequence[GateSeen],
        inputs: Mapping[int, list[Copy]],
        slopes: Mapping[int, float],
        ahead: Container[Copy],
    ) -> None:
        self._descent = descent
        self._ahead = ahead
        self._gates = gates
        self._slopes = slopes
        self._shapes = {shape(gate.h) for gate in gates}
        self._made_of: dict[Copy, list[GateSeen]] = {}
        for gate in gates:
            self._made_of.setdefault(gate.out, []).append(gate)
        self._within = {id(gate): set(descent.back((gate.out,), inputs[id(gate)])) for gate in gates}
        self._sources: dict[Copy, list[tuple[GateSeen, bool]]] = {}
        self._of: dict[Copy, dict[int, bool]] = {}
        for gate in gates:
            for copy in inputs[id(gate)]:
                self._sources.setdefault(copy, []).append((gate, True))
            self._sources.setdefault(gate.out, []).append((gate, False))

    def all(self) -> list[Masking]:
        """The maskings, in order of occurrence: of several events that gave one value, those of the innermost. What
        the loss was made of is no gradient, though it may be a product with zeros."""
        first = min(gate.event for gate in self._gates)
        found: dict[Copy, tuple[int, list[Masking]]] = {}
        for step in self._descent.steps:
            early = step.event.phase in ("forward", "loss")
            for made in step.made if step.event.id > first else ():
                after = made.copy
                if after is None or shape(after) not in self._shapes or (early and after in self._ahead):
                    continue
                if after in found and found[after][0] >= step.depth:
                    continue
                here = list(self._at(step, made))
                if here:
                    found[after] = step.depth, here
        told = [each for _, several in found.values() for each in several]
        own = self._masked_masks(told)
        return sorted((each for each in told if each not in own), key=lambda each: each.event)

    def _masked_masks(self, told: Sequence[Masking]) -> set[Masking]:
        """A mask may itself be made by a masked store (`m = np.ones(h.shape); m[h <= 0] = 0`): of what is a mask, too,
        or of h. A gradient of which nothing is left looks like a mask only after that."""
        read = {each.mask for each in told if each.mask is not None}
        of_masks = set(self._descent.back(read, self._sources))
        slopes = self._slopes.values()
        return {
            each
            for each in told
            if each.after in of_masks
            and bools(numbers(each.after), *slopes) is not None
            and (each.before in self._ahead or bools(numbers(each.before), *slopes) is not None)
        }

    # ------------------------------------------------------------------------------------------------- one event

    def _at(self, step: Step, made: Draft) -> Iterator[Masking]:
        """The ways in which what an event made is something that it read, masked."""
        after = made.copy
        if after is not None and after.gone:
            yield from self._counted(step, made, after)
        values = numbers(after)
        if after is None or not is_real(values):
            return
        reads = [draft.copy for draft in step.reads if draft.copy is not None]
        near = [copy for copy in self._descent.back(reads, statement=step.statement) if shape(copy) == values.shape]
        yield from self._likeliest(self._ways(step, made, after, values, reads, near))

    def _likeliest(self, ways: Iterable[list[Masking]]) -> list[Masking]:
        """Of the ways in which one event masks, those by which the gradient is most likely one: of `mask * da`, where
        nothing is left of `da`, anything may be masked by anything. What is the same throughout tells nothing."""
        found: dict[int, list[Masking]] = {}
        for several in ways:
            before = several[0].before
            is_mask = bools(numbers(before), *self._slopes.values()) is not None
            rank = 1 if is_uniform(before) else 3 if before in self._ahead else 2 if is_mask else 0
            if rank == 0:
                return several
            found.setdefault(rank, []).extend(several)
        return found[min(found)] if found else []

    def _ways(
        self, step: Step, made: Draft, after: Copy, values: Any, reads: list[Copy], near: list[Copy]
    ) -> Iterator[list[Masking]]:
        """By each value near an event that may be what it masked: the maskings."""
        for before in near:
            if (before is after and made.when != "after") or self._is_negative_input(before):
                continue  # read, and handed on; or no gradient of a ReLU's output, which is nowhere negative itself
            came = numbers(before)
            if not is_real(came) or masks.kind(came) == "b" or not masks.together(came, values):
                continue
            for slope in (0.0, *sorted(set(self._slopes.values()))):
                if not slope and not masks.may_be_masked(values, came):
                    continue
                rows = first_rows(values)
                if rows is not ... and masks.masked(values[rows], came[rows], slope) is None:
                    continue
                masked = masks.masked(values, came, slope)
                if masked is None:
                    continue
                same, low = masked
                found = list(
                    self._explicit(step, before, after, [each for each in near if each is not before], same, low, slope)
                )
                if not found and (step.sign or not same.all()) and not self._is_relu(before, after):
                    found = list(self._implicit(step, before, after, same, low, slope))
                if found:
                    yield found
                    break
                if same.all() and before in reads:
                    return  # a mere copy

    def _is_negative_input(self, copy: Copy) -> bool:
        """Whether this is a gate's input in Python's numbers, some of which are negative."""
        is_input = any(is_input for _, is_input in self._sources.get(copy, ()))
        return is_input and copy.engine.name == "python" and bool(copy.outline.negative)

    def _counted(self, step: Step, made: Draft, after: Copy) -> Iterator[Masking]:
        """What came out was not kept (`--memory`), but counted: the mask of a gate that was read leaves as many."""
        reads = [draft.copy for draft in step.reads if draft.copy is not None and not draft.copy.gone]
        near = list(self._descent.back(reads, statement=step.statement))
        near = [copy for copy in near if not copy.gone and shape(copy) == after.summary.shape]
        for before, mask in itertools.permutations(near, 2):
            came, flags = numbers(before), bools(numbers(mask))
            if flags is None or not is_real(came) or not masks.together(came, flags) or not self._gates_of(mask):
                continue
            for blocked, passing in ((~flags, True), (flags, False)):
                signs = (masks.count(~blocked & (came < 0)), masks.count(~blocked & (came > 0)))
                if signs == (after.summary.negative, after.summary.positive) and not after.summary.nan:
                    found = Masking(
                        step, label_of(mask, step, self._descent), blocked, before, after, self._gates_of(mask)
                    )
                    found.mask, found.passing = mask, passing
                    yield found
                    return

    def _explicit(
        self, step: Step, before: Copy, after: Copy, near: list[Copy], same: Any, low: Any, slope: float
    ) -> Iterator[Masking]:
        """The values that were read and may be the mask; it may say what is passed, or what is not."""
        for mask in near:
            flags = bools(numbers(mask), slope)
            if flags is None or not masks.together(flags, same):
                continue
            stops = bool(flags.any()) or masks.kind(numbers(mask)) == "b"  # zeros that are added stop nothing
            for blocked, passing in ((~flags, True), (flags, False)):
                if (passing or stops) and ((blocked & low) | (~blocked & same)).all():
                    label = label_of(mask, step, self._descent)
                    of = {gate: way for gate, way in self._gates_of(mask).items() if gate not in self._own(before)}
                    found = Masking(step, label, blocked, before, after, of)
                    found.slope, found.mask, found.passing = slope, mask, passing
                    yield found

    def _implicit(self, step: Step, before: Copy, after: Copy, same: Any, low: Any, slope: float) -> Iterator[Masking]:
        """No mask was seen, but only where it comes from; or nothing but what came of it."""
        reads = (draft.copy for draft in step.reads if draft.copy is not None and draft.copy is not before)
        stops = {before, *self._sources}
        flowing = [copy for copy in self._descent.back(reads, stops, depth=NEAR) if copy in self._sources]
        own = self._own(before)
        label = step.event.text.rpartition(" = ")[2]
        for copies in (flowing, self._sources if bool((same & ~low).any()) and not same.all() else ()):
            of: dict[int, bool] = {}
            mask: Any = None
            for copy in copies:
                h = numbers(copy)
                gates = {id(gate): is_input for gate, is_input in self._sources[copy] if id(gate) not in own}
                if not gates or h is None or h.shape != same.shape or not masks.together(h, same):
                    continue
                rules = [*by_rules(h), h > 0, h >= 0] if step.sign and copies is flowing else by_rules(h)
                blocked = next((rule for rule in rules if ((rule & low) | (~rule & same)).all()), None)
                if blocked is not None:
                    mask = blocked if mask is None else mask
                    of |= gates
            if mask is not None:
                found = Masking(step, label, mask, before, after, of)
                found.slope, found.passing = slope, step.sign is not None  # what is chosen is passed
                yield found
                return

    def _own(self, before: Copy) -> set[int]:
        """The gates whose input it is that is masked, or something on the way from there to the output: a ReLU is no
        masking of itself."""
        return {gate for gate, copies in self._within.items() if before in copies}

    def _is_relu(self, before: Copy, after: Copy) -> bool:
        """Whether one was made of the other by a gate, and of nothing else."""
        gates = self._made_of.get(after, ())
        return any(before in self._within[id(gate)] and self._descent.is_function(after, gate.h) for gate in gates)

    def _gates_of(self, mask: Copy) -> dict[int, bool]:
        """The gates whose input or output a mask was made of."""
        found = self._of.get(mask)
        if found is None:
            found = self._of[mask] = {}
            flags = bools(numbers(mask), *self._slopes.values())
            depth = FAR if flags is not None and 0 < masks.count(flags) < masks.size(flags) else NEAR
            for copy in self._descent.back((mask,), self._sources, depth=depth):
                for gate, is_input in self._sources.get(copy, ()) if flags is not None else ():
                    h = numbers(copy)
                    if (
                        h is not None
                        and h.shape == flags.shape
                        and masks.together(h, flags)
                        and masks.divides(flags, h)
                    ):
                        found[id(gate)] = found.get(id(gate), False) or is_input
        return found


def by_rules(h: Any) -> Iterator[Any]:
    """The masks that a ReLU of h may have: they differ at zero and at NaN."""
    yield h < 0
    yield h <= 0
    yield ~(h >= 0)
    yield ~(h > 0)


def label_of(mask: Copy, step: Step, descent: Descent) -> str:
    """What a mask that an event read is called there, or where it was made."""
    makers: Iterable[Step] = descent.makers(mask)
    drafts = [*step.reads, *(draft for each in makers for draft in each.made)]
    return next((draft.label for draft in drafts if draft.copy is mask), "a mask")


def bools(values: Any, *slopes: float) -> Any:
    """A mask as bools: True where it is true, or one; None for what is none."""
    if values is None or masks.kind(values) == "b":
        return values
    if masks.kind(values) not in "fiu":
        return None
    if not any(slopes) and not masks.may_be_flags(values):
        return None
    rows = first_rows(values)
    for low in (0.0, *slopes):
        if all(
            bool(((part == 1) | (abs(part - low) <= masks.precision(values) * low)).all())
            for part in (values[rows], values)
        ):
            return values == 1
    return None
