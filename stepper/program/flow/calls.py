"""Calls in the data-flow walk: what they change, and what their values depend on.

Those of the script's own functions and methods are followed; of libraries only what their names tell is known.
"""

from __future__ import annotations

import ast
from abc import abstractmethod
from collections.abc import Sequence
from functools import cached_property

from stepper.program.flow.effects import (
    EMPTY,
    FIELD,
    GRAD,
    NOTHING,
    Definition,
    Place,
    Value,
    closure,
    flat,
    returned,
    union,
)
from stepper.program.flow.environments import is_from_outside, outside, trains_by_autograd
from stepper.program.flow.evaluate import WRAPPERS, Evaluator
from stepper.program.flow.records import makes_record
from stepper.program.scopes import Scope
from stepper.program.syntax import assigned
from stepper.program.vocabulary import (
    COLLECTING_METHODS,
    DIFFERENTIATING,
    ZEROING_METHODS,
    clips_gradients,
    mutates_argument,
    mutates_receiver,
    names_gradient,
    names_loss,
    registers_backward_hook,
    steps_parameters,
    words,
)

_FRESH = words(
    """zeros_like ones_like empty_like full_like rand_like randn_like randint_like len range type isinstance shape
    ndim size dim numel id hasattr"""
)
_VIEWS = words(
    """parameters named_parameters values items keys view reshape ravel flatten squeeze unsqueeze transpose t
    permute detach numpy children modules named_children named_modules param_groups get setdefault cpu cuda
    requires_grad_ to expand T"""
)
# functions of NumPy and torch that do the same
_LOOKING = words("""atleast_1d atleast_2d atleast_3d reshape ravel transpose squeeze expand_dims swapaxes moveaxis""")
_LOOKUPS = words("""get setdefault""")
_TAKEN_OUT = words("""pop popleft popitem""")  # what is taken out stays as it is, and so does what is left
_COPIERS = words("""list sorted dict set""")
_COLLECTIONS = (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp)


