"""When each value of a record was seen, by label, and what a label's object held last. Pure.

An object has several names, as a rule, where a script goes through its parameters: `for p in params: p -= step` changes
what `w` is called elsewhere. What one name was seen to hold is told of the others, too.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from stepper.record import Event, Record, Value, is_path
from stepper.session.findings.scopes import Scopes

Moment = tuple[int, int]
"""When something became true, in the order of the record: an event's start is (id, −∞); its completion is (id of the
last event inside it, −id), so that what happens inside completes before what it happens in."""

START = -(1 << 60)


@dataclass(frozen=True, eq=False)
class Sighting:
    """One value of a label: when it was seen, and by which event."""

    moment: Moment
    event: int
    value: Value


class Sightings:
    """One record, by label: `labels` has what each was seen to hold, in order. `ends` has the last event inside each
    event, `compound` the statements that have others in their body."""

    def __init__(self, record: Record) -> None:
        self._events = record.events
        self.ends = list(range(len(record.events)))
        self.compound: set[int] = set()
        self._passes: dict[int, list[int]] = {}  # of a compound statement: where its body begins, each time
        self._find_ends()
        self._begin_passes()
        self._reads = self._elements_read()
        seen: list[Sighting] = []
        for event in record.events:
            seen += self._of(event)
        seen.sort(key=_moment_of)
        self.all = seen
        self.labels: dict[str, list[Sighting]] = {}
        self.scopes = Scopes(record.events)
        self._meant: dict[tuple[str, int], Sequence[Sighting]] = {}
        for sighting in _with_other_names(seen):
            if sighting.value.summary.kind != "other":
                self.labels.setdefault(sighting.value.label, []).append(sighting)

    def _find_ends(self) -> None:
        events = self._events
        for event in reversed(events):
            parent = event.parent
            if parent is None or not 0 <= parent < len(events):
                continue
            self.ends[parent] = max(self.ends[parent], self.ends[event.id])
            if event.kind == "statement" and events[parent].kind == "statement" and nested(event, events[parent]):
                self.compound.add(parent)

    def _begin_passes(self) -> None:
        """Each pass of a body begins with its first statement."""
        first: dict[int, tuple[int, int]] = {}
        for event in self._events:
            parent = event.parent
            if parent not in self.compound or event.kind != "statement" or not nested(event, self._events[parent]):
                continue
            place = (event.line, event.column)
            if first.setdefault(parent, place) == place and not event.resumed:
                self._passes.setdefault(parent, []).append(event.id)

    def _elements_read(self) -> dict[tuple[int | None, str, int | None], int]:
        """By statement, label and copy: the event that read an element or attribute for it, where it has one."""
        read: dict[tuple[int | None, str, int | None], int] = {}
        for event in self._events:
            if event.kind == "expression":
                for value in event.values:
                    if value.when == "result" and value.copy is not None:
                        read.setdefault((event.parent, value.label, value.copy), event.id)
        return read

    def _of(self, event: Event) -> Iterator[Sighting]:
        """The values of one event. What the head of a loop binds in a later pass is there when that pass begins."""
        bound: Counter[str] = Counter()
        passes = self._passes.get(event.id, [])
        times = Counter(value.label for value in event.values if value.when == "result") if passes else bound
        for value in event.values:
            moment = self._moment(event, value)
            if value.when == "result" and event.id in self.compound:
                turn = bound[value.label]
                if turn:  # where a pass is missing, nobody knows which one it is that has the value
                    told = times[value.label] == len(passes)
                    moment = (passes[turn] - 1, 1) if told else (self.ends[event.id], -event.id)
                bound[value.label] += 1
            yield Sighting(moment, event.id, value)
        yield from (Sighting(self.completion(event), event.id, value) for value in event.beside)

    def _moment(self, event: Event, value: Value) -> Moment:
        if value.when == "before":
            return (event.id, START)
        if value.when == "operand" and (event.kind == "call" or is_path(value.label)):
            # what is handed to a function or read is as it was then: what happens inside may change it
            read = None if event.kind == "call" else self._reads.get((event.id, value.label, value.copy))
            return (event.id, START) if read is None else (read, -read)
        # an operand that is an expression itself is computed inside the event: it is known when that is over
        return self.completion(event)

    def completion(self, event: Event) -> Moment:
        """When `event` was over. A compound statement counts as over when its body begins: its head has run."""
        return (event.id if event.id in self.compound else self.ends[event.id], -event.id)

    def meant(self, label: str, at: Event) -> Sequence[Sighting]:
        """What of all that a label was seen to hold it means where `at` stands: a function called there may have used
        the same name for another value."""
        call = self.scopes.calls[at.id]
        found = self._meant.get((label, call))
        if found is None:
            seen = self.labels.get(label, ())
            found = self._meant[label, call] = self.scopes.among(label, seen, _event_of, call)
        return found

    def last(self, label: str, at: Event) -> Sighting | None:
        """What `label` had last when the event `at` was over; None if it had nothing yet."""
        for sightings in (self.meant(label, at), self.labels.get(label, ())):
            index = bisect_right(sightings, self.completion(at), key=_moment_of)
            if index:
                return sightings[index - 1]
        return None

    def held(self, label: str, at: Event) -> Value | None:
        """The same, of what came into this record as well: what is only read later had that value before."""
        found = self.last(label, at)
        if found is not None:
            return found.value
        first = next(iter(self.meant(label, at)), None)
        if first is None or first.value.when not in ("operand", "before") or self._events[first.event].kind == "call":
            return None
        return first.value


def as_left(record: Record) -> dict[str, Value]:
    """What each label's object holds at the end of a record, by label, in the order of events. A parameter that a view
    of it moved (`row = table[i]`, then `row -= …`) is known by what the record tells of it as a whole."""
    labels = Sightings(record).labels
    left = {value.label: labels[value.label][-1].value for value in _numbers(record) if value.label in labels}
    for each in record.parameters:
        held = left.get(each.name)
        if held is not None and held.copy is not None and held.copy == each.before.copy != each.after.copy:
            left[each.name] = _holding(held, each.after)
    return left


def _numbers(record: Record) -> Iterator[Value]:
    return (value for event in record.events for value in event.values if value.summary.kind != "other")


def _holding(held: Value, now: Value) -> Value:
    """What a label was seen to hold, with what it holds now."""
    return replace(held, when="after", summary=now.summary, copy=now.copy, pooled=now.pooled)


def _with_other_names(seen: list[Sighting]) -> Iterator[Sighting]:
    """Values in the order of their time, and after each what it says of the other names of the same memory. What has
    no name, an expression on the way, stays as it was computed."""
    latest: dict[str, Value] = {}
    names: dict[int, dict[str, None]] = {}
    for sighting in seen:
        yield sighting
        value = sighting.value
        label, memory = value.label, value.memory
        if not is_path(label):
            continue
        known = latest.get(label)
        if known is not None and known.memory != memory:
            names.get(known.memory, {}).pop(label, None)
        latest[label] = value
        if not memory:
            continue
        for other in names.setdefault(memory, {}):
            held = latest[other]
            if other != label and held.copy != value.copy:
                latest[other] = replace(held, when="after", summary=value.summary, copy=value.copy, pooled=value.pooled)
                yield Sighting(sighting.moment, sighting.event, latest[other])
        names[memory][label] = None


def nested(inner: Event, outer: Event) -> bool:
    """Whether `inner` stands in the body of the compound statement `outer`, not in a function that `outer` called. The
    place of a compound statement is that of its head."""
    return (
        inner.function == outer.function
        and inner.file == outer.file
        and (outer.end_line, outer.end_column) <= (inner.line, inner.column)
        and outer.column < inner.column
    )


def _moment_of(sighting: Sighting) -> Moment:
    return sighting.moment


def _event_of(sighting: Sighting) -> int:
    return sighting.event
