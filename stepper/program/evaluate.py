"""Expressions in the data-flow walk: what a value depends on, which object it may be, and what computing it changes.

Calls of the script's own functions and methods are followed; of libraries only what their names tell is known.
"""

from __future__ import annotations

import ast
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence

from stepper.program.attribute_names import attribute_names
from stepper.program.definitions import Definitions
from stepper.program.effects import (
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
from stepper.program.losses import Losses
from stepper.program.nodes import is_list
from stepper.program.scopes import Scope, Script
from stepper.program.syntax import COMPREHENSIONS, assigned
from stepper.program.vocabulary import (
    COLLECTING_METHODS,
    DIFFERENTIATING,
    ZEROING_METHODS,
    mutates_argument,
    mutates_receiver,
    names_gradient,
    names_loss,
    registers_backward_hook,
    steps_parameters,
    words,
)

# What a value's shape, type or length tells is not a flow of values.
_SHAPES = words("""shape dtype device ndim size itemsize requires_grad names""")
_FRESH = words(
    """zeros_like ones_like empty_like full_like rand_like randn_like randint_like len range type isinstance shape
    ndim size dim numel id hasattr"""
)
_VIEWS = words(
    """parameters named_parameters values items keys view reshape ravel flatten squeeze unsqueeze transpose t
    permute detach numpy children modules named_children named_modules param_groups get setdefault cpu cuda
    requires_grad_ to expand T"""
)
_WRAPPERS = words("""list tuple sorted reversed iter tqdm trange asarray from_numpy chain track progress prepare set""")

_COPIERS = words("""list sorted dict set""")

COLLECTIONS = (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp)


class Evaluator(Definitions, ABC):
    """Expressions. The walker over statements is a subclass."""

    # How many statements one walk, and all walks of a script, follow into functions; how deep.
    LIMIT = 6_000
    TOTAL = 40_000
    DEPTH = 14

    def __init__(self, script: Script, losses: Losses) -> None:
        super().__init__(script, losses.instances)
        self.loss_rules = losses
        self.total = 0

    def evaluate(self, scope: Scope, node: ast.AST) -> Value:
        """What is known of an expression's value; notes all that computing it changes."""
        match node:
            case ast.Constant():
                return NOTHING
            case ast.Name(id=name):
                return self._name(scope, node, name)
            case ast.Attribute():
                return self._attribute(scope, node)
            case ast.Subscript(value=value, slice=index):
                base = self.evaluate(scope, value)
                where = self.evaluate(scope, index)
                if base.items is not None and isinstance(index, ast.Constant) and isinstance(index.value, int):
                    item = base.items[index.value : index.value + 1 or None]
                    if item:
                        return item[0]
                picked = self.selection(scope, index)
                roots = frozenset((place, loops | picked) for place, loops in base.roots)
                return Value(base.deps | where.deps, roots, None, base.functions)
            case ast.Call():
                return self.call(scope, node)
            case ast.Tuple(elts=elements) | ast.List(elts=elements):
                values = tuple(self.evaluate(scope, element) for element in elements)
                whole = union(values) if values else NOTHING
                starred = any(isinstance(element, ast.Starred) for element in elements)
                return Value(whole.deps, whole.roots, None if starred else values, whole.functions)
            case ast.Dict(keys=keys, values=values_):
                named = [self.evaluate(scope, part).fresh() for part in keys if part is not None]
                return Value(*flat([*named, *(self.evaluate(scope, part) for part in values_)]))
            case ast.IfExp(test=test, body=body, orelse=orelse):
                asked = self.evaluate(scope, test)
                chosen = union([self.evaluate(scope, body), self.evaluate(scope, orelse)])
                return chosen if chosen.deps or chosen.functions else asked.fresh()  # `1 if activation > 0 else 0`
            case ast.BinOp(left=left, op=ast.Add(), right=right) if is_list(left) or is_list(right):
                both = union([self.evaluate(scope, left), self.evaluate(scope, right)])
                return Value(both.deps, both.roots)
            case ast.BoolOp(values=operands):
                return union([self.evaluate(scope, operand) for operand in operands])
            case ast.NamedExpr(target=ast.Name(id=name), value=value):
                result = self.evaluate(scope, value)
                place = self.name_place(scope, name)
                if place is not None:
                    self.bind(place, node, result, (), name)
                return result
            case ast.Lambda():
                return Value(functions=frozenset((node,)))
            case ast.Starred(value=value) | ast.Await(value=value) | ast.YieldFrom(value=value):
                return self.evaluate(scope, value)
            case ast.Yield(value=value):
                result = self.evaluate(scope, value) if value is not None else NOTHING
                self.yielded(result)
                return Value(result.deps)
            case _ if isinstance(node, COMPREHENSIONS):
                return self._comprehension(node)
        parts = [self.evaluate(scope, child) for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr)]
        return union(parts).fresh() if parts else NOTHING

    def yielded(self, value: Value) -> None:
        """A generator hands out a value."""

    def bind(
        self, place: Place, node: ast.AST, value: Value, own: Iterable[Definition], name: str, *, alias: bool = False
    ) -> Definition:
        """A place gets a new value."""
        self.mark_name(name, node)
        definition = self.define(place, node, "bind", value.deps, own)
        definition.alias = alias and bool(value.roots)
        definition.roots.update(root for root, _ in value.roots)
        self.state.values[place] = frozenset((definition,))
        if alias and value.roots:
            self.state.alias[place] = frozenset(root for root in value.roots if root[0] != place)
        if not alias or not self.state.alias.get(place):
            self.state.alias.pop(place, None)
        for table, part in ((self.state.functions, value.functions), (self.state.items, value.items)):
            if part:
                table[place] = part  # type: ignore[assignment]
            else:
                table.pop(place, None)
        self.state.index.pop(place, None)
        if names_loss(name):
            self.note_loss(node, frozenset((definition,)), definition)
        return definition

    def selection(self, scope: Scope, index: ast.AST) -> frozenset[int]:
        """The loops whose counters (or arithmetic on them) an index is made of."""
        match index:
            case ast.Name(id=name):
                place = self.name_place(scope, name)
                return self.state.index.get(place, frozenset()) if place is not None else frozenset()
            case ast.BinOp(left=left, right=right):
                return self.selection(scope, left) | self.selection(scope, right)
            case ast.UnaryOp(operand=operand):
                return self.selection(scope, operand)
            case ast.Tuple(elts=elements):
                return frozenset(loop for element in elements for loop in self.selection(scope, element))
            case ast.JoinedStr(values=values):
                return frozenset(loop for value in values for loop in self.selection(scope, value))
            case ast.FormattedValue(value=value):
                return self.selection(scope, value)
            case ast.Call(func=ast.Name(id="str"), args=[argument]):
                return self.selection(scope, argument)
        return frozenset()

    def _name(self, scope: Scope, node: ast.Name, name: str) -> Value:
        self.mark_name(name, node)
        place = self.name_place(scope, name)
        if place is None:
            return Value(functions=frozenset(self.script.definitions(scope, name)))
        return self.look(place)

    def look(self, place: Place) -> Value:
        """A place's value now."""
        deps = self.read(place)
        roots = self.state.alias.get(place)
        if not roots and place in self.held and deps == self.start_of(place):
            roots = frozenset((held, frozenset[int]()) for held in self.held[place] | {place})
        if roots:
            deps = deps.union(*(self.read(root) for root, _ in roots))
        else:
            roots = frozenset(((place, frozenset()),))
        functions = self.state.functions.get(place, frozenset())
        return Value(deps, roots, self.state.items.get(place) or None, functions)

    def _attribute(self, scope: Scope, node: ast.Attribute) -> Value:
        if self.script.is_import(scope, node):
            return NOTHING
        reached = self.script.reached(scope, node)
        if reached:
            return Value(functions=frozenset(reached))  # `helpers.sigmoid`, that is handed on
        self.mark_name(node.attr, node)
        base = self.evaluate(scope, node.value)
        place = self.place_of(scope, node)
        if node.attr in _SHAPES:
            return NOTHING
        if (node.attr != "data" or self.keeps_data) and place is not None and place[0] == FIELD:
            value = self.look(place)
            loops = frozenset(loop for _, selected in base.roots for loop in selected)
            return Value(
                value.deps, frozenset((root, own | loops) for root, own in value.roots), value.items, value.functions
            )
        return Value(base.deps, base.roots)

    def _comprehension(self, node: ast.AST) -> Value:
        scope = self.script.scope(node)
        for generator in node.generators:  # type: ignore[attr-defined]
            self.bind_target(scope, generator.target, self.iterate(scope, generator.iter, 0), generator, None)
            for test in generator.ifs:
                self.evaluate(scope, test)
        if isinstance(node, ast.DictComp):  # its keys are none of the objects that it holds
            return Value(*flat([self.evaluate(scope, node.key).fresh(), self.evaluate(scope, node.value)]))
        return Value(*flat([self.evaluate(scope, node.elt)]))  # type: ignore[attr-defined]

    @abstractmethod
    def bind_target(self, scope: Scope, target: ast.AST, value: Value, node: ast.AST, loop: int | None) -> None:
        """Bind a loop's target."""

    # ------------------------------------------------------------------------------------------------- iteration

    def iterate(self, scope: Scope, node: ast.AST, loop: int) -> Value:
        """What a loop's target is bound to: elements of what the iterable is made of."""
        match node:
            case ast.Call(func=ast.Name(id="zip"), args=arguments):
                parts = tuple(self.iterate(scope, argument, loop) for argument in arguments)
                whole = union(parts) if parts else NOTHING
                return Value(whole.deps, whole.roots, parts)
            case ast.Call(func=ast.Name(id="enumerate"), args=[argument, *_]):
                element = self.iterate(scope, argument, loop)
                return Value(element.deps, element.roots, (NOTHING, element))
            case ast.Call(func=ast.Name(id=name), args=[argument, *_]) if name in _WRAPPERS:
                return self.iterate(scope, argument, loop)
            case ast.Call(func=ast.Name(id="range")):
                self.evaluate(scope, node)
                return NOTHING
            case ast.Call(func=ast.Attribute(value=value, attr="items"), args=[]):
                element = self._elements(self.evaluate(scope, value), loop)
                return Value(element.deps, element.roots, (NOTHING, element))
            case ast.Call(func=ast.Attribute(attr="named_parameters")):
                element = self._elements(self.evaluate(scope, node), loop)
                return Value(element.deps, element.roots, (NOTHING, element))
            case ast.Tuple(elts=elements) | ast.List(elts=elements) if elements:
                values = [self.evaluate(scope, element) for element in elements]
                return union([self._picked(value, loop) for value in values])
            case ast.Subscript(value=value, slice=ast.Slice()):
                return self.iterate(scope, value, loop)
            case ast.Call(args=arguments) if not self._own_callee(scope, node):
                result = self.evaluate(scope, node)
                extra = [self.evaluate(scope, a) for a in arguments if isinstance(a, (ast.Name, ast.Attribute))]
                return self._elements(Value(*flat([result, *extra])), loop)
        return self._elements(self.evaluate(scope, node), loop)

    def _picked(self, value: Value, loop: int) -> Value:
        items = None if value.items is None else tuple(self._picked(item, loop) for item in value.items)
        roots = frozenset((place, loops | {loop}) for place, loops in value.roots)
        return Value(value.deps, roots, items, value.functions)

    def _elements(self, value: Value, loop: int) -> Value:
        if value.items:
            return union([self._picked(item, loop) for item in value.items])
        return self._picked(value, loop)

    def _own_callee(self, scope: Scope, node: ast.Call) -> bool:
        return bool(self.callees(scope, node))

    # ------------------------------------------------------------------------------------------------- calls

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
                if self.script.owner(scope, name) is not None:
                    self.called |= {place, *(root for root, _ in receiver.roots)}
        else:
            receiver = self.evaluate(scope, node.func)
            self._note_container(scope, node.func)
        if names_gradient(name) or names_loss(name):
            self.mark_name(name, node)
        if name in DIFFERENTIATING and (receiver == NOTHING or self.script.is_import(scope, node.func)):
            self.mark("backward", node)
        callees = self.callees(scope, node)
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
            if isinstance(node.func, ast.Attribute) and self.instances.may_be_librarys(scope, node.func.value):
                result = union([result, self._library(scope, node, name, receiver, arguments, keywords)])
        else:
            result = self._library(scope, node, name, receiver, arguments, keywords)
        if result.items is None and self.loss_rules.is_loss_call(node) and not self.script.is_unpacked(node):
            self.note_loss(node, result.deps, None)
        return result

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
            return self._attribute_by_name(scope, node, name, arguments)
        deps = frozenset(d for value in (receiver, *everything) for d in value.deps)
        handed = [(function, NOTHING) for value in everything for function in value.functions]
        for given in (*node.args, *(keyword.value for keyword in node.keywords)):
            if isinstance(given, ast.Attribute):
                methods = self.script.methods_of(self.script.classes_of(scope, given.value), given.attr)
                handed += [(method, self.evaluate(scope, given.value)) for method in methods]
        for function, owner in () if registers_backward_hook(name) else handed:
            # A function handed to a library may be called by it: `optimizer.step(closure)`, `map(f, xs)`.
            called = self.enter(function, node, owner, [], [])
            deps |= called.deps if called is not None else frozenset()
        is_method = isinstance(node.func, ast.Attribute) and not self.script.is_import(scope, node.func.value)
        if is_method and isinstance(node.func, ast.Attribute):
            text = ast.unparse(node.func.value)
            if steps_parameters(name, text):
                self._step(scope, node, receiver, everything)
            elif name == "zero_grad":
                self.effects["zero", id(node)] = self.current or node
                self.change(((GRAD, frozenset()),), node, (), keep=False)
            elif mutates_receiver(name):
                place = self.place_of(scope, node.func.value)
                pairs = zip(node.args, arguments, strict=True)
                added = [self.gathered(scope, place, part, value) for part, value in pairs]
                changed = EMPTY.union(*added, *(value.deps for _, value in keywords))
                zero = name in ZEROING_METHODS or (name in ("fill_", "fill") and not changed)
                if zero and any(place == GRAD for place, _ in receiver.roots):
                    self.effects["zero", id(node)] = self.current or node
                made = self.made_here(scope, node.func.value) if name in COLLECTING_METHODS else None
                roots = receiver.roots if made is None else frozenset(((made, frozenset[int]()),))
                self.change(roots, node, changed, keep=not zero)
            if name in _VIEWS and not (name in self.fields and self.is_field(scope, node.func)):  # `self.flatten(x)`
                return Value(receiver.deps, receiver.roots)
        elif mutates_argument(name) and arguments:
            changed = frozenset(d for value in arguments[1:] for d in value.deps)
            self.change(arguments[0].roots, node, changed, keep=name != "copyto")
        for keyword, value in keywords:
            if keyword == "out":
                self.change(value.roots, node, frozenset(d for other in arguments for d in other.deps), keep=False)
        if name in _FRESH:
            return NOTHING
        if name in _WRAPPERS and arguments:
            return Value(deps, arguments[0].roots, None if name == "reversed" else arguments[0].items)
        return Value(deps)

    def gathered(self, scope: Scope, place: Place | None, node: ast.expr, value: Value) -> frozenset[Definition]:
        """What is added to a place, which is not made of itself where another object's attribute of the same name is
        added: `self.params += layer.params` gathers what the layers hold."""
        if isinstance(node, ast.Call) and not node.args and isinstance(node.func, ast.Attribute):
            node = node.func
        if not isinstance(node, ast.Attribute) or place is None or self.place_of(scope, node) != place:
            return value.deps
        return frozenset(d for d in value.deps if d.place != place)

    def _attribute_by_name(self, scope: Scope, node: ast.Call, name: str, arguments: Sequence[Value]) -> Value:
        """`getattr(layer, name)`, or `setattr`; of a name that nothing tells of, it is the object itself."""
        named = [(FIELD, each) for each in sorted(attribute_names(self.script, node.args[1], self.fields))]
        for _, attribute in named:
            self.mark_name(attribute, node)
        picked = self.selection(scope, node.args[1]) | self._picking(scope, node.args[1])
        picked = picked.union(*(loops for _, loops in arguments[0].roots))
        if name == "setattr":
            roots = [(place, picked) for place in named] or arguments[0].roots
            self.change(roots, node, arguments[-1].deps, picked)
            return NOTHING
        value = union([self.look(place) for place in named]) if named else arguments[0]
        return Value(value.deps, frozenset((root, own | picked) for root, own in value.roots))

    def _picking(self, scope: Scope, node: ast.expr) -> frozenset[int]:
        """The loops around that pick the names in an expression: `for name in self.names`."""
        places = [self.name_place(scope, part.id) for part in ast.walk(node) if isinstance(part, ast.Name)]
        made = [d for place in places if place is not None for d in self.read(place) if d.kind == "target"]
        return frozenset(id(d.node) for d in made if isinstance(d.node, (ast.For, ast.AsyncFor)))

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


def _makes_collection(definition: Definition) -> bool:
    """Whether a place is bound to a collection that is made there: written out, or by `list` of another."""
    value = _bound_to(definition)
    copied = isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id in _COPIERS
    return copied or isinstance(value, COLLECTIONS)


def _bound_to(definition: Definition) -> ast.expr | None:
    """The expression that an assignment binds a place to, also among several: `xs, hs = {}, {-1: h}`."""
    if not isinstance(definition.node, ast.Assign):
        return None
    for target, value in assigned(definition.node):
        if getattr(target, "id", getattr(target, "attr", None)) == definition.place[1]:
            return value
    return None
