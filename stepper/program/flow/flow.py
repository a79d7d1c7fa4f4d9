"""What feeds what in one pass of the training loop: the loss, the updates, and what lies between them."""

from __future__ import annotations

import ast
import math
from dataclasses import dataclass

from stepper.program.flow.divisors import norms, only_divides
from stepper.program.flow.effects import EMPTY, FIELD, GRAD, Definition, LossValue, Pass, Place, closure, reached, until
from stepper.program.flow.look_ahead import look_ahead
from stepper.program.flow.made_again import layers_again, made_again
from stepper.program.flow.positions import is_position
from stepper.program.flow.residuals import before_residual, behind_first, behind_residuals
from stepper.program.flow.signals import (
    is_gradient,
    is_optimizers,
    is_short_activation,
    led_by_signals,
    sets_data,
    signals,
    takes_step,
)
from stepper.program.flow.steps import (
    behind_steps,
    beside_steps,
    called_after_stepped,
    changed_beside,
    decided_by_themselves,
    deciders,
    emptied,
    like_steps,
    of_next_samples,
    on_copies,
    picked_for_steps,
    rates,
    scaled_for_steps,
    steered,
    steps_beneath,
    without_indices,
)
from stepper.program.vocabulary import names_error, names_gradient, names_loss

_HOLDING = (ast.Dict, ast.DictComp, ast.List, ast.ListComp, ast.GeneratorExp)


@dataclass
class Flow:
    """One pass, sorted.

    `forward` feeds the loss; `backward` feeds an update and not the loss; `updates` change lasting state; `losses` are
    the values that are losses; `measured` feeds one that is computed behind the updates, or is
    made of losses only. `living` is what depends on a parameter or on an object that is called (a model);
    `derived`, of `backward`, is made of an optimizer's own state (`m_hat = m / (1 - beta1 ** t)`); `picked` is taken
    out of what keeps gradients, for nothing but the step (`dw = grads[key]`); `metrics` are worked out behind the
    updates of what the pass made before them, and feed nothing (`pred = out.argmax(1)`).
    """

    run: Pass
    carried: set[Place]
    losses: list[LossValue]
    loss_definitions: set[Definition]
    forward: set[Definition]
    backward: set[Definition]
    updates: set[Definition]
    parameters: set[Place]
    living: set[Definition]
    derived: set[Definition]
    measured: set[Definition]
    picked: set[Definition]
    metrics: set[Definition]

    def tells_loss(self, definition: Definition) -> bool:
        """Whether this, of `measured`, is called a loss or made of one, and not what a loss will be made of."""
        if is_position(definition):
            return False
        if names_loss(definition.place[1]):
            return True
        named = {loss.definition for loss in self.run.losses}
        places = {d for d in self.run.definitions if is_position(d)}
        return bool(until(definition.deps, self.updates | places) & (self.loss_definitions | named))


