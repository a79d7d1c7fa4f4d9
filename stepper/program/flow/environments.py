"""What comes from outside the network in reinforcement learning, though the network has chosen the action: what an
environment answers (`state, reward, done, _ = env.step(action)`), and what is drawn from a memory of such answers.

No gradient of autograd's goes through either. The definitions that are made here are those of no place, so that what is
made of a network (its `descendants`) ends at them, and what a value depends on (its `closure`) does not.
"""

from __future__ import annotations

import ast

from stepper.program.flow.effects import EMPTY, Definition, Value
from stepper.program.scopes import Script

_DRAWING = frozenset(("random.sample", "random.choices", "random.choice", "numpy.random.choice"))


def is_from_outside(script: Script, node: ast.Call) -> bool:
    """Whether a call gives what no gradient of autograd's goes through."""
    name = node.func.attr if isinstance(node.func, ast.Attribute) else ""
    answers = name == "reset" or (name == "step" and bool(node.args) and script.is_unpacked(node))
    return answers or script.dotted(node.func) in _DRAWING


def outside(node: ast.Call, value: Value) -> Value:
    """The value of such a call: it hangs on all that it did, and is made by no network."""
    items = tuple(outside(node, item) for item in value.items) if value.items is not None else None
    made = Definition((id(node), ""), node, "bind", set(value.deps))
    return Value(frozenset((made,)) if value.deps else EMPTY, items=items)


def trains_by_autograd(script: Script) -> bool:
    """Whether a script calls `.backward()`."""
    called = (node.func for node in script.nodes if isinstance(node, ast.Call))
    return any(isinstance(each, ast.Attribute) and each.attr == "backward" for each in called)
