"""What a forward pass made and the pass makes a second time, behind or beside the loss, on the way to the gradients."""

from __future__ import annotations

import ast
import re

from stepper.program.flow.effects import Definition, LossValue, Pass, Place, reached
from stepper.program.flow.signals import signals
from stepper.program.syntax import FUNCTIONS

_WORD = re.compile(r"[^\W\d]\w*")
_NAME = re.compile(r"(?<![\w.])[^\W\d]\w*(?![\w(])")  # of a value, and not of a function that is called, or a method


def layers_again(
    backward: set[Definition], forward: set[Definition], stepped: set[Place], run: Pass
) -> set[Definition]:
    """What the same expression, with the same parameters, makes of another value than that in the forward pass:
    `h1 = sigmoid(v1 @ w)` of a Boltzmann machine, behind `h = sigmoid(v @ w)`. Its probabilities are no gradients."""
    names = {name for _, name in stepped}
    first = [d for d in forward if d.kind == "bind"]
    spelled = {(d.place[0], text) for d in first if (text := _spelled(d.node, names))}
    same = {_value_of(d.node) for d in first} if spelled else set[str]()  # made anew, in the midst of the way back
    unnamed = backward - run.downstream(signals) if spelled else set[Definition]()
    found = {d for d in unnamed if d.kind == "bind" and (d.place[0], _spelled(d.node, names)) in spelled}
    return {d for d in found if _value_of(d.node) not in same}


def _spelled(node: ast.AST, parameters: set[str]) -> str:
    """What a statement binds to one name, the names of its values left out; empty where it reads no parameter."""
    match node:
        case ast.Assign(targets=[_], value=value) if any(map(_is_product_or_call, ast.walk(value))):
            text = ast.unparse(value)
            if not parameters.isdisjoint(_WORD.findall(text)):
                return _NAME.sub(lambda found: found[0] if found[0] in parameters else "_", text)
    return ""


def _value_of(node: ast.AST) -> str:
    return ast.unparse(node.value) if isinstance(node, ast.Assign) else ""


def _is_product_or_call(node: ast.AST) -> bool:
    """Whether this is no product of numbers, which goes back as it went forward: `d * w`, of `x * w`."""
    return isinstance(node, ast.Call) or (isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult))


def made_again(
    backward: set[Definition], forward: set[Definition], losses: list[LossValue], stepped: set[Place], run: Pass
) -> set[Definition]:
    """What the script's own functions that made the loss's prediction make a second time, for the gradients: `o =
    self.forward(X)`, behind a loss that is told of a forward pass of its own. Not the loss itself, at moved numbers,
    nor what another function makes of theirs (the slope `sigmoid(z) * (1 - sigmoid(z))`), nor what needs no parameter
    (`s = sigmoid(z)`, ahead of that slope)."""
    first = {id(d.statement) for d in forward} | {id(loss.statement) for loss in losses}
    done = {inner for key in first for inner in run.nested.get(key, ())}
    ends = {id(loss.statement) for loss in losses}
    whole = {_called(loss.statement) for loss in losses}
    gradients = run.downstream(signals)
    starts = {run.start[place] for place in stepped if place in run.start}
    calls = {
        d
        for d in backward - gradients
        if _called(d.node) not in whole | {""}
        and (made := set(run.nested.get(id(d.statement), ())))
        and made <= done
        and not made & ends
        and _reads(made, starts, run)
    }
    nodes = {id(d.node) for d in forward if d.kind in ("bind", "change")} if calls else set()
    return calls | {d for d in backward - gradients if d.kind in ("bind", "change") and id(d.node) in nodes}


def _reads(statements: set[int], starts: set[Definition], run: Pass) -> bool:
    """Whether a function of which these are statements reads one of what the pass found, itself or as it was handed."""
    functions = [each for each in run.functions if isinstance(each, FUNCTIONS) and id(each.body[0]) in statements]
    read = {d for each in functions for d in run.reads.get(id(each), ())}
    return not starts.isdisjoint(reached(read, lambda d: d.deps if d.kind == "parameter" else ()))


def _called(statement: ast.AST | None) -> str:
    """The name of the function whose result a statement binds; empty where it binds anything else."""
    match statement:
        case ast.Assign(value=ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name))):
            return name
    return ""
