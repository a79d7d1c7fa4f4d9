"""The gates of a finished record: each with its mask, its counts, its dead units, and both its gradients."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

from stepper.engines import masks
from stepper.engines.arrays import numpy_module
from stepper.engines.base import Engine, GateSeen
from stepper.inferior.gates.by_hand import CUTS, by_hand
from stepper.inferior.gates.origins import Origins
from stepper.inferior.recording.copies import Copy
from stepper.inferior.recording.drafts import Draft
from stepper.inferior.recording.recorder import Recorder
from stepper.record import Gate, Summary, Units, Value, When

HALF = 0.5  # of a gradient, that a soft gate passes at least where it counts as open


class FinishedGates:
    """Makes them of what a recorder wrote down for one record. `numpy` is the engine for arrays of our own; `value`
    makes what travels of a draft."""

    def __init__(self, recorder: Recorder, numpy: Engine, value: Callable[[Draft], Value]) -> None:
        self._recorder = recorder
        self._numpy = numpy
        self._value = value

    def all(self) -> list[Gate]:
        """In the order in which they opened: those that engines have seen, and those that the script writes by hand."""
        recorder = self._recorder
        seen = (gate for gate in recorder.gates if not self._is_bound_behind(gate))
        found: list[tuple[GateSeen, Any]] = [(gate, None) for gate in seen]
        try:
            by_itself = by_hand(recorder.operated, recorder.gates, recorder.no_gates, recorder.happenings)
            found += [pair for pair in by_itself if pair[0].before is not None or not self._has_no_gradient(pair[0])]
        except (RuntimeError, MemoryError) as error:  # a device that is full, or has failed
            recorder.fault(error)
        found.sort(key=lambda pair: pair[0].event)
        gates = []
        for gate, blocked in found:
            if gate.h is None or (gate.h.gone and gate.share is not None):
                continue
            try:
                gate.layer = gate.layer or self._origins.layer_of(gate.h)
                gates.append(self._of_summary(gate) if gate.h.gone else self._of_numbers(gate, blocked))
            except (RuntimeError, MemoryError) as error:  # a device that is full, or has failed
                recorder.fault(error)
        return gates

    def _has_no_gradient(self, gate: GateSeen) -> bool:
        """Whether no gradient could come to it: torch has none of integers, and neither a parameter nor data that are
        kept within bounds (`w.data.clamp_(0, 1)`, `torch.clamp(image + noise, 0, 1)`) are activations."""
        if gate.h is None or gate.h.gone:
            return False
        whole = gate.h.engine.name == "torch" and masks.kind(gate.h.engine.numbers(gate.h.kept)) in "iub"
        return whole or gate.h in self._stepped or (gate.op in CUTS and gate.h in self._given)

    def _is_bound_behind(self, gate: GateSeen) -> bool:
        """Whether a value is kept within bounds behind the loss, and no gradient came to it: an image that its own
        gradient has moved (`torch.clamp(image + eps * image.grad.sign(), 0, 1)`)."""
        happenings = self._recorder.happenings
        known = gate.op in CUTS and gate.before is None and 0 <= gate.event < len(happenings)
        return known and happenings[gate.event].phase in ("backward", "update")

    @cached_property
    def _given(self) -> set[Copy]:
        """What is data where autograd would take gradients of it, and hangs in no graph."""
        drafts = (draft for each in self._recorder.happenings for draft in each.drafts if draft.graph == 0)
        return {draft.copy for draft in drafts if draft.role == "data" and draft.copy is not None}

    @cached_property
    def _stepped(self) -> set[Copy]:
        """What parameters were, before or behind what moved them."""
        drafts = (draft for each in self._recorder.happenings for draft in each.drafts if draft.role == "parameter")
        return {draft.copy for draft in drafts if draft.copy is not None}

    @cached_property
    def _origins(self) -> Origins:
        recorder = self._recorder
        return Origins(recorder.operated, recorder.happenings, recorder.tracker.tracks.values())

    def _of_summary(self, gate: GateSeen) -> Gate:
        """A gate of whose input only the summary is kept: its counts are still those of the operation's rule, and which
        of its units are dead is not known."""
        summary: Summary = gate.h.summary
        blocked = (summary.negative or 0) + (summary.neginf or 0)
        blocked += (summary.zero or 0) if gate.rule == "h <= 0" else 0
        blocked += (summary.nan or 0) if gate.rule not in ("h < 0", "h <= 0") else 0
        shape = summary.shape or ()
        axis = _axis(gate, len(shape))
        mask = Value(f"mask of {gate.label}", "other", "result", Summary("other", "bool"), pooled=True)
        along = _along(gate, len(shape))
        layer = Units(along, shape[along], [], gate.layer.name) if gate.layer is not None else None
        counts = {"active": summary.size - blocked, "blocked": blocked, "units": shape[axis] if shape else 1}
        return self._gate(gate, axis=axis, dead_units=[], layer=layer, mask=mask, **counts)

    def _of_numbers(self, gate: GateSeen, blocked: Any) -> Gate:
        h: Copy = gate.h
        values = h.engine.numbers(h.kept)
        shares = self._shares(gate)
        if shares is not None:
            blocked = shares.engine.numbers(shares.kept) == 0
        elif blocked is None:
            blocked = _blocked(gate, values)
        axis, layer = _axis(gate, values.ndim), None
        dead = _dead(blocked, values, axis)
        if gate.layer is not None:
            along = _along(gate, values.ndim)
            found = dead if along == axis else _dead(blocked, values, along)
            layer = Units(along, values.shape[along], found, gate.layer.name)
        count = masks.count(blocked)
        closed = _closed(shares) if shares is not None and gate.soft else None
        return self._gate(
            gate,
            axis=axis,
            active=masks.size(values) - count,
            blocked=count,
            dead_units=dead,
            units=values.shape[axis] if values.ndim else 1,
            mask=self._result(f"mask of {gate.label}", self._mask(blocked, h)),
            attenuated=masks.count(closed) - count if closed is not None else 0,
            share=None if shares is None else self._result(f"share of {gate.label}", shares),
            closed=None if closed is None else self._result(f"closed entries of {gate.label}", self._mask(closed, h)),
            layer=layer,
        )

    def _gate(self, gate: GateSeen, **found: Any) -> Gate:
        """A gate with what an engine, or the search, knows of it, beside what was found."""
        happenings = self._recorder.happenings
        site = happenings[gate.event].site if 0 <= gate.event < len(happenings) else None
        return Gate(
            label=gate.label,
            op=gate.op,
            event=gate.event,
            line=site.line if site is not None else 0,
            file=site.file if site is not None else "",
            h=self._value(Draft(gate.label, "activation", "operand", gate.h)),
            grad_before=self._gradient("before", gate.before, gate.before_label, gate.label),
            grad_after=self._gradient("after", gate.after, gate.after_label, gate.label),
            soft=gate.soft,
            note=gate.note,
            **found,
        )

    def _result(self, label: str, copy: Copy) -> Value:
        return self._value(Draft(label, "other", "result", copy))

    def _gradient(self, when: When, copy: Copy | None, known: str, label: str) -> Value | None:
        if copy is None:
            return None
        return self._value(Draft(known or self._names.get(copy) or f"{label}.grad", "gradient", when, copy))

    @cached_property
    def _names(self) -> dict[Copy, str]:
        """What each value was called when it was first made."""
        found: dict[Copy, str] = {}
        for happening in self._recorder.happenings:
            for draft in happening.drafts:
                if draft.copy is not None and draft.when != "before":
                    found.setdefault(draft.copy, draft.label)
        return found

    def _mask(self, entries: Any, h: Copy) -> Copy:
        """A copy of bools over a gate's input, where they lie."""
        if not masks.on_host(entries):
            return Copy(h.engine, h.engine.made(entries))
        numpy = numpy_module()
        return Copy(self._numpy, numpy.ascontiguousarray(entries).reshape(entries.shape))

    def _shares(self, gate: GateSeen) -> Copy | None:
        """The share of each entry's gradient that a gate's operation passes; None where it opens and shuts by rule."""
        share = gate.share
        if share is None:
            return None
        passed = share(gate.h.kept)
        engine: Engine = self._numpy if masks.on_host(passed) else gate.h.engine
        return Copy(engine, engine.keep(passed))


