"""What the loops around the training loop move by gradients: `U` of `for sweep: for k: V -= …`, and then `U -= …`."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import NamedTuple

from stepper.program.flow.effects import GRAD, Place, closure
from stepper.program.flow.flow import Flow, sort
from stepper.program.flow.losses import Losses
from stepper.program.flow.walk import Walker
from stepper.program.scopes import Script
from stepper.program.spine import LoopNode
from stepper.program.syntax import FUNCTIONS


class Around(NamedTuple):
    """One turn of a loop around the training loop: `moved` are the parameters that the inner pass only reads."""

    walker: Walker
    flow: Flow
    moved: set[Place]


def moved_around(script: Script, losses: Losses, loop: LoopNode, flow: Flow) -> Around | None:
    """The innermost loop around a pass that moves what the pass (its `flow`) only reads, on the way to its loss."""
    read = {place for place, start in flow.run.start.items() if start in flow.forward}
    read -= flow.carried | flow.parameters | {GRAD}
    for outer in _loops_around(script, loop):
        walker = Walker(script, losses)
        if read.isdisjoint(_stored(script, walker, outer, loop)):
            continue
        whole = sort(walker.walk_loop(outer), walker.made_parameters())
        if found := _by_gradients(whole, flow) & read:
            return Around(walker, whole, found)
    return None


def _by_gradients(whole: Flow, inner: Flow) -> set[Place]:
    """The parameters of a loop around the pass that are moved by what its own make of the data: data that is shuffled
    for each epoch (`X = X[order]`) is not."""
    changes = (d for d in whole.run.definitions if d.kind in ("bind", "change") and d.place in whole.parameters)
    return {d.place for d in changes if any(each.place in inner.parameters for each in closure(d.deps))}


def _loops_around(script: Script, loop: LoopNode) -> Iterator[LoopNode]:
    for node in script.ancestors(loop):
        if isinstance(node, FUNCTIONS):
            return
        if isinstance(node, LoopNode):
            yield node


def _stored(script: Script, walker: Walker, outer: LoopNode, loop: LoopNode) -> set[Place]:
    """What is changed or bound anew in the text of a loop, outside the one inside it."""
    inside = {id(node) for node in ast.walk(loop)}
    found: set[Place] = set()
    for node in ast.walk(outer):
        if id(node) not in inside and isinstance(getattr(node, "ctx", None), ast.Store):
            base = node.value if isinstance(node, ast.Subscript) else node
            place = walker.place_of(script.scope_around(node), base)
            found |= set() if place is None else {place}
    return found
