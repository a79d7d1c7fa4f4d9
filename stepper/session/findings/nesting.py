"""The events of a record by what they lie in. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from stepper.record import Event


def nested(events: Iterable[Event]) -> dict[int | None, list[Event]]:
    """By the id of each event (None: of none), what lies directly inside it."""
    inside: dict[int | None, list[Event]] = {}
    for event in events:
        inside.setdefault(event.parent, []).append(event)
    return inside


def as_they_ended(inside: Mapping[int | None, list[Event]], parent: int | None = None) -> Iterator[Event]:
    """The events in the order in which they ended: what is inside an event goes first."""
    for event in inside.get(parent, ()):
        yield from as_they_ended(inside, event.id)
        yield event