def _closed(shares: Copy) -> Any:
    """Where a soft gate passes little of a gradient."""
    numpy = numpy_module()
    with numpy.errstate(all="ignore"):
        return abs(shares.engine.numbers(shares.kept)) < HALF


def _blocked(gate: GateSeen, h: Any) -> Any:
    """Where the rule of the operation stops the gradient. A `backward` by hand (`by hand`) may do as it likes at
    zero and at NaN: what it did there is in the gradients themselves, where some came in."""
    numpy = numpy_module()
    with numpy.errstate(all="ignore"):
        if gate.rule == "h < 0":
            return h < 0
        if gate.rule == "h <= 0":
            return h <= 0
        if gate.rule != "by hand":
            return ~(h >= 0)
        if any(copy is None or copy.gone for copy in (gate.before, gate.after)):
            return h < 0
        h, before, after = masks.alike(gate.h, gate.before, gate.after)
        if not before.shape == after.shape == h.shape:
            return h < 0
        return (h < 0) | (~(h < 0) & ~(h > 0) & (after == 0) & (before != 0))


def _axis(gate: GateSeen, axes: int) -> int:
    """The axis that the contract names: the last, and that of the channels for convolutions."""
    if gate.axis is not None:
        return gate.axis
    if gate.layer is not None:
        return axes + gate.layer.axis if gate.layer.channels else axes - 1
    return 1 if axes >= 4 else max(0, axes - 1)


def _along(gate: GateSeen, axes: int) -> int:
    """The axis along which the units of the layer lie that made a gate's input; the last where none is known."""
    return axes + gate.layer.axis if gate.layer is not None else axes - 1


def _dead(blocked: Any, h: Any, axis: int) -> list[int]:
    """The places along this axis that are blocked throughout."""
    stopped = masks.every(blocked, tuple(index for index in range(h.ndim) if index != axis))
    return masks.places(stopped) if masks.size(h) else []
