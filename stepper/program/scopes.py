"""Who binds which name: the scopes of a script, its functions and classes, and what a call in it may call.

Python's scoping rules, read off the syntax tree; methods are resolved by attribute name over the script's classes.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from stepper.program.beside import Beside, imported_by, imported_from
from stepper.program.source import Source
from stepper.program.syntax import (
    COMPREHENSIONS,
    FUNCTIONS,
    Function,
    assigned,
    constructor,
    parameters,
    path_root,
    target_names,
)

Binding = Literal["import", "def", "class", "variable", "parameter"]
NameKind = Literal["import", "definition", "builtin", "variable"]

TENSORS = frozenset({"torch", "lightning", "pytorch_lightning", "accelerate"})


@dataclass(eq=False)
class Scope:
    """A module, function or class: the names it binds, and how. `imported` has what imports bind, by full name; `stars`
    the modules all of whose names are imported."""

    node: ast.AST
    name: str
    parent: Scope | None
    bindings: dict[str, set[Binding]] = field(default_factory=dict)
    declared: dict[str, str] = field(default_factory=dict)
    imported: dict[str, str] = field(default_factory=dict)
    stars: list[str] = field(default_factory=list)

    @property
    def is_class(self) -> bool:
        return isinstance(self.node, ast.ClassDef)


class Script:
    """A script's scopes, functions and classes, and those of the modules that are read with it."""

    def __init__(self, source: Source, modules: Sequence[Beside] = ()) -> None:
        self.source = source
        self.module = Scope(source.tree, "", None)
        self.scopes: dict[int, Scope] = {id(source.tree): self.module}
        self.sources = [source, *(each.source for each in modules)]
        self.modules = {each.name: Scope(each.source.tree, "", None) for each in modules}
        self.scopes.update((id(scope.node), scope) for scope in self.modules.values())
        self.parents: dict[int, ast.AST] = {}
        self.functions: list[Function] = []
        self.classes: list[ast.ClassDef] = []
        self.methods: dict[str, list[Function]] = {}
        self.imports: dict[str, str] = {}
        self._made: dict[str, list[tuple[Scope, ast.expr]]] = {}
        self._instances: dict[str, list[ast.ClassDef]] = {}
        self._bases: dict[int, list[ast.ClassDef]] = {}
        self._definitions: dict[tuple[int, str], list[Function | ast.ClassDef]] = {}
        self._package = source.package
        self._collect(source.tree, self.module)
        for each in modules:
            self._package = each.source.package
            self._collect(each.source.tree, self.modules[each.name])
        for name in {name for scope in self.scopes.values() for name in scope.declared}:
            self._settle_declared(name)

    # ------------------------------------------------------------------------------------------------- building

    def _collect(self, node: ast.AST, scope: Scope) -> None:
        for child in ast.iter_child_nodes(node):
            self.parents[id(child)] = node
            if isinstance(child, (*FUNCTIONS, ast.ClassDef)):
                self._define(child, scope)
            elif isinstance(child, ast.Lambda):
                inner = Scope(child, f"{scope.name}.<lambda>".lstrip("."), scope)
                self.scopes[id(child)] = inner
                for name in parameters(child):
                    _bind(inner, name, "parameter")
                self._collect(child, inner)
            elif isinstance(child, COMPREHENSIONS):
                inner = Scope(child, scope.name, scope)
                self.scopes[id(child)] = inner
                for generator in child.generators:
                    for name in target_names(generator.target):
                        _bind(inner, name, "variable")
                self._collect(child, inner)
            else:
                self._note(child, scope)
                self._collect(child, scope)

    def _define(self, node: Function | ast.ClassDef, scope: Scope) -> None:
        _bind(scope, node.name, "class" if isinstance(node, ast.ClassDef) else "def")
        inner = Scope(node, f"{scope.name}.{node.name}".lstrip("."), scope)
        self.scopes[id(node)] = inner
        if isinstance(node, ast.ClassDef):
            self.classes.append(node)
        else:
            self.functions.append(node)
            if scope.is_class:
                self.methods.setdefault(node.name, []).append(node)
            for name in parameters(node):
                _bind(inner, name, "parameter")
        self._collect(node, inner)

    def _note(self, node: ast.AST, scope: Scope) -> None:
        match node:
            case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
                _bind(scope, name, "variable")
            case ast.NamedExpr(target=ast.Name(id=name)):
                holder = scope
                while isinstance(holder.node, COMPREHENSIONS) and holder.parent:
                    holder = holder.parent
                _bind(holder, name, "variable")
            case ast.Import(names=names):
                for alias in names:
                    bound = alias.asname or alias.name.split(".")[0]
                    _bind(scope, bound, "import")
                    self.imports[bound] = scope.imported[bound] = alias.name if alias.asname else bound
            case ast.ImportFrom(names=names, module=module, level=level):
                home = imported_from(self._package, level, module)
                scope.stars += [home or "" for alias in names if alias.name == "*"]
                for alias in names:
                    bound = alias.asname or alias.name
                    _bind(scope, bound, "import")
                    self.imports[bound] = f"{module or ''}.{alias.name}"
                    scope.imported[bound] = f"{home}.{alias.name}" if home else alias.name
            case ast.Global(names=names) | ast.Nonlocal(names=names):
                kind = "global" if isinstance(node, ast.Global) else "nonlocal"
                scope.declared.update(dict.fromkeys(names, kind))
            case ast.ExceptHandler(name=str(name)):
                _bind(scope, name, "variable")
            case ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)) | ast.MatchMapping(rest=str(name)):
                _bind(scope, name, "variable")
            case ast.Assign(targets=[_]):
                for target, value in assigned(node):
                    if isinstance(value, ast.Call):
                        if isinstance(target, ast.Name) and (module := imported_by(value, self._package)) is not None:
                            self.imports[target.id] = scope.imported[target.id] = module
                        self._note_instance(target, constructor(value).func, scope)
            case ast.AnnAssign(target=target, value=ast.Call() as call):
                self._note_instance(target, constructor(call).func, scope)

    def _note_instance(self, target: ast.expr, called: ast.expr, scope: Scope) -> None:
        name = target.id if isinstance(target, ast.Name) else target.attr if isinstance(target, ast.Attribute) else ""
        if name:
            self._made.setdefault(name, []).append((scope, called))

    def _settle_declared(self, name: str) -> None:
        for scope in self.scopes.values():
            if name in scope.declared and name in scope.bindings:
                kinds = scope.bindings.pop(name)
                owner = self.owner(scope, name) or root_of(scope)
                owner.bindings.setdefault(name, set()).update(kinds)

    # ------------------------------------------------------------------------------------------------- asking

    @cached_property
    def nodes(self) -> list[ast.AST]:
        """Every node of the script, and of the modules that are read with it."""
        return [node for scope in (self.module, *self.modules.values()) for node in ast.walk(scope.node)]

    def source_of(self, node: ast.AST) -> Source:
        """The file that a node stands in."""
        tree = next((each for each in self.ancestors(node) if isinstance(each, ast.Module)), None)
        return next((source for source in self.sources if source.tree is tree), self.source)

    @cached_property
    def uses_torch(self) -> bool:
        """Whether a library is imported whose tensors have `.data` and `.backward()`."""
        return any(path.split(".")[0] in TENSORS for path in self.imports.values())

    @property
    def star_import(self) -> bool:
        """Whether names come in that the text does not tell (`from torch import *`)."""
        return "*" in self.module.bindings

    def scope(self, node: ast.AST) -> Scope:
        """The scope that a function, class or module opens."""
        return self.scopes[id(node)]

    def scope_around(self, node: ast.AST) -> Scope:
        """The scope in which a node stands."""
        for ancestor in self.ancestors(node):
            if id(ancestor) in self.scopes:
                return self.scopes[id(ancestor)]
        return self.module

    def ancestors(self, node: ast.AST) -> Iterator[ast.AST]:
        """The nodes around a node, innermost first."""
        current = self.parents.get(id(node))
        while current is not None:
            yield current
            current = self.parents.get(id(current))

    def is_unpacked(self, node: ast.AST) -> bool:
        """Whether an expression's value is at once taken apart: `loss, grads = …`."""
        parent = self.parents.get(id(node))
        return isinstance(parent, ast.Assign) and any(isinstance(t, (ast.Tuple, ast.List)) for t in parent.targets)

    def owner(self, scope: Scope, name: str) -> Scope | None:
        """The scope whose binding a name used in `scope` means; None for a builtin or an unknown name."""
        current: Scope | None = scope
        if scope.declared.get(name) == "global":
            return root_of(scope)
        if scope.declared.get(name) == "nonlocal":
            current = scope.parent
        first = current is scope
        while current is not None:
            if name in current.bindings and (first or not current.is_class):
                return current
            if not first and current.declared.get(name) == "global":
                return root_of(current)
            first = False
            current = current.parent
        return None

    def kind(self, scope: Scope, name: str) -> NameKind:
        """What sort of thing a name is bound to, as far as the script's text says."""
        owner = self.owner(scope, name)
        if owner is None:
            star = next((s for s in self._starring(scope) if name in s.bindings), None)
            if star is not None and star.bindings[name] == {"import"} and not self.definitions(star, name):
                return "import"
            return "builtin" if hasattr(builtins, name) or name.startswith("__") else "variable"
        kinds = owner.bindings[name]
        if kinds == {"import"}:
            return "definition" if self.definitions(scope, name) else "import"
        return "definition" if kinds <= {"import", "def", "class"} else "variable"

    def is_import(self, scope: Scope, node: ast.AST) -> bool:
        """Whether an expression is a path into an imported module (`np`, `torch.nn`)."""
        root = path_root(node)
        return root is not None and self.kind(scope, root.id) == "import" and not self.reached(scope, node)

    def dotted(self, node: ast.AST) -> str:
        """The full dotted name of a path, its root resolved through the imports; empty for anything else."""
        parts: list[str] = []
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name):
            return ""
        return ".".join([self.imports.get(node.id, node.id), *reversed(parts)])

    def definitions(self, scope: Scope, name: str) -> list[Function | ast.ClassDef]:
        """The functions and classes of the script that a name used in `scope` may be bound to."""
        owner = self.owner(scope, name)
        if owner is None:
            return self._starred(scope, name)
        key = (id(owner), name)
        if key not in self._definitions:
            named = [node for node in (*self.functions, *self.classes) if node.name == name]
            self._definitions[key] = [
                node for node in named if self.scope(node).parent is owner or name in owner.declared
            ]
            if name in owner.imported and not self._definitions[key]:
                self._definitions[key] = self._defined_as(owner.imported[name])
        return self._definitions[key]

    def reached(self, scope: Scope, node: ast.AST) -> list[Function | ast.ClassDef]:
        """What a path through a module that is read with the script leads to: `layers.Dense`."""
        if not isinstance(node, ast.Attribute) or not self.modules:
            return []
        root = path_root(node)
        owner = self.owner(scope, root.id) if root is not None else None
        if root is None or owner is None or root.id not in owner.imported:
            return []
        return self._defined_as(owner.imported[root.id] + ast.unparse(node)[len(root.id) :])

    def _defined_as(self, full: str) -> list[Function | ast.ClassDef]:
        """The functions and classes with this full name in the modules that are read with the script."""
        found = self._in_module(full)
        return [] if found is None else self.definitions(*found)

    def _in_module(self, full: str) -> tuple[Scope, str] | None:
        """The module, and the name in it, that a full name means: `layers.Dense`."""
        home, _, name = full.rpartition(".")
        scope = self.modules.get(home)
        return None if scope is None else (scope, name)

    def _starred(self, scope: Scope, name: str) -> list[Function | ast.ClassDef]:
        """What `from layers import *` brings in under a name that nothing binds."""
        star = next((s for s in self._starring(scope) if name in s.bindings), None)
        return self.definitions(star, name) if star is not None else []

    def _starring(self, scope: Scope) -> list[Scope]:
        """The modules read with the script whose names a module has by `import *`, the last one first."""
        found: list[Scope] = []
        waiting = [root_of(scope)]
        while waiting:
            stars = [self.modules[name] for name in reversed(waiting.pop(0).stars) if name in self.modules]
            waiting += [star for star in stars if star not in found]
            found += [star for star in stars if star not in found]
        return found

    def bases(self, node: ast.ClassDef) -> list[ast.ClassDef]:
        """A class and those of its base classes that the script defines."""
        if id(node) not in self._bases:
            found = [node]
            for cls in found:
                around = self.scope(cls).parent or self.module
                bases = [other for base in cls.bases for other in self._named(around, base)]
                found += [other for other in dict.fromkeys(bases) if other not in found]
            self._bases[id(node)] = found
        return self._bases[id(node)]

    def is_a(self, node: ast.ClassDef, *names: str) -> bool:
        """Whether a class descends from one whose last name is among `names` (`Module`, `Function`)."""
        for cls in self.bases(node):
            for base in cls.bases:
                text = self.dotted(base)
                if text.split(".")[-1] in names:
                    return True
        return False

    def class_of(self, function: Function) -> ast.ClassDef | None:
        """The class whose method a function is."""
        parent = self.scope(function).parent
        return parent.node if parent is not None and isinstance(parent.node, ast.ClassDef) else None

    def classes_of(self, scope: Scope, node: ast.AST) -> list[ast.ClassDef]:
        """The script's classes that an expression is an instance of, as far as simple assignments tell."""
        if isinstance(node, ast.Call):
            return self._classes(scope, node.func)
        name = node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
        if isinstance(node, ast.Name):
            function = next((s for s in _outward(scope) if isinstance(s.node, FUNCTIONS)), None)
            owner = self.class_of(function.node) if function else None  # type: ignore[arg-type]
            if owner is not None and function is not None:
                names = parameters(function.node)  # type: ignore[arg-type]
                if names[:1] == [name]:
                    return self.family(owner)
        if name not in self._instances:
            made = [cls for place, called in self._made.get(name, ()) for cls in self._named(place, called)]
            self._instances[name] = list(dict.fromkeys(made))
        return self._instances[name]

    def _classes(self, scope: Scope, node: ast.expr) -> list[ast.ClassDef]:
        """The script's classes that a name or path in `scope` means."""
        found = self.definitions(scope, node.id) if isinstance(node, ast.Name) else self.reached(scope, node)
        return [each for each in found if isinstance(each, ast.ClassDef)]

    def _named(self, scope: Scope, node: ast.expr) -> list[ast.ClassDef]:
        """The same; what is bound in ways that the text does not tell is known by its name alone."""
        found = self._classes(scope, node)
        if found or not isinstance(node, ast.Name) or self.kind(scope, node.id) == "import":
            return found
        return [cls for cls in self.classes if cls.name == node.id]

    def family(self, node: ast.ClassDef) -> list[ast.ClassDef]:
        """A class, its bases and the classes that derive from it."""
        family = self.bases(node)
        return [*family] + [cls for cls in self.classes if cls not in family and node in self.bases(cls)]

    def methods_of(self, classes: list[ast.ClassDef], name: str) -> list[Function]:
        """The methods of that name in these classes and their bases (the nearest definition only)."""
        found: list[Function] = []
        for cls in classes:
            for base in self.bases(cls):
                own = [n for n in base.body if isinstance(n, FUNCTIONS) and n.name == name]
                if own:
                    found += [method for method in own if method not in found]
                    break
        return found


def root_of(scope: Scope) -> Scope:
    """The module that a scope lies in."""
    while scope.parent is not None:
        scope = scope.parent
    return scope


def _bind(scope: Scope, name: str, kind: Binding) -> None:
    scope.bindings.setdefault(name, set()).add(kind)


def _outward(scope: Scope) -> Iterator[Scope]:
    current: Scope | None = scope
    while current is not None:
        yield current
        current = current.parent
