"""The probes' side of a recording: it turns what the probes meet into events and drafts of values.

Called by the script's own code, on the script's thread, many times an iteration: it returns what it is given, never
raises, never calls code of the script's (no `repr`, no `==`, no attribute of a user's class) and keeps copies, not
references. What the copies say is worked out when the pass is over (`finish`).
"""

from __future__ import annotations

import sys
from threading import get_ident
from time import perf_counter_ns
from types import FrameType
from typing import Any

from stepper.engines.base import Engine
from stepper.inferior.recording.changing import Changing, keeper_of
from stepper.inferior.recording.drafts import Draft, Frame, Happening, Operated, Scalar
from stepper.inferior.recording.heard import GATE_OPERATIONS, HEARD
from stepper.inferior.recording.made_roles import reads_data, role_of_made, tells_nothing
from stepper.inferior.recording.members import DEPTH, identities, suffix
from stepper.inferior.recording.scalars import SCALARS, plain, scalar_summary
from stepper.program.aliases import is_alias, is_copied, is_gathered
from stepper.program.sites import Site
from stepper.program.vocabulary import names_gradient, names_loss
from stepper.record import Phase, Role, Spot, When, is_path

ITERATORS = frozenset((zip, enumerate, map, filter, list, tuple, type(reversed([]))))
"""What hands on, one after the other, what went into it."""

RESUMED = "it began earlier; here it went on, after what it had called"
WENT_ON = "it began earlier; here it went on, or came to its end, and that printed something"


