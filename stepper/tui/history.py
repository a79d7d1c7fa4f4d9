"""What had happened by the cursor: the last value of each label, what each line computed, which lines had run.

Built once for each record; every question is then answered by bisection, so that a step costs the same in an iteration
of ten events and of ten thousand. Pure.
"""

from bisect import bisect_right
from collections.abc import Iterable
from functools import cached_property

from stepper.record import CUT, Event, Record, Value, place
from stepper.session.findings.evaluated import in_evaluation
from stepper.session.findings.left_out import Why, in_short, left_out
from stepper.session.findings.nonfinite import first_nonfinite
from stepper.session.findings.pointed_out import points_out
from stepper.session.findings.sightings import Moment, Sighting, Sightings
from stepper.session.findings.telling import which_loss
from stepper.tui.names import Names, names_of
from stepper.tui.updates import Updates


class History:
    """One record, indexed."""

    def __init__(self, record: Record) -> None:
        self.record = record
        events = record.events
        self._sightings = Sightings(record)
        self._ends, self.compound = self._sightings.ends, self._sightings.compound
        self.labels = self._sightings.labels
        self._lines: dict[str, dict[int, list[tuple[Moment, int]]]] = {}
        self._starts: dict[tuple[str, int], int] = {}
        self._copies: dict[int, Sighting] = {}
        for event in events:
            if event.kind == "statement":
                self._starts.setdefault((event.file, event.line), event.id)
                lines = self._lines.setdefault(event.file, {})
                lines.setdefault(event.line, []).append((self.completion(event), event.id))
        for sighting in self._sightings.all:
            if sighting.value.copy is not None:
                self._copies.setdefault(sighting.value.copy, sighting)
        for lines in self._lines.values():
            for completions in lines.values():
                completions.sort()
        self.updates = Updates(record)
        self.nonfinite = first_nonfinite(events, self.completion)
        self.order = sorted(self.labels, key=lambda label: self.labels[label][0].moment)

    @cached_property
    def names(self) -> Names:
        """Makes its labels short where there is little room."""
        return names_of(tuple(self.labels))

    def completion(self, event: Event) -> Moment:
        """When `event` was over."""
        return self._sightings.completion(event)

    def last(self, label: str, cursor: Event) -> Sighting | None:
        """The value that `label`, as it is meant where the cursor stands, had last when the event there was over; None
        if it had none yet."""
        return self._sightings.last(label, cursor)

    def held(self, label: str, cursor: Event) -> Value | None:
        """The same, of what the script had before this record as well, where it is read in it."""
        return self._sightings.held(label, cursor)

    def seen(self, value: Value | None, cursor: Event) -> bool:
        """Whether `value` was there when the event under the cursor was over. Unknown values count as seen."""
        if value is None or value.copy is None or value.copy not in self._copies:
            return True
        return self._copies[value.copy].moment <= self.completion(cursor)

    def cuts(self, sighting: Sighting) -> bool:
        """Whether the graph of gradients ends at a value, though an optimizer has parameters that it was made of."""
        for each in reversed(self.labels.get(sighting.value.label, [])):
            if each.moment <= sighting.moment and each.value.when in ("result", "after"):
                return CUT in self.record.events[each.event].note  # it was made there, and has been read since
        return False

    def place_of(self, value: Value | None, cursor: Event) -> str:
        """Where `value` was first seen, to be read: `line 12`, with the file where the cursor stands in another; empty
        where that is not known."""
        if value is None or value.copy is None or value.copy not in self._copies:
            return ""
        event = self.record.events[self._copies[value.copy].event]
        return place(event.line, "" if event.file == cursor.file else event.file)

    def reached(self, cursor: Event) -> Moment:
        """When the lines have run that are ticked: at the head of a function its body is still to come."""
        return (cursor.id, -cursor.id) if cursor.kind == "call" else self.completion(cursor)

    def executed(self, line: int, cursor: Event) -> bool:
        """Whether a statement of `line`, in the cursor's file, had begun when the event under the cursor was over."""
        start = self._starts.get((cursor.file, line))
        return start is not None and start <= self.reached(cursor)[0]

    def computed(self, line: int, cursor: Event) -> Event | None:
        """The statement of `line`, in the cursor's file, that was over last."""
        completions = self._lines.get(cursor.file, {}).get(line)
        if not completions:
            return None
        index = bisect_right(completions, self.reached(cursor), key=lambda pair: pair[0])
        return self.record.events[completions[index - 1][1]] if index else None

    def pointed_out_in(self, caller: Event) -> Event | None:
        """Of a statement that calls a function: the first event in that by which something is pointed out."""
        return self._callers.get(caller.id)

    @cached_property
    def _callers(self) -> dict[int, Event]:
        found: dict[int, Event] = {}
        events = self.record.events
        for event in filter(points_out, events):
            around, left = event, False  # whether a function was left on the way out
            while around.parent is not None:
                around = events[around.parent]
                if left and around.kind == "statement":
                    found.setdefault(around.id, event)
                    left = False
                left = left or around.kind == "call"
        return found

    def lines(self, file: str) -> Iterable[int]:
        """Lines of a file on which something ran in this record."""
        return self._lines.get(file, {})

    @cached_property
    def phases(self) -> dict[str, dict[int, str]]:
        """By file, the phase that each of those lines was in first."""
        events = self.record.events
        return {
            file: {line: events[min(event for _, event in done)].phase for line, done in lines.items()}
            for file, lines in self._lines.items()
        }

    def touched(self, cursor: Event) -> tuple[set[str], set[str]]:
        """Labels that the event under the cursor changed or made, and those it only read, inner events included."""
        events = self.record.events
        last = self.completion(cursor)[0]
        changed: set[str] = set()
        read: set[str] = set()
        for index in range(cursor.id, min(last, cursor.id + 1000) + 1):
            for value in (*events[index].values, *events[index].beside):
                if not self._is_another(value.label, index, cursor):
                    (read if value.when == "operand" else changed).add(value.label)
        return changed, read - changed

    def _is_another(self, label: str, event: int, cursor: Event) -> bool:
        """Whether a label is a function's own name there, and means something else where the cursor stands."""
        scopes = self._sightings.scopes
        call = scopes.calls[event]
        if call == scopes.calls[cursor.id] or not scopes.is_local(label, call):
            return False
        return all(scopes.calls[each.event] != call for each in self._sightings.meant(label, cursor))

    def statement(self, cursor: Event) -> Event:
        """The statement that `cursor` belongs to: itself, or the nearest around it."""
        event = cursor
        while event.kind != "statement" and event.parent is not None:
            event = self.record.events[event.parent]
        return event

    @cached_property
    def in_evaluation(self) -> frozenset[int]:
        """The calls of layers in evaluation mode that the loss is trained through, as `session.evaluated` has it."""
        return frozenset(event.id for event in in_evaluation(self.record))

    @cached_property
    def left_out(self) -> dict[str, Why]:
        """The parameters whose gradient no step used, or that got none, and why, as `session.left_out` has it."""
        return left_out(self.record)

    def why_left_out(self, name: str) -> str:
        """Why in few words."""
        return in_short(self.record, name, self.left_out[name])

    @cached_property
    def which_loss(self) -> str:
        """Which of several losses is the iteration's, as `session.telling` has it."""
        return which_loss(self.record)

    @cached_property
    def final(self) -> int:
        """The statement that was over last, at which every value is there; the last event where there is none."""
        statements = [event for event in self.record.events if event.kind == "statement"]
        return max(statements or self.record.events, key=self.completion).id

    def end(self, event: int) -> int:
        """The last event inside `event`: itself where there is none."""
        return self._ends[event]

    def ancestors(self, event: int) -> list[int]:
        """The events around `event`, the nearest first."""
        found: list[int] = []
        parent = self.record.events[event].parent
        while parent is not None and 0 <= parent < len(self.record.events):
            found.append(parent)
            parent = self.record.events[parent].parent
        return found

    def stack(self, cursor: Event) -> list[tuple[str, int]]:
        """The functions around the cursor, the innermost first: each with the line at which the cursor stands in it;
        the loop's own frame, without a name, is the last."""
        frames: list[tuple[str, int]] = []
        event, line = cursor, cursor.line
        for parent in [self.record.events[index] for index in self.ancestors(cursor.id)]:
            if event.kind == "call":
                frames.append((event.function, line))
                line = parent.line
            event = parent
        return [*frames, ("", line)]

    @cached_property
    def entered(self) -> set[str]:
        """What was NaN or infinite before anything became so in this iteration, by its label, or a parameter's name."""
        first = None if self.nonfinite is None else self.completion(self.record.events[self.nonfinite])
        until = [event for event in self.record.events if first is None or self.completion(event) <= first]
        here = {value.copy for event in until for value in event.values if value.when in ("result", "after")}
        read = {
            value.label
            for event in until
            for value in event.values
            if value.when in ("operand", "before") and value.summary.nonfinite
            if value.copy is None or value.copy not in here
        }
        return read | {each.name for each in self.record.parameters if each.before.summary.nonfinite}

    @cached_property
    def made(self) -> set[str]:
        """What became NaN or infinite in this iteration, or stayed so while it was changed."""
        bound = {
            value.label
            for event in self.record.events
            for value in event.values
            if value.when in ("result", "after") and value.summary.nonfinite
        }
        return bound | {each.name for each in self.record.parameters if each.after.summary.nonfinite}