class Caller(Evaluator):
    """Calls. The walker over assignments is a subclass."""

    def call(self, scope: Scope, node: ast.Call) -> Value:
        """A call: its arguments, what it changes, and what the script's own function does."""
        receiver = NOTHING
        name = ""
        if isinstance(node.func, ast.Attribute):
            name = node.func.attr
            receiver = self.evaluate(scope, node.func.value)
            self._note_container(scope, node.func.value)
            place = self.place_of(scope, node.func)
            own = name not in self.script.methods and self.is_field(scope, node.func)
            if place is not None and place != GRAD and own:
                held = self.look(place)  # an object that this one keeps is called: `self.model(x)`
                receiver = Value(receiver.deps | held.deps, receiver.roots)
                self.called.add(place)
        elif isinstance(node.func, ast.Name):
            name = node.func.id
            place = self.name_place(scope, name)
            if place is not None:
                receiver = self.look(place)
                made = [call for _, call in self.constructions.get(name, ())]
                kept = made and (all(map(makes_record, made)) or all(map(self._transforms, made)))
                others = self._generates(scope, node) or kept  # and no model
                others = others or self.functions_in.is_librarys_function(scope, name)
                if self.script.owner(scope, name) is not None and not others:
                    self.called |= {place, *(root for root, _ in receiver.roots)}
        else:
            receiver = self.evaluate(scope, node.func)
            self._note_container(scope, node.func)
        if names_gradient(name) or names_loss(name):
            self.mark_name(name, node)
        callees = self.callees(scope, node)
        # What the script itself calls so is seen into: it may be the whole training (`def gradient(x, y)`).
        if name in DIFFERENTIATING and not callees and (receiver == NOTHING or self.script.is_import(scope, node.func)):
            self.mark("backward", node)
        arguments = [self.evaluate(scope, argument) for argument in node.args]
        keywords = [(keyword.arg, self.evaluate(scope, keyword.value)) for keyword in node.keywords]
        loss = self.loss_rules.backward_of(node)
        if loss is not None:
            return self._backward(scope, node, loss)
        outputs = self.loss_rules.differentiated_by(node)
        if outputs is not None:
            return self._differentiated(scope, node, outputs, [*arguments, *(value for _, value in keywords)])
        result: Value
        if callees:
            self.entered.setdefault(id(node), set()).update(callees)
            results = [self.enter(callee, node, receiver, arguments, keywords) for callee in callees]
            followed = [value for value in results if value is not None]
            # Where none could be followed (recursion), the value depends on all that the call is given.
            result = returned(followed) if followed else Value(flat([*arguments, receiver])[0])
            called = node.func
            librarys = isinstance(called, ast.Attribute) and self.instances.may_be_librarys(scope, called.value)
            if librarys or id(called) in self.guessed:
                result = union([result, self._library(scope, node, name, receiver, arguments, keywords)])
        else:
            result = self._library(scope, node, name, receiver, arguments, keywords)
        if result.items is None and self.loss_rules.is_loss_call(node) and not self.script.is_unpacked(node):
            self.note_loss(node, result.deps, None)
        return self._from_outside(node, result)

    def _from_outside(self, node: ast.Call, value: Value) -> Value:
        return outside(node, value) if self._has_graph and is_from_outside(self.script, node) else value

    @cached_property
    def _has_graph(self) -> bool:
        return trains_by_autograd(self.script)

    def _transforms(self, made: ast.Call) -> bool:
        """Whether a call makes what prepares data: `transforms.Compose([…])`."""
        return self.script.dotted(made.func).startswith(("torchvision.transforms.", "torchaudio.transforms."))

    def _note_container(self, scope: Scope, node: ast.AST) -> None:
        """`self.blocks.first(x)`, `self.layers[0](x)`: a container of torch's layers, one of which is called."""
        place = self.place_of(scope, node.value if isinstance(node, ast.Subscript) else node)
        if place is not None and place[0] == FIELD:
            made = self.constructions.get(place[1], [])
            if made and all(self.script.dotted(call.func).startswith("torch.nn.") for _, call in made):
                self.read(place)
                self.called.add(place)

    def _backward(self, scope: Scope, node: ast.Call, loss: ast.expr) -> Value:
        self.mark("backward", node)
        self.effects["backward", id(node)] = self.current or node
        value = self.evaluate(scope, loss)
        self.note_loss(node, value.deps, None, backward=True)
        self.change(((GRAD, frozenset()),), node, value.deps)
        for function in self.backward_hooks:
            self.enter(function, node, NOTHING, [], [])
        return NOTHING

    def _differentiated(self, scope: Scope, node: ast.Call, outputs: ast.expr, given: Sequence[Value]) -> Value:
        """`torch.autograd.grad`: gradients that are returned, and stored nowhere."""
        self.note_loss(node, self.evaluate(scope, outputs).deps, None, differentiated=True)
        return Value(frozenset((self.define(GRAD, node, "change", {d for value in given for d in value.deps}),)))

    def _library(
        self,
        scope: Scope,
        node: ast.Call,
        name: str,
        receiver: Value,
        arguments: Sequence[Value],
        keywords: Sequence[tuple[str | None, Value]],
    ) -> Value:
        everything = [*arguments, *(value for _, value in keywords)]
        if name in ("getattr", "setattr") and isinstance(node.func, ast.Name) and len(arguments) > 1:
            if name == "getattr":
                return self.attribute_by_name(scope, node, arguments[0], node.args[1])
            self.set_by_name(scope, node, arguments[0], node.args[1], arguments[-1])
            return NOTHING
        deps = frozenset(d for value in (receiver, *everything) for d in value.deps)
        handed = [(function, NOTHING) for value in everything for function in value.functions]
        through = name == "map" and isinstance(node.func, ast.Name)
        gone_through = [_element(each) for each in arguments[1:]] if through else []
        if through:
            handed += [(function, NOTHING) for function in self.named_lambda(scope, node.args[0])]
        for given in (*node.args, *(keyword.value for keyword in node.keywords)):
            if isinstance(given, ast.Attribute):
                methods = self.script.methods_of(self.script.classes_of(scope, given.value), given.attr)
                handed += [(method, self.evaluate(scope, given.value)) for method in methods]
        for function, owner in () if registers_backward_hook(name) else handed:
            # A function handed to a library may be called by it: `optimizer.step(closure)`, `map(f, xs)`.
            called = self.enter(function, node, owner, gone_through, [])
            deps |= called.deps if called is not None else frozenset()
        is_method = isinstance(node.func, ast.Attribute) and not self.script.is_import(scope, node.func.value)
        if is_method and isinstance(node.func, ast.Attribute):
            text = ast.unparse(node.func.value)
            if steps_parameters(name, text):
                self._step(scope, node, receiver, everything)
            elif name == "zero_grad":
                self.effects["zero", id(node)] = self.current or node
                self.change(((GRAD, frozenset()),), node, (), keep=False)
            elif mutates_receiver(name) and name not in _TAKEN_OUT:
                place = self.place_of(scope, node.func.value)
                pairs = zip(node.args, arguments, strict=True)
                added = [self.gathered(scope, place, part, value) for part, value in pairs]
                changed = EMPTY.union(*added, *(value.deps for _, value in keywords))
                changed = self._from_outside(node, Value(changed)).deps
                zero = name in ZEROING_METHODS or (name in ("fill_", "fill") and not changed)
                if zero and any(place == GRAD for place, _ in receiver.roots):
                    self.effects["zero", id(node)] = self.current or node
                made = self.made_here(scope, node.func.value) if name in COLLECTING_METHODS else None
                roots = receiver.roots if made is None else frozenset(((made, frozenset[int]()),))
                self.change(roots, node, changed, self._looked_up(scope, node, name), keep=not zero)
            if name in _VIEWS | _TAKEN_OUT and not (
                name in self.fields and self.is_field(scope, node.func)
            ):  # `self.flatten(x)`
                picked = self._looked_up(scope, node, name)
                return Value(receiver.deps, frozenset((place, loops | picked) for place, loops in receiver.roots))
        elif clips_gradients(name) and arguments:
            self.change(((GRAD, frozenset()),), node, deps)  # and the parameters stay as they are
        elif mutates_argument(name) and arguments:
            changed = frozenset(d for value in arguments[1:] for d in value.deps)
            self.change(arguments[0].roots, node, changed, keep=name != "copyto" or bool(arguments[0].deps & changed))
        for keyword, value in keywords:
            if keyword == "out":
                read = frozenset(d for other in (receiver, *arguments) for d in other.deps)
                self.change(value.roots, node, read, keep=bool(value.deps & read))
        if name in _FRESH:
            return NOTHING
        if is_method and name.endswith("_") and mutates_receiver(name):  # it hands on what it changed
            return Value(deps, receiver.roots)
        if name in _LOOKING and arguments and not is_method:
            return Value(arguments[0].deps, arguments[0].roots)
        if name in WRAPPERS and arguments:
            return Value(deps, arguments[0].roots, None if name == "reversed" else arguments[0].items)
        return Value(deps)

    def _looked_up(self, scope: Scope, node: ast.Call, name: str) -> frozenset[int]:
        """The loops whose counters the key is made of, where a call looks one up: `state.setdefault(k, 0.0)`."""
        return self.selection(scope, node.args[0]) if name in _LOOKUPS and node.args else frozenset()

    def gathered(self, scope: Scope, place: Place | None, node: ast.expr, value: Value) -> frozenset[Definition]:
        """What is added to a place, which is not made of itself where another object's attribute of the same name is
        added: `self.params += layer.params` gathers what the layers hold."""
        if isinstance(node, ast.Call) and not node.args and isinstance(node.func, ast.Attribute):
            node = node.func
        if not isinstance(node, ast.Attribute) or place is None or self.place_of(scope, node) != place:
            return value.deps
        return frozenset(d for d in value.deps if d.place != place)

    def made_here(self, scope: Scope, node: ast.expr) -> Place | None:
        """The place of a collection that was written out in the text (`caches = []`, `activations = [x]`), or of a new
        list of what another holds (`rows = list(folds)`): what is done to it is not done to what it holds, nor to that
        other."""
        place = self.place_of(scope, node)
        if place is None:
            return None
        read = self.read(place)
        if not any(map(_makes_collection, self.bound.get(place, ()))):
            return None  # all that it may have been made of need not be gone through
        binds = [d for d in closure(read) if d.place == place and d.kind == "bind"]
        return place if binds and all(map(_makes_collection, binds)) else None

    def _step(self, scope: Scope, node: ast.Call, receiver: Value, arguments: Sequence[Value]) -> None:
        self.mark("step", node)
        self.effects["step", id(node)] = self.current or node
        roots = set(receiver.roots)
        for value in arguments:
            roots |= value.roots
        stepped = node.func.value if isinstance(node.func, ast.Attribute) else None
        names = self.functions_in.handed(scope)
        handed = self.functions_in.made(scope, stepped.id) if isinstance(stepped, ast.Name) else []
        for place, loops in list(roots):
            for where, made in self.constructions.get(place[1], handed):
                given = made.args[:1] + [k.value for k in made.keywords if k.arg == "params"]
                places = {held for part in given for held in self.places_in(where, part)}
                found = self.collected.of(places)
                roots |= {(held, loops) for held in found}
                # and under the names that a function has for what it is handed: `train(optimizer, params=params)`
                roots |= {(own, loops) for own, at, value in names if self.place_of(at, value) in found}
        given_deps = frozenset(d for value in arguments for d in value.deps)
        self.change(roots, node, self.read(GRAD) | given_deps)

    @abstractmethod
    def enter(
        self,
        callee: ast.AST,
        node: ast.AST,
        receiver: Value,
        arguments: Sequence[Value],
        keywords: Sequence[tuple[str | None, Value]],
    ) -> Value | None:
        """Follow a call into a function of the script; None where it is not followed (recursion, too deep)."""


def _element(value: Value) -> Value:
    """What a function is given that `map` goes through a list with."""
    return union(value.items) if value.items else value


def _makes_collection(definition: Definition) -> bool:
    """Whether a place is bound to a collection that is made there: written out, or by `list` of another."""
    value = _bound_to(definition)
    copied = isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id in _COPIERS
    return copied or isinstance(value, _COLLECTIONS)


def _bound_to(definition: Definition) -> ast.expr | None:
    """The expression that an assignment binds a place to, also among several: `xs, hs = {}, {-1: h}`."""
    if not isinstance(definition.node, ast.Assign):
        return None
    for target, value in assigned(definition.node):
        if getattr(target, "id", getattr(target, "attr", None)) == definition.place[1]:
            return value
    return None
