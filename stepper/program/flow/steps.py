"""What of a pass takes its steps, beside the changes themselves: by what these are made of, and what they lead to."""

from __future__ import annotations

import ast
import math
from collections.abc import Iterator

from stepper.program.flow.effects import EMPTY, FIELD, GRAD, Definition, Pass, Place, closure, reached, until
from stepper.program.flow.look_ahead import look_ahead
from stepper.program.flow.signals import is_gradient, led_by_signals, signals
from stepper.program.vocabulary import names_rate


def like_steps(
    updates: set[Definition], run: Pass, carried: set[Place], forward: set[Definition] | frozenset[Definition] = EMPTY
) -> set[Definition]:
    """The updates that are made of gradients or errors, and those that keep the old value and take a step by the same
    learning rate (`b -= lr * (p - y).mean()` beside `w -= lr * dw`), or, where the loss is made of it, by what leads
    back to those gradients (`b -= 0.1 * e` beside `dw = x.T @ e`). What a forward pass keeps of itself is no step,
    where only the parameters that an earlier step changed lead there: the masks and running statistics of a second
    network, or of one that is evaluated behind the step."""
    steps = {d for d in updates if led_by_signals(d, run)}
    stepping = {d for d in steps if d.own and run.start.get(d.place) in forward} - look_ahead(updates, run)
    made = [d for d in (*run.definitions, *run.start.values()) if signals(d)]
    direct = reached(made, lambda d: () if d in stepping else run.users.get(d, ()))
    steps = {d for d in steps if d.deps & (direct - stepping)} or steps
    rates = {other for d in steps for other in d.deps if other.kind == "start" and other.place not in carried}
    stepped = {d.place for d in steps}
    passed = {d for d in forward if d.kind != "start"}
    back = closure(d for d in made if d.kind == "bind") & run.descendants(passed) - forward - updates
    led = run.descendants(back)
    # Of an attribute it is not told whose it is: what one network's gradients lead to may be another's forward pass.
    fed = {d for d in updates if d.own and d.place[0] != FIELD and run.start.get(d.place) in forward and d.deps & led}
    alike = {d for d in updates if d.own and (d.place in stepped or d.deps & rates)}
    return steps | fed | alike | _by_written_rates(updates - forward, steps, forward, run)


def _by_written_rates(
    updates: set[Definition], steps: set[Definition], forward: set[Definition] | frozenset[Definition], run: Pass
) -> set[Definition]:
    """The updates of what the loss is made of that go as far as a step does, by a rate that is written out: `b -= 0.1 *
    (p - y).mean()` beside `w -= 0.1 * dw`. A state that goes after a value (`mean += 0.1 * (x - mean)`) does not."""
    written = {rate for d in steps for rate in _written_rates(d.node)}
    return {
        d
        for d in updates
        if d.own and run.start.get(d.place) in forward and not written.isdisjoint(_written_rates(d.node))
    }


def _written_rates(node: ast.AST) -> set[float]:
    """The fractions that what a statement adds to a name, or takes from it, is multiplied by; none where it is made of
    that name itself."""
    match node:
        case ast.AugAssign(target=target, op=ast.Add() | ast.Sub(), value=added):
            pass
        case ast.Assign(targets=[target], value=ast.BinOp(left=left, op=ast.Add() | ast.Sub(), right=added)):
            if ast.unparse(left) != ast.unparse(target):
                return set()
        case _:
            return set()
    name = ast.unparse(target)
    if any(isinstance(part, ast.expr) and ast.unparse(part) == name for part in ast.walk(added)):
        return set()
    return {value for value in _factors(added) if 0 < value < 1}


def _factors(node: ast.expr) -> Iterator[float]:
    match node:
        case ast.BinOp(left=left, op=ast.Mult(), right=right):
            yield from _factors(left)
            yield from _factors(right)
        case ast.BinOp(left=left, op=ast.Div()):
            yield from _factors(left)
        case ast.UnaryOp(operand=inner):
            yield from _factors(inner)
        case ast.Constant(value=float() as value):
            yield value


