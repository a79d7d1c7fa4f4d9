"""Statements in the data-flow walk: one pass through a body, followed symbolically in the order it would run.

Both ways of a branch are taken and joined; inner loops are walked twice, so that what one of their passes leaves
reaches the next. Nothing is executed.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from functools import cached_property

from stepper.program.flow.assignments import Assigner
from stepper.program.flow.counters import counters
from stepper.program.flow.effects import EMPTY, NOTHING, Definition, Pass, Place, State, Value, returned, union
from stepper.program.flow.known_arguments import Known, known_arguments, outcome
from stepper.program.flow.put_back import put_back
from stepper.program.scopes import Scope
from stepper.program.spine import LoopNode
from stepper.program.syntax import FUNCTIONS, parameters


class Walker(Assigner):
    """Walks bodies. One walker serves a whole script; each walk starts afresh."""

    # ------------------------------------------------------------------------------------------------- walks

    def walk_loop(self, loop: LoopNode) -> Pass:
        """One pass through a loop's body."""
        scope = self.script.scope_around(loop)
        return self._walk(scope, loop.body, loop)

    def walk_module(self) -> Pass:
        """The whole script, once."""
        return self._walk(self.script.module, self.script.source.tree.body, None)

    def _walk(self, scope: Scope, body: list[ast.stmt], loop: LoopNode | None) -> Pass:
        self.reset()
        self.inner: dict[int, set[int]] = {}
        self.visited: dict[int, int] = {}
        self.exits: list[list[State]] = [[]]
        self.returns: list[list[Value]] = [[]]
        self.around = [0]  # how many branches there are around the calls that are followed
        # What parameters of functions that are being followed are known to be, and what they held then.
        self.known: dict[Place, tuple[Known, frozenset[Definition]]] = {}
        self.endings: list[list[State]] = [[]]
        around = self.script.ancestors(loop) if loop is not None else ()
        self.stack += [node for node in around if isinstance(node, FUNCTIONS)][:1]
        if isinstance(loop, (ast.For, ast.AsyncFor)):
            self.current = loop
            self._loop_target(scope, loop)
        elif isinstance(loop, ast.While):
            self.current = loop
            self.evaluate(scope, loop.test)
        self.block(scope, body)
        self.meet([*self.exits[0], *self.endings[0]])
        found = Pass(
            start=self.starts,
            end=self.state,
            definitions=list(self.definitions.values()),
            marks=list(self.marks.values()),
            losses=list(self.loss_values.values()),
            inner=self.inner,
            visited=self.visited,
            effects=[(kind, node) for (kind, _), node in self.effects.items()],
            called=self.called | self.keys,
            nested=self.nested,
            functions=list(self.followed.values()),
            entered=self.entered,
            reads=self.reads,
        )
        found.note_renewed()
        return found

    # ------------------------------------------------------------------------------------------------- statements

    @cached_property
    def _put_back(self) -> set[int]:
        return put_back(self.script.nodes)

    def block(self, scope: Scope, body: Sequence[ast.stmt]) -> bool:
        """A list of statements; False where control never reaches its end."""
        outer, trying = self.current, self.trying
        for node in body:
            self.current = node
            self.trying = max(self.trying, trying + (id(node) in self._put_back))
            self.steps += 1
            self.total += 1
            self.visited.setdefault(id(node), len(self.visited))
            for frame in self.frames:
                self.nested.setdefault(frame, []).append(id(node))
            if not self.statement(scope, node):
                self.current, self.trying = outer, trying
                return False
        self.current, self.trying = outer, trying
        return True

    def statement(self, scope: Scope, node: ast.stmt) -> bool:
        """One statement; False where control does not go on behind it."""
        match node:
            case ast.Assign(targets=[target], value=value) | ast.AugAssign(target=target, value=value) if (
                id(node) in self._put_back
            ):
                self.evaluate(scope, target)
                self.evaluate(scope, value)
            case ast.Assign(targets=targets, value=value):
                self.assign(scope, node, targets, value)
            case ast.AnnAssign(target=target, value=ast.expr() as value):
                self.assign(scope, node, [target], value)
            case ast.AugAssign():
                self.augment(scope, node)
            case ast.Expr(value=value):
                self.evaluate(scope, value)
            case ast.Return(value=value):
                self.returns[-1].append(NOTHING if value is None else self._chosen(self.evaluate(scope, value)))
                self.endings[-1].append(self.state.copy())
                return False
            case ast.Raise():
                return False
            case ast.Continue() | ast.Break():
                self.exits[-1].append(self.state.copy())
                return False
            case ast.If(test=test, body=body, orelse=orelse):
                self.tests.append(self._asked(scope, test).deps)
                holds = outcome(test, lambda name: self._known(scope, name))
                alive = self._ways(scope, [body, orelse] if holds is None else [body if holds else orelse])
                self.tests.pop()
                return alive
            case ast.For() | ast.AsyncFor() | ast.While():
                self._loop(scope, node)
                return self.block(scope, node.orelse) if node.orelse else True
            case ast.With(items=items, body=body) | ast.AsyncWith(items=items, body=body):
                for item in items:
                    value_ = self.evaluate(scope, item.context_expr)
                    if item.optional_vars is not None:
                        self.bind_target(scope, item.optional_vars, value_, node, None)
                return self.block(scope, body)
            case ast.Try() | ast.TryStar():
                return self._try(scope, node)
            case ast.Match(subject=subject, cases=cases):
                return self._match(scope, node, self.evaluate(scope, subject), cases)
            case ast.Delete(targets=targets):
                for deleted in targets:
                    self.delete(scope, deleted, node)
            case ast.Assert(test=test):
                self.evaluate(scope, test)
        return True

    def _asked(self, scope: Scope, test: ast.expr) -> Value:
        """A condition. A loss that is worked out for it alone is one of a point that is only tried: a line search's."""
        self.trying += 1
        value = self.evaluate(scope, test)
        self.trying -= 1
        return value

    def _match(self, scope: Scope, node: ast.stmt, subject: Value, cases: Sequence[ast.match_case]) -> bool:
        def enter(place: int) -> None:
            for case in cases[place : place + 1]:  # none behind the last: where no case fits
                self.bind_pattern(scope, case.pattern, subject, node)
                if case.guard is not None:
                    self.evaluate(scope, case.guard)

        self.tests.append(subject.deps)
        alive = self._ways(scope, [*(case.body for case in cases), *([] if _fits_all(cases[-1]) else [[]])], enter)
        self.tests.pop()
        return alive

    def _ways(
        self, scope: Scope, bodies: Sequence[Sequence[ast.stmt]], enter: Callable[[int], None] = lambda place: None
    ) -> bool:
        """One of several bodies, each of which is entered by what `enter` does with its place."""
        begin = self.state
        ends: list[State] = []
        for place, body in enumerate(bodies):
            self.state = begin.copy()
            enter(place)
            if self.block(scope, body):
                ends.append(self.state)
        if not ends:
            self.state = begin
            return False
        self.state = ends[0]
        self.meet(ends[1:])
        return True

    def _try(self, scope: Scope, node: ast.Try | ast.TryStar) -> bool:
        begin = self.state.copy()
        alive = self.block(scope, [*node.body, *node.orelse])
        ends = [self.state] if alive else []
        for handler in node.handlers:
            self.state = begin.copy()
            self.meet(ends[:1])
            if self.block(scope, handler.body):
                ends.append(self.state)
        self.state = ends[0] if ends else begin
        self.meet(ends[1:])
        return self.block(scope, node.finalbody) and bool(ends)

    def _loop(self, scope: Scope, node: LoopNode) -> None:
        key = id(node)
        self.inner.setdefault(key, set()).update(self.loops)
        self.loops.append(key)
        self.exits.append([])
        for _ in range(2):
            before = self.state.copy()
            if isinstance(node, ast.While):
                self._asked(scope, node.test)
            else:
                self._loop_target(scope, node)
            if not self.block(scope, node.body):
                self.state = before.copy()
            self.meet([before, *self.exits[-1]])
            self.exits[-1].clear()
        self.exits.pop()
        self.loops.pop()

    def _loop_target(self, scope: Scope, node: ast.For | ast.AsyncFor) -> None:
        element = self.iterate(scope, node.iter, id(node))
        self.bind_target(scope, node.target, element, node, id(node))
        for target in counters(node, lambda written: self.elements_of(scope, written)):
            place = self.name_place(scope, target)
            if place is not None:
                self.state.index[place] = frozenset((id(node),))

    # ------------------------------------------------------------------------------------------------- calls

    def yielded(self, value: Value) -> None:
        self.returns[-1].append(value)

    def enter(
        self,
        callee: ast.AST,
        node: ast.AST,
        receiver: Value,
        arguments: Sequence[Value],
        keywords: Sequence[tuple[str | None, Value]],
    ) -> Value | None:
        """Follow a call into a function of the script; None where it is not followed (recursion, too deep)."""
        if isinstance(callee, ast.ClassDef):
            deps = frozenset(d for value in (*arguments, *(v for _, v in keywords)) for d in value.deps)
            for method in ("__init__", "__post_init__"):
                for made in self.script.methods_of([callee], method):
                    self.enter(made, node, NOTHING, arguments, keywords)
            return Value(deps)
        if callee in self.stack or len(self.stack) > self.DEPTH or self.steps > self.LIMIT or self.total > self.TOTAL:
            return None
        assert isinstance(callee, (*FUNCTIONS, ast.Lambda))
        scope = self.script.scope(callee)
        outer, self.context = self.context, self._context(node)
        self.stack.append(callee)
        self.frames.append(id(self.current))
        self.followed[id(callee)] = callee
        self._bind_parameters(callee, scope, node, receiver, arguments, keywords)
        if isinstance(callee, ast.Lambda):
            result = self.evaluate(scope, callee.body)
        else:
            self.returns.append([])
            self.around.append(len(self.tests))
            self.endings.append([])
            self.exits.append([])
            alive = self.block(scope, callee.body)
            endings = self.endings.pop()
            if not alive and endings:
                self.state = endings.pop()
            self.meet(endings)
            self.exits.pop()
            result = returned(self.returns.pop())
            self.around.pop()
        self.frames.pop()
        self.stack.pop()
        self.context = outer
        return result

    def _chosen(self, value: Value) -> Value:
        """What a function returns; a constant is what the conditions around it chose: `if v >= 0: return 1`."""
        if value != NOTHING:
            return value
        tests = EMPTY.union(*self.tests[self.around[-1] :])
        return Value(tests, asked=tests)

    def _context(self, node: ast.AST) -> int:
        return self.contexts.setdefault((self.context, id(node)), len(self.contexts) + 1)

    def _bind_parameters(
        self,
        callee: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda,
        scope: Scope,
        node: ast.AST,
        receiver: Value,
        arguments: Sequence[Value],
        keywords: Sequence[tuple[str | None, Value]],
    ) -> None:
        own = id(callee)
        written = _arguments(node)
        around = self.script.scope_around(node)
        picked = {id(each): self.selection(around, each) for each in (*written[0], *written[1].values())}
        for name in scope.bindings:
            place = (own, name)
            self.state.values[place] = EMPTY
            self.state.forget(place)
        names = parameters(callee)
        given = list(arguments)
        if not isinstance(callee, ast.Lambda) and self.script.class_of(callee) is not None:
            decorators = {ast.unparse(d) for d in callee.decorator_list}
            explicit = (
                isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and self._is_class(node.func.value)
            )
            if "staticmethod" not in decorators and not explicit:
                given.insert(0, receiver)
        rest = callee.args.vararg.arg if callee.args.vararg else None
        passed: dict[str, Value] = {}
        positional = [a.arg for a in (*callee.args.posonlyargs, *callee.args.args)]
        first = len(given) - len(arguments)
        given = _spread(node, given, len(positional))
        passed.update(zip(positional, given, strict=False))
        handed = dict(zip(positional[first:], written[0], strict=False)) | written[1]
        if rest is not None and len(given) > len(positional):
            extra = given[len(positional) :]
            whole = union(extra)
            passed[rest] = Value(whole.deps, whole.roots, tuple(extra), whole.functions)
        for keyword, value in keywords:
            if keyword in names:
                passed[keyword or ""] = value
        for name in names:
            if name in passed:
                self._bind_parameter((own, name), callee, passed[name], handed.get(name))
                if name in handed and (loops := picked[id(handed[name])]):
                    self.state.index[own, name] = loops
        known = known_arguments(callee, node, passed, first)
        for name in names:
            self.known.pop((own, name), None)
            if name in known:
                self.known[own, name] = known[name], self.state.values[own, name]

    def _known(self, scope: Scope, name: str) -> tuple[Known] | None:
        """What a name is known to be: a parameter of a function that is being followed, and not bound anew since."""
        place = self.name_place(scope, name)
        known = self.known.get(place) if place is not None else None
        if place is None or known is None or self.state.values.get(place) is not known[1]:
            return None
        return (known[0],) if any(id(each) == place[0] for each in self.stack) else None

    def _bind_parameter(self, place: Place, callee: ast.AST, value: Value, given: ast.expr | None) -> None:
        definition = self.define(place, callee, "parameter", value.deps)
        definition.given = given
        definition.alias = bool(value.roots) or len(value.deps) == 1
        definition.roots.update(root for root, _ in value.roots)
        self.state.values[place] = frozenset((definition,))
        roots = frozenset(root for root in value.roots if root[0] != place)
        if roots:
            self.state.alias[place] = roots
        if value.functions:
            self.state.functions[place] = value.functions
        if value.items is not None:
            self.state.items[place] = value.items

    def _is_class(self, node: ast.AST) -> bool:
        return isinstance(node, ast.Name) and any(cls.name == node.id for cls in self.script.classes)


def _arguments(node: ast.AST) -> tuple[list[ast.expr], dict[str, ast.expr]]:
    """The arguments of a call as they are written: those by position, and those by name."""
    if not isinstance(node, ast.Call) or any(isinstance(each, ast.Starred) for each in node.args):
        return [], {}
    return node.args, {each.arg: each.value for each in node.keywords if each.arg is not None}


def _spread(node: ast.AST, given: list[Value], wanted: int) -> list[Value]:
    """What parameters are given by position, `wanted` of them, where the last of a call's arguments is `*values`."""
    if not isinstance(node, ast.Call) or not node.args or not isinstance(node.args[-1], ast.Starred) or not given:
        return given
    whole = given[-1]
    return [*given[:-1], *(whole.items or [Value(whole.deps, whole.roots)] * max(wanted - len(given) + 1, 1))]


def _fits_all(case: ast.match_case) -> bool:
    return case.guard is None and isinstance(case.pattern, ast.MatchAs) and case.pattern.pattern is None
