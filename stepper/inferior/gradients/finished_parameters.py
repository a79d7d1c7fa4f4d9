"""The parameters of a finished record: what each was and became, its update, and the gradient that the update used."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

from stepper.engines.base import Engine
from stepper.inferior.gradients.accumulated import Accumulations, stacked
from stepper.inferior.gradients.angle import ALONG, cosine
from stepper.inferior.gradients.carried_states import carried_number, carried_states
from stepper.inferior.gradients.cut_off import cut_off
from stepper.inferior.gradients.fitting import is_stepped_anew
from stepper.inferior.gradients.known_gradients import KnownGradients
from stepper.inferior.gradients.lost_terms import lost_terms
from stepper.inferior.gradients.momentum import carried_by, optimizer_steps, turned_by
from stepper.inferior.gradients.stretched import told_shape
from stepper.inferior.gradients.used_gradients import UsedGradients
from stepper.inferior.gradients.velocities import Velocity, of_rows
from stepper.inferior.recording.copies import Copy
from stepper.inferior.recording.drafts import Draft, Happening, value_of
from stepper.inferior.recording.recorder import Recorder
from stepper.inferior.recording.tracks import Track
from stepper.program.sites import Site
from stepper.record import CUT, LOST, STRETCHED, WHOLE, Held, Parameter, Resting, Summary, Value, When, place
from stepper.record import ratio as ratio_of

FEW = 4  # parameters that are named one by one


class FinishedParameters:
    """Makes them of what a recorder wrote down for one record. `numpy` is the engine for arrays of our own; `summary`
    says what is told of a copy."""

    def __init__(self, recorder: Recorder, numpy: Engine, summary: Callable[[Copy], Summary]) -> None:
        self._recorder = recorder
        self._numpy = numpy
        self._summary = summary
        self._known = KnownGradients(recorder, recorder.program.roles)
        self._used = UsedGradients(recorder, self._known)
        self._value: Callable[[Draft], Value]

    def all(self, value: Callable[[Draft], Value]) -> list[Parameter]:
        """In the order of their first sight. `value` makes what travels of a draft."""
        self._value = value
        self._remark_cuts()
        found = []
        stepped = any(track.certain and track.grad is not None for track in self._recorder.tracker.tracks.values())
        for track in self._recorder.tracker.tracks.values():
            try:
                made = self._parameter(track)
            except (LookupError, TypeError, ValueError, MemoryError, RuntimeError) as failure:
                self._recorder.fault(failure)  # the others are told all the same
                continue
            if made is None or (self._is_bound_again(track) if made.grad is None else self._is_running_sum(track)):
                continue
            if not (stepped and made.grad is None and self._is_replaced(track)):
                found.append(made)
        return found

    def _is_bound_again(self, track: Track) -> bool:
        """Whether a name only got another value that the pass made, as in each of two functions: `r = table[ids]`."""
        return track.fresh and not (track.in_place or track.certain or self._recorder.tracker.makes_all)

    def _is_running_sum(self, track: Track) -> bool:
        """Whether it only keeps gradients for the steps of others, be it beside these (`layer["mW"]`, of the dict that
        has `layer["W"]`): nothing of the loss is made of it."""
        before, after = track.before.copy, None if track.after is None else track.after.copy
        if before is None or not any(each.before is before and each.after is after for each in self._sums):
            return False
        ahead = (each for each in self._recorder.happenings if each.phase in ("forward", "loss"))
        return not any(draft.copy is before and draft.when == "operand" for each in ahead for draft in each.drafts)

    def _is_replaced(self, track: Track) -> bool:
        """Whether what no gradient is asked for became, as it is, what the pass had made before: the samples in a
        replay buffer. Beside parameters that an optimizer moves such are data."""
        became = track.after.copy if track.after is not None and track.updates else None
        if track.certain or not track.frozen or became is None:
            return False
        earlier = self._recorder.happenings[: track.updates[-1].id]
        return any(draft.copy is became and draft.when == "result" for each in earlier for draft in each.drafts)

    @cached_property
    def _steps(self) -> list[Happening]:
        return optimizer_steps(self._recorder.happenings)

    def update(self, track: Track) -> Copy | None:
        """after − before of a parameter in float64; None where it has no numbers, or another shape than before."""
        old, new = track.before.copy, (track.after or track.before).copy
        if old is None or new is None or old.gone or new.gone:
            return None
        shape = old.engine.extents(old.kept)
        if shape is None or new.engine.extents(new.kept) != shape:
            return None
        if old.engine.name == "python":
            return Copy(old.engine, _difference(old.kept, new.kept))
        return self._recorder.differences.of(new, old)

    def _parameter(self, track: Track) -> Parameter | None:
        before, after = track.before, track.after or track.before
        parts = None if track.grad else self._used.through_views(track, self._numpy)
        parts = parts or (None if track.grad else self._used.picked(track, self._numpy))
        parts = parts or (None if track.grad else self._used.of_rows(track, self._numpy))
        grad = track.grad if parts is None else parts.gradient
        grad = grad or self._used.sum_of(track, self._numpy)
        grad = grad or self._used.of(track) or track.returned or self._used.gone_through(track)
        if grad is None:
            parts = self._used.in_parts(track, self._numpy)
            grad = _followed(track) if parts is None else parts.gradient
        if grad is None:
            self._used.remark(track)
        else:
            _remark_spread(track, grad)
            _remark_whole(track, grad)
        held = self._held(track, grad)
        used = grad is not None and (grad is not track.returned or bool(track.updates))
        grad = grad or _unused(track)
        if before.copy is None or after.copy is None:
            return self._scalar_parameter(track, before, after, grad, held)
        old, new, update = before.copy, after.copy, self.update(track)
        if (old.gone or new.gone) and self._summary(old).shape == self._summary(new).shape:
            return self._gone_parameter(track, old, new, grad, used)
        if update is None:
            return None
        moved, size = self._summary(update), self._summary(old)
        slope = grad.copy if grad is not None and used else None
        anew = is_stepped_anew(track, self._recorder.happenings)
        along = None if slope is None or anew else cosine(old, new, slope)
        uphill = along is not None and along > 0
        return Parameter(
            name=track.name,
            shape=size.shape or (),
            before=self._value(Draft(track.name, "parameter", "before", old)),
            after=self._value(Draft(track.name, "parameter", "after", new)),
            grad=None if grad is None else self._value(_operand(grad, track.name)),
            update=self._value(Draft(track.name, "parameter", "result", update)),
            ratio=ratio_of(moved, size),
            cosine=along,
            carried=carried_by(self._sums, old, new, slope, self._states) if uphill and slope is not None else "",
            turned=uphill and slope is not None and turned_by(self._steps, track.name, old, new, slope),
            frozen=track.frozen,
            held=held,
            used=used,
            cut=self._cuts.get(track.name),
            passed_over=track.passed_over - 1 if track.passed_over else None,
            between=track.between,
            behind=None if track.behind is None else track.behind.id,
            resting=self._resting(track),
            sparse=parts is not None and parts.sparse,
            lost=None if parts is None else parts.lost,
            term=self._terms.get(track.name),
        )

    def _resting(self, track: Track) -> Resting | None:
        """The optimizer that a parameter waits for, where nothing else moved it."""
        if not track.resting or track.moved or track.passed_over:
            return None
        site = self._steps_between.get(track.resting.rpartition(".")[2])
        return Resting(track.resting) if site is None else Resting(track.resting, site.line, site.file)

    @cached_property
    def _steps_between(self) -> dict[str, Site]:
        """Where optimizers take their steps between the iterations, by the last part of their names."""
        found: dict[str, Site] = {}
        for site in self._recorder.sites:
            statement = site
            while statement.parent is not None and statement.kind != "statement":
                statement = self._recorder.sites[statement.parent]
            if site.method == "step" and statement.phase == "between":
                found.setdefault(site.label.rpartition(".")[2], site)
        return found

    @cached_property
    def _cuts(self) -> dict[str, int]:
        return cut_off(self._recorder.happenings, self._recorder.tracker.tracks.values())

    def _remark_cuts(self) -> None:
        """Say it where a parameter that is meant to learn, since an optimizer has it, gets no gradient by a cut."""
        tracks, by_event = self._recorder.tracker.tracks, dict[int, list[str]]()
        for name, event in self._cuts.items():
            if tracks[name].passed_over:
                by_event.setdefault(event, []).append(name)
        for event, names in by_event.items():
            self._recorder.happenings[event].remark(f"{CUT}{_few(names)}")

    @cached_property
    def _terms(self) -> dict[str, int]:
        """By parameter the statement that adds a term of the loss which is cut off, where it is said."""
        found: dict[str, int] = {}
        for term in lost_terms(self._recorder.happenings, self._recorder.tracker.tracks):
            names, (at, by) = term.parameters, (term.added, term.cut)
            other = by.site.file if by.site.file != at.site.file else ""
            of = f" ({_few(names)})" if term.known else ""
            where = "here" if by is at else f"on {place(by.site.line, other)}"
            at.remark(f"{LOST}{term.label}, a term of the loss: it is cut off {where}{of}")
            found |= {name: at.id for name in names if name not in found}
        return found

    def _held(self, track: Track, grad: Draft | None) -> Held | None:
        """What a gradient that the script adds up held of earlier iterations; None where it held nothing, where
        autograd's engine tells, and where the record is not whole."""
        if grad is None or self._used.is_autograds(track) or not self._recorder.whole:
            return None
        if track.rows:
            return self._held_by_rows(track)
        end = track.updates[-1].id if track.updates else len(self._recorder.happenings)
        found = self._accumulations.of(grad, end)
        if found is None:
            return None
        return Held(self._value(found.before), self._value(found.after), found.first.id)

    def _held_by_rows(self, track: Track) -> Held | None:
        """The same of a nested list that is added to row by row. What began with zeros, or anew, held nothing."""
        rows = [
            (
                draft,
                None
                if draft is None
                else self._accumulations.of(draft, row.updates[-1].id if row and row.updates else 0),
            )
            for row, draft in zip(track.rows, self._used.by_rows(track, self._numpy), strict=True)
        ]
        whole = stacked(track.before.copy.engine, rows) if track.before.copy is not None else None
        if whole is None:
            return None
        row = next(found.before for _, found in rows if found)
        return Held(self._value(whole.before), self._value(whole.after), whole.first.id, self._value(row))

    @cached_property
    def _sums(self) -> list[Velocity]:
        """The running sums of gradients that the script keeps, and those of whose rows it keeps them."""
        return [*self._known.running_sums, *of_rows(self._known.running_sums)]

    @cached_property
    def _states(self) -> list[Velocity]:
        return carried_states(self._recorder.happenings)

    @cached_property
    def _accumulations(self) -> Accumulations:
        return Accumulations(self._recorder.happenings)

    def _gone_parameter(self, track: Track, old: Copy, new: Copy, grad: Draft | None, used: bool) -> Parameter:
        """A parameter of which only summaries are kept: its update cannot be told."""
        name = track.name
        return Parameter(
            name=name,
            shape=old.summary.shape or (),
            before=self._value(Draft(name, "parameter", "before", old)),
            after=self._value(Draft(name, "parameter", "after", new)),
            grad=None if grad is None else self._value(_operand(grad, name)),
            update=Value(name, "parameter", "result", Summary("other", old.summary.type), pooled=True),
            used=used,
            passed_over=track.passed_over - 1 if track.passed_over else None,
            between=track.between,
            behind=None if track.behind is None else track.behind.id,
        )

    def _scalar_parameter(
        self, track: Track, before: Draft, after: Draft, grad: Draft | None, held: Held | None
    ) -> Parameter | None:
        name = track.name
        old, new = value_of(before), value_of(after)
        if not isinstance(old, int | float) or not isinstance(new, int | float):
            return None
        moved = Summary(kind="scalar", type="float", value=float(new) - float(old))
        ratio = abs(float(new) - float(old)) / abs(float(old)) if old and math.isfinite(old) else None
        slope = None if grad is None else value_of(grad)
        anew = is_stepped_anew(track, self._recorder.happenings)
        along = _same_sign(float(new) - float(old), slope) if isinstance(slope, int | float) and not anew else None
        carried = ""
        if along == 1.0 and track.updates and isinstance(slope, int | float):
            carried = carried_number(self._recorder.happenings, track.updates[-1], float(slope))
        return Parameter(
            name=name,
            shape=(),
            before=self._value(Draft(name, "parameter", "before", before.copy, before.summary)),
            after=self._value(Draft(name, "parameter", "after", after.copy, after.summary)),
            grad=None if grad is None else self._value(_operand(grad, name)),
            update=self._value(Draft(name, "parameter", "result", None, moved)),
            ratio=ratio if ratio is not None and math.isfinite(ratio) else None,
            cosine=along,
            carried=carried,
            held=held,
            used=grad is not None,
            between=track.between,
            behind=None if track.behind is None else track.behind.id,
        )


