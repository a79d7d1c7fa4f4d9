"""What a hand-written update adds to a parameter, taken apart: the learning rate, and the rest, which is the gradient,
with numbers of its own (a count, the 2 of a square's slope). Pure: reads the text of a statement."""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import NamedTuple

from stepper.inferior.spelling.decays import undecayed
from stepper.inferior.spelling.texts import statement_of
from stepper.program.nodes import is_whole
from stepper.program.vocabulary import names_rate

CAST = 2.0**-8  # relative: what a number may change by that becomes a bfloat16
Look = Callable[[str], float | None]
"""The number of a name or path that only scales (a setting); None for anything else."""


class Added(NamedTuple):
    """A product that is added or taken away, and which of its factors make up the gradient.

    `whole` is its text, `factors` are the texts of what is left without what scales it, joined by `sign` (` * `, or
    ` @ ` where the last is multiplied as a matrix). What scales it is the learning rate's or the gradient's own:
    `rate` and `own` are the two numbers (None where one is not known), and `gradient` is the text without the rate,
    `2 / m * x.T @ e` of `lr * (2 / m) * x.T @ e`. `quotient`: the rest divides by something, too.
    """

    whole: str
    factors: tuple[str, ...]
    rate: float | None
    own: float | None
    gradient: str
    sign: str = " * "
    quotient: bool = False

    @property
    def rest(self) -> str:
        """The text of the rest, as one expression."""
        return self.sign.join(self.factors)


def added(text: str, look: Look, inputs: frozenset[str] = frozenset()) -> Added | None:
    """What a statement adds: `w -= E`, `w += E`, `w = w - E`, `w = w + E`; None for any other statement. `inputs` are
    the names of which the forward pass made something: a number that is multiplied by one of them has it as a factor,
    by the chain rule, and not as a learning rate."""
    names = _names_in(text)
    return None if names is None else _added(text, tuple(map(look, names)), inputs.intersection(names))


@lru_cache(maxsize=1024)
def _added(text: str, numbers: tuple[float | None, ...], inputs: frozenset[str]) -> Added | None:
    """The same, where these are the numbers of the names in it: as a rule those of the iteration before."""
    term = _term(text)
    if term is None:
        return None
    look = dict(zip(_names_in(text) or (), numbers, strict=True)).get
    if any(_unparsed(node) == target_of(text) for node in ast.walk(term)):
        inputs = frozenset()  # `w -= lr * decay * w`, where the loss is made of `decay`, too
    found = _Product(look, inputs).of(term)
    if len(found.factors) == 1:
        kept = undecayed(found.gradient, target_of(text))
        if kept is not None:  # inside the brackets of `lr * (g + decay * w)`, where the rate is taken off already
            return _Product(look, inputs, has_rate=False).of(kept)
    return found


@lru_cache(maxsize=1024)
def _names_in(text: str) -> tuple[str, ...] | None:
    """The names and paths in what a statement adds, that may be numbers; None where it adds nothing."""
    term = _term(text)
    if term is None:
        return None
    return tuple({_unparsed(node): None for node in ast.walk(term) if _may_scale(node)})


def _may_scale(node: ast.AST) -> bool:
    """Whether this is a name, a path, or a call with one argument, which may give the number that it was given."""
    return isinstance(node, ast.Name | ast.Attribute) or (isinstance(node, ast.Call) and len(node.args) == 1)


def _term(text: str) -> ast.expr | None:
    """What a statement adds or takes away, as a whole, but for a decay of what is changed."""
    match statement_of(text):
        case ast.AugAssign(target=target, op=ast.Sub() | ast.Add(), value=value):
            return undecayed(value, _unparsed(target)) or value
        case ast.Assign(
            targets=[target], value=ast.BinOp(left=left, op=ast.Sub() | ast.Add() as op, right=right) as sum_
        ):
            name = _unparsed(_whole(target))
            if name == _unparsed(left):
                return undecayed(right, name) or right
            if isinstance(op, ast.Add) and name == _unparsed(right):
                return undecayed(left, name) or left
            return undecayed(sum_, name, kept=True)
    return None