def without_indices(updates: set[Definition], run: Pass, indices: frozenset[Place]) -> set[Definition]:
    """Without what elements of another are picked by, where that comes from, and what holds nothing else (`self.state =
    (row, column)`): an environment's state, beside the table that is learnt (`Q[state, action]`)."""
    waiting = [d for d in run.definitions if d.place in indices and d.kind != "start"]
    states: set[Definition] = set()
    while waiting:
        d = waiting.pop()
        if d not in states and not d.own:
            states.add(d)
            waiting += d.deps if d.alias or d.kind == "parameter" else ()
    states |= {d for d in updates if d.kind == "bind" and not d.own and d.deps and d.deps <= states}
    return updates - states or updates


def emptied(run: Pass) -> set[Place]:
    """What is made an empty list or dict in the pass: gathered anew in each, like the inputs that a layer keeps."""
    found: set[Place] = set()
    first = {node for function in run.functions for node in _made_first(function)}
    for d in run.definitions:
        match d.node:
            case ast.Assign(value=ast.List(elts=[]) | ast.Dict(keys=[])) if (
                d.kind == "bind" and id(d.node) not in first
            ):
                found.add(d.place)
    return found


def _made_first(function: ast.AST) -> set[int]:
    """The assignments that make what is not there yet, once and for all: `if self.v is None: self.v = {}`, of an
    optimizer's state in its first step."""
    found: set[int] = set()
    for node in ast.walk(function):
        match node:
            case ast.If(
                test=ast.Compare(left=asked, ops=[ast.Is()], comparators=[ast.Constant(value=None)]), body=body
            ):
                text = ast.unparse(asked)
            case ast.If(
                test=ast.UnaryOp(
                    op=ast.Not(),
                    operand=ast.Call(func=ast.Name(id="hasattr"), args=[holder, ast.Constant(value=str() as name)]),
                ),
                body=body,
            ):
                text = f"{ast.unparse(holder)}.{name}"
            case _:
                continue
        found |= {id(s) for s in body if isinstance(s, ast.Assign) and text in map(ast.unparse, s.targets)}
    return found


def steered(updates: set[Definition], run: Pass, carried: set[Place]) -> set[Definition]:
    """What is changed step by step beside the updates, and only decides, with what those change, whether a step is
    taken: the bias of a support vector machine, of which no gradient is made."""
    held = {run.start[d.place] for d in updates if d.own and d.place in run.start}
    found: set[Definition] = set()
    anew = emptied(run)
    for d in run.definitions:
        if d in updates or d.kind not in ("bind", "change") or not d.own or d.place not in carried or not d.deps:
            continue
        if d.place in anew:
            continue
        if is_gradient(d):
            continue  # that is clipped
        asked = closure(d.controls)
        if run.start.get(d.place) in asked and held & asked - {run.start.get(d.place)}:
            found.add(d)
    return found


def decided_by_themselves(run: Pass, carried: set[Place]) -> set[Definition]:
    """What is added to where only its own value, or that of another such, says whether it is, or what: the weights of
    Rosenblatt's perceptron, which learns of a wrong answer no more than that it is wrong."""
    steps = {d for d in run.definitions if d.kind in ("bind", "change") and d.own and d.deps and d.place in carried}
    asked = {d.place: closure(deciders(d)) for d in steps}
    return {d for d in steps if d.place in run.start and any(run.start[d.place] in each for each in asked.values())}


def deciders(definition: Definition) -> set[Definition]:
    """What says whether something is done (`if y * (x @ w) <= 0:`), or what with: around what it is made of."""
    return {control for each in (definition, *closure(definition.deps)) for control in each.controls}


def steps_beneath(updates: set[Definition], run: Pass) -> set[Definition]:
    """Where what is bound anew was made under another name (`new_w = w - lr * dw`, then `w = new_w`, or a function
    returns it, or puts it into a dict of parameters): the statements that made it take the step."""
    found: set[Definition] = set()
    for update in updates:
        start = run.start.get(update.place)
        waiting = [d for d in update.deps if not update.own and start is not None]
        seen: set[Definition] = set()
        while waiting:
            definition = waiting.pop()
            if definition in seen or definition is start or definition in updates or definition.kind == "start":
                continue
            seen.add(definition)
            if definition.alias or definition.kind == "parameter":
                waiting += definition.deps
                continue
            parts = definition.deps | definition.own
            others = {d for d in definition.deps if _origin(d) is not start}
            kept = any(_origin(d) is start for d in parts)
            if definition.kind == "bind" and kept and others & run.downstream(signals):
                found.add(definition)
    return found


COPYING = frozenset({"array", "copy", "deepcopy", "clone", "dict", "list"})


