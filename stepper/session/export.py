"""The record as strict JSON: what `trace --format json` prints, and what other programs read."""

from __future__ import annotations

import math
import struct
from typing import Any

import msgspec

from stepper.record import (
    Array,
    Backward,
    Contribution,
    Event,
    Gate,
    ModuleCall,
    OptimizerStep,
    Parameter,
    Summary,
    Units,
    Value,
)
from stepper.session.headless import DATA_ELEMENTS, Trace, Watched

FORMAT = 1
_CODES = {
    "float64": "d",
    "float32": "f",
    "float16": "e",
    "int64": "q",
    "int32": "i",
    "int16": "h",
    "int8": "b",
    "uint64": "Q",
    "uint32": "I",
    "uint16": "H",
    "uint8": "B",
    "bool": "?",
}
_COMPLEX = {"complex64": "float32", "complex128": "float64"}


def trace_document(trace: Trace, values: bool = False) -> dict[str, Any]:
    """The whole trace as plain dicts and lists. `values`: with the data of values of at most 4,096 elements.

    Non-finite numbers are the strings "nan", "inf" and "-inf".
    """
    writer = _Writer(trace, values)
    record = trace.record
    return {
        "format": FORMAT,
        "versions": trace.versions,
        "target": trace.target,
        "engines": trace.engines,
        "device": trace.device,
        "threads": trace.threads,
        "seed": trace.seed,
        "settings": {name: number(value) for name, value in trace.settings.items()},
        "what_if": [{"iteration": each.iteration, "statement": each.statement} for each in trace.what_if],
        "iteration": record.iteration,
        "loss": number(record.loss),
        "losses": [number(loss) for loss in record.losses],
        "losses_behind": [number(loss) for loss in record.losses_behind],
        "events": [writer.event(event) for event in record.events],
        "gates": [writer.gate(gate) for gate in record.gates],
        "parameters": [writer.parameter(parameter) for parameter in record.parameters],
        "watched": [writer.watched(each) for each in trace.watched],
        "error": record.error,
        "faults": record.faults,
        "truncated": record.truncated,
    }


def number(value: Any) -> Any:
    """A value that strict JSON can hold: a non-finite float becomes its name, a complex number a pair."""
    if isinstance(value, complex):
        return [number(value.real), number(value.imag)]
    if isinstance(value, float) and not math.isfinite(value):
        return "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"
    return value


def elements(array: Array) -> list[Any]:
    """The elements of an array, in C order. Raises LookupError for a dtype that has no plain numbers."""
    parts = _COMPLEX.get(array.dtype)
    code = _CODES.get(parts or array.dtype)
    if code is None:
        raise LookupError(f"values of dtype {array.dtype} are not shown as numbers")
    count = len(array.data) // struct.calcsize(f"<{code}")
    numbers = struct.unpack(f"<{count}{code}", array.data)
    if parts is not None:
        return [complex(real, imaginary) for real, imaginary in zip(numbers[::2], numbers[1::2], strict=True)]
    return list(numbers)


def nested(flat: list[Any], shape: tuple[int, ...]) -> Any:
    """A flat list as nested lists of the given shape; a 0-d one is its only element."""
    if not shape:
        return flat[0] if flat else None
    if len(shape) == 1:
        return flat
    step = len(flat) // shape[0] if shape[0] else 0
    return [nested(flat[index * step : (index + 1) * step], shape[1:]) for index in range(shape[0])]


