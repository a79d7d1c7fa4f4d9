"""What the recorder writes down while the script runs, before it is summarised: drafts of values, events and frames.

What there is much of is kept from the collector of cycles (`gc=False`), since it is never part of one: the script's own
collections are to find no more to go through than there is without us.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from functools import lru_cache
from types import CodeType
from typing import Any
from weakref import ref

import msgspec
from msgspec.structs import replace

from stepper.engines.base import Engine
from stepper.inferior.recording.copies import Copy
from stepper.program.sites import Site
from stepper.record import Detail, Kind, Phase, Role, Summary, When

Scalar = bool | int | float | str | None
Key = str | int | tuple[str | int, ...]  # of a dict, or a place in a list

READ, MADE = ("operand", "before"), ("result", "after")
"""When an event saw what it read, and what it made or changed."""


@lru_cache(maxsize=4096)
def holder_of(label: str) -> str:
    """The name whose element a label is: `hs` of `hs[t - 1]`; the label itself where it is no element."""
    name, opening, rest = label.partition("[")
    depth = 1 if opening else 0
    for letter in rest:
        if depth == 0 and letter not in ".[_" and not letter.isalnum():
            return label  # an expression, that only begins with one
        depth += (letter == "[") - (letter == "]")
    return name


def is_numbered(label: str) -> bool:
    """Whether a label is an element by a computed index (`y[i]`), and not by a key (`config["lr"]`)."""
    return label.endswith("]") and not label.endswith(("']", '"]')) and holder_of(label) != label


class Draft(msgspec.Struct, gc=False, eq=False):
    """A value as a probe saw it: a kept copy, or the summary of a scalar. Of a library's that has graphs of gradients,
    `graph` is 1 where it hangs in one, else 0, or -1 while gradients are switched off; `token` tells it from others,
    and two looks at the same memory have one `place`. `memory` is the number of where it lies, 0 where that is not
    known: the same for two that lie in one place at a time. `learnt`: the graph has shown that a parameter had a part
    in what the script's text calls data."""

    label: str
    role: Role
    when: When
    copy: Copy | None
    summary: Summary | None = None
    graph: int | None = None
    token: int = 0
    place: Hashable = None
    memory: int = 0
    learnt: bool = False

    @property
    def shape(self) -> tuple[int, ...] | None:
        """Its shape; None of a plain number."""
        return None if self.copy is None else (self.copy.described or self.copy.outline).shape

    def as_operand(self) -> Draft:
        """The same value, read by another event."""
        return replace(self, when="operand")

    def same_value(self, other: Draft) -> bool:
        """Whether both have the same bits, as far as sharing a copy or a scalar's value tells."""
        if self.copy is not None or other.copy is not None:
            return self.copy is other.copy
        return self.summary == other.summary


def is_list(draft: Draft) -> bool:
    """Whether a value is a list of Python's own numbers, as deep as it may be."""
    return draft.copy is not None and draft.copy.engine.name == "python" and bool(draft.copy.outline.shape)


class Known:
    """What is known of an object that was seen: what it was called, its role, and whether this pass made it."""

    __slots__ = ("_reference", "label", "made", "role")

    def __init__(self, value: Any, label: str, role: Role, made: bool) -> None:
        self.label = label
        self.role = role
        self.made = made
        self._reference: Callable[[], Any] | None
        try:
            self._reference = ref(value)
        except TypeError:
            self._reference = None  # a list, say: it cannot be told from another at the same address

    def means(self, value: Any) -> bool:
        """Whether it is `value`, and not an object gone since that lay at the same address."""
        return self._reference is None or self._reference() is value


class Tokens:
    """Numbers for objects, each its own as long as it is there."""

    def __init__(self) -> None:
        self._held: dict[int, tuple[ref[Any], int, Hashable]] = {}
        self._count = 0

    def of(self, value: Any, place: Callable[[Any], Hashable]) -> tuple[int, Hashable]:
        """The number of an object, and where it lay when it was first seen."""
        held = self._held.get(id(value))
        if held is None or held[0]() is not value:
            self._count += 1
            held = self._held[id(value)] = (ref(value), self._count, place(value))
        return held[1:]


class Happening(msgspec.Struct, gc=False, eq=False):
    """An event while it happens. Times are `perf_counter_ns`; `ended` 0 until it is over. `beside` is what other names
    hold since what they share with one that it changed is another."""

    id: int
    parent: int | None
    kind: Kind
    phase: Phase
    site: Site
    text: str
    occurrence: int
    function: str
    drafts: list[Draft] = []
    beside: list[Draft] = []
    error: str | None = None
    started: int = 0
    ended: int = 0
    output: tuple[int, int] = (-1, -1)
    detail: Detail | None = None
    note: str = ""
    resumed: bool = False

    def remark(self, text: str) -> None:
        """Add a remark, unless it was made already."""
        if text and text not in self.note:
            self.note += f"; {text}" if self.note else text


def has_lists(happenings: Iterable[Happening]) -> bool:
    """Whether any of these events has seen a list of numbers."""
    return any(is_list(draft) for happening in happenings for draft in happening.drafts)


class Operated(msgspec.Struct, gc=False, eq=False):
    """One run of an operation that the gates are looked for in: its operands and its result, as they were."""

    event: Happening
    site: Site
    operands: list[Draft | Scalar]
    result: Draft | None


class Watched:
    """An object that the current statement is about to change in place.

    `peek`: it is what `value` keeps under this attribute; `key`: under this subscript.
    """

    __slots__ = ("before", "key", "label", "peek", "role", "value")

    def __init__(
        self,
        label: str,
        role: Role,
        value: Any,
        before: Draft | None,
        peek: str | None = None,
        key: Key | None = None,
    ) -> None:
        self.label = label
        self.role: Role = role
        self.value = value
        self.before = before
        self.peek = peek
        self.key = key

    @property
    def is_name(self) -> bool:
        """Whether it is the object itself that is changed, and nothing that it keeps."""
        return self.peek is None and self.key is None


class Frame:
    """A frame of the script's code that probes were met in.

    `call` is the event of the call into it (None: the module or whatever ran before the record began). `open` holds
    the events that are happening in it, outermost first: a statement, then what engines opened inside it.
    `compounds` gives the latest event of each compound statement, the parent of the statements nested in it.
    `pending` holds what sub-expressions have read or computed, until the expression around them is an event itself.
    `latest` is the last value seen at each site. `called` are the calls under way that change something by an engine's
    knowledge: the engine, the receiver and the method. `keyed` are the containers that wait for the key which something
    is about to be stored under.
    """

    __slots__ = ("call", "called", "code", "compounds", "keyed", "latest", "open", "pending", "phase", "watched")

    def __init__(self, code: CodeType, call: Happening | None, phase: Phase | None) -> None:
        self.code = code
        self.call = call
        self.phase = phase
        self.open: list[Happening] = []
        self.compounds: dict[int, Happening] = {}
        self.pending: dict[int, list[Draft]] = {}
        self.latest: dict[int, Draft | Scalar] = {}
        self.watched: list[Watched] = []
        self.keyed: dict[int, Any] = {}
        self.called: list[tuple[Engine, Any, str]] = []

    @property
    def innermost(self) -> Happening | None:
        """What is happening now: the innermost open event, or the call into this frame."""
        return self.open[-1] if self.open else self.call


def value_of(draft: Draft) -> bool | int | float | str | None:
    """The value of a scalar, be it Python's or one that an engine keeps (`np.float64`)."""
    if draft.copy is not None:
        return None if draft.copy.gone else draft.copy.engine.number(draft.copy.kept)
    return draft.summary.value if draft.summary is not None else None
