"""Which functions a variable may hold: one that another function makes and returns, that its callers hand in, or that
lies in a list or dict.

`train_step = make_train_step(model, optimizer)`, `def run(loader, step)` called as `run(loader, train_step)`, and
`self.act = ACTIVATIONS[name]`. Knows text only, nothing of a walk.
"""

from __future__ import annotations

import ast

from stepper.program.scopes import Scope, Script
from stepper.program.syntax import FUNCTIONS, Function, parameters

DEPTH = 4


class HeldFunctions:
    """Looked up by name; every assignment and call in the script counts."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._assigned: dict[str, list[tuple[Scope, ast.expr]]] = {}
        self._attributes: dict[str, list[tuple[Scope, ast.expr]]] = {}
        self._calls: dict[str, list[ast.Call]] = {}
        self._known: dict[tuple[Scope, str, int], tuple[tuple[Scope, ast.expr], ...]] = {}
        for node in script.nodes:
            match node:
                case ast.Assign(targets=[ast.Name(id=name)], value=value):
                    self._assigned.setdefault(name, []).append((script.scope_around(node), value))
                case ast.Assign(targets=[ast.Attribute(attr=name)], value=value):
                    self._attributes.setdefault(name, []).append((script.scope_around(node), value))
                case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)):
                    self._calls.setdefault(name, []).append(node)

    def named(self, scope: Scope, name: str, depth: int = DEPTH) -> list[ast.AST]:
        """The functions that a variable used in `scope` may hold; empty where the text does not tell."""
        owner = self._script.owner(scope, name)
        if owner is None or depth == 0:
            return []
        found: list[ast.AST] = []
        for where, value in self._assigned.get(name, []):
            if self._script.owner(where, name) is owner:
                found += self.valued(where, value, depth)
        if isinstance(owner.node, FUNCTIONS) and name in parameters(owner.node):
            for call in self._calls_of(owner.node):
                argument = self._argument(owner.node, call, name)
                if argument is not None:
                    found += self.valued(self._script.scope_around(call), argument, depth)
        return list(dict.fromkeys(found))

    def stored(self, name: str) -> list[ast.AST]:
        """The functions that objects keep under an attribute: `self.step = step`, and `Engine(train_batch)`."""
        return list(
            dict.fromkeys(f for where, value in self._attributes.get(name, []) for f in self.valued(where, value))
        )

    def _calls_of(self, function: Function) -> list[ast.Call]:
        """The calls of a function by its name; of a constructor, those of its class."""
        calls = self._calls.get(function.name, [])
        made = self._script.class_of(function) if function.name == "__init__" else None
        return [*calls, *self._calls.get(made.name, [])] if made is not None else calls

    def is_librarys(self, scope: Scope, name: str) -> bool:
        """Whether all that a variable may hold is a library's: `loss_func = F.cross_entropy`, whoever hands it on."""
        found = list(self._sources(scope, name, DEPTH))
        return bool(found) and all(
            self._script.is_import(where, value.func if isinstance(value, ast.Call) else value)
            for where, value in found
        )

    def is_librarys_function(self, scope: Scope, name: str) -> bool:
        """Whether all that a variable may hold is a function or a class of a library's, and nothing that one made:
        `FT = torch.FloatTensor`, and `torch.cuda.FloatTensor` under an if."""
        found = list(self._sources(scope, name, DEPTH))
        return bool(found) and all(
            isinstance(value, (ast.Name, ast.Attribute)) and self._script.is_import(where, value)
            for where, value in found
        )

    def made(self, scope: Scope, name: str) -> list[tuple[Scope, ast.Call]]:
        """The calls that make what a variable holds, also under its callers' names for it: `train(optimizer)`, of a
        function that calls it `opt`."""
        return [(where, made) for where, made in self._sources(scope, name, DEPTH) if isinstance(made, ast.Call)]

    def handed(self, scope: Scope) -> list[tuple[tuple[int, str], Scope, ast.expr]]:
        """What callers hand to the function around `scope`: for each argument the parameter's place, and where what is
        given stands."""
        function = scope.node
        if not isinstance(function, FUNCTIONS):
            return []
        calls = self._calls_of(function)
        found = [(name, call, self._argument(function, call, name)) for call in calls for name in parameters(function)]
        return [
            ((id(function), name), self._script.scope_around(call), value)
            for name, call, value in found
            if value is not None
        ]

    def values(self, scope: Scope, name: str) -> list[tuple[Scope, ast.expr]]:
        """The expressions that give a variable its value, also through other names and through callers."""
        return list(self._sources(scope, name, DEPTH))

    def _sources(self, scope: Scope, name: str, depth: int) -> tuple[tuple[Scope, ast.expr], ...]:
        """The expressions that give a variable its value, each once, looked for through other names and through
        callers. All that is called alike counts as a caller, so that many ways lead to the same few."""
        owner = self._script.owner(scope, name)
        if owner is None or depth == 0:
            return ()
        key = (owner, name, depth)
        if key not in self._known:
            found: dict[ast.expr, Scope] = {}
            for where, value in self._given(owner, name):
                for part in _either(value):
                    inner = self._sources(where, part.id, depth - 1) if isinstance(part, ast.Name) else ()
                    found.update((each, place) for place, each in inner or ((where, part),))
            self._known[key] = tuple((place, each) for each, place in found.items())
        return self._known[key]

    def _given(self, owner: Scope, name: str) -> list[tuple[Scope, ast.expr]]:
        """What a name of this scope is assigned, and what callers hand over for it."""
        values = [(where, v) for where, v in self._assigned.get(name, []) if self._script.owner(where, name) is owner]
        if isinstance(owner.node, FUNCTIONS) and name in parameters(owner.node):
            given = [(call, self._argument(owner.node, call, name)) for call in self._calls_of(owner.node)]
            values += [(self._script.scope_around(call), value) for call, value in given if value is not None]
        return values

    def valued(self, scope: Scope, value: ast.expr, depth: int = DEPTH) -> list[ast.AST]:
        """The functions that an expression may stand for: one by its name, written there, or made by a call."""
        match value:
            case ast.Lambda():
                return [value]
            case ast.Name(id=name):
                defined = [d for d in self._script.definitions(scope, name) if isinstance(d, FUNCTIONS)]
                return [*defined] or self.named(scope, name, depth - 1)
            case ast.Attribute():
                return [d for d in self._script.reached(scope, value) if isinstance(d, FUNCTIONS)]
            case ast.Subscript(value=held) | ast.Call(func=ast.Attribute(value=held, attr="get")):
                return self._within(scope, held, depth - 1)
            case ast.IfExp(body=body, orelse=orelse):
                return [each for part in (body, orelse) for each in self.valued(scope, part, depth)]
            case ast.Call(func=ast.Name(id=name)):
                return [
                    made
                    for maker in self._script.definitions(scope, name)
                    if isinstance(maker, FUNCTIONS)
                    for made in self._made(maker)
                ]
        return []

    def _within(self, scope: Scope, held: ast.expr, depth: int) -> list[ast.AST]:
        """The functions that a list, tuple or dict holds, which is written out there or where it got its name."""
        if depth <= 0:
            return []
        match held:
            case ast.List(elts=elements) | ast.Tuple(elts=elements) | ast.Dict(values=elements):
                return [each for element in elements for each in self.valued(scope, element, depth)]
            case ast.Name(id=name):
                values = list(self._sources(scope, name, depth))
            case ast.Attribute(attr=name) if not self._script.is_import(scope, held):
                of_class = [each for each in self._assigned.get(name, []) if isinstance(each[0].node, ast.ClassDef)]
                values = [*self._attributes.get(name, []), *of_class]
            case _:
                return []
        return [each for where, value in values for each in self._within(where, value, depth - 1)]

    def _made(self, maker: Function) -> list[ast.AST]:
        """The functions defined in `maker` that it returns."""
        inner = self._script.scope(maker)
        found: list[ast.AST] = []
        for node in ast.walk(maker):
            if isinstance(node, ast.Return) and self._script.scope_around(node) is inner:
                match node.value:
                    case ast.Lambda() as function:
                        found.append(function)
                    case ast.Name(id=name):
                        defined = self._script.definitions(inner, name)
                        found += [d for d in defined if isinstance(d, FUNCTIONS)]
        return found

    def _argument(self, function: Function, call: ast.Call, name: str) -> ast.expr | None:
        for keyword in call.keywords:
            if keyword.arg == name:
                return keyword.value
        names = [a.arg for a in (*function.args.posonlyargs, *function.args.args)]
        made = function.name == "__init__"
        if self._script.class_of(function) is not None and (made or isinstance(call.func, ast.Attribute)):
            names = names[1:]
        if name in names and names.index(name) < len(call.args):
            argument = call.args[names.index(name)]
            return None if isinstance(argument, ast.Starred) else argument
        return None


def _either(value: ast.expr) -> list[ast.expr]:
    """What an expression may come to: `torch.cuda.FloatTensor if cuda else torch.FloatTensor`."""
    if isinstance(value, ast.IfExp):
        return [*_either(value.body), *_either(value.orelse)]
    return [value]
