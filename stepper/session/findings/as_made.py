"""What the gradient that an update used was before the script changed it: clipped, scaled, decayed, in place or under
another name. By where each value comes from in the record.

Pure: reads records only.
"""

from __future__ import annotations

import ast
import math
import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from stepper.record import Event, Parameter, Phase, Record, Value

COMPREHENSIONS = (ast.ListComp, ast.DictComp)
CHANGES = 3  # of a gradient, that are undone one by one: it is clipped, say, after a penalty was added
AHEAD: frozenset[Phase] = frozenset(("setup", "forward", "loss"))  # of the backward pass, that makes gradients


@dataclass(frozen=True)
class Changed:
    """A gradient before it was changed. `line`: where it was changed first, as far as is known; `scale`: what it was
    multiplied by to become what the update used, where it was only that."""

    value: Value
    line: int | None = None
    scale: float | None = None

    @property
    def note(self) -> str:
        where = "" if self.line is None else f" on line {self.line}"
        used = "before the update used it" if self.scale is None else f"and the update used {self.scale:.6g} × it"
        return f"as it was made; it was changed{where}, {used}"


def as_made(record: Record, parameter: Parameter, used: Value) -> list[Changed]:
    """What it was before statements changed it, whatever its names (`grads["w"]`, `grads[k]`): before the last few of
    them, and before the first, but for the zeros that a sum begins with; else the first value of its name in the
    iteration, where its numbers were others."""
    if used.copy is None or not used.label:
        return []
    found = list(_Origins(record, parameter).of(used))
    if found:
        further = found[CHANGES:][-1:]
        return [each for each in (*found[:CHANGES], *further) if each.value.summary.min or each.value.summary.max]
    for event in record.events:
        for value in event.values:
            if value.label == used.label and value.when == "result" and value.copy is not None:
                alike = value.copy != used.copy and value.summary.shape == used.summary.shape
                return [Changed(value)] if alike else []
    return []


def multiple(one: Value, other: Value) -> float | None:
    """What a value was multiplied by to become another; None where it was not only that."""
    if one.copy is not None and one.copy == other.copy:
        return 1.0
    now, was = one.summary, other.summary
    if now.kind == "scalar" or was.kind == "scalar":
        return _factor([(now.value, was.value)])
    return _factor([(now.min, was.min), (now.max, was.max), (now.l2, was.l2)])


def _turned(one: Value, other: Value) -> bool:
    """Whether the one may be the other with all signs turned, or in another order: its numbers are as large."""
    now, was = one.summary, other.summary
    norms = _factor([(now.l2, was.l2)])
    negative = _factor([(now.min, was.max), (now.max, was.min)])
    reordered = now.dtype == was.dtype and multiple(one, other) == 1.0 and one.copy != other.copy
    return reordered or (negative is not None and norms is not None and math.isclose(-negative, norms, rel_tol=1e-6))


def _factor(pairs: Iterable[tuple[object, object]]) -> float | None:
    scales = []
    for number, whole in pairs:
        if not isinstance(number, int | float) or not isinstance(whole, int | float):
            return None
        if whole:
            scales.append(number / whole)
    alike = bool(scales) and all(math.isclose(each, scales[0], rel_tol=1e-6) for each in scales)
    return scales[0] if alike else None


def _spelled(label: str) -> str:
    """A label with one kind of quotes."""
    return label.replace('"', "'")


def parsed(text: str) -> list[ast.AST]:
    """The nodes of a statement's text; none where it is only the head of one."""
    try:
        return list(ast.walk(ast.parse(textwrap.dedent(text))))
    except SyntaxError:
        return []


