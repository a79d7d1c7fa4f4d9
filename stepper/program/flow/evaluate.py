"""Expressions in the data-flow walk: what a value depends on, and which object it may be."""

from __future__ import annotations

import ast
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import replace

from stepper.program.flow.attribute_names import attribute_names
from stepper.program.flow.definitions import Definitions
from stepper.program.flow.effects import FIELD, NOTHING, Definition, Loops, Place, Value, flat, union
from stepper.program.flow.losses import Losses
from stepper.program.nodes import is_list, is_reference
from stepper.program.scopes import Scope, Script
from stepper.program.syntax import COMPREHENSIONS
from stepper.program.vocabulary import names_loss, words

# What a value's shape, type or length tells is not a flow of values.
_SHAPES = words("""shape dtype device ndim size itemsize requires_grad names""")
WRAPPERS = words("""list tuple sorted reversed iter tqdm trange asarray from_numpy chain track progress prepare set""")


class Evaluator(Definitions, ABC):
    """Expressions. The walker over calls is a subclass."""

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
            case ast.Subscript() if (keyed := self.keyed_attribute(scope, node)) is not None:
                return self.attribute_by_name(scope, node, self.evaluate(scope, keyed[0]), keyed[1])
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
                if chosen.deps or chosen.functions:
                    return chosen
                return Value(asked.deps, asked=asked.deps)  # `1 if activation > 0 else 0`
            case ast.BinOp(left=left, op=ast.Add(), right=right) if is_list(left) or is_list(right):
                both = union([self.evaluate(scope, left), self.evaluate(scope, right)])
                return Value(both.deps, both.roots)
            case ast.BoolOp(values=operands):
                return union([self.evaluate(scope, operand) for operand in operands])
            case ast.NamedExpr(target=ast.Name(id=name), value=value):
                result = self.evaluate(scope, value)
                place = self.name_place(scope, name)
                if place is not None:
                    self.bind(place, node, result, (), name, alias=is_reference(value))
                return result
            case ast.Lambda():
                return Value(functions=frozenset((node,)))
            case ast.Starred(value=value) | ast.Await(value=value):
                return self.evaluate(scope, value)
            case ast.YieldFrom(value=value):
                self.yielded(self.iterate(scope, value, 0))
                return self.evaluate(scope, value)
            case ast.Yield(value=value):
                result = self.evaluate(scope, value) if value is not None else NOTHING
                self.yielded(result)
                return Value(result.deps)
            case _ if isinstance(node, COMPREHENSIONS):
                return self._comprehension(node)
        parts = [self.evaluate(scope, child) for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr)]
        return union(parts).fresh() if parts else NOTHING

    def keyed_attribute(self, scope: Scope, node: ast.Subscript) -> tuple[ast.expr, ast.expr] | None:
        """The object and the name of `vars(layer)[name]` and `layer.__dict__[name]`; None for any other subscript."""
        match node.value:
            case ast.Attribute(value=holder, attr="__dict__"):
                return holder, node.slice
            case ast.Call(func=ast.Name(id="vars"), args=[holder]) if self.script.kind(scope, "vars") == "builtin":
                return holder, node.slice
        return None

    def attribute_by_name(self, scope: Scope, node: ast.AST, holder: Value, name: ast.expr) -> Value:
        """`getattr(layer, name)`; of a name that nothing tells of, it is the object itself."""
        named, picked = self._named(scope, node, holder, name)
        value = union([self.look(place) for place in named]) if named else holder
        return Value(value.deps, frozenset((root, own | picked) for root, own in value.roots))

    def set_by_name(
        self, scope: Scope, node: ast.AST, holder: Value, name: ast.expr, value: Value, keep: bool = True
    ) -> None:
        """`setattr(layer, name, value)`."""
        named, picked = self._named(scope, node, holder, name)
        self.change([(place, picked) for place in named] or holder.roots, node, value.deps, picked, keep)

    def _named(self, scope: Scope, node: ast.AST, holder: Value, name: ast.expr) -> tuple[list[Place], Loops]:
        """The attributes that a name may mean, and the loops that pick them."""
        named = [(FIELD, each) for each in sorted(attribute_names(self.script, name, self.fields))]
        for _, attribute in named:
            self.mark_name(attribute, node)
        picked = self.selection(scope, name) | self._picking(scope, name)
        return named, picked.union(*(loops for _, loops in holder.roots))

    def _picking(self, scope: Scope, node: ast.expr) -> Loops:
        """The loops around that pick the names in an expression: `for name in self.names`."""
        places = [self.name_place(scope, part.id) for part in ast.walk(node) if isinstance(part, ast.Name)]
        made = [d for place in places if place is not None for d in self.read(place) if d.kind == "target"]
        return frozenset(id(d.node) for d in made if isinstance(d.node, (ast.For, ast.AsyncFor)))

    def yielded(self, value: Value) -> None:
        """A generator hands out a value."""

    def bind(
        self, place: Place, node: ast.AST, value: Value, own: Iterable[Definition], name: str, *, alias: bool = False
    ) -> Definition:
        """A place gets a new value."""
        if place not in self.generators:
            self.mark_name(name, node)
        definition = self.define(place, node, "bind", value.deps, own)
        definition.asked |= value.asked
        definition.alias = alias and bool(value.roots)
        definition.roots.update(root for root, _ in value.roots)
        self.state.values[place] = frozenset((definition,))
        if alias and value.roots:
            self.state.alias[place] = frozenset(root for root in value.roots if root[0] != place)
        if not alias or not self.state.alias.get(place):
            self.state.alias.pop(place, None)
        for table, part in (
            (self.state.functions, value.functions),
            (self.state.items, self._parts(definition, value)),
        ):
            if part:
                table[place] = part  # type: ignore[assignment]
            else:
                table.pop(place, None)
        self.state.index.pop(place, None)
        if names_loss(name):
            self.note_loss(node, frozenset((definition,)), definition)
        return definition

    def _parts(self, whole: Definition, value: Value) -> tuple[Value, ...] | None:
        """The parts of what a place holds. One that was worked out for it (`[x.T @ e, e.sum()]`) is the place's."""
        if value.items is None:
            return None
        return tuple(self._part(whole, number, part) for number, part in enumerate(value.items))

    def _part(self, whole: Definition, number: int, part: Value) -> Value:
        if not part.deps or part.roots or part.items:
            return part
        made = self.define(whole.place, whole.node, "bind", part.deps, part=number)
        return replace(part, deps=frozenset((made,)))

    def selection(self, scope: Scope, index: ast.AST) -> frozenset[int]:
        """The loops whose counters (or arithmetic on them) an index is made of. One that wraps (`t % 5`) comes back to
        the same element; a key of text that is filled in (`"W%d" % l`) does not."""
        match index:
            case ast.BinOp(op=ast.Mod(), left=left, right=right):
                return frozenset() if self.selection(scope, left) else self.selection(scope, right)
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
            case ast.Call(func=ast.Name(id="id"), args=[ast.Name(id=name)]):  # of an element that a loop's target is
                place = self.name_place(scope, name)
                roots = self.state.alias.get(place, frozenset()) if place is not None else frozenset()
                return frozenset(loop for _, loops in roots for loop in loops)
        return frozenset()

    def _name(self, scope: Scope, node: ast.Name, name: str) -> Value:
        place = self.name_place(scope, name)
        if place not in self.generators:
            self.mark_name(name, node)
        if place is None:
            return Value(functions=frozenset(self.script.definitions(scope, name)))
        return self.look(place)

    def look(self, place: Place) -> Value:
        """A place's value now."""
        deps = self.read(place)
        roots = self.state.alias.get(place)
        if not roots and place in self.held and deps == self.start_of(place):
            roots = frozenset((held, frozenset[int]()) for held in self.held[place] | {place})
        if not roots and place in self.looks and not any(map(_is_anew, deps)):
            roots = frozenset((whole, frozenset[int]()) for whole in self.looks[place] | {place})
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
    def call(self, scope: Scope, node: ast.Call) -> Value:
        """A call: its arguments, what it changes, and what the script's own function does."""

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
            case ast.Call(func=ast.Name(id=name), args=[argument, *_]) if name in WRAPPERS:
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
            case ast.Call() if self._generates(scope, node):
                return self._picked(self.evaluate(scope, node), loop)
            case ast.Call(args=arguments) if not self._own_callee(scope, node):
                result = self.evaluate(scope, node)
                extra = [self.evaluate(scope, a) for a in arguments if isinstance(a, (ast.Name, ast.Attribute))]
                return self._elements(Value(*flat([result, *extra])), loop)
        return self._elements(self.evaluate(scope, node), loop)

    def _generates(self, scope: Scope, node: ast.Call) -> bool:
        """Whether a call is one of the script's own generators: what it hands out is an element, be it a pair."""
        callees = self.callees(scope, node)
        return bool(callees) and all(
            any(isinstance(part, (ast.Yield, ast.YieldFrom)) for part in ast.walk(callee)) for callee in callees
        )

    def _picked(self, value: Value, loop: int) -> Value:
        items = None if value.items is None else tuple(self._picked(item, loop) for item in value.items)
        roots = frozenset((place, loops | {loop}) for place, loops in value.roots)
        return Value(value.deps, roots, items, value.functions)

    def _elements(self, value: Value, loop: int) -> Value:
        if value.items:
            one = union([self._picked(item, loop) for item in value.items])
            # an element of `grads = [w * 2, b * 4]` is made where the list is
            return Value(one.deps | value.deps, one.roots, one.items, one.functions)
        return self._picked(value, loop)

    def _own_callee(self, scope: Scope, node: ast.Call) -> bool:
        return bool(self.callees(scope, node))


def _is_anew(definition: Definition) -> bool:
    """Whether this gives a place another object, and does not change the one that is there."""
    return definition.kind not in ("start", "change") and not isinstance(definition.node, ast.AugAssign)
