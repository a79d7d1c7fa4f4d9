"""What the script's global names call its models, layers and optimizers.

Learnt anew for every record, so that a path does not depend on what was recorded before, nor on the setup having been.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any

from stepper.engines.base import Engine
from stepper.engines.names import Names
from stepper.inferior.scalars import SCALARS
from stepper.program.sites import Site

MOST, MEMBERS = 2000, 64  # objects that are gone through for names, and members of one of them
NO_HOLDERS = (ModuleType, FunctionType, BuiltinFunctionType, type)


def passing_names(sites: Sequence[Site]) -> frozenset[str]:
    """The names that a loop binds: what they hold has another name, or is another thing in the next turn."""
    heads = (site for site in sites if site.kind == "statement" and site.text.startswith(("for ", "async for ")))
    return frozenset(label for site in heads for label in site.bound)


def learn(namespace: Mapping[str, Any], passing: Collection[str], engines: Sequence[Engine], names: Names) -> None:
    """Learn the paths of what lies inside the models, optimizers and lists of models in `namespace`.

    What has a name of its own keeps it, whatever list it also lies in.
    """
    holders = [
        (label, value)
        for label, value in list(namespace.items())
        if label not in passing and type(value) not in SCALARS and not isinstance(value, NO_HOLDERS)
    ]
    for in_lists in (False, True):
        for label, value in holders:
            if (type(value) in (list, tuple)) is in_lists:
                for engine in engines:
                    engine.met(value, label)
                    for path, member in engine.members(value):
                        names.give(member, f"{label}.{path}", in_list=in_lists)


def learn_objects(
    namespace: Mapping[str, Any], passing: Collection[str], owns: Callable[[Any], bool], names: Names
) -> None:
    """Learn the paths of the arrays, and of the objects, that the script's own objects keep (`conv.W`,
    `net.layers[1].W`): they tell apart what methods call by one name (`self.W`). No code of the script's is run."""
    holders = [(label, value, False) for label, value in list(namespace.items()) if label not in passing]
    waiting = deque(sorted(holders, key=lambda held: _steps(held[1])))  # an optimizer calls them by their number only
    met: set[int] = set()
    while waiting and len(met) < MOST:
        label, value, inside = waiting.popleft()
        if type(value) in SCALARS or isinstance(value, NO_HOLDERS) or id(value) in met:
            continue
        met.add(id(value))
        if inside and owns(value):
            names.give(value, label)
        elif type(value) in (list, tuple):
            inner = [(f"{label}[{index}]", each, inside) for index, each in enumerate(value[:MEMBERS])]
            waiting.extendleft(reversed(inner))
        elif type(value) is dict and len(value) <= MEMBERS:
            inner = [(f"{label}[{key!r}]", each, inside) for key, each in value.items() if type(key) in (str, int)]
            waiting.extendleft(reversed(inner))
        elif type.__getattribute__(type(value), "__module__") == "__main__":
            try:
                kept = object.__getattribute__(value, "__dict__")
            except AttributeError:
                continue  # it has slots
            if inside:
                names.give(value, label)
            waiting.extendleft([(f"{label}.{name}", each, True) for name, each in list(kept.items())[:MEMBERS]][::-1])


def _steps(value: Any) -> bool:
    """Whether something is made to take steps: an optimizer of the script's own."""
    return any("step" in vars(cls) for cls in type(value).__mro__)