def _whole(target: ast.expr) -> ast.expr:
    """What an assignment changes all of: `w` of `w[:] = …` and `w[...] = …`."""
    return target.value if isinstance(target, ast.Subscript) and is_whole(target.slice) else target


@lru_cache(maxsize=1024)
def steps_in(text: str) -> tuple[str, ...]:
    """Where several products are added to what a statement changes (`w = w + lr * g + momentum * v`), each of them as a
    statement of its own; nothing for any other."""
    match statement_of(text):
        case ast.AugAssign(target=target, op=ast.Sub() | ast.Add() as op, value=value):
            addends = list(_signed(value, isinstance(op, ast.Sub)))
        case ast.Assign(targets=[target], value=value):
            addends = list(_signed(value, False))
            kept = [each for each in addends if ast.unparse(each[0]) == _unparsed(target)]
            if len(kept) != 1 or kept[0][1]:
                return ()
            addends.remove(kept[0])
        case _:
            return ()
    signs = {False: "+=", True: "-="}
    steps = tuple(f"{_unparsed(target)} {signs[taken]} {ast.unparse(addend)}" for addend, taken in addends)
    return steps if len(steps) > 1 else ()


def rated_steps(text: str, target: str) -> list[tuple[str, bool]]:
    """The same of one target, and whether each is taken away. Empty where there are no several."""
    return [(each, takes_away(each)) for each in steps_in(pair_of(text, target))]


def _signed(node: ast.expr, taken: bool) -> Iterator[tuple[ast.expr, bool]]:
    """The addends of a sum, and whether each is taken away."""
    match node:
        case ast.BinOp(left=left, op=ast.Add() | ast.Sub() as op, right=right):
            yield from _signed(left, taken)
            yield from _signed(right, taken != isinstance(op, ast.Sub))
        case _:
            yield node, taken


def pair_of(text: str, target: str) -> str:
    """Of a statement `m, b = E, F`, the part that assigns to a target, as a statement; any other statement whole."""
    match statement_of(text):
        case ast.Assign(targets=[ast.Tuple(elts=targets)], value=ast.Tuple(elts=values)) if len(targets) == len(values):
            for to, value in zip(targets, values, strict=True):
                if _unparsed(to) == target:
                    return f"{target} = {_unparsed(value)}"
    return text


@lru_cache(maxsize=1024)
def returned_to(text: str, target: str, returned: str) -> str:
    """Of `b, m = step(b, m)`, which returns `b - lr * db, m - lr * dm`, what becomes of a target, as a statement in the
    names of the function; empty where that is no sum."""
    match statement_of(text), statement_of(returned):
        case (
            ast.Assign(targets=[ast.Tuple(elts=targets)], value=ast.Call()),
            ast.Return(value=ast.Tuple(elts=parts) | ast.List(elts=parts)),
        ) if len(targets) == len(parts):
            for to, part in zip(targets, parts, strict=True):
                if _unparsed(to) == target and isinstance(part, ast.BinOp):
                    return f"{_unparsed(part.left)} = {_unparsed(part)}"
    return ""


@lru_cache(maxsize=1024)
def texts_in(text: str) -> frozenset[str]:
    """The expressions inside a statement, as `plainly` spells them."""
    found = statement_of(text)
    return (
        frozenset(_unparsed(node) for node in ast.walk(found) if isinstance(node, ast.expr)) if found else frozenset()
    )


def target_of(text: str) -> str:
    """What a statement assigns to; empty where that is no one thing."""
    match statement_of(text):
        case ast.AugAssign(target=target) | ast.Assign(targets=[target]):
            return _unparsed(target)
    return ""


@lru_cache(maxsize=1024)
def index_of(text: str) -> ast.expr | None:
    """The index of the element that a statement changes; None where it changes none."""
    match statement_of(text):
        case ast.AugAssign(target=ast.Subscript(slice=index)) | ast.Assign(targets=[ast.Subscript(slice=index)]):
            return index
    return None


