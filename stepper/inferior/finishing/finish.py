"""From what the recorder wrote down to the record that travels: summaries, gates and parameters worked out."""

from __future__ import annotations

from collections.abc import Sequence

from stepper.engines.base import Engine
from stepper.inferior.finishing.clippings import remark_clippings
from stepper.inferior.finishing.drawn import LOOPS, drawn
from stepper.inferior.finishing.dropouts import remark_dropouts
from stepper.inferior.finishing.handed_roles import HandedRoles
from stepper.inferior.finishing.renaming import rename
from stepper.inferior.finishing.reshapes import remark_reshapes
from stepper.inferior.finishing.softmaxes import remark_softmaxes
from stepper.inferior.gates.finished_gates import FinishedGates
from stepper.inferior.gradients.finished_parameters import FinishedParameters
from stepper.inferior.gradients.moved import Moved, moved
from stepper.inferior.gradients.repeated_rows import remark_repeated
from stepper.inferior.gradients.stretched import remark_stretched
from stepper.inferior.recording.copies import Copy, summarise
from stepper.inferior.recording.drafts import Draft, Happening, holder_of, is_numbered
from stepper.inferior.recording.recorder import Recorder
from stepper.inferior.recording.store import Shelf
from stepper.record import UNREAD, Backward, Event, OptimizerStep, Record, Role, Summary, Value, is_path


