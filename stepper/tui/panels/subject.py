"""What the viewer looks at: a value of the record, chosen by a label, by a parameter, or by the cursor. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from stepper.record import Value
from stepper.tui.scene import Scene


@dataclass(frozen=True)
class Pin:
    """What was opened, as long as the target is the same. With `parameter` it is the gradient that its update used,
    also where the cursor has not come to that yet."""

    generation: int
    label: str
    parameter: str = ""


@dataclass(frozen=True)
class Subject:
    """What is looked at: a label, its value by the cursor, and what that was before it was changed in place. `ahead`
    says where a value will be made that the cursor has not come to yet; empty for any other."""

    label: str
    value: Value | None
    before: Value | None
    ahead: str = ""

    def shown(self, what: str) -> Value | None:
        """The value for `before`, or for `after` and `difference`."""
        return self.before if what == "before" and self.before is not None else self.value


def holds(pin: Pin | None, scene: Scene) -> bool:
    """Whether something of this target was opened."""
    return pin is not None and pin.generation == scene.generation


def subject_of(scene: Scene, pin: Pin | None) -> Subject | None:
    """What was opened, or what the statement under the cursor made or read; None where it has no tensor."""
    history, cursor = scene.history, scene.event
    if history is None or cursor is None:
        return None
    if pin is not None and holds(pin, scene):
        label = pin.label
        parameters = history.record.parameters if pin.parameter else ()
        used = next((each.grad for each in parameters if each.name == pin.parameter), None)
        if used is not None:
            ahead = "" if history.seen(used, cursor) else history.place_of(used, cursor)
            return Subject(used.label, used, None, ahead)
    else:
        made = [*reversed([v for v in cursor.values if v.when != "operand"]), *cursor.values]
        found_label = next((value.label for value in made if value.copy is not None), None)
        if found_label is None:
            return None
        label = found_label
    found = history.last(label, cursor)
    if found is None:
        watched = next((each.value for each in scene.watched if each.value.label == label), None)
        return Subject(label, watched, None)
    whole = history.record.events[found.event].values
    before = next((v for v in whole if v.label == label and v.when == "before"), None)
    return Subject(label, found.value, before if found.value.when == "after" else None)
