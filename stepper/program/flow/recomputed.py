"""Keys under which a pass puts what it computes, beside the parameters in the same dict: `neuron["output"]` and
`neuron["delta"]` beside `neuron["weights"]`.

Such a key is bound anew, never stepped; and what lies there feeds the loss, or the step of another key.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from stepper.program.flow.effects import Definition
from stepper.program.flow.flow import Flow
from stepper.program.scopes import Script
from stepper.record.events import Role


def recomputed(script: Script, flow: Flow) -> dict[str, Role]:
    """The role of what lies under each such key."""
    stepped, bound = _stores(script)
    forward = {id(d.node) for d in flow.forward}
    found: dict[str, Role] = {}
    for key, stores in bound.items():
        others = [step for other, steps in stepped.items() if other != key for step in steps]
        if not others or not flow.parameters:
            continue
        if all(id(store) in forward for store in stores):
            found[key] = "activation"
        elif any(key in _read(step.value) for step in others if isinstance(step, (ast.Assign, ast.AugAssign))):
            found[key] = "gradient"
    return found


def stored_anew(script: Script) -> frozenset[int]:
    """The stores (ids of nodes) under keys that are only bound, where others are stepped."""
    stepped, bound = _stores(script)
    return frozenset(id(store) for stores in bound.values() for store in stores) if stepped else frozenset()


def _stores(script: Script) -> tuple[dict[str, list[ast.stmt]], dict[str, list[ast.stmt]]]:
    """The stores under each key that is stepped, and under each that is only bound."""
    stepped: dict[str, list[ast.stmt]] = {}
    bound: dict[str, list[ast.stmt]] = {}
    for node in script.nodes:
        if isinstance(node, ast.AugAssign):
            for key in _keys(node.target):
                stepped.setdefault(key, []).append(node)
        elif isinstance(node, ast.Assign):
            for key in (key for target in node.targets for key in _keys(target)):
                steps = key in _read(node.value) or not all(map(_is_keyed, node.targets))
                (stepped if steps else bound).setdefault(key, []).append(node)
    return stepped, {key: stores for key, stores in bound.items() if key not in stepped}


def _keys(target: ast.expr) -> Iterator[str]:
    """The text that a store goes under, at whatever depth: `weights` of `neuron["weights"][j]`."""
    while isinstance(target, ast.Subscript):
        if isinstance(target.slice, ast.Constant) and isinstance(target.slice.value, str):
            yield target.slice.value
        target = target.value


def _is_keyed(target: ast.expr) -> bool:
    """Whether a store is directly under a key, and not into what lies there."""
    return isinstance(target, ast.Subscript) and isinstance(target.slice, ast.Constant)


def keys_read(definition: Definition) -> set[str]:
    """The keys that what a statement binds is made of, or under which lies what a call hands over."""
    node, given = definition.node, definition.given
    value = node.value if isinstance(node, (ast.Assign, ast.AnnAssign, ast.AugAssign)) else None
    if isinstance(given, ast.Subscript):
        return set(_keys(given))
    return set() if value is None else _read(value)


def _read(node: ast.expr) -> set[str]:
    """The keys that an expression reads."""
    return {key for part in ast.walk(node) if isinstance(part, ast.Subscript) for key in _keys(part)}