class Finisher:
    """Makes records out of recordings. `numpy` is the engine for arrays of our own (masks, updates).

    `count_later`: of large values only the range is worked out; who wants the rest asks for it.
    """

    def __init__(self, recorder: Recorder, path: str, numpy: Engine, *, count_later: bool = False) -> None:
        self._recorder = recorder
        self._path = path
        self._numpy = numpy
        self._roles = recorder.program.roles
        self._drawn: set[str] = set()
        self._certain: set[Copy] = set()
        self._beside: set[Copy] = set()
        self._handed = HandedRoles()
        self._moved: dict[int, list[Moved]] = {}  # by event
        self._parameters = FinishedParameters(recorder, numpy, self._summary)
        self._count_later = count_later

    def finish(self, losses: list[float], error: str | None, behind: Sequence[float] = ()) -> tuple[Record, Shelf]:
        """The record of what was recorded last, and the shelf of its copies; the bare events where that fails."""
        try:
            return self._record(losses, error, behind)
        except Exception as failure:
            self._recorder.fault(failure)
            for happening in self._recorder.happenings:
                happening.drafts, happening.beside = [], []
                if isinstance(happening.detail, Backward | OptimizerStep):
                    happening.detail = None  # it points to values
            self._recorder.gates, self._recorder.operated = [], []
            self._recorder.tracker.tracks.clear()
            return self._record(losses, error, behind)

    def _record(self, losses: list[float], error: str | None, behind: Sequence[float]) -> tuple[Record, Shelf]:
        recorder = self._recorder
        rename(recorder.happenings, recorder.tracker.renamed)
        shelf = Shelf()
        self._drawn = drawn(recorder.happenings)
        certain = (track.before.copy for track in recorder.tracker.tracks.values() if track.certain)
        self._certain = {copy for copy in certain if copy is not None}
        tracks = recorder.tracker.tracks.values()
        held = (each.copy for track in tracks for each in (track.before, track.after) if each is not None)
        self._beside = {copy for copy in held if copy is not None}
        self._parameters = FinishedParameters(recorder, self._numpy, self._summary)
        self._find_moved()
        self._summarise()

        def value(draft: Draft) -> Value:
            return self._value(draft, shelf)

        gates = FinishedGates(recorder, self._numpy, value).all()
        parameters = self._parameters.all(value)
        for happening in reversed(recorder.happenings):  # a compound statement lasts as long as what is nested in it
            if happening.parent is not None:
                parent = recorder.happenings[happening.parent]
                if parent.ended < happening.ended:
                    parent.ended = happening.ended
        self._name_made()
        remark_stretched(recorder.happenings, recorder.sites, self._role_of)
        remark_softmaxes(recorder.happenings, recorder.sites)
        remark_dropouts(recorder.happenings)
        remark_repeated(recorder.happenings)
        remark_reshapes(recorder.happenings)
        remark_clippings(recorder.happenings)
        for happening in recorder.happenings if recorder.iteration is not None else ():
            if happening.site.unread and happening.kind == "statement":
                happening.remark(f"{UNREAD}{happening.site.bound[0]}")
        self._handed = HandedRoles()
        events = [self._event(happening, shelf) for happening in recorder.happenings]
        record = Record(
            iteration=recorder.iteration,
            loss=losses[-1] if losses else None,
            losses=losses,
            events=events,
            gates=gates,
            parameters=parameters,
            error=error,
            truncated=recorder.truncated,
            faults=recorder.faults,
            file=self._path,
            asked=recorder.answers.all,
            losses_behind=list(behind),
        )
        return record, shelf

    def _name_made(self) -> None:
        """A value that a backward pass names by its turn (`h₂`) is what the forward pass made: its role says so."""
        unknown = [
            draft
            for happening in self._recorder.happenings
            if happening.kind == "backward"
            for draft in happening.drafts
            if draft.role == "other" and draft.copy is not None
        ]
        if not unknown:
            return
        made = {
            draft.copy: draft.role
            for happening in self._recorder.happenings
            if happening.kind != "backward" and happening.phase in ("forward", "loss")
            for draft in happening.drafts
            if draft.when == "result"
        }
        for draft in unknown:
            draft.role = made.get(draft.copy, "other")

    def _find_moved(self) -> None:
        """What lines that are not all that moved a parameter moved it by: `w.clamp_(-c, c)` behind the step."""
        recorder = self._recorder
        around = ((track.before.copy, (track.after or track.before).copy) for track in recorder.tracker.tracks.values())
        told = {(before, after) for before, after in around if before is not None and after is not None}
        found = moved(recorder.happenings, told, self._beside, self._role_of, recorder.differences)
        self._moved = {}
        for each in found if recorder.iteration is not None else ():
            self._moved.setdefault(each.event, []).append(each)

    def _summarise(self) -> None:
        """The summaries of all small copies in one go; large ones get theirs when they are asked for."""
        recorder = self._recorder
        tracks = recorder.tracker.tracks.values()
        updates = [update for update in map(self._parameters.update, tracks) if update is not None]
        copies = [draft.copy for each in recorder.happenings for draft in (*each.drafts, *each.beside)]
        copies += [track.left.copy for track in tracks if track.left is not None]
        copies += [each.difference for found in self._moved.values() for each in found]
        summarise([copy for copy in (*copies, *updates) if copy is not None])

    def _event(self, happening: Happening, shelf: Shelf) -> Event:
        site = happening.site
        value = self._value
        drafts = _once(happening)
        values = self._handed.known(happening, drafts, [value(draft, shelf) for draft in drafts])
        return Event(
            id=happening.id,
            parent=happening.parent,
            kind=happening.kind,
            phase=happening.phase,
            file=site.file or self._path,
            line=site.line,
            column=site.column,
            end_line=site.end_line,
            end_column=site.end_column,
            occurrence=happening.occurrence,
            text=happening.text,
            values=values,
            error=happening.error,
            duration=max(0, happening.ended - happening.started),
            output=happening.output,
            function=happening.function,
            detail=happening.detail,
            note=happening.note,
            resumed=happening.resumed,
            moved=[
                value(Draft(each.label, "parameter", "result", each.difference), shelf)
                for each in self._moved.get(happening.id, ())
            ],
            beside=[value(draft, shelf) for draft in happening.beside],
        )

    def _value(self, draft: Draft, shelf: Shelf) -> Value:
        copy = draft.copy
        if copy is None:
            summary = draft.summary or Summary("other", "object")
            return Value(draft.label, self._role(draft, summary), draft.when, summary)
        summary = copy.described or self._summary(copy)
        role = self._role(draft, summary)
        return Value(draft.label, role, draft.when, summary, shelf.put(copy), copy.gone, draft.memory)

    def _summary(self, copy: Copy) -> Summary:
        return copy.outline if self._count_later else copy.summary

    def _role_of(self, draft: Draft) -> Role:
        return self._role(
            draft, draft.copy.outline if draft.copy is not None else draft.summary or Summary("other", "")
        )

    def _role(self, draft: Draft, summary: Summary) -> Role:
        role: Role = "other" if draft.role == "parameter" and summary.type == "str" else draft.role  # a key of some
        if draft.label.endswith((".grad", ".grad.data")):
            return "gradient"
        if draft.copy in self._certain and draft.when in ("operand", "result") and is_path(draft.label):
            return "parameter"  # what an engine knows as one, whatever a list or an attribute calls it
        if role == "gradient" and draft.copy is None and self._recorder.program.uses_backward:
            # a number beside the backward pass, where gradients are tensors: `self.total`, in a callback
            role = "gradient" if "grad" in draft.label else "other"
        if role == "other":
            role = self._roles.get(draft.label, "other")
        elif role == "activation" and not draft.learnt and self._is_data(holder_of(draft.label)):
            role = "data"  # what a layer is handed is an activation, unless the script's own flow says that it is data
        elif role in ("activation", "gradient", "loss") and "[" in draft.label and draft.copy in self._beside:
            role = "parameter"  # under another label: `params['W' + str(layer)]`
        elif role == "loss" and summary.size > 1 and self._roles.get(draft.label) != "loss":
            role = "activation"  # on the way to the loss: `model(x)` in `loss = criterion(model(x), y)`
        if role in ("data", "setting"):
            drawn = draft.label in self._drawn or is_numbered(draft.label)
            return "setting" if summary.kind == "scalar" and not drawn else "data"
        return role

    def _is_data(self, name: str) -> bool:
        """Whether all that the script and its modules call so is data."""
        return self._roles.get(name) == "data" and name not in self._recorder.program.activations


def _once(happening: Happening) -> list[Draft]:
    """The values of an event; what it read twice, or what was seen twice, once. Its detail counts all of them, and the
    head of a loop hands out its own in each pass."""
    drafts = happening.drafts
    if happening.detail is not None or len(drafts) < 2:
        return drafts
    if len({(draft.label, draft.when, draft.copy) for draft in drafts}) == len(drafts):
        return drafts
    found: list[Draft] = []
    seen: set[tuple[str, str, Copy | None]] = set()
    looping = happening.site.text.startswith(LOOPS)
    for draft in drafts:
        key = (draft.label, draft.when, draft.copy)
        again = draft.when == "result" if looping else draft.copy is None and draft.when != "operand"
        if key not in seen or again:
            seen.add(key)
            found.append(draft)
    return found