@dataclass
class _Origins:
    """What the values of a record were made of."""

    record: Record
    parameter: Parameter
    made: dict[int, Event] = field(init=False, default_factory=dict)  # the first event that made a copy
    seen: dict[int, int] = field(init=False, default_factory=dict)  # and the first that had it at all
    inside: dict[int | None, list[Event]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        for event in self.record.events:
            self.inside.setdefault(event.parent, []).append(event)
            for value in event.values:
                if value.copy is not None:
                    self.seen.setdefault(value.copy, event.id)
                    if value.when in ("result", "after"):
                        self.made.setdefault(value.copy, event)

    def of(self, used: Value) -> Iterator[Changed]:
        """What a value was made of, the last change first."""
        now = used
        while True:
            event = None if now.copy is None else self.made.get(now.copy)
            before = None if event is None else self._before(event, now) or self._changed(event, now)
            if event is None or before is None:
                return
            in_place = any(each.when == "before" for each in event.values)
            yield Changed(before, event.line, None if in_place else multiple(used, before))
            now = before

    def _before(self, event: Event, now: Value) -> Value | None:
        """What a statement changed in place: made in this iteration, or it is what an earlier one left."""
        label = next((each.label for each in event.values if each.when == "after" and each.copy == now.copy), None)
        found = next((each for each in event.values if each.when == "before" and each.label == label), None)
        if found is None or found.copy is None or found.summary.shape != now.summary.shape:
            return None
        maker = self.made.get(found.copy)
        return None if maker is None or maker.id >= event.id else found

    def _changed(self, event: Event, now: Value) -> Value | None:
        """What a statement made it of, entry by entry: the only array that it reads, but for the parameter itself. What
        other gradients are made of, too, is on its way back, and not yet that of the parameter."""
        results = [each for each in event.values if each.when == "result" and self._is_array(each)]
        whole = event.kind == "statement" or (event.kind == "expression" and event.phase == "update")
        if not whole or not any(each.copy == now.copy for each in results):
            return None
        elements = self._elements(event, next(each.label for each in results if each.copy == now.copy))
        read = elements or self._read(event)
        if read is None:
            return None
        own = [each for each in read if each.copy != self.parameter.before.copy]
        if len(results) > 1 and not elements:  # of several at once, each is made of the one in its place
            if [each.summary.shape for each in own] != [each.summary.shape for each in results]:
                return None
            own = [each for each, result in zip(own, results, strict=True) if result.copy == now.copy]
        if len(own) != 1 or own[0].copy is None or own[0].summary.shape != now.summary.shape:
            return None
        maker = self.made.get(own[0].copy)
        if maker is None or maker.id >= event.id or maker.phase in AHEAD:
            return None
        return None if _turned(now, own[0]) or self._goes_on(own[0]) else own[0]

    def _read(self, event: Event) -> list[Value] | None:
        """The arrays that were there before a statement, and that it reads; None where that is not all known."""
        statement = event.id if event.kind == "statement" else event.parent
        begun = event.id if statement is None else statement
        makers = {
            value.copy: inner
            for inner in self.inside.get(statement, ())
            for value in inner.values
            if value.when == "result" and value.copy is not None and self.seen[value.copy] >= begun
        }
        waiting = [each for each in event.values if each.when == "operand" and self._is_array(each)]
        found: dict[int, Value] = {}
        while waiting:
            value = waiting.pop(0)
            if value.copy is None:
                return None
            maker = makers.pop(value.copy, None)
            operands = [] if maker is None else [each for each in maker.values if each.when == "operand"]
            arrays = [each for each in operands if self._is_array(each)]
            if arrays:
                waiting += arrays
            else:
                found.setdefault(value.copy, value)
        return list(found.values())

    def _elements(self, event: Event, label: str) -> list[Value]:
        """What a comprehension made an element of, in the same place of the lists or dicts that it goes through:
        `[g * scale for g in grads]`."""
        _, bracket, index = _spelled(label).partition("[")
        statement = parsed(event.text)
        if not bracket or not any(isinstance(node, COMPREHENSIONS) for node in statement):
            return []
        wanted = {f"{node.id}[{index}" for node in statement if isinstance(node, ast.Name)}
        found = {
            _spelled(value.label): value
            for earlier in self.record.events[: event.id]
            for value in earlier.values
            if _spelled(value.label) in wanted and value.copy is not None and self._is_array(value)
        }
        return list(found.values())

    def _goes_on(self, value: Value) -> bool:
        """Whether the gradient of another parameter was made of it, array by array (the norm of all is a number)."""
        others = {each.grad.copy for each in self.record.parameters if each.name != self.parameter.name and each.grad}
        reached = {value.copy}
        for event in self._ended():
            if event.phase == "update":
                continue
            came = {each.copy for each in event.values if each.when in ("result", "after") and self._is_array(each)}
            read = {each.copy for each in event.values if each.when in ("operand", "before")}
            if len(came) == 1 and not reached.isdisjoint(read):  # of several at once, each may be of one of those
                reached |= came
        return not (reached - {value.copy}).isdisjoint(others)

    def _ended(self, parent: int | None = None) -> Iterator[Event]:
        """The events in the order in which they ended: what is inside an event goes first."""
        for event in self.inside.get(parent, ()):
            yield from self._ended(event.id)
            yield event

    def _is_array(self, value: Value) -> bool:
        """Whether it is no single number; one of the parameter's shape is an array, if of one entry."""
        shape = value.summary.shape
        return shape is not None and (value.summary.size > 1 or shape == (self.parameter.shape or None))
