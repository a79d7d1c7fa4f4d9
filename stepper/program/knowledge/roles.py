"""Roles of names and attributes: data, parameter, activation, gradient, loss, other, by what they feed in a pass.

A setting is data whose value is a scalar, which is seen only when the script runs.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable

from stepper.program.flow.attribute_names import attribute_names
from stepper.program.flow.counters import counters
from stepper.program.flow.effects import FIELD, GRAD, Definition, Place, closure, reached
from stepper.program.flow.flow import Flow
from stepper.program.flow.recomputed import keys_read, recomputed
from stepper.program.flow.records import is_record, record_fields
from stepper.program.flow.signals import sets_data
from stepper.program.flow.steps import COPYING
from stepper.program.flow.walk import Walker
from stepper.program.scopes import Scope
from stepper.program.syntax import target_names
from stepper.program.vocabulary import names_error, names_gradient, names_loss
from stepper.record.events import Role

_PRIORITY: tuple[Role, ...] = ("parameter", "loss", "activation", "gradient", "data", "other")
_SAME_VALUES = frozenset({"T", "mT", "H", "data", "real"})

VALUES = frozenset(("Parameter", "Variable", "Decimal", "Fraction", "OrderedDict"))  # no objects


class Roles:
    """Roles by place."""

    def __init__(self, walker: Walker, flow: Flow) -> None:
        self.walker = walker
        self.flow = flow
        self.by_place: dict[Place, Role] = {GRAD: "gradient"}
        self._memo: dict[Definition, Role] = {}
        self._counters = _loop_targets(walker)
        self.by_key = recomputed(walker.script, flow)
        self._saved = _put_back(walker)
        self._record_fields = record_fields(walker.script)
        # What a model makes in one pass and reads in the next: a hidden state, a replay buffer.
        self._states = {d.place for d in flow.living if d.place in flow.carried and d.kind != "start"} - flow.parameters
        self._states = {place for place in self._states if flow.run.start[place] in flow.forward}
        self._stepped = {d.place for d in flow.updates if sets_data(d.node)}
        # `loss = data_loss + penalty` is a number, also where `self.loss` elsewhere is an object.
        sums = {d.place for d in flow.run.definitions if d.kind == "bind" and _is_sum(d.node)}
        self._sums = {place for place in sums if place[0] != FIELD}
        self._moments = {d.place for d in flow.updates if d.own and d.place != GRAD} - flow.parameters
        found: dict[Place, set[Role]] = {}
        for definition in flow.run.definitions:
            found.setdefault(definition.place, set()).add(self._role(definition))
        for place, start in flow.run.start.items():
            found.setdefault(place, set()).add(self._role(start))
        for place, roles in found.items():
            self.by_place[place] = next(role for role in _PRIORITY if role in roles)
        for place, wholes in walker.looks.items():
            if self.by_place.get(place) == "other" and "gradient" in map(self.by_place.get, wholes):
                self.by_place[place] = "gradient"  # `dW = grads[:12].reshape(3, 4)`, which the step uses with the rest
        self._recomputed()

    def of(self, scope: Scope, node: ast.AST) -> Role | None:
        """The role of a name, attribute path or element."""
        if isinstance(node, ast.Subscript):
            if (keyed := self.walker.keyed_attribute(scope, node)) is not None:
                names = attribute_names(self.walker.script, keyed[1], self.walker.fields)
                found = {self.by_place.get((FIELD, name)) for name in names}
                return found.pop() if len(found) == 1 else None
            role = self.of(scope, node.value)
            if role == "parameter" and isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, str):
                return self.by_key.get(node.slice.value, role)
            return role
        if isinstance(node, ast.Attribute):
            if node.attr == "grad":
                return "gradient"
            if node.attr in _SAME_VALUES and not (node.attr == "data" and self.walker.keeps_data):
                return self.of(scope, node.value)
        place = self.walker.place_of(scope, node)
        if place is None and isinstance(node, ast.Attribute) and node.attr in self._record_fields:
            return self.of(scope, node.value)
        return self.by_place.get(place) if place is not None else None

    def of_name(self, scope: Scope, name: str) -> Role | None:
        """The role of a name."""
        place = self.walker.name_place(scope, name)
        return self.by_place.get(place) if place is not None else None

    # ------------------------------------------------------------------------------------------------- one definition

    def _role(self, definition: Definition) -> Role:
        if definition not in self._memo:
            self._memo[definition] = "other"  # while its own sources are looked at
            self._memo[definition] = self._decide(definition)
        return self._memo[definition]

    def _decide(self, definition: Definition) -> Role:
        """By the first of these that knows."""
        rules = (
            self._known,
            self._at_start,
            self._by_loop,
            self._as_size,
            self._handed,
            self._as_loss,
            self._ahead,
            self._on_the_way_back,
        )
        found = (role for rule in rules if (role := rule(definition)) is not None)
        return next(found, "activation" if self._is_beside(definition) else "other")

    def _known(self, definition: Definition) -> Role | None:
        """Of what has one whatever the pass does with it: a gradient of autograd's, an object, a parameter."""
        place, flow = definition.place, self.flow
        if place == GRAD:
            return "gradient"
        if self._is_object(place) or (definition.kind in ("parameter", "start") and place[1] in ("self", "cls")):
            return "other"
        if place in flow.parameters:
            return "parameter"
        return "other" if definition in flow.updates else None

    def _at_start(self, definition: Definition) -> Role | None:
        """Of what was there before the pass."""
        if definition.kind != "start":
            return "other" if definition.place in self._saved else None
        place, flow = definition.place, self.flow
        if (self.walker.kept.get(place, set()) | self.walker.looks.get(place, set())) & flow.parameters:
            return "parameter"
        if place in self._states:
            return "activation"
        return "other" if place in flow.carried or place in self._counters else "data"

    def _by_loop(self, definition: Definition) -> Role | None:
        """Of what the head of a loop counts or goes through the keys of: `for k in grads: w[k] -= lr * grads[k]`."""
        if definition.place[1] in self._keys(definition):
            return "data" if definition in self.flow.forward else "other"
        return None

    def _as_size(self, definition: Definition) -> Role | None:
        """Of what a value's shape says: `B, T, C = x.shape` are no activations, whatever x is."""
        return "data" if definition.kind == "bind" and _is_size(definition.node) else None

    def _handed(self, definition: Definition) -> Role | None:
        """Of another name for what there is already: a function's parameter, what a loop goes through, `v = w`."""
        flow = self.flow
        if definition.kind not in ("parameter", "target") and not definition.alias:
            return None
        keys = keys_read(definition)
        if keys and keys <= self.by_key.keys():
            return self.by_key[min(keys)]  # `[neuron["output"] for neuron in layer]`
        if definition.roots & flow.parameters and not self._may_be_made(definition):
            return "parameter"
        if definition.roots and definition.roots <= self._moments:
            return "other"  # an optimizer's own state, under a loop's name
        if definition.kind == "target" and definition in flow.backward and self._holds_forward(definition):
            return "activation"  # what the forward pass kept, gone through backward
        if definition.kind == "parameter" and len(definition.deps) == 1:
            return self._role(next(iter(definition.deps)))
        return None

    def _as_loss(self, definition: Definition) -> Role | None:
        """Of the loss, or of gradients that feed it."""
        flow, place = self.flow, definition.place
        if definition in flow.loss_definitions:
            return "loss"
        fed_back = definition in flow.backward  # `hidden_error = delta @ w.T`
        if names_loss(place[1]) and not fed_back and flow.loss_definitions & closure((definition,)):
            return "loss"
        if self._returns_gradients(definition.node):
            return "gradient"  # be it that a penalty on them feeds the loss
        if definition.deps and all(d.place == place and self._returns_gradients(d.node) for d in definition.deps):
            return "gradient"  # `gradients = gradients.view(len(x), -1)`
        if definition in flow.measured and definition.deps and definition.deps <= flow.loss_definitions:
            return "loss"  # `errD = errD_real + errD_fake`
        return None

    def _ahead(self, definition: Definition) -> Role | None:
        """Of what the forward pass makes."""
        flow = self.flow
        if definition in flow.forward or definition in flow.measured:
            return "activation" if definition in flow.living else "data"
        return "activation" if definition.place in self._states and definition in flow.living else None

    def _on_the_way_back(self, definition: Definition) -> Role | None:
        """Of what the backward pass makes."""
        flow, name = self.flow, definition.place[1]
        if definition not in flow.backward:
            parts = names_gradient(name) and definition in flow.living and definition.deps & flow.backward
            return "gradient" if parts else None  # used one by one: `grads = [(dw1, db1), (dw2, db2)]`
        taken = definition.kind == "target" or (definition.alias and not names_gradient(name))
        if taken and definition.roots and all(map(self._has_data, definition.roots)):
            return "data"  # `for j, x in enumerate(inputs): w[j] -= rate * delta * x`, or `xt = x.T`
        chosen = names_gradient(name) and not flow.living.isdisjoint(
            definition.controls
        )  # a subgradient, by the margin
        if definition in flow.derived or not (definition in flow.living or chosen):
            return "other"
        called = names_gradient(name) or names_error(name)
        if not called and self._is_copied(definition):
            return "parameter"  # `old = row.copy()`, ahead of the steps of two rows that need each other's
        kept = definition.alias and not called and self._is_kept(definition)
        return "activation" if kept else "gradient"

    def _keys(self, definition: Definition) -> list[str]:
        """The name that the head of a loop binds to positions or keys, where it binds one and is what defines this."""
        loop = definition.node
        if definition.kind != "target" or not isinstance(loop, ast.For) or not isinstance(loop.target, ast.Name):
            return []
        scope = self.walker.script.scope_around(loop)
        return counters(loop, lambda written: self.walker.elements_of(scope, written))

    def _is_copied(self, definition: Definition) -> bool:
        """Whether this is a copy of parameters as they are."""
        match definition.node:
            case ast.Assign(value=ast.Call(func=ast.Attribute(attr=name) | ast.Name(id=name)) as made) if (
                name in COPYING
            ):
                roles = {self._role(d) for d in definition.deps}
                of_part = any(isinstance(part, ast.Subscript) for part in ast.walk(made))  # `pu = P[u].copy()`
                return "parameter" in roles and roles <= ({"parameter", "data"} if of_part else {"parameter"})
        return False

    def _has_data(self, place: Place) -> bool:
        """Whether a place has data, in the whole pass."""
        run = self.flow.run
        there = [d for d in (*run.start.values(), *run.definitions) if d.place == place]
        return bool(there) and all(self._role(d) == "data" for d in there)

    def _is_beside(self, definition: Definition) -> bool:
        """Whether this is what the forward pass made and nothing uses: attention weights that a model returns beside
        its output, one more name for the output."""
        if definition not in self.flow.living or definition.kind != "bind" or definition.place in self.flow.carried:
            return False
        match definition.node:
            case ast.Assign(targets=[ast.Tuple()], value=ast.Call()):
                made = closure(definition.deps)
            case _ if definition.alias:
                made = closure(definition.deps)
            case _:
                return False
        told = any(_tells_hits(d.node) for d in made - self.flow.forward)  # an accuracy, beside the loss
        return not told and not any(d.place == GRAD or d in self.flow.backward or d in self.flow.updates for d in made)

    def _holds_forward(self, definition: Definition) -> bool:
        """Whether all that a loop goes through was kept by the forward pass (`for h, z in reversed(tape)`)."""
        flow = self.flow
        if not definition.roots or definition not in flow.living:
            return False
        held = [d for d in flow.run.definitions if d.place in definition.roots and d.deps]
        return bool(held) and all(d in flow.forward for d in held)

    def _is_kept(self, definition: Definition) -> bool:
        """Whether this is a second name, in the backward pass, for what the forward pass kept (`x, w, b = cache`)."""
        flow = self.flow
        made = reached(_held_by(definition), _held_by) - flow.forward
        return not any(d in flow.updates or (d in flow.backward and not d.alias) for d in made)

    def _is_taken(self, place: Place) -> bool:
        """Whether all that a place has, in the whole pass, is taken out of what the forward pass kept."""
        made = [d for d in self.flow.run.definitions if d.place == place]
        taken = all(d.kind == "bind" and d.alias and self._is_kept(d) for d in made)
        return bool(made) and taken and self.flow.forward.isdisjoint(made)

    def _may_be_made(self, definition: Definition) -> bool:
        """Whether what looks like a second name for a parameter may be a value of the pass's own: a sum that begins
        with an element (`total = w[0]`, then `total += w[i] * x[i]`) or a copy (`z = b[:]`), which the forward pass
        goes on with, and what such a function returns."""
        beside = [d for d in self.flow.run.definitions if d.place == definition.place and d is not definition]
        sources = [*_sources(definition), *beside]
        made = (d for d in sources if d.kind == "bind" and not d.alias)
        made = (d for d in made if d not in self.flow.updates)  # `w = w - lr * dw` of a parameter taken from a dict
        if any(self._goes_on(d) for d in (definition, *sources)):
            return True
        return any(d in self.flow.living and d.place not in self.flow.parameters for d in made)

    def _goes_on(self, definition: Definition) -> bool:
        """Whether the forward pass adds to a value, in its place, and takes no step by that."""
        steps = {id(d.node) for d in self.flow.updates}
        changes = (d for d in self.flow.run.definitions if d is definition or d.place in definition.roots)
        return any(
            d in self.flow.forward and id(d.node) not in steps and _adds_to(d.node, definition.place[1])
            for d in changes
        )

    def _returns_gradients(self, node: ast.AST) -> bool:
        """Whether a statement binds what `torch.autograd.grad` returns, or one of its parts."""
        value = node.value if isinstance(node, (ast.Assign, ast.AnnAssign, ast.NamedExpr)) else None
        while isinstance(value, ast.Subscript):
            value = value.value
        return value is not None and self.walker.loss_rules.differentiated_by(value) is not None

    def _is_object(self, place: Place) -> bool:
        """Whether a place holds something that is called, or was made by a class: a model, an optimizer."""
        if place in self._stepped or (place in self._sums and place not in self.flow.run.called):
            return False  # a tensor of the script's own class: `w.data -= lr * w.grad.data`
        made = self.walker.constructions.get(place[1], [])
        if place in self.flow.run.called:
            return not (place in self.flow.parameters and self._is_record(call.func for _, call in made))
        return bool(made) and all(self._is_class(scope, call.func) for scope, call in made)

    def _is_record(self, makers: Iterable[ast.expr]) -> bool:
        """Whether what is called (`net(x)`) is no more than what its fields hold: made by a named tuple's class, or a
        dataclass, and by no other of the script's."""
        script = self.walker.script
        names = {maker.id for maker in makers if isinstance(maker, ast.Name)}
        own = [cls for cls in script.classes if cls.name in names]
        return bool(own) and all(is_record(script, cls) for cls in own)

    def _is_class(self, scope: Scope, callee: ast.expr) -> bool:
        """Whether what is called looks like a class: by its capital, where it is no function or model of the script."""
        name = callee.attr if isinstance(callee, ast.Attribute) else getattr(callee, "id", "")
        script = self.walker.script
        if isinstance(callee, ast.Name) and (own := [cls for cls in script.classes if cls.name == name]):
            return not all(is_record(script, cls) for cls in own)
        if not name[:1].isupper() or name in VALUES or name.endswith("Tensor"):
            return False
        if any(function.name == name for function in script.functions):
            return False
        bound = isinstance(callee, ast.Name) and script.owner(scope, name) is not None
        return not (bound and script.kind(scope, name) == "variable")

    def _recomputed(self) -> None:
        """A name that is an activation in one function is one where a gradient recomputes it, too; a parameter's is one
        where what the forward pass kept is taken apart (`x, w, b = cache`)."""
        stepped = {place[1] for place, role in self.by_place.items() if role == "parameter" and place[0] != FIELD}
        kept = {place for place, role in self.by_place.items() if role in ("activation", "gradient")}
        kept = {place for place in kept if place[0] != FIELD and place[1] in stepped and not names_gradient(place[1])}
        self.by_place.update({place: "parameter" for place in kept if self._is_taken(place)})
        forward = {place[1] for place, role in self.by_place.items() if role == "activation"}
        for place, role in list(self.by_place.items()):
            if role == "gradient" and place[0] != FIELD and place[1] in forward and not names_gradient(place[1]):
                self.by_place[place] = "activation"


