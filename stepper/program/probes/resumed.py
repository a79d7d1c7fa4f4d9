"""The body of a function that is left in its midst and come back to: a generator, a coroutine.

It may begin in the setup, or at full speed, and go on where it is recorded or where there are breakpoints. So no copy
of the whole is chosen where it is entered: each run of statements up to the next `yield` is there three times, and
chosen anew whenever it is come to. The blocks that such a run lies in are there once.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence

from stepper.program import nodes
from stepper.program.probes.armed import Armed
from stepper.program.probes.statements import Statements
from stepper.program.probes.table import Context
from stepper.program.syntax import BLOCKS, suspends


class Resumed(Statements):
    """Makes such bodies, of the copies that others make. `recording` is the builtin that says whether what they do is
    recorded."""

    def __init__(self, recorded: Statements, armed: Armed, recording: str) -> None:
        super().__init__(recorded.expressions, recorded.plain, recorded.define, recorded.after)
        self._recorded = recorded
        self._armed = armed
        self._recording = recording

    def body(
        self, statements: list[ast.stmt], context: Context, first: Sequence[ast.stmt] = (), entry: ast.AST | None = None
    ) -> list[ast.stmt]:
        """As `Statements.body`, and the other copies with it."""
        new: list[ast.stmt] = []
        recorded, run = list(first), list[ast.stmt]()
        armed = [] if entry is None else [self._armed.stop(entry)]
        place = entry or (statements[0] if statements else None)

        def choose() -> None:
            if place is not None and (recorded or armed):
                test = nodes.name(self._recording, nodes.head(place))
                new.append(nodes.choice(test, [*recorded], [*armed], self.plain.body(run), nodes.head(place)))
            for each in (recorded, armed, run):
                each.clear()

        for statement in statements:
            place = place if recorded or armed else statement
            if suspends(statement) and isinstance(statement, BLOCKS):
                site, inner = self.open(statement, context)
                recorded.append(self.begin(site, statement))
                armed.append(self._armed.stop(statement))
                choose()
                new.append(self.compound(site, statement, inner))
                continue
            recorded += self._recorded.statement(statement, context)
            armed += self._armed.statement(statement)
            run.append(statement)
            if suspends(statement):
                choose()
        choose()
        return new

    def head(self, node: ast.expr, inner: Context) -> ast.expr:
        """With its probes where it is recorded."""
        probed, plain = super().head(node, inner), self.plain.expression(node)
        if probed is node:
            return plain
        return nodes.at(ast.IfExp(nodes.name(self._recording, node), probed, plain), node)

    def left(self, site: int, node: ast.stmt, *, again: bool = False) -> list[ast.stmt]:
        """Nothing: the block is there once, for full speed as well."""
        return []

    def over(self, site: int, node: ast.stmt) -> list[ast.stmt]:
        """Nothing, as for `left`."""
        return []

    def target(self, node: ast.expr, inner: Context) -> ast.expr:
        """As it is: what it stores into is not looked at."""
        return node