def on_copies(run: Pass, parameters: set[Place]) -> set[Definition]:
    """Where a step is taken on a copy of the parameters, which takes their place: the copy, and its changes."""
    starts = {run.start[place] for place in parameters if place in run.start}
    found: set[Definition] = set()
    for d in run.definitions:
        match d.node:
            case ast.Assign(value=ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name))) if name in COPYING:
                source = {_handed_on(other) for other in d.deps}
                if d.kind == "bind" and source & starts and source <= starts and not is_gradient(d):
                    found.add(d)
        if d.kind in ("bind", "change") and d.own & found:
            found.add(d)
    return found


def beside_steps(
    backward: set[Definition], forward: set[Definition], updates: set[Definition], moments: set[Definition], run: Pass
) -> set[Definition]:
    """The rest of an optimizer's state: its moments when they are made, and in a function that only takes steps what is
    made of no gradient and nothing of the forward pass (`lr_t = self.lr * …`)."""
    places = {d.place for d in moments}
    found = {d for d in backward if d.place in places}
    # `u = kept["u"]`, then `u = 0.9 * u + g`, and `kept["u"] = u`
    starts = {run.start[place] for place in places if place in run.start}
    found |= {
        d
        for d in closure(dep for moment in moments for dep in moment.deps) & backward
        if d.kind == "bind" and not is_gradient(d) and until((d,), forward) & starts
    }
    passing = {d for d in forward if d.deps} | {d for d in backward if is_gradient(d) and d.kind == "bind"}
    others = {id(d.statement) for d in passing}
    steps = {id(d.statement) for d in updates}
    passed = run.downstream(signals) | run.descendants({d for d in forward if d.kind != "start"})
    for function in run.functions:
        inside = {id(node) for node in ast.walk(function)}
        if inside & steps and not inside & others:
            found |= {
                d for d in backward if id(d.statement) in inside and d.kind in ("bind", "change") and d not in passed
            }
    return found


def scaled_for_steps(
    backward: set[Definition], forward: set[Definition], updates: set[Definition], run: Pass
) -> set[Definition]:
    """The step itself, where it has a name (`step = lr * grad`, then `w -= step`): a gradient and what scales it."""
    passed = {d for d in forward if d.kind != "start"} | run.downstream(signals)
    found: set[Definition] = set()
    for d in backward:
        if d.kind == "bind" and not signals(d) and isinstance(d.node, ast.Assign) and _is_scaled(d.node.value):
            gradients = {other for other in d.deps if is_gradient(other)}
            users = run.users.get(d, [])
            if gradients and d.deps - gradients and not (d.deps - gradients) & passed and updates.issuperset(users):
                found |= {d} if users else set()
    return found


def _is_scaled(node: ast.expr) -> bool:
    """Whether an expression only multiplies and divides what has a name already."""
    match node:
        case ast.BinOp(left=left, op=ast.Mult() | ast.Div(), right=right):
            return _is_scaled(left) and _is_scaled(right)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return _is_scaled(operand)
        case ast.Subscript(value=value, slice=ast.Name() | ast.Constant()):
            return _is_scaled(value)
    return isinstance(node, ast.Name | ast.Attribute | ast.Constant)


def rates(backward: set[Definition], updates: set[Definition], run: Pass) -> set[Definition]:
    """What only tells how far the steps go, where it is worked out behind the gradients: `lr = 0.1 if t < 9 else 0.01`,
    ahead of `w -= lr * dw`; be it of the loss and the gradient, where it is called so (Polyak's `step_size`)."""
    gradients = run.downstream(signals)
    begun = min((d.order for d in gradients if d.kind in ("bind", "change") and d not in updates), default=math.inf)
    starts = {run.start[place] for place in {*run.called, *(d.place for d in updates)} if place in run.start}
    passed = run.descendants(starts) | gradients
    found: set[Definition] = set()
    called = {d for d in backward if names_rate(d.place[1])}
    for d in sorted((backward - passed) | called, key=lambda d: -d.order):
        users = run.users.get(d, [])
        if d.kind == "bind" and d.order > begun and users and all(o in updates or o in found for o in users):
            found.add(d)
    return found


