"""What the gradient that an update used was before the script changed it: clipped, scaled, decayed, in place or under
another name. By where each value comes from in the record.

Pure: reads records only.
"""

from __future__ import annotations

import ast
import math
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property

from stepper.record import Event, Parameter, Phase, Record, Value, nodes_of
from stepper.session.findings.nesting import as_they_ended, nested, within
from stepper.session.findings.running import number

COMPREHENSIONS = (ast.ListComp, ast.DictComp)
NO_FACTOR = (ast.Call, ast.IfExp, ast.Compare, ast.Add, ast.Sub)  # what is in a statement that does not only multiply
NUMBERS = 8  # that a single number was made of, which are looked at
AHEAD: frozenset[Phase] = frozenset(("setup", "forward", "loss"))  # of the backward pass, that makes gradients


@dataclass(frozen=True)
class Changed:
    """A gradient before it was changed. `line`: where it was changed first, as far as is known; `scale`: what it was
    multiplied by to become what the update used, where it was only that. `event` is the one that changed it, `factor`
    the constant that it was multiplied by there, where it was only that: no gradient is in it, as is in a clipping's.
    `alone`: no other array went into it. `up_to`: whether that constant is meant is not known. `zeroed`, in words: how
    many entries became 0, as by a mask."""

    value: Value
    line: int | None = None
    scale: float | None = None
    event: int | None = None
    factor: float | None = None
    alone: bool = False
    up_to: bool = False
    zeroed: str = ""

    @property
    def note(self) -> str:
        where = ("" if self.line is None else f" on line {self.line}") + (f" ({self.zeroed})" if self.zeroed else "")
        used = "before the update used it" if self.scale is None else f"and the update used {self.scale:.6g} × it"
        if self.up_to:
            return f"up to the factor {self.factor:.6g}{where}; as it was before that, {used}"
        return f"as it was made; it was changed{where}, {used}"


def multiple(one: Value, other: Value) -> float | None:
    """What a value was multiplied by to become another; None where it was not only that."""
    if one.copy is not None and one.copy == other.copy:
        return 1.0
    now, was = one.summary, other.summary
    if now.kind == "scalar" or was.kind == "scalar":
        return _factor([(now.value, was.value)])
    return _factor([(now.min, was.min), (now.max, was.max), (now.l2, was.l2)])


def zeroed(now: Value, before: Value) -> str:
    """In words: how many entries of a gradient became 0 where it was changed; empty where none did."""
    size, zeros = now.summary.size, (now.summary.zero or 0) - (before.summary.zero or 0)
    return f"{zeros:,} of {size:,} entries became 0" if 0 < zeros < size == before.summary.size else ""


def _turned(one: Value, other: Value) -> bool:
    """Whether the one may be the other with all signs turned, or in another order: its numbers are as large."""
    now, was = one.summary, other.summary
    norms = _factor([(now.l2, was.l2)])
    negative = _factor([(now.min, was.max), (now.max, was.min)])
    reordered = now.dtype == was.dtype and multiple(one, other) == 1.0 and one.copy != other.copy
    return reordered or (negative is not None and norms is not None and math.isclose(-negative, norms, rel_tol=1e-6))


def _factor(pairs: Iterable[tuple[object, object]]) -> float | None:
    scales = []
    for one, whole in pairs:
        if not isinstance(one, int | float) or not isinstance(whole, int | float):
            return None
        if whole:
            scales.append(one / whole)
    alike = bool(scales) and all(math.isclose(each, scales[0], rel_tol=1e-6) for each in scales)
    return scales[0] if alike else None


def _came(value: Value) -> bool:
    """Whether an event made it."""
    return value.when in ("result", "after")


def _has_entries(value: Value) -> bool:
    """Whether it has several that are no counts."""
    return value.summary.size > 1 and "int" not in (value.summary.dtype or "")