class _Writer:
    def __init__(self, trace: Trace, values: bool) -> None:
        self._trace = trace
        self._values = values

    def event(self, event: Event) -> dict[str, Any]:
        values = [self.value(value) for value in event.values]
        return {
            "id": event.id,
            "parent": event.parent,
            "kind": event.kind,
            "phase": event.phase,
            "file": event.file,
            "line": event.line,
            "column": event.column,
            "end_line": event.end_line,
            "end_column": event.end_column,
            "occurrence": event.occurrence,
            "text": event.text,
            "values": values,
            "error": event.error,
            "function": event.function,
            "duration_ns": event.duration,
            "note": event.note,
            **_detail(event, values),
        }

    def gate(self, gate: Gate) -> dict[str, Any]:
        return {
            "label": gate.label,
            "op": gate.op,
            "event": gate.event,
            "file": gate.file or self._trace.record.home,
            "line": gate.line,
            "axis": gate.axis,
            "h": self.value(gate.h),
            "grad_before": self.optional(gate.grad_before),
            "grad_after": self.optional(gate.grad_after),
            "active": gate.active,
            "blocked": gate.blocked,
            "dead_units": gate.dead_units,
            "units": gate.units,
            "mask": self.value(gate.mask),
            "soft": gate.soft,
            "attenuated": gate.attenuated,
            "share": self.optional(gate.share),
            "closed": self.optional(gate.closed),
            "layer": None if gate.layer is None else _units(gate.layer),
            "note": gate.note,
        }

    def parameter(self, parameter: Parameter) -> dict[str, Any]:
        return {
            "name": parameter.name,
            "shape": list(parameter.shape),
            "before": self.value(parameter.before),
            "after": self.value(parameter.after),
            "grad": self.optional(parameter.grad),
            "update": self.value(parameter.update),
            "ratio": number(parameter.ratio),
            "cosine": number(parameter.cosine),
            "held": None if (held := parameter.held) is None else self.value(held.before),
            "used": parameter.used,
            "cut": parameter.cut,
            "between": parameter.between,
            "behind": parameter.behind,
            "resting": None if parameter.resting is None else parameter.resting.optimizer,
        }

    def watched(self, each: Watched) -> dict[str, Any]:
        return {
            "expression": each.expression,
            "value": self.optional(each.value),
            "problem": each.problem or None,
        }

    def optional(self, value: Value | None) -> dict[str, Any] | None:
        return None if value is None else self.value(value)

    def value(self, value: Value) -> dict[str, Any]:
        document: dict[str, Any] = {
            "label": value.label,
            "role": value.role,
            "when": value.when,
            "summary": _summary(value.summary),
            **({"pooled": True} if value.pooled else {}),
        }
        if self._values:
            if value.summary.kind == "scalar":
                document["data"] = number(value.summary.value)
            elif value.copy is not None and value.summary.size <= DATA_ELEMENTS:
                array = self._trace.array(value.copy)
                if array is not None and (array.dtype in _CODES or array.dtype in _COMPLEX):
                    flat = [number(element) for element in elements(array)]
                    document["data"] = nested(flat, array.shape)
        return document


def _units(units: Units) -> dict[str, Any]:
    return {"axis": units.axis, "units": units.count, "dead_units": units.dead, "made_by": units.made_by}


def _detail(event: Event, values: list[dict[str, Any]]) -> dict[str, Any]:
    """The fields that only events of this kind have."""
    detail = event.detail
    if isinstance(detail, Backward):
        return {
            "node": detail.node,
            "creator": detail.creator,
            "earlier": detail.earlier,
            "grad_in": [{"target": flow.target, **values[flow.value]} for flow in detail.grad_in],
            "grad_out": [{"target": flow.target, **values[flow.value]} for flow in detail.grad_out],
            "formula": detail.formula,
        }
    if isinstance(detail, Contribution):
        return {"parameter": detail.parameter, "use": detail.use, "backward": detail.backward}
    if isinstance(detail, ModuleCall):
        return {
            "path": detail.path,
            "call": detail.call,
            "training": detail.training,
            "unlike_training": detail.unlike_training,
        }
    if isinstance(detail, OptimizerStep):
        return {
            "parameter": detail.parameter,
            "rule": detail.rule,
            "state": {
                name: {
                    "before": None if around.before is None else values[around.before],
                    "after": None if around.after is None else values[around.after],
                }
                for name, around in detail.state.items()
            },
            "update": None if detail.update is None else values[detail.update],
            "deviation_ulp": detail.deviation_ulp,
            "step_size": number(detail.step_size),
            "group": detail.group,
            "terms": {name: values[place] for name, place in detail.terms.items()},
        }
    return {}


UNTOLD = frozenset(("value", "counted"))  # a scalar's value has a form of its own; what is told is counted wholly


def _summary(summary: Summary) -> dict[str, Any]:
    fields = {name: number(getattr(summary, name)) for name in summary.__struct_fields__ if name not in UNTOLD}
    fields["shape"] = None if summary.shape is None else list(summary.shape)
    if summary.kind == "scalar":
        fields["value"] = number(summary.value)
    return fields


def encode(document: dict[str, Any]) -> bytes:
    """The document as UTF-8 JSON, indented."""
    return msgspec.json.format(msgspec.json.encode(document), indent=1)
