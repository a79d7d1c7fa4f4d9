"""What the data-flow walk has found so far: what places hold, what defined it, where losses are computed."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence

from stepper.program.flow.callees import Callees
from stepper.program.flow.effects import (
    EMPTY,
    FIELD,
    Definition,
    DefinitionKind,
    LossValue,
    Mark,
    Place,
    Root,
    State,
)
from stepper.program.flow.instances import Instances
from stepper.program.scopes import Script
from stepper.program.vocabulary import names_error, names_gradient, names_loss


class Definitions(Callees):
    """Reads and writes places; the walker over expressions is a subclass."""

    def __init__(self, script: Script, instances: Instances) -> None:
        super().__init__(script, instances)
        self.reset()

    def reset(self) -> None:
        """Forget the last walk."""
        self.state = State()
        self.starts: dict[Place, Definition] = {}
        self._alone: dict[Place, frozenset[Definition]] = {}  # the same, each in a set
        self.definitions: dict[tuple[int, int, Place, int | None], Definition] = {}
        self.bound: dict[Place, list[Definition]] = {}  # those of kind "bind", by place
        self.marks: dict[tuple[str, int], Mark] = {}
        self.loss_values: dict[tuple[int, int], LossValue] = {}
        self.effects: dict[tuple[str, int], ast.AST] = {}
        self.called: set[Place] = set()
        self.keys: set[Place] = set()
        self.loops: list[int] = []
        self.tests: list[frozenset[Definition]] = []  # of the branches around
        self.trying = 0  # how many blocks around have moved an element that they put back
        self.stack: list[ast.AST] = []
        self.contexts: dict[tuple[int, int], int] = {}
        self.context = 0
        self.steps = 0
        self.current: ast.AST | None = None
        # The statements that led into the functions being followed, and what each ran.
        self.frames: list[int] = []
        self.nested: dict[int, list[int]] = {}
        self.followed: dict[int, ast.AST] = {}
        self.entered: dict[int, set[ast.AST]] = {}
        self.reads: dict[int, set[Definition]] = {}

    def start_of(self, place: Place) -> frozenset[Definition]:
        """A place's value at the start of the pass."""
        if place not in self.starts:
            start = self.starts[place] = Definition(place, self.script.source.tree, "start")
            self._alone[place] = frozenset((start,))
        return self._alone[place]

    def read(self, place: Place) -> frozenset[Definition]:
        """A place's definitions now."""
        if place not in self.state.values:
            self.state.values[place] = self.start_of(place)
        found = self.state.values[place]
        if self.stack:
            self.reads.setdefault(id(self.stack[-1]), set()).update(found)
        return found

    def meet(self, others: Sequence[State]) -> None:
        """Several ways meet: what one way did not touch has its start there, an attribute also where nobody read it."""
        for other in others:
            for place in self.state.values.keys() ^ other.values.keys():
                if place[0] == FIELD:
                    self.start_of(place)
        self.state.join(others, self._alone)

    def define(
        self,
        place: Place,
        node: ast.AST,
        kind: DefinitionKind,
        deps: Iterable[Definition],
        own: Iterable[Definition] = (),
        selected: Iterable[int] = (),
        part: int | None = None,
    ) -> Definition:
        """A definition, merged with the one this node made before in the same context. `part`: of one of the values
        that the place keeps, side by side."""
        key = (self.context, id(node), place, part)
        if key not in self.definitions:
            made = Definition(place, node, kind, statement=self.current, order=len(self.definitions))
            self.definitions[key] = made
            if kind == "bind":
                self.bound.setdefault(place, []).append(made)
        definition = self.definitions[key]
        definition.deps.update(deps)
        definition.own.update(d for d in own if d is not definition)
        definition.selected.update(selected)
        definition.loops.update(self.loops)
        definition.controls.update(*self.tests)
        definition.deps.discard(definition)
        return definition

    def change(
        self,
        roots: Iterable[Root],
        node: ast.AST,
        deps: Iterable[Definition],
        selected: Iterable[int] = (),
        keep: bool = True,
    ) -> None:
        """Objects are changed in place. `keep` False: nothing of the old value is left."""
        for place, loops in sorted(roots, key=lambda root: root[0][1]):
            own = self.read(place) if keep else EMPTY
            definition = self.define(place, node, "change", deps, own, {*selected, *loops})
            self.state.values[place] = frozenset((definition,))
            if not all(item.roots for item in self.state.items.get(place, ())):
                self.state.items[place] = ()  # numbers in a list: which of them is another now is not known

    def mark(self, kind: str, node: ast.AST) -> None:
        """Note that a loss or gradient is computed here."""
        key = (kind, id(node))
        if key not in self.marks:
            self.marks[key] = Mark(kind, node, frozenset(self.loops))  # type: ignore[arg-type]

    def is_making(self) -> bool:
        """Whether an object is being made: what is stored in it was nothing before, and is computed of nothing yet."""
        return bool(self.frames) and getattr(self.stack[-1], "name", "") in ("__init__", "__post_init__")

    def mark_name(self, name: str, node: ast.AST) -> None:
        """Note what a name says of its value."""
        if self.is_making():
            return
        if names_gradient(name):
            self.mark("gradient", node)
        elif names_loss(name) or names_error(name):
            self.mark("loss", node)

    def note_loss(
        self,
        node: ast.AST,
        deps: frozenset[Definition],
        definition: Definition | None,
        backward: bool = False,
        differentiated: bool = False,
    ) -> None:
        """Note a value that is a loss."""
        key = (self.context, id(node))
        if key in self.loss_values:
            deps |= self.loss_values[key].deps
        tried = self.trying > 0
        self.loss_values[key] = LossValue(node, deps, definition, backward, self.current, differentiated, tried)
