"""What the script's global names call its models, layers and optimizers.

Learnt anew for every record, so that a path does not depend on what was recorded before, nor on the setup having been.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any

from stepper.engines.base import Engine
from stepper.engines.names import Names
from stepper.inferior.scalars import SCALARS
from stepper.program.sites import Site

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
