"""Losses that gradients are divided by: the slope of a root has the root itself below the line, `r / (n * loss)`."""

from __future__ import annotations

import ast

from stepper.program.flow.effects import Definition, Pass, reached
from stepper.program.flow.signals import is_gradient

_SUMMING = frozenset({"mean", "sum", "average", "norm", "fsum", "dot", "vdot", "inner"})


def only_divides(loss: Definition, run: Pass, feeding: set[Definition]) -> bool:
    """Whether all that is made of a loss, of what is `feeding` the changes, is divided by it: a gradient would stand
    above the line. An error of each sample, by which that is weighed, is no loss."""
    if "error" in loss.place[1].lower() and not _is_summed(loss.node):
        return False
    handed = reached([loss], lambda d: [user for user in run.users.get(d, ()) if user.kind == "parameter"])
    names = {d.place[1] for d in handed}
    users = {user for d in handed for user in run.users.get(d, ())} & feeding
    inside = [each for each in run.functions if any(part is loss.node for part in ast.walk(each))]
    reads = [_below_the_line(user.node, names, run, inside) for user in users]
    return all(reads) and all(False not in below for below in reads) and any(True in below for below in reads)


def norms(backward: set[Definition], forward: set[Definition], updates: set[Definition], run: Pass) -> set[Definition]:
    """What gradients are divided by, of what only the forward pass made: a loss that is not called one (`rmse`)."""
    made = {d for d in backward if d.kind == "bind" and d.deps and d.deps <= forward and not is_gradient(d)}
    return {d for d in made if _is_summed(d.node) and only_divides(d, run, backward | updates)}


def _is_summed(node: ast.AST) -> bool:
    """Whether a value is made of all entries of another, and of no single axis."""
    calls = [part for part in ast.walk(node) if isinstance(part, ast.Call) and not part.keywords]
    names = {getattr(call.func, "attr", getattr(call.func, "id", "")) for call in calls}
    return not names.isdisjoint(_SUMMING)


def _below_the_line(node: ast.AST, names: set[str], run: Pass, inside: list[ast.AST]) -> list[bool | None]:
    """For each time that a statement, or a function, reads one of these names, whether it divides by that there; None
    where it only hands it to a function of the script's own. What one of those it stands `inside` returns is read where
    that is called."""
    found: list[bool | None] = []
    waiting = [(node, False)]
    while waiting:
        part, below = waiting.pop()
        match part:
            case ast.Name(id=own, ctx=ast.Load()) | ast.Attribute(attr=own, ctx=ast.Load()) if own in names:
                found.append(below)
            case ast.BinOp(op=ast.Div(), left=above, right=divisor):
                waiting += [(above, below), (divisor, not below)]
            case ast.AugAssign(op=ast.Div(), value=divisor):
                waiting.append((divisor, not below))
            case ast.BinOp(op=ast.Pow(), left=base, right=ast.UnaryOp(op=ast.USub())):
                waiting.append((base, not below))
            case ast.Call(args=handed) if id(part) in run.entered:
                named = [each for each in handed if isinstance(each, ast.Name) and each.id in names]
                found += [None] * len(named)
                waiting += [(each, below) for each in ast.iter_child_nodes(part) if each not in named]
                ends = [end for called in run.entered[id(part)] if called in inside for end in ast.walk(called)]
                waiting += [(end.value, below) for end in ends if isinstance(end, ast.Return) and end.value]
            case _:
                waiting += [(child, below) for child in ast.iter_child_nodes(part)]
    return found