def sort(
    run: Pass,
    made: frozenset[Place] = frozenset(),
    anew: frozenset[int] = frozenset(),
    indices: frozenset[Place] = frozenset(),
) -> Flow:
    """Sort the definitions of a pass. `made`: the attributes that are made to be parameters (`nn.Parameter`); `anew`:
    the stores (ids of nodes) under keys beside those of the parameters in the same dict; `indices`: what elements are
    picked by."""
    carried = run.carried()
    steady = run.feedback(carried - {GRAD})
    changes = {d for d in run.definitions if d.changes and d.place in steady}
    stepped = {d for d in run.definitions if d.kind == "change" and _by_gradient(d)}
    stepped |= _by_moments(run, stepped)
    # A list that an optimizer makes of a model's parameters is none that the pass found; their `data` is changed.
    stepped = {d for d in stepped if d.place in carried or (d.own and sets_data(d.node))}
    once = set() if carried - {GRAD} else _steps_at_once(run)
    changes |= stepped | once
    alone = set() if changes else decided_by_themselves(run, carried)
    changes |= alone
    gains = _gains(run, changes)
    if any(takes_step(d, run) for d in changes):  # gradients that are kept in place are made anew by every pass
        changes -= {d for d in changes if (d.kind == "change" or not d.own) and is_gradient(d)} - gains
    later = of_later_runs(changes, run)
    changes -= later
    feeding = closure({d for change in changes for d in change.deps})
    losses = _losses(run, _without_rates(changes, run), carried, changes)
    defined = {loss.definition for loss in losses if loss.definition is not None}
    early = _early(run, losses, {d for d in changes if id(d.node) not in anew}, carried)
    if early:
        # A step by the gradients of one loss, ahead of another (a discriminator's, then a generator's), is none of it.
        steps = {d for d in changes if takes_step(d, run) or (d in gains and d.deps & run.downstream(signals))}
        forward = until({d for loss in early for d in loss.deps}, steps) - steps
        done = max((d.order for d in forward - defined if d.kind == "bind"), default=0)
        # What is changed when the loss is known is there for the next pass: `w -= 0.1 * w`, of the loss's own sources.
        beside = run.descendants({*run.definitions, *run.start.values()} - forward)
        updates = {d for d in changes if d in stepped | once or d.deps & beside or (d.own and d.order > done)}
    else:
        forward = _before_gradients(run, feeding, changes)
        forward |= of_next_samples(forward, changes, run)
        updates = changes
    updates = updates - {d for d in updates & forward if id(d.node) in anew}
    by_autograd = any(loss.backward or loss.differentiated for loss in losses)
    if by_autograd:
        # Next to what is made of gradients, the rest that a pass carries on (a replay buffer, a hidden state, running
        # statistics) is no parameter.
        updates = {d for d in updates if d.deps & run.downstream(_is_grad)} or updates
        updates -= _samples(updates - stepped, stepped, losses)
        # Nor is a name that is bound anew to what the stepped models give (`k += rate * (gamma * d(x) - d(y))`).
        models = {d for d in stepped if run.start.get(d.place) in forward}
        updates -= {d for d in updates - stepped if d.kind == "bind" and not any(map(_is_grad, until(d.deps, models)))}
        # What gradients are taken of was bound by these.
        defined |= {d for loss in losses for d in loss.deps if d.kind == "bind" and not d.alias}
    elif any(led_by_signals(d, run) for d in updates):
        # Nor is what is bound anew without one (an observation, a hidden state), where others are changed by gradients.
        updates = like_steps(updates, run, carried, forward)
    else:
        updates = without_indices(updates, run, indices)
    if not by_autograd:
        deciding = (steered(updates, run, carried) - later) | (alone & updates)
        updates |= deciding
        first = min((d.order for d in updates), default=0)
        forward = forward | {d for d in closure(c for d in deciding for c in deciders(d)) if d.order < first}
    updates |= steps_beneath(updates, run)
    backward = {d for d in closure({d for change in updates for d in change.deps}) if d.kind != "start"} - forward
    if not by_autograd and not _takes_steps(updates, backward, run):
        backward, forward = set(), forward | backward
    kept = _kept_for_backward(backward, forward, updates, run) | norms(backward, forward, updates, run)
    backward, forward = backward - kept, forward | kept
    stepped_places = {d.place for d in updates}
    again = made_again(backward, forward, losses, stepped_places, run) if losses else set[Definition]()
    again |= layers_again(backward, forward, stepped_places, run)
    backward, forward = backward - again, forward | again
    held = {run.start[d.place] for d in updates if d.place in run.start}
    read = forward or feeding
    parameters = {start.place for start in held if start in read} - {d.place for d in look_ahead(updates, run)}
    zeroed = {d.place for d in run.definitions if d.kind != "start" and all(c.kind == "target" for c in d.deps)}
    gathered = {d.place for d in updates if names_gradient(d.place[1]) and d.place in parameters | zeroed} - {GRAD}
    gathered |= emptied(run)
    gathered -= {d.place for d in updates if is_optimizers(d) or d in gains}  # `G` is a generator
    if parameters - gathered:
        # Gradients that an object keeps, adds up and zeroes when they were used (`self.gradients[k] = zeros`), and what
        # it keeps for them.
        parameters -= gathered
        updates = {d for d in updates if d.place not in gathered}
    if by_autograd:
        parameters |= {place for place in made if run.start.get(place) in read}
        # An optimizer's own list of them (`for p in self.parameters: p.data -= lr * p.grad.data`)
        parameters |= {d.place for d in updates & stepped if sets_data(d.node)}
    parameters |= {d.place for d in updates & once}
    updates -= called_after_stepped(updates, parameters, run)
    beside = changed_beside(updates, forward, parameters, run, carried) - later
    updates |= {d for d in beside if id(d.node) not in anew}
    roots = {run.start[place] for place in {*parameters, *run.called, GRAD} if place in run.start}
    copied = on_copies(run, parameters) & backward
    updates |= copied
    parameters |= {d.place for d in copied}
    backward -= updates
    defined |= _parts(run, defined, forward, backward)
    moments = {d for d in updates if d.own and d.place not in parameters and d.place != GRAD}
    # What is made of a parameter that was stepped by them (of the next layer's, behind this one's step) is not.
    made_of_moments = reached(moments, lambda d: () if d.place in parameters and d in updates else run.users.get(d, ()))
    derived = {d for d in backward if d.deps & made_of_moments}
    derived |= beside_steps(backward, forward, updates, moments, run)
    derived |= scaled_for_steps(backward, forward, updates, run)
    derived |= rates(backward, updates, run)
    derived |= behind_steps(backward, forward, updates) if by_autograd else set()
    derived |= {d for d in backward if d.place in carried and _counts(d)}
    derived |= {d for d in backward if d.deps and d.deps <= d.asked and closure(d.deps) & defined}
    of_losses = {d for d in backward if d.deps and d.deps <= defined and not signals(d)}
    derived |= {d for d in of_losses if updates.issuperset(run.users.get(d, ()))}
    picked = picked_for_steps(backward, updates | derived, run)
    # Where the whole script is one pass, that makes them, too.
    roots |= {d for d in run.definitions if d.place in parameters - run.start.keys() and d not in updates}
    living = run.descendants(roots)
    last = max((d.order for d in updates), default=0)
    told = closure(d for loss in run.losses for d in loss.deps) - forward - backward - updates
    measured = {d for d in told if d.kind == "bind" and d.order > last and d not in defined} if updates else set()
    sorted_out = forward | backward | updates | defined
    # One part of what is worked out for the step is no loss, either: `grad = [error * x, error]`.
    stated = {id(d.node) for d in backward}
    sorted_out |= {d for d in run.definitions if d.kind == "bind" and id(d.node) in stated}
    made_of_losses = {d for d in run.definitions if d.kind == "bind" and d.deps and d.deps <= defined}
    measured |= {d for d in made_of_losses if not is_position(d)} - sorted_out
    fed = forward | backward | updates | feeding
    metrics = _metrics(run, last, fed, updates, forward | defined) - sorted_out - measured if updates else set()
    return Flow(
        run,
        carried,
        losses,
        defined,
        forward,
        backward,
        updates,
        parameters,
        living,
        derived,
        measured,
        picked,
        metrics,
    )