@lru_cache(maxsize=1024)
def counts_flat(text: str) -> bool:
    """Whether the element that a statement changes is picked of all of an array's, one after the other: `w.flat[i]`."""
    match statement_of(text):
        case ast.AugAssign(target=ast.Subscript(value=value)) | ast.Assign(targets=[ast.Subscript(value=value)]):
            return isinstance(value, ast.Attribute) and value.attr == "flat"
    return False


@lru_cache(maxsize=1024)
def takes_away(text: str) -> bool:
    """Whether a statement takes something away from what it changes: `w -= e`, `w = w - e`."""
    match statement_of(text):
        case ast.AugAssign(op=ast.Sub()):
            return True
        case ast.Assign(targets=[target], value=ast.BinOp(left=left, op=ast.Sub())):
            return _unparsed(target) == _unparsed(left)
    return False


@lru_cache(maxsize=1024)
def as_step(text: str, update: str) -> str:
    """Of a statement that makes the step which an update only adds (`d = -lr * dw`, then `w += d`), what it multiplies,
    as if it was added there; empty where neither a learning rate, nor the sign of what is added, nor what it is called
    says that it is one."""
    match statement_of(text):
        case ast.Assign(targets=[ast.Name(id=name)], value=value):
            parts = [part for part in ast.walk(value) if isinstance(part, ast.expr)]
            named = (_unparsed(part).rpartition(".")[2] for part in parts if _is_path(part))
            turned = sum(isinstance(part, ast.UnaryOp) and isinstance(part.op, ast.USub) for part in parts) % 2 == 1
            shrunk = "delta" in name.lower() and any(_is_small(part) for part in parts)  # and no `g = 0.5 * dw`, a mean
            if any(map(names_rate, named)) or (turned and not takes_away(update)) or shrunk:
                return f"{name} += {_unparsed(value)}"
    return ""


def _is_small(node: ast.expr) -> bool:
    """Whether this is a number as learning rates are."""
    return isinstance(node, ast.Constant) and isinstance(node.value, float) and 0 < node.value < 1


@lru_cache(maxsize=1024)
def element_of(text: str) -> tuple[str, str] | None:
    """What an expression is an element of, and its place there, as `plainly` spells them; None where it is none."""
    try:
        node = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError):
        return None
    return (ast.unparse(node.value), ast.unparse(node.slice)) if isinstance(node, ast.Subscript) else None


@lru_cache(maxsize=1024)
def elements_in(text: str) -> frozenset[tuple[str, str]]:
    """What is read by subscripts in a statement, and where, as `plainly` spells them."""
    nodes = ast.walk(found) if (found := statement_of(text)) is not None else ()
    return frozenset(
        (_unparsed(node.value), _unparsed(node.slice)) for node in nodes if isinstance(node, ast.Subscript)
    )


@lru_cache(maxsize=1024)
def paths_in_comprehension(text: str) -> frozenset[str]:
    """The names and paths that a list comprehension reads, where a statement binds what it gives."""
    match statement_of(text):
        case ast.Assign(value=ast.ListComp() as comprehension):
            nodes = (node for node in ast.walk(comprehension) if isinstance(node, ast.Name | ast.Attribute))
            return frozenset(_unparsed(node) for node in nodes)
    return frozenset()


@lru_cache(maxsize=4096)
def _unparsed(node: ast.AST) -> str:
    """The text of a node. Nodes are those of `statement_of`, told apart as objects, and met again in every record."""
    return ast.unparse(node)


