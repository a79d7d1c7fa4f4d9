"""The entries of a parameter that are looked at: which they are, what was recorded there, and the losses beside it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from stepper.record import Parameter, Record, Region, Survey, Value, flat_of, index_of
from stepper.session.check.finite_difference import (
    ENOUGH,
    EXACT,
    Ask,
    Losses,
    Reading,
    Slope,
    Step,
    averaged,
    measure,
    narrowed,
    scale_of,
    slope,
)
from stepper.session.check.flatness import begins_gradually
from stepper.session.check.gradient_check import SMALL, EntryCheck, Verdict, compared, unit_of, unmoved
from stepper.session.check.passes import Passes
from stepper.session.continuing import Continuing
from stepper.session.findings.versions import Version, typical

GOLDEN = (math.sqrt(5) - 1) / 2
MOSTLY = 0.5  # the cosine from which on a step goes along a gradient, whatever else (a decay) is in it
NEAR = 0.5  # of the larger, that a slope by an unlikely loss is to lie near a gradient to be worth a look


@dataclass(frozen=True)
class Sample:
    """An entry: its index, the gradient that was recorded there, and the losses beside it."""

    index: tuple[int, ...]
    recorded: float
    steps: list[Step]

    @property
    def at(self) -> float:
        """What the parameter is there."""
        return (self.steps[0].below + self.steps[0].above) / 2 if self.steps else 0.0


class Samples:
    """Those of one parameter, whose gradient has these `versions`. `unit`: the unit roundoff of the loss."""

    def __init__(
        self,
        session: Continuing,
        record: Record,
        passes: Passes,
        parameter: Parameter,
        versions: Sequence[Version],
        unit: float,
    ) -> None:
        self.parameter = parameter
        self._session = session
        self._record = record
        self._passes = passes
        self._versions = versions
        self._unit = unit
        steep = max((typical(each.grad) for each in record.parameters if each.grad is not None), default=0.0)
        self._others = steep or SMALL * abs(record.loss or 0.0) / (typical(parameter.before) or 1.0)
        self.spare: Callable[[], bool] = lambda: True  # whether there is time for many more passes
        self.heard: Callable[[list[EntryCheck]], None] = lambda _: None  # what those say that were looked at so far
        self._chosen: list[int] = []  # by their places in the flattened array
        self._steps: dict[int, list[Step]] = {}  # by those
        self._gradual: dict[tuple[int, float], bool | None] = {}  # by those and the loss

    async def choose(self, gradient: Value, entries: int, first: int | None = None) -> None:
        """Choose so many, once: the `first`, one of which the step lost a part, where the gradient is largest, on both
        sides, and some spread over it."""
        if self._chosen:
            return
        wanted = [each for each in (first, self.parameter.lost) if each is not None]
        shape, size = gradient.summary.shape or (), max(1, self.parameter.before.summary.size)
        if gradient.copy is not None and gradient.summary.size > 1:
            survey: Survey = await self._session.survey(self._record.iteration, gradient.copy, 1)
            both = [(abs(survey.high), survey.largest), (abs(survey.low), survey.smallest)]
            wanted += [flat_of(place, shape) for _, place in sorted(both, reverse=True) if place is not None]
        wanted += [int((number + 1) * GOLDEN % 1.0 * size) for number in range(4 * entries)]
        self._chosen = list(dict.fromkeys(wanted))[:entries]

    async def of(self, version: Version, read: Reading, *, likely: bool) -> list[Sample]:
        """What this version of the gradient is at each, and the losses beside it, as narrow as `read` needs them to
        tell. `likely`: it is the loss whose gradient it is, as far as is known."""
        found: list[Sample] = []
        for flat in self._chosen:
            found.append(await self._sample(version, flat, read, likely))
            self.heard([self.compared(version, each, read) for each in found])
        return found

    async def _sample(self, version: Version, flat: int, read: Reading, likely: bool) -> Sample:
        recorded = 0.0
        for part in version.parts:
            recorded += version.scale * await self._element(part, flat if part.summary.size > 1 else 0)
        for part in version.less:
            recorded -= version.scale * await self._element(part, flat if part.summary.size > 1 else 0)
        at = await self._element(self.parameter.before, flat)
        base, noise = read(self._passes.base), self._passes.noise

        ask = self._asking(flat, at)
        steps = self._steps.get(flat)
        others = max((typical(each.before) for each in self._record.parameters), default=0.0)
        # what a scaler or a clipping made smaller before its use says little of how steep the loss is
        slope_size = max(each.typical for each in (version, *(each for each in self._versions if each.made)))
        scale = scale_of(at, typical(self.parameter.before), others, base, slope_size)
        if steps is None:
            exact = ENOUGH if self._steps else EXACT
            steps = await measure(ask, at, scale, base, read, self._unit, noise, exact)
        found = slope(steps, base, read, self._unit, noise)
        if found is not None and found.value:
            apart = abs(recorded - found.value)
            far = apart > self._compared(version, (), recorded, found).tolerance
            if far and (likely or apart < NEAR * max(abs(recorded), abs(found.value))):
                steps = [*steps, *await narrowed(ask, at, base, apart, self._unit, noise, steps)]
                found = slope(steps, base, read, self._unit, noise)
        if likely and found is not None and not any(each.among for each in steps) and self.spare():
            larger = max(abs(recorded), abs(found.value))
            told = self._compared(version, (), recorded, found)
            if told.verdict is Verdict.UNKNOWN and larger > SMALL * version.typical:
                steps = [*steps, *await averaged(ask, at, scale, base, larger, self._unit, noise)]
        self._steps[flat] = steps
        return Sample(index_of(flat, self.parameter.shape), recorded, steps)

    def _asking(self, flat: int, at: float) -> Ask:
        """What tells the losses where an entry, which is `at`, is another number."""

        async def ask(numbers: list[float]) -> list[tuple[float, Losses]]:
            tried = await self._passes.nudge(self.parameter, flat, numbers)
            return [(at if each.number is None else each.number, each.losses) for each in tried]

        return ask

    async def begin_gradually(self, entries: Sequence[EntryCheck], read: Reading) -> bool | None:
        """Whether the loss, which changes with none of the entries that differ, begins to do so without a jump; None
        where it never does: told of the largest one."""
        place = unmoved(entries)
        if place is None:
            return False
        flat, base = self._chosen[place], read(self._passes.base)
        if (flat, base) not in self._gradual:
            at = await self._element(self.parameter.before, flat)
            scale = max(abs(at), *(typical(each.before) for each in self._record.parameters)) or 1.0
            self._gradual[flat, base] = await begins_gradually(self._asking(flat, at), at, scale, base, read)
        return self._gradual[flat, base]

    def compared(self, version: Version, sample: Sample, read: Reading) -> EntryCheck:
        """What the losses beside an entry say of the gradient that was recorded there."""
        found = slope(sample.steps, read(self._passes.base), read, self._unit, self._passes.noise)
        return self._compared(version, sample.index, sample.recorded, found)

    def _compared(self, version: Version, index: tuple[int, ...], recorded: float, found: Slope | None) -> EntryCheck:
        values = (*version.parts, *version.rounded, *version.less)
        unit = max(self._unit, *map(unit_of, values))
        size = abs(version.scale) * max(map(typical, values))
        told = compared(index, recorded, found, unit, version.typical, size, self._others)
        if version.sparse and not recorded and told.verdict is Verdict.DIFFERS:
            return replace(told, verdict=Verdict.UNKNOWN, reason="the step does not move this entry")
        return told

    async def moved_along(self, recorded: Sequence[float]) -> bool:
        """Whether the parameter moved mostly along what was recorded there."""
        before, after = self.parameter.before, self.parameter.after
        if after.pooled or after.summary.shape != before.summary.shape:
            return False
        moved = [await self._element(after, flat) - await self._element(before, flat) for flat in self._chosen]
        product = sum(gradient * step for gradient, step in zip(recorded, moved, strict=True))
        return product > MOSTLY * math.hypot(*recorded) * math.hypot(*moved)

    async def _element(self, value: Value, flat: int) -> float:
        """One element of a recorded value. Raises LookupError where it is not kept."""
        if value.copy is None:
            number = value.summary.value
            if not isinstance(number, int | float):
                raise LookupError(f"{value.label} is no real number")
            return float(number)
        shape = value.summary.shape or ()
        *leading, row, column = index_of(flat, (1,) * (2 - len(shape)) + shape)
        region = Region(row, row + 1, column, column + 1, tuple(leading))
        window = await self._session.window(self._record.iteration, value.copy, 1, 1, region)
        return window.cells[0]
