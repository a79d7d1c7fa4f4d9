"""The search for the next stop, forward and backward through the iterations.

A stop is shown in a record. The next few iterations are recorded, one by one, and looked at; beyond them the script
runs at full speed, and stops by itself before a line that has a breakpoint. That iteration is then replayed, recorded.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from functools import cached_property

from stepper.inferior.protocol import Stop
from stepper.record import Asked, Event, Record, Spot
from stepper.session.findings.answers import Answers
from stepper.session.findings.navigation import Cursor

Reach = Callable[[int | None], Awaitable[Record | None]]
"""Have an iteration recorded (None: the setup, if that is), and the conditions asked in it; None where there is no such
iteration. May raise `Interrupted`."""
Find = Callable[[int], Awaitable[tuple[int, frozenset[Spot]] | None]]
"""The first iteration from this one on that comes to a breakpoint, found at full speed, and the lines that it stopped
before, be there a breakpoint by now or not; None where there is none."""
Passed = Callable[[int], Awaitable[list[int]]]
"""The iterations before this one that come to a breakpoint, in order, found by a replay at full speed."""


class Interrupted(Exception):
    """The search was called off."""


@dataclass(frozen=True)
class Sought:
    """What one looks for: the `stops` that hold now. `answers` say what came of their conditions."""

    stops: tuple[Stop, ...]
    answers: Answers = field(default_factory=Answers, compare=False)

    @cached_property
    def by_spot(self) -> dict[Spot, Stop]:
        """The stops by their lines."""
        return {stop.spot: stop for stop in self.stops}

    def and_of(self, spots: frozenset[Spot]) -> Sought:
        """With these lines as well, where nothing is sought on them yet."""
        more = tuple(Stop(spot) for spot in spots if spot not in self.by_spot)
        return replace(self, stops=(*self.stops, *more)) if more else self

    def asked(self, event: Event, record: Record) -> tuple[Stop, Asked | None] | None:
        """The stop on an event's line, and what came of its condition in this record; None where there is no stop."""
        stop = self.by_spot.get(record.spot(event)) if _comes_to(event) else None
        if stop is None:
            return None
        return stop, self.answers.of(record.iteration, stop.spot, stop.condition) if stop.condition else None

    def at(self, event: Event, record: Record) -> bool:
        """Whether a run stops at this event: before a statement, or where a function is called."""
        found = self.asked(event, record)
        if found is None:
            return False
        stop, asked = found
        if not stop.condition:
            return True
        return asked is not None and (event.id in asked.held or (event.id in asked.failed and not stop.told))

    def unasked(self, record: Record) -> bool:
        """Whether a condition has still to be asked in this iteration."""
        spots = {
            stop.spot
            for stop in self.stops
            if stop.condition and self.answers.of(record.iteration, stop.spot, stop.condition) is None
        }
        return bool(spots) and any(_comes_to(event) and record.spot(event) in spots for event in record.events)


def _comes_to(event: Event) -> bool:
    """Whether the run came to the event's line, where a breakpoint may be."""
    return event.kind in ("statement", "call") and not event.resumed


def first_stop(record: Record, sought: Sought, after: int = -1) -> int | None:
    """The first event behind `after` at which a run stops: a statement, or a call of a function."""
    return next((event.id for event in record.events[after + 1 :] if sought.at(event, record)), None)


def last_stop(record: Record, sought: Sought, before: int | None = None) -> int | None:
    """The last such event before `before` (None: of all)."""
    return next((event.id for event in reversed(record.events[:before]) if sought.at(event, record)), None)


async def ahead(
    cursor: Cursor,
    record: Record | None,
    seeking: Callable[[], Sought],
    reach: Reach,
    find: Find,
    near: Callable[[int], bool],
) -> Cursor | None:
    """The next stop after the cursor, which stands in `record`; None where the iterations end before one. What one is
    `seeking` may change meanwhile.

    An iteration that is `near` is recorded and looked at without being looked for. Where one was looked for, and its
    record does not come to a stop (the replay is another run), the answer is None as well.
    """
    iteration, event, sought = cursor.iteration, cursor.event, False
    stopped: frozenset[Spot] = frozenset()
    while True:
        found = first_stop(record, seeking().and_of(stopped), event) if record is not None else None
        if found is not None:
            return Cursor(iteration, found)
        if sought:
            return None
        following = 0 if iteration is None else iteration + 1
        sought = not near(following)
        if sought:
            at = await find(following)
            if at is None:
                return None
            following, stopped = at
        iteration, event = following, -1
        record = await reach(iteration)
        if record is None:
            return None


async def behind(
    cursor: Cursor,
    record: Record | None,
    seeking: Callable[[], Sought],
    reach: Reach,
    recorded: Callable[[int | None], Record | None],
    passed: Passed,
) -> Cursor | None:
    """The stop before the cursor; None where there is none since the script's beginning.

    What is `recorded`, and asked, is read backward, and so is what a single replay records of the iterations right
    before that. The latest stop before those is found by a replay at full speed; once more where what is sought has
    changed meanwhile. None as well where there are none any more.
    """
    found = last_stop(record, seeking(), max(0, cursor.event)) if record is not None else None
    if found is not None or cursor.iteration is None:
        return Cursor(cursor.iteration, found) if found is not None else None
    end, replayed = cursor.iteration, False
    while end > 0:
        known = recorded(end - 1)
        if known is None and not replayed:
            replayed, known = True, await reach(end - 1)
        if known is None:
            break
        end -= 1
        found = last_stop(known, seeking())
        if found is not None:
            return Cursor(end, found)
    sought: Sought | None = None
    while end > 0 and sought != seeking():
        sought = seeking()
        for iteration in reversed(await passed(end) if sought.stops else []):
            known = await reach(iteration)
            found = last_stop(known, seeking()) if known is not None else None
            if found is not None:
                return Cursor(iteration, found)
            if sought != seeking():
                break
    setup = await reach(None)
    found = last_stop(setup, seeking()) if setup is not None else None
    return Cursor(None, found) if found is not None else None
