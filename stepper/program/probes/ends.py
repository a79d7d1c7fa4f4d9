"""Where a pass of a loop ends: at the end of its body, and wherever it is left before."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from stepper.program import nodes
from stepper.program.spine import LOOPS
from stepper.program.syntax import BLOCKS, COMPREHENSIONS, FUNCTIONS

_SCOPES = (*FUNCTIONS, ast.ClassDef, ast.Lambda, *COMPREHENSIONS)

Leaving = ast.Continue | ast.Break | ast.Return


def where_it_is_over(body: list[ast.stmt], probe: Callable[[], ast.stmt]) -> list[ast.stmt]:
    """A loop's body with a probe where another pass follows: at its end and before each `continue`, but not before
    those that something of the body still follows: a `finally`, or the end of a `with`."""
    return [*_Leaves(probe, lambda leaving: isinstance(leaving, ast.Continue), whole=True).body(body), probe()]


def where_it_ends(body: list[ast.stmt], read: set[str], probe: Callable[[], ast.stmt]) -> list[ast.stmt]:
    """A loop's body with a probe that reads some names wherever a pass ends. Where one is left before the line that
    binds such a name, it has the value of an earlier pass: no probe is there."""
    places: dict[str, tuple[int, int]] = {}
    for node in _own(body):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and node.id in read:
            places[node.id] = min(_place(node), places.get(node.id, _place(node)))
    last = max(places.values(), default=(0, 0))
    return [*_Leaves(probe, lambda leaving: last < _place(leaving), whole=False).body(body), probe()]


@dataclass(frozen=True)
class _Leaves:
    """Puts a probe before what leaves a pass in its midst."""

    probe: Callable[[], ast.stmt]
    wanted: Callable[[Leaving], bool]
    whole: bool  # nothing of the body may follow

    def body(self, statements: list[ast.stmt], *, inner: bool = False) -> list[ast.stmt]:
        """Statements of the loop's body; `inner`: of a loop in it, which has a `break` and `continue` of its own."""
        return [new for statement in statements for new in self._statement(statement, inner)]

    def _statement(self, node: ast.stmt, inner: bool) -> list[ast.stmt]:
        if isinstance(node, ast.Return) or (isinstance(node, (ast.Continue, ast.Break)) and not inner):
            return [self.probe(), node] if self.wanted(node) else [node]
        if not isinstance(node, BLOCKS) or (self.whole and _has_an_end(node)):
            return [node]
        fields: dict[str, object] = {}
        for field in ("body", "orelse", "finalbody"):
            if part := getattr(node, field, None):
                fields[field] = self.body(part, inner=inner or (field == "body" and isinstance(node, LOOPS)))
        for field in ("handlers", "cases"):
            if parts := getattr(node, field, None):
                fields[field] = [nodes.changed(part, body=self.body(part.body, inner=inner)) for part in parts]
        return [nodes.changed(node, **fields)]


def _has_an_end(statement: ast.stmt) -> bool:
    """Whether something runs at the end of a block also where it is left before."""
    return isinstance(statement, (ast.With, ast.AsyncWith)) or bool(getattr(statement, "finalbody", None))


def _own(body: Iterable[ast.AST]) -> Iterable[ast.AST]:
    """The nodes of a body that bind names beside it, not in a scope of their own."""
    for node in body:
        yield node
        if not isinstance(node, _SCOPES):
            yield from _own(ast.iter_child_nodes(node))


def _place(node: ast.stmt | ast.expr) -> tuple[int, int]:
    return (node.lineno, node.col_offset)
