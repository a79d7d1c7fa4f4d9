"""A record whose large values are counted later is filled in as their summaries come. Pure: answers a new record."""

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from stepper.record.events import Event, Gate, Held, Parameter, Record, Value
from stepper.record.summary import Summary

replace = msgspec.structs.replace


def ratio(update: Summary, before: Summary) -> float | None:
    """‖update‖ / ‖before‖ (L2) of two values; None where ‖before‖ is 0, or either is not finite or not known yet."""
    whole = update.nonfinite == 0 and before.nonfinite == 0 and update.counted is None and before.counted is None
    return (update.norm or 0.0) / before.norm if whole and before.norm else None


def filled(record: Record, summaries: Mapping[int, Summary]) -> Record:
    """The record with these summaries, by copy, in place of those it has; what they say nothing of is shared."""
    return _Filling(summaries).record(record)


@dataclass(frozen=True)
class _Filling:
    summaries: Mapping[int, Summary]

    def record(self, record: Record) -> Record:
        return replace(
            record,
            events=[self._event(event) for event in record.events],
            gates=[self._gate(gate) for gate in record.gates],
            parameters=[self._parameter(each) for each in record.parameters],
        )

    def _value(self, value: Value) -> Value:
        summary = self.summaries.get(value.copy) if value.copy is not None else None
        return value if summary is None else replace(value, summary=summary)

    def _perhaps(self, value: Value | None) -> Value | None:
        return None if value is None else self._value(value)

    def _event(self, event: Event) -> Event:
        if not any(value.copy in self.summaries for value in (*event.values, *event.moved)):
            return event
        values, moved = ([self._value(value) for value in held] for held in (event.values, event.moved))
        return replace(event, values=values, moved=moved)

    def _gate(self, gate: Gate) -> Gate:
        return replace(
            gate,
            h=self._value(gate.h),
            mask=self._value(gate.mask),
            grad_before=self._perhaps(gate.grad_before),
            grad_after=self._perhaps(gate.grad_after),
            share=self._perhaps(gate.share),
            closed=self._perhaps(gate.closed),
        )

    def _parameter(self, parameter: Parameter) -> Parameter:
        before, update = self._value(parameter.before), self._value(parameter.update)
        known = (before, update) == (parameter.before, parameter.update)
        return replace(
            parameter,
            before=before,
            after=self._value(parameter.after),
            grad=self._perhaps(parameter.grad),
            update=update,
            held=None if (held := parameter.held) is None else self._held(held),
            ratio=parameter.ratio if known else ratio(update.summary, before.summary),
        )

    def _held(self, held: Held) -> Held:
        before, after = self._value(held.before), self._value(held.after)
        return replace(held, before=before, after=after, row=self._perhaps(held.row))
