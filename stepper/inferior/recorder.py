"""The recorder: the probes' side of a recording. It turns what the probes meet into happenings and drafts of values.

Called by the script's own code, on the script's thread, many times an iteration: it returns what it is given, never
raises, never calls code of the script's (no `repr`, no `==`, no attribute of a user's class) and keeps copies, not
references. What the copies say is worked out when the pass is over (`finish`).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from threading import get_ident
from time import perf_counter_ns
from types import FrameType
from typing import Any

from stepper.engines.base import Change, Engine, GateSeen
from stepper.engines.names import Names
from stepper.inferior.drafts import Draft, Frame, Happening, Operated, Scalar, Watched
from stepper.inferior.losses import LossKeeper
from stepper.inferior.store import Copy, Store
from stepper.inferior.tracking import Tracker
from stepper.program.program import Program
from stepper.program.sites import Site
from stepper.record import Kind, Phase, Role, Summary, When

MAX_EVENTS = 20_000
SCALARS = (float, int, bool, str, complex)
GATE_OPERATIONS = frozenset(
    "maximum fmax max clip clamp clamp_min clamp_ clamp_min_ relu relu_ where mul imul multiply setitem "
    "lt le gt ge masked_fill masked_fill_ putmask threshold".split()
)
NOT_IN_PLACE = frozenset(("backward", "resize"))  # NumPy refuses to resize an array that is referred to
ELEMENTS = 64  # members of a list, tuple or dict that are looked into


class Recorder:
    """Records one iteration (or the setup) after another: `start`, the probes, `stop`."""

    def __init__(self, program: Program, engines: Sequence[Engine], store: Store, losses: LossKeeper) -> None:
        self.program = program
        self.sites = program.sites
        self.engines = engines
        self.store = store
        self.losses = losses
        self.thread = get_ident()
        self.active = False
        self._owners: dict[type, Engine | None] = {}
        self._names = Names()
        self._clear(None)

    # ------------------------------------------------------------------------------------------------ start, stop

    def _clear(self, iteration: int | None) -> None:
        self.iteration = iteration
        self.happenings: list[Happening] = []
        self.operated: list[Operated] = []
        self.gates: list[GateSeen] = []
        self.tracker = Tracker(self._names, self._look)
        self.pass_over = iteration is None
        self.truncated = False
        self.used: set[str] = set()
        self._frames: dict[int, Frame] = {}
        self._occurrences: dict[int, int] = {}
        self._known: dict[int, tuple[str, int | None]] = {}
        self._met: set[tuple[str, int]] = set()
        self.faults: list[str] = []

    def start(self, iteration: int | None) -> None:
        """Begin the record of an iteration, or of the setup (None)."""
        self._clear(iteration)
        self._owners.clear()  # a library may have been imported, and its engine become active
        self.active = True

    def stop(self) -> None:
        """The record is over: let go of everything that belongs to the script."""
        self.end_pass()
        self.active = False
        self._frames.clear()
        self._known.clear()

    def end_pass(self) -> None:
        """The loop's body is over; what follows belongs to the phase `between`."""
        if not self.pass_over:
            self._close_open(None)
            self.tracker.end_pass()
            self.pass_over = True

    # ----------------------------------------------------------------------------------------------------- probes

    def statement(self, number: int) -> None:
        """A statement is about to run."""
        if not self.active or get_ident() != self.thread:
            return
        site = self.sites[number]
        if site.spine and not self.pass_over:
            self.losses.cut()
            self.end_pass()
        if not self._room():
            return
        frame = self._frame(sys._getframe(1))
        self._close_open(frame)
        parent = frame.compounds.get(site.parent) if site.parent is not None else None
        happening = self._happen("statement", site, frame, parent or frame.call, site.text)
        frame.open.append(happening)
        frame.compounds[number] = happening
        frame.watched.clear()
        frame.pending.clear()

    def value(self, number: int, value: Any) -> Any:
        """A value was read or computed inside a statement."""
        if not self.active or get_ident() != self.thread:
            return value
        try:
            self._value(self.sites[number], number, value, sys._getframe(1))
        except Exception as error:
            self._fault(error)
        return value

    def _value(self, site: Site, number: int, value: Any, script_frame: FrameType) -> None:
        kind = site.kind
        if site.loss and not self.program.uses_backward:
            self.losses.named(value)
        engine = self._owner(value)
        if engine is None:
            if type(value) in SCALARS:
                self.used.add("python")
                frame = self._frame(script_frame)
                frame.latest[number] = _plain(value)
                if kind == "expression" and not site.loss:
                    return
                self._write(frame, site, Draft(site.label, self._role(site, frame), _when(site), None, _scalar(value)))
            elif kind != "expression":
                self._meet(script_frame, site, value)
            return
        frame = self._frame(script_frame)
        draft = self._draft(engine, value, site.label, self._role(site, frame), _when(site))
        frame.latest[number] = draft
        event: Happening | None
        if kind == "expression":
            event = self._expression(site, frame, draft)
        else:
            event = self._write(frame, site, draft)
        self._remember(engine, value, site.label, event, draft, made=kind != "operand")

    def before(self, number: int, value: Any) -> Any:
        """`value` is about to be changed in place, or one of its in-place methods to be called."""
        if not self.active or get_ident() != self.thread:
            return value
        try:
            self._before(self.sites[number], number, value, sys._getframe(1))
        except Exception as error:
            self._fault(error)
        return value

    def _before(self, site: Site, number: int, value: Any, script_frame: FrameType) -> None:
        frame = self._frame(script_frame)
        if site.method == "backward":
            self.losses.backward(value)
        engine = self._owner(value)
        if engine is not None:
            when: When = "operand" if site.method == "backward" else "before"
            draft = self._draft(engine, value, site.label, self._role(site, frame), when)
            self._write(frame, site, draft)
            frame.latest[number] = draft
            self._remember(engine, value, site.label, None, draft, made=False)
            if site.method not in NOT_IN_PLACE:
                frame.watched.append(Watched(site.label, draft.role, value, draft))
        elif type(value) in SCALARS:
            self._write(frame, site, Draft(site.label, self._role(site, frame), "before", None, _scalar(value)))
        else:
            self._watch_members(frame, site, value)
        for each in self.engines:
            for change in each.changes(value, site.method or ""):
                self._watch_change(frame, change, site)

    def owner(self, number: int, value: Any) -> Any:
        """`value.attribute` is about to be changed by an augmented assignment."""
        if not self.active or get_ident() != self.thread:
            return value
        try:
            self._changing(self.sites[number], value, sys._getframe(1))
        except Exception as error:
            self._fault(error)
        return value

    def _changing(self, site: Site, value: Any, script_frame: FrameType) -> None:
        frame = self._frame(script_frame)
        held = self._peek(value, site.attribute or "")
        engine = self._owner(held)
        role = self._role(site, frame)
        if engine is not None:
            draft = self._draft(engine, held, site.label, role, "before")
            frame.watched.append(Watched(site.label, role, value, draft, peek=site.attribute))
            self._remember(engine, held, site.label, None, draft, made=False)
            self._write(frame, site, draft)
        elif type(held) in SCALARS:
            draft = Draft(site.label, role, "before", None, _scalar(held))
            frame.watched.append(Watched(site.label, role, value, draft, peek=site.attribute))
            self._write(frame, site, draft)

    def done(self, number: int, *values: Any) -> None:
        """A statement is over (or a compound one's head has bound its names): these are the names it bound."""
        if not self.active or get_ident() != self.thread:
            return
        try:
            self._done(self.sites[number], number, values, sys._getframe(1))
        except Exception as error:
            self._fault(error)

    def _done(self, site: Site, number: int, values: tuple[Any, ...], script_frame: FrameType) -> None:
        frame = self._frame(script_frame)
        happening = frame.compounds.get(number)
        if happening is None:
            return
        changed: set[str] = set()
        for watched in frame.watched:
            self._after(happening, watched, changed)
        frame.watched.clear()
        last: Draft | None = None
        for label, role, loss, value in zip(site.bound, site.bound_roles, site.bound_losses, values, strict=False):
            if loss and not self.program.uses_backward:
                self.losses.named(value)
            if label not in changed:
                last = self._bind(frame, happening, site, label, role, value)
        operation = site.operation
        if operation is not None and operation.name in GATE_OPERATIONS:
            self._operate(site, frame, happening, last)
        if happening.ended == 0 and frame.open and frame.open[0] is happening:
            happening.ended = perf_counter_ns()
            happening.output = (happening.output[0], _output_offset())

    def enter(self, number: int, *values: Any) -> None:
        """A function of the script's is entered; these are its parameters."""
        if not self.active or get_ident() != self.thread or not self._room():
            return
        try:
            self._enter(self.sites[number], values, sys._getframe(1))
        except Exception as error:
            self._fault(error)

    def _enter(self, site: Site, values: tuple[Any, ...], script_frame: FrameType) -> None:
        caller = self._nearest(script_frame.f_back)
        parent = caller.innermost if caller is not None else None
        phase = self._phase_of(site, caller.phase if caller is not None else None, parent)
        frame = self._frames[id(script_frame)] = Frame(script_frame.f_code, None, phase)
        frame.call = self._happen("call", site, frame, parent, site.text)
        if parent is None or parent.phase in ("setup", "between") or site.phase is None:
            frame.phase = frame.call.phase
        else:
            frame.phase = None
        for label, role, value in zip(site.bound, site.bound_roles, values, strict=False):
            self._bind(frame, frame.call, site, label, role, value, "operand")

    def caught(self) -> None:
        """An exception was caught by a handler of the script's: mark the statements that it left."""
        if self.active and get_ident() == self.thread:
            error = sys.exc_info()[1]
            if error is not None:
                self.raised(error)

    def raised(self, error: BaseException) -> None:
        """Mark the statements along the traceback of `error` as failed."""
        message = describe_error(error)
        step = error.__traceback__
        while step is not None:
            frame = self._frames.get(id(step.tb_frame))
            if frame is not None and frame.code is step.tb_frame.f_code and frame.open:
                for happening in frame.open:
                    happening.error = message
            step = step.tb_next

    # ------------------------------------------------------------------------------------------- the engines' view

    def keep(self, value: Any) -> Copy | None:
        if not self.active or get_ident() != self.thread:
            return None
        engine = self._owner(value)
        return None if engine is None else self._copy(engine, value)

    def add(self, label: str, role: Role, when: When, kept: Any, event: int | None = None) -> None:
        if not self.active or kept is None:
            return
        number = self.current() if event is None else event
        if number is not None:
            self.happenings[number].drafts.append(Draft(label, role, when, kept))

    def note(self, label: str, role: Role, when: When, value: Any) -> None:
        kept = self.keep(value)
        if kept is None:
            return
        self.add(label, role, when, kept)
        self._remember(kept.engine, value, label, None, Draft(label, role, when, kept), made=when == "result")

    def current(self) -> int | None:
        frame = self._nearest(sys._getframe(1))
        happening = frame.innermost if frame is not None else None
        return None if happening is None else happening.id

    def label_of(self, value: Any) -> str | None:
        name = self.tracker.name_of(value)
        return name or self._known.get(id(value), (None, None))[0]

    def event_of(self, value: Any) -> int | None:
        return self._known.get(id(value), (None, None))[1]

    def begin(self, kind: Kind, text: str, function: str = "") -> int | None:
        if not self.active or get_ident() != self.thread or not self._room():
            return None
        frame = self._nearest(sys._getframe(1))
        parent = frame.innermost if frame is not None else None
        if frame is None or parent is None:
            return None
        happening = self._happen(kind, parent.site, frame, parent, text)
        happening.phase = parent.phase
        happening.function = function or happening.function
        frame.open.append(happening)
        return happening.id

    def end(self, event: int | None) -> None:
        if event is None or not self.active or get_ident() != self.thread:
            return
        frame = self._nearest(sys._getframe(1))
        happening = self.happenings[event]
        happening.ended = perf_counter_ns()
        if frame is not None and happening in frame.open:
            del frame.open[frame.open.index(happening) :]

    def contributed(self, engine: str) -> None:
        self.used.add(engine)

    def gate(self, gate: GateSeen) -> None:
        self.gates.append(gate)

    def parameter(self, name: str, value: Any) -> None:
        engine = self._owner(value)
        if engine is not None and self.active and not self.pass_over:
            self.tracker.follow(name, value, self._copy(engine, value))

    def used_gradient(self, parameter: Any, gradient: Any) -> None:
        kept = self.keep(gradient)
        if kept is not None:
            self.tracker.used_gradient(parameter, Draft("", "gradient", "operand", kept))

    # ------------------------------------------------------------------------------------------------- inner work

    def _fault(self, error: Exception) -> None:
        """Our own code, or an engine's, failed: the script must not feel it, and the person must hear of it."""
        step = error.__traceback__
        while step is not None and step.tb_next is not None:
            step = step.tb_next
        place = f"{os.path.basename(step.tb_frame.f_code.co_filename)}:{step.tb_lineno}" if step is not None else "?"
        message = f"not all could be recorded: {describe_error(error)} (in {place})"
        if message not in self.faults and len(self.faults) < 8:
            self.faults.append(message)

    def _owner(self, value: Any) -> Engine | None:
        kind = type(value)
        if kind in SCALARS:
            return None
        try:
            return self._owners[kind]
        except KeyError:
            engine = next((engine for engine in self.engines if engine.owns(value)), None)
            if kind not in (list, tuple):  # whether a list is a tensor depends on what it holds
                self._owners[kind] = engine
            return engine

    def _copy(self, engine: Engine, value: Any) -> Copy:
        self.used.add(engine.name)
        return self.store.keep(engine, value)

    def _look(self, value: Any) -> Copy | None:
        engine = self._owner(value)
        return None if engine is None else self._copy(engine, value)

    def _draft(self, engine: Engine, value: Any, label: str, role: Role, when: When) -> Draft:
        return Draft(label, role, when, self._copy(engine, value))

    def _room(self) -> bool:
        if len(self.happenings) < MAX_EVENTS:
            return True
        self.truncated = True
        self.active = False
        return False

    def _frame(self, script_frame: FrameType) -> Frame:
        frame = self._frames.get(id(script_frame))
        if frame is None or frame.code is not script_frame.f_code:
            caller = self._nearest(script_frame.f_back)
            call = caller.innermost if caller is not None else None
            frame = self._frames[id(script_frame)] = Frame(script_frame.f_code, call, call.phase if call else None)
        return frame

    def _nearest(self, script_frame: FrameType | None) -> Frame | None:
        while script_frame is not None:
            frame = self._frames.get(id(script_frame))
            if frame is not None and frame.code is script_frame.f_code:
                return frame
            script_frame = script_frame.f_back
        return None

    def _happen(self, kind: Kind, site: Site, frame: Frame, parent: Happening | None, text: str) -> Happening:
        key = site.id if kind in ("statement", "expression", "call") else -1 - site.id
        occurrence = self._occurrences.get(key, 0)
        self._occurrences[key] = occurrence + 1
        happening = Happening(
            len(self.happenings),
            None if parent is None else parent.id,
            kind,
            self._phase_of(site, frame.phase, parent),
            site,
            text,
            occurrence,
        )
        self.happenings.append(happening)
        if kind == "statement":
            happening.output = (_output_offset(), -1)
        happening.started = perf_counter_ns()
        return happening

    def _phase_of(self, site: Site, inherited: Phase | None, parent: Happening | None) -> Phase:
        if self.iteration is None:
            return "setup"
        if self.pass_over:
            return "between"
        phase = inherited or site.phase or (parent.phase if parent is not None else None)
        return phase if phase is not None and phase not in ("setup", "between") else "forward"

    def _role(self, site: Site, frame: Frame) -> Role:
        if site.role is not None:
            return site.role
        happening = frame.innermost
        phase = happening.phase if happening is not None else None
        if site.kind == "operand" or phase in ("setup", "between", None):
            return "other"
        return {"forward": "activation", "loss": "loss", "backward": "gradient"}.get(phase or "", "other")  # type: ignore[return-value]

    def _close_open(self, frame: Frame | None) -> None:
        """The next statement begins: whatever was still open in this frame (None: in all) ended without saying so."""
        now = perf_counter_ns()
        for each in self._frames.values() if frame is None else (frame,):
            for happening in each.open:
                if happening.ended == 0:
                    happening.ended = now
                if happening.kind == "statement" and happening.output[1] < 0:
                    happening.output = (happening.output[0], _output_offset())
            each.open.clear()

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

    def _expression(self, site: Site, frame: Frame, draft: Draft) -> Happening | None:
        if not self._room():
            return None
        parent = frame.open[0] if frame.open else frame.call
        happening = self._happen("expression", site, frame, parent, site.text)
        happening.ended = happening.started
        happening.drafts.extend(frame.pending.pop(site.id, ()))
        happening.drafts.append(draft)
        self._write(frame, site, draft.as_operand())
        operation = site.operation
        if operation is not None and operation.name in GATE_OPERATIONS:
            self._operate(site, frame, happening, draft)
        return happening

    def _operate(self, site: Site, frame: Frame, event: Happening, result: Draft | None) -> None:
        operation = site.operation
        if operation is None:
            return
        arguments = [*operation.operands, *(operand for _, operand in operation.keywords)]
        seen: list[Draft | Scalar] = [
            operand.constant if operand.site is None else frame.latest.get(operand.site) for operand in arguments
        ]
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
    ) -> Draft | None:
        engine = self._owner(value)
        known: Role = role or ("activation" if happening.phase == "forward" and when == "result" else "other")
        if engine is not None:
            draft = self._draft(engine, value, label, known, when)
            happening.drafts.append(draft)
            self._remember(engine, value, label, happening, draft, made=when == "result")
            return draft
        if type(value) in SCALARS:
            self.used.add("python")
            draft = Draft(label, known, when, None, _scalar(value))
            happening.drafts.append(draft)
            if not self.pass_over:
                self.tracker.met(label, known, value, draft, made=when == "result", event=happening)
            return draft
        for part, element in _elements(value):
            self._bind(frame, happening, site, label + part, role, element, when)
        self._meet_members(label, value)
        return None

    def _remember(
        self, engine: Engine, value: Any, label: str, event: Happening | None, draft: Draft, *, made: bool
    ) -> None:
        number = event.id if event is not None else None
        if made or id(value) not in self._known:
            self._known[id(value)] = (label, number)
        if not self.pass_over:
            self.tracker.met(label, draft.role, value, draft, made=made, event=event)
        for each in self.engines:
            each.seen(value, self.tracker.name_of(value) or label, number, draft.copy)

    def _meet(self, script_frame: FrameType, site: Site, value: Any) -> None:
        if value is None:
            return
        if site.kind == "result":
            frame = self._frame(script_frame)
            for part, element in _elements(value):
                owner = self._owner(element)
                if owner is not None:
                    draft = self._draft(owner, element, site.label + part, self._role(site, frame), "result")
                    event = self._write(frame, site, draft)
                    self._remember(owner, element, draft.label, event, draft, made=True)
        self._meet_members(site.label, value)

    def _meet_members(self, label: str, value: Any) -> None:
        """A model or an optimizer passed a probe: learn the names of the parameters inside, and follow them."""
        if (label, id(value)) in self._met:
            return
        self._met.add((label, id(value)))
        for engine in self.engines:
            engine.met(value, label)
            for path, member in engine.members(value):
                if self._owner(member) is not None:
                    self._names.give(member, f"{label}.{path}")
                    if engine.trainable(member):
                        self.parameter(f"{label}.{path}", member)

    def _watch_members(self, frame: Frame, site: Site, value: Any) -> None:
        """A receiver that is no tensor is about to change what lies inside: a dict of arrays, a model, an optimizer."""
        for part, element in _elements(value):
            owner = self._owner(element)
            if owner is not None:
                role = self._role(site, frame)
                draft = self._draft(owner, element, site.label + part, role, "before")
                frame.watched.append(Watched(draft.label, role, element, draft))
        self._meet_members(site.label, value)

    def _watch_change(self, frame: Frame, change: Change, site: Site) -> None:
        """A call is about to change a parameter, or the gradient that hangs on it."""
        label = self.label_of(change.owner) or f"{site.label}.{change.path}"
        role: Role = "parameter"
        held = change.owner
        if change.attribute is not None:
            label, role = f"{label}.{change.attribute}", "gradient"
            held = self._peek(change.owner, change.attribute)
        engine = self._owner(held)
        before = self._draft(engine, held, label, role, "before") if engine is not None else None
        frame.watched.append(Watched(label, role, change.owner, before, peek=change.attribute))

    def _after(self, happening: Happening, watched: Watched, changed: set[str]) -> None:
        value = self._peek(watched.value, watched.peek) if watched.peek is not None else watched.value
        engine = self._owner(value)
        if engine is None:
            draft = Draft(watched.label, watched.role, "after", None, _scalar(value)) if type(value) in SCALARS else None
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
        changed.add(watched.label)
        if not self.pass_over:
            self.tracker.met(watched.label, watched.role, value, draft, made=True, event=happening)
        if engine is not None:
            for each in self.engines:
                each.seen(value, self.tracker.name_of(value) or watched.label, happening.id, draft.copy)

    def _peek(self, value: Any, attribute: str) -> Any:
        """What `value.attribute` holds, without calling anything of the script's: no property, no `__getattr__`."""
        for engine in self.engines:
            found, held = engine.peek(value, attribute)
            if found:
                return held
        try:
            return object.__getattribute__(value, "__dict__").get(attribute)
        except AttributeError:
            return None


