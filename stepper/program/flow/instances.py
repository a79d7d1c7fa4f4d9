"""Of which of the script's classes an object is: one that a loop draws from a list, that callers hand in, that an
attribute keeps. Knows text only, nothing of a walk.

Names alone tell little where many classes share them (`layer = self.layers[t]` in one file, `layer = Embedding(w)` in
the next); what is made, stored and handed over in the same function or class tells more.
"""

from __future__ import annotations

import ast

from stepper.program.flow.known_arguments import defaults, unpacks
from stepper.program.scopes import Scope, Script
from stepper.program.syntax import FUNCTIONS, Function, assigned, constructor, parameters

DEPTH = 6
_DRAWING = frozenset(["reversed", "enumerate", "zip", "list", "tuple", "iter", "tqdm"])
_VIEWS = frozenset(["values", "items"])
Valued = tuple[Scope, ast.expr]


class Instances:
    """Looked up by expression; every assignment, loop and call in the script counts."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._values: dict[str, list[Valued]] = {}
        self._elements: dict[str, list[Valued]] = {}
        self._drawn: dict[str, list[Valued]] = {}
        self._calls: dict[str, list[ast.Call]] = {}
        self._targets: dict[int, ast.expr] = {}  # by value: what it is given to
        self._found: dict[tuple[int, str], list[ast.ClassDef]] = {}
        for node in script.nodes:
            self._note(node)

    def of(self, scope: Scope, node: ast.AST) -> list[ast.ClassDef]:
        """The classes that an expression used in `scope` may be an instance of; empty where the text does not tell."""
        if not isinstance(node, (ast.Name, ast.Attribute)):
            return self._script.classes_of(scope, node)
        key = (id(scope), ast.unparse(node))
        if key not in self._found:
            self._found[key] = self._own(scope, node, DEPTH) or self._script.classes_of(scope, node)
        return self._found[key]

    def may_be_librarys(self, scope: Scope, node: ast.AST, depth: int = DEPTH) -> bool:
        """Whether one of the values that a name or attribute is given is made by a library: where a function is called
        with `optim.Adam(…)`, and elsewhere with an object of the script's own."""
        match node:
            case ast.Call() if (whole := _copied(node)) is not None:
                return self.may_be_librarys(scope, whole, depth)
            case ast.Call():
                return self._script.is_import(scope, constructor(node).func)
            case ast.Name() | ast.Attribute() if depth:
                given = self._given(scope, node) if isinstance(node, ast.Name) else []
                values = [*self._beside(self._values, scope, node), *given]
                return any(self.may_be_librarys(where, value, depth - 1) for where, value in values)
        return False

    # ------------------------------------------------------------------------------------------------- tables

    def _note(self, node: ast.AST) -> None:
        match node:
            case ast.Assign(targets=[_]):
                for target, value in assigned(node):
                    self._note_value(target, value)
            case ast.AnnAssign(target=target, value=ast.expr() as value):
                self._note_value(target, value)
            case ast.AugAssign(target=target, op=ast.Add(), value=value):
                self._note_in(self._elements, target, ast.Starred(value))
            case ast.For(target=target, iter=iterable) | ast.comprehension(target=target, iter=iterable):
                self._note_drawn(target, iterable)
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)):
                self._calls.setdefault(name, []).append(node)
                match node:
                    case ast.Call(func=ast.Attribute(value=held, attr="append" | "add"), args=[element]):
                        self._note_in(self._elements, held, element)
                    case ast.Call(func=ast.Attribute(value=held, attr="extend"), args=[more]):
                        self._note_in(self._elements, held, ast.Starred(more))
                    case ast.Call(func=ast.Attribute(value=held, attr="insert"), args=[_, element]):
                        self._note_in(self._elements, held, element)

    def _note_value(self, target: ast.expr, value: ast.expr) -> None:
        if isinstance(target, ast.Subscript):
            self._note_in(self._elements, target.value, value)
        elif isinstance(value, ast.Subscript) and not isinstance(value.slice, ast.Slice):
            self._note_in(self._drawn, target, value.value)
        else:
            self._note_in(self._values, target, value)

    def _note_drawn(self, target: ast.expr, iterable: ast.expr) -> None:
        names = target.elts if isinstance(target, ast.Tuple) else [target]
        match iterable:
            case ast.Call(func=ast.Name(id="zip"), args=several) if len(several) == len(names):
                for each, part in zip(names, several, strict=True):
                    self._note_drawn(each, part)
            case _:
                self._note_in(self._drawn, names[-1], iterable)  # behind a number or a key

    def _note_in(self, table: dict[str, list[Valued]], target: ast.expr, value: ast.expr) -> None:
        name = _name(target)
        if name:
            table.setdefault(name, []).append((self._script.scope_around(target), value))
            self._targets[id(value)] = target

    # ------------------------------------------------------------------------------------------------- asking

    def _own(self, scope: Scope, node: ast.AST, depth: int) -> list[ast.ClassDef]:
        """What the function or class around tells of a name or attribute; nothing where part of it is unknown."""
        script = self._script
        if depth == 0:
            return []
        match node:
            case ast.Call() if (whole := _copied(node)) is not None:
                return self._own(scope, whole, depth)
            case ast.Call():
                made = constructor(node)
                return script.classes_of(scope, made)
            case ast.IfExp(body=body, orelse=orelse):
                return self._all([(scope, body), (scope, orelse)], depth)
            case ast.Name(id=name):
                around = _method(scope)
                if around is not None and parameters(around)[:1] == [name] and script.class_of(around) is not None:
                    return script.classes_of(scope, node)
            case ast.Attribute(attr=name):
                pass
            case _:
                return []
        values = self._beside(self._values, scope, node)
        drawn = self._beside(self._drawn, scope, node)
        given = self._given(scope, node) if isinstance(node, ast.Name) else []
        if not values and not drawn and not given:
            return []
        classes = self._all([*values, *given], depth - 1) if values or given else []
        held = [cls for where, iterable in drawn for cls in self._in(where, iterable, depth - 1)]
        if (values or given) and not classes:
            return []
        return list(dict.fromkeys([*classes, *held]))

    def _all(self, valued: list[Valued], depth: int) -> list[ast.ClassDef]:
        """The classes of all of these; nothing where that of one is unknown, but for None."""
        found: list[ast.ClassDef] = []
        for scope, value in valued:
            if isinstance(value, ast.Constant) and value.value is None:
                continue
            classes = self._own(scope, value, depth)
            if not classes:
                return []
            found += classes
        return list(dict.fromkeys(found))

    def _in(self, scope: Scope, node: ast.expr, depth: int) -> list[ast.ClassDef]:
        """The classes of what an iterable holds."""
        if depth <= 0:
            return []
        match node:
            case ast.List(elts=elements) | ast.Tuple(elts=elements):
                return self._all_in(scope, elements, depth)
            case ast.ListComp(elt=element):
                return self._own(self._script.scope(node), element, depth - 1)
            case ast.Dict(values=elements):
                return self._all_in(scope, elements, depth)
            case ast.BinOp(left=left, op=ast.Add() | ast.Mult(), right=right):
                return list(dict.fromkeys([*self._in(scope, left, depth), *self._in(scope, right, depth)]))
            case ast.Subscript(value=value):
                return self._in(scope, value, depth)
            case ast.Call(func=ast.Name(id=name), args=[value, *_]) if name in _DRAWING:
                return self._in(scope, value, depth)
            case ast.Call(func=ast.Attribute(value=value, attr=name), args=[]) if name in _VIEWS:
                return self._in(scope, value, depth)
            case ast.Call(args=[ast.List() as value]):  # `Sequential([Dense(), Relu()])`
                return self._in(scope, value, depth)
            case ast.Name() | ast.Attribute():
                holding = [
                    *self._beside(self._values, scope, node),
                    *(self._given(scope, node) if isinstance(node, ast.Name) else ()),
                ]
                found = [self._in(where, value, depth - 1) for where, value in holding if not _is_empty(value)]
                for where, value in self._beside(self._elements, scope, node):
                    if isinstance(value, ast.Starred):
                        found.append(self._in(where, value.value, depth - 1))
                    else:
                        found.append(self._own(where, value, depth - 1))
                return list(dict.fromkeys(cls for classes in found for cls in classes)) if all(found) else []
        return []

    def _all_in(self, scope: Scope, elements: list[ast.expr], depth: int) -> list[ast.ClassDef]:
        found: list[ast.ClassDef] = []
        for element in elements:
            if isinstance(element, ast.Starred):
                classes = self._in(scope, element.value, depth - 1)
            else:
                classes = self._own(scope, element, depth - 1)
            if not classes:
                return []
            found += classes
        return list(dict.fromkeys(found))

    def _beside(self, table: dict[str, list[Valued]], scope: Scope, node: ast.AST) -> list[Valued]:
        """What a table has for a name of the same scope, or for an attribute of the same object's class."""
        script = self._script
        entries = table.get(_name(node), [])
        if isinstance(node, ast.Name):
            owner = script.owner(scope, node.id)
            named = [e for e in entries if isinstance(self._targets[id(e[1])], ast.Name)]
            return [e for e in named if owner is not None and script.owner(e[0], node.id) is owner]
        stored = [e for e in entries if isinstance(self._targets[id(e[1])], ast.Attribute)]
        classes = self._holders(scope, node)
        return [e for e in stored if self._holder(e[0]) in classes] if classes else stored

    def _holders(self, scope: Scope, node: ast.AST) -> list[ast.ClassDef]:
        """The classes whose methods store the attribute, among those of the object that it is an attribute of."""
        if not isinstance(node, ast.Attribute) or not isinstance(node.value, ast.Name):
            return []
        storing = {
            id(self._holder(where))
            for table in (self._values, self._elements, self._drawn)
            for where, value in table.get(node.attr, ())
            if isinstance(self._targets[id(value)], ast.Attribute)
        }
        return [cls for cls in self._script.classes_of(scope, node.value) if id(cls) in storing]

    def _holder(self, scope: Scope) -> ast.ClassDef | None:
        method = _method(scope)
        return self._script.class_of(method) if method is not None else None

    def _given(self, scope: Scope, node: ast.Name) -> list[Valued]:
        """What callers give to a parameter, or leave it at."""
        script = self._script
        owner = script.owner(scope, node.id)
        function = owner.node if owner is not None else None
        if not isinstance(function, FUNCTIONS) or node.id not in parameters(function):
            return []
        cls = script.class_of(function)
        name = cls.name if cls is not None and function.name == "__init__" else function.name
        names = [a.arg for a in (*function.args.posonlyargs, *function.args.args)][cls is not None :]
        found: list[Valued] = []
        default = defaults(function).get(node.id)
        for call in self._calls.get(name, ()):
            argument = _argument(call, names, node.id)
            if argument is not None:
                found.append((script.scope_around(call), argument))
            elif default is not None and not unpacks(call):  # `def train(net, optimizer=SGD())`
                found.append((script.scope_around(function), default))
        return found


