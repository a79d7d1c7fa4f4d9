"""Where the way back begins when no name tells: at what the forward pass made less what is data, where a step is made
of that and, again, of something that led there (`s = x @ w - y`, then `k = x.T @ s`)."""

from __future__ import annotations

import ast

from stepper.program.flow.effects import Definition, Pass, closure


def before_residual(run: Pass, feeding: set[Definition], changes: set[Definition]) -> set[Definition]:
    """What leads to the first such difference, itself included, and what is made of neither; empty where there is
    none."""
    behind = behind_first(run, feeding, feeding, changes)
    return feeding - behind if behind else set()


def behind_first(
    run: Pass, among: set[Definition], feeding: set[Definition], changes: set[Definition]
) -> set[Definition]:
    """What is made of the first such difference among these: that itself, too, where it has no name of its own
    (`t = (p - y) * slope(z)`); empty where there is none."""
    parameters = {run.start[d.place] for d in changes if d.own and d.place in run.start}
    living = run.descendants(parameters)
    for d in sorted(among & living - parameters, key=lambda d: d.order):
        compared = _compared_with(d, living) or _compared_within(d, living)
        if compared:
            led = closure(d.deps - compared) - parameters
            if any(user in feeding | changes and user.deps & led for user in run.users.get(d, ())):
                return run.descendants({d}) - ({d} if _compared_with(d, living) else set())
    return set()


def behind_residuals(run: Pass, backward: set[Definition], updates: set[Definition]) -> set[Definition]:
    """Such differences that no loss is made of, and what is made of them: of a sample's, gradients are added up while
    the loss adds up, too (`d = p - y`, then `gw += d * x`)."""
    living = run.descendants({run.start[d.place] for d in updates if d.place in run.start})
    return run.descendants({d for d in backward & living if _compared_with(d, living)})


def _compared_with(definition: Definition, living: set[Definition]) -> set[Definition]:
    """The data that a statement takes from what is made of parameters, or that from which it takes such; else empty."""
    match definition.node:
        case ast.Assign(value=ast.BinOp(left=left, op=ast.Sub(), right=right)) if definition.kind == "bind":
            return _data_beside(left, right, definition, living)
    return set()


def _compared_within(definition: Definition, living: set[Definition]) -> set[Definition]:
    """The same of what a statement multiplies such a difference with, at once."""
    match definition.node:
        case ast.Assign(value=ast.BinOp(op=ast.Mult()) as value) if definition.kind == "bind":
            factors: list[ast.expr] = [value.left, value.right]
        case ast.Assign(value=ast.Call(func=ast.Attribute(attr="multiply"), args=[*factors])):
            pass
        case _:
            return set()
    while factors:
        match factors.pop():
            case ast.BinOp(left=left, op=ast.Sub(), right=right):
                if found := _data_beside(left, right, definition, living):
                    return found
            case ast.BinOp(left=left, op=ast.Mult() | ast.Div(), right=right):
                factors += [left, right]
            case ast.UnaryOp(operand=operand):
                factors.append(operand)
    return set()


def _data_beside(left: ast.expr, right: ast.expr, of: Definition, living: set[Definition]) -> set[Definition]:
    """The side of a difference that is data, where the other is made of parameters."""
    sides = [{d for d in of.deps if d.place[1] in _names(side)} for side in (left, right)]
    for one, other in (sides, reversed(sides)):
        if one & living and other and not other & living:
            return other
    return set()


def _names(node: ast.expr) -> set[str]:
    parts = (part for part in ast.walk(node) if isinstance(part, ast.Name | ast.Attribute))
    return {part.id if isinstance(part, ast.Name) else part.attr for part in parts}
