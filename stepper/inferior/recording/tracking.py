"""Parameters through one iteration: the value before, the value after, and the gradient that the update used."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Container, Hashable
from typing import Any

from stepper.engines.layout import Layout
from stepper.engines.names import Names, is_place
from stepper.inferior.recording.copies import Copy
from stepper.inferior.recording.drafts import Draft, Happening, holder_of
from stepper.inferior.recording.spans import Spans
from stepper.inferior.recording.tracks import Look, Track, View
from stepper.record import Role

ELEMENT = re.compile(r"""\[(\d+|'[^']*'|"[^"]*")\]$""")  # what a list or dict holds under a key that is spelt out


class Tracker:
    """Follows the parameters of one iteration from their first sight to the end of the pass."""

    def __init__(
        self,
        names: Names,
        look: Callable[[Any], Copy | None],
        called: Callable[[Any], str | None] = lambda _: None,
        place: Callable[[Any], Hashable] = id,
        layout: Callable[[Any], Layout | None] = lambda _: None,
        learn: Callable[[], None] = lambda: None,
        frozen: Callable[[Any], bool] = lambda _: False,
        gradient: Callable[[Any], Copy | None] = lambda _: None,
    ) -> None:
        """`look` gives a copy of a value as it is now; `called` says what the script calls it, `place` where it lies,
        and `layout` how. `learn` learns further `paths`, where those that are known do not do;
        `frozen` says whether no gradient of a value is asked for, `gradient` what its `.grad` holds now."""
        self._names = names
        self.paths = Names()  # through the script's own objects: what tells parameters of one label apart
        self._look = look
        self._learn = learn
        self._frozen = frozen
        self._gradient = gradient
        self._called = called
        self._layout = layout
        self._spans: Spans[Track] = Spans(self._span)
        self._place = place  # where a value lies: two objects over the same memory have the same
        self._places: dict[Hashable, Track] = {}
        self._placed = 0  # how many tracks there were when those were noted
        self.tracks: dict[str, Track] = {}
        self._by_object: dict[int, Track] = {}
        self._by_owner: dict[tuple[str, int], Track] = {}
        self._ahead: dict[int, Any] = {}  # what a second name of a parameter was bound to
        self.gathered: set[str] = set()  # lists that this pass made of what exists already
        self.copied: set[str] = set()  # and those that it made as copies of others
        self._tried: dict[int, tuple[Any, Track, Draft, Happening]] = {}  # what was stored in such a copy
        self._made: set[tuple[str, int]] = set()  # numbers that this pass itself made
        self.renamed: dict[str, str] = {}  # places in an optimizer, and what their parameters turned out to be called
        self.makes_all = False  # the whole script is the pass: what it makes are its parameters
        self.keeps_data = False  # `p.data` is an attribute like any other of the script's own objects
        self._latest: dict[str, Track] = {}  # by label: `layer.w` is another parameter in each turn of a loop

    def name_of(self, value: Any, label: str | None) -> str | None:
        """The path of a parameter inside a model or an optimizer, or of what several objects keep under one name; else
        what it is followed as, whatever function has another name for it."""
        best = self._names.best(value, label)
        if best is None or best != label:
            return best
        track = self._of_object(value)
        followed = best if track is None or is_place(track.name) else track.name
        return self.paths.told_apart(value, best) or followed

    def follow(self, name: str, value: Any, *, certain: bool = True) -> Track:
        """Follow `value`, unless this object is followed already. Not `certain`: it is a parameter if it is changed."""
        track = self._of_object(value)
        if track is None:
            given = self._names.get(value)
            best = self._names.best(value, name) or name
            track = self._latest.get(best)
            if track is None or (given is not None and self._names.get(track.value) == given):
                track = self._add(best, value, Draft(best, "parameter", "before", self._look(value)), None)
            self._by_object[id(value)] = track
        track.asked = track.asked or not certain
        if certain and (not track.asked or self._names.get(value) is not None):
            track.certain = True  # and not only under another name, in a function that is handed an input
        return track

    def met(
        self,
        label: str,
        role: Role,
        value: Any,
        draft: Draft,
        *,
        made: bool,
        event: Happening | None = None,
        owner: Any = None,
        fresh: bool = False,
    ) -> None:
        """A value passed a probe inside the pass; `made`: it was bound or changed there, in `event`.

        `owner` is the object that keeps a scalar in an attribute. `fresh`: the value was made in this pass.
        """
        kept = self.keeps_data and draft.copy is not None and bool(draft.copy.outline.shape)  # a number is its object's
        bare = label if kept else label.removesuffix(".data")
        look = Look(label, bare, role, value, draft, made, event, owner, fresh)
        track = self._of_object(value) if look.whole else self._by_owner.get((bare, id(owner)))
        if track is None and look.whole:
            if self._is_tried(look) or self._is_part(look):
                return
            track = self._beneath(value) if bare != label else None
        track = track or self._taken_up(look, kept)
        if track is None:
            return
        if track.fresh and (look.bound or look.changed):
            track = self._replaced(bare, track)
        self._latest[bare] = track
        handed_on = look.whole and track.value is value and draft.copy is (track.after or track.before).copy
        if made and not (draft.when == "result" and handed_on):
            track.after = draft
            track.in_place = track.in_place or draft.when == "after"
            if event is not None:
                track.updates.append(event)

    def _is_part(self, look: Look) -> bool:
        """Whether a value lies in the memory of a parameter, or is all of it in another order: it changes with it."""
        if look.changed and look.role != "parameter":
            held = next(self._spans.all_around(look.value, whole=True), None)  # `w.view(-1).sub_(…)` changes w
        elif look.role == "parameter":
            held = self._around(look.value, look.bound and look.bare in self._latest)  # unless `w = w.T`
        else:
            held = None
        if held is not None and look.changed and look.event is not None:
            held.updates.append(look.event)
            held.in_place = True
            self._changed_through(held, look.bare, look.value, look.draft, look.event)
        return held is not None

    def _taken_up(self, look: Look, kept: bool) -> Track | None:
        """The parameter whose name a value was met under, or a new one; None for what is no parameter that came into
        this pass. `kept`: it is called `.data` for what it is, and not for where it lies."""
        if look.role != "parameter":
            if look.whole and not look.made:
                self._latest.pop(look.bare, None)  # in this turn of a loop `params[k]` is something else
            return None
        track, place = self._of_name(look), (look.bare, id(look.owner))
        if track is None and look.bound:
            if not look.whole:
                self._made.add(place)
            return None  # made before it was ever read
        if track is None and not look.whole and place in self._made and not self.makes_all:
            return None
        if track is not None and look.owner is not None and track.owner is None and not track.updates:
            del self.tracks[track.name]  # numbers read under this path, before it was known whose they are
            track = None
        if look.whole and look.bound and track is not None and self._is_second(track, look.bare):
            self._ahead[id(look.value)] = look.value  # `w = params["w"]`, then `w = w - …`: it may be stored there yet
        if self._ahead.get(id(look.value)) is look.value and self._is_local(look.bare):
            return None
        if track is None or not self._is_rebound(track, look.bare, look.whole, look.made, look.owner):
            name = (self._names.best(look.value, look.bare) if look.whole else None) or look.bare
            before = Draft(name, "parameter", "before", look.draft.copy, look.draft.summary)
            track = self._add(name, look.value, before, look.owner)
            track.fresh = look.fresh
        elif look.made:
            track.previous, track.value = track.value, look.value
            if look.whole:
                self._spans.put(track)
        if look.whole and (kept or not look.label.endswith(".data")):
            self._by_object[id(look.value)] = track
        elif look.owner is not None:
            self._by_owner[place] = track
        return track

    def _of_name(self, look: Look) -> Track | None:
        """The parameter that was met under this name last. A sum of NumPy's 0-d arrays is no array: it is still one."""
        track = self._latest.get(look.bare)
        before = track.before.copy if track is not None else None
        if track is None or before is None or look.draft.copy is None or type(look.value) is type(track.value):
            return track
        single = look.made and before.outline.shape == look.draft.copy.outline.shape == ()
        return track if single else None

    def _is_tried(self, look: Look) -> bool:
        """Whether a value was stored in a copy of the list that has the parameter (`tried[k] = moved`): until the pass
        is over, it is not known whether it takes its place, or was only tried."""
        if id(look.value) in self._tried and self._tried[id(look.value)][0] is look.value:
            return True
        stored = look.changed and ELEMENT.search(look.label) is not None
        track = self._latest.get(look.bare) if stored and holder_of(look.label) in self.copied else None
        if track is None or look.event is None:
            return False
        self._tried[id(look.value)] = look.value, track, look.draft, look.event
        return True

    def _settle_tried(self) -> None:
        """The copy took the place of what it is a copy of, where nothing else moved that."""
        for value, track, draft, event in self._tried.values():
            if all(each in track.tried for each in track.updates):
                track.value, track.after = value, draft
                track.updates.append(event)
                track.tried.append(event)
        self._tried.clear()

    def _replaced(self, label: str, stepped: Track) -> Track:
        """`w = new`, or `params.update(new)`, where `new` is a copy that was stepped: what became of that became of the
        parameter."""
        track = self._latest.get(label)
        if track is None or track is stepped or track.updates or self.tracks.get(stepped.name) is not stepped:
            return stepped
        del self.tracks[stepped.name]
        track.previous, track.value = track.value, stepped.value
        stepped.value = stepped.previous = None
        track.after, track.updates, track.in_place = stepped.after, stepped.updates, stepped.in_place
        track.rows, track.views = stepped.rows, stepped.views
        self._by_object[id(track.value)] = track
        self._spans.put(track)
        return track

    def _span(self, value: Any) -> tuple[int, int] | None:
        layout = self._layout(value)
        return None if layout is None else layout.span

    def _around(self, value: Any, anew: bool) -> Track | None:
        """The parameter that a value is a part of, or, unless it takes its place `anew`, all of in another order."""
        held = self._spans.around(value)
        if held is not None or anew:
            return held
        layout = self._layout(value)
        looks = (each for each in self._spans.all_around(value, whole=True) if self._layout(each.value) != layout)
        return next(looks, None)

    def _changed_through(self, track: Track, label: str, value: Any, draft: Draft, event: Happening) -> None:
        """A parameter was changed by way of a part of it, which has a name of its own."""
        whole, part = self._layout(track.value), self._layout(value)
        before = next((each for each in event.drafts if each.when == "before" and each.label == draft.label), None)
        if whole is None or part is None or before is None:
            return
        view = next((each for each in track.views if (each.whole, each.part) == (whole, part)), None)
        if view is None:
            view = View(whole, part, Track(label, label, None, before, None))
            track.views.append(view)
        view.track.after = draft
        view.track.updates.append(event)

    def _beneath(self, data: Any) -> Track | None:
        """The parameter whose `.data` this is: another object, over the same memory."""
        if self._placed != len(self.tracks):
            tracks = [track for track in self.tracks.values() if track.before.copy is not None]
            self._places = {self._place(track.value): track for track in tracks}
            self._placed = len(self.tracks)
        return self._places.get(self._place(data))

    def _of_object(self, value: Any) -> Track | None:
        track = self._by_object.get(id(value))
        return track if track is not None and (track.value is value or track.previous is value) else None

    @staticmethod
    def _is_local(label: str) -> bool:
        return "." not in label and "[" not in label

    def _is_second(self, track: Track, label: str) -> bool:
        """Whether a local name is a second one of a parameter that is known by its place in a dict or list."""
        return self._is_local(label) and ELEMENT.search(track.label) is not None

    @staticmethod
    def _is_rebound(track: Track, label: str, whole: bool, made: bool, owner: Any) -> bool:
        """Whether an unknown value under a known label is the new value of the parameter that was last seen there.

        An attribute or element that is bound anew is; a local name only where the parameter is known by it.
        """
        if not whole and owner is None:
            return True  # a number under a name
        return made and owner is None and (label == track.label or "." in label or "[" in label)

    def _add(self, label: str, value: Any, before: Draft, owner: Any) -> Track:
        name = _free(label, self.tracks)
        track = self.tracks[name] = self._latest[label] = Track(name, label, value, before, owner)
        if before.copy is not None:
            self._spans.put(track)
        track.path = self._path(track)
        track.apart = owner is None and self.paths.told_apart(value, label) is not None
        return track

    def _path(self, track: Track) -> str | None:
        """The path of a parameter through the script's own objects; of a number, what its owner keeps it under."""
        path = self.paths.get(track.value if track.owner is None else track.owner)
        if path is None or track.owner is None:
            return path
        if track.label.endswith("]"):
            return path + track.label[track.label.rindex("[") :]
        return path + "." + track.label.rpartition(".")[2] if "." in track.label else path

    def _find_paths(self) -> None:
        """Look further for the paths of parameters that bear one label: through the names of functions, too."""
        labels = Counter(track.label for track in self.tracks.values())
        alike = [track for track in self.tracks.values() if labels[track.label] > 1 and track.path is None]
        if alike:
            self._learn()
        for track in alike:
            track.path = self._path(track)

    def used_gradient(self, parameter: Any, gradient: Draft | None) -> None:
        """The gradient that an optimizer is about to use for `parameter`; None: it used none after all."""
        track = self._of_object(parameter)
        if track is not None:
            track.grad = gradient

    def passed_over(self, parameter: Any, begun: int) -> None:
        """An optimizer takes its step without a gradient of `parameter`, which it has; `begun` events have by now."""
        track = self._of_object(parameter)
        if track is not None:
            track.passed_over = begun

    def rests(self, parameter: Any, optimizer: str) -> None:
        """The optimizer that has `parameter` took no step."""
        track = self._of_object(parameter)
        if track is not None:
            track.resting = optimizer

    @property
    def idle(self) -> bool:
        """Whether a parameter that an engine knows as one has not been moved, and no step passed it over."""
        return any(each.certain and not (each.moved or each.passed_over) for each in self.tracks.values())

    def arrived_gradient(self, parameter: Any, gradient: Draft) -> None:
        """What a backward pass that added to the gradient of `parameter` has left there."""
        track = self._of_object(parameter)
        if track is not None:
            track.arrived = gradient

    def returned_gradient(self, parameter: Any, gradient: Draft) -> None:
        """A gradient of `parameter` that the script was given."""
        track = self._of_object(parameter)
        if track is not None:
            track.returned = gradient

    def join(self, behind: Tracker) -> None:
        """Take in the parameters that were moved behind the pass (by `behind`, when it is over), and not in it: the
        generator's step after some of the discriminator's. Of one that both moved, the pass's figures stand."""
        self.renamed.update(behind.renamed)
        ends = {id(each.copy): track for track in self.tracks.values() if (each := track.after or track.before).copy}
        tracks = dict(self.tracks)
        for later in behind.tracks.values():
            if not later.moved:
                continue
            later.behind = later.updates[-1] if later.updates else None
            copy = later.before.copy
            known = self.tracks.get(later.name) if copy is None else ends.get(id(copy))
            if known is not None and known.moved:
                known.behind = later.behind
                continue
            later.between = True
            later.name = _free(later.name, tracks) if known is None else known.name
            tracks[later.name] = later
        self.tracks = tracks

    def _tell_apart(self) -> None:
        """Parameters that methods call by one name (`self.W`) are called by the objects that keep them."""
        bearers: dict[str, list[Track]] = {}
        for track in self.tracks.values():
            bearers.setdefault(track.label, []).append(track)
        taken = set(self.tracks)
        for tracks in bearers.values():
            paths = {track.path for track in tracks}
            alone = len(tracks) == 1 and not tracks[0].apart
            if not alone and len(paths) == len(tracks) and None not in paths and not paths & taken:
                for track in tracks:
                    track.name = track.path or track.name

    def _gather_rows(self) -> None:
        """The rows of a nested list that is followed itself (`w[i][j] -= …`) are parts of it, and no parameters."""
        for track in list(self.tracks.values()):
            held = track.value if type(track.value) is list and track.name in self.tracks else []
            met = [self._row_of(track, value) for value in held if type(value) is list]
            rows = [row for row in met if row is not None]
            for row in rows:
                self.tracks.pop(row.name, None)
                copy = self._look(row.value)
                row.after = Draft(row.name, "parameter", "after", copy)
            track.updates = sorted({each.id: each for one in (track, *rows) for each in one.updates}.values(), key=_id)
            track.rows = met if rows and len(met) == len(held) else []

    def _row_of(self, track: Track, value: Any) -> Track | None:
        row = self._by_object.get(id(value))
        return row if row is not None and row is not track and row.value is value else None

    def _leave_views_out(self) -> None:
        """Another look at a parameter is none by itself, nor a slice that was read before the whole was known, also
        where it was taken anew: a name that was bound to another look was not moved by that."""
        for name, track in list(self.tracks.items()):
            by_itself = track.certain or track.in_place
            others = () if by_itself else self._spans.all_around(track.value, track)
            if any(other.certain or other.updates for other in others if self.tracks.get(other.name) is other):
                del self.tracks[name]

    def end_pass(self) -> None:
        """The pass is over: what each parameter holds now is what it became, whoever changed it."""
        self._settle_tried()
        self._gather_rows()
        self._leave_views_out()
        self._find_paths()
        held = {holder_of(name) for name, track in self.tracks.items() if track.updates and ELEMENT.search(name)}
        held -= self.gathered
        for name, track in list(self.tracks.items()):
            copy = self._look(track.value)
            beside = bool(ELEMENT.search(name)) and holder_of(name) in held  # its own update came to nothing
            if not (track.certain or track.updates or track.after or beside) and copy is track.before.copy:
                del self.tracks[name]  # it was read only: another name for something, or not of this pass
                continue
            known = self._names.get(track.value)
            if copy is not None and (is_place(track.name) or (known is not None and not is_place(known))):
                # it was met by its place in an optimizer, before the model that it lies in, or its own name
                given = self._names.best(track.value, self._called(track.value))
                if given is not None and all(other.name != given for other in self.tracks.values()):
                    if is_place(track.name):
                        self.renamed[track.name] = given
                    track.name = given
            if copy is not None:
                track.after = Draft(track.name, "parameter", "after", copy)
                track.frozen = self._frozen(track.value)
                track.place = None if track.frozen or track.grad else self._place(track.value)
            if track.arrived is not None and track.grad is None:
                left = self._gradient(track.value)
                track.left = None if left is None else Draft("", "gradient", "after", left)
            track.value = track.previous = track.owner = None
        self._tell_apart()
        self.tracks = {track.name: track for track in self.tracks.values()}
        self.paths.release()
        self._by_object.clear()
        self._by_owner.clear()
        self._ahead.clear()
        self.gathered.clear()
        self.copied.clear()
        self._places.clear()
        self._spans.clear()
        self._latest.clear()


def _free(label: str, taken: Container[str]) -> str:
    """A name that no other bears."""
    name, count = label, 1
    while name in taken:
        count += 1
        name = f"{label} ({count})"
    return name


def _id(happening: Happening) -> int:
    return happening.id
