"""Which values are losses: what `.backward()` is called on, else what a name or callee says is one."""

from __future__ import annotations

import ast

from stepper.program.flow.instances import Instances
from stepper.program.scopes import Script
from stepper.program.syntax import FUNCTIONS
from stepper.program.vocabulary import names_loss


class Losses:
    """Tells losses by their place in the text; whether a value is a scalar is seen when the script runs."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.instances = Instances(script)
        self.aside: frozenset[str] = frozenset()  # names that sound like one, beside the loss itself
        self.totals: frozenset[int] = frozenset()  # targets (ids) of running totals, beside losses of the pass
        # Names by the statements (ids) that bind them, on which `.backward()` is not called in every pass.
        self.spare: dict[int, str] = {}
        # A script's own `backward` methods: of a value that can be added up (micrograd's), or of a layer.
        self.values: set[str] = set()
        self.layers: set[str] = set()
        for cls in script.classes:
            names = {node.name for base in script.bases(cls) for node in base.body if isinstance(node, FUNCTIONS)}
            if "backward" in names and not script.is_a(cls, "Function"):
                kept = {"data", "grad"} <= _kept(cls)
                (self.values if kept or names & {"__add__", "__mul__", "__sub__"} else self.layers).add(cls.name)

    def backward_of(self, node: ast.AST) -> ast.expr | None:
        """The loss of a call `loss.backward()` or `accelerator.backward(loss)`; None for any other call."""
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute) or node.func.attr != "backward":
            return None
        if self.is_delegated_backward(node):
            return node.args[0]
        if isinstance(node.func.value, ast.Call) and _last(node.func.value.func) == "super":
            return None
        if self.is_handed_on(node):
            return None
        scope = self.script.scope_around(node)
        own = {cls.name for cls in self.instances.of(scope, node.func.value)}
        if own & self.values:
            return node.func.value
        if own & self.layers or self.script.is_import(scope, node.func.value):
            return None
        if self.script.is_unpacked(node) or (node.args and not self.script.uses_torch and not self._has_only_values()):
            return None  # autograd's gives nothing back; and what others' are handed is the gradient behind a layer
        if self.layers and not self.values:
            return node.func.value if self.script.uses_torch and not node.args else None
        return node.func.value

    def is_handed_on(self, node: ast.AST) -> bool:
        """Whether a call stands inside a class whose values have a `backward`: there a value hands its gradient on to
        those that it was made of."""
        return any(isinstance(each, ast.ClassDef) and each.name in self.values for each in self.script.ancestors(node))

    def _has_only_values(self) -> bool:
        """Whether the script's own `backward` is that of values, which begins with a gradient that is handed to it."""
        return bool(self.values) and not self.layers

    def is_delegated_backward(self, node: ast.AST) -> bool:
        """Whether a call hands the loss to someone else's `backward`: `accelerator.backward(loss)`."""
        match node:
            case ast.Call(
                func=ast.Attribute(value=receiver, attr=("backward" | "manual_backward") as name), args=[argument]
            ):
                if not isinstance(argument, (ast.Name, ast.Attribute, ast.BinOp, ast.Subscript, ast.Call)):
                    return False
                if any(word in _last(receiver).lower() for word in ("accelerator", "fabric", "engine")):
                    return True
                return name == "manual_backward"
        return False

    def differentiated_by(self, node: ast.AST) -> ast.expr | None:
        """What a call of `torch.autograd.grad` takes the gradients of; None for any other call."""
        if not isinstance(node, ast.Call) or self.script.dotted(node.func) != "torch.autograd.grad":
            return None
        named = [keyword.value for keyword in node.keywords if keyword.arg == "outputs"]
        return next(iter([*node.args[:1], *named]), None)

    def is_loss_call(self, node: ast.AST) -> bool:
        """Whether an expression is a call with loss, cost or error in its callee's name."""
        return isinstance(node, ast.Call) and _last(node.func) not in self.aside and names_loss(_last(node.func))

    def is_loss_target(self, node: ast.AST) -> bool:
        """Whether a name or attribute that is bound has loss, cost or error in its name."""
        return id(node) not in self.totals and _last(node) not in self.aside and names_loss(_last(node))


def _last(node: ast.AST) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    if isinstance(node, ast.Call):
        return _last(node.func)
    return node.id if isinstance(node, ast.Name) else ""


def _kept(cls: ast.ClassDef) -> set[str]:
    """The attributes of itself that a class binds."""
    stores = (node for node in ast.walk(cls) if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store))
    return {node.attr for node in stores if isinstance(node.value, ast.Name) and node.value.id == "self"}
