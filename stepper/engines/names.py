"""What the parameters and layers inside models and optimizers are called."""

from __future__ import annotations

import re
import weakref
from collections.abc import Callable
from functools import partial
from typing import Any

MOST = 1_000  # more than any path has parts
IN_GROUP = re.compile(r"\.group\d+\.\d+(?: \(\d+\))?(?:\.grad)?$")


def is_place(name: str) -> bool:
    """Whether a name is only a place in an optimizer's groups (`optimizer.group0.1`)."""
    return ".group" in name and IN_GROUP.search(name) is not None


def is_text(label: str) -> bool:
    """Whether a label is neither a name nor a path of names, but the text of an expression."""
    return not all(part.isidentifier() for part in label.split("."))


def _itself(value: Any) -> Any:
    return value


class Names:
    """Paths by object, for one record: no two objects ever bear the same.

    A path through a model that the script names (`model.linear1.weight`), or through an object that keeps one
    (`agent.actor.fc1.weight`), whichever is known first, is better than one through `self`, and that is better than a
    place in an optimizer's groups; a path from further out is better than one from inside, and any path through a name
    is better than a place in a list. Once a path was written down (`settle`) it stays, but for a place in a group.
    """

    def __init__(self) -> None:
        self._names: dict[int, tuple[Callable[[], Any], str, tuple[int, int]]] = {}
        self._bearers: dict[str, Callable[[], Any]] = {}
        self._settled: set[int] = set()

    def give(self, value: Any, name: str, holder: str = "", *, in_list: bool = False) -> None:
        """Call `value` so where nothing better is known. `holder`: what the path begins with, as the script calls it.
        `in_list`: the path goes on with a place in a list. A name that is taken gets a number: `self.fc1 (2)`."""
        name = name.replace("._orig_mod", "")  # what a compiled module calls the module inside
        through = "." in holder or "[" in holder
        inner = name.startswith("self.") or name == "self" or "(" in name
        kind = 0 if is_place(name) else 1 if inner else 2
        rank = (kind, MOST if through and kind == 2 else name.count("."))
        held = self._names.get(id(value))
        if held is not None and held[0]() is value:
            settled = id(value) in self._settled and held[2][0] > 0
            late = (in_list or (through and kind == 2)) and held[2][0] == kind
            if settled or held[2] >= rank or late:
                return
        reference: Callable[[], Any]
        try:
            reference = weakref.ref(value)
        except TypeError:
            if type(value) not in (list, dict):
                return  # a value without weak references could leave its id to another
            reference = partial(_itself, value)  # until `release`
        name = self._free(name, value)
        if held is None or held[0]() is not value:
            self._settled.discard(id(value))
        self._bearers[name] = reference
        self._names[id(value)] = (reference, name, rank)

    def forget(self, value: Any) -> None:
        """Let go of a value, until it is given a name again."""
        held = self._names.pop(id(value), None)
        if held is not None:
            self._bearers.pop(held[1], None)
            self._settled.discard(id(value))

    def release(self) -> None:
        """Let go of the lists and dicts, which are held here for their names."""
        for key, (reference, name, _) in list(self._names.items()):
            if isinstance(reference, partial):
                del self._names[key]
                self._bearers.pop(name, None)

    def _free(self, name: str, value: Any) -> str:
        """The name, with a number behind it where another object bears it, or did in this record."""
        free, count = name, 1
        while free in self._bearers and self._bearers[free]() is not value:
            count += 1
            free = f"{name} ({count})"
        return free

    def settle(self, value: Any) -> None:
        """The path of this value has been written down: from here on it is called so."""
        if self.get(value) is not None:
            self._settled.add(id(value))

    def best(self, value: Any, label: str | None) -> str | None:
        """The path of a value, or the script's own `label` where that is only a place in an optimizer's groups."""
        held = self._names.get(id(value))
        if held is None or held[0]() is not value:
            return label
        at_place = held[2][0] == 0
        return label if at_place and label is not None and not is_place(label) else held[1]

    def told_apart(self, value: Any, label: str) -> str | None:
        """The path of a value that the script's own `label` does not tell from another: of `self.W`, where `l1.W` and
        `l2.W` are known; None where it does."""
        if not self._bearers:
            return None
        path, tail = self.get(value), label[label.find(".") :] if "." in label else ""
        if not tail or path is None or label in self._bearers or not path.endswith(tail):
            return None
        return path if sum(name.endswith(tail) for name in self._bearers) > 1 else None

    def get(self, value: Any) -> str | None:
        held = self._names.get(id(value))
        return held[1] if held is not None and held[0]() is value else None
