"""Which definitions are gradients or error signals, by what they are called, and which take a step by them."""

from __future__ import annotations

import ast

from stepper.program.flow.effects import GRAD, Definition, Pass
from stepper.program.vocabulary import STEPPING, names_error, names_gradient

SQUASHING = frozenset({"tanh", "sigmoid", "sigm", "softmax", "relu"})


def is_gradient(definition: Definition) -> bool:
    """Whether this is called a gradient, or stored under a key that is (`neuron["delta"]`)."""
    name = definition.place[1]
    if definition.place == GRAD:
        return True
    match definition.node:
        case ast.Assign(targets=[ast.Subscript(slice=ast.Constant(value=str(key)))]) if definition.kind == "change":
            return names_gradient(key) or names_gradient(name)
    if is_optimizers(definition):
        return False  # an optimizer changes parameters, whatever they are called (`G`, a generator)
    there = definition.kind != "start" or definition.renewed
    return there and names_gradient(name) and not (len(name) == 1 and _is_squashed(definition))


def is_optimizers(definition: Definition) -> bool:
    """Whether an optimizer makes this change."""
    match definition.node:
        case ast.Call(func=ast.Attribute(attr=attr)):
            return definition.kind == "change" and attr in STEPPING
    return False


def _is_squashed(definition: Definition) -> bool:
    """Whether this is bound to what an activation function returns: the `g` beside the gates of an LSTM cell, or the
    one that a sigmoid works out (`g = 1 / (1 + np.exp(-z))`)."""
    match definition.node:
        case ast.Assign(targets=[ast.Tuple(elts=targets)], value=ast.Tuple(elts=parts)):
            values = [
                part for target, part in zip(targets, parts, strict=False) if _last(target) == definition.place[1]
            ]
        case ast.Assign(value=value):
            values = [value]
        case _:
            return False
    return any(map(_squashes, values))


def _squashes(node: ast.expr) -> bool:
    match node:
        case ast.Call(func=func):
            return _last(func) in SQUASHING
        case ast.BinOp(
            left=ast.Constant(value=1),
            op=ast.Div(),
            right=ast.BinOp(left=ast.Constant(value=1), right=ast.Call(func=f)),
        ):
            return _last(f) == "exp"
    return False


def is_short_activation(definition: Definition, run: Pass) -> bool:
    """Whether a name of one letter is an activation, or what the function is taken of, as no gradient is: `g = x @ w`,
    then `h = 1 / (1 + np.exp(-g))`."""
    if len(definition.place[1]) > 1:
        return False
    parts = (part for user in run.users.get(definition, ()) if not user.own for part in ast.walk(user.node))
    later = any(isinstance(part, ast.Call) and _last(part.func) in SQUASHING | {"exp"} for part in parts)
    return later or _is_squashed(definition)


def _last(node: ast.AST) -> str:
    """The name, or the last part of an attribute path."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


def signals(definition: Definition) -> bool:
    """Whether this is a gradient or an error signal (`td_error`), which parameters are changed by."""
    return is_gradient(definition) or (definition.kind != "start" and names_error(definition.place[1]))


def led_by_signals(definition: Definition, run: Pass) -> bool:
    """Whether this is made of gradients or errors, beside what it changes under another name: `m = self.x`, then
    `m[m > 0] = 1` in a backward pass, changes an input by nothing but itself."""
    names = {d for d in definition.deps if d.alias and definition.place in d.roots}
    same = {definition.place}.union(*(d.roots for d in names))
    others = {d for d in definition.deps - names if d.place not in same}
    return bool(others & run.downstream(signals))


def takes_step(definition: Definition, run: Pass) -> bool:
    """Whether this keeps the old value and adds to it what is made of gradients or errors; and is no gradient."""
    if is_gradient(definition) or not definition.own:
        return False
    return bool(definition.deps & run.downstream(signals))


def sets_data(node: ast.AST) -> bool:
    """Whether a statement sets the `data` of an object."""
    match node:
        case ast.AugAssign(target=ast.Attribute(attr="data")) | ast.Assign(targets=[ast.Attribute(attr="data")]):
            return True
    return False