def _metrics(
    run: Pass, last: int, fed: set[Definition], updates: set[Definition], made: set[Definition]
) -> set[Definition]:
    """What is worked out behind the last update of what the pass had `made` before it, and feeds nothing (`pred`,
    `correct` of a prediction); no state that the next pass begins with, and nothing of the new parameters."""
    behind = {d for d in run.definitions if d.kind == "bind" and d.order > last and run.start.get(d.place) not in fed}
    return {d for d in behind if until(d.deps, updates) & made and not until(d.deps, updates) & updates}


def of_later_runs(changes: set[Definition], run: Pass) -> set[Definition]:
    """What a forward pass keeps of itself (its input, running statistics), where that is run again behind the step:
    made of gradients then, by way of the parameters, and of none when the same statement was run before."""
    places = {d.place for d in changes}
    idle: set[int] = set()
    found: set[Definition] = set()
    for d in run.definitions:
        if d.kind in ("bind", "change") and d.place in places:
            if not d.deps & run.downstream(signals):
                idle.add(id(d.node))
            elif d in changes and id(d.node) in idle:
                found.add(d)
    return found


def _losses(run: Pass, feeding: set[Definition], carried: set[Place], changes: set[Definition]) -> list[LossValue]:
    backward = [loss for loss in run.losses if loss.backward]
    if backward:
        return backward
    differentiated = [loss for loss in run.losses if loss.differentiated]
    if differentiated:
        # Of several, those that are called losses; else those that are made of no gradients.
        named = {loss.definition for loss in run.losses if loss.definition is not None}
        first = [loss for loss in differentiated if not any(is_gradient(d) for d in closure(loss.deps))]
        return [loss for loss in differentiated if loss.deps & named] or first or differentiated
    own = [loss for loss in run.losses if not loss.tried] or run.losses
    fed = feeding | changes
    ends = [loss for loss in own if (d := loss.definition) is None or d not in feeding or only_divides(d, run, fed)]
    single = [loss for loss in ends if loss.definition is None or loss.definition.place not in carried]
    # Nor is a mean of a running total, over several passes, where there is another.
    totals = running_totals(run, carried)
    fresh = [loss for loss in single if not (loss.deps if loss.definition is None else loss.definition.deps) & totals]
    # A running total tells what is added to it, where nothing else is a loss.
    return fresh or single or [loss for loss in ends if loss.definition is not None and loss.definition.own]