def _name(node: ast.AST) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def _argument(call: ast.Call, names: list[str], wanted: str) -> ast.expr | None:
    for keyword in call.keywords:
        if keyword.arg == wanted:
            return keyword.value
    if wanted in names and names.index(wanted) < len(call.args):
        argument = call.args[names.index(wanted)]
        return None if isinstance(argument, ast.Starred) else argument
    return None


def _copied(node: ast.Call) -> ast.expr | None:
    """What a call makes a copy of: `copy.copy(optimizer)`, `deepcopy(model)`; None where it makes none."""
    match node:
        case ast.Call(func=ast.Attribute(value=ast.Name(id="copy"), attr="copy" | "deepcopy"), args=[whole]):
            return whole
        case ast.Call(func=ast.Name(id="copy" | "deepcopy"), args=[whole]):
            return whole
    return None


def _is_empty(node: ast.expr) -> bool:
    """Whether a container begins with nothing in it: `[]`, `{}`, `OrderedDict()`, None until it is made."""
    match node:
        case ast.List(elts=[]) | ast.Tuple(elts=[]) | ast.Dict(keys=[]) | ast.Constant(value=None):
            return True
        case ast.Call(func=ast.Name(id="list" | "dict" | "OrderedDict"), args=[], keywords=[]):
            return True
        case ast.Call(func=ast.Attribute(attr="OrderedDict"), args=[], keywords=[]):
            return True
    return False


def _method(scope: Scope) -> Function | None:
    """The function around a scope."""
    current: Scope | None = scope
    while current is not None:
        if isinstance(current.node, FUNCTIONS):
            return current.node
        current = current.parent
    return None
