"""Probes around statements: the recorded copy of a body, and the plain copy with nothing but what gives the loss."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from dataclasses import replace

from stepper.program import nodes
from stepper.program.probes.ends import where_it_is_over
from stepper.program.probes.expressions import Expressions, Probed
from stepper.program.probes.plain import Plain
from stepper.program.probes.table import Context
from stepper.program.sites import Operation
from stepper.program.syntax import BLOCKS, Function, target_names
from stepper.program.unread import unread
from stepper.program.unseen import unseen
from stepper.program.vocabulary import inplace_name

Definition = Function | ast.ClassDef


class Statements:
    """Makes recorded copies of statements. `define` gives a nested definition with its own probes."""

    def __init__(
        self,
        expressions: Expressions,
        plain: Plain,
        define: Callable[[Definition], Definition],
        after: Callable[[ast.stmt], list[ast.stmt]],
    ) -> None:
        self.expressions = expressions
        self.plain = plain
        self.define = define
        # What must follow a statement in every copy (a setting put in place of what was bound).
        self.after = after
        self.table = expressions.table
        self.script = expressions.script
        self.knowledge = expressions.knowledge
        self.losses = expressions.losses
        self._parents: dict[int, int | None] = {}
        self._unread = unread(self.table.source.tree)
        self._unseen = unseen(self.table.source.tree)

    # ------------------------------------------------------------------------------------------------- bodies

    def body(
        self, statements: list[ast.stmt], context: Context, first: Sequence[ast.stmt] = (), entry: ast.AST | None = None
    ) -> list[ast.stmt]:
        """The recorded copy of a list of statements, behind the probes that come `first`. `entry` is what begins there
        (a function, an `except`), where that is a place to stop."""
        return [*first, *(new for statement in statements for new in self.statement(statement, context))]

    def statement(self, node: ast.stmt, context: Context) -> list[ast.stmt]:
        """The recorded copy of one statement."""
        if isinstance(node, (ast.Global, ast.Nonlocal)):
            return [nodes.at(ast.Pass(), node)]  # hoisted to the head of the function: twice is a SyntaxError
        if nodes.is_bare_constant(node):
            return [node]
        site, inner = self.open(node, context)
        begin = self.begin(site, node)
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                return [begin, self.define(node), self.done(site, node, [])]
            case _ if isinstance(node, BLOCKS):
                return [begin, self.compound(site, node, inner), *self.left(site, node)]
            case ast.Return() | ast.Raise() | ast.Break() | ast.Continue():
                return [begin, self._leaving(site, node, inner)]
        before, new, names = self._simple(site, node, inner)
        return [begin, *before, new, *self.plain.held(node), *self.after(node), self.done(site, node, names)]

    # ------------------------------------------------------------------------------------------------- pieces for all

    def open(self, node: ast.AST, context: Context) -> tuple[int, Context]:
        """A statement's site (filled with what holds for any statement), and the context inside it."""
        phase = self.knowledge.phase(node)
        site = self.table.reserve()
        inner = Context(context.scope, context.function, site, phase or context.phase, context.spine)
        if context.spine:
            inner = Context(context.scope, context.function, site, context.phase, True)
        self._parents[site] = context.parent
        self._fill(site, node, inner, [], None)
        return site, inner

    def _fill(
        self,
        site: int,
        node: ast.AST,
        inner: Context,
        names: list[str],
        operation: Operation | None,
        losses: tuple[bool, ...] = (),
    ) -> None:
        scope = inner.scope
        self.table.fill(
            site,
            "statement",
            node,
            inner,
            parent=self._parents.get(site),
            bound=tuple(names),
            bound_roles=tuple(self.knowledge.role_of_name(scope, name) for name in names),
            bound_losses=losses,
            operation=operation,
            unread=id(node) in self._unread,
            unseen=id(node) in self._unseen,
        )

    def begin(self, site: int, node: ast.AST) -> ast.stmt:
        """The probe before a statement."""
        place = nodes.head(node)
        return nodes.statement(nodes.call(nodes.STATEMENT, place, site), place)

    def done(self, site: int, node: ast.AST, names: list[str]) -> ast.stmt:
        """The probe after a statement, handed the names it bound."""
        place = nodes.head(node)
        values = [nodes.name(name, place) for name in names]
        return nodes.statement(nodes.call(nodes.DONE, place, site, *values), place)

    def bound(self, site: int, node: ast.AST, names: list[str], inner: Context) -> list[ast.stmt]:
        """At the start of a body: the probe that is handed what the statement's head bound."""
        if not names:
            return []
        self._fill(site, node, inner, names, None, tuple(False for _ in names))
        return [self.done(site, node, names)]

    def left(self, site: int, node: ast.stmt, *, again: bool = False) -> list[ast.stmt]:
        """Behind a compound statement, or where its head comes `again`: the probe that asks what that printed."""
        place = nodes.head(node)
        return [nodes.statement(nodes.call(nodes.LEFT, place, site, again), place)] if _goes_on(node) else []

    def again(self, site: int, node: ast.stmt) -> ast.stmt:
        """At the start of the body of a loop around the training loop: the probe that makes each pass an event."""
        place = nodes.head(node)
        return nodes.statement(nodes.call(nodes.AGAIN, place, site), place)

    def over(self, site: int, node: ast.stmt) -> list[ast.stmt]:
        """At the end of its body: the probe that keeps apart what the last statement in it did."""
        place = nodes.head(node)
        return [nodes.statement(nodes.call(nodes.OVER, place, site), place)] if _goes_on(node) else []

    def _passing(self, site: int, node: ast.stmt, body: list[ast.stmt]) -> list[ast.stmt]:
        """The body of a loop with that probe wherever a pass is over."""
        over = self.over(site, node)
        return where_it_is_over(body, lambda: over[0]) if over else body

    def read(self, names: list[str], node: ast.AST, inner: Context) -> list[ast.stmt]:
        """Probes that are handed names which a statement does not read itself, and which say where it stands."""
        place = nodes.head(node)
        found: list[ast.stmt] = []
        for name in names:
            role = self.knowledge.role_of_name(inner.scope, name)
            site = self.table.add("operand", node, inner, label=name, role=role)
            found.append(nodes.statement(nodes.call(nodes.VALUE, place, site, nodes.name(name, place)), place))
        return found

    def head(self, node: ast.expr, inner: Context) -> ast.expr:
        """What a compound statement evaluates in its head."""
        return self.expressions.probe(node, inner).node

    def target(self, node: ast.expr, inner: Context) -> ast.expr:
        """What a compound statement binds in its head."""
        return self.expressions.target(node, inner)[0]

    # ------------------------------------------------------------------------------------------------- compound

    def compound(self, site: int, node: ast.stmt, inner: Context) -> ast.stmt:
        """The recorded copy of a compound statement; `inner` is the context inside it."""
        match node:
            case ast.For(target=target, iter=iterable) | ast.AsyncFor(target=target, iter=iterable):
                where = self.target(target, inner)
                over = self.head(iterable, inner)
                first = self.left(site, node, again=True) + self.bound(site, node, target_names(target), inner)
                body = self._passing(site, node, self.body(node.body, inner, first))
                return nodes.changed(node, target=where, iter=over, body=body, orelse=self.body(node.orelse, inner))
            case ast.While(test=test) | ast.If(test=test):
                new = self.head(test, inner)
                body = self._passing(site, node, self.body(node.body, inner, self.left(site, node, again=True)))
                return nodes.changed(node, test=new, body=body, orelse=self.body(node.orelse, inner))
            case ast.With(items=items) | ast.AsyncWith(items=items):
                new_items: list[ast.withitem] = []
                names: list[str] = []
                for item in items:
                    value = self.head(item.context_expr, inner)
                    variables = item.optional_vars
                    if variables is not None:
                        names += target_names(variables)
                        variables = self.target(variables, inner)
                    new_items.append(nodes.changed(item, context_expr=value, optional_vars=variables))
                body = self.body(node.body, inner, self.bound(site, node, names, inner)) + self.over(site, node)
                return nodes.changed(node, items=new_items, body=body)
            case ast.Try() | ast.TryStar():
                return nodes.changed(
                    node,
                    body=self.body(node.body, inner),
                    handlers=[self.handler(handler, inner) for handler in node.handlers],
                    orelse=self.body(node.orelse, inner),
                    finalbody=self.body(node.finalbody, inner),
                )
            case ast.Match(subject=subject):
                new = self.head(subject, inner)
                cases = []
                for case in node.cases:
                    guard = None if case.guard is None else self.head(case.guard, inner)
                    case_site, within = self.open(case.pattern, inner)
                    first = [self.begin(case_site, case.pattern)]
                    first += self.bound(case_site, case.pattern, target_names(case.pattern), within)
                    body = self.body(case.body, within, first, case.pattern)
                    cases.append(nodes.changed(case, guard=guard, body=body))
                return nodes.changed(node, subject=new, cases=cases)
        raise AssertionError(f"not a compound statement: {type(node).__name__}")

    def handler(self, node: ast.ExceptHandler, context: Context) -> ast.ExceptHandler:
        """An except clause, a statement of its own inside its `try`."""
        site, inner = self.open(node, context)
        place = nodes.head(node)
        first = [nodes.statement(nodes.call(nodes.CAUGHT, place), place), self.begin(site, node)]
        first += self.bound(site, node, [node.name] if node.name else [], inner)
        return nodes.changed(node, body=self.body(node.body, inner, first, node))

    # ------------------------------------------------------------------------------------------------- simple

    def _leaving(self, site: int, node: ast.stmt, inner: Context) -> ast.stmt:
        if isinstance(node, ast.Return) and node.value is not None:
            return nodes.changed(node, value=self.expressions.result(node.value, inner).node)
        if isinstance(node, ast.Raise):
            parts = {
                field: self.expressions.bare(value, inner).node
                for field, value in (("exc", node.exc), ("cause", node.cause))
                if value is not None
            }
            return nodes.changed(node, **parts)
        return node

    def _simple(self, site: int, node: ast.stmt, inner: Context) -> tuple[list[ast.stmt], ast.stmt, list[str]]:
        """What comes before, the new statement, and the names it bound."""
        match node:
            case ast.Assign(targets=targets, value=value):
                return [], *self._assign(site, node, targets, value, inner)
            case ast.AnnAssign(target=target, value=ast.expr() as value):
                return [], *self._assign(site, node, [target], value, inner)
            case ast.AugAssign():
                return self._augmented(site, node, inner)
            case ast.Expr(value=value):
                called = value.value if isinstance(value, ast.Await) else value
                if isinstance(called, ast.Call):
                    new = self.expressions.result(value, inner)
                    return [], nodes.changed(node, value=new.node), []
                return [], nodes.changed(node, value=self.expressions.probe(value, inner).node), []
            case ast.Delete(targets=targets):
                new_targets = [self.expressions.target(target, inner)[0] for target in targets]
                return [], nodes.changed(node, targets=new_targets), []
            case ast.Assert(test=test, msg=message):
                checked = self.expressions.condition(test, inner)
                said = None if message is None else self.expressions.probe(message, inner).node
                return [], nodes.changed(node, test=checked, msg=said), []
        return [], node, []

    def _assign(
        self, site: int, node: ast.stmt, targets: list[ast.expr], value: ast.expr, inner: Context
    ) -> tuple[ast.stmt, list[str]]:
        names = list(dict.fromkeys(name for target in targets for name in target_names(target)))
        stores = [part for target in targets for part in ast.walk(target) if isinstance(part, ast.expr)]
        stores = [part for part in stores if isinstance(getattr(part, "ctx", None), ast.Store)]
        places = [part for part in stores if isinstance(part, (ast.Attribute, ast.Subscript))]
        roles = {self.knowledge.role_of_name(inner.scope, name) for name in names} if not places else set()
        if roles in ({"data"}, {"activation"}):
            # what leads to data is data (`labels = labels.to(device)`), and to an activation, which a backward pass may
            # compute anew, an activation: `h_relu = np.maximum(x.dot(w1), 0)`
            inner = replace(inner, role=next(iter(roles)))
        operation: Operation | None
        if not places and not isinstance(value, (ast.Name, ast.Attribute)):
            probed = self.expressions.bare(value, inner)
            operation = probed.operation
        elif len(places) == 1 and places[0] in targets:
            probed = self.expressions.result(value, inner, places[0])
            operation = None
        else:  # of `g = grad_h_relu` the name that is read is shown as well
            probed = self.expressions.probe(value, inner)
            operation = None
        new_targets: list[ast.expr] = []
        for target in targets:
            new_target, operands = self.expressions.target(target, inner)
            new_targets.append(new_target)
            if operands and len(places) == 1:
                operation = Operation("setitem", "setitem", (*operands, probed.operand))
        called = self.losses.is_loss_call(value) and len(names) == 1 and not places
        whole = {target.id: target for target in targets if isinstance(target, ast.Name)}
        losses = tuple(called or self.losses.is_loss_target(whole.get(name, ast.Name(name))) for name in names)
        self._fill(site, node, inner, names, operation, losses)
        if isinstance(node, ast.AnnAssign):
            return nodes.changed(node, target=new_targets[0], value=probed.node), names
        return nodes.changed(node, targets=new_targets, value=probed.node), names

    def _augmented(self, site: int, node: ast.AugAssign, inner: Context) -> tuple[list[ast.stmt], ast.stmt, list[str]]:
        before: list[ast.stmt] = []
        names: list[str] = []
        target: ast.expr
        match node.target:
            case ast.Name(id=name):
                read = ast.copy_location(ast.Name(name, ast.Load()), node.target)
                looked = self.expressions.before(read, inner)
                before = [nodes.statement(looked.node, node.target)]
                target, operands, names = node.target, [looked.operand], [name]
            case ast.Attribute(value=value) as attribute:
                owner = self.expressions.owner(value, attribute, inner)
                target = nodes.changed(attribute, value=owner.node)
                operands = [owner.operand]
            case subscript:
                target, operands = self.expressions.target(subscript, inner)
        added: Probed = self.expressions.probe(node.value, inner)
        name = inplace_name(node.op)
        operation = Operation(name, name, (*operands, added.operand))
        losses = tuple(self.losses.is_loss_target(node.target) for _ in names)
        self._fill(site, node, inner, names, operation, losses)
        return before, nodes.changed(node, target=target, value=added.node), names


def _goes_on(node: ast.stmt) -> bool:
    """Whether a compound statement runs code after its body that may print: the exit of a `with`, an iterator."""
    match node:
        case ast.With() | ast.AsyncWith():
            return True
        case ast.For(iter=ast.Call(func=ast.Name("range")) | ast.List() | ast.Tuple()):
            return False
        case ast.For() | ast.AsyncFor():
            return True
        case ast.While(test=test):
            return any(isinstance(part, ast.Call) for part in ast.walk(test))
    return False