def running_totals(run: Pass, carried: set[Place]) -> set[Definition]:
    """The changes of totals of losses that go on over the passes: `total_loss += loss`."""
    return {d for d in run.definitions if d.place in carried and names_loss(d.place[1]) and adds_up(d)}


def adds_up(definition: Definition) -> bool:
    """Whether something is added to what was there; an average that moves with the losses is another thing."""
    match definition.node:
        case ast.AugAssign(op=ast.Add() | ast.Sub()):  # `loss -= log(p)`
            return True
        case ast.Assign(targets=[ast.Name(id=name)], value=ast.BinOp(left=ast.Name(id=kept), op=ast.Add() | ast.Sub())):
            return name == kept
    return False


def _parts(run: Pass, defined: set[Definition], forward: set[Definition], backward: set[Definition]) -> set[Definition]:
    """What is called a loss, or added to a total of them, and feeds nothing of the forward pass but losses:
    `loss = data_loss + penalty_loss`. A difference of which the gradients are made (`error = y_pred - y`) is none."""
    users: dict[Definition, set[Definition]] = {}
    for definition in forward | defined:
        for dependency in definition.deps | definition.own:
            users.setdefault(dependency, set()).add(definition)
    added = {place for total in defined for place in _summand(total)}
    named = {d for d in forward if d.kind == "bind" and d.deps and (names_loss(d.place[1]) or d.place in added)}
    named -= {d for d in named if _is_difference(d) and not backward.isdisjoint(run.users.get(d, ()))}
    parts = {d for d in run.definitions if d in named}
    while wrong := {d for d in parts if not users.get(d, set()) <= parts | defined}:
        parts -= wrong
    return parts


def _is_difference(definition: Definition) -> bool:
    """Whether a name is bound to one. What an object keeps, for its own backward pass, tells of what it returns: a
    loss."""
    match definition.node if definition.place[0] != FIELD else None:
        case ast.Assign(value=ast.BinOp(op=ast.Sub())):
            return True
    return False


def _summand(total: Definition) -> set[Place]:
    """The name that is added to a total of losses, as it is: `l` of `loss += l`."""
    match total.node:
        case ast.AugAssign(op=ast.Add(), value=ast.Name(id=name)):
            return {d.place for d in total.deps if d.place[1] == name}
        case ast.Assign(value=ast.BinOp(ast.Name(), ast.Add(), ast.Name(id=name))) if adds_up(total):
            return {d.place for d in total.deps if d.place[1] == name}
    return set()


def _kept_for_backward(
    backward: set[Definition], forward: set[Definition], updates: set[Definition], run: Pass
) -> set[Definition]:
    """What the forward pass puts aside for the gradients (`caches.append(cache)`): made before its last value is, and
    of no gradient. A loss that is measured behind the update is not part of it."""
    steps = {d for d in updates if d.deps & run.downstream(signals)}
    first = min((d.order for d in steps), default=math.inf)
    made = (d for d in forward if d.kind == "bind" and not (d.alias and names_loss(d.place[1])))
    last = max((d.order for d in made if d.order < first), default=-1)
    gradients = run.downstream(signals)
    begun = min((d.order for d in gradients & backward), default=math.inf)
    added_to = {own for d in gradients for own in d.own if own.order > begun}  # `dx = np.zeros_like(x)`, among others
    kept = {d for d in backward if d.order < last} - gradients - added_to
    return kept - behind_residuals(run, kept, updates) if kept else kept


