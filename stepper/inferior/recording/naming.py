"""What the script's names call its models, layers and optimizers.

Learnt anew for every record, so that a path does not depend on what was recorded before, nor on the setup having been.
"""

from __future__ import annotations

import sys
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from types import BuiltinFunctionType, FunctionType, GetSetDescriptorType, MemberDescriptorType, ModuleType
from typing import Any

from stepper.engines.base import Engine, Held, having
from stepper.engines.names import Names, is_place
from stepper.inferior.ours import is_installed, is_ours
from stepper.inferior.recording.scalars import SCALARS
from stepper.program.sites import Site
from stepper.record import subscript

MOST, MEMBERS = 2000, 64  # objects that are gone through for names, and members of one of them
NO_HOLDERS = (ModuleType, FunctionType, BuiltinFunctionType, type)
PYTHONS = frozenset(("__annotations__", "__cached__", "__loader__", "__package__", "__spec__", "__warningregistry__"))
"""What Python itself keeps among a module's names."""


def passing_names(sites: Sequence[Site]) -> frozenset[str]:
    """The names that a loop binds: what they hold has another name, or is another thing in the next turn."""
    heads = (site for site in sites if site.kind == "statement" and site.text.startswith(("for ", "async for ")))
    return frozenset(label for site in heads for label in site.bound)


