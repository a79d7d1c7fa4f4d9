"""Whether what a script makes is the opposite of a gradient, which its update then adds on purpose: it is made of
`error = target - prediction`, as in the delta rule. Told by where values come from in the record, not by their names.

Pure: reads records only.
"""

from __future__ import annotations

import ast
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import NamedTuple

from stepper.record import Event, Parameter, Record, Value, statement_in

LINEAR = frozenset(
    (
        *("array", "asarray", "astype", "atleast_2d", "average", "clone", "copy", "detach", "dot", "expand_dims"),
        *("flatten", "float", "float64", "inner", "item", "matmul", "mean", "mm", "multiply", "mv", "outer", "ravel"),
        *("reshape", "squeeze", "sum", "t", "tensordot", "tolist", "transpose", "unsqueeze", "view"),
    )
)
"""What makes of −x the opposite of what it makes of x, in each of its arguments."""
DEEP = 12  # values, each made of the next, that are followed on Python's own stack: a time loop makes thousands

Key = int | tuple[int, str]
"""A value: its copy, or the event that made it and its name."""


class Sign(NamedTuple):
    """How a value follows from a difference of a prediction and its target: `turned` where it follows from target −
    prediction. `begun`: there is such a difference in it; else only the sign of a factor is told. `contrast`: the way
    back begins with a difference of two predictions, as contrastive divergence does (`v0.T @ h0 - v1.T @ h1`)."""

    begun: bool
    turned: bool
    contrast: bool = False

    def negated(self) -> Sign:
        return Sign(self.begun, not self.turned, self.contrast)


NEUTRAL = Sign(begun=False, turned=False)


class _Far(Exception):
    """A value is to be followed before the one that was asked for: of what key, made by which event."""

    def __init__(self, key: Key, event: Event, value: Value) -> None:
        self.key, self.made = key, (event, value)


def _moves(event: Event, parameter: Parameter) -> bool:
    copy = parameter.after.copy
    return event.kind == "statement" and any(
        each.when in ("after", "result") and (each.label == parameter.name if copy is None else each.copy == copy)
        for each in event.values
    )


def _has(event: Event, label: str) -> bool:
    return any(each.label == label for each in event.values)


@lru_cache(maxsize=4096)
def _expression(text: str) -> ast.expr | None:
    """What a text is, where it is one expression."""
    try:
        return ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError):
        return None


@lru_cache(maxsize=4096)
def _spelled(text: str) -> str:
    node = _expression(text)
    return text if node is None else ast.unparse(node)


@lru_cache(maxsize=4096)
def _taken(head: str) -> list[tuple[str, ast.expr]]:
    """What the head of a loop binds, each name with what it is an element of."""
    loop = statement_in(f"{head.strip().removesuffix(':')}: pass")
    if not isinstance(loop, ast.For):
        return []
    match loop.target, loop.iter:
        case ast.Tuple(elts=[_, target]), ast.Call(func=ast.Name(id="enumerate"), args=[whole, *_]):
            targets, wholes = [target], [whole]
        case ast.Tuple(elts=targets), ast.Call(func=ast.Name(id="zip"), args=wholes):
            pass
        case target, whole:
            targets, wholes = [target], [whole]
    return [(ast.unparse(each), _in_any_order(whole)) for each, whole in zip(targets, wholes, strict=False)]


def _in_any_order(node: ast.expr) -> ast.expr:
    match node:
        case ast.Call(func=ast.Name(id="reversed" | "list" | "sorted"), args=[inner, *_]):
            return _in_any_order(inner)
    return node


