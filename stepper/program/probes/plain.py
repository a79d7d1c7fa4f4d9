"""The plain copy of a body: the script's own statements, with a probe only around what gives the loss."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass

from stepper.program import nodes
from stepper.program.flow.losses import Losses
from stepper.program.syntax import COMPREHENSIONS, FUNCTIONS, Function, path_root, target_names

Definition = Function | ast.ClassDef


@dataclass
class Plain:
    """Makes plain copies. Where nothing changes, the very nodes of the script are used again.

    `kind` is what gives the loss: "backward", "named", or "" where an expression was given for it.
    """

    losses: Losses
    define: Callable[[Definition], Definition]
    after: Callable[[ast.stmt], list[ast.stmt]]
    kind: str

    def body(self, statements: list[ast.stmt]) -> list[ast.stmt]:
        """The plain copy of a list of statements."""
        return [new for statement in statements for new in self.statement(statement)]

    def statement(self, node: ast.stmt) -> list[ast.stmt]:
        """The plain copy of one statement, and what must follow it."""
        if isinstance(node, (*FUNCTIONS, ast.ClassDef)):
            return [self.define(node)]
        if isinstance(node, (ast.Global, ast.Nonlocal)):
            return [nodes.at(ast.Pass(), node)]  # hoisted to the head of the function: twice is a SyntaxError
        new = self._rebuilt(node)
        return [new, *self._reread(node), *self.held(node), *self.after(node)]

    def _rebuilt(self, node: ast.stmt) -> ast.stmt:
        fields: dict[str, object] = {}
        for field in node._fields:
            value = getattr(node, field, None)
            if isinstance(value, ast.expr):
                fields[field] = self.expression(value)
            elif isinstance(value, list) and value and isinstance(value[0], ast.stmt):
                fields[field] = self.body(value)
            elif isinstance(value, list):
                fields[field] = [self._part(item) for item in value]
        match node:
            case ast.Assign(targets=[target], value=value) if self._bound_to(target):
                fields["value"] = self._loss(value, fields["value"])
            case ast.AnnAssign(target=target, value=ast.expr() as value) if self._bound_to(target):
                fields["value"] = self._loss(value, fields["value"])
        unchanged = all(_same(getattr(node, field), value) for field, value in fields.items())
        return node if unchanged else nodes.changed(node, **fields)

    def _part(self, item: object) -> object:
        if isinstance(item, ast.expr):
            return self.expression(item)
        if isinstance(item, (ast.ExceptHandler, ast.match_case)):
            return nodes.changed(item, body=self.body(item.body))
        if isinstance(item, ast.withitem):
            return nodes.rebuilt(item, self._child, ["context_expr"])
        return item

    def _child(self, node: ast.AST) -> ast.AST:
        if isinstance(node, ast.expr):
            return self.expression(node)
        return nodes.rebuilt(node, self._child) if isinstance(node, ast.keyword) else node

    def expression(self, node: ast.expr) -> ast.expr:
        """The plain copy of an expression."""
        if isinstance(node, (ast.Lambda, *COMPREHENSIONS)) or not self.kind:
            return node
        new = nodes.rebuilt(node, self._child)
        if self.kind == "backward":
            value = self.losses.backward_of(node)
            if value is None or not isinstance(new, ast.Call) or not isinstance(node, ast.Call):
                return new
            if node.args and value is node.args[0]:
                return nodes.changed(new, args=[nodes.call(nodes.BACKWARD, value, new.args[0]), *new.args[1:]])
            assert isinstance(new.func, ast.Attribute)
            wrapped = nodes.call(nodes.BACKWARD, value, new.func.value)
            return nodes.changed(new, func=nodes.changed(new.func, value=wrapped))
        if isinstance(node, ast.NamedExpr) and self.losses.is_loss_target(node.target):
            assert isinstance(new, ast.NamedExpr)
            return nodes.changed(new, value=self._loss(node.value, new.value))
        if self.losses.is_loss_call(node):
            return nodes.call(nodes.LOSS, node, new)
        return new

    def _bound_to(self, target: ast.expr) -> bool:
        return self.kind == "named" and path_root(target) is not None and self.losses.is_loss_target(target)

    def _loss(self, value: ast.expr, new: object) -> ast.expr:
        assert isinstance(new, ast.expr)
        return new if self.losses.is_loss_call(value) else nodes.call(nodes.LOSS, value, new)

    def _reread(self, node: ast.stmt) -> list[ast.stmt]:
        """Losses among several names that are bound at once, and `loss += …`: read again after the statement."""
        if self.kind != "named":
            return []
        match node:
            case ast.Assign(targets=targets) if len(targets) > 1 or path_root(targets[0]) is None:
                names = [name for target in targets for name in target_names(target)]
            case ast.AugAssign(target=ast.Name(id=name) as target):
                names = [name] if self.losses.is_loss_target(target) else []
            case _:
                return []
        place = nodes.head(node)
        return [
            nodes.statement(nodes.call(nodes.LOSS, place, nodes.name(name, place)), place)
            for name in dict.fromkeys(names)
            if self.losses.is_loss_target(ast.Name(name))
        ]

    def held(self, node: ast.stmt) -> list[ast.stmt]:
        """Behind `self.loss += …`: its object is handed over, to be looked into: the attribute may be a property.
        Behind a `loss = …` on which `.backward()` is not always called: what is the loss of a pass where it is not."""
        if self.kind == "backward" and id(node) in self.losses.spare:
            place = nodes.head(node)
            read = nodes.name(self.losses.spare[id(node)], place)
            return [nodes.statement(nodes.call(nodes.LOSS_SPARE, place, read), place)]
        match node:
            case ast.AugAssign(target=ast.Attribute(value=ast.Name(id=name), attr=attribute) as target) if (
                self.kind == "named" and self.losses.is_loss_target(target)
            ):
                place = nodes.head(node)
                return [nodes.statement(nodes.call(nodes.LOSS_HELD, place, nodes.name(name, place), attribute), place)]
        return []


def _same(old: object, new: object) -> bool:
    if isinstance(old, list) and isinstance(new, list):
        return len(old) == len(new) and all(a is b for a, b in zip(old, new, strict=True))
    return old is new
