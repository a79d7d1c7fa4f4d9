"""What a hand-written update adds to a parameter, taken apart: what only scales it (a learning rate, a count), and the
rest, which is the gradient. Pure: reads the text of a statement."""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

Look = Callable[[str], float | None]
"""The number of a name or path that only scales (a setting); None for anything else."""


class Added(NamedTuple):
    """A product that is added or taken away.

    `whole` is its text, `factors` are the texts of what is left without what scales it, joined by `sign` (` * `, or
    ` @ ` where the last is multiplied as a matrix), and `scale` is what it is scaled by: None where that has no number
    that is known. `quotient`: the rest divides by something, too.
    """

    whole: str
    factors: tuple[str, ...]
    scale: float | None
    sign: str = " * "
    quotient: bool = False

    @property
    def rest(self) -> str:
        """The text of the rest, as one expression."""
        return self.sign.join(self.factors)


def added(text: str, look: Look) -> Added | None:
    """What a statement adds: `w -= E`, `w += E`, `w = w - E`, `w = w + E`; None for any other statement."""
    names = _names_in(text)
    return _added(text, tuple(map(look, names))) if names is not None else None


@lru_cache(maxsize=1024)
def _added(text: str, numbers: tuple[float | None, ...]) -> Added | None:
    """The same, where these are the numbers of the names in it: as a rule those of the iteration before."""
    term = _term(text)
    return None if term is None else _Product(dict(zip(_names_in(text) or (), numbers, strict=True)).get).of(term)


@lru_cache(maxsize=1024)
def _names_in(text: str) -> tuple[str, ...] | None:
    """The names and paths in what a statement adds, that may be numbers; None where it adds nothing."""
    term = _term(text)
    if term is None:
        return None
    return tuple({_unparsed(node): None for node in ast.walk(term) if isinstance(node, ast.Name | ast.Attribute)})


def _term(text: str) -> ast.expr | None:
    """What a statement adds or takes away, as a whole."""
    match _parsed(text):
        case ast.AugAssign(op=ast.Sub() | ast.Add(), value=value):
            return value
        case ast.Assign(targets=[target], value=ast.BinOp(left=left, op=ast.Sub() | ast.Add() as op, right=right)):
            if _unparsed(target) == _unparsed(left):
                return right
            if isinstance(op, ast.Add) and _unparsed(target) == _unparsed(right):
                return left
    return None


def pair_of(text: str, target: str) -> str:
    """Of a statement `m, b = E, F`, the part that assigns to a target, as a statement; any other statement whole."""
    match _parsed(text):
        case ast.Assign(targets=[ast.Tuple(elts=targets)], value=ast.Tuple(elts=values)) if len(targets) == len(values):
            for to, value in zip(targets, values, strict=True):
                if _unparsed(to) == target:
                    return f"{target} = {_unparsed(value)}"
    return text


@lru_cache(maxsize=1024)
def texts_in(text: str) -> frozenset[str]:
    """The expressions inside a statement, as `plainly` spells them."""
    found = _parsed(text)
    return (
        frozenset(_unparsed(node) for node in ast.walk(found) if isinstance(node, ast.expr)) if found else frozenset()
    )


def target_of(text: str) -> str:
    """What a statement assigns to; empty where that is no one thing."""
    match _parsed(text):
        case ast.AugAssign(target=target) | ast.Assign(targets=[target]):
            return _unparsed(target)
    return ""


def part_of(text: str) -> int | slice | None:
    """Which part along its first axis a statement `w[1:] += E` adds to, where that is spelt out; None for any other."""
    match _parsed(text):
        case ast.AugAssign(target=ast.Subscript(slice=ast.Slice(lower=lower, upper=upper, step=None))):
            bounds = [None if bound is None else _whole(bound) for bound in (lower, upper)]
            known = all(
                bound is None or number is not None for bound, number in zip((lower, upper), bounds, strict=True)
            )
            return slice(*bounds) if known else None
        case ast.AugAssign(target=ast.Subscript(slice=index)):
            return _whole(index)
    return None


