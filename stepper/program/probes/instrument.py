"""The instrumented module: the training loop's body three times, functions as well, and the spine around the loop.

Each copy computes the same: one is recorded, one runs at full speed, and one does so too, but can stop (`armed`).

The spine is what lexically contains the training loop (or calls the function that does): it is walked statement by
statement, so that what lies before the first pass and between passes can be recorded or not, at each turn.
"""

from __future__ import annotations

import ast
import copy
from dataclasses import dataclass, replace
from functools import cached_property

from stepper.program import nodes
from stepper.program.around import names_around
from stepper.program.flow.losses import Losses
from stepper.program.probes.armed import Armed
from stepper.program.probes.ends import where_it_ends, where_it_is_over
from stepper.program.probes.expressions import Expressions
from stepper.program.probes.plain import Definition, Plain
from stepper.program.probes.resumed import Resumed
from stepper.program.probes.statements import Statements
from stepper.program.probes.table import Context, Knowledge, SiteTable
from stepper.program.scopes import Script
from stepper.program.spine import LoopNode
from stepper.program.syntax import BLOCKS, FUNCTIONS, Function, parameters, suspends, target_names


@dataclass(frozen=True)
class Plan:
    """What the instrumentation is to do. `loop` None: the whole module is one iteration.

    `spine` and `opaque` are ids of nodes; `settings` says after which statement which names are set; `loss` is an
    expression that gives the loss, else `loss_kind` says what does ("backward" or "named"; "" where nothing does).
    `tag` tells the lines of this file from those of others. `beside`: it is one that the script imports, without the
    loop.
    """

    loop: LoopNode | None
    spine: frozenset[int]
    opaque: frozenset[int]
    settings: dict[int, list[str]]
    loss: ast.expr | None
    loss_kind: str
    tag: str = ""
    beside: bool = False


