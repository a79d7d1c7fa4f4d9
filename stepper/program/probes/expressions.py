"""Probes inside the recorded copy's expressions.

Each probe wraps an operand in place and returns what it is given: nothing is evaluated twice, nothing is re-read.
Lambdas, comprehensions and generator expressions stay as they are; what a list comprehension gives is looked at.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, replace

from stepper.program import nodes
from stepper.program.flow.losses import Losses
from stepper.program.probes.table import Context, Knowledge, SiteTable
from stepper.program.scopes import Script
from stepper.program.sites import Operand, Operation
from stepper.program.syntax import COMPREHENSIONS, path_root
from stepper.program.vocabulary import mutates_argument, mutates_receiver, operator_name
from stepper.record.events import Role

_OPERATIONS = (ast.Call, ast.BinOp, ast.UnaryOp, ast.Compare, ast.Subscript, ast.ListComp)


@dataclass(frozen=True)
class Probed:
    """An expression with its probes: the new node, how to refer to its value, and what it computes."""

    node: ast.expr
    operand: Operand
    operation: Operation | None = None


TRANSPOSES = frozenset(("T", "mT", "H", "mH"))


class Expressions:
    """Puts probes into expressions and fills the site table as it goes."""

    def __init__(self, script: Script, table: SiteTable, knowledge: Knowledge, losses: Losses) -> None:
        self.script = script
        self.table = table
        self.knowledge = knowledge
        self.losses = losses

    # ------------------------------------------------------------------------------------------------- entry points

    def probe(self, node: ast.expr, context: Context) -> Probed:
        """Wrap an expression and what it is made of."""
        constant = _literal(node)
        if constant is not None:
            return Probed(node, Operand(constant=constant[0], text=self._text(node)))
        if isinstance(node, _OPERATIONS) and not self._is_super(node):
            site = self.table.reserve()
            phase = self.knowledge.call_phase(node)
            context = context if phase is None else replace(context, phase=phase)
            inner = self.bare(node, context.inside(site))
            role = self._role_of_element(node, context) or context.role
            loss = self.losses.is_loss_call(node)
            self.table.fill(site, "expression", node, context, role=role, operation=inner.operation, loss=loss)
            return Probed(nodes.call(nodes.VALUE, node, site, inner.node), Operand(site=site, text=self._text(node)))
        if isinstance(node, (ast.Name, ast.Attribute)) and path_root(node) is not None:
            return self._path(node, context)
        return self.bare(node, context)

    def _role_of_element(self, node: ast.expr, context: Context) -> Role | None:
        """`hs[t]` is what the elements of `hs` are, in the backward pass too; rows of a parameter are no parameter."""
        role = self.knowledge.role(context.scope, node) if isinstance(node, ast.Subscript) else None
        if role == "parameter" and context.phase in ("loss", "backward"):
            return "activation"  # as in the forward pass: `table[1]` is neither a loss nor a gradient
        return None if role in ("parameter", "other") else role

    def bare(self, node: ast.expr, context: Context) -> Probed:
        """Wrap what an expression is made of, and not its own value, which arrives by another way."""
        text = Operand(text=self._text(node))
        match node:
            case ast.Call():
                return self._call(node, context)
            case ast.BinOp(left=left, op=op, right=right):
                a, b = self.probe(left, context), self.probe(right, context)
                name = operator_name(op)
                return Probed(
                    nodes.changed(node, left=a.node, right=b.node), text, Operation(name, name, (a.operand, b.operand))
                )
            case ast.UnaryOp(op=op, operand=operand):
                a = self.probe(operand, context)
                name = operator_name(op)
                return Probed(nodes.changed(node, operand=a.node), text, Operation(name, name, (a.operand,)))
            case ast.Compare(left=left, ops=ops, comparators=comparators):
                parts = [self.probe(part, context) for part in (left, *comparators)]
                new = nodes.changed(node, left=parts[0].node, comparators=[part.node for part in parts[1:]])
                name = operator_name(ops[0])
                operation = Operation(name, name, tuple(part.operand for part in parts)) if len(ops) == 1 else None
                return Probed(new, text, operation)
            case ast.Subscript(value=value, slice=index):
                base, where = self.probe(value, context), self.probe(index, context)
                new_node = nodes.changed(node, value=base.node, slice=where.node)
                return Probed(new_node, text, Operation("getitem", "getitem", (base.operand, where.operand)))
            case ast.NamedExpr(target=target, value=value):
                return Probed(nodes.changed(node, value=self.result(value, context, target).node), text)
            case ast.Name() | ast.Constant() | ast.Lambda():
                return Probed(node, text)
            case ast.Attribute(value=value) if path_root(node) is None:
                return Probed(nodes.changed(node, value=self.probe(value, context).node), text)
            case ast.Await(value=value):
                # The coroutine itself is nothing to look at.
                awaited = self.bare(value, context)
                return Probed(nodes.changed(node, value=awaited.node), text, awaited.operation)
            case _ if isinstance(node, COMPREHENSIONS):
                return Probed(self._first_iterable(node, context), text)
            case ast.Attribute():
                return Probed(node, text)
        return Probed(nodes.rebuilt(node, lambda child: self._child(child, context)), text)

    def condition(self, node: ast.expr, context: Context) -> ast.expr:
        """What an `assert` tests, its comparisons left at the top: Python marks them in a traceback, and no call."""
        match node:
            case ast.Compare():
                return self.bare(node, context).node
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return nodes.changed(node, operand=self.condition(operand, context))
            case ast.BoolOp(values=values):
                return nodes.changed(node, values=[self.condition(value, context) for value in values])
            case ast.IfExp(test=test, body=body, orelse=orelse):
                parts = [self.condition(part, context) for part in (test, body, orelse)]
                return nodes.changed(node, test=parts[0], body=parts[1], orelse=parts[2])
        return self.probe(node, context).node

    def result(self, node: ast.expr, context: Context, target: ast.AST | None = None, label: str = "") -> Probed:
        """Wrap a value that leaves the statement: returned, stored in `target`, or thrown away."""
        site = self.table.reserve()
        inner = self.bare(node, context.inside(site))
        label = label or self._text(target if target is not None else node)
        role = self.knowledge.role(context.scope, target if target is not None else node)
        loss = self.losses.is_loss_call(node) or (target is not None and self.losses.is_loss_target(target))
        constant = _literal(node)
        operand = Operand(site=site, constant=constant[0] if constant else None, text=self._text(node))
        self.table.fill(site, "result", node, context, label=label, role=role, operation=inner.operation, loss=loss)
        return Probed(nodes.call(nodes.VALUE, node, site, inner.node), operand, inner.operation)

    def before(
        self, node: ast.expr, context: Context, method: str = "", *, keyed: bool = False, loss: bool = False
    ) -> Probed:
        """Wrap an object that is about to be changed in place by `method` (empty: by a store); `keyed`: under a key
        that a probe of its own is handed; `loss`: it is the loss that `backward` is called on."""
        site = self.table.reserve()
        inner = self.bare(node, context.inside(site))
        role = self.knowledge.role(context.scope, node)
        if role in (None, "other") and loss:
            role = "loss"  # `scaler.scale(loss).backward()`, `learn.loss.backward()`
        operation = inner.operation
        self.table.fill(
            site, "mutated", node, context, role=role, operation=operation, method=method, keyed=keyed, loss=loss
        )
        return Probed(nodes.call(nodes.BEFORE, node, site, inner.node), Operand(site=site, text=self._text(node)))

    def owner(self, node: ast.expr, attribute: ast.Attribute, context: Context) -> Probed:
        """Wrap the object whose attribute is about to be changed by an augmented assignment."""
        site = self.table.reserve()
        inner = self.bare(node, context.inside(site))
        role = self.knowledge.role(context.scope, attribute)
        label = self._text(attribute)
        self.table.fill(site, "mutated", node, context, label=label, role=role, attribute=attribute.attr, method="")
        return Probed(nodes.call(nodes.OWNER, node, site, inner.node), Operand(site=site, text=label))

    def target(self, node: ast.expr, context: Context) -> tuple[ast.expr, list[Operand]]:
        """An assignment's target, the base and key of a subscript store wrapped; and that store's base and index."""
        match node:
            case ast.Subscript(value=value, slice=index):
                if isinstance(value, ast.Attribute) and value.attr == "flat":  # a look at an array, changed with it
                    base, where = self.before(value.value, context), self.probe(index, context)
                    look = nodes.changed(value, value=base.node)
                    return nodes.changed(node, value=look, slice=where.node), [base.operand, where.operand]
                keyed = _may_be_key(index)
                base, where = self.before(value, context, keyed=keyed), self.probe(index, context)
                key = where.node
                if keyed and base.operand.site is not None:
                    key = nodes.call(nodes.KEY, index, base.operand.site, key)
                return nodes.changed(node, value=base.node, slice=key), [base.operand, where.operand]
            case ast.Attribute(value=value) if path_root(node) is None:
                return nodes.changed(node, value=self.probe(value, context).node), []
            case ast.Tuple(elts=elements) | ast.List(elts=elements):
                new = [self.target(element, context)[0] for element in elements]
                return nodes.changed(node, elts=new), []
            case ast.Starred(value=value):
                return nodes.changed(node, value=self.target(value, context)[0]), []
        return node, []

    # ------------------------------------------------------------------------------------------------- pieces

    def _first_iterable(self, node: ast.expr, context: Context) -> ast.expr:
        """A comprehension stays as it is, but for what it goes through first, which is evaluated outside of it."""
        generators: list[ast.comprehension] = node.generators  # type: ignore[attr-defined]
        first = nodes.changed(generators[0], iter=self.probe(generators[0].iter, context).node)
        return nodes.changed(node, generators=[first, *generators[1:]])

    def _child(self, child: ast.AST, context: Context) -> ast.AST:
        if isinstance(child, ast.expr):
            return self.probe(child, context).node
        if isinstance(child, (ast.keyword, ast.withitem)):
            return nodes.rebuilt(child, lambda inner: self._child(inner, context))
        return child

    def _path(self, node: ast.Name | ast.Attribute, context: Context) -> Probed:
        root = path_root(node)
        text = self._text(node)
        kind = self.script.kind(context.scope, root.id) if root is not None else "import"
        if kind != "variable" and not (kind == "definition" and isinstance(node, ast.Attribute)):
            return Probed(node, Operand(text=text))
        if isinstance(node, ast.Attribute) and node.attr in TRANSPOSES:
            # The same numbers as what it is taken of, which is what a person knows by name and what is kept already.
            return Probed(nodes.changed(node, value=self.probe(node.value, context).node), Operand(text=text))
        role = self.knowledge.role(context.scope, node)
        site = self.table.add("operand", node, context, label=text, role=role)
        return Probed(nodes.call(nodes.VALUE, node, site, node), Operand(site=site, text=text))

    def _call(self, node: ast.Call, context: Context) -> Probed:
        function, receiver, changed = self._callee(node, context)
        arguments: list[ast.expr] = []
        operands: list[Operand] = [] if receiver is None else [receiver]
        set_by_name = self._sets_by_name(node, context)
        for position, argument in enumerate(node.args):
            method = changed if changed is not None and position == 0 else None
            if set_by_name and position == 0:
                probed = self.before(argument, context, "setattr", keyed=True)
            else:
                probed = self._argument(argument, context, method)
            if set_by_name and position == 1 and operands[0].site is not None:
                probed = replace(probed, node=nodes.call(nodes.KEY, argument, operands[0].site, probed.node))
            arguments.append(probed.node)
            operands.append(probed.operand)
        keywords: list[tuple[str, Operand]] = []
        passed: list[ast.keyword] = []
        for keyword in node.keywords:
            probed = self._argument(keyword.value, context, "" if keyword.arg == "out" else None)
            passed.append(nodes.changed(keyword, value=probed.node))
            keywords.append((keyword.arg or "**", probed.operand))
        path = self._text(node.func)
        last = path_last(node.func)
        operation = Operation(last or path, path, tuple(operands), tuple(keywords), receiver is not None)
        new = nodes.changed(node, func=function, args=arguments, keywords=passed)
        return Probed(new, Operand(text=self._text(node)), operation)

    def _sets_by_name(self, node: ast.Call, context: Context) -> bool:
        """Whether a call is `setattr(layer, name, value)`."""
        match node:
            case ast.Call(func=ast.Name(id="setattr"), args=[_, _, _], keywords=[]):
                starred = any(isinstance(argument, ast.Starred) for argument in node.args)
                return not starred and self.script.kind(context.scope, "setattr") == "builtin"
        return False

    def _callee(self, node: ast.Call, context: Context) -> tuple[ast.expr, Operand | None, str | None]:
        """The callee with its probes, the receiver of a method, and how the first argument is changed in place."""
        function = node.func
        if isinstance(function, ast.Attribute):
            method = function.attr
            if self.losses.is_delegated_backward(node):
                changed: str | None = "backward"
            else:
                changed = None
            if self.script.is_import(context.scope, function.value):
                return function, None, method if mutates_argument(method) else changed
            if self._is_super(function.value):
                return function, None, None
            if mutates_receiver(method) and changed is None:
                loss = self.losses.backward_of(node) is not None
                receiver = self.before(function.value, context, method, loss=loss)
            else:
                receiver = self.probe(function.value, context)
            return nodes.changed(function, value=receiver.node), receiver.operand, changed
        if isinstance(function, ast.Name):
            kind = self.script.kind(context.scope, function.id)
            known = kind == "import" and mutates_argument(function.id)
            return self._path(function, context).node, None, function.id if known else None
        return self.probe(function, context).node, None, None

    def _argument(self, node: ast.expr, context: Context, method: str | None) -> Probed:
        if method is not None and not isinstance(node, (ast.Starred, ast.Constant)):
            return self.before(node, context, method, loss=method == "backward")
        return self.probe(node, context)

    def _is_super(self, node: ast.AST) -> bool:
        return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "super"

    def _text(self, node: ast.AST) -> str:
        return self.table.source.of(node)


def path_last(node: ast.AST) -> str:
    """The last name of a callee (`maximum` of `np.maximum`); empty where it has none."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _may_be_key(index: ast.expr) -> bool:
    """Whether an index may be the key of a dict, or a place in a list: `a:b` is neither, and no expression."""
    parts = index.elts if isinstance(index, ast.Tuple) else [index]
    return not any(isinstance(part, (ast.Slice, ast.Starred)) for part in parts)


def _literal(node: ast.expr) -> tuple[bool | int | float | str | None] | None:
    """The value of a literal (negative numbers too), in a 1-tuple; None where the node is not one."""
    match node:
        case ast.Constant(value=bool() | int() | float() | str() | None as value):
            return (value,)
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)):
            return (-value,)
        case ast.UnaryOp(op=ast.UAdd(), operand=ast.Constant(value=int() | float() as value)):
            return (value,)
    return None
