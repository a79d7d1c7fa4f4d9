"""What a name means and what a call may call, in the data-flow walk: the script's functions, methods and objects.

Where the text does not tell, every function that could be meant is taken.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator

from stepper.program.flow.collected import DEPTH, Collected
from stepper.program.flow.effects import FIELD, Place, State
from stepper.program.flow.generators import generators
from stepper.program.flow.handed import handed
from stepper.program.flow.held_functions import HeldFunctions
from stepper.program.flow.instances import Instances
from stepper.program.flow.looks import looks
from stepper.program.flow.records import keeps_data
from stepper.program.flow.uncalled import uncalled
from stepper.program.scopes import Scope, Script, root_of
from stepper.program.syntax import FUNCTIONS, Function, assigned, constructor, is_property, path_root, target_names
from stepper.program.vocabulary import registers_backward_hook, steps_parameters


class Callees:
    """Tables over a whole script; the walker over expressions is a subclass."""

    def __init__(self, script: Script, instances: Instances) -> None:
        self.script = script
        self.instances = instances
        self.state = State()
        self.fields = {
            node.attr
            for node in script.nodes
            if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and node.attr not in ("data", "T")
        }
        self.uncalled = uncalled(script)
        self.keeps_data = keeps_data(script)
        if self.keeps_data:
            self.fields.add("data")
        self.functions_in = HeldFunctions(script)
        self.lambdas: dict[tuple[int, str], ast.Lambda] = {}
        self.constructions: dict[str, list[tuple[Scope, ast.Call]]] = {}
        self.backward_hooks: list[ast.AST] = []
        self.guessed: set[int] = set()  # what is called, of which the text does not tell whether the script made it
        for node in script.nodes:
            match node:
                case ast.Call(func=ast.Attribute(attr=name)) if registers_backward_hook(name):
                    given = (*node.args, *(keyword.value for keyword in node.keywords))
                    self.backward_hooks += [f for each in given for f in self._handed_over(each)]
                case ast.Assign(targets=[ast.Name(id=name)], value=ast.Lambda() as function):
                    self.lambdas[id(script.scope_around(node).node), name] = function
                case ast.Assign(targets=[_]):
                    for pair in assigned(node):
                        match pair:
                            case ((ast.Name(id=name) | ast.Attribute(attr=name)), ast.Call() as call):
                                made = (script.scope_around(node), constructor(call))
                                self.constructions.setdefault(name, []).append(made)

        # What a list or the like holds that is made once and for all: a change of its elements is a change of those.
        self.held: dict[Place, set[Place]] = {}
        self._note_held()
        self.looks = looks(script, self.place_of)
        self.generators = generators(script, self.place_of)
        self.collected = Collected(script, self.place_of, self.places_in, self.held)
        # What objects keep of what they were made with.
        self.kept = handed(script, self.place_of)
        for place, others in self.kept.items():
            self.held.setdefault(place, set()).update(others)
        for place, others in self.held.items():  # and what the lists in it hold: `params = [W, b]`, then `SGD(params)`
            for _ in range(DEPTH):
                others |= {each for held in others for each in self.held.get(held, ())} - {place}

    def made_parameters(self) -> frozenset[Place]:
        """The attributes to which the script only ever gives an `nn.Parameter` that gradients are taken of."""
        return frozenset(
            (FIELD, name)
            for name, made in self.constructions.items()
            if name in self.fields and all(self._is_parameter(call) for _, call in made)
        )

    def _is_parameter(self, call: ast.Call) -> bool:
        fixed = any(
            keyword.arg == "requires_grad" and isinstance(keyword.value, ast.Constant) and not keyword.value.value
            for keyword in call.keywords
        )
        return not fixed and self.script.dotted(call.func).rpartition(".")[2] == "Parameter"

    def _note_held(self) -> None:
        stores: Counter[tuple[Place, int]] = Counter()
        for node in self.script.nodes:
            if isinstance(node, (ast.Name, ast.Attribute)) and isinstance(node.ctx, ast.Store):
                place = self.place_of(self.script.scope_around(node), node)
                if place is not None:
                    stores[place, self._class_around(node)] += 1
        found: dict[Place, list[set[Place]]] = {}
        gathered: dict[Place, set[Place]] = {}
        for node in self.script.nodes:
            match node:
                case ast.Assign(targets=[target], value=value):
                    once = True
                case ast.Call(func=ast.Attribute(value=target, attr="append"), args=[value]):
                    once, value = False, ast.List(elts=[value])
                case ast.Call(func=ast.Attribute(value=target, attr="extend"), args=[value]):
                    once = False
                case _:
                    continue
            scope = self.script.scope_around(node)
            place = self.place_of(scope, target)
            if place is None:
                continue
            field = place[0] == FIELD
            if field and not once and getattr(scope.node, "name", "") == "__init__":
                gathered.setdefault(place, set()).update(self.places_in(scope, value))
            elif once and stores[place, self._class_around(node)] == 1 and self._is_held(value, empty=field):
                found.setdefault(place, []).append(self.places_in(scope, value))
        # Classes that call it the same (`self.params = [self.W, self.b]` of several layers) each make it once.
        times = Counter(place for place, _ in stores)
        for place, several in found.items():
            held = gathered.get(place, set()).union(*several) - {place}
            if len(several) == times[place] and (held or place[0] != FIELD):
                self.held[place] = held

    def _is_held(self, value: ast.expr, *, empty: bool) -> bool:
        return self._is_container(value) or (empty and _is_empty(value))

    def _class_around(self, node: ast.AST) -> int:
        """The class whose method a node stands in; 0 where there is none."""
        return next((id(each) for each in self.script.ancestors(node) if isinstance(each, ast.ClassDef)), 0)

    def constructed(self) -> set[Place]:
        """The attributes that a call's result is stored in."""
        return {(FIELD, name) for name in self.constructions if name in self.fields}

    def places_in(self, scope: Scope, node: ast.AST, depth: int = 3) -> set[Place]:
        """The places that an expression mentions, but for `self`, and for what the elements of a collection are only
        made from (`{"W1": np.random.randn(H, D)}`). With those in the collections that the script's own methods return
        (`layer1.parameters() + layer2.parameters()`)."""
        found: set[Place] = set()
        for part in _mentioned(node):
            place = self.place_of(scope, part)
            if place is not None and place[1] not in ("self", "cls"):
                found.add(place)
            for method, value in self._collected(part) if depth else ():
                found |= self.places_in(self.script.scope(method), value, depth - 1)
        return found

    def _collected(self, node: ast.AST) -> Iterator[tuple[Function, ast.expr]]:
        """The collections that a call of a method without arguments may return."""
        match node:
            case ast.Call(func=ast.Attribute(attr=name), args=[], keywords=[]):
                for method in self.script.methods.get(name, ()):
                    for part in ast.walk(method):
                        if isinstance(part, ast.Return) and part.value is not None and self._is_container(part.value):
                            yield method, part.value

    def _is_container(self, node: ast.expr) -> bool:
        """Whether an expression makes a collection of objects that live elsewhere."""
        match node:
            case ast.List(elts=elements) | ast.Tuple(elts=elements):
                return bool(elements)
            case ast.Dict(values=values):
                return bool(values)
            case ast.ListComp(elt=ast.Name(id=name), generators=generators):  # `[p for layer in layers for p in …]`
                return any(isinstance(each.target, ast.Name) and each.target.id == name for each in generators)
            case ast.ListComp(
                elt=ast.Attribute() as elt, generators=generators
            ):  # `[layer.params for layer in layers]`
                root = path_root(elt)
                return root is not None and any(root.id in target_names(each.target) for each in generators)
            case (
                ast.Call(func=ast.Name(id="list" | "tuple" | "dict")) | ast.Call(func=ast.Attribute(attr="parameters"))
            ):
                return True
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                return self._is_container(left) or self._is_container(right)
        return False

    def name_place(self, scope: Scope, name: str) -> Place | None:
        """The place that a name means; None for imports, definitions and builtins."""
        if self.script.kind(scope, name) != "variable":
            return None
        owner = self.script.owner(scope, name)
        return (id((owner or root_of(scope)).node), name)

    def place_of(self, scope: Scope, node: ast.AST) -> Place | None:
        """The place that a name or attribute path means, if it is one of its own."""
        if isinstance(node, ast.Name):
            return self.name_place(scope, node.id)
        if isinstance(node, ast.Attribute):
            if node.attr == "data" and not self.keeps_data:
                return self.place_of(scope, node.value)
            if (node.attr == "grad" or node.attr in self.fields) and not self.script.is_import(scope, node):
                return (FIELD, node.attr)
        return None

    def named_lambda(self, scope: Scope, node: ast.expr) -> list[ast.AST]:
        """The lambda that a name is bound to; none of anything else."""
        place = self.name_place(scope, node.id) if isinstance(node, ast.Name) else None
        found = self.lambdas.get(place) if place is not None else None
        return [] if found is None else [found]

    def callees(self, scope: Scope, node: ast.Call) -> list[ast.AST]:
        """The functions, classes and lambdas of the script that a call may call."""
        function = node.func
        if isinstance(function, ast.Name):
            defined: list[ast.AST] = list(self.script.definitions(scope, function.id))
            place = self.name_place(scope, function.id)
            if place is None:
                return defined
            known = self.state.functions.get(place)
            if known:
                return list(known)
            if named := self.named_lambda(scope, function):
                return named
            if defined or self.functions_in.is_librarys(scope, function.id):
                return defined
            return self.functions_in.named(scope, function.id) or self._called_objects(scope, function)
        if isinstance(function, ast.Subscript):  # `ACTIVATIONS[name](z)`
            return self.functions_in.valued(scope, function)
        if not isinstance(function, ast.Attribute):
            return []
        return list(self.script.reached(scope, function)) or self._methods(scope, function)

    def elements_of(self, scope: Scope, node: ast.expr, depth: int = 3) -> list[ast.expr]:
        """The elements that a collection is written out with: there, where it got its name, or in the functions that
        give it, all at once or one by one."""
        found: list[ast.expr] = []
        if depth == 0:
            return found
        match node:
            case ast.Tuple(elts=elements) | ast.List(elts=elements):
                found += elements
            case ast.ListComp(elt=element) | ast.GeneratorExp(elt=element):
                found.append(element)
            case ast.Name(id=name):
                for where, value in self.functions_in.values(scope, name):
                    found += self.elements_of(where, value, depth - 1)
            case ast.Call():
                functions = [each for each in self.callees(scope, node) if isinstance(each, FUNCTIONS)]
                for function in functions:
                    for part in ast.walk(function):
                        match part:
                            case ast.Yield(value=ast.expr() as value):
                                found.append(value)
                            case ast.YieldFrom(value=value) | ast.Return(value=ast.expr() as value):
                                found += self.elements_of(self.script.scope(function), value, depth - 1)
        return found

    def _handed_over(self, node: ast.expr) -> list[ast.AST]:
        """The functions that an argument may be: by a name, written there, made by a call, or a `self.method`."""
        scope = self.script.scope_around(node)
        if isinstance(node, ast.Attribute):
            return list(self.script.methods_of(self.script.classes_of(scope, node.value), node.attr))
        return self.functions_in.valued(scope, node)

    def _methods(self, scope: Scope, function: ast.Attribute) -> list[ast.AST]:
        name, receiver = function.attr, function.value
        if self.script.is_import(scope, receiver):
            return []
        if name == "apply":  # of an autograd.Function, or a module, where its class has none of its own
            return [*self.script.methods_of(self.instances.of(scope, receiver), name)]
        if isinstance(receiver, ast.Call) and isinstance(receiver.func, ast.Name) and receiver.func.id == "super":
            around = next((a for a in self.script.ancestors(receiver) if isinstance(a, ast.ClassDef)), None)
            return list(self.script.methods_of(self.script.bases(around)[1:], name)) if around else []
        if isinstance(receiver, ast.Name):
            named = [d for d in self.script.definitions(scope, receiver.id) if isinstance(d, ast.ClassDef)]
            if named:
                return [*self.script.methods_of(named, name)]
        classes = self.instances.of(scope, receiver)
        defined = self.script.methods_of(classes, name)
        found: list[ast.AST] = [method for method in defined if not is_property(method)]
        if found:
            return found
        methods = self.script.methods.get(name, [])
        if methods and not any(map(is_property, defined or methods)) and not self._from_library(scope, receiver):
            found += [m for m in methods if self._is_followed(m)][:6]
            within = [each for each in self.script.ancestors(function) if isinstance(each, FUNCTIONS)][:1]
            if found == within and steps_parameters(name, ast.unparse(receiver)):
                return []  # a callback's `step` that calls an optimizer's: `learn.opt.step()`
            return found
        if not self.is_field(scope, function):
            return []
        if name in self.fields or (classes and not any(self._inherits(cls) for cls in classes)):
            # An attribute that is called: an object held by this one (`self.linear1(x)`, `self.loss_fn(a, b)`). A name
            # that nothing is ever stored under is a method of a library's base class (`self.parameters()`).
            return self.functions_in.stored(name) or self._called_objects(scope, function)
        return []

    def is_field(self, scope: Scope, function: ast.Attribute) -> bool:
        """Whether what is called may be an attribute of an object of the script's: not that of a library's, no
        optimizer's `self.opt.step()`, though the script has a `self.step` as well, and no flag's (`args.cuda`)."""
        if function.attr in self.uncalled:
            return False
        stepping = steps_parameters(function.attr, ast.unparse(function.value))
        return not stepping and not self._from_library(scope, function.value)

    def _called_objects(self, scope: Scope, node: ast.AST) -> list[ast.AST]:
        """What calling an object runs: `forward` or `__call__` of its class, or of any class where that is unknown."""
        classes = self.instances.of(scope, node)
        name = node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
        if not classes and name in self.constructions:
            return []  # made by a library
        found: list[ast.AST] = []
        for method in ("__call__", "forward"):
            if classes:
                found += self.script.methods_of(classes, method)
            else:
                found += [m for m in self.script.methods.get(method, []) if self._is_followed(m)]
        if found and not classes:
            self.guessed.add(id(node))
        return found[:4]

    def _from_library(self, scope: Scope, node: ast.AST) -> bool:
        """Whether every construction of what this name or attribute holds is a library's: `optim.Adam(…)`."""
        name = node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
        made = self.constructions.get(name, [])
        if isinstance(node, ast.Name) and (owner := self.script.owner(scope, name)) is not None:
            made = [(where, call) for where, call in made if self.script.owner(where, name) is owner]
        return bool(made) and all(self._is_librarys(where, call) for where, call in made)

    def _is_librarys(self, scope: Scope, call: ast.Call, depth: int = 2) -> bool:
        """Whether a call makes an object of a library's, itself or by a function of the script's that does no more."""
        if self.script.is_import(scope, call.func):
            return True
        name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        makers = [f for f in self.script.functions if f.name == name]
        given = [(f, r.value) for f in makers for r in ast.walk(f) if isinstance(r, ast.Return)]
        return bool(given and depth) and all(
            isinstance(value, ast.Call) and self._is_librarys(self.script.scope(f), value, depth - 1)
            for f, value in given
        )

    def _inherits(self, cls: ast.ClassDef) -> bool:
        """Whether a class has bases that the script does not define, whose methods are unknown."""
        own = {base.name for base in self.script.bases(cls)} | {"object"}
        return any(ast.unparse(base) not in own for each in self.script.bases(cls) for base in each.bases)

    def _is_followed(self, method: Function) -> bool:
        """Not the methods of an autograd.Function: those are called by `apply` and by the backward pass."""
        cls = self.script.class_of(method)
        return cls is None or not self.script.is_a(cls, "Function")


def _mentioned(node: ast.AST, inside: bool = False) -> Iterator[ast.AST]:
    """An expression's parts, without what an element of a list, tuple or dict is only made from: the arguments of a
    call, and the operands of a sum or product."""
    if inside and isinstance(node, (ast.BinOp, ast.UnaryOp)):
        return
    yield node
    element = (inside or isinstance(node, (ast.List, ast.Tuple, ast.Dict))) and not isinstance(node, ast.Starred)
    parts = [node.func] if inside and isinstance(node, ast.Call) else ast.iter_child_nodes(node)
    for part in parts:
        yield from _mentioned(part, element)


def _is_empty(node: ast.expr) -> bool:
    """Whether an expression makes a list without elements: a layer's that has no parameters."""
    return isinstance(node, (ast.List, ast.Tuple)) and not node.elts
