"""What is known of one parameter in an iteration, and what a probe saw of a value that may be one."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, NamedTuple

from stepper.engines.layout import Layout
from stepper.inferior.recording.drafts import Draft, Happening
from stepper.record import Role


class Track:
    """One parameter in this iteration. `value` is the object last seen under its name; a number that an object keeps
    in an attribute is known by that object, its `owner`."""

    def __init__(self, name: str, label: str, value: Any, before: Draft, owner: Any) -> None:
        self.name = name
        self.label = label
        self.path: str | None = None
        self.value = value
        self.previous = value  # what stood there until the store that follows has happened
        self.owner = owner
        self.before = before
        self.after: Draft | None = None
        self.grad: Draft | None = None
        self.returned: Draft | None = None
        self.arrived: Draft | None = None  # what the last backward pass left in its `.grad`
        self.left: Draft | None = None  # what is there at the end, of one that no optimizer has taken
        self.passed_over = 0  # so many events had begun when an optimizer did, which had no gradient of it
        self.updates: list[Happening] = []
        self.in_place = False  # one of them changed what was there, and did not only bind another value
        self.fresh = False  # this pass made what was first seen of it: a copy, perhaps, that is stepped
        self.apart = False  # what it is called does not tell it from what another object keeps
        self.asked = False  # for its gradient only: an input
        self.tried: list[Happening] = []  # those of them that stored in a copy of the list that it lies in
        self.rows: list[Track | None] = []  # of a nested list whose rows were changed one by one; None: not even read
        self.views: list[View] = []  # through which it was changed, by names of their own: `row = w[i]`
        self.frozen = False  # no gradient is asked for
        self.place: Hashable = None  # where it lies, of one that no gradient came to
        self.certain = False  # an engine says that it is a parameter; else it is one by what the script does to it
        self.between = False  # it was moved behind the pass only, and this is what moved it there
        self.behind: Happening | None = None  # what moved it behind the pass last
        self.resting = ""  # the optimizer that has it, where that took no step in the pass

    @property
    def moved(self) -> bool:
        """Whether something changed it, or used a gradient of it to do so."""
        after = self.after or self.before
        return bool(self.updates) or self.grad is not None or not after.same_value(self.before)


class View(NamedTuple):
    """A part of a parameter that was changed under a name of its own: how both lie in memory, and what became of it."""

    whole: Layout
    part: Layout
    track: Track


class Look(NamedTuple):
    """A value that passed a probe under a `label`; `bare` is that without a `.data` which is only another way to it.

    `made`: it was bound or changed there, in `event`. `owner` is the object that keeps a number in an attribute.
    `fresh`: the value was made in this pass.
    """

    label: str
    bare: str
    role: Role
    value: Any
    draft: Draft
    made: bool
    event: Happening | None
    owner: Any
    fresh: bool

    @property
    def whole(self) -> bool:
        """Whether it is an object, with a copy; else a number, which is its name's or its owner's."""
        return self.draft.copy is not None

    @property
    def bound(self) -> bool:
        """Whether a name was bound to it."""
        return self.made and self.draft.when == "result"

    @property
    def changed(self) -> bool:
        """Whether it was changed in place."""
        return self.made and self.draft.when == "after" and self.event is not None
