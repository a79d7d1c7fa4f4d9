"""What a recording sees of the script's values: whose they are, what they hold, copies of them, and their names.

Nothing here calls code of the script's.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from contextlib import suppress
from typing import Any

from stepper.engines.base import Engine
from stepper.engines.layout import Layout
from stepper.engines.names import Names, is_place
from stepper.inferior.recording.copies import Copy
from stepper.inferior.recording.drafts import Draft, Happening, Key, Known, Tokens
from stepper.inferior.recording.frames import is_function, names_in, own_frames
from stepper.inferior.recording.members import DEPTH, FEW, IN_ALL, count_of, is_object, keyed_elements, most_of, suffix
from stepper.inferior.recording.memories import Memories
from stepper.inferior.recording.naming import passing_names
from stepper.inferior.recording.overlaps import Overlaps
from stepper.inferior.recording.scalars import SCALARS
from stepper.inferior.recording.store import Store
from stepper.program.program import Program
from stepper.program.vocabulary import names_loss
from stepper.record import Role, When, is_path, quotes_in

_SURE = ((0, "data"), (-1, "data"), (1, "activation"))
"""What gradients go back through, or not, and the role that goes with it."""

TRANSPOSED = (".T", ".mT", ".H")


class Values:
    """Of one record after the other."""

    def __init__(self, program: Program, engines: Sequence[Engine], store: Store) -> None:
        self.program = program
        self.engines = engines
        self.store = store
        self.quote = quotes_in(site.label for site in program.sites)  # that the script writes keys in
        self._files = {program.path, program.home, *(module.path for module in program.modules)}
        self._passing = passing_names([site for site in program.sites if not site.file])  # names around the loop
        self._forget()

    def _forget(self) -> None:
        """Another record begins."""
        self.used: set[str] = set()  # the engines that something was kept by
        self._owners: dict[type, Engine | None] = dict.fromkeys(SCALARS)
        self._names = Names()
        self._known: dict[int, Known] = {}
        self._tokens = Tokens()
        self._memories = Memories()
        self._overlaps = Overlaps()
        self._inside = IN_ALL  # members of containers that are looked into yet

    def _owner(self, value: Any) -> Engine | None:
        kind = type(value)
        try:
            return self._owners[kind]
        except KeyError:
            engine = next((engine for engine in self.engines if engine.owns(value)), None)
            if kind not in (list, tuple):  # whether a list is a tensor depends on what it holds
                self._owners[kind] = engine
            return engine

    def _is_owned(self, value: Any) -> bool:
        return self._owner(value) is not None

    def _copy(self, engine: Engine, value: Any) -> Copy:
        self.used.add(engine.name)
        if type(engine).settle is not Engine.settle:
            engine.settle()
        return self.store.keep(engine, value)

    def _look(self, value: Any) -> Copy | None:
        engine = self._owner(value)
        return None if engine is None else self._copy(engine, value)

    def _called(self, value: Any) -> str | None:
        """The label under which this very object was seen, or else the name that it has where the script stands. None
        where there is neither, and of what has a path through a model, which goes before a name."""
        known = self._met_as(value)
        if known is not None and not is_place(known.label):
            return known.label
        path = self._names.get(value)
        return self._name_in_frames(value) if path is None or is_place(path) else None

    def _name_in_frames(self, value: Any) -> str | None:
        return next((name for name in self._names_of(value) if name not in self._passing), None)

    def _names_of(self, value: Any) -> Iterator[str]:
        """The names that this very object has where the script stands, those of the innermost function first."""
        modules = (frame.f_globals for frame in own_frames(self._files) if not is_function(frame))
        for names in (*self._local_names(), *modules):
            yield from (name for name, held in list(names.items()) if held is value)

    def _local_names(self) -> Iterator[dict[str, Any]]:
        """The names of the functions that are running, innermost first, where they can be read unnoticed."""
        for frame in own_frames(self._files):
            if is_function(frame):
                with suppress(LookupError):
                    yield names_in(frame)

    def _met_as(self, value: Any) -> Known | None:
        """What is known of this very object."""
        known = self._known.get(id(value))
        return known if known is not None and known.means(value) else None

    def _is_made(self, value: Any) -> bool:
        """Whether this pass made this very object."""
        known = self._met_as(value)
        return known is not None and known.made

    def _let_go(self, value: Any) -> None:
        """Refer to this object no more: NumPy refuses to resize an array that is referred to, be it weakly."""
        self._known.pop(id(value), None)
        self._memories.forget(value)
        self._overlaps.forget(value)
        self._names.forget(value)

    def _draft(self, engine: Engine, value: Any, label: str, role: Role, when: When) -> Draft:
        if role == "parameter" and engine.is_taken(value) and is_path(label) and not label.endswith(TRANSPOSED):
            role = "activation"
        draft = Draft(label, role, when, self._copy(engine, value), memory=self._memories.of(engine, value))
        if self.program.uses_backward and (graph := engine.graph(value)) is not None:
            draft.graph = graph
            draft.token, draft.place = self._tokens.of(value, engine.identity)
            self._tell_by_graph(engine, value, draft)
        self._overlaps.met(engine, value, draft)
        return draft

    def _tell_by_graph(self, engine: Engine, value: Any, draft: Draft) -> None:
        """What autograd knows of a value goes before what the script's text says of its name, which may mean something
        else in a function that the text does not lead to."""
        graph, known = draft.graph, self._met_as(value)
        told = self.program.roles.get(draft.label) if draft.role == "other" else draft.role
        if draft.role == "parameter" and graph == 1 and known is not None and known.made:
            draft.role = known.role  # as what it was made, whatever a function's name for it is elsewhere
        elif told == "data" and graph == 1 and self._is_learnt(engine, value):
            is_loss = names_loss(draft.label.rpartition(".")[2]) and engine.shape(value) == ()
            draft.role, draft.learnt = "loss" if is_loss else "activation", True
        elif told == "activation" and graph == 2 and self._is_learnt(engine, value):
            draft.role = "parameter"  # `next(self.parameters())`
        elif known is not None and known.role == "data" and graph in (0, -1) and told == "activation":
            draft.role = "data"
        elif known is not None and told is None and (graph, known.role) in _SURE:
            draft.role = known.role  # what a function is handed, under a name that no text leads to

    def _is_learnt(self, engine: Engine, value: Any) -> bool:
        """Whether gradients go back through a value to a parameter: a layer that the script's text does not lead to
        made it (`sl.loss`, which the `forward` of a module in a list has set). Of data alone (`torch.cat([x, t])`,
        where the script asks for derivatives by x) they do not."""
        return any(
            learnt or ((known := self._met_as(leaf)) is not None and known.role == "parameter")
            for leaf, learnt in engine.leaves(value)
        )

    def _members(self, value: Any, label: str, role: Role | None, event: Happening | None) -> list[tuple[Key, Any]]:
        """What a list, tuple, dict or record holds. The event is told where that is not all of it."""
        if role not in ("parameter", "gradient") and is_object(value):
            return []  # a `self` that happens to be a dataclass
        count, most = count_of(value), most_of(role)
        more = min(count, most) - FEW
        if more > 0:
            most = most if more <= self._inside else FEW
            self._inside -= more if most > FEW else 0
        found = keyed_elements(value, most)
        if count > most and event is not None and found and self._owner(found[0][1]) is not None:
            event.remark(f"{most:,} of the {count:,} members of {label} are looked into")
        return found

    def _at(self, key: Key, role: Role | None) -> Role | None:
        """The role of what a container of this role holds under a key."""
        return self.program.keys.get(key, role) if role == "parameter" and type(key) is str else role

    def _leaves(
        self, value: Any, label: str, role: Role | None, event: Happening | None, depth: int = DEPTH
    ) -> Iterator[tuple[str, Engine, Any]]:
        """The arrays that a container holds, and the containers inside it, each with its label and engine."""
        for key, element in self._members(value, label, role, event):
            if self._at(key, role) != role:
                continue
            inner = label + suffix(key, self.quote)
            engine = self._owner(element)
            if engine is not None:
                yield inner, engine, element
            elif depth and count_of(element):
                yield from self._leaves(element, inner, role, event, depth - 1)

    def _place(self, value: Any) -> Hashable:
        engine = self._owner(value)
        return id(value) if engine is None else engine.identity(value)

    def _layout(self, value: Any) -> Layout | None:
        engine = self._owner(value)
        return None if engine is None else engine.layout(value)

    def _peek(self, value: Any, attribute: str) -> Any:
        """What `value.attribute` holds, without calling anything of the script's: no property, no `__getattr__`."""
        for engine in self.engines:
            found, held = engine.peek(value, attribute)
            if found:
                return held
        try:
            return object.__getattribute__(value, "__dict__").get(attribute)
        except AttributeError:
            return None
