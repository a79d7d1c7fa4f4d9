"""What the parameters and layers inside models and optimizers are called."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any


class Names:
    """Paths by object.

    A path through a model that the script names (`model.linear1.weight`) is better than one through `self`, and that
    is better than a place in an optimizer's groups; a path from further out is better than one from inside, and any
    path through a name is better than a place in a list.
    """

    def __init__(self) -> None:
        self._names: dict[int, tuple[Callable[[], Any], str, tuple[int, int]]] = {}

    def give(self, value: Any, name: str, *, in_list: bool = False) -> None:
        """Call `value` so where nothing better is known. `in_list`: the path begins with a place in a list."""
        name = name.replace("._orig_mod", "")  # what a compiled module calls the module inside
        kind = 0 if ".group" in name else 1 if name.startswith("self.") or "(" in name else 2
        rank = (kind, name.count("."))
        held = self._names.get(id(value))
        if held is not None and held[0]() is value and (held[2] >= rank or (in_list and held[2][0] == kind)):
            return
        try:
            self._names[id(value)] = (weakref.ref(value), name, rank)
        except TypeError:
            return  # a value without weak references could leave its id to another

    def best(self, value: Any, label: str | None) -> str | None:
        """The path of a value, or the script's own `label` where that is only a place in an optimizer's groups."""
        held = self.get(value)
        poor = held is None or (".group" in held and label is not None and ".group" not in label)
        return label if poor else held

    def get(self, value: Any) -> str | None:
        held = self._names.get(id(value))
        return held[1] if held is not None and held[0]() is value else None