@dataclass
class _Signs:
    """Follows the values of a record back."""

    record: Record
    inside: dict[int | None, list[Event]] = field(init=False, default_factory=dict)
    made: dict[int, list[Event]] = field(init=False, default_factory=dict)  # what has a copy as its result
    known: dict[Key, Sign | None] = field(init=False, default_factory=dict)
    followed: set[Key] = field(init=False, default_factory=set)  # whose sources are being looked at
    waiting: dict[Key, tuple[Event, Value]] = field(init=False, default_factory=dict)  # the same, further back
    told: dict[str, Sign | None] = field(init=False, default_factory=dict)  # by parameter

    def __post_init__(self) -> None:
        for event in self.record.events:
            self.inside.setdefault(event.parent, []).append(event)
            if event.kind in ("statement", "expression"):
                for copy in {e.copy for e in event.values if e.when in ("result", "after") and e.copy is not None}:
                    self.made.setdefault(copy, []).append(event)

    def of_gradient(self, parameter: Parameter) -> Sign | None:
        while True:
            try:
                if not self.waiting:
                    return self._of_gradient(parameter)
                key, made = next(reversed(self.waiting.items()))
                self._follow(key, *made)
                del self.waiting[key]
            except _Far as far:
                self.waiting[far.key] = far.made

    def _of_gradient(self, parameter: Parameter) -> Sign | None:
        grad, end = parameter.grad, len(self.record.events)
        if grad is None:
            return None
        found = None if self.maker(grad, end) is None else self.of(grad, end)
        if found is None or not found.begun:  # it is no value by itself: `w[i] += rate * (error * x[i])`
            events = self.record.events
            moving = (event for event in reversed(events) if _moves(event, parameter))
            reading = (event for event in reversed(events) if _has(event, grad.label))  # through a name of a part of it
            update = next(moving, None) or next(reading, None)
            node = None if update is None else _expression(grad.label)
            within = None if update is None or node is None else self.within(node, update)
            found = within if found is None or (within is not None and within.begun) else found
        return found if found is not None and (found.begun or found.contrast) else None

    def of(self, value: Value, before: int) -> Sign | None:
        """The sign of a value as it was at an event; None where it is not known."""
        if value.role == "parameter":
            return NEUTRAL  # be it updated already
        event = self.maker(value, before)
        if event is None:
            return _of_number(value)
        key = (event.id, _spelled(value.label)) if value.copy is None else value.copy
        if key not in self.known and key not in self.followed and key not in self.waiting:
            if len(self.followed) == DEEP:
                raise _Far(key, event, value)
            self._follow(key, event, value)
        return self.known.get(key)

    def _follow(self, key: Key, event: Event, value: Value) -> None:
        self.followed.add(key)
        try:
            self.known[key] = self._made(event, value)
        finally:
            self.followed.discard(key)

    def _made(self, event: Event, value: Value) -> Sign | None:
        if event.kind == "expression":
            node = _expression(event.text)
            return NEUTRAL if node is None else self.within(node, event)
        match statement_in(event.text):
            case ast.Assign(targets=[ast.Name() | ast.Attribute() | ast.Subscript()], value=node):
                return self.within(node, event)
            case ast.Assign(targets=[ast.Tuple(elts=targets)], value=ast.Tuple(elts=parts)):
                others = () if value.copy is None else (e for e in event.values if e.copy == value.copy)
                names = {_spelled(each.label) for each in (value, *others)}
                found = [part for to, part in zip(targets, parts, strict=False) if ast.unparse(to) in names]
                return self.within(found[0], event) if len(found) == 1 else None
            case ast.AnnAssign(value=ast.expr() as node) | ast.Return(value=ast.expr() as node):
                return self.within(node, event)
            case ast.AugAssign(target=target, op=op, value=node):
                return self._changed(target, op, node, event)
            case None:
                return self._handed_on(event, value)
        return None

    def _handed_on(self, event: Event, value: Value) -> Sign | None:
        """What the head of a loop takes out of something: `for x, delta in zip(inputs, deltas)`."""
        whole = next((each for name, each in _taken(event.text) if name == value.label), None)
        made = None if whole is None else Value(ast.unparse(whole), "other", "result", value.summary)
        maker = None if made is None else self.maker(made, event.id)
        held = () if made is None or maker is None else (e for e in maker.values if _spelled(e.label) == made.label)
        found = next((each for each in held if each.when in ("result", "after")), None)
        return NEUTRAL if found is None else self.of(found, event.id)

    def _changed(self, target: ast.expr, op: ast.operator, node: ast.expr, event: Event) -> Sign | None:
        """What a statement made of a value in place: a product, or a sum that began with zeros."""
        label = ast.unparse(target)
        was = next((e for e in event.values if e.when == "before" and _spelled(e.label) == label), None)
        match target, op, node:
            case ast.Subscript(value=whole), ast.Add(), ast.Constant(value=1) if self._is_negative(whole, event):
                return Sign(begun=True, turned=True)  # `g = -p`, then `g[label] += 1`: what is observed less p
        held, part = NEUTRAL if was is None else self.of(was, event.id), self.within(node, event)
        if isinstance(op, ast.Mult | ast.Div):
            return _product((held, part))
        if isinstance(op, ast.Sub):
            part = None if part is None else part.negated()
        return _sum(held, part) if isinstance(op, ast.Add | ast.Sub) else None

    def _is_negative(self, node: ast.expr, event: Event) -> bool:
        """Whether this was made as the negative of a prediction."""
        maker = self._maker_of(ast.unparse(node), event.id)
        match None if maker is None else statement_in(maker.text):
            case ast.Assign(targets=[_], value=ast.UnaryOp(op=ast.USub(), operand=inner)) if maker is not None:
                return self._predicted(inner, maker) is True
        return False

    def maker(self, value: Value, before: int) -> Event | None:
        """What made a value, ahead of an event: the innermost of what has it as its result, so of a call of the
        script's own function what that returns. The one that has it first: later ones give it further names."""
        if value.copy is None:
            return self._maker_of(_spelled(value.label), before)
        found: Event | None = None
        for event in self.made.get(value.copy, ()):
            if event.id >= before or (found is not None and not self._is_within(event, found)):
                break
            found = event
        return found

    def _maker_of(self, label: str, before: int) -> Event | None:
        """What gave a name its value last, ahead of an event."""
        makers = self._named.get(label, [])
        at = bisect_left(makers, before)
        return self.record.events[makers[at - 1]] if at else None

    @cached_property
    def _named(self) -> dict[str, list[int]]:
        """The events that made what has a name, in order."""
        found: dict[str, list[int]] = {}
        for event in self.record.events:
            labels = {_spelled(each.label) for each in event.values if each.when in ("result", "after")}
            for label in labels - {""} if event.kind in ("statement", "expression") else ():
                found.setdefault(label, []).append(event.id)
        return found

    def _is_within(self, event: Event, other: Event) -> bool:
        parent = event.parent
        while parent is not None and parent >= other.id:
            if parent == other.id:
                return True
            parent = self.record.events[parent].parent
        return False

    def within(self, node: ast.expr, event: Event) -> Sign | None:
        """The sign of an expression that an event evaluated."""
        match node:
            case ast.Constant(value=int() | float() as number):
                return Sign(begun=False, turned=number < 0)
            case ast.UnaryOp(op=ast.USub(), operand=inner):
                found = self.within(inner, event)
                return None if found is None else found.negated()
            case ast.BinOp(left=left, op=ast.Mult() | ast.MatMult(), right=right):
                return _product((self.within(left, event), self.within(right, event)))
            case ast.BinOp(left=left, op=ast.Div(), right=right):
                below = self.within(right, event)
                return None if below is None or below.begun else _product((self.within(left, event), below))
            case ast.BinOp(left=left, op=ast.Add() | ast.Sub() as op, right=right):
                return self._difference(left, right, event, plus=isinstance(op, ast.Add))
            case ast.Attribute(value=inner, attr="T"):
                return self.within(inner, event)
            case ast.Call(func=func, args=args):
                return self._call(node, func, args, event)
            case ast.Compare() | ast.Constant():
                return NEUTRAL
        value = self._operand(node, event)
        return NEUTRAL if value is None else self.of(value, event.id)

    def _difference(self, left: ast.expr, right: ast.expr, event: Event, *, plus: bool) -> Sign | None:
        first, second = self.within(left, event), self.within(right, event)
        if first is None or second is None:
            return None
        if not (plus or first.begun or second.begun):
            predicted = [self._predicted(each, event) for each in (left, right)]
            if self._is_error(left, right, event):
                predicted = [each is True for each in predicted]
            if all(predicted) and all(isinstance(each, ast.Name | ast.Attribute) for each in (left, right)):
                computed: list[bool | None] = [self._is_computed(each, event) for each in (left, right)]
                predicted = computed if computed[0] is not computed[1] else predicted
            if None not in predicted and predicted[0] is not predicted[1]:
                return Sign(begun=True, turned=predicted[1] is True)
            aims = [self._is_aim(each, event) for each in (left, right)]
            if aims[0] is not aims[1] and all(predicted):
                return Sign(begun=True, turned=aims[0])
            if event.phase == "backward" and self._is_contrast((left, right), event):
                return Sign(begun=False, turned=False, contrast=True)
        return _sum(first, second if plus else second.negated())

    def _is_error(self, left: ast.expr, right: ast.expr, event: Event) -> bool:
        """Whether a difference to a number that is written out (`error = 1.0 - h`) is one to a target: a statement
        binds it as it stands, and it is a loss, or one is made of it. In `h * (1 - h)`, say, it is none."""
        if not any(isinstance(each, ast.Constant) for each in (left, right)) or event.kind != "statement":
            return False
        match statement_in(event.text):
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.BinOp() as whole) if (whole.left, whole.right) == (
                left,
                right,
            ):
                made = any(each.when == "result" and each.role == "loss" for each in event.values)
                return made or any(event.id < place for place in self._measured.get(name, ()))
        return False

    def _is_aim(self, node: ast.expr, event: Event) -> bool:
        """Whether a prediction is a target all the same, since what was given is added to it: `r + gamma * q.max()`, of
        temporal differences."""
        if isinstance(node, ast.Name | ast.Attribute):
            value = self._operand(node, event)
            maker = None if value is None else self.maker(value, event.id)
            statement = None if maker is None else statement_in(maker.text)
            if maker is None or not isinstance(statement, ast.Assign):
                return False
            node, event = statement.value, maker
        match node:
            case ast.BinOp(left=left, op=ast.Add(), right=ast.BinOp(op=ast.Mult()) as later):
                given = isinstance(left, ast.Constant) or self._predicted(left, event) is False
                return given and self._predicted(later, event) is True
        return False

    def _is_contrast(self, sides: Sequence[ast.expr], event: Event) -> bool:
        """Whether both sides of a difference were computed with the parameters, and no loss is made of it, by which it
        was an error all the same: `(q - target) ** 2`. One may be made behind the loss, with a gradient's role."""
        roles = [self._roles(each, event) for each in sides]
        both = all(each & {"activation", "gradient"} for each in roles)
        computed = any("activation" in each and "gradient" not in each for each in roles)
        texts = [ast.unparse(each) for each in sides]
        return both and computed and not {" - ".join(texts), " - ".join(texts[::-1])} & self._measured.keys()

    @cached_property
    def _measured(self) -> dict[str, list[int]]:
        """By name, the events that make a loss of it."""
        found: dict[str, list[int]] = {}
        for event in self.record.events:
            for each in event.values if event.phase == "loss" else ():
                if each.when == "operand":
                    found.setdefault(each.label, []).append(event.id)
        return found

    def _predicted(self, node: ast.expr, event: Event) -> bool | None:
        """Whether one side of a difference was computed with the parameters, and not given: the prediction, not its
        target; None for what is neither. Of an expression without a name what it reads tells."""
        roles = self._roles(node, event)
        if roles & {"activation", "parameter"}:
            return True
        return False if roles and roles <= {"data", "setting", "other"} else None

    def _is_computed(self, node: ast.expr, event: Event) -> bool:
        """Whether a parameter was read on the way to this: targets that come of a call which is not seen into in the
        text (`x, t = sample(16)`) may be a model's for all that it says."""
        found = self._operand(node, event)
        waiting = [] if found is None else [(found, event.id)]
        seen: set[int] = set()
        while waiting:
            value, before = waiting.pop()
            maker = self.maker(value, before)
            if value.role == "parameter":
                return True
            if maker is not None and maker.id not in seen:
                seen.add(maker.id)
                within = self.record.events[maker.id : self._end(maker)]
                waiting += [(v, each.id) for each in within for v in each.values if v.when in ("operand", "before")]
        return False

    def _roles(self, node: ast.expr, event: Event) -> set[str]:
        named = [part for part in ast.walk(node) if isinstance(part, ast.Name | ast.Attribute | ast.Subscript)]
        parts = [node] if node in named else named
        read = (self._operand(each, event) for each in parts)
        return {each.role for each in read if each is not None}

    def _call(self, node: ast.Call, func: ast.expr, args: list[ast.expr], event: Event) -> Sign | None:
        name = func.attr if isinstance(func, ast.Attribute) else func.id if isinstance(func, ast.Name) else ""
        parts = [*([func.value] if isinstance(func, ast.Attribute) else []), *args]
        value = self._operand(node, event)
        maker = None if value is None else self.maker(value, event.id + 1) or self.maker(value, self._end(event))
        if value is not None and maker is not None and isinstance(statement_in(maker.text), ast.Return):
            return self.of(value, self._end(event))
        found = [self.within(each, event) for each in parts]
        if name in LINEAR:
            return _product(found)
        return None if any(each is None or each.begun for each in found) else NEUTRAL

    def _end(self, event: Event) -> int:
        """The first event behind an event and all inside it."""
        while inner := self.inside.get(event.id):
            event = inner[-1]
        return event.id + 1

    def _operand(self, node: ast.expr, event: Event) -> Value | None:
        """What a part of a statement was: it, or an expression in it, read or made that."""
        label = ast.unparse(node)
        for each in self._expressions(event):
            for value in each.values:
                made = value.when == "result" and each is not event
                if (value.when == "operand" or made) and _spelled(value.label) == label:
                    return value
        return None

    def _expressions(self, event: Event) -> Iterator[Event]:
        yield event
        for inner in self.inside.get(event.id, ()):
            if inner.kind == "expression":
                yield from self._expressions(inner)
        if event.kind == "expression" and event.parent is not None:
            yield from (each for each in self.inside.get(event.parent, ()) if each.kind == "expression")