class _Product:
    """Takes one product apart."""

    def __init__(self, look: Look, inputs: frozenset[str], *, has_rate: bool = True) -> None:
        self._look = look
        self._inputs = inputs
        self._has_rate = has_rate
        self._factors: list[str] = []
        self._scales: list[tuple[ast.expr, bool]] = []  # and whether it is divided by
        self._sign = " * "
        self._quotient = False

    def of(self, node: ast.expr) -> Added:
        self._take(node)
        of_rate = self._of_rate()
        own = [each for each in self._scales if each[0] not in of_rate]
        rates = [each for each in self._scales if each[0] in of_rate]
        gradient = _without(of_rate, node)
        return Added(
            _unparsed(node),
            tuple(self._factors),
            self._combined(rates),
            self._combined(own),
            "1" if gradient is None else ast.unparse(gradient),
            self._sign,
            self._quotient,
        )

    def _take(self, node: ast.expr) -> None:
        match node:
            case ast.UnaryOp(op=ast.USub() | ast.UAdd(), operand=operand):
                self._take(operand)
            case ast.BinOp(left=left, op=ast.Mult(), right=right):
                self._take(left)
                self._take(right)
            case ast.BinOp(left=left, op=ast.Div(), right=right) if self._is_scale(right):
                self._take(left)
                self._scales.append((right, True))
            case ast.BinOp(left=left, op=ast.Div()):
                self._take(left)
                self._quotient = True
            case _ if self._is_scale(node) and not (_is_path(node) and _unparsed(node) in self._inputs):
                self._scales.append((node, False))
            case ast.BinOp(left=left, op=ast.MatMult(), right=right):
                self._take(left)
                self._factors.append(_text(right))
                self._sign = " @ "
            case _:
                self._factors.append(_text(node))

    def _of_rate(self) -> list[ast.expr]:
        """What of the scaling is the learning rate: what is called so, else the only name that multiplies, else the
        numbers below 1 that do; the rest is the gradient's then (the `2 / m` of a mean of squares). Else all."""
        if not self._has_rate:
            return []
        multiplied = [node for node, divided in self._scales if not divided]
        named = [node for node in multiplied if _is_path(self._given(node))]
        rates = [node for node in named if names_rate(_unparsed(self._given(node)).rpartition(".")[2])]
        if not named:
            constants = [node for node in multiplied if isinstance(self._given(node), ast.Constant)]
            rates = [node for node in constants if abs(self._number(node) or 1) < 1]
        return rates or (named if len(named) == 1 else [node for node, _ in self._scales])

    def _combined(self, scales: list[tuple[ast.expr, bool]]) -> float | None:
        product = 1.0
        for node, divided in scales:
            number = self._number(node)
            if number is None or (divided and not number):
                return None
            product = product / number if divided else product * number
        return product

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
            case ast.Call():
                return self._given(node) is not node
            case ast.BinOp(left=left, right=right):
                return self._is_scale(left) and self._is_scale(right)
            case ast.UnaryOp(operand=operand):
                return self._is_scale(operand)
        return False

    def _given(self, node: ast.expr) -> ast.expr:
        """What a call is given that makes the same number of it, of another type: `0.1` of `np.float32(0.1)`; any other
        expression as it is."""
        match node:
            case ast.Call(func=ast.Name(id="float" | "int"), args=[argument]) if self._is_scale(argument):
                return argument
            case ast.Call(args=[argument], keywords=[]) if self._is_scale(argument):
                given, made = self._number(argument), self._look(_unparsed(node))
                same = given is not None and made is not None and math.isclose(given, made, rel_tol=CAST)
                return argument if same else node
        return node

    def _number(self, node: ast.expr) -> float | None:
        match self._given(node):
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


def _without(dropped: list[ast.expr], node: ast.expr) -> ast.expr | None:
    """A product without these of its factors, and without signs; None where nothing is left."""
    match node:
        case _ if node in dropped:
            return None
        case ast.UnaryOp(op=ast.USub() | ast.UAdd(), operand=operand):
            return _without(dropped, operand)
        case ast.BinOp(left=left, op=ast.Mult() as op, right=right):
            kept, other = _without(dropped, left), _without(dropped, right)
            return ast.BinOp(kept, op, other) if kept is not None and other is not None else kept or other
        case ast.BinOp(left=left, op=ast.Div() as op, right=right):
            kept = _without(dropped, left)
            return kept if right in dropped else ast.BinOp(kept or ast.Constant(1), op, right)
        case ast.BinOp(left=left, op=ast.MatMult() as op, right=right):
            kept = _without(dropped, left)
            return right if kept is None else ast.BinOp(kept, op, right)
    return node


def _is_path(node: ast.expr) -> bool:
    return isinstance(node, ast.Name | ast.Attribute) and not _is_length(node)


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