def _few(names: Sequence[str]) -> str:
    more = f" and {len(names) - FEW} more" if len(names) > FEW else ""
    return f"{', '.join(names[:FEW])}{more}"


def _followed(track: Track) -> Draft | None:
    """What a backward pass left in a parameter's `.grad`, where the update reads such an attribute, whatever of
    (`params[k] -= lr * params[k].grad`) or is not seen into, and went exactly along it."""
    came, old, new = track.arrived, track.before.copy, (track.after or track.before).copy
    if not track.updates or came is None or came.copy is None or old is None or new is None:
        return None
    if any(each.gone for each in (came.copy, old, new)):
        return None
    named = any(".grad" in update.text or update.site.unseen for update in track.updates)
    along = cosine(old, new, came.copy) if named else None
    followed = along is not None and abs(along) > ALONG
    return Draft(f"{track.name}.grad", "gradient", "operand", came.copy) if followed else None


def _remark_spread(track: Track, grad: Draft) -> None:
    """Say it where one number is the gradient of many: it may have been summed over an axis too many."""
    whole, one, update = track.before.copy, grad.shape or (), track.updates[-1:]
    if whole is None or whole.engine.name == "python" or not update:
        return  # of lists the elements may have been moved one by one
    shape = whole.extents or ()
    if math.prod(shape) > 1 and math.prod(one) == 1:
        update[0].remark(f"{STRETCHED}{told_shape(one)} → {told_shape(shape)}, one number for all of {track.name}")


