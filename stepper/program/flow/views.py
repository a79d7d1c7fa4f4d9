"""Rows that are taken by an index which a script computes: a look at the table, or values of their own?

`row = table[i]` is a part of the table where `i` is a number, and a copy where it is an array. Where the text does not
tell which it is, what is done with the row does: to change it in place and never read it again does something to the
table only. Pure: reads syntax.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator

from stepper.program.scopes import Script
from stepper.program.spine import LOOPS
from stepper.program.syntax import FUNCTIONS, target_names
from stepper.program.vocabulary import mutates_argument, mutates_receiver

FAR = (1 << 30, 0)


def is_number(value: ast.AST, counts: Callable[[str], bool]) -> bool:
    """Whether an expression is plainly one whole number: `t % 6`, `int(ids[0])`, `rng.integers(n)`. `counts` says
    whether a name is a loop's counter."""
    match value:
        case ast.Constant(value=int()):
            return True
        case ast.Name(id=name):
            return counts(name)
        case ast.BinOp(left=left, right=right):
            return is_number(left, counts) and is_number(right, counts)
        case ast.Call(func=ast.Name(id="int" | "len")) | ast.Call(func=ast.Attribute(attr="randrange")):
            return True
        case ast.Call(func=ast.Attribute(attr="randint" | "integers"), args=given, keywords=named):
            # a third, or `size`, is how many of them
            return len(given) < 3 and not named and not any(isinstance(each, ast.Tuple) for each in given)
    return False


def is_changed_for_good(script: Script, node: ast.stmt, name: str) -> bool:
    """Whether what a statement binds to a name is changed in place behind it, in the same turn of a loop or call of a
    function, and not read after the last such change."""
    around = next((each for each in script.ancestors(node) if isinstance(each, (*LOOPS, *FUNCTIONS))), None)
    body = script.source_of(node).tree.body if around is None else around.body
    own = {id(part) for part in ast.walk(node)}
    parts = [part for each in body for part in ast.walk(each) if isinstance(part, (ast.expr, ast.stmt))]
    parts = [part for part in parts if id(part) not in own and _at(part) > _at(node)]
    anew = min((_at(part) for part in parts if _binds(part, name)), default=FAR)
    parts = [part for part in parts if _at(part) < anew]
    changes = [part for part in parts if _changes(part, name)]
    inside = {id(each) for part in changes for each in ast.walk(part)}
    read = (_at(part) for part in parts if _is_called(part, name) and id(part) not in inside)
    last = max(read, default=(0, 0))
    return any(_at(part) > last for part in changes)


def _at(node: ast.expr | ast.stmt) -> tuple[int, int]:
    return node.lineno, node.col_offset


def _is_called(node: ast.AST | None, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def _binds(node: ast.AST, name: str) -> bool:
    """Whether a statement gives a name another value."""
    match node:
        case ast.Assign(targets=targets):
            return any(name in target_names(target) for target in targets)
        case ast.For(target=target):
            return name in target_names(target)
    return False


def _changes(node: ast.AST, name: str) -> bool:
    """Whether what has this name is changed in place."""
    return any(_is_called(changed, name) for changed in _changed(node))


def _changed(node: ast.AST) -> Iterator[ast.expr]:
    """What a statement or a call changes in place."""
    match node:
        case ast.AugAssign(target=target):
            yield target.value if isinstance(target, ast.Subscript) else target
        case ast.Assign(targets=targets):
            yield from (target.value for target in targets if isinstance(target, ast.Subscript))
        case ast.Call(func=ast.Attribute(value=receiver, attr=method), args=given, keywords=named):
            if mutates_receiver(method):
                yield receiver
            if mutates_argument(method):
                yield from given[:1]
            yield from (each.value for each in named if each.arg == "out")
