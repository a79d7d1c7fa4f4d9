"""The pieces of the data-flow walk: places, definitions, values and the state between two statements.

A *place* is a name in its scope or an attribute (by its name, whatever the object). A *definition* is one way a place
got its value during a pass; a `start` is the value it had when the pass began. Definitions form a graph: `deps` is
what the value was computed from, `own` the earlier value that an in-place change kept.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

Place = tuple[int, str]
FIELD = -1
GRAD: Place = (FIELD, "grad")
Loops = frozenset[int]
Root = tuple[Place, Loops]
DefinitionKind = Literal["start", "bind", "change", "target", "parameter"]


@dataclass(eq=False)
class Definition:
    """One value of a place. `selected`: the loops whose target picks what is changed; `loops`: the loops around it,
    inside the pass; `alias`: the value is another place's very value; `roots`: the places whose objects it may be;
    `controls`: what the conditions around it depend on; `asked`: what, of `deps`, only chose between constants;
    `made`: it is an attribute of an object that is being made; `renewed`: of a `start`, that the pass ends with a value
    of its own there (the gradient at the new point, which the next pass begins with); `given`: of a function's
    parameter, what the call hands over for it, as it is written.
    """

    place: Place
    node: ast.AST
    kind: DefinitionKind
    deps: set[Definition] = field(default_factory=set)
    own: set[Definition] = field(default_factory=set)
    selected: set[int] = field(default_factory=set)
    loops: set[int] = field(default_factory=set)
    alias: bool = False
    statement: ast.AST | None = None
    order: int = 0
    roots: set[Place] = field(default_factory=set)
    controls: set[Definition] = field(default_factory=set)
    asked: set[Definition] = field(default_factory=set)
    made: bool = False
    renewed: bool = False
    given: ast.expr | None = None

    @property
    def changes(self) -> bool:
        """Whether something that was there before is another now."""
        return self.kind in ("bind", "change") and not self.made


EMPTY: frozenset[Definition] = frozenset()


@dataclass(frozen=True)
class Value:
    """What is known of an expression's value: what it depends on, which objects it may be, its parts, what it calls;
    `asked` is what, of all that it depends on, only chooses between constants."""

    deps: frozenset[Definition] = EMPTY
    roots: frozenset[Root] = frozenset()
    items: tuple[Value, ...] | None = None
    functions: frozenset[ast.AST] = frozenset()
    asked: frozenset[Definition] = EMPTY

    def fresh(self) -> Value:
        """The same dependencies, in a new object."""
        return Value(self.deps, asked=self.asked)


NOTHING = Value()


def union(values: Iterable[Value]) -> Value:
    """A value that may be any of these."""
    found = list(values)
    if len(found) == 1:
        return found[0]
    items: tuple[Value, ...] | None = None
    lengths = {len(value.items) if value.items is not None else -1 for value in found}
    if len(lengths) == 1 and lengths != {-1}:
        items = tuple(union(parts) for parts in zip(*(value.items or () for value in found), strict=True))
    return Value(
        frozenset(d for value in found for d in value.deps),
        frozenset(root for value in found for root in value.roots),
        items,
        frozenset(f for value in found for f in value.functions),
        frozenset(d for value in found for d in value.asked) - {d for v in found for d in v.deps - v.asked},
    )


def flat(parts: Iterable[Value]) -> tuple[frozenset[Definition], frozenset[Root]]:
    """What a value made of these depends on, and which objects it may hold."""
    whole = union(list(parts) or [NOTHING])
    return whole.deps, whole.roots


def returned(values: list[Value]) -> Value:
    """What a function may return. Where it returns a tuple on one way, and on another something else, the caller that
    takes it apart gets the tuple."""
    tuples = [value for value in values if value.items]
    whole = union(values or [NOTHING])
    if whole.items is None and tuples and len({len(value.items or ()) for value in tuples}) == 1:
        return Value(whole.deps, whole.roots, union(tuples).items, whole.functions)
    return whole


@dataclass
class State:
    """What holds between two statements. `index` says which names are counters of which loops; `items` are the parts of
    what a place holds, and none where they are no longer known."""

    values: dict[Place, frozenset[Definition]] = field(default_factory=dict)
    alias: dict[Place, frozenset[Root]] = field(default_factory=dict)
    index: dict[Place, Loops] = field(default_factory=dict)
    functions: dict[Place, frozenset[ast.AST]] = field(default_factory=dict)
    items: dict[Place, tuple[Value, ...]] = field(default_factory=dict)

    def copy(self) -> State:
        """A state that can go its own way."""
        return State(dict(self.values), dict(self.alias), dict(self.index), dict(self.functions), dict(self.items))

    def forget(self, place: Place) -> None:
        """Nothing is known of what this place refers to."""
        self.alias.pop(place, None)
        self.index.pop(place, None)
        self.functions.pop(place, None)
        self.items.pop(place, None)

    def join(self, others: Iterable[State], start: dict[Place, frozenset[Definition]]) -> None:
        """Become what holds where several ways meet. A place that one way did not touch keeps its start there."""
        for other in others:
            for place, theirs in other.values.items():
                mine = self.values.get(place)
                if mine is not theirs:
                    self.values[place] = (start.get(place, EMPTY) if mine is None else mine) | theirs
            for place in self.values.keys() - other.values.keys():
                self.values[place] |= start.get(place, EMPTY)
            for place, roots in other.alias.items():
                self.alias[place] = self.alias.get(place, frozenset()) | roots
            for place, loops in other.index.items():
                self.index[place] = self.index.get(place, frozenset()) | loops
            for place, functions in other.functions.items():
                self.functions[place] = self.functions.get(place, frozenset()) | functions
            for place, items in other.items.items():
                self.items[place] = self.items.get(place, items) if items else items


def reached(roots: Iterable[Definition], onward: Callable[[Definition], Iterable[Definition]]) -> set[Definition]:
    """These, and all that is reached from them by going `onward`."""
    found: set[Definition] = set()
    waiting = list(roots)
    while waiting:
        definition = waiting.pop()
        if definition not in found:
            found.add(definition)
            waiting += onward(definition)
    return found


def closure(definitions: Iterable[Definition]) -> set[Definition]:
    """All that these depend on, themselves included."""
    return reached(definitions, lambda definition: definition.deps | definition.own)


def until(definitions: Iterable[Definition], ends: set[Definition]) -> set[Definition]:
    """All that these depend on, but for what the `ends` among it were made of."""
    return reached(definitions, lambda definition: () if definition in ends else definition.deps | definition.own)


@dataclass
class Mark:
    """A sign that a loss or gradient is computed: where, and inside which inner loops."""

    kind: Literal["backward", "step", "gradient", "loss"]
    node: ast.AST
    loops: frozenset[int]


@dataclass
class LossValue:
    """A value that is a loss by its place or name. `differentiated`: `torch.autograd.grad` takes its gradients.
    `tried`: a finite difference is taken of it, or a condition asks for it only, or what becomes of that is told."""

    node: ast.AST
    deps: frozenset[Definition]
    definition: Definition | None
    backward: bool
    statement: ast.AST | None
    differentiated: bool = False
    tried: bool = False


@dataclass
class Pass:
    """What one pass through a body does. `called` are places whose object is called or used as a key; `nested`, by
    statement, what runs inside the functions it calls; `entered`, by call, those functions; `reads`, by function, the
    definitions it reads itself."""

    start: dict[Place, Definition]
    end: State
    definitions: list[Definition]
    marks: list[Mark]
    losses: list[LossValue]
    inner: dict[int, set[int]]
    visited: dict[int, int]
    effects: list[tuple[str, ast.AST]]
    called: set[Place]
    nested: dict[int, list[int]]
    functions: list[ast.AST]
    entered: dict[int, set[ast.AST]]
    reads: dict[int, set[Definition]]
    _downstream: dict[Callable[[Definition], bool], set[Definition]] = field(default_factory=dict)

    def downstream(self, says: Callable[[Definition], bool]) -> set[Definition]:
        """The definitions of which `says` holds, and all that are made of such; worked out once for each question."""
        if says not in self._downstream:
            self._downstream[says] = self.descendants({d for d in (*self.definitions, *self.start.values()) if says(d)})
        return self._downstream[says]

    def descendants(self, roots: Iterable[Definition]) -> set[Definition]:
        """These, and all that are made of them."""
        return reached(roots, lambda definition: self.users.get(definition, []))

    @cached_property
    def users(self) -> dict[Definition, list[Definition]]:
        """By definition, what is made of it directly."""
        users: dict[Definition, list[Definition]] = {}
        for definition in self.definitions:
            for dependency in definition.deps | definition.own:
                users.setdefault(dependency, []).append(definition)
        return users

    def note_renewed(self) -> None:
        """Say it of what the pass finds and gives another value that keeps nothing of it."""
        for place, start in self.start.items():
            ends = self.end.values.get(place, EMPTY)
            start.renewed = bool(ends) and all(d.kind == "bind" and not d.own for d in ends)

    def carried(self) -> set[Place]:
        """Places that are changed in the pass and whose value at its end still depends on that at its start."""
        changed = {d.place for d in self.definitions if d.changes}
        found: set[Place] = set()
        for place in changed:
            begin = self.start.get(place)
            if begin is not None and begin in closure(self.end.values.get(place, EMPTY)):
                found.add(place)
        return found

    def feedback(self, carried: set[Place]) -> set[Place]:
        """The carried places that take part in what is added to them: no mere counters and running totals."""
        starts = {self.start[place]: place for place in carried}
        feeds: dict[Place, set[Place]] = {}
        for place in carried:
            feeds[place] = {starts[d] for d in self._influences(place) if d in starts}
        found: set[Place] = set()
        for place in carried:
            seen: set[Place] = set()
            waiting = list(feeds[place])
            while waiting:
                other = waiting.pop()
                if other not in seen:
                    seen.add(other)
                    waiting += feeds[other]
            if place in seen:
                found.add(place)
        return found

    def _influences(self, place: Place) -> set[Definition]:
        """What a place's new value was computed from, leaving out that it was added to its old value."""
        kept: set[Definition] = set()
        waiting = list(self.end.values.get(place, EMPTY))
        influences: set[Definition] = set()
        while waiting:
            definition = waiting.pop()
            if definition in kept:
                continue
            kept.add(definition)
            waiting += definition.own
            influences |= definition.deps
        return closure(influences)