def _remark_whole(track: Track, grad: Draft) -> None:
    """Say it where a parameter of integers is stepped by what is none."""
    old, new = track.before.copy, track.after.copy if track.after is not None else None
    if not track.updates or old is None or new is None or grad.copy is None or grad.copy.gone:
        return
    whole, slope = old.outline.dtype or "", grad.copy.outline
    stays_whole = "int" in whole and new.outline.dtype == whole
    fraction = "float" in (slope.dtype or "") and not all(map(_is_whole, (slope.min, slope.max)))
    if stays_whole and fraction:
        track.updates[-1].remark(f"{WHOLE}{track.name} is {whole}: the fraction of its step is lost")


def _is_whole(number: float | None) -> bool:
    return number is None or float(number).is_integer()


def _unused(track: Track) -> Draft | None:
    """The gradient that came and that nothing used: as it was left, unless that is nothing, or zeros."""
    left = track.left.copy.outline if track.left is not None and track.left.copy is not None else None
    return track.left if left is not None and (left.largest or left.nonfinite) else track.arrived


def _same_sign(update: float, grad: float) -> float | None:
    """The cosine of two single numbers: 1 or −1."""
    product = update * grad
    return math.copysign(1.0, product) if product and math.isfinite(product) else None


def _operand(grad: Draft, name: str) -> Draft:
    when: When = "after" if grad.when == "after" and not grad.label else "operand"  # it was read by nothing
    return Draft(grad.label or f"{name}.grad", "gradient", when, grad.copy, grad.summary)


def _difference(old: Any, new: Any) -> Any:
    """new − old of two nested lists of the same shape."""
    if isinstance(old, list | tuple):
        return [_difference(a, b) for a, b in zip(old, new, strict=True)]
    return float(new) - float(old)
