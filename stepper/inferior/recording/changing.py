"""What a statement is about to change: looked at before, and again when it is over.

An object that a probe announces is watched itself; of a receiver that is no tensor (a dict of arrays, a model, an
optimizer) what lies inside is. What such an object holds gets its names here, too.
"""

from __future__ import annotations

from types import FrameType
from typing import Any

from msgspec.structs import replace

from stepper.engines.base import Change, Engine
from stepper.inferior.recording.drafts import Draft, Frame, Happening, Key, Watched
from stepper.inferior.recording.members import DICTS, attribute_in, element_at, is_key, suffix
from stepper.inferior.recording.naming import attributes
from stepper.inferior.recording.observing import Observing
from stepper.inferior.recording.scalars import SCALARS, scalar_summary
from stepper.program.sites import Site
from stepper.program.vocabulary import names_gradient
from stepper.record import Role, When


class Changing(Observing):
    """The part of a recording that follows changes in place."""

    def _write(self, frame: Frame, site: Site, draft: Draft) -> Happening | None:
        """Add a draft to the event its site belongs to: a pending expression, or the statement that is running."""
        parent = site.parent
        if parent is not None and self.sites[parent].kind == "expression":
            frame.pending.setdefault(parent, []).append(draft)
            return None
        happening = frame.compounds.get(parent) if parent is not None else None
        happening = happening or (frame.open[0] if frame.open else frame.call)
        if happening is not None:
            happening.drafts.append(draft)
        return happening

    def _before(self, site: Site, number: int, value: Any, script_frame: FrameType) -> None:
        frame = self._frame(script_frame)
        if site.method == "setattr":
            frame.keyed[number] = value
            return
        if site.method == "backward" and site.loss:
            self.losses.backward(value)
        engine = self._owner(value)
        if engine is not None:
            when: When = "operand" if site.method == "backward" else "before"
            draft = self._draft(engine, value, site.label, site.role or self._role(site, frame), when)
            self._write(frame, site, draft)
            frame.latest[number] = draft
            if site.method == "resize":
                self._let_go(value)
                return
            self._remember(engine, value, site.label, None, draft, made=False)
            if site.method != "backward" and not engine.fixed(value):
                frame.watched.append(Watched(site.label, draft.role, value, draft))
        elif type(value) in SCALARS:
            draft = Draft(site.label, site.role or self._role(site, frame), "before", None, scalar_summary(value))
            self._write(frame, site, draft)
            self._meet_number(value, draft)
        elif site.keyed and (type(value) in DICTS or type(value) is list):
            frame.keyed[number] = value
        else:
            self._watch_members(frame, site, value)
            if not site.method and frame.open and frame.open[-1].phase == "update":
                self._watch_own_tensor(frame, site, value)
        for each in self._changers:
            found = list(each.changes(value, site.method or ""))
            for change in found:
                self._watch_change(frame, change, site)
            if found:
                frame.called.append((each, value, site.method or ""))

    def _changing(self, site: Site, value: Any, script_frame: FrameType) -> None:
        frame = self._frame(script_frame)
        self._watch_attribute(
            frame, site, value, site.attribute or "", site.label, site.role or self._role(site, frame)
        )

    def _watch_own_tensor(self, frame: Frame, site: Site, value: Any) -> None:
        """`w -= lr * w.grad`, where `w` is of a class of the script's own and keeps a gradient: its numbers are what it
        keeps in `data`, or in `_data` behind a property, and the gradient those of `grad`."""
        held = dict(attributes(value))
        numbers = next((name for name in ("data", "_data") if self._owner(held.get(name)) is not None), None)
        gradient = held.get("grad", held.get("_grad"))
        if numbers is None or gradient is None:
            return
        self._watch_attribute(frame, site, value, numbers, site.label, "parameter")
        if self._owner(gradient) is None:
            kept = dict(attributes(gradient))
            gradient = kept.get("data", kept.get("_data"))
        engine = self._owner(gradient)
        if engine is not None and self.following:
            draft = self._draft(engine, gradient, f"{site.label}.grad", "gradient", "operand")
            self.tracker.used_gradient(held[numbers], draft)

    def _watch_attribute(self, frame: Frame, site: Site, value: Any, attribute: str, label: str, role: Role) -> None:
        held = self._peek(value, attribute)
        engine = self._owner(held)
        if engine is not None:
            draft = self._draft(engine, held, label, role, "before")
            frame.watched.append(Watched(label, role, value, draft, peek=attribute))
            # A library's number, which another replaces, is known by the object that keeps it, as a plain one is.
            owner = None if type(held).__weakrefoffset__ else value
            self._remember(engine, held, label, None, draft, made=False, owner=owner)
            self._write(frame, site, draft)
        elif type(held) in SCALARS:
            draft = Draft(label, role, "before", None, scalar_summary(held))
            frame.watched.append(Watched(label, role, value, draft, peek=attribute))
            if self.following:
                self.tracker.met(label, role, held, draft, made=False, owner=value)
            self._write(frame, site, draft)
            self._meet_number(held, draft)

    def _meet_number(self, value: Any, draft: Draft) -> None:
        """A number was read, or is about to be replaced: a parameter is followed from here on."""
        if self.following:
            self.tracker.met(draft.label, draft.role, value, draft, made=False)

    def _meet_members(self, label: str, value: Any) -> None:
        """A model or an optimizer passed a probe: learn the names of the parameters inside, and follow them."""
        if (label, id(value)) in self._met:
            return
        self._met.add((label, id(value)))
        if label in self._passing_anywhere and self._namer.knows(value):
            return  # a loop's `layer`, that has a path of its own
        for engine in self._namer.knowing:
            engine.met(value, label)
            for path, member in engine.members(value):
                if self._owner(member) is not None:
                    self._names.give(member, f"{label}.{path}", label, in_list=type(value) in (list, tuple))
                    if engine.trainable(member):
                        self.parameter(f"{label}.{path}", member)
        self._namer.follow(label, value)

    def _watch_members(self, frame: Frame, site: Site, value: Any) -> None:
        """A receiver that is no tensor is about to change what lies inside: a dict of arrays, a model, an optimizer."""
        for key, element in self._members(value, site.label, site.role or "data", frame.innermost):
            self._watch_member(frame, site, value, key, element)
        self._meet_members(site.label, value)

    def _watch_member(
        self, frame: Frame, site: Site, value: Any, key: Key, element: Any, *, alone: bool = False
    ) -> None:
        """`alone`: it is this member that the statement stores, be it what was there."""
        owner = self._owner(element)
        known = site.role or self._role(site, frame)
        role, label = self._at(key, known) or known, attribute_in(site.label, key)
        if label:
            role = self._role_of_attribute(site, str(key))
        else:
            label = site.label + suffix(key, self.quote)
        if owner is not None:
            draft = self._draft(owner, element, label, role, "before")
        elif type(element) in (int, float) and role == "parameter":
            draft = Draft(label, role, "before", None, scalar_summary(element))
        else:
            return
        frame.watched.append(Watched(label, role, value, draft, key=key))
        if alone:
            self._write(frame, site, draft)
        if self.following:
            owner = keeper_of(value, key, element)
            self.tracker.met(label, role, element, draft, made=False, owner=owner, fresh=self._is_made(element))

    def _keyed(self, site: Site, number: int, key: Any, script_frame: FrameType) -> None:
        """What a container holds under this key, or an object in this attribute, is about to be replaced."""
        frame = self._frame(script_frame)
        value = frame.keyed.pop(number, None)
        if value is None:
            return
        if site.method == "setattr":
            if type(key) is str:
                role = self._role_of_attribute(site, key)
                self._watch_attribute(frame, site, value, key, f"{site.label}.{key}", role)
            return
        if not is_key(key):
            self._watch_members(frame, site, value)
            return
        self._watch_member(frame, site, value, key, element_at(value, key), alone=True)
        self._meet_members(site.label, value)

    def _role_of_attribute(self, site: Site, name: str) -> Role:
        """The role of an attribute that is set by its name: it is the same in all objects that have one."""
        if site.role in ("parameter", "gradient"):
            return site.role  # a record of such
        if self._attributes is None:
            roles = self.program.roles.items()
            self._attributes = {label.rpartition(".")[2]: role for label, role in roles if "." in label}
        return self._attributes.get(name, "gradient" if names_gradient(name) else "other")

    def _watch_change(self, frame: Frame, change: Change, site: Site) -> None:
        """A call is about to change a parameter, or the gradient that hangs on it."""
        label = self.label_of(change.owner) or (change.path if change.named else f"{site.label}.{change.path}")
        role: Role = change.role or "parameter"
        held = change.owner
        if change.key is not None:
            held = element_at(change.owner, change.key)
        elif change.attribute is not None:
            if change.role is None:
                label, role = f"{label}.{change.attribute}", "gradient"
            held = self._peek(change.owner, change.attribute)
        engine = self._owner(held)
        before: Draft | None = None
        if engine is not None:
            before = self._draft(engine, held, label, role, "before")
        elif type(held) in SCALARS:
            before = Draft(label, role, "before", None, scalar_summary(held))
        if before is not None and change.always:
            self._write(frame, site, before)
        frame.watched.append(Watched(label, role, change.owner, before, peek=change.attribute, key=change.key))

    def _after(self, happening: Happening, watched: Watched, changed: set[str]) -> None:
        value = watched.value
        if watched.peek is not None:
            value = self._peek(value, watched.peek)
        elif watched.key is not None:
            value = element_at(value, watched.key)
        engine = self._owner(value)
        if engine is None:
            draft = (
                Draft(watched.label, watched.role, "after", None, scalar_summary(value))
                if type(value) in SCALARS
                else None
            )
        else:
            draft = self._draft(engine, value, watched.label, watched.role, "after")
        if draft is None:
            return
        before = watched.before
        if before is not None and before not in happening.drafts:
            if before.same_value(draft):
                return  # one of many inside a receiver, and this call left it as it was
            happening.drafts.append(before)
        happening.drafts.append(draft)
        if engine is not None and (before is None or not before.same_value(draft)):
            self._look_beside(happening, engine, value, draft)
            if watched.key is not None:
                self._name_beside(happening, watched.value, suffix(watched.key, self.quote), draft)
        changed.add(watched.label)
        if self.following:
            owner = watched.value if watched.peek is not None else keeper_of(watched.value, watched.key, value)
            owner = owner if engine is None else None
            self.tracker.met(watched.label, watched.role, value, draft, made=True, event=happening, owner=owner)
        if engine is not None:
            for each in self._seers:
                each.seen(value, self.tracker.name_of(value, watched.label) or watched.label, happening.id, draft.copy)

    def _look_beside(self, happening: Happening, engine: Engine, value: Any, changed: Draft) -> None:
        """What a change in place did to what has another name, and lies in the same memory: `table`, of `row`."""
        for named, other in self._overlaps.changed(engine, value, changed):
            copy = self._look(other)
            if copy is not None and copy is not named.draft.copy:
                draft = replace(named.draft, when="after", copy=copy)
                happening.beside.append(draft)
                self._overlaps.met(named.engine, other, draft)

    def _name_beside(self, happening: Happening, container: Any, place: str, stored: Draft) -> None:
        """What was stored in a container is in it under each of its names, as far as it was seen under that: `m[0]`, of
        `m = v = [zeros]`."""
        for label in dict.fromkeys(name + place for name in self._names_of(container)):
            if label != stored.label and self._overlaps.knows(label):
                happening.beside.append(replace(stored, label=label))

    def _look_around(self, happening: Happening) -> None:
        """A comprehension or a lambda may have changed what it went through: all that has a name is looked at. A
        parameter was changed by this statement, as by any other; of other values it is told what they are now."""
        for track in list(self.tracker.tracks.values()) if self.following else ():
            value, known = track.value, track.after or track.before
            engine = self._owner(value)
            if engine is None or known.copy is None or engine.fixed(value) or self._copy(engine, value) is known.copy:
                continue
            label = self.tracker.name_of(value, track.label) or track.label
            draft = self._draft(engine, value, label, "parameter", "after")
            happening.drafts += [replace(draft, when="before", copy=known.copy), draft]
            self.tracker.met(track.label, "parameter", value, draft, made=True, event=happening)
        for named, other in self._overlaps.all():
            copy = self._look(other)
            if copy is not None and copy is not named.draft.copy:
                draft = replace(named.draft, when="after", copy=copy)
                happening.beside.append(draft)
                self._overlaps.met(named.engine, other, draft)


def keeper_of(value: Any, key: Key | None, element: Any) -> Any:
    """The dict that keeps a number under a key: one of many alike, as a rule (`neuron["b"]`)."""
    return value if type(value) in DICTS and isinstance(key, str) and type(element) in (int, float) else None
