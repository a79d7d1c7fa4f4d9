"""Which events of a record are shown as a tree: nested, some of them folded. Pure: knows no widget."""

from __future__ import annotations

from stepper.record import Event
from stepper.tui.history import History

LARGE = 60
"""An event with more events inside than this is folded until someone unfolds it."""
Site = tuple[str, int, int, str, str]


class Outline:
    """The tree of one record. `folds` says what was folded and unfolded by hand, by place in the source, so that it
    holds in every iteration."""

    def __init__(self, history: History, folds: dict[Site, bool]) -> None:
        self.history = history
        self.events, self.home = history.record.events, history.record.home
        self.folds = folds
        self.depths = [0] * len(self.events)
        for event in self.events:
            if event.parent is not None and 0 <= event.parent < event.id:
                self.depths[event.id] = self.depths[event.parent] + 1
        self._shown: list[int] = []
        self._places: dict[int, int] = {}
        self._key: tuple[int, ...] | None = None

    def inside(self, event: int) -> int:
        """How many events happened inside `event`."""
        return self.history.end(event) - event

    def folded(self, event: int) -> bool:
        """Whether what is inside `event` is hidden, unless the cursor is in it."""
        inside = self.inside(event)
        return inside > 0 and self.folds.get(_site(self.events[event]), inside > LARGE)

    def fold(self, event: int, on: bool) -> None:
        """Hide or show what is inside `event`."""
        self.folds[_site(self.events[event])] = on
        self._key = None

    def shown(self, cursor: int) -> list[int]:
        """The events that are shown, in order; those around the cursor are always open."""
        opened = tuple(event for event in self.history.ancestors(cursor) if self.folded(event))
        if opened != self._key:
            self._key = opened
            self._shown = []
            index = 0
            while index < len(self.events):
                self._shown.append(index)
                hidden = index not in opened and self.folded(index)
                index = self.history.end(index) + 1 if hidden else index + 1
            self._places = {event: place for place, event in enumerate(self._shown)}
        return self._shown

    def place(self, event: int) -> int:
        """The line on which `event` is shown, as of the last `shown`; 0 where it is hidden."""
        return self._places.get(event, 0)


def find(history: History, text: str, start: int, again: bool = False) -> int | None:
    """The next event after `start`, from the beginning again after the end, that has `text` in its own text or in the
    label of a value; `nan` and `inf` find events that made such values. A whole name leads to where it is made, and
    from there, `again`, to whatever else has it."""
    wanted = text.lower()
    events = history.record.events
    order = [events[(start + offset) % len(events)] for offset in range(1, len(events) + 1)]
    found = None if again else next((event.id for event in order if _makes(event, text)), None)
    return found if found is not None else next((event.id for event in order if _matches(event, wanted)), None)


def _makes(event: Event, name: str) -> bool:
    return any(value.label == name and value.when == "result" for value in event.values)


def _matches(event: Event, wanted: str) -> bool:
    if wanted in ("nan", "inf"):
        made = [value.summary for value in event.values if value.when in ("result", "after")]
        return any((s.nan if wanted == "nan" else (s.inf or 0) + (s.neginf or 0)) for s in made)
    if wanted in event.text.lower() or wanted in event.function.lower():
        return True
    return any(wanted in value.label.lower() for value in event.values)


def _site(event: Event) -> Site:
    return (event.file, event.line, event.column, event.kind, event.text)
