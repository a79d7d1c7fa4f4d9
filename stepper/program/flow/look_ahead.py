"""Velocities that the forward pass reads (Nesterov's look-ahead by hand): `look = w + 0.9 * v`, of which the loss is
made, then `v = 0.9 * v - lr * g` and `w = w + v`. The parameter is w, and v is none, though the loss depends on both.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable

from stepper.program.flow.effects import Definition, Pass


def look_ahead(updates: Iterable[Definition], run: Pass) -> set[Definition]:
    """Those of the updates that a velocity gets: it keeps a share of itself, and another's update adds it as it is."""
    own = [d for d in updates if d.own and d.place in run.start]
    return {d for d in own if keeps_a_share(d.node) and any(_adds(other, d) for other in own)}


def keeps_a_share(node: ast.AST) -> bool:
    """Whether a statement binds a name to a multiple of what it was, and something else: `v = 0.9 * v - lr * g`."""
    match node:
        case ast.Assign(targets=[target], value=ast.BinOp(left=left, op=ast.Add() | ast.Sub(), right=right)):
            name = ast.unparse(target)
            return any(name in _factors(each) for each in (left, right))
    return False


def _factors(node: ast.expr) -> list[str]:
    match node:
        case ast.BinOp(left=left, op=ast.Mult(), right=right):
            return [ast.unparse(left), ast.unparse(right)]
    return []


def _adds(step: Definition, velocity: Definition) -> bool:
    """Whether a step goes by a velocity, as it is: `w = w + v`, `w += v`, `w -= v`."""
    if step.place == velocity.place or velocity not in step.deps or not isinstance(velocity.node, ast.Assign):
        return False
    name = ast.unparse(velocity.node.targets[0])
    match step.node:
        case ast.AugAssign(op=ast.Add() | ast.Sub(), value=added):
            return ast.unparse(added) == name
        case ast.Assign(targets=[target], value=ast.BinOp(left=left, op=ast.Add() | ast.Sub(), right=right)):
            return {ast.unparse(left), ast.unparse(right)} == {ast.unparse(target), name}
    return False
