"""Parameters through one iteration: the value before, the value after, and the gradient that the update used."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from stepper.engines.names import Names
from stepper.inferior.drafts import Draft, Happening
from stepper.inferior.store import Copy
from stepper.record import Role


class Track:
    """One parameter in this iteration. `value` is the object last seen under its name."""

    def __init__(self, name: str, value: Any, before: Draft) -> None:
        self.name = name
        self.value = value
        self.before = before
        self.after: Draft | None = None
        self.grad: Draft | None = None
        self.updates: list[Happening] = []


class Tracker:
    """Follows the parameters of one iteration from their first sight to the end of the pass."""

    def __init__(self, names: Names, look: Callable[[Any], Copy | None]) -> None:
        self._names = names
        self._look = look
        self.tracks: dict[str, Track] = {}
        self._by_object: dict[int, Track] = {}

    def name_of(self, value: Any) -> str | None:
        """The path of a parameter inside a model or an optimizer."""
        return self._names.get(value)

    def follow(self, name: str, value: Any, copy: Copy) -> Track:
        """Follow `value`, unless this object is followed already."""
        track = self._by_object.get(id(value))
        if track is None or track.value is not value:
            canonical = self._names.get(value) or name
            track = self.tracks.get(canonical)
            if track is None:
                track = self.tracks[canonical] = Track(canonical, value, Draft(canonical, "parameter", "before", copy))
            self._by_object[id(value)] = track
        return track

    def met(
        self, label: str, role: Role, value: Any, draft: Draft, *, made: bool, event: Happening | None = None
    ) -> None:
        """A value passed a probe inside the pass; `made`: it was bound or changed there, in `event`."""
        held = self._by_object.get(id(value)) if draft.copy is not None else None
        track = held if held is not None and held.value is value else None
        if track is None:
            if role != "parameter":
                return
            name = (self._names.get(value) if draft.copy is not None else None) or label.removesuffix(".data")
            track = self.tracks.get(name)
            if track is None:
                if made and draft.when == "result":
                    return  # made before it was ever read: no parameter that came into this pass
                before = Draft(name, "parameter", "before", draft.copy, draft.summary)
                track = self.tracks[name] = Track(name, value, before)
            elif made:
                track.value = value
            if draft.copy is not None and not label.endswith(".data"):
                self._by_object[id(value)] = track
        if made:
            track.after = draft
            if event is not None:
                track.updates.append(event)

    def used_gradient(self, parameter: Any, gradient: Draft) -> None:
        """The gradient that an optimizer is about to use for `parameter`."""
        track = self._by_object.get(id(parameter))
        if track is not None and track.value is parameter:
            track.grad = gradient

    def end_pass(self) -> None:
        """The pass is over: what each parameter holds now is what it became, whoever changed it."""
        for track in self.tracks.values():
            copy = self._look(track.value)
            if copy is not None:
                track.after = Draft(track.name, "parameter", "after", copy)
            track.value = None
        self._by_object.clear()
