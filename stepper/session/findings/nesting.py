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
    waiting: list[tuple[Event | None, Iterator[Event]]] = [(None, iter(inside.get(parent, ())))]
    while waiting:  # a script may call itself as deep as Python can
        event, within = waiting[-1]
        inner = next(within, None)
        if inner is not None:
            waiting.append((inner, iter(inside.get(inner.id, ()))))
            continue
        waiting.pop()
        if event is not None:
            yield event


def within(inside: Mapping[int | None, list[Event]], event: Event) -> Iterator[Event]:
    """An event, and all that is inside it, in order."""
    waiting = [event]
    while waiting:
        each = waiting.pop()
        yield each
        waiting += reversed(inside.get(each.id, ()))
