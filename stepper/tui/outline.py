"""Which events of a record are shown as a tree: nested, some of them folded. Pure: knows no widget."""

from __future__ import annotations

from os.path import basename

from stepper.record import Event, ModuleCall
from stepper.tui.hints import POINTED_OUT, results
from stepper.tui.history import History

LARGE = 60
"""An event with more events inside than this is folded until someone unfolds it."""
TRAIN, EVAL, SIGN = " · train", " · eval", f" {POINTED_OUT}"
Site = tuple[str, int, int, str, str]


class Outline:
    """The tree of one record. `folds` says what was folded and unfolded by hand, by place in the source, so that it
    holds in every iteration."""

    def __init__(self, history: History, folds: dict[Site, bool]) -> None:
        self.history = history
        self.events = history.record.events
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


def text_of(event: Event, history: History) -> str:
    """What an event's line says it is: the first line of its text, and the mode that a layer was called in."""
    lines = event.text.splitlines()
    text = lines[0] + (" …" if len(lines) > 1 else "") if lines else event.kind
    return text + mode_of(event, history)


def mode_of(event: Event, history: History) -> str:
    """The mode that a layer was called in, with a sign where the loss is trained through one that it changes."""
    if not isinstance(event.detail, ModuleCall):
        return ""
    return (TRAIN if event.detail.training else EVAL) + (SIGN if event.id in history.in_evaluation else "")


def result_of(event: Event, history: History) -> str:
    """What an event's line says that it computed; of a call into another file, which that is."""
    elsewhere = event.kind == "call" and event.file != history.record.home
    return "  ".join(filter(None, [results(event), f"{basename(event.file)}:{event.line}" if elsewhere else ""]))


def find(history: History, text: str, start: int, again: bool = False) -> int | None:
    """The next event after `start`, from the beginning again after the end, that has `text` in its own text, in the
    label of a value, or in what its line says else; `nan` and `inf` find events that made such values. A whole name
    leads to where it is made, or a layer of that name is called, and from there, `again`, to whatever else has it. What
    no line has may be part of a function's name, with its class: to its call."""
    wanted = text.lower()
    events = history.record.events
    order = [events[(start + offset) % len(events)] for offset in range(1, len(events) + 1)]
    found = None if again else next((event.id for event in order if _makes(event, text)), None)
    if found is not None:
        return found
    found = next((event.id for event in order if _matches(event, wanted, history)), None)
    if found is not None:
        return found
    return next((event.id for event in order if event.kind == "call" and wanted in event.function.lower()), None)


def _makes(event: Event, name: str) -> bool:
    if event.kind == "module" and f".{event.text}".endswith(f".{name}"):
        return True
    return any(value.label == name and value.when == "result" for value in event.values)


def _matches(event: Event, wanted: str, history: History) -> bool:
    if wanted in ("nan", "inf"):
        made = [value.summary for value in event.values if value.when in ("result", "after")]
        return any((s.nan if wanted == "nan" else (s.inf or 0) + (s.neginf or 0)) for s in made)
    kind = event.function if event.kind in ("module", "optimizer") else ""  # of a layer, `Linear`
    if wanted in event.text.lower() or wanted in kind.lower():
        return True
    if any(wanted in value.label.lower() for value in event.values):
        return True
    return wanted in text_of(event, history).lower() or wanted in result_of(event, history).lower()


def _site(event: Event) -> Site:
    return (event.file, event.line, event.column, event.kind, event.text)