def _early(run: Pass, losses: list[LossValue], changes: set[Definition], carried: set[Place]) -> list[LossValue]:
    """The losses that are computed of the state as the pass found it.

    A loss or accuracy that is measured again behind the update depends on the gradients, too, and tells nothing of the
    phases. Empty where all losses are such.
    """
    kept = {d for d in changes if d.own or d.deps & run.downstream(is_gradient)}
    # A hidden state that the forward pass hands on is no update, where others are.
    kept = kept & like_steps(changes, run, carried) or kept or changes
    # What a function changed in place and returns (`self.w, self.m = adam(self.w, self.m, dw)`) is bound to it again.
    stepped = {d.place for d in kept if d.own}
    kept |= {d for d in changes if d.place in stepped}
    places = {d.place for d in kept if d.place in run.start}
    early: list[LossValue] = []
    late: list[LossValue] = []
    for loss in losses:
        sources = until(loss.deps, kept)
        updated = {d.place for d in sources & kept}
        if any(run.start[place] in sources for place in places - updated):
            early.append(loss)
        elif updated:
            late.append(loss)
    by_autograd = any(loss.backward or loss.differentiated for loss in losses)
    return early or ([] if len(late) == len(losses) or (places and not by_autograd) else losses)


def _without_rates(changes: set[Definition], run: Pass) -> set[Definition]:
    """What changes are made of, but for what only tells how far they go: a loss that chooses between constants, or that
    scales a gradient which is made of no loss, is one all the same."""
    named = {loss.definition for loss in run.losses if loss.definition is not None}
    start: set[Definition] = set()
    for change in changes:
        deps = change.deps - change.asked
        of_losses = {d for d in deps if closure((d,)) & named} if named else set()
        # a gradient that begins with zeros, and is added to (`dw = np.zeros(3)`), is made of what is added
        if {d.place for d in deps if is_gradient(d)} - {d.place for d in of_losses}:
            deps -= of_losses
        start |= deps
    return reached(start, lambda d: (d.deps - d.asked) | d.own)


def _gains(run: Pass, changes: set[Definition]) -> set[Definition]:
    """What is called a gradient and is none: a loss is made of what it was before the pass (`u = g * x`)."""
    measured = until({d for loss in run.losses for d in loss.deps}, changes)
    return {d for d in changes if d.own and names_gradient(d.place[1]) and run.start.get(d.place) in measured}


def _counts(definition: Definition) -> bool:
    """Whether this counts on: how often a state was visited, by which a step is scaled."""
    match definition.node:
        case ast.AugAssign(op=ast.Add(), value=ast.Constant()):
            return bool(definition.own) and not is_gradient(definition)
    return False


def _is_grad(definition: Definition) -> bool:
    return definition.place == GRAD


def _takes_steps(updates: set[Definition], backward: set[Definition], run: Pass) -> bool:
    """Whether the updates go on from what was there, or from a copy of it, or may do so in a function or in a new list
    or dict, or are made of what is called a gradient: else they are worked out anew, as in EM, and nothing leads back
    to them."""
    filled = {other.place for d in updates if d.alias for other in d.deps}  # `layers = changed`
    made = updates | {d for d in run.definitions if d.place in filled}
    parts = [part for d in made for part in ast.walk(d.node)]
    may = any(id(part) in run.entered or isinstance(part, _HOLDING) for part in parts)
    copied = any(d.own for d in on_copies(run, {d.place for d in updates}) & backward)
    return may or copied or any(d.own for d in updates) or any(map(signals, backward))


def _samples(updates: set[Definition], stepped: set[Definition], losses: list[LossValue]) -> set[Definition]:
    """What is moved by gradients that are only handed out (`torch.autograd.grad`), beside what an optimizer steps by
    those of a backward pass: a chain of samples, or the buffer that they are kept in."""
    if not any(map(is_optimizers, stepped)) or not all(loss.backward for loss in losses):
        return set()
    made_of = {d: {s for s in until(d.deps, stepped) if _is_grad(s) and s.kind != "start"} for d in updates}
    return {d for d, gradients in made_of.items() if gradients and all(map(_is_handed_out, gradients))}


def _is_handed_out(definition: Definition) -> bool:
    match definition.node:
        case ast.Call(func=ast.Attribute(attr="grad") | ast.Name(id="grad")):
            return True
    return False


def _steps_at_once(run: Pass) -> set[Definition]:
    """Where a whole script is one pass, which makes its parameters itself and carries nothing on: what is changed by
    what is made of gradients (`w -= lr * dw`), and is none."""
    made = run.downstream(signals)
    return {d for d in run.definitions if d.own and d.deps & made and d.place != GRAD and not is_gradient(d)}


