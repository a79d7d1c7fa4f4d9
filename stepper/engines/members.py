"""What lies inside models and optimizers, read from where torch itself keeps it: no property, no override is run."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

ELEMENTS = 64  # members of a list or tuple that are looked into


def members(value: Any, torch: Any) -> Iterator[tuple[str, Any]]:
    """The parameters and buffers of a module, the parameters of an optimizer by group, those of modules in a list.

    A tensor that is reached by several paths comes once, by the first.
    """
    kind = type(value)
    optimizers = sys.modules.get("torch.optim.optimizer")
    if issubclass(kind, torch.nn.Module):
        yield from _of_module(value, "", set(), set())
    elif optimizers is not None and issubclass(kind, optimizers.Optimizer):
        yield from _of_optimizer(value)
    elif kind in (list, tuple):
        modules: set[int] = set()
        tensors: set[int] = set()
        for index, each in enumerate(value[:ELEMENTS]):
            if issubclass(type(each), torch.nn.Module):
                yield from _of_module(each, f"{index}.", modules, tensors)


def modules(value: Any) -> list[tuple[str, Any]]:
    """A module and those inside it, each by the first path that leads to it (the module's own is empty)."""
    found: dict[int, tuple[str, Any]] = {}
    waiting = [("", value)]
    while waiting:
        path, module = waiting.pop()
        if id(module) in found:
            continue
        found[id(module)] = path, module
        inner = [(f"{path}.{name}" if path else name, each) for name, each in _own(module, "_modules").items()]
        waiting += [held for held in reversed(inner) if held[1] is not None]
    return list(found.values())


def own(value: Any) -> dict[str, Any]:
    """The attributes that an object keeps; none of its code runs. Empty where it keeps none."""
    try:
        held: dict[str, Any] = object.__getattribute__(value, "__dict__")
    except AttributeError:
        return {}
    return held


def groups(optimizer: Any) -> list[dict[str, Any]]:
    """An optimizer's parameter groups; none where it was never made, or keeps them elsewhere."""
    held = own(optimizer).get("param_groups")
    return [each for each in held if isinstance(each, dict)] if isinstance(held, list) else []


def _own(value: Any, name: str) -> dict[Any, Any]:
    """The dict that an object of torch's keeps under `name`; empty where it was never made."""
    held = own(value).get(name)
    return held if isinstance(held, dict) else {}


def _of_module(module: Any, prefix: str, modules: set[int], tensors: set[int]) -> Iterator[tuple[str, Any]]:
    modules.add(id(module))
    for store in ("_parameters", "_buffers"):
        for name, tensor in list(_own(module, store).items()):
            if tensor is not None and id(tensor) not in tensors:
                tensors.add(id(tensor))
                yield f"{prefix}{name}", tensor
    for name, child in list(_own(module, "_modules").items()):
        if child is not None and id(child) not in modules:
            yield from _of_module(child, f"{prefix}{name}.", modules, tensors)


def parameters(module: Any) -> list[tuple[str, Any]]:
    """The parameters of a module and of those inside it, each by the first path that leads to it."""
    found: dict[int, tuple[str, Any]] = {}
    for path, each in modules(module):
        for name, parameter in _own(each, "_parameters").items():
            if parameter is not None:
                found.setdefault(id(parameter), (f"{path}.{name}" if path else name, parameter))
    return list(found.values())


def _of_optimizer(optimizer: Any) -> Iterator[tuple[str, Any]]:
    for number, group in enumerate(groups(optimizer)):
        parameters = group.get("params")
        for index, parameter in enumerate(parameters if isinstance(parameters, list) else ()):
            yield f"group{number}.{index}", parameter
