"""What a recording offers to the hooks of the engines: `stepper.engines.base.Observer`, with a recording behind it."""

from __future__ import annotations

import sys
from threading import get_ident
from time import perf_counter_ns
from typing import Any

from stepper.engines.base import Engine, GateSeen
from stepper.engines.names import is_place
from stepper.inferior.recording.copies import Copy
from stepper.inferior.recording.drafts import Draft, Happening, Known
from stepper.inferior.recording.recording import Recording
from stepper.program.vocabulary import names_loss
from stepper.record import Detail, Kind, Role, When, is_path


class Observing(Recording):
    """The engines' view of a recording."""

    def keep(self, value: Any) -> Copy | None:
        if not self.active or get_ident() != self.thread:
            return None
        engine = self._owner(value)
        return None if engine is None else self._copy(engine, value)

    def add(
        self, label: str, role: Role, when: When, kept: Any, event: int | None = None, *, value: Any = None
    ) -> int | None:
        if not self.active or kept is None:
            return None
        number = self.current() if event is None else event
        if number is None:
            return None
        drafts = self.happenings[number].drafts
        memory = 0 if value is None else self._memories.of(kept.engine, value)
        drafts.append(Draft(label, role, when, kept, memory=memory))
        return len(drafts) - 1

    def note(self, label: str, role: Role, when: When, value: Any, event: int | None = None) -> None:
        kept = self.keep(value)
        if kept is None:
            return
        self.add(label, role, when, kept, event, value=value)
        self._remember(kept.engine, value, label, None, Draft(label, role, when, kept), made=when == "result")

    def current(self) -> int | None:
        frame = self._nearest(sys._getframe(1))
        happening = frame.innermost if frame is not None else None
        return None if happening is None else happening.id

    def label_of(self, value: Any) -> str | None:
        name = self.tracker.name_of(value, self._called(value))
        self._names.settle(value)
        return name

    def role_of(self, value: Any) -> Role:
        known = self._met_as(value)
        if known is None:
            return "other"
        return self.program.roles.get(known.label, known.role) if known.role == "other" else known.role

    def begin(self, kind: Kind, text: str, function: str = "", inside: int | None = None) -> int | None:
        if not self.active or get_ident() != self.thread or not self._room():
            return None
        frame = self._nearest(sys._getframe(1))
        if frame is not None and inside is not None and self.happenings[inside] in frame.open:
            del frame.open[frame.open.index(self.happenings[inside]) + 1 :]
        parent = frame.innermost if frame is not None else None
        if frame is None or parent is None:
            return None
        happening = self._happen(kind, parent.site, frame, parent, text)
        happening.phase = parent.phase
        if kind == "module" and parent.phase == "loss" and parent.kind != "module":
            # in `loss = mse_loss(model(x), y)` the model is no loss; in `loss = criterion(y_pred, y)` the criterion is
            loss = names_loss(function) or names_loss(text) or function in self.program.criteria
            happening.phase = "loss" if loss else "forward"
        happening.function = function or happening.function
        frame.open.append(happening)
        self._opened[happening.id] = frame
        return happening.id

    def room(self) -> int:
        return max(0, self._limit - len(self.happenings)) if self.active and get_ident() == self.thread else 0

    def end(self, event: int | None) -> None:
        if event is None or not self.active or get_ident() != self.thread:
            return
        frame = self._opened.get(event)
        if frame is None:
            return  # it was opened in the record before this one
        happening = self.happenings[event]
        happening.ended = perf_counter_ns()
        if happening in frame.open:
            del frame.open[frame.open.index(happening) :]

    def difference(self, new: Any, old: Any) -> Copy | None:
        if new.gone or old.gone:
            return None
        shape = new.engine.extents(new.kept)
        return self.differences.of(new, old) if shape is not None and shape == old.engine.extents(old.kept) else None

    def quotient(self, kept: Any, divisor: float) -> Copy | None:
        return None if kept.gone else self.differences.quotient(kept, divisor)

    def tell(self, event: int, detail: Detail) -> None:
        self.happenings[event].detail = detail

    def remark(self, event: int | None, text: str) -> None:
        if event is not None and self.active:
            self.happenings[event].remark(text)

    def contributed(self, engine: str) -> None:
        self.used.add(engine)

    def gate(self, gate: GateSeen) -> None:
        self.gates.append(gate)

    def no_gate(self, out: Any) -> None:
        self.no_gates.append(out)

    def parameter(self, name: str, value: Any, *, declared: bool = False) -> None:
        engine = self._owner(value)
        if engine is not None and self.active and self.following and not self._is_passing(name, value):
            unnamed = self._names.get(value) is None and self.program.loop is not None
            asked = unnamed and not declared and self.program.roles.get(name) == "data"  # for its gradient only
            self.tracker.follow(name, value, certain=not asked)

    def _is_passing(self, name: str, value: Any) -> bool:
        """Whether this pass itself made a value, for no parameter: an input whose gradient is asked for. Where the
        whole script is the pass, that makes its parameters as well as its inputs."""
        known = self._met_as(value)
        if known is None or self._names.get(value) is not None:
            return False
        if self.program.roles.get(known.label) == "loss":
            return True  # `loss = loss.data`, and then `loss.requires_grad_()`
        if not known.made:
            return False
        role, whole = self.program.roles.get(name), self.program.loop is None
        if role is None:
            return not whole and not is_path(name)
        return role in ("activation", "gradient", "loss") or (role == "data" and not whole)

    def used_gradient(self, parameter: Any, gradient: Any) -> None:
        kept = None if gradient is None else self._keep_for_figures(gradient)
        if kept is not None or gradient is None:
            draft = None if kept is None else Draft("", "gradient", "operand", kept)
            self.tracker.used_gradient(parameter, draft)

    def passed_over(self, parameter: Any) -> None:
        self.tracker.passed_over(parameter, len(self.happenings))

    def _keep_for_figures(self, value: Any) -> Copy | None:
        """As `keep`, also where the record is full: what is told of a parameter as a whole is told all the same."""
        return self._look(value) if (self.active or self.full) and get_ident() == self.thread else None

    def arrived_gradient(self, parameter: Any, kept: Any) -> None:
        if kept is None:
            kept = self._keep_for_figures(self._peek(parameter, "grad"))
        if kept is not None and self.following:
            self.tracker.arrived_gradient(parameter, Draft("", "gradient", "after", kept))

    def returned_gradient(self, parameter: Any, gradient: Any) -> None:
        kept = self.keep(gradient)
        if kept is not None and self.following:
            self.tracker.returned_gradient(parameter, Draft("", "gradient", "operand", kept))

    def _remember(
        self,
        engine: Engine,
        value: Any,
        label: str,
        event: Happening | None,
        draft: Draft,
        *,
        made: bool,
        rebound: bool | None = None,
        owner: Any = None,
    ) -> None:
        """A value passed a probe. `made`: it got this label there; `rebound`: and is new (None: as `made`); `owner`:
        the object that keeps it."""
        number = event.id if event is not None else None
        if made and rebound is False:
            self._second_names.add(label)
        known = self._met_as(value)
        poor = known is None or (is_place(known.label) and label not in self._second_names)
        named = made and rebound is not False
        if known is not None and is_path(known.label) and not is_path(label):
            named = False  # `loss.requires_grad_()` is loss itself, which keeps its name
        if poor or named:
            new = named if known is None else known.made
            self._known[id(value)] = Known(value, label, draft.role, new)
        if self.following:
            new = made if rebound is None else rebound or (made and self._takes_place(label, draft, known))
            if new or not made or known is None or not known.made:
                fresh = known is not None and known.made
                self.tracker.met(label, draft.role, value, draft, made=new, event=event, owner=owner, fresh=fresh)
            # Else the pass made it, and stores it: it is no parameter that came in, whatever is changed by that.
        if self._seers:
            name = self.tracker.name_of(value, label) or label
            for each in self._seers:
                each.seen(value, name, number, draft.copy)
                if made and event is not None and label.isidentifier():
                    each.bound(value, label, draft.copy)

    def _takes_place(self, label: str, draft: Draft, known: Known | None) -> bool:
        """Whether what this pass made under another name becomes a parameter: `centroids = new_centroids`."""
        return draft.role == "parameter" and known is not None and known.made and label in self.tracker.tracks
