"""Where something first became NaN or infinite in an iteration. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from stepper.record import Event, Value


def first_nonfinite(events: Sequence[Event], completion: Callable[[Event], tuple[int, int]]) -> int | None:
    """The event that was over first of those that made something NaN or infinite.

    One of which nothing is left, since all that was computed from it is finite again (the −∞ of a mask before a
    softmax), is it only where there is no other.
    """
    wrong = sorted((event for event in events if _made(event)), key=completion)
    if not wrong:
        return None
    over = _swallowed(events, wrong)
    return next((event.id for event in wrong if any(value.copy not in over for value in _made(event))), wrong[0].id)


def _made(event: Event) -> list[Value]:
    """What of that which an event made is not finite."""
    return [value for value in event.values if value.when in ("result", "after") and value.summary.nonfinite]


def _swallowed(events: Sequence[Event], wrong: Sequence[Event]) -> set[int | None]:
    """The copies that are not finite, and that led to finite values only: by events that read nothing else of the kind.
    `wrong` are the events that made some, in the order in which they were over."""
    readers: dict[int, list[Event]] = {}
    for event in events:
        read = {each.copy for each in event.values if each.when in ("operand", "before") and each.summary.nonfinite}
        if len(read) == 1 and any(each.when in ("result", "after") for each in event.values):
            (copy,) = read
            if copy is not None:
                readers.setdefault(copy, []).append(event)
    found: set[int | None] = set()
    for event in reversed(wrong):  # what was made of something is known before it
        for value in _made(event):
            known = readers.get(value.copy, []) if value.copy is not None else []
            left = [each.copy for reader in known for each in _made(reader) if each.copy != value.copy]
            is_loss = value.role == "loss" and value.summary.size == 1  # whatever is made of it: `isfinite(loss)`
            if known and not is_loss and found.issuperset(left):
                found.add(value.copy)
    return found