def _is_size(node: ast.AST) -> bool:
    """Whether a statement binds sizes of a value: `n = x.shape[0]`, `b, t = x.size()`, `n = len(x)`."""
    value = node.value if isinstance(node, (ast.Assign, ast.AnnAssign)) else None
    if isinstance(value, ast.Subscript):
        value = value.value
    match value:
        case ast.Attribute(attr="shape") | ast.Call(func=ast.Attribute(attr="size") | ast.Name(id="len")):
            return True
    return False


def _tells_hits(node: ast.AST) -> bool:
    """Whether a statement says where two values are the same: `hits = (out.argmax(1) == y).float()`."""
    value = node.value if isinstance(node, (ast.Assign, ast.AnnAssign)) else None
    for part in ast.walk(value) if value is not None else ():
        match part:
            case ast.Compare(ops=[ast.Eq()]) | ast.Call(func=ast.Attribute(attr="eq")):
                return True
    return False


def _held_by(definition: Definition) -> frozenset[Definition] | set[Definition]:
    """What a second name was taken out of, without what picked it there (`cache = caches[L - 1]`)."""
    if not definition.alias or not definition.roots:
        return definition.deps
    return {d for d in definition.deps if d.place in definition.roots or d.roots & definition.roots}


def _loop_targets(walker: Walker) -> set[Place]:
    """What loops bind: the counters of the loops around the training loop are no data."""
    found: set[Place] = set()
    for node in walker.script.nodes:
        if isinstance(node, (ast.For, ast.AsyncFor)):
            scope = walker.script.scope_around(node)
            places = (walker.name_place(scope, name) for name in target_names(node.target))
            found.update(place for place in places if place is not None)
    return found