class Instrument:
    """Builds the instrumented module and the site table."""

    def __init__(
        self, script: Script, knowledge: Knowledge, losses: Losses, plan: Plan, table: SiteTable | None = None
    ) -> None:
        self.script = script
        self.plan = plan
        self.losses = losses
        self.knowledge = knowledge
        self.table = table or SiteTable(script.source)
        self.loop_sites: dict[int, int] = {}
        self._defined: dict[int, Definition] = {}
        kind = "" if plan.loss is not None else plan.loss_kind
        self.plain = Plain(losses, self.define, self._after, kind)
        self.armed = Armed(losses, self.define, self._after, kind, plan.tag)
        expressions = Expressions(script, self.table, knowledge, losses)
        self.statements = Statements(expressions, self.plain, self.define, self._after)
        self._recording = nodes.BESIDE if plan.beside else nodes.RECORDING

    def module(self) -> ast.Module:
        """The instrumented module."""
        tree = self.script.source.tree
        context = Context(self.script.module, phase="setup", spine=True)
        if self.plan.loop is not None:
            body = self._spine(tree.body, context, first=True)
        else:
            body = self._whole(tree.body, context)
        return ast.Module(body, tree.type_ignores)

    def beside(self) -> ast.Module:
        """A module that the script imports: only the functions and methods in it carry probes."""
        tree = self.table.source.tree
        return ast.Module([self._class_level(statement) for statement in tree.body], tree.type_ignores)

    # ------------------------------------------------------------------------------------------------- definitions

    @cached_property
    def _resumed(self) -> Resumed:
        return Resumed(self.statements, self.armed, self._recording)

    def define(self, node: Definition) -> Definition:
        """A function or class with its probes (the same node each time it is asked for)."""
        if id(node) not in self._defined:
            self._defined[id(node)] = self._class(node) if isinstance(node, ast.ClassDef) else self._function(node)
        return self._defined[id(node)]

    def _class(self, node: ast.ClassDef) -> ast.ClassDef:
        # Class-level statements stay as they are; only the methods among them carry probes.
        return nodes.changed(node, body=[self._class_level(statement) for statement in node.body])

    def _class_level(self, node: ast.stmt) -> ast.stmt:
        if isinstance(node, (*FUNCTIONS, ast.ClassDef)):
            return self.define(node)

        def inside(child: ast.AST) -> ast.AST:
            if isinstance(child, ast.stmt):
                return self._class_level(child)
            if isinstance(child, (ast.ExceptHandler, ast.match_case)):
                return nodes.rebuilt(child, inside, ["body"])
            return child

        return nodes.rebuilt(node, inside)

    def _function(self, node: Function) -> Function:
        if id(node) in self.plan.opaque:
            return node
        scope = self.script.scope(node)
        first, rest = _docstring(node.body)
        first += _declarations(rest)
        if all(isinstance(statement, (ast.Global, ast.Nonlocal)) for statement in rest):
            return node
        context = Context(scope, scope.name)
        if id(node) in self.plan.spine:
            context = replace(context, phase="setup", spine=True)
            enter = self._if_recording([self._enter(node, context)], node, stop=True)
            return nodes.changed(node, body=[*first, *enter, *self._spine(rest, context)])
        enter = [self._enter(node, context)]
        if any(suspends(statement) for statement in rest):
            return nodes.changed(node, body=[*first, *self._resumed.body(rest, context, enter, node)])
        place = nodes.head(rest[0])
        recorded = self.statements.body(rest, context, enter)
        test = nodes.name(self._recording, place)
        armed = [self.armed.stop(node), *self.armed.body(rest)]
        return nodes.changed(node, body=[*first, nodes.choice(test, recorded, armed, self.plain.body(rest), place)])

    def _enter(self, node: Function, context: Context) -> ast.stmt:
        names = parameters(node)
        roles = tuple(self.knowledge.role_of_name(context.scope, name) for name in names)
        context = replace(context, phase=self.knowledge.call_phase(node) or context.phase)
        site = self.table.add("function", node, context, label=node.name, bound=tuple(names), bound_roles=roles)
        place = nodes.head(node)
        values = [nodes.name(name, place) for name in names]
        return nodes.statement(nodes.call(nodes.ENTER, place, site, *values), place)

    # ------------------------------------------------------------------------------------------------- the spine

    def _spine(self, body: list[ast.stmt], context: Context, first: bool = False) -> list[ast.stmt]:
        """A body on the spine. `first`: it is the module's, and may begin with a docstring and __future__ imports."""
        new: list[ast.stmt] = []
        run: list[ast.stmt] = []

        def flush() -> None:
            if run:
                new.append(self._run(list(run), context))
                run.clear()

        for position, statement in enumerate(body):
            if first and (_is_future(statement) or (position == 0 and _is_docstring(statement))):
                new.append(statement)
            elif isinstance(statement, (ast.Global, ast.Nonlocal)):
                new.append(nodes.at(ast.Pass(), statement))
            elif isinstance(statement, (*FUNCTIONS, ast.ClassDef)):
                flush()
                new += self._definition(statement, context)
            elif id(statement) in self.plan.spine:
                flush()
                if isinstance(statement, BLOCKS):
                    new += self._descend(statement, context)
                else:
                    new.append(self._run([statement], context))
                context = replace(context, phase="between")
            else:
                run.append(statement)
        flush()
        return new

    def _run(self, run: list[ast.stmt], context: Context) -> ast.stmt:
        place = nodes.head(run[0])
        recorded = self.statements.body(run, context)
        test = nodes.name(nodes.RECORDING, place)
        return nodes.choice(test, recorded, self.armed.body(run), self.plain.body(run), place)

    def _if_recording(self, body: list[ast.stmt], node: ast.AST, *, stop: bool = False) -> list[ast.stmt]:
        """`stop`: a statement begins here, before which one may stop."""
        place = nodes.head(node)
        armed = [self.armed.stop(node)] if stop else []
        return [nodes.choice(nodes.name(nodes.RECORDING, place), body, armed, [], place)] if body else []

    def _definition(self, node: Definition, context: Context) -> list[ast.stmt]:
        site, _ = self.statements.open(node, context)
        return [
            *self._if_recording([self.statements.begin(site, node)], node, stop=True),
            self.define(node),
            *self._if_recording([self.statements.done(site, node, [])], node),
        ]

    def _descend(self, node: ast.stmt, context: Context) -> list[ast.stmt]:
        """A compound statement on the spine: its own body is walked the same way."""
        site, inner = self.statements.open(node, context)
        begin = self._if_recording([self.statements.begin(site, node)], node, stop=True)
        if node is self.plan.loop:
            return [*begin, *self._loop(node, context), *self._if_recording(self.statements.left(site, node), node)]
        new: ast.stmt
        match node:
            case ast.For() | ast.AsyncFor() | ast.While():
                within = replace(inner, phase="between")
                names = [] if isinstance(node, ast.While) else target_names(node.target)
                first = [self.statements.again(site, node), *self.statements.bound(site, node, names, inner)]
                body = self._if_recording(first, node, stop=True) + self._spine(node.body, within)
                body += self._over(site, node)
                new = nodes.changed(node, body=body, orelse=self._spine(node.orelse, within))
                new = self._iterable(node, new, context)
            case ast.If():
                new = nodes.changed(node, body=self._spine(node.body, inner), orelse=self._spine(node.orelse, inner))
            case ast.With() | ast.AsyncWith():
                names = [name for item in node.items for name in target_names(item.optional_vars)]
                body = self._bound(site, node, names, inner) + self._spine(node.body, inner) + self._over(site, node)
                new = nodes.changed(node, body=body)
            case ast.Try() | ast.TryStar():
                new = nodes.changed(
                    node,
                    body=self._spine(node.body, inner),
                    handlers=[self._handler(handler, inner) for handler in node.handlers],
                    orelse=self._spine(node.orelse, inner),
                    finalbody=self._spine(node.finalbody, replace(inner, phase="between")),
                )
            case ast.Match():
                cases = [nodes.changed(case, body=self._spine(case.body, inner)) for case in node.cases]
                new = nodes.changed(node, cases=cases)
            case _:
                raise AssertionError(f"not a compound statement: {type(node).__name__}")
        return [*begin, new, *self._if_recording(self.statements.left(site, node), node)]

    def _over(self, site: int, node: ast.stmt) -> list[ast.stmt]:
        return self._if_recording(self.statements.over(site, node), node)

    def _bound(self, site: int, node: ast.AST, names: list[str], inner: Context) -> list[ast.stmt]:
        return self._if_recording(self.statements.bound(site, node, names, inner), node)

    def _handler(self, node: ast.ExceptHandler, context: Context) -> ast.ExceptHandler:
        site, inner = self.statements.open(node, replace(context, phase="between"))
        place = nodes.head(node)
        first = [nodes.statement(nodes.call(nodes.CAUGHT, place), place), self.statements.begin(site, node)]
        first += self.statements.bound(site, node, [node.name] if node.name else [], inner)
        return nodes.changed(node, body=self._if_recording(first, node, stop=True) + self._spine(node.body, inner))

    # ------------------------------------------------------------------------------------------------- the loop

    def _iterable(self, node: LoopNode, new: ast.stmt, context: Context) -> ast.stmt:
        site = self.table.add("loop", node, replace(context, spine=True))
        self.loop_sites[id(node)] = site
        if isinstance(node, ast.While):
            return new
        # An inner loop of a few passes is entered very often: once its length is known, nothing is called any more.
        counted = nodes.call(nodes.ITERABLE, node.iter, site, node.iter)
        flag = nodes.at(ast.Name(nodes.COUNTING, ast.Load()), node.iter)
        return nodes.changed(new, iter=nodes.at(ast.IfExp(flag, counted, copy.deepcopy(node.iter)), node.iter))

    def _loop(self, node: LoopNode, context: Context) -> list[ast.stmt]:
        within, end = Context(context.scope, context.function), nodes.head(node)
        recorded: list[ast.stmt] = []
        armed: list[ast.stmt] = []
        if not isinstance(node, ast.While):
            armed = [self.armed.stop(node)]
            names = target_names(node.target)
            site, inner = self.statements.open(node, within)
            around = names_around(self.script, node)
            recorded = [self.statements.begin(site, node), *self.statements.read(around, node, inner)]
            recorded += self.statements.bound(site, node, names, inner) or [self.statements.done(site, node, [])]
        recorded += self._with_loss(self.statements.body(node.body, within), node)
        armed += self._with_loss(self.armed.body(node.body), node)
        plain = self._with_loss(self.plain.body(node.body), node)
        # what the loop's head does for the next pass (a data set, its transforms) is no part of the last statement
        recorded = where_it_is_over(recorded, lambda: nodes.statement(nodes.call(nodes.PASSED, end), end))
        place = nodes.head(node.body[0])
        dual = nodes.decision(nodes.call(nodes.ITERATION, place), recorded, armed, plain, place)
        after = replace(context, phase="between")
        new = nodes.changed(node, body=[dual], orelse=self._spine(node.orelse, after))
        leave = nodes.statement(nodes.call(nodes.LEAVE, end), end)
        return [self._iterable(node, new, context), leave]

    def _whole(self, body: list[ast.stmt], context: Context) -> list[ast.stmt]:
        """`--loop none`: docstring, imports and definitions at the head, and all the rest as one iteration."""
        start = 0
        while start < len(body) and (
            (start == 0 and _is_docstring(body[0]))
            or isinstance(body[start], (ast.Import, ast.ImportFrom, *FUNCTIONS, ast.ClassDef))
        ):
            start += 1
        prefix, rest = self._spine(body[:start], context, first=True), body[start:]
        if not rest:
            return prefix
        place = nodes.head(rest[0])
        within = Context(context.scope)
        recorded = self._with_loss(self.statements.body(rest, within), rest[0])
        armed = self._with_loss(self.armed.body(rest), rest[0])
        plain = self._with_loss(self.plain.body(rest), rest[0])
        dual = nodes.decision(nodes.call(nodes.ITERATION, place), recorded, armed, plain, place)
        return [*prefix, dual, nodes.statement(nodes.call(nodes.LEAVE, place), place)]

    def _with_loss(self, body: list[ast.stmt], node: ast.AST) -> list[ast.stmt]:
        """With an expression given for the loss: evaluate it where a pass ends."""
        if self.plan.loss is None:
            return body
        place = nodes.head(node)
        expression = self.plan.loss

        def probe() -> ast.stmt:
            empty = ast.arguments(posonlyargs=[], args=[], kwonlyargs=[], kw_defaults=[], defaults=[])
            return nodes.statement(nodes.call(nodes.LOSS_OF, place, ast.Lambda(empty, expression)), place)

        read = {node.id for node in ast.walk(expression) if isinstance(node, ast.Name)}
        return where_it_ends(body, read, probe)

    def _after(self, node: ast.stmt) -> list[ast.stmt]:
        place = nodes.head(node)
        return [
            nodes.at(
                ast.Assign(
                    [ast.Name(name, ast.Store())],
                    nodes.call(nodes.SETTING, place, name, nodes.name(name, place)),
                ),
                place,
            )
            for name in self.plan.settings.get(id(node), [])
        ]


def _docstring(body: list[ast.stmt]) -> tuple[list[ast.stmt], list[ast.stmt]]:
    return (body[:1], body[1:]) if body and _is_docstring(body[0]) else ([], body)


def _is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _is_future(node: ast.stmt) -> bool:
    return isinstance(node, ast.ImportFrom) and node.module == "__future__" and node.level == 0


def _declarations(body: list[ast.stmt]) -> list[ast.stmt]:
    """The global and nonlocal statements of a function's body, however deep in its blocks."""
    found: list[ast.stmt] = []
    for statement in body:
        if isinstance(statement, (ast.Global, ast.Nonlocal)):
            found.append(statement)
        elif isinstance(statement, BLOCKS):
            for field in ("body", "orelse", "finalbody", "handlers", "cases"):
                for part in getattr(statement, field, None) or []:
                    found += _declarations(
                        part.body if hasattr(part, "pattern") or isinstance(part, ast.ExceptHandler) else [part]
                    )
    return found
