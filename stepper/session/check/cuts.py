"""Where a script cuts the graph of its gradients on purpose, through which finite differences of the loss go.

Pure: reads records only.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from stepper.record import Backward, Event, Parameter, Phase, Record, Value

_CUT = re.compile(r"\.detach_?\(\)|\bno_grad\(\)|\binference_mode\(\)")
_NUMBER = re.compile(r"\.item\(\)|\.tolist\(\)|\.numpy\(\)|\.data\b|(?<![.\w])float\(")
"""What makes numbers of a tensor, which have no graph."""
_GATHERS = re.compile(r"([A-Za-z_][\w.]*)\.(?:append|extend|insert|add)\(")
_NAME = re.compile(r"[A-Za-z_][\w.]*")
_MADE = ("activation", "loss")
AHEAD: tuple[Phase, ...] = ("forward", "loss")
BEHIND: tuple[Phase, ...] = ("between",)


class Cuts:
    """The places of a record before its backward pass where what is detached goes on to the loss; none where no
    engine's backward pass was seen: by hand there is no graph to be cut. `behind`: of what comes behind the pass."""

    def __init__(self, record: Record, *, behind: bool = False) -> None:
        self._record = record
        nodes = (event for event in record.events if isinstance(event.detail, Backward))
        first = next((event.id for event in nodes if (event.phase == "between") is behind), 0)
        self._before = record.events[:first]
        self._found = list(_cuts(self._before, BEHIND if behind else AHEAD))

    @property
    def only(self) -> str:
        """The one place, as a sentence, where there is one only: what lies between a parameter and it may be hidden
        from the record (in a distribution, say); empty where there are several, or none."""
        return self._sentence(*self._found[0]) if len(self._found) == 1 else ""

    def _sentence(self, event: Event, spelled: str) -> str:
        return f"{self._record.place(event)} cuts the graph ({spelled})"

    def between(self, parameter: Parameter, apart_from: str = "") -> str:
        """The first one between a parameter and the loss, as a sentence, but for the places named in another; empty
        where there is none."""
        places = (re.escape(self._record.place(event)) for event, _ in self._found)
        named = set(re.findall(rf"\b(?:{'|'.join(places)})\b", apart_from)) if self._found else set[str]()
        found = [each for each in self._found if self._record.place(each[0]) not in named]
        reached = _reached(parameter, self._before) if found else set[int]()
        for event, spelled in found:
            # What reads a parameter may be hidden from the record: then any of them may lie between.
            if not reached or not reached.isdisjoint(_inside(event, self._before)):
                return self._sentence(event, spelled)
        return ""


def _cuts(before: list[Event], phases: tuple[Phase, ...]) -> Iterator[tuple[Event, str]]:
    looked = set[tuple[str, int, int]]()  # numbers: each statement once, however often it ran
    for event in before:
        if event.kind != "statement" or event.phase not in phases:
            continue
        detached = _CUT.search(event.text)
        found = detached or _NUMBER.search(event.text)
        place = (event.file, event.line, event.column)
        if found is None or (detached is None and place in looked):
            continue
        looked.add(place)
        if _goes_on(event, before) if detached else _is_reckoned_with(event, before):
            yield event, found.group()


def _reached(parameter: Parameter, before: list[Event]) -> set[int]:
    """The events that read a parameter, or anything that was made of it."""
    reached = set[int]()
    labels, copies = {parameter.name, parameter.before.label}, {parameter.before.copy}
    gathered = set[str]()  # lists that hold such: what is made of their members reads no value that is told
    for event in before:
        read = any(value.label in labels or value.copy in copies - {None} for value in _read(event))
        if not read and (not gathered or gathered.isdisjoint(_NAME.findall(event.text))):
            continue
        gathers = _GATHERS.match(event.text)
        gathered |= {gathers[1]} if gathers is not None else set()
        inner: Event | None = event
        while inner is not None and inner.id not in reached:  # and those that it is a part of
            reached.add(inner.id)
            made = [value for value in inner.values if value.when in ("result", "after")]
            labels |= {value.label for value in made}
            copies |= {value.copy for value in made}
            inner = None if inner.parent is None else before[inner.parent]
    return reached


def _goes_on(event: Event, before: list[Event]) -> bool:
    """Whether what a statement, or those inside it, made is read before the backward pass: a figure that is only
    printed or kept is not."""
    inside = _inside(event, before)
    if not _is_of_this_pass(inside, before):
        return False
    if event.text.startswith("return "):
        return True  # it has no name yet
    named = {number for number in inside if before[number].kind == "statement"}
    made = {value.label for value in _made(named, before) if not _is_whole(value)}
    return any(value.label in made for each in _behind(inside, before) for value in _read(each))


def _is_of_this_pass(inside: set[int], before: list[Event]) -> bool:
    """Whether what is detached may be made of the parameters in this pass; a hidden state that the pass before handed
    on is what it is, however they are moved."""
    made = {value.copy for each in before[: max(inside)] for value in each.values if value.when == "result"} - {None}
    read = [value for number in inside for value in _read(before[number]) if _is_tensor(value)]
    return not read or any(value.role == "parameter" or value.copy is None or value.copy in made for value in read)


def _is_reckoned_with(event: Event, before: list[Event]) -> bool:
    """Whether a number that a statement, or those inside it, took out of the forward pass is made into something of it
    again before the backward pass: one that is told, or added up to be told, is not."""
    inside = _inside(event, before)
    if not any(value.role in _MADE and _is_tensor(value) for number in inside for value in _read(before[number])):
        return False  # it is taken of the data
    if all(map(_is_whole, _made(inside, before))):
        return False  # an action, a count: no slope goes through it
    made, numbers = set[str](), set[float]()
    for value in _made(inside, before):
        made |= {value.label} - {event.text}
        number = value.summary.value
        numbers |= {number} if isinstance(number, float) and not number.is_integer() else set()
    returned_to = _caller(event, before) if event.text.startswith("return ") else []
    for each in (*returned_to, *_behind(inside, before)):
        if each in returned_to or any(v.label in made or v.summary.value in numbers for v in _read(each)):
            results = [value for value in each.values if value.when == "result"]
            if any(value.role in _MADE and _is_tensor(value) for value in results):
                return each.phase in ("forward", "loss")
            made |= {value.label for value in results}
    return False


def _inside(event: Event, before: list[Event]) -> set[int]:
    found = {event.id}
    for each in before[event.id + 1 :]:
        if each.parent in found:
            found.add(each.id)
    return found


def _caller(event: Event, before: list[Event]) -> list[Event]:
    """The statement that goes on when a function returns; none where the script's own lines did not call it."""
    while event.parent is not None:
        event = before[event.parent]
        if event.kind == "statement":
            return [event]
    return []


def _behind(inside: set[int], before: list[Event]) -> list[Event]:
    return [each for each in before[min(inside) + 1 :] if each.id not in inside]


def _made(inside: set[int], before: list[Event]) -> list[Value]:
    return [value for number in inside for value in before[number].values if value.when == "result"]


def _read(event: Event) -> list[Value]:
    return [value for value in event.values if value.when == "operand"]


def _is_whole(value: Value) -> bool:
    """Whether it is of whole numbers, or of truths: no slope goes through the indices that an `argmin` gives."""
    kind = value.summary.dtype or value.summary.type
    return kind.startswith(("int", "uint", "bool"))


def _is_tensor(value: Value) -> bool:
    return value.summary.kind == "tensor"