def _put_back(walker: Walker) -> set[Place]:
    """The names under which a numerical differentiation keeps one number of a parameter, to put it back: `old = w[i]`,
    then `w[i] = old + h`, and `w[i] = old`. Not those that are changed themselves before they are put back."""
    taken: dict[tuple[Place | None, str], int] = {}
    restored: set[tuple[Place | None, str]] = set()
    bound: dict[Place | None, int] = {}
    moved: set[str] = set()
    for node in walker.script.nodes:
        scope = walker.script.scope_around(node)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            place = walker.place_of(scope, node)
            bound[place] = bound.get(place, 0) + 1
        match node:
            case ast.Assign(targets=[ast.Name() as name], value=ast.Subscript() as element):
                key = (walker.place_of(scope, name), ast.unparse(element))
                taken[key] = taken.get(key, 0) + 1
            case ast.Assign(targets=[ast.Subscript() as element], value=ast.Name() as name):
                restored.add((walker.place_of(scope, name), ast.unparse(element)))
            case ast.Assign(targets=[ast.Subscript() as element]) | ast.AugAssign(target=ast.Subscript() as element):
                moved.add(ast.unparse(element))
    return {
        place
        for (place, element), times in taken.items()
        if place is not None and (place, element) in restored and element in moved and bound[place] == times
    }


def _adds_to(node: ast.AST, name: str) -> bool:
    """Whether a statement adds to what has this name, or to an element of it."""
    target: ast.expr | None = node.target if isinstance(node, ast.AugAssign) else None
    while isinstance(target, ast.Subscript):
        target = target.value
    return isinstance(target, ast.Name) and target.id == name


def _is_sum(node: ast.AST) -> bool:
    return isinstance(node, ast.Assign) and isinstance(node.value, ast.BinOp)


def _sources(definition: Definition) -> set[Definition]:
    """What a value came from, through all the second names it had on its way."""
    found: set[Definition] = set()
    waiting = list(definition.deps)
    while waiting:
        d = waiting.pop()
        if d not in found:
            found.add(d)
            waiting += d.deps if d.alias or d.kind == "parameter" else ()
    return found
