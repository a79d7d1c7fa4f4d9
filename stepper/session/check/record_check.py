"""The check of one record: parameter by parameter, by finite differences of losses that copies of a process come to.

The process stands at the head of the iteration; see `checking`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from time import perf_counter

from stepper.inferior.protocol import Move, Tried
from stepper.record import Parameter, Phase, Record
from stepper.session.check.absolute_errors import squares
from stepper.session.check.budget import ENTRIES, Budget
from stepper.session.check.contrasted import contrasted
from stepper.session.check.cuts import Cuts
from stepper.session.check.decay_term import with_decay_term
from stepper.session.check.finite_difference import (
    Reading,
)
from stepper.session.check.gradient_check import (
    DOUBLE,
    MASKED,
    SAME,
    STEPPED,
    UPHILL,
    Direction,
    EntryCheck,
    GradientCheck,
    ParameterCheck,
    Verdict,
    alongside,
    by_graph,
    concluded,
    doubted,
    explains,
    hidden_by,
    settled,
    so_far,
    telling,
    told_better,
    unit_of,
    unknown,
    unmoved,
)
from stepper.session.check.guards import left_out_guard
from stepper.session.check.hints import hints
from stepper.session.check.passes import Passes
from stepper.session.check.reaching_back import REACHES_BACK, reaching_back
from stepper.session.check.readings import of, one_of
from stepper.session.check.samples import MOSTLY, Sample, Samples
from stepper.session.check.seeking import wrong_entry
from stepper.session.check.signed_errors import held_back, signed_errors, told_of_errors
from stepper.session.check.together import Part, Setting, Together, Way, together, way_through
from stepper.session.check.updated_first import read_after_update, updated_before
from stepper.session.continuing import Continuing
from stepper.session.findings.begun_with import begun_with
from stepper.session.findings.carried import Carried, added, momentum
from stepper.session.findings.finished import Finished
from stepper.session.findings.left_out import Why, in_words, left_out
from stepper.session.findings.lost_terms import is_in_term, lost_term
from stepper.session.findings.on_the_way import on_the_way
from stepper.session.findings.repeated import repeated
from stepper.session.findings.running import grown
from stepper.session.findings.straight_through import straight_through
from stepper.session.findings.telling import which_loss
from stepper.session.findings.versions import Version, typical, versions
from stepper.session.findings.whose_loss import of_graph
from stepper.session.findings.zeroing import summed
from stepper.session.lane import Lane

MANY = 16  # parameters beyond which entries are looked at only where a direction through all of them does not agree
CARRIED = "it was added to what an earlier iteration had left"
Tell = Callable[[GradientCheck, str], None]
"""Told what is known so far, and which parameter is next."""


class RecordCheck:
    """One check, of one record; `behind`: of what is moved behind the pass, by the losses that are computed there;
    `made`: what else than the loss, made of it, gradients by hand may be those of."""

    def __init__(
        self,
        session: Continuing,
        lane: Lane,
        record: Record,
        entries: int | None,
        *,
        held: bool = False,
        behind: bool = False,
        made: tuple[tuple[Reading, str], ...] | None = None,
    ) -> None:
        self._held = held  # what is detached from the graph stays as it is, whatever is moved
        self._of_graph: RecordCheck | None = None  # the same with that held
        self._by_graph = set[str]()  # the parameters that were looked at so
        self._behind = behind
        self._session = session
        self._lane = lane
        self._record = record
        self._entries = ENTRIES if entries is None else entries
        self._always = entries is not None  # entries are looked at, whatever directions tell
        self._carried = added(record)
        self._finished = Finished(record)
        self._cuts = Cuts(record, behind=behind)
        self._left_out = left_out(record)
        self._reaching_back = reaching_back(record)
        self._unit = max((unit_of(value) for value in on_the_way(record)), default=DOUBLE)
        self._entered: list[EntryCheck] = []  # what is known so far of the parameter that is looked at
        self._updated: dict[int, str] = {}  # by the place of a loss
        self._errors = None if held or behind or made is not None else signed_errors(record)
        several = None if self._errors is None or self._errors.single else self._errors.squares
        self._squares = several or (tuple(squares(record)) if made is None else made)
        self._spare: Callable[[], bool] = lambda: True  # whether there is time for many more passes
        self._wrong: int | None = None  # the place of an entry that is looked at before others
        self._begun = begun_with(record)
        times = {place: each.times for place, each in self._begun.items()}
        self._passes = Passes(lane, record, self._unit, held=held, behind=behind, times=times)

    async def run(self, names: Sequence[str], tell: Tell) -> GradientCheck:
        """All of them at once, and then parameter by parameter."""
        record = self._record
        parameters = [each for each in record.parameters if each.name in names]
        assert record.iteration is not None and record.loss is not None
        ahead = tuple(each.name for each in parameters)
        whole = GradientCheck(record.iteration, record.loss, (), ahead, which=which_loss(record))
        if not parameters:
            return whole
        tell = tell if self._errors is None else held_back(tell)
        tell(whole, whole.ahead[0])
        begun = perf_counter()
        await self._passes.begin()
        many = len(parameters) > MANY and not self._always
        budget = Budget(len(parameters), (perf_counter() - begun) / 2, many=many)
        self._spare = lambda: not budget.over(self._count)
        ways = await self._ways(parameters, many)
        told = await self._together(
            ways, budget.splits if many else 0, lambda: budget.over(self._passes.count), partial(tell, whole)
        )
        whole = replace(whole, directions=told.directions)
        known = {each.name: self._told(each, told) for each in parameters} if many else {}
        left = len(parameters) - sum(each is not None for each in known.values())
        for parameter in parameters:
            self._entered = []
            tell(whole, parameter.name)
            self._passes.heard = partial(self._go_on, tell, whole, parameter)
            found = known.get(parameter.name)
            if found is None and not self._always:
                passes = self._count
                if many and parameter.name in told.unsure and budget.over(passes):
                    found = unknown(parameter.name, parameter.shape, told.unsure[parameter.name].reason)
                else:
                    self._entries = budget.entries(passes, left)
                left -= 1
            if found is None:
                found = told.added_to(await self._along_graph(parameter, await self._one(parameter)))
            whole = replace(whole, parameters=(*whole.parameters, settled(found)), ahead=whole.ahead[1:])
        for group in () if many else told.differing:
            if not any(self._unsure(way.parameter, way.versions[0]) for way in group):
                whole = await self._fit(group)._doubted(whole, group, self._further_entries(budget))
        if self._errors is not None:
            whole = replace(whole, parameters=told_of_errors(self._errors, record.loss, whole.parameters))
        told_of_all = (*hints(record, whole.parameters, self._begun), budget.said)
        whole = replace(whole, hint="; ".join(filter(None, told_of_all)))
        tell(whole, "")
        return whole

    @property
    def _count(self) -> int:
        """The passes that were run."""
        return self._passes.count + (0 if self._of_graph is None else self._of_graph._passes.count)

    def _go_on(self, tell: Tell, whole: GradientCheck, parameter: Parameter) -> None:
        begun = so_far(parameter.name, parameter.shape, self._entered)
        tell(replace(whole, begun=begun), f"{parameter.name}, after {self._count} passes")

    def _enter(self, entries: list[EntryCheck]) -> None:
        self._entered = max(self._entered, entries, key=len)  # by the first version, and the likely loss

    async def _ways(self, parameters: Sequence[Parameter], many: bool, *, anew: bool = False) -> list[Way]:
        """Directions through those that have gradients; none where single entries tell all that there is. `anew`: other
        ones than before."""
        if (
            self._passes.unlike
            or self._errors
            or not (many or any(each.before.summary.size > self._entries for each in parameters))
        ):
            return []
        others = max((typical(each.before) for each in self._record.parameters), default=0.0)

        found: list[Way] = []
        for place, each in enumerate(self._record.parameters, len(self._record.parameters) if anew else 0):
            # the others may be told of without these
            if each in parameters and not (each.sparse or each.name in self._reaching_back):
                with suppress(LookupError):  # it is said of that parameter by itself
                    known = list(self._versions(each))
                    if any(version.called for version in known):
                        continue  # its slope is that of another loss
                    way = await way_through(each, known, place, others, self._passes.base[-1], self._product)
                    found += [] if way is None else [way]
        return found

    async def _product(self, copy: int, seed: int, part: Part | None = None) -> float:
        return await self._session.product(self._record.iteration, copy, seed, part)

    async def _push(self, moves: list[Move], numbers: list[float | None]) -> list[Tried]:
        return await self._passes.push(moves, numbers)

    async def _together(
        self,
        ways: Sequence[Way],
        splits: int,
        over: Callable[[], bool] = lambda: False,
        progress: Callable[[str], None] = lambda _: None,
    ) -> Together:
        async def push(moves: list[Move], numbers: list[float | None]) -> list[Tried]:
            progress(f"{len(moves)} parameters at once" if len(moves) > 1 else moves[0].parameter)
            return await self._push(moves, numbers)

        return await together(ways, self._setting, push, splits, over)

    @property
    def _setting(self) -> Setting:
        several = self._errors is not None and not self._errors.single
        noise, made = self._passes.noise, self._squares
        return Setting(self._passes.base, grown(self._record), self._unit, noise, made=made, instead=several)

    def _versions(self, parameter: Parameter) -> Iterator[Version]:
        return versions(self._finished, parameter, self._carried.get(parameter.name, False))

    def _told(self, parameter: Parameter, told: Together) -> ParameterCheck | None:
        """A parameter that agrees along a direction through many, or is hidden there; else None."""
        known = told.agreed.get(parameter.name)
        if parameter.name in told.hidden:
            by = alongside(told.hidden[parameter.name])
            return unknown(parameter.name, parameter.shape, f"{hidden_by(self._unit)}, {by}, too")
        if known is None:
            return None
        version, direction, by = known
        uphill = (parameter.cosine or 0.0) > MOSTLY and not momentum(self._record, parameter)
        notes = (
            self._summed(parameter) or version.note,
            UPHILL if uphill and version.scale > 0 and not version.share else "",
            by,
            alongside(direction),
            lost_term(self._record, parameter),
        )
        note = "; ".join(filter(None, notes))
        return ParameterCheck(parameter.name, parameter.shape, (), Verdict.AGREES, note=note, by=by)

    def _further_entries(self, budget: Budget) -> Callable[[int], int]:
        """How many entries of a parameter of some size are looked at for one that a direction tells of."""
        return lambda size: 0 if self._always else budget.further(self._count, size)

    async def _doubted(
        self, whole: GradientCheck, group: tuple[Way, ...], further: Callable[[int], int]
    ) -> GradientCheck:
        """A direction through these does not agree. Where all of their entries that were looked at do, others may be
        wrong: of which parameter is sought, by another direction, too, and which, by `further` entries."""
        names = {each.parameter.name for each in group}
        if any(each.verdict is not Verdict.AGREES for each in whole.parameters if each.name in names):
            return whole
        told = await self._together(group, len(group))
        wrong = {each.names[0]: each for each in told.directions if each.verdict is Verdict.DIFFERS}
        suspected = [each.parameter for each in group if each.parameter.name in wrong]
        others = await self._ways(suspected, True, anew=True)
        again = await self._together(others, len(suspected))
        differ = {each.names[0] for each in again.directions if each.verdict is Verdict.DIFFERS and not each.names[1:]}
        twice = {each.parameter.name: each for each in others if each.parameter.name in differ}
        checked = tuple([await self._further(each, wrong, twice, further) for each in whole.parameters])
        apart = tuple(each for each in whole.directions if not names.intersection(each.names))
        known = {each.name for each in checked if each.verdict is Verdict.AGREES}  # by a factor that is right
        own = (each for each in told.directions if each.verdict is Verdict.AGREES or not known.issuperset(each.names))
        return replace(whole, parameters=checked, directions=(*apart, *own))

    async def _further(
        self,
        found: ParameterCheck,
        wrong: Mapping[str, Direction],
        twice: Mapping[str, Way],
        further: Callable[[int], int],
    ) -> ParameterCheck:
        """A parameter whose entries agree, by more of them where a direction through it does not."""
        direction = wrong.get(found.name)
        if direction is None or found.factor is not None:
            return found  # with a factor it is the gradient of something else that is made of the loss
        parameter = next(each for each in self._record.parameters if each.name == found.name)
        self._entries = further(max(1, parameter.before.summary.size)) if found.name in twice else 0
        if self._entries > len(found.entries):
            among = settled(await self._one(parameter))
            if among.verdict is not Verdict.AGREES:
                return telling(among)
            sought = await self._sought(twice[found.name], further)
            if sought is not None:
                return sought
        return doubted(found, direction, surely=found.name in twice)

    async def _sought(self, way: Way, further: Callable[[int], int]) -> ParameterCheck | None:
        """A parameter by the entry that is wrong, where halves of a direction through all of them lead to one."""
        self._wrong = await wrong_entry(way, self._setting, self._push, self._product, lambda: not further(1))
        found = None if self._wrong is None else settled(await self._one(way.parameter))
        self._wrong = None
        return telling(found) if found is not None and found.verdict is Verdict.DIFFERS else None

    async def _one(self, parameter: Parameter) -> ParameterCheck:
        """By its entries."""
        try:
            return await self._parameter(parameter)
        except LookupError as reason:
            return unknown(parameter.name, parameter.shape, str(reason.args[0] if reason.args else reason))

    async def _along_graph(self, parameter: Parameter, found: ParameterCheck) -> ParameterCheck:
        """Of a gradient that differs, and that a library's backward pass made: whether it is that of the loss but for
        what is detached, the script's own or a layer's (the power iteration of a spectral norm)."""
        if not found.told_apart or not of_graph(self._record, parameter):
            return self._with_term(parameter, found)
        if parameter.name in self._reaching_back:
            return found  # what is held of this iteration only tells no more
        if self._of_graph is None:
            self._of_graph = RecordCheck(
                self._session, self._lane, self._record, self._entries, held=True, behind=self._behind
            )
            await self._of_graph._passes.begin()
        self._of_graph._passes.heard = self._passes.heard
        if self._of_graph._passes.unlike:
            return found
        self._of_graph._entries, self._of_graph._spare = self._entries, self._spare
        self._by_graph.add(parameter.name)
        updated = self._updated_before(next(self._versions(parameter)))
        cut = updated or self._cuts.between(parameter) or self._cuts.only
        told = by_graph(found, await self._of_graph._one(parameter), cut)
        term = "" if updated or self._carried.get(parameter.name) else lost_term(self._record, parameter)
        if not term or told.verdict is Verdict.DIFFERS:
            return told
        other = "" if is_in_term(self._record, parameter) else self._cuts.between(parameter, term)
        if other:
            return replace(found, verdict=Verdict.UNKNOWN, note=f"{other}; {term}")  # either may be why it lies apart
        return replace(found, verdict=Verdict.DIFFERS, note=term)

    def _with_term(self, parameter: Parameter, found: ParameterCheck) -> ParameterCheck:
        """A parameter that agrees though a term of the loss is cut off: one that is too small to be seen."""
        term = lost_term(self._record, parameter) if found.verdict is Verdict.AGREES else ""
        return replace(found, note="; ".join(filter(None, (found.note, term)))) if term else found

    def _fit(self, group: tuple[Way, ...]) -> RecordCheck:
        """The check by which directions through these tell."""
        of_graph = any(each.parameter.name in self._by_graph for each in group)
        return self._of_graph if of_graph and self._of_graph is not None else self

    async def _parameter(self, parameter: Parameter) -> ParameterCheck:
        """Raises LookupError where it cannot be checked."""
        first: ParameterCheck | None = None
        by_factor: ParameterCheck | None = None  # as it was made, where that is wrong by a factor that decay blurs
        known = list(self._versions(parameter))
        samples = Samples(self._session, self._record, self._passes, parameter, known, self._unit)
        samples.heard, samples.spare = self._enter, self._spare
        for version in known:
            found = await self._version(samples, version)
            explained = first is None or explains(found, first)
            if (found.verdict is Verdict.AGREES and explained) or version.share or version.called:
                notes = (self._summed(parameter) or version.note, found.note)
                return replace(found, note="; ".join(filter(None, notes)))
            if first is not None and version.made and found.verdict is Verdict.UNKNOWN:
                return found  # what became of it says no more
            first = first or found
            if version.blurred and told_better(found, first):
                by_factor = replace(found, note=f"{found.note}; {version.note}")
            hidden = found.verdict is Verdict.UNKNOWN and not any(e.verdict is Verdict.DIFFERS for e in found.entries)
            if first is found and hidden and not self._carried.get(parameter.name):
                break  # what hides the one hides the others
        if first is None:
            reason = self._left_out.get(parameter.name)
            why_not = "" if reason is None else in_words(self._record, parameter.name, reason)
            raise LookupError(why_not or "no gradient of it is in the record")
        differs = first.verdict is Verdict.DIFFERS
        if differs and not first.note and (contrast := contrasted(self._record)):
            return replace(first, verdict=Verdict.UNKNOWN, note=contrast)
        why = (read_after_update(self._record, parameter) or repeated(self._record, parameter)) if differs else ""
        if differs and not first.note and first.factor is None:
            why = why or straight_through(self._record, parameter)
            why = why or ("" if of_graph(self._record, parameter) else left_out_guard(self._record, first))
        mistake = known[0].mistake
        if (
            mistake is not None
            and first.factor
            and mistake.scale
            and math.isclose(first.factor, mistake.scale, rel_tol=SAME)
        ):
            why = why or f"{first.note}; line {mistake.line} multiplies by {mistake.factor:.6g} what agrees"
        return by_factor if by_factor and not why else replace(first, note=why or first.note)

    def _summed(self, parameter: Parameter) -> str:
        """What to say where no step used the parameter's gradient, or it was added to what earlier iterations had
        left; else nothing."""
        why = self._left_out.get(parameter.name)
        if why is not None and why.came and why is not Why.WAITING:
            return f"{in_words(self._record, parameter.name, why)}; what this iteration added is checked"
        since = Carried().since(self._session.records, self._record, parameter.name)
        if since is None:
            return why.value if why is Why.WAITING else ""
        return summed(self._record, parameter, since, self._session.sources)

    async def _version(self, samples: Samples, version: Version) -> ParameterCheck:
        """One of the gradients that the record has. Raises LookupError where it cannot be checked."""
        parameter = samples.parameter
        size = max(1, parameter.before.summary.size)
        for part in (*version.parts, *version.less):
            if part.summary.size not in (1, size):
                raise LookupError(f"its gradient {part.label} has another shape")
            if part.pooled or parameter.before.pooled:
                raise LookupError("its elements are past --memory")
        if self._passes.unlike:
            raise LookupError(self._passes.unlike)
        await samples.choose(version.parts[0], self._entries, self._wrong)
        own = version.called
        known = [(of(own), "")] if own else self._setting.readings(version)
        along: bool | None = None
        first: ParameterCheck | None = None
        for read, what in known:
            likely = read is known[0][0]
            told = await samples.of(version, read, likely=likely)
            if along is None:
                along = await self._along(samples, version, [each.recorded for each in told])
            found = await self._compared(samples, version, told, along, read, likely)
            depends = any(entry.difference for entry in found.entries)  # or it is a sum's 0 at the start: no loss of it
            by = f"by {what} ({read(self._passes.base):.6g})" if what else ""
            if len(known) == 1 or (found.verdict is Verdict.AGREES and (depends or not what)):
                self._squares = one_of(self._squares, (read, what))
                return replace(found, note="; ".join(filter(None, (found.note, by))), by=by)
            if first is None or (first.verdict is Verdict.DIFFERS and found.verdict is Verdict.UNKNOWN and depends):
                first = found  # it may be the gradient of the loss by which nothing can be told
            elif (read, what) in self._squares and first.factor is None and found.factor is not None:
                first = replace(found, note="; ".join(filter(None, (found.note, by))))  # a factor is no accident
        assert first is not None
        return first

    async def _along(self, samples: Samples, version: Version, recorded: Sequence[float]) -> bool:
        """Whether the update went along what was recorded, at the entries that are looked at, and not by momentum."""
        parameter = samples.parameter
        if version.scale <= 0 or version.share or version.called:
            return False  # what was recorded is another multiple, or a part, of what the update used
        if parameter.cosine is not None and parameter.cosine <= MOSTLY:
            return False  # the step as a whole, whatever the entries that are looked at do
        unused = parameter.grad is not None and not parameter.used
        return not unused and not momentum(self._record, parameter) and await samples.moved_along(recorded)

    async def _compared(
        self, samples: Samples, version: Version, found: Sequence[Sample], along: bool, read: Reading, likely: bool
    ) -> ParameterCheck:
        parameter, base = samples.parameter, read(self._passes.base)
        entries = [samples.compared(version, each, read) for each in found]
        unsure = self._unsure(parameter, version)
        masked = ""
        if not unsure and unmoved(entries) is not None:
            gradual = await samples.begin_gradually(entries, read) if likely else False
            if gradual is None and any(each.tells for each in entries):
                masked = MASKED
            elif not gradual:
                unsure = STEPPED
        whole = concluded(parameter.name, parameter.shape, entries, along=along, unsure=unsure, loss=base)
        if masked and not whole.note:
            whole = replace(whole, note=masked)
        return with_decay_term(replace(whole, along=along), [each.at for each in found])

    def _unsure(self, parameter: Parameter, version: Version) -> str:
        """Why a gradient that differs from finite differences may be right; empty where it may not."""
        if parameter.name in self._reaching_back:
            return REACHES_BACK
        if self._held:
            carried = self._carried.get(parameter.name) and not version.share
            return CARRIED if carried else ""
        updated = "" if version.called else self._updated_before(version)
        if updated:
            return f"{updated}, which then changes with the step, too"
        if self._carried.get(parameter.name) and not version.share:
            return CARRIED
        cut = self._cuts.between(parameter)
        return cut and f"{cut}, and a finite difference goes through the cut"

    def _updated_before(self, version: Version) -> str:
        place = version.losses[-1] if version.losses else len(self._record.losses) - 1
        phase: Phase = "between" if self._behind else "update"
        if place not in self._updated:
            name = updated_before(self._record, self._record.losses[place], phase)
            self._updated[place] = name and f"{name} is updated before the loss is computed"
        return self._updated[place]