def _of_number(value: Value) -> Sign:
    """What was there before: a setting's sign counts, and none of what is data."""
    number = value.summary.value if value.role == "setting" else None
    return Sign(begun=False, turned=isinstance(number, int | float) and number < 0)


def _product(parts: Sequence[Sign | None]) -> Sign | None:
    known = [each for each in parts if each is not None]
    if len(known) < len(parts) or sum(each.begun for each in known) > 1:
        return None
    contrast = any(each.contrast for each in known)
    return Sign(any(each.begun for each in known), sum(each.turned for each in known) % 2 == 1, contrast)


def _sum(first: Sign | None, second: Sign | None) -> Sign | None:
    """Of what goes back to differences, all of which must have one sign; what else is added (a decay) has none."""
    if first is None or second is None:
        return None
    if first.begun and second.begun:
        return first if first == second else None
    parts = (first, second)
    return next((each for each in parts if each.begun), next((each for each in parts if each.contrast), NEUTRAL))


_latest: list[_Signs] = []  # of the record that was asked of last: panels ask again and again


def is_opposite(record: Record, parameter: Parameter) -> bool:
    """Whether a parameter's gradient is made of target − prediction, so that to add it leads downhill. False, too,
    where that cannot be told."""
    found = _sign(record, parameter)
    return found is not None and found.begun and found.turned


