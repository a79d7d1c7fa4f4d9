"""Assignments in the data-flow walk: which places get which values, and which objects are changed instead."""

from __future__ import annotations

import ast

from stepper.program.flow.calls import Caller
from stepper.program.flow.effects import EMPTY, GRAD, NOTHING, Place, Root, Value, union
from stepper.program.flow.views import is_changed_for_good, is_number
from stepper.program.nodes import is_nothing, is_reference, is_whole
from stepper.program.scopes import Scope
from stepper.program.vocabulary import names_loss


class Assigner(Caller):
    """Assignments. The walker over statements is a subclass."""

    def bind_target(self, scope: Scope, target: ast.AST, value: Value, node: ast.AST, loop: int | None) -> None:
        """Bind what a head binds (`for`, `with`, a comprehension)."""
        match target:
            case ast.Name(id=name):
                self._bind_captured(scope, name, value, node, target, loop)
            case ast.Tuple(elts=elements) | ast.List(elts=elements):
                parts = value.items if value.items is not None and len(value.items) == len(elements) else None
                for position, element in enumerate(elements):
                    self.bind_target(scope, element, parts[position] if parts else value, node, loop)
            case ast.Starred(value=inner):
                self.bind_target(scope, inner, value, node, loop)

    def _bind_captured(
        self, scope: Scope, name: str, value: Value, node: ast.AST, at: ast.AST, loop: int | None
    ) -> None:
        place = self.name_place(scope, name)
        if place is None:
            return
        self.mark_name(name, at)
        definition = self.define(place, node, "target", value.deps)
        definition.alias = loop is None and len(value.roots) == 1
        definition.roots.update(root for root, _ in value.roots)
        self.state.values[place] = frozenset((definition,))
        roots = frozenset(root for root in value.roots if root[0] != place)
        if roots:
            self.state.alias[place] = roots
        else:
            self.state.alias.pop(place, None)
        self.state.index.pop(place, None)
        if value.items is not None:
            self.state.items[place] = value.items
        else:
            self.state.items.pop(place, None)

    def bind_pattern(self, scope: Scope, pattern: ast.pattern, value: Value, node: ast.AST) -> None:
        """Bind what a pattern captures: all that is matched, or a part of it."""
        parts = [part for part in ast.iter_child_nodes(pattern) if isinstance(part, ast.pattern)]
        row = value.items if isinstance(pattern, ast.MatchSequence) else None
        items = row if row is not None and len(row) == len(parts) else [value] * len(parts)
        for part, item in zip(parts, items, strict=True):
            self.bind_pattern(scope, part, item, node)
        match pattern:
            case ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)) | ast.MatchMapping(rest=str(name)):
                self._bind_captured(scope, name, value, node, pattern, None)

    def assign(self, scope: Scope, node: ast.stmt, targets: list[ast.expr], value: ast.expr) -> None:
        """`a = b = value`, each of the targets alone."""
        for target in targets:
            if (
                isinstance(target, (ast.Tuple, ast.List))
                and isinstance(value, (ast.Tuple, ast.List))
                and len(target.elts) == len(value.elts)
                and not any(isinstance(part, ast.Starred) for part in (*target.elts, *value.elts))
            ):
                pairs = [
                    (part, *self._split(scope, item, part)) for part, item in zip(target.elts, value.elts, strict=True)
                ]
                for (part, own, result), item in zip(pairs, value.elts, strict=True):
                    self._store(scope, node, part, result, own, self._is_reference(scope, node, part, item))
            else:
                own, result = self._split(scope, value, target)
                self._store(scope, node, target, result, own, self._is_reference(scope, node, target, value))

    def _is_reference(self, scope: Scope, node: ast.stmt, target: ast.expr, value: ast.expr) -> bool:
        """Whether a value is one that exists already, and not `table[rows]`: what computed indices pick is new, but
        for a computed number."""
        if isinstance(value, ast.Subscript) and isinstance(value.slice, ast.Name):
            place = self.name_place(scope, value.slice.id)
            made = self.state.values.get(place, EMPTY) if place is not None else EMPTY
            if made and all(each.kind == "bind" and each.deps for each in made):
                numbers = (getattr(each.node, "value", each.node) for each in made)
                return all(is_number(number, lambda name: self._counts(scope, name)) for number in numbers) or (
                    isinstance(target, ast.Name) and is_changed_for_good(self.script, node, target.id)
                )
        return is_reference(value)

    def _counts(self, scope: Scope, name: str) -> bool:
        """Whether a name is a loop's counter."""
        place = self.name_place(scope, name)
        return place is not None and bool(self.state.index.get(place))

    def _split(self, scope: Scope, value: ast.expr, target: ast.expr) -> tuple[bool, Value]:
        """Whether the target's old value is a term of the new one (`w = w - e`, `m = b * m + e`), and the rest."""
        text = ast.unparse(target) if isinstance(target, (ast.Name, ast.Attribute, ast.Subscript)) else ""
        return self._terms(scope, value, text) if text else (False, self.evaluate(scope, value))

    def _terms(self, scope: Scope, value: ast.expr, text: str) -> tuple[bool, Value]:
        if isinstance(value, (ast.Name, ast.Attribute, ast.Subscript)) and ast.unparse(value) == text:
            self.evaluate(scope, value)
            return True, NOTHING
        if isinstance(value, ast.BinOp):
            if isinstance(value.op, (ast.Add, ast.Sub)):
                left, right = self._terms(scope, value.left, text), self._terms(scope, value.right, text)
                if left[0] and right[0]:  # `w - 0.2 * w`: once it is kept, and once it is what is taken away
                    right = (True, self.evaluate(scope, value.right))
                return left[0] or right[0], union([left[1], right[1]]).fresh()
            if isinstance(value.op, (ast.Mult, ast.Div)):
                for part, other in ((value.left, value.right), (value.right, value.left)):
                    if isinstance(part, (ast.Name, ast.Attribute, ast.Subscript)) and ast.unparse(part) == text:
                        self.evaluate(scope, part)
                        return not is_nothing(value.op, other), self.evaluate(scope, other).fresh()
        return False, self.evaluate(scope, value)

    def _store(
        self, scope: Scope, node: ast.stmt, target: ast.expr, value: Value, keeps: bool, reference: bool
    ) -> None:
        match target:
            case ast.Name(id=name):
                place = self.name_place(scope, name)
                if place is not None:
                    own = self.look(place).deps if keeps else EMPTY
                    self.bind(place, node, value, own, name, alias=reference)
                    alone = isinstance(node, ast.Assign) and target in node.targets
                    if alone and (picked := self.selection(scope, node.value)):  # type: ignore[attr-defined]
                        self.state.index[place] = picked  # `key = id(w)`
            case ast.Attribute(value=base, attr=attribute):
                roots = self.evaluate(scope, base).roots
                place = self.place_of(scope, target)
                selected = frozenset(loop for _, loops in roots for loop in loops)
                if attribute == "data" and not self.keeps_data:
                    self.change(roots, node, value.deps, keep=keeps)
                elif place is not None:
                    own = self.read(place) if keeps else EMPTY
                    others = self._others(place)
                    if place == GRAD and not value.deps and not self.is_making():
                        self.effects["zero", id(node)] = node
                    self.mark_name(attribute, target)
                    definition = self.bind(place, node, value, own, attribute, alias=reference)
                    definition.selected.update(selected)
                    definition.made = self.is_making()
                    if others is not None:
                        self.state.values[place] |= others.deps
                        self.state.alias[place] = self.state.alias.get(place, frozenset()) | others.roots
                        self.state.items.pop(place, None)
            case ast.Subscript() if (named := self.keyed_attribute(scope, target)) is not None:
                self.evaluate(scope, named[1])
                self.set_by_name(scope, node, self.evaluate(scope, named[0]), named[1], value, keeps)
            case ast.Subscript(value=base, slice=index):
                held = self.evaluate(scope, base)
                where = self.evaluate(scope, index)
                picked = self.selection(scope, index) | self._key_of(scope, held, index)
                keep = keeps or not (is_whole(index) and not value.deps)
                made = self.made_here(scope, base)  # `hs = {-1: h}`, and then `hs[t] = …`: h stays as it is
                roots = held.roots if made is None else frozenset(((made, frozenset[int]()),))
                self.change(roots, node, value.deps | where.deps, picked, keep)
            case ast.Tuple(elts=elements) | ast.List(elts=elements):
                parts = value.items if value.items is not None and len(value.items) == len(elements) else None
                for position, element in enumerate(elements):
                    part = parts[position] if parts else Value(value.deps, value.roots)
                    self._store(scope, node, element, part, False, reference)
            case ast.Starred(value=inner):
                self._store(scope, node, inner, value.fresh(), False, False)

    def _others(self, place: Place) -> Value | None:
        """What an attribute is of the objects that there are already, while another one is made."""
        return self.look(place) if self.is_making() and place != GRAD else None

    def _key_of(self, scope: Scope, held: Value, index: ast.expr) -> frozenset[int]:
        """`for key in params: params[key] -= …`: the loop over the very thing that is stored into."""
        if isinstance(index, ast.Tuple):
            return frozenset(loop for part in index.elts for loop in self._key_of(scope, held, part))
        if not isinstance(index, ast.Name):
            return frozenset()
        place = self.name_place(scope, index.id)
        bases = {root for root, _ in held.roots}
        roots = self.state.alias.get(place, frozenset()) if place is not None else frozenset()
        if place is not None and any(root in bases for root, _ in roots):
            self.keys.add(place)
        return frozenset(loop for root, loops in roots if root in bases for loop in loops)

    def augment(self, scope: Scope, node: ast.AugAssign) -> None:
        """`target += value`: what it refers to is changed, or it gets a new number. `target *= 0`: it begins anew."""
        added = self.evaluate(scope, node.value)
        keep = not is_nothing(node.op, node.value)
        match node.target:
            case ast.Name(id=name):
                place = self.name_place(scope, name)
                if place is None:
                    return
                old = self.look(place)
                roots = frozenset(root for root in old.roots if root[0] != place)
                if self._sums_up(place, roots, added):
                    self.state.alias.pop(place, None)
                    roots = frozenset()
                elif roots:
                    self.change(roots, node, added.deps, keep=keep)
                self.mark_name(name, node)
                definition = self.define(place, node, "bind", added.deps, old.deps if keep else EMPTY)
                definition.alias = bool(roots)
                definition.roots.update(root for root, _ in roots)
                self.state.values[place] = frozenset((definition,))
                if names_loss(name):
                    self.note_loss(node, frozenset((definition,)), definition)
            case ast.Attribute(value=base, attr=attribute) as target:
                roots = self.evaluate(scope, base).roots
                place = self.place_of(scope, target)
                if attribute == "data" and not self.keeps_data:
                    self.change(roots, node, added.deps, keep=keep)
                elif place is not None:
                    self.mark_name(attribute, target)
                    if place == GRAD and not keep and not self.is_making():
                        self.effects["zero", id(node)] = node
                    selected = frozenset(loop for _, loops in roots for loop in loops)
                    gathered = self.gathered(scope, place, node.value, added)
                    self.change(self.look(place).roots, node, gathered, selected, keep)
                    if names_loss(attribute):
                        made = [d for d in self.read(place) if d.node is node]
                        self.note_loss(node, frozenset(made), made[0] if made else None)
            case ast.Subscript() as target if self.keyed_attribute(scope, target) is not None:
                self.change(self.evaluate(scope, target).roots, node, added.deps, (), keep)
            case ast.Subscript(value=base, slice=index):
                held = self.evaluate(scope, base)
                self.evaluate(scope, index)
                picked = self.selection(scope, index) | self._key_of(scope, held, index)
                self.change(held.roots, node, added.deps, picked, keep or not is_whole(index))

    def _sums_up(self, place: Place, roots: frozenset[Root], added: Value) -> bool:
        """`total = weights[0]` and then `total += weights[i] * row[i]`: a sum that begins with an element, which stays
        as it is. (An update of a row is made of something else.)"""
        begun = [d.node.value for d in self.read(place) if isinstance(d.node, ast.Assign)]
        held = {d for root, _ in roots for d in self.read(root)}
        return any(isinstance(value, ast.Subscript) for value in begun) and bool(held & added.deps)

    def delete(self, scope: Scope, target: ast.expr, node: ast.stmt) -> None:
        """`del target`: a name has no value any more, an object loses a part."""
        match target:
            case ast.Name(id=name):
                place = self.name_place(scope, name)
                if place is not None:
                    self.state.values[place] = EMPTY
            case ast.Subscript(value=base, slice=index):
                self.change(self.evaluate(scope, base).roots, node, (), keep=not is_whole(index))