def _new(event: Event) -> set[float | None]:
    """The single numbers that an event made, and did not read (`min(1.0, g)` of a small one)."""
    return {number(each) for each in event.values if _came(each)} - {
        number(each) for each in event.values if not _came(each)
    }


def _spelled(label: str) -> str:
    """A label with one kind of quotes."""
    return label.replace('"', "'")


@dataclass
class Origins:
    """What the values of a record were made of."""

    record: Record
    made: dict[int, Event] = field(init=False, default_factory=dict)  # the first event that made a copy, and was over
    seen: dict[int, int] = field(init=False, default_factory=dict)  # and the first that had it at all
    numbers: dict[float, Event] = field(init=False, default_factory=dict)  # the statement that made a single number
    inside: dict[int | None, list[Event]] = field(init=False)
    _known: dict[tuple[str, int | None], list[Changed]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.inside = nested(self.record.events)
        for event in as_they_ended(self.inside):  # what a function that a statement calls makes is made inside it
            for value in event.values:
                if value.copy is not None and _came(value):
                    first = self.made.setdefault(value.copy, event)
                    if event.kind == "statement" and first.kind != "statement" and first.parent == event.id:
                        self.made[value.copy] = event
        for event in self.record.events:
            for value in event.values:
                if value.copy is not None:
                    self.seen.setdefault(value.copy, event.id)
                single = number(value)
                if single is not None and _came(value) and event.kind == "statement" and event.phase not in AHEAD:
                    self.numbers.setdefault(single, event)

    def of(self, parameter: Parameter, used: Value) -> list[Changed]:
        """What the gradient that an update used was before statements changed it, whatever its names (`grads["w"]`,
        `grads[k]`): before each of them, the last one first."""
        asked = parameter.name, used.copy
        if used.copy is None or asked not in self._known:
            single = number(used) is not None and not parameter.shape
            self._known[asked] = list(self._single(parameter, used) if single else self._of(parameter, used))
        return self._known[asked]

    def made_at(self, value: Value) -> int:
        """The event that made a gradient, as far as is known."""
        single = number(value)
        event = self.made.get(value.copy) if value.copy is not None else None
        event = event or (None if single is None else self.numbers.get(single))
        return -1 if event is None else event.id

    def line_of(self, value: Value) -> int | None:
        """The line that made a value of several entries, as far as is known."""
        event = None if value.copy is None else self.made.get(value.copy)
        return None if event is None else event.line

    def _single(self, parameter: Parameter, used: Value) -> Iterator[Changed]:
        """The same of a single number: which of those that a statement reads is the gradient is not known. One that
        reads what the loss was made of (`grad * x`) makes a gradient, and changes none."""
        own = number(parameter.before)
        whole = number(used) or 0.0
        waiting, seen = [used], {whole}
        while waiting and len(seen) <= NUMBERS:
            now = waiting.pop(0)
            event = self.numbers.get(number(now) or 0.0)
            read = [] if event is None or self._makes(event, own) else self._numbers_read(event)
            for each in read:
                single = number(each)
                if event is not None and single and single not in seen:
                    only = len(read) == 1 and not any(isinstance(node, NO_FACTOR) for node in nodes_of(event.text))
                    factor = (number(now) or 0.0) / single if only else None
                    yield Changed(each, event.line, whole / single, event.id, factor, True)
                    seen.add(single)
                    waiting.append(each)

    def _makes(self, event: Event, own: float | None) -> bool:
        """Whether a statement reads data, what a layer gave, or another parameter than this one."""
        read = [value for each in within(self.inside, event) for value in each.values if value.when == "operand"]
        return any(
            each.role in ("data", "activation") or (each.role == "parameter" and number(each) != own) for each in read
        )

    def _numbers_read(self, event: Event) -> list[Value]:
        """The single numbers, gradients or made of them, that were there before a statement, and that it reads."""
        inner = {single for each in within(self.inside, event) if each is not event for single in _new(each)}
        told = (value for each in within(self.inside, event) for value in each.values if not _came(value))
        read = {number(each): each for each in told if each.role == "gradient"}
        return [each for single, each in read.items() if isinstance(single, float) and single not in inner]

    def _of(self, parameter: Parameter, used: Value) -> Iterator[Changed]:
        now = used
        while True:
            event = None if now.copy is None else self.made.get(now.copy)
            before = None if event is None else self._before(event, now) or self._changed(event, now, parameter)
            if event is None or before is None:
                return
            in_place = any(each.when == "before" for each in event.values)
            own, read = {before.copy, now.copy, parameter.before.copy}, self._read(event, parameter)
            yield Changed(
                before,
                event.line,
                multiple(used, before),
                event.id,
                self._constant(event, now, before),
                not in_place or (read is not None and own.issuperset(each.copy for each in read)),
                zeroed=zeroed(now, before),
            )
            now = before

    def _constant(self, event: Event, now: Value, before: Value) -> float | None:
        """What a statement multiplied a gradient by, where no number in it was computed from any."""
        factor = multiple(now, before)
        if not factor or factor == 1.0:
            return None  # of nothing, which a sum may come back to, no factor is told
        statement = self.record.events[event.id if event.parent is None or event.kind == "statement" else event.parent]
        names = {node.id for node in nodes_of(statement.text) if isinstance(node, ast.Name)}
        told = [value for each in within(self.inside, statement) for value in each.values]
        known = filter(None, (self._by_now(name, event.id) for name in names))
        made = [single for single in map(number, filter(_came, statement.values)) if single is not None]
        computed = {single for single in map(number, (*told, *known)) if single in self._computed}
        with_it = {each / factor for each in made}  # `dw, db = c * dw, c * db`
        others = (each for each in computed.difference(made) if each is not None)
        return factor if all(any(math.isclose(each, one) for one in with_it) for each in others) else None

    def _by_now(self, label: str, event: int) -> Value | None:
        """What a name holds ahead of an event."""
        places, values = self._told.get(label, ([], []))
        behind = bisect_left(places, event)
        return values[behind - 1] if behind else None

    @cached_property
    def _told(self) -> dict[str, tuple[list[int], list[Value]]]:
        """By label, the events that told of such a value, and what it was."""
        found: dict[str, tuple[list[int], list[Value]]] = {}
        for event in self.record.events:
            for value in event.values:
                places, values = found.setdefault(value.label, ([], []))
                places.append(event.id)
                values.append(value)
        return found

    @cached_property
    def _ended(self) -> list[Event]:
        """The events ahead of the updates, in the order in which they ended."""
        return [each for each in as_they_ended(self.inside) if each.phase != "update"]

    @cached_property
    def _computed(self) -> set[float | None]:
        """The numbers that were computed from the entries of gradients (the norm of all), which no count is."""
        found = set[float | None]()
        for event in as_they_ended(self.inside):
            if event.phase in AHEAD:
                continue
            read = [each for each in event.values if each.when == "operand"]
            of_entries = any(_has_entries(each) or number(each) in found for each in read)
            made = [each for each in event.values if _came(each) and (of_entries or each.role == "gradient")]
            found |= {single for single in map(number, made) if isinstance(single, float)}
        return found

    def _before(self, event: Event, now: Value) -> Value | None:
        """What a statement changed in place: made in this iteration, or it is what an earlier one left."""
        label = next((each.label for each in event.values if each.when == "after" and each.copy == now.copy), None)
        found = next((each for each in event.values if each.when == "before" and each.label == label), None)
        if found is None or found.copy is None or found.summary.shape != now.summary.shape:
            return None
        maker = self.made.get(found.copy)
        return None if maker is None or maker.id >= event.id else found

    def _changed(self, event: Event, now: Value, parameter: Parameter) -> Value | None:
        """What a statement made it of, entry by entry: the only array that it reads, but for the parameter itself. What
        other gradients are made of, too, is on its way back, and not yet that of the parameter."""
        results = [each for each in event.values if each.when == "result" and _is_array(parameter, each)]
        whole = event.kind == "statement" or (event.kind == "expression" and event.phase == "update")
        if not whole or not any(each.copy == now.copy for each in results):
            return None
        elements = self._elements(event, parameter, next(each.label for each in results if each.copy == now.copy))
        read = elements or self._read(event, parameter)
        if read is None:
            return None
        own = [each for each in read if each.copy != parameter.before.copy]
        if len(results) > 1 and not elements:  # of several at once, each is made of the one in its place
            if [each.summary.shape for each in own] != [each.summary.shape for each in results]:
                return None
            own = [each for each, result in zip(own, results, strict=True) if result.copy == now.copy]
        if len(own) != 1 or own[0].copy is None or own[0].summary.shape != now.summary.shape:
            return None
        maker = self.made.get(own[0].copy)
        if maker is None or maker.id >= event.id or maker.phase in AHEAD:
            return None
        return None if _turned(now, own[0]) or self._goes_on(own[0], parameter) else own[0]

    def _read(self, event: Event, parameter: Parameter) -> list[Value] | None:
        """The arrays that were there before a statement, and that it reads; None where that is not all known."""
        statement = event.id if event.kind == "statement" else event.parent
        begun = event.id if statement is None else statement
        makers = {
            value.copy: inner
            for inner in self.inside.get(statement, ())
            for value in inner.values
            if value.when == "result" and value.copy is not None and self.seen[value.copy] >= begun
        }
        waiting = [each for each in event.values if each.when == "operand" and _is_array(parameter, each)]
        found: dict[int, Value] = {}
        while waiting:
            value = waiting.pop(0)
            if value.copy is None:
                return None
            maker = makers.pop(value.copy, None)
            operands = [] if maker is None else [each for each in maker.values if each.when == "operand"]
            arrays = [each for each in operands if _is_array(parameter, each)]
            if arrays:
                waiting += arrays
            else:
                found.setdefault(value.copy, value)
        return list(found.values())

    def _elements(self, event: Event, parameter: Parameter, label: str) -> list[Value]:
        """What a comprehension made an element of, in the same place of the lists or dicts that it goes through:
        `[g * scale for g in grads]`."""
        _, bracket, index = _spelled(label).partition("[")
        statement = nodes_of(event.text)
        if not bracket or not any(isinstance(node, COMPREHENSIONS) for node in statement):
            return []
        named = [node for node in statement if isinstance(node, ast.Name)]
        targets = (node.target for node in statement if isinstance(node, ast.comprehension))
        bound = {node.id for each in targets for node in ast.walk(each) if isinstance(node, ast.Name)}
        wanted = {f"{node.id}[{index}" for node in named if node.id not in bound}  # a dict may be called so elsewhere
        found = {
            _spelled(value.label): value
            for earlier in self.record.events[: event.id]
            for value in earlier.values
            if _spelled(value.label) in wanted and value.copy is not None and _is_array(parameter, value)
        }
        return list(found.values())

    def _goes_on(self, value: Value, parameter: Parameter) -> bool:
        """Whether the gradient of another parameter was made of it, array by array (the norm of all is a number)."""
        others = {each.grad.copy for each in self.record.parameters if each.name != parameter.name and each.grad}
        reached = {value.copy}
        for event in self._ended:
            if reached.isdisjoint([each.copy for each in event.values if not _came(each)]):
                continue
            came = {each.copy for each in event.values if _came(each) and _is_array(parameter, each)}
            if len(came) == 1:  # of several at once, each may be of one of those
                reached |= came
        return not (reached - {value.copy}).isdisjoint(others)


def _is_array(parameter: Parameter, value: Value) -> bool:
    """Whether it is no single number; one of the parameter's shape is an array, if of one entry."""
    shape = value.summary.shape
    return shape is not None and (value.summary.size > 1 or shape == (parameter.shape or None))