def is_called_so(record: Record, parameter: Parameter) -> bool:
    """Whether what a step went by is a gradient by what the script calls it or makes it of, or by the difference of a
    prediction and its target that is in it. Else it may be any direction that is meant to be gone along: the
    perceptron's `w += rate * y * x`, a difference of two samples (`near - far`) or of two predictions, a mean of what
    did well."""
    grad = parameter.grad
    node = None if grad is None else _expression(grad.label)
    sign = _sign(record, parameter)
    if grad is None or node is None or sign is not None:
        return sign is None or sign.begun
    read = (value for event in record.events for value in event.values if value.role == "gradient")
    gradients = {value.label.partition("[")[0] for value in read}  # `dw`, by way of `dw[i][j]`
    between = (part for part in ast.walk(node) if isinstance(part, ast.BinOp) and isinstance(part.op, ast.Sub))
    if any(_reads(part.left, gradients) and _reads(part.right, gradients) for part in between):
        return False
    return _reads(node, gradients)


def _reads(node: ast.expr, names: set[str]) -> bool:
    parts = (part for part in ast.walk(node) if isinstance(part, ast.Name | ast.Attribute))
    return any(ast.unparse(part) in names for part in parts)


def _sign(record: Record, parameter: Parameter) -> Sign | None:
    """How a gradient follows from a difference of a prediction and its target; None where there is none in it, and
    where that cannot be told."""
    if not _latest or _latest[0].record is not record:
        _latest[:] = [_Signs(record)]
    (signs,) = _latest
    if parameter.name not in signs.told:
        signs.told[parameter.name] = signs.of_gradient(parameter)
    return signs.told[parameter.name]
