"""Statements that change an element for a while only: `w[i] = old + h`, and then `w[i] = old`, around the losses of a
finite difference. They leave everything as it was, and train nothing. Pure: reads syntax.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction

from stepper.program.syntax import assigned, target_names

_COPYING = frozenset(("item", "copy", "clone", "detach", "float"))
Store = ast.Assign | ast.AugAssign


def put_back(nodes: Iterable[ast.AST]) -> set[int]:
    """The assignments among these nodes, and in their blocks, of which nothing is left behind the last of them."""
    found: set[int] = set()
    for node in nodes:
        if isinstance(node, (ast.With, ast.AsyncWith)):
            continue  # a part of the block around it
        for name in ("body", "orelse", "finalbody"):
            block = getattr(node, name, None)
            if isinstance(block, list) and len(block) > 1:
                found.update(map(id, _in_block(list(_flat(block)))))
    return found


def _flat(block: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements of a block, and those in its `with` statements."""
    for node in block:
        if isinstance(node, (ast.With, ast.AsyncWith)):
            yield from _flat(node.body)
        else:
            yield node


def _in_block(block: Sequence[ast.stmt]) -> Iterator[Store]:
    stores: dict[str, list[int]] = {}
    for place, node in enumerate(block):
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        if isinstance(node, (ast.Assign, ast.AugAssign)) and isinstance(target, ast.Subscript):
            stores.setdefault(ast.unparse(target), []).append(place)
    for text, places in stores.items():
        several = [each for place in places if isinstance(each := block[place], (ast.Assign, ast.AugAssign))]
        if len(several) > 1 and (
            _comes_to_nothing(several, block[places[0] : places[-1]]) or _is_restored(text, block, places)
        ):
            yield from several


def _is_restored(text: str, block: Sequence[ast.stmt], places: Sequence[int]) -> bool:
    """Whether the last of these stores is what an earlier statement read there."""
    last = block[places[-1]]
    if not isinstance(last, ast.Assign) or not isinstance(last.value, ast.Name):
        return False
    kept = last.value.id
    binds = [place for place, node in enumerate(block[: places[-1]]) if kept in _bound(node)]
    if len(binds) != 1 or binds[0] > places[0]:
        return False
    read = [value for target, value in _pairs(block[binds[0]]) if getattr(target, "id", None) == kept]
    names = {part.id for part in ast.walk(last.targets[0]) if isinstance(part, ast.Name)}
    same = all(names.isdisjoint(_bound(node)) for node in block[binds[0] : places[-1]])
    return same and any(ast.unparse(_uncopied(value)) == text for value in read)


def _comes_to_nothing(stores: Sequence[Store], block: Sequence[ast.stmt]) -> bool:
    """Whether what is added and what is taken away cancel out: `+= h`, `-= 2 * h`, `+= h`. In the block, from the first
    of them up to the last, neither the place nor h may become another."""
    whole: dict[str, Fraction] = {}
    for each in stores:
        if not isinstance(each, ast.AugAssign) or not isinstance(each.op, (ast.Add, ast.Sub)):
            return False
        factor, what = _multiple(each.value)
        whole[what] = whole.get(what, Fraction()) + (factor if isinstance(each.op, ast.Add) else -factor)
    bound = {name for node in block for name in _bound(node)}
    changed = bound | {name for node in block for name in _changed(node)}
    values = [part for each in stores for part in ast.walk(each.value)]
    steady = bound.isdisjoint(_read(stores)) and changed.isdisjoint(_read(each.value for each in stores))
    return steady and not any(isinstance(part, ast.Call) for part in values) and not any(whole.values())


def _read(nodes: Iterable[ast.AST]) -> set[str]:
    return {part.id for node in nodes for part in ast.walk(node) if isinstance(part, ast.Name)}


def _changed(node: ast.stmt) -> Iterator[str]:
    """The names of what a statement, or one in its blocks, stores elements or attributes in."""
    for part in ast.walk(node):
        if isinstance(part, (ast.Subscript, ast.Attribute)) and isinstance(part.ctx, ast.Store):
            holder = part.value
            while isinstance(holder, (ast.Subscript, ast.Attribute)):
                holder = holder.value
            yield from target_names(holder)


def _multiple(value: ast.expr) -> tuple[Fraction, str]:
    """A value as so many times something."""
    match value:
        case ast.Constant(value=int() | float() as number):
            return Fraction(number), "1"
        case ast.BinOp(left=ast.Constant(value=int() | float() as number), op=ast.Mult(), right=other):
            return Fraction(number), ast.unparse(other)
        case ast.BinOp(left=other, op=ast.Mult(), right=ast.Constant(value=int() | float() as number)):
            return Fraction(number), ast.unparse(other)
    return Fraction(1), ast.unparse(value)


def _uncopied(value: ast.expr) -> ast.expr:
    """What a number or a copy was made of: `w[i].item()`, `float(w[i])`."""
    match value:
        case ast.Call(func=ast.Attribute(value=inner, attr=name), args=[]) if name in _COPYING:
            return _uncopied(inner)
        case ast.Call(func=ast.Name(id=name), args=[inner]) if name in _COPYING:
            return _uncopied(inner)
    return value


def _pairs(node: ast.stmt) -> Iterable[tuple[ast.expr, ast.expr]]:
    return assigned(node) if isinstance(node, ast.Assign) else ()


def _bound(node: ast.stmt) -> set[str]:
    """The names that a statement binds, itself or in its blocks."""
    bound: set[str] = set()
    for part in ast.walk(node):
        targets = part.targets if isinstance(part, ast.Assign) else [getattr(part, "target", None)]
        bound.update(name for target in targets for name in target_names(target))
    return bound
