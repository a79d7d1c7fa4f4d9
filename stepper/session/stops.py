"""The search for the next stop, forward and backward through the iterations.

A stop is shown in a record. The next few iterations are recorded, one by one, and looked at; beyond them the script
runs at full speed, and stops by itself before a line that has a breakpoint. That iteration is then replayed, recorded.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from stepper.record import Event, Record, Spot
from stepper.session.navigation import Cursor

Spots = Callable[[], frozenset[Spot]]
"""The lines that have a breakpoint now: they may change while the script runs."""
Reach = Callable[[int], Awaitable[Record | None]]
"""Have an iteration recorded; None where there is no such iteration. May raise `Interrupted`."""
Find = Callable[[int], Awaitable[tuple[int, frozenset[Spot]] | None]]
"""The first iteration from this one on that comes to a breakpoint, found at full speed, and the lines that it stopped
before, be there a breakpoint by now or not; None where there is none."""
Passed = Callable[[int], Awaitable[list[int]]]
"""The iterations before this one that come to a breakpoint, in order, found by a replay at full speed."""


class Interrupted(Exception):
    """The search was called off."""


def first_stop(record: Record, spots: frozenset[Spot], after: int = -1) -> int | None:
    """The first event behind `after` that begins on one of these lines: a statement, or a call of a function there."""
    return next((event.id for event in record.events[after + 1 :] if _stops(event, spots, record)), None)


def last_stop(record: Record, spots: frozenset[Spot], before: int | None = None) -> int | None:
    """The last such event before `before` (None: of all)."""
    return next((event.id for event in reversed(record.events[:before]) if _stops(event, spots, record)), None)


def _stops(event: Event, spots: frozenset[Spot], record: Record) -> bool:
    return event.kind in ("statement", "call") and record.spot(event) in spots


async def ahead(
    cursor: Cursor, record: Record | None, spots: Spots, reach: Reach, find: Find, near: Callable[[int], bool]
) -> Cursor | None:
    """The next stop after the cursor, which stands in `record`; None where the iterations end before one.

    An iteration that is `near` is recorded and looked at without being looked for. Where one was looked for, and its
    record does not come to a stop (the replay is another run), the answer is None as well.
    """
    iteration, event, sought = cursor.iteration, cursor.event, False
    stopped: frozenset[Spot] = frozenset()
    while True:
        found = first_stop(record, spots() | stopped, event) if record is not None else None
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
    spots: Spots,
    reach: Reach,
    recorded: Callable[[int | None], Record | None],
    passed: Passed,
) -> Cursor | None:
    """The stop before the cursor; None where there is none since the script's beginning.

    What is `recorded` is read backward, and so is what a single replay records of the iterations right before that. The
    latest stop before those is found by a replay at full speed; once more where the lines have changed meanwhile. None
    as well where there are none any more.
    """
    found = last_stop(record, spots(), max(0, cursor.event)) if record is not None else None
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
        found = last_stop(known, spots())
        if found is not None:
            return Cursor(end, found)
    sought: frozenset[Spot] | None = None
    while end > 0 and sought != spots():
        sought = spots()
        for iteration in reversed(await passed(end) if sought else []):
            known = await reach(iteration)
            found = last_stop(known, spots()) if known is not None else None
            if found is not None:
                return Cursor(iteration, found)
            if sought != spots():
                break
    setup = recorded(None)
    found = last_stop(setup, spots()) if setup is not None else None
    return Cursor(None, found) if found is not None else None
