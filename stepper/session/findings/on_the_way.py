"""Which values a loss is computed from. Pure: reads records only."""

from __future__ import annotations

from collections.abc import Iterator

from stepper.record import Record, Value

Likeness = tuple[object, ...]


def on_the_way(record: Record) -> Iterator[Value]:
    """The values that a loss is computed from: the parameters, and what was made of them. The data is no such value,
    whatever a function calls it: float32 inputs of float64 weights round nothing that moves with these."""
    for parameter in record.parameters:
        yield parameter.before
    data = _data(record)
    for event in record.events:
        if event.phase in ("forward", "loss"):
            made = (value for value in event.values if value.role in ("activation", "loss"))
            yield from (value for value in made if value.role == "loss" or _likeness(value) not in data)


def _data(record: Record) -> set[Likeness]:
    """What is data, and what is made of nothing else and has its type: a slice, a batch that was padded. What has
    another type may have met parameters of a layer that the record does not look into."""
    data = {_likeness(value) for event in record.events for value in event.values if value.role == "data"}
    for event in record.events:
        read = [value for value in event.values if value.when == "operand" and value.summary.shape]
        if read and all(_likeness(value) in data for value in read):
            types = {value.summary.dtype for value in read}
            made = (value for value in event.values if value.when == "result" and value.summary.dtype in types)
            data.update(_likeness(value) for value in made if value.summary.shape)
    return data


def _likeness(value: Value) -> Likeness:
    """What a value has in common with itself under another name, or in another shape."""
    summary = value.summary
    return summary.dtype, summary.size, summary.min, summary.max, summary.norm