class Namer:
    """Gives names to what models and optimizers hold, and the script's own objects that keep them; for one record.

    Nothing of the script's is run: objects are gone through by what their `__dict__`, slots, lists and dicts hold.
    """

    def __init__(
        self,
        engines: Sequence[Engine],
        names: Names,
        owns: Callable[[Any], bool] = lambda _: False,
        bare: set[type] | None = None,
        quote: str = "'",
    ) -> None:
        """`owns` says whether a value is an engine's. `bare` are types known, from one record to the next, for having
        nothing in them that could bear a name: numbers, functions, arrays. `quote` is how the script writes keys."""
        self.knowing = having(engines, "met", "members")  # they learn names, or know what lies inside something
        self._names = names
        self._quote = quote
        self._lookers = having(engines, "holds")
        self._followed: dict[int, int] = {}  # by object: how much it held, which may still have been in the making
        self._own: dict[type, bool] = {}
        self._owns = owns
        self._bare: set[type] = set() if bare is None else bare

    def learn(self, holders: Sequence[tuple[str, Any]]) -> None:
        """Learn the paths of what lies inside what the script's global names stand for (`holders`).

        What has a name of its own keeps it, whatever list or object it also lies in.
        """
        for in_lists in (False, True):
            for label, value in holders:
                if (type(value) in (list, tuple)) is in_lists:
                    self._give(label, value)
        for label, value in holders:
            self.follow(label, value)

    def holders(self, namespace: Mapping[str, Any], passing: Collection[str]) -> list[tuple[str, Any]]:
        """The global names that stand for something with parts of its own, but for those that a loop hands on."""
        bare = self._bare
        found = [(label, value) for label, value in list(namespace.items()) if type(value) not in bare]
        bare.update(type(value) for _, value in found if self._is_bare(value))
        found = [(label, value) for label, value in found if type(value) not in bare]
        return [(label, value) for label, value in found if label not in passing and label not in PYTHONS]

    def _is_bare(self, value: Any) -> bool:
        kind = type(value)
        if kind in SCALARS or issubclass(kind, NO_HOLDERS):
            return True
        return kind not in (list, tuple) and self._owns(value) and not self._is_own(kind)

    def follow(self, label: str, value: Any) -> None:
        """Learn the names of what an object of the script's own keeps, level by level."""
        waiting = deque([(label, value)] if self._lookers else [])
        while waiting and len(self._followed) < MOST:
            label, value = waiting.popleft()
            held = self._held(value)
            if held is None or self._followed.get(id(value), -1) == sum(map(len, held)):
                continue
            self._followed[id(value)] = sum(map(len, held))
            parts, others = held
            waiting += [(label + path, part) for path, part in parts[:MEMBERS]]  # they have their names already
            for path, each in others[:MEMBERS]:
                if type(each) not in SCALARS and not issubclass(type(each), NO_HOLDERS):
                    self._give(label + path, each)
                    waiting.append((label + path, each))

    def knows(self, value: Any) -> bool:
        """Whether what lies inside a model has its names already."""
        inside = [member for engine in self.knowing for _, member in engine.members(value)]
        given = [self._names.get(member) for member in inside]
        return bool(given) and all(name is not None and not is_place(name) for name in given)

    def _give(self, label: str, value: Any) -> None:
        in_list = type(value) in (list, tuple)
        for engine in self.knowing:
            engine.met(value, label)
            for path, member in engine.members(value):
                self._names.give(member, f"{label}.{path}", label, in_list=in_list)

    def _held(self, value: Any) -> tuple[Held, Held] | None:
        """What an object keeps, by path; None for one that is not gone through."""
        kind = type(value)
        if kind in (list, tuple):
            return (), [(f"[{index}]", each) for index, each in enumerate(value[:MEMBERS])]
        if kind in (dict, OrderedDict, defaultdict):
            few = list(islice(dict.items(value), MEMBERS))
            return (), [(subscript(key, self._quote), each) for key, each in few if type(key) in (str, int)]
        for engine in self._lookers:
            held = engine.holds(value)
            if held is not None:
                parts, others = held
                return [(f".{name}", part) for name, part in parts], [(f".{name}", each) for name, each in others]
        return ((), [(f".{name}", each) for name, each in attributes(value)]) if self._is_own(kind) else None

    def _is_plain_list(self, value: Any) -> bool:
        return type(value) is list and self._owns(value)

    def _is_own(self, kind: type) -> bool:
        own = self._own.get(kind)
        if own is None:
            own = self._own[kind] = is_scripts(kind)
        return own

    def learn_objects(self, holders: Sequence[tuple[str, Any]], names: Names) -> None:
        """Learn the paths of the arrays, and of the objects, that the script's own objects keep (`conv.W`,
        `net.layers[1].W`), and of those objects in lists: they tell apart what methods call by one name (`self.W`), or
        a loop (`for p in params`)."""
        # Optimizers last: they call what they hold by its number only
        ordered = sorted(holders, key=lambda held: _steps(held[1]))
        waiting = deque([(label, value, False) for label, value in ordered])
        met: set[int] = set()
        while waiting and len(met) < MOST:
            label, value, inside = waiting.popleft()
            kind = type(value)
            if kind in SCALARS or issubclass(kind, NO_HOLDERS) or id(value) in met:
                continue
            met.add(id(value))
            if inside and self._owns(value):
                names.give(value, label)
            elif kind in (list, tuple):
                inner = [(f"{label}[{index}]", each, inside) for index, each in enumerate(value[:MEMBERS])]
                waiting.extendleft(reversed(inner))
            elif kind is dict and len(value) <= MEMBERS:
                if all(type(each) in SCALARS or self._is_plain_list(each) for each in value.values()):
                    names.give(value, label)  # what keeps numbers, which have no name of their own, and no array: held
                keyed = ((key, each) for key, each in value.items() if type(key) in (str, int))
                inner = [(label + subscript(key, self._quote), each, inside) for key, each in keyed]
                waiting.extendleft(reversed(inner))
            elif self._is_own(kind):
                if inside or label.endswith("]"):  # in a list or a dict it has no other name
                    names.give(value, label)
                kept = attributes(value)[:MEMBERS]
                waiting.extendleft((f"{label}.{name}", each, True) for name, each in reversed(kept))


def attributes(value: Any) -> list[tuple[str, Any]]:
    """What an object keeps in its `__dict__` and its slots."""
    found: dict[str, Any] = {}
    for cls in type.mro(type(value)):
        for name, held in list(type.__getattribute__(cls, "__dict__").items()):
            if type(held) is MemberDescriptorType and name != "__weakref__":
                with suppress(AttributeError):  # nothing was stored there yet
                    found.setdefault(name, held.__get__(value))
            elif name == "__dict__" and type(held) is GetSetDescriptorType:
                found.update(held.__get__(value))
    return list(found.items())


def is_scripts(kind: type) -> bool:
    """Whether a class is the script's own, or of a file beside it: neither Python's, nor of an installed package."""
    home = type.__getattribute__(kind, "__module__")
    if home == "__main__":
        return True
    module = sys.modules.get(home) if isinstance(home, str) else None
    file = vars(module).get("__file__") if type(module) is ModuleType else None
    return isinstance(file, str) and not is_ours(file) and not is_installed(file)


def _steps(value: Any) -> bool:
    """Whether something is made to take steps: an optimizer of the script's own."""
    return any("step" in vars(cls) for cls in type(value).__mro__)
