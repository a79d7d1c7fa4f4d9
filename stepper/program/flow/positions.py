"""What says where the largest is, of losses or of anything, and not how large: `worst = losses.argmax().item()`."""

from __future__ import annotations

import ast

from stepper.program.flow.effects import Definition
from stepper.program.vocabulary import FINDS_PLACE

_CASTS = frozenset(("item", "int", "tolist", "cpu", "numpy", "long"))


def is_position(definition: Definition) -> bool:
    """Whether a name is bound to a position."""
    value = definition.node.value if isinstance(definition.node, (ast.Assign, ast.AnnAssign)) else None
    while isinstance(value, ast.Call):
        name = value.func.attr if isinstance(value.func, ast.Attribute) else getattr(value.func, "id", "")
        if name in FINDS_PLACE:
            return definition.kind == "bind"
        if name not in _CASTS:
            return False
        value = value.args[0] if value.args else getattr(value.func, "value", None)
    return False