def _when(site: Site) -> When:
    return "operand" if site.kind == "operand" else "result"


def _plain(value: Any) -> Scalar:
    return value if isinstance(value, bool | int | float | str) else None


def _scalar(value: Any) -> Summary:
    """The summary of a Python scalar; long texts are cut, since a summary is something to look at."""
    kept = value[:200] if isinstance(value, str) else None if isinstance(value, complex) else value
    if isinstance(kept, int) and not isinstance(kept, bool) and not -(1 << 63) <= kept < (1 << 63):
        kept = None
    return Summary(kind="scalar", type=type(value).__name__, value=kept)


def _elements(value: Any) -> list[tuple[str, Any]]:
    """The members of an exact list, tuple or dict, each with the subscript that reaches it; a few of them at most."""
    if type(value) in (list, tuple):
        return [(f"[{index}]", element) for index, element in enumerate(value[:ELEMENTS]) if type(element) not in SCALARS]
    if type(value) is dict and len(value) <= ELEMENTS:
        return [(f"[{key!r}]", element) for key, element in value.items() if type(key) in (str, int)]
    return []


def _output_offset() -> int:
    """How many bytes the script has written so far; its own text buffer is emptied first."""
    stream = sys.stdout
    try:
        if stream is sys.__stdout__ and stream is not None:
            stream.flush()
        return os.lseek(1, 0, os.SEEK_CUR)
    except (OSError, ValueError):
        return -1


def describe_error(error: BaseException) -> str:
    """`ValueError: what it says`, on one line and of bounded length, whatever the exception's own `__str__` does."""
    try:
        text = str(error)
    except Exception as failure:
        text = f"<its __str__ raised {type(failure).__name__}>"
    line = " ".join(text.split())
    name = type(error).__name__
    return f"{name}: {line[:400]}" if line else name