class Recorder(Changing):
    """Records one iteration (or the setup) after another: `start`, the probes, `stop`."""

    def statement(self, number: int) -> None:
        """A statement is about to run."""
        if self.asked is not None:
            self.asked(Spot(self.sites[number].file, self.sites[number].line))
        if not self.active or get_ident() != self.thread:
            if self.full and self.sites[number].spine:
                self.losses.cut()
            if not (self.full and get_ident() == self.thread and self._goes_on(self.sites[number])):
                return
        try:
            self._statement(self.sites[number], number, sys._getframe(1))
        except Exception as error:
            self.fault(error)

    def _statement(self, site: Site, number: int, script_frame: FrameType) -> None:
        if site.spine and not self.pass_over:
            self.losses.cut()
            self.end_pass()
        if len(self.happenings) >= self._limit and not self._room(site):
            return
        frame = self._frame(script_frame)
        self._close_open(frame)
        parent = frame.compounds.get(site.parent) if site.parent is not None else None
        happening = self._happen("statement", site, frame, parent or frame.call, site.text)
        frame.open.append(happening)
        frame.compounds[number] = happening
        self.whereabouts[1] = happening.id
        if not site.file:
            self.whereabouts[2] = site.line
        if happening.id == self._last:
            self.halted()
        frame.watched.clear()
        frame.keyed.clear()
        frame.called.clear()
        frame.pending.clear()
        if number in self.answers.by_site:
            self._ask(happening, script_frame)

    def passed(self) -> None:
        """The loop's body came to its end."""
        if (self.active or self.full) and get_ident() == self.thread:
            try:
                self.end_pass()
            except Exception as error:
                self.fault(error)

    def over(self, number: int) -> None:
        """A block came to its end: what happens from here on is its own, and not the last statement's in it."""
        if self.active and get_ident() == self.thread:
            try:
                frame = self._frame(sys._getframe(1))
                self._close_open(frame)
                if number in frame.compounds:
                    frame.open.append(frame.compounds[number])
            except Exception as error:
                self.fault(error)

    def left(self, number: int, again: bool) -> None:
        """A compound statement was left, or its head came `again`: an event of its own where that printed something."""
        if self.active and get_ident() == self.thread:
            try:
                self._left(self.sites[number], again, sys._getframe(1))
            except Exception as error:
                self.fault(error)

    def again(self, number: int) -> None:
        """A pass of a loop around the training loop begins: of each but the first the head is an event anew."""
        if self.active and get_ident() == self.thread:
            try:
                begun = self._frame(sys._getframe(1)).compounds.get(number)
                if begun is None or begun.ended:
                    self._statement(self.sites[number], number, sys._getframe(1))
                    self._printed.start()  # what its iterator printed is looked for when it is over
            except Exception as error:
                self.fault(error)

    def value(self, number: int, value: Any) -> Any:
        """A value was read or computed inside a statement."""
        if not self.active or get_ident() != self.thread:
            if self.full:
                self._take_losses((self.sites[number].loss,), (value,))
            return value
        try:
            site = self.sites[number]
            self._value(site, number, value, sys._getframe(1))
            if site.kind == "result":
                self._returned(self._frames.get(id(sys._getframe(1))))
                self._resumed(site, sys._getframe(1))
        except Exception as error:
            self.fault(error)
        return value

    def _value(self, site: Site, number: int, value: Any, script_frame: FrameType) -> None:
        kind = site.kind
        when: When = "operand" if kind == "operand" else "result"
        if site.loss and not self.program.uses_backward:
            self.losses.named(value)
        engine = self._owner(value)
        if engine is None:
            if type(value) in SCALARS:
                self.used.add("python")
                frame = self._frame(script_frame)
                frame.latest[number] = plain(value)
                if kind == "expression" and not site.loss:
                    # a number on the way is no event of its own: what it was made from belongs to what it is for
                    for read in frame.pending.pop(number, ()):
                        self._write(frame, site, read)
                    if site.operation is not None and site.operation.name == "getitem" and is_path(site.label):
                        role = site.role or self._role(site, frame)
                        self._write(frame, site, Draft(site.label, role, "operand", None, scalar_summary(value)))
                    return
                role = site.role or self._role(site, frame)
                happening = frame.innermost if site.role is None else None
                if happening is not None and role == "activation" and self.program.uses_backward:
                    role = self._role_of_number(value, happening)
                draft = Draft(site.label, role, when, None, scalar_summary(value))
                self._write(frame, site, draft)
                if kind == "operand":
                    self._meet_number(value, draft)
            elif kind == "expression" and type(value) in ITERATORS:
                frame = self._frame(script_frame)
                for read in frame.pending.pop(number, ()):  # lists that are gone through side by side
                    if read.copy is not None and read.copy.engine.name == "python":
                        self._write(frame, site, read)
            elif kind != "expression":
                self._meet(script_frame, site, value)
                if value is None and kind == "result":
                    frame = self._frame(script_frame)
                    self._operate_result(site, frame, None)
            return
        frame = self._frame(script_frame)
        given = site.role if site.role != "activation" or kind != "expression" else None  # as the whole statement is
        role = given or self._role_of_made(site, frame, engine, value)
        draft = self._draft(engine, value, site.label, role, when)
        frame.latest[number] = draft
        event = self._expression(site, frame, draft) if kind == "expression" else self._write(frame, site, draft)
        if kind == "result":
            self._operate_result(site, frame, draft)
        # `w.clamp_(0, 1)` gives w itself, which keeps its name.
        made = kind != "operand" and not any(watched.value is value for watched in frame.watched)
        self._remember(
            engine, value, site.label, event, draft, made=made, rebound=made and not self._aliases(site, frame)
        )

    def before(self, number: int, value: Any) -> Any:
        """`value` is about to be changed in place, or one of its in-place methods to be called."""
        if not self.active or get_ident() != self.thread:
            if self.full and self.sites[number].method == "backward" and self.sites[number].loss:
                self.losses.backward(value)
            return value
        try:
            self._before(self.sites[number], number, value, sys._getframe(1))
        except Exception as error:
            self.fault(error)
        return value

    def owner(self, number: int, value: Any) -> Any:
        """`value.attribute` is about to be changed by an augmented assignment."""
        if not self.active or get_ident() != self.thread:
            return value
        try:
            self._changing(self.sites[number], value, sys._getframe(1))
        except Exception as error:
            self.fault(error)
        return value

    def key(self, number: int, key: Any) -> Any:
        """Something is about to be stored under `key`."""
        if not self.active or get_ident() != self.thread:
            return key
        try:
            self._keyed(self.sites[number], number, key, sys._getframe(1))
        except Exception as error:
            self.fault(error)
        return key

    def done(self, number: int, *values: Any) -> None:
        """A statement is over (or a compound one's head has bound its names): these are the names it bound."""
        if not self.active or get_ident() != self.thread:
            if self.full:
                self._take_losses(self.sites[number].bound_losses, values)
            return
        try:
            self._done(self.sites[number], number, values, sys._getframe(1))
        except Exception as error:
            self.fault(error)

    def _done(self, site: Site, number: int, values: tuple[Any, ...], script_frame: FrameType) -> None:
        frame = self._frame(script_frame)
        happening = frame.compounds.get(number)
        if happening is None:
            self._resumed(site, script_frame)
            return
        changed: set[str] = set()
        bound = dict(zip(site.bound, values, strict=False))
        for watched in frame.watched:
            if watched.is_name and bound.get(watched.label, watched.value) is not watched.value:
                continue  # `b -= …` of a number bound the name to another
            self._after(happening, watched, changed)
        frame.watched.clear()
        if site.unseen:
            self._look_around(happening)
        for engine, receiver, method in frame.called:
            happening.remark(engine.remark(receiver, method))
        frame.called.clear()
        last: Draft | None = None
        for label, role, loss, value in zip(site.bound, site.bound_roles, site.bound_losses, values, strict=False):
            if loss and not self.program.uses_backward:
                self.losses.named(value)
            if label not in changed:
                last = self._bind(frame, happening, site, label, role, value)
        operation = site.operation
        if operation is not None and operation.name in HEARD:
            self._operate(site, frame, happening, last)
        if happening.ended == 0 and frame.open and frame.open[0] is happening:
            happening.ended = perf_counter_ns()
            self._printed.end(happening)

    def enter(self, number: int, *values: Any) -> None:
        """A function of the script's is entered; these are its parameters."""
        if not self.active or get_ident() != self.thread or not self._room():
            return
        try:
            self._enter(self.sites[number], values, sys._getframe(1))
        except Exception as error:
            self.fault(error)

    def _enter(self, site: Site, values: tuple[Any, ...], script_frame: FrameType) -> None:
        caller = self._nearest(script_frame.f_back)
        parent = caller.innermost if caller is not None else None
        phase = self._phase_of(site, None, parent)
        frame = self._frames[id(script_frame)] = Frame(script_frame.f_code, None, phase)
        frame.call = self._happen("call", site, frame, parent, site.text)
        frame.phase = frame.call.phase  # for the statements that have no phase of their own
        for label, role, value in zip(site.bound, site.bound_roles, values, strict=False):
            self._bind(frame, frame.call, site, label, role, value, "operand")
        if site.id in self.answers.by_site:
            self._ask(frame.call, script_frame)

    def caught(self) -> None:
        """An exception was caught by a handler of the script's: mark the statements that it left."""
        if self.active and get_ident() == self.thread:
            error = sys.exc_info()[1]
            if error is not None:
                self.raised(error)

    # ------------------------------------------------------------------------------------------------- inner work

    def _take_losses(self, marks: tuple[bool, ...], values: tuple[Any, ...]) -> None:
        """The record is full; the losses of the pass are taken as in one that is not recorded."""
        if get_ident() == self.thread and not self.program.uses_backward:
            for loss, value in zip(marks, values, strict=False):
                if loss:
                    self.losses.named(value)

    def _aliases(self, site: Site, frame: Frame) -> bool:
        operation = site.operation
        if operation is not None and operation.name == "getitem":
            base = operation.operands[0].site
            if base is not None and isinstance(frame.latest.get(base), Draft):
                return False  # of an array: rows that are new, or a view, which is known by its memory
        known = self._alias_sites.get(site.id)
        if known is None:
            known = self._alias_sites[site.id] = is_alias(site)
        return known

    def _role_of_made(self, site: Site, frame: Frame, engine: Engine, value: Any) -> Role:
        """Of a value whose place in the script does not say what it is."""
        role = site.role or self._role(site, frame)
        if site.kind == "operand" or not self.program.uses_backward:
            return role
        happening = self._statement_of(site, frame) if site.kind == "result" else None
        operands = frame.pending.get(site.id, []) if happening is None else happening.drafts
        return self._role_of_read(role, operands, site, engine, value)

    def _role_of_read(self, role: Role, read: list[Draft], site: Site, engine: Engine, value: Any) -> Role:
        operation = site.operation.name if site.operation is not None else ""
        roles = self.program.roles
        return role_of_made(role, read, site.text, operation, roles, engine, value)

    def _resumed(self, site: Site, script_frame: FrameType) -> None:
        """A statement is over, or its head has bound its names. Of one that began before the record (the loop runs in
        what it called, or in its body) it is an event that it went on, where it has printed since."""
        number: int | None = site.id
        while number is not None and self.sites[number].kind != "statement":
            number = self.sites[number].parent
        frame = self._frames.get(id(script_frame))
        known = frame is not None and frame.code is script_frame.f_code and number in frame.compounds
        if number is None or known or self.truncated:
            return
        statement = self.sites[number]
        span = self._printed.since(statement)
        if span[0] < span[1] and self._room():
            self._close_left(script_frame, span[0])
            happening = self._happen("statement", statement, self._frame(script_frame), None, statement.text)
            happening.ended, happening.output, happening.resumed = happening.started, span, True
            happening.remark(RESUMED)

    def _left(self, site: Site, again: bool, script_frame: FrameType) -> None:
        frame = self._frame(script_frame)
        begun = frame.compounds.get(site.id)
        if begun is not None and begun.ended == 0:
            return  # its head comes for the first time
        self._close_open(frame)
        span = self._printed.anew()
        if 0 <= span[0] < span[1] and not self.truncated and self._room():
            self._close_left(script_frame, span[0])
            around = begun if again else frame.compounds.get(site.parent) if site.parent is not None else None
            happening = self._happen("statement", site, frame, around or frame.call, site.text)
            happening.ended, happening.output, happening.resumed = happening.started, span, True
            happening.remark(WENT_ON)

    def _expression(self, site: Site, frame: Frame, draft: Draft) -> Happening | None:
        if not self._room():
            return None
        parent = self._statement_of(site, frame) or (frame.open[0] if frame.open else frame.call)
        happening = self._happen("expression", site, frame, parent, site.text)
        happening.ended = happening.started
        happening.drafts.extend(frame.pending.pop(site.id, ()))
        happening.drafts.append(draft)
        self._write(frame, site, draft.as_operand())
        operation = site.operation
        if operation is not None and operation.name in HEARD:
            self._operate(site, frame, happening, draft)
        return happening

    def _statement_of(self, site: Site, frame: Frame) -> Happening | None:
        """The running statement that an expression belongs to (not the one nested in it that ran last)."""
        number = site.parent
        while number is not None and self.sites[number].kind != "statement":
            number = self.sites[number].parent
        return frame.compounds.get(number) if number is not None else None

    def _operate_result(self, site: Site, frame: Frame, result: Draft | None) -> None:
        """What is returned, stored in an attribute, or computed for its effect alone, may be a gate as well."""
        operation = site.operation
        if operation is not None and operation.name in HEARD:
            happening = self._statement_of(site, frame)
            if happening is not None:
                self._operate(site, frame, happening, result)

    def _operate(self, site: Site, frame: Frame, event: Happening, result: Draft | None) -> None:
        operation = site.operation
        if operation is None:
            return
        arguments = [*operation.operands, *(operand for _, operand in operation.keywords)]
        seen: list[Draft | Scalar] = [
            operand.constant if operand.site is None else frame.latest.get(operand.site) for operand in arguments
        ]
        if operation.name not in GATE_OPERATIONS and not any(isinstance(each, Draft) and each.copy for each in seen):
            return  # single numbers have no axis
        self.operated.append(Operated(event, site, seen, result))

    def _bind(
        self,
        frame: Frame,
        happening: Happening,
        site: Site,
        label: str,
        role: Role | None,
        value: Any,
        when: When = "result",
        depth: int = DEPTH,
        keeper: Any = None,
    ) -> Draft | None:
        """`keeper`: the dict that keeps a number which has a second name here, and is not made."""
        engine = self._owner(value)
        known: Role = role or (_unknown(happening.phase, label) if when == "result" else "other")
        if engine is not None:
            if known == "activation" and self.program.uses_backward and (role is None or reads_data(happening)):
                met = self._met_as(value) if role is not None else None
                known = self._role_of_read(known, happening.drafts, site, engine, value) if met is None else met.role
            draft = self._draft(engine, value, label, known, when)
            ahead = when == "result" and happening.phase in ("forward", "loss")
            if known == "parameter" and draft.graph == 1 and ahead:
                draft.role = "activation"  # a name of a parameter that the forward pass goes on with: `y = y * 0.5`
            elif known == "other" and draft.graph == 1 and ahead and self._is_beside(engine, value, label):
                draft.role = "activation"
            happening.drafts.append(draft)
            made = when == "result" and label.partition("[")[0] not in self.tracker.gathered
            self._remember(
                engine, value, label, happening, draft, made=made, rebound=made and not self._aliases(site, frame)
            )
            return draft
        if type(value) in SCALARS:
            self.used.add("python")
            if role is None and known == "activation" and self.program.uses_backward:
                known = self._role_of_number(value, happening)
            draft = Draft(label, known, when, None, scalar_summary(value))
            happening.drafts.append(draft)
            if self.following:
                made = when == "result" and keeper is None
                self.tracker.met(label, known, value, draft, made=made, event=happening, owner=keeper)
            return draft
        if when == "result" and depth == DEPTH:
            (self.tracker.gathered.add if is_gathered(site) else self.tracker.gathered.discard)(label)
            (self.tracker.copied.add if is_copied(site) else self.tracker.copied.discard)(label)
        for key, element in self._members(value, label, known, happening) if depth else ():
            held = keeper_of(value, key, element) if happening.text.startswith("for ") else None
            at = label + suffix(key, self.quote), self._at(key, role), element
            self._bind(frame, happening, site, *at, when, depth - 1, held)
        self._meet_members(label, value)
        return None

    def _role_of_number(self, value: Any, happening: Happening) -> Role:
        """Of a number that the forward pass makes where tensors are learnt: a whole one is no activation (`b, c =
        x.size()`), nor is one that is made of none (`place / 8`)."""
        if isinstance(value, (int, str)) or tells_nothing(happening.drafts, self.program.roles):
            return "other"
        return "activation"

    def _is_beside(self, engine: Engine, value: Any, label: str) -> bool:
        """Whether a network makes this beside what the loss is made of: a depth, attention weights."""
        return not names_loss(label) and self._is_learnt(engine, value)

    def _meet(self, script_frame: FrameType, site: Site, value: Any) -> None:
        if value is None:
            return
        frame = self._frame(script_frame)
        if site.kind == "result":
            role = site.role or self._role(site, frame)
            unseen = site.parent is not None and self.sites[site.parent].unseen
            for label, engine, element in self._leaves(value, site.label, role, frame.innermost):
                known = self._met_as(element) if site.role is None else None
                told = known is not None and (known.role != "other" or (role == "loss" and known.made))  # an accuracy
                part = known.role if told and known is not None else role
                draft = self._draft(engine, element, label, part, "result")
                event = self._write(frame, site, draft)
                handed_on = unseen and self._met_as(element) is not None  # `list(map(step, params))` gives these back
                self._remember(engine, element, label, event, draft, made=not handed_on)
        elif site.role == "parameter" and self.following:
            self._meet_parameters(site, value, frame)
        self._meet_members(site.label, value)

    def _meet_parameters(self, site: Site, value: Any, frame: Frame) -> None:
        """A container of parameters was read: they are followed from here on."""
        held = identities(value)
        if self._read.get(site.label) == held:
            return  # no other members than when it was read last
        self._read[site.label] = held
        for label, engine, element in self._leaves(value, site.label, "parameter", frame.innermost):
            draft = self._draft(engine, element, label, "parameter", "operand")
            self.tracker.met(label, "parameter", element, draft, made=False, fresh=self._is_made(element))


def _unknown(phase: Phase, label: str) -> Role:
    """The role of what a phase makes under a name of which the script's data flow says nothing."""
    if phase == "backward" and names_gradient(label):
        return "gradient"  # `grad_input`, in an `autograd.Function`
    return "activation" if phase == "forward" else "other"
