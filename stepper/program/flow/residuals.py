"""Where the way back begins when no name tells: at what the forward pass made less what is data, where a step is made
of that and, again, of something that led there (`s = x @ w - y`, then `k = x.T @ s`)."""

from __future__ import annotations

import ast

from stepper.program.flow.effects import Definition, Pass, closure


def before_residual(run: Pass, feeding: set[Definition], changes: set[Definition]) -> set[Definition]:
    """What leads to the first such difference, itself included, and what is made of neither; empty where there is
    none."""
    parameters = {run.start[d.place] for d in changes if d.own and d.place in run.start}
    living = run.descendants(parameters)
    for d in sorted(feeding & living - parameters, key=lambda d: d.order):
        compared = _compared_with(d, living)
        if compared:
            led = closure(d.deps - compared) - parameters
            if any(user in feeding | changes and user.deps & led for user in run.users.get(d, ())):
                return feeding - (run.descendants({d}) - {d})
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
            sides = [{d for d in definition.deps if d.place[1] in _names(side)} for side in (left, right)]
            for one, other in (sides, reversed(sides)):
                if one & living and other and not other & living:
                    return other
    return set()


def _names(node: ast.expr) -> set[str]:
    parts = (part for part in ast.walk(node) if isinstance(part, ast.Name | ast.Attribute))
    return {part.id if isinstance(part, ast.Name) else part.attr for part in parts}
