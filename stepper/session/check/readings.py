"""Which of the losses of an iteration a gradient may be that of. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from stepper.session.check.finite_difference import Losses, Reading

FEW = 8  # losses of an iteration whose sums are looked at


def last(losses: Losses) -> float:
    return losses[-1]


def readings(count: int, grown: frozenset[int] = frozenset()) -> list[tuple[Reading, str]]:
    """What a gradient may be that of, and in words what that is: the last loss; where there are several, their sum, or
    that of some in a row (a backward pass of each adds to the gradients, which may be used in between), or one of the
    last (a mean over iterations may come behind it). A loss that has `grown` from the one before holds that already,
    and is not added to it."""
    if count <= FEW:
        runs = [(first, end) for first in range(count) for end in range(count, first, -1)]
    else:
        runs = [(0, count), *((place, place + 1) for place in range(count - 2, count - FEW, -1))]
    runs = [(first, end) for first, end in runs if grown.isdisjoint(range(first + 1, end))]
    others = [(first, end) for first, end in runs if (first, end) != (count - 1, count)]
    return [(last, ""), *((of_run(first, end), _called(first, end, count)) for first, end in others)]


def known(count: int, places: Sequence[int]) -> list[tuple[Reading, str]]:
    """The same of a gradient that is known to be that of the losses at these places."""
    if len(places) > 1 and places[-1] - places[0] >= len(places):
        named = ", ".join(str(place + 1) for place in places)
        return [(of(places), f"the sum of losses {named} of {count}")]
    first, end = places[0], places[-1] + 1
    return [(last, "")] if first == count - 1 else [(of_run(first, end), _called(first, end, count))]


def _called(first: int, end: int, count: int) -> str:
    if end - first == count:
        return f"the sum of its {count} losses"
    if end - first == 1:
        return f"loss {end} of {count}"
    return f"the sum of losses {first + 1} to {end} of {count}"


def of_run(first: int, end: int) -> Reading:
    """The sum of the losses from `first` on, before `end`."""

    return of(range(first, end))


def of(places: Sequence[int]) -> Reading:
    """The sum of the losses at these places, in their order."""

    def read(losses: Losses) -> float:
        if len(losses) <= places[-1]:
            raise LookupError("there were fewer losses")
        return sum(losses[place] for place in places)

    return read


def one_of(several: tuple[tuple[Reading, str], ...], agreed: tuple[Reading, str]) -> tuple[tuple[Reading, str], ...]:
    """What the gradients may be that of when one of them is: no more than one of these, or a factor between the
    gradients of two parameters would be right."""
    return (agreed,) if agreed in several else several