def _by_gradient(definition: Definition) -> bool:
    return definition.place != GRAD and any(d.place == GRAD for d in definition.deps)


def _by_moments(run: Pass, stepped: set[Definition]) -> set[Definition]:
    """The steps that an object's `data` takes by what an optimizer keeps of gradients (`p.data -= lr * m / v`)."""
    kept = {d for d in stepped if d.own and not sets_data(d.node)}
    data = {d for d in run.definitions if d.kind == "change" and d.own and sets_data(d.node)}
    return {d for d in data if until(d.deps, stepped | data) & kept}


def _before_gradients(run: Pass, feeding: set[Definition], changes: set[Definition]) -> set[Definition]:
    """Without a loss: what the first gradient-like value is made of; all that feeds the updates where there is none."""
    begun = {own for d in run.definitions if d.kind != "start" for own in d.own}
    state = {run.start[d.place] for d in run.definitions if d.changes and d.place in run.start}
    # `dm`, of `m -= L * dm`, says by itself as little as `ds` or `D_x` do.
    after = {f"{prefix}{each.place[1]}" for each in state for prefix in ("d", "d_", "D_")}
    # A return `G = r + 0.9 * G` of rewards that came before is made of nothing that the pass changes.
    for definition in sorted(feeding, key=lambda d: (state.isdisjoint(closure(d.deps)), d.order)):
        name = definition.place[1]
        if not definition.deps or (definition in begun and all(d.kind == "start" for d in definition.deps)):
            continue  # `error = 0.0`; `dw = [0.0] * n`, to which the gradient is added yet
        if is_short_activation(definition, run):
            continue
        called = name in after or names_gradient(name) or names_error(name) or names_loss(name)
        if definition.kind in ("bind", "change") and called:
            # what comes later feeds it in the next turn of a loop only
            made = closure(definition.deps) | {d for d in feeding - run.downstream(signals) if d.kind != "start"}
            made |= {d for d in closure(definition.own) if d.kind == "start"}  # `grad = w`, of a penalty, to begin with
            made = {d for d in made if d.kind == "start" or d.order < definition.order}
            made -= {d for d in made & begun if d.place == definition.place and not d.deps}  # `errors = []`
            made -= behind_first(run, made, feeding, changes)
            return _up_to_ends(made, _before_ends(run, feeding))
    return _before_ends(run, feeding) or before_residual(run, feeding, changes) or feeding


def _up_to_ends(made: set[Definition], ends: set[Definition]) -> set[Definition]:
    """Of what was made before the gradients, what leads to a loss by another name, where that came first: the slope of
    it, of which they are made, has no name either."""
    within = {d for d in made & ends if d.kind == "bind"}
    last = max((d.order for d in within), default=math.inf)
    if all(d.order > last for d in made - ends if d.kind in ("bind", "change")):
        return made - {d for d in made - ends if d.kind in ("bind", "change")}
    return made


def _appends(definition: Definition) -> bool:
    match definition.node:
        case ast.Call(func=ast.Attribute(attr="append")):
            return definition.kind == "change"
    return False


def _before_ends(run: Pass, feeding: set[Definition]) -> set[Definition]:
    """What a value is made of that is made of the state as the pass found it, and that feeds nothing: a loss that is
    called `L`, an accuracy. Empty where there is none, or where all that feeds the updates feeds it, too."""
    # What is only added to a history of it is one, too (`history.append(mse)`).
    kept = {d for d in run.definitions if _appends(d) and d.place in run.start and not feeding & run.descendants({d})}
    users = {o for d in run.definitions if d not in kept for o in d.deps | (d.own if d.place in run.start else EMPTY)}
    users |= {other for d in run.definitions for other in d.controls}  # a condition asks for it: `if cell == "hole"`
    ends = [d for d in run.definitions if d.kind == "bind" and d not in users and d not in feeding]
    # What the next pass begins with is no end, nor what comes with a value that is used,
    # nor what the same statement makes of something else, where it is only told (`print(reward(w))`).
    together = {id(d.node) for d in feeding if d.kind == "bind"}
    ends = [d for d in ends if d.place not in run.start and id(d.node) not in together]
    changed = {run.start[d.place] for d in run.definitions if d.place in run.start and d.kind in ("bind", "change")}
    found = closure(d for end in ends for d in end.deps if changed & closure(end.deps))
    return found if any(d.kind == "bind" for d in feeding - found) else set()