def called_after_stepped(updates: set[Definition], parameters: set[Place], run: Pass) -> set[Definition]:
    """The gradients, kept by an object, that are called after the parameters which they step: `s.q -= lr * s.dq`."""
    found: set[Definition] = set()
    for d in updates:
        if d.place not in parameters and not d.own:
            stepped = {o.place for o in run.users.get(d, ()) if o.own and o in updates and o.place in parameters}
            if d.place[1] in {f"{prefix}{name}" for _, name in stepped for prefix in ("d", "d_")}:
                found.add(d)
    return found


def behind_steps(backward: set[Definition], forward: set[Definition], updates: set[Definition]) -> set[Definition]:
    """What is made behind the optimizer's step of no gradient and nothing of the forward pass: a target network, or an
    average, that goes after the parameters."""
    steps = [d.order for d in updates if any(other.place == GRAD for other in d.deps)]
    found: set[Definition] = set()
    for d in backward:
        if steps and d.order > min(steps) and d.kind != "parameter":
            sources = until(d.deps, updates)
            if not any(o.place == GRAD or (o in forward and o.kind != "start") for o in sources):
                found.add(d)
    return found


def of_next_samples(forward: set[Definition], changes: set[Definition], run: Pass) -> set[Definition]:
    """Where a pass steps by one sample after the other (`learn(0, 0)`, then `learn(1, 1)`), the forward passes behind
    the first step: what leads to an error or a gradient that is made of none but by way of the parameters."""
    found: set[Definition] = set()
    for d in run.definitions:
        if d.kind in ("bind", "change") and signals(d) and d.deps and d not in changes:
            made = until(d.deps, changes)
            if made & changes and not any(map(signals, made - changes)):
                found |= {o for o in made - changes if o.kind != "start"}
    return found - forward


def picked_for_steps(backward: set[Definition], steps: set[Definition], run: Pass) -> set[Definition]:
    """Where a gradient is taken out of what keeps it (`dw = grads[key]`) for nothing but the step."""
    users: dict[Definition, set[Definition]] = {}
    for d in run.definitions:
        for other in d.deps | d.own:
            users.setdefault(other, set()).add(d)
    taken = {id(d.statement) for d in steps}
    found: set[Definition] = set()
    for d in reversed(run.definitions):
        handed = d.kind in ("parameter", "target")
        match d.node:
            case ast.Assign(value=ast.Subscript(slice=index)) if d.kind == "bind":
                handed = d.alias or isinstance(index, ast.Slice)
            case ast.Assign(value=ast.Call(func=ast.Name(id="getattr"))) if d.kind == "bind":
                handed = True  # `g = getattr(layer, "d" + name)`
            case ast.Assign(value=ast.ListComp(elt=ast.Subscript() | ast.Attribute())) if d.kind == "bind":
                handed = True  # `inputs = [neuron["output"] for neuron in layer]`
        if handed and users.get(d) and all(o in found or id(o.statement) in taken for o in users[d]):
            found.add(d)
    picked = found & backward & run.downstream(signals)
    return picked | {d for d in found & backward if any(d.place == other.place for other in picked)}


def _handed_on(definition: Definition) -> Definition:
    """What a parameter of a function was handed, through all the functions around it."""
    while definition.kind == "parameter" and len(definition.deps) == 1 and not definition.own:
        (definition,) = definition.deps
    return definition


def _origin(definition: Definition) -> Definition:
    """Whose value a second name has: a function's parameter, or what was taken from a dict or tuple."""
    while (definition.alias or definition.kind == "parameter") and len(definition.deps) == 1 and not definition.own:
        (definition,) = definition.deps
    return definition


def changed_beside(
    updates: set[Definition], forward: set[Definition], parameters: set[Place], run: Pass, carried: set[Place]
) -> set[Definition]:
    """What else changes a parameter by itself and by settings: weights that are clipped, decayed or normed, in place or
    bound anew behind the step, also where another loss of the same pass is made of them. What is made of a batch is a
    forward pass's own."""
    found: set[Definition] = set()
    for d in run.definitions:
        if d in updates or d.place not in parameters or d.alias or is_gradient(d) or d.kind not in ("bind", "change"):
            continue
        same = {other for other in (*run.definitions, *run.start.values()) if other.place == d.place}
        others = {s for s in until(d.deps, same) & forward if not closure((s,)) & same}
        data = {s for s in others if s.kind == "target" or (s.kind == "start" and s.place in carried)}
        if not data and (d.own or closure(d.deps & same) & same & updates):
            found.add(d)
    return found