def _whole(node: ast.expr) -> int | None:
    match node:
        case ast.Constant(value=int() as number):
            return number
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() as number)):
            return -number
    return None


@lru_cache(maxsize=1024)
def _parsed(text: str) -> ast.stmt | None:
    try:
        (statement,) = ast.parse(textwrap.dedent(text)).body
    except (SyntaxError, ValueError):
        return None
    return statement


@lru_cache(maxsize=4096)
def _unparsed(node: ast.AST) -> str:
    """The text of a node. Nodes are those of `_parsed`, told apart as objects, and met again in every record."""
    return ast.unparse(node)


class _Product:
    """Takes one product apart."""

    def __init__(self, look: Look) -> None:
        self._look = look
        self._factors: list[str] = []
        self._scale: float | None = 1.0
        self._sign = " * "
        self._quotient = False

    def of(self, node: ast.expr) -> Added:
        self._take(node)
        return Added(_unparsed(node), tuple(self._factors), self._scale, self._sign, self._quotient)

    def _take(self, node: ast.expr) -> None:
        match node:
            case ast.UnaryOp(op=ast.USub() | ast.UAdd(), operand=operand):
                self._take(operand)
            case _ if self._is_scale(node):
                self._by(self._number(node), divided=False)
            case ast.BinOp(left=left, op=ast.Mult(), right=right):
                self._take(left)
                self._take(right)
            case ast.BinOp(left=left, op=ast.Div(), right=right):
                self._take(left)
                if self._is_scale(right):
                    self._by(self._number(right), divided=True)
                else:
                    self._quotient = True
            case ast.BinOp(left=left, op=ast.MatMult(), right=right):
                self._take(left)
                self._factors.append(_text(right))
                self._sign = " @ "
            case _:
                self._factors.append(_text(node))

    def _by(self, number: float | None, *, divided: bool) -> None:
        if number is None or self._scale is None or (divided and not number):
            self._scale = None
        else:
            self._scale = self._scale / number if divided else self._scale * number

    def _is_scale(self, node: ast.expr) -> bool:
        """Whether an expression is made of settings, constants and lengths alone."""
        match node:
            case ast.Constant(value=int() | float()):
                return True
            case ast.Name() | ast.Attribute():
                return _is_length(node) or self._look(_unparsed(node)) is not None
            case ast.Subscript(value=value):
                return _is_length(value)
            case ast.Call(func=ast.Name(id="len")):
                return True
            case ast.Call(func=ast.Name(id="float" | "int"), args=[argument]):
                return self._is_scale(argument)
            case ast.BinOp(left=left, right=right):
                return self._is_scale(left) and self._is_scale(right)
            case ast.UnaryOp(operand=operand):
                return self._is_scale(operand)
        return False

    def _number(self, node: ast.expr) -> float | None:
        match node:
            case ast.Constant(value=int() | float() as value):
                return float(value)
            case ast.Name() | ast.Attribute():
                return self._look(_unparsed(node))
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                number = self._number(operand)
                return None if number is None else -number
            case ast.BinOp(left=left, op=op, right=right):
                return _combined(self._number(left), op, self._number(right))
        return None


def _combined(a: float | None, op: ast.operator, b: float | None) -> float | None:
    if a is None or b is None:
        return None
    match op:
        case ast.Mult():
            return a * b
        case ast.Div() if b:
            return a / b
        case ast.Add():
            return a + b
        case ast.Sub():
            return a - b
    return None


def _is_length(node: ast.expr) -> bool:
    return isinstance(node, ast.Attribute) and node.attr in ("shape", "size")


def _text(node: ast.expr) -> str:
    text = _unparsed(node)
    return f"({text})" if isinstance(node, (ast.BinOp, ast.UnaryOp, ast.Compare, ast.IfExp)) else text


@lru_cache(maxsize=4096)
def plainly(text: str) -> str:
    """An expression's text without what only its author's spacing and brackets add."""
    try:
        return ast.unparse(ast.parse(text.strip(), mode="eval").body)
    except (SyntaxError, ValueError):
        return text
