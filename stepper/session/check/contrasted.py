"""Contrastive divergence: a step along what data and hidden units make together, less what a reconstruction and its
hidden units do. It follows the gradient of a likelihood that no line computes, and no loss is checked by it: the error
of the reconstruction, which scripts print, is another number. Pure: reads records only.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator

from stepper.record import Event, Parameter, Record, statement_in

PRODUCTS = frozenset({"dot", "matmul"})


def contrasted(record: Record) -> str:
    """Where the step of such a machine makes that difference, as a sentence; empty where the iteration is none of its.
    Its weights lead from what is visible to the hidden units, from these back, and from what came of that once more."""
    for parameter in record.parameters:
        if len(parameter.shape) == 2 and _reconstructs(record, parameter):
            for event in record.events:
                if event.phase in ("backward", "update", "forward") and _parts(event, parameter):
                    return (
                        f"{record.place(event)} takes what a reconstruction makes from what data make (contrastive "
                        "divergence): that is no gradient of this loss"
                    )
    return ""


def _reconstructs(record: Record, parameter: Parameter) -> bool:
    """Whether a forward pass goes through the weights, back through them, and through them again."""
    names = {parameter.name, parameter.before.label}
    copy = parameter.before.copy
    names |= {v.label for e in record.events for v in e.values if copy is not None and v.copy == copy}
    ways = Counter(way for event in record.events if event.phase == "forward" for way in _ways(event, names))
    return min(ways[True], ways[False]) >= 1 and max(ways[True], ways[False]) > 1


def _ways(event: Event, names: set[str]) -> Iterator[bool]:
    """In which direction a product goes through the weights, if the event is one."""
    match _made(event):
        case ast.BinOp(left=left, op=ast.MatMult(), right=right):
            pass
        case ast.Call(func=ast.Attribute(attr=name, value=ast.Name(id="np" | "numpy" | "torch")), args=[left, right]):
            if name not in PRODUCTS:
                return
        case ast.Call(func=ast.Attribute(attr=name, value=left), args=[right]):
            if name not in PRODUCTS:
                return
        case _:
            return
    for side, is_left in ((left, True), (right, False)):
        is_turned = isinstance(side, ast.Attribute) and side.attr == "T"
        if ast.unparse(side.value if isinstance(side, ast.Attribute) and is_turned else side) in names:
            yield is_left is not is_turned


def _parts(event: Event, parameter: Parameter) -> bool:
    """Whether an event takes one value of the weights' shape from another, neither of them the weights."""
    match _made(event):
        case ast.BinOp(left=left, op=ast.Sub(), right=right):
            sides = {ast.unparse(left), ast.unparse(right)}
            like = (v for v in event.values if v.when == "operand" and v.summary.shape == parameter.shape)
            return sides <= {v.label for v in like if v.role != "parameter"}
    return False


def _made(event: Event) -> ast.expr | None:
    """The expression that an event evaluates as a whole."""
    if event.kind not in ("statement", "expression"):
        return None
    match statement_in(event.text):
        case ast.Assign(value=value) | ast.Expr(value=value) | ast.Return(value=ast.expr() as value):
            return value
    return None
