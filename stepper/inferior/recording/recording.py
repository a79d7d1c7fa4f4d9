"""One recording: its events, the frames they happen in, and the copies of what they read and made.

The ground that the probes (`recorder`) and the engines' hooks (`observing`) both stand on.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from itertools import islice
from threading import get_ident
from time import perf_counter_ns
from types import FrameType
from typing import Any

from stepper.engines.base import Engine, GateSeen, having
from stepper.inferior.protocol import NOT_RECORDING, SETUP
from stepper.inferior.recording.conditions import Conditions
from stepper.inferior.recording.differences import Differences
from stepper.inferior.recording.drafts import Frame, Happening, Operated, Tokens
from stepper.inferior.recording.frames import callers
from stepper.inferior.recording.losses import LossKeeper
from stepper.inferior.recording.memories import Memories
from stepper.inferior.recording.naming import Namer, attributes, is_scripts, passing_names
from stepper.inferior.recording.overlaps import Overlaps
from stepper.inferior.recording.printed import Printed
from stepper.inferior.recording.scalars import describe_error
from stepper.inferior.recording.signals import raised_by_handler
from stepper.inferior.recording.store import Store
from stepper.inferior.recording.tracking import Tracker
from stepper.inferior.recording.values import Values
from stepper.inferior.whereabouts import Whereabouts
from stepper.program.program import Program
from stepper.program.sites import Site
from stepper.record import Kind, Phase, Role, Spot

IN_A_THREAD = "the training loop runs in a thread of the script's own: what threads do is not recorded"
MAX_EVENTS = 20_000
MOST_EVENTS = 2 * MAX_EVENTS  # with what the loops of the body itself, and of the setup, add
MOST_BESIDE = 4_000  # in the functions of other files
SHARE = 500  # events inside one statement of the body, in a record that is full


class Recording(Values):
    """Events, frames and copies of the iteration (or the setup) that is being recorded."""

    def __init__(
        self, program: Program, engines: Sequence[Engine], store: Store, losses: LossKeeper, differences: Differences
    ) -> None:
        super().__init__(program, engines, store)
        self.sites = program.sites
        self.losses = losses
        self.differences = differences
        self.thread = get_ident()
        self.active = False
        self._seers: list[Engine] = []
        self._changers: list[Engine] = []
        self.whereabouts = Whereabouts().cells
        self.halt: tuple[int | None, int] | None = None  # the statement that is never to be run
        self._last = -1
        self.halted: Callable[[], None] = lambda: None
        self.enough: Callable[[], None] = lambda: None  # told when the script's modules have had their share of events
        self.conditions = Conditions(self.sites, (), nullcontext)
        self.answers = self.conditions.answers()
        self.asked: Callable[[Spot], None] | None = None  # told of the place before each statement, while it is wanted
        self._passing_anywhere = passing_names(self.sites)
        loop = program.loop
        self._own = frozenset(("", self.sites[loop.site].function)) if loop is not None else frozenset(("",))
        moving = (site for site in self.sites if site.kind == "statement" and site.phase in ("backward", "update"))
        self._moving = frozenset(site.function for site in moving if site.function and not site.file)
        self._bare_types: set[type] = set()
        self._alias_sites: dict[int, bool] = {}
        self._attributes: dict[str, Role] | None = None  # roles by attribute, whatever the object
        self._printed = Printed()
        self._clear(None)

    def _clear(self, iteration: int | None) -> None:
        self._forget()
        self.iteration = iteration
        self.happenings: list[Happening] = []
        self.operated: list[Operated] = []
        self.gates: list[GateSeen] = []
        self.no_gates: list[Any] = []  # the copies of what looks like a ReLU's output by chance only
        self._namer = Namer(self.engines, self._names, self._is_owned, self._bare_types, self.quote)
        self.tracker = self._follow()
        self._passed: Tracker | None = None  # of the pass, which is over
        self.pass_over = iteration is None
        self.truncated = False
        self._limit = MAX_EVENTS
        self._left_beside = MOST_BESIDE
        self._printed.start()
        self.full = False  # only the loop's own statements are written down any more; losses are still taken
        self._frames: dict[int, Frame] = {}
        self._opened: dict[int, Frame] = {}  # by event: where an engine opened it
        self._occurrences: dict[int, int] = {}
        self._met: set[tuple[str, int]] = set()
        self._read: dict[str, list[int]] = {}  # by label: which objects a container of parameters held
        self._second_names: set[str] = set()  # given to what had a name already: a loop's `p`
        self.faults: list[str] = []
        self.differences.clear()

    def start(self, iteration: int | None) -> None:
        """Begin the record of an iteration, or of the setup (None)."""
        self._clear(iteration)
        self.answers = self.conditions.answers()
        self._seers = having(self.engines, "seen")
        self._changers = having(self.engines, "changes")
        self._last = self.halt[1] if self.halt is not None and self.halt[0] == iteration else -1
        self.whereabouts[1] = -1
        self.whereabouts[0] = SETUP if iteration is None else iteration
        if get_ident() != self.thread:
            self.faults.append(IN_A_THREAD)
        self.active = True

    def _follow(self) -> Tracker:
        tracker = Tracker(
            self._names,
            self._look,
            self._called,
            self._place,
            self._layout,
            self._learn_local,
            self._is_frozen,
            lambda value: self._look(self._peek(value, "grad")),
        )
        tracker.keeps_data = self.program.keeps_data
        tracker.makes_all = self.program.loop is None
        return tracker

    @property
    def following(self) -> bool:
        """Whether parameters are followed: in a pass, and in what comes behind it."""
        return self.iteration is not None

    def learn(self, namespace: Mapping[str, Any]) -> None:
        """Learn what the script's global names call its models; the engines' hooks are in place."""
        try:
            holders = self._namer.holders(namespace, self._passing)
            self._namer.learn(holders)
            self._namer.learn_objects(holders, self.tracker.paths)
        except Exception as error:
            self.fault(error)

    def _is_frozen(self, value: Any) -> bool:
        engine = self._owner(value)
        return engine is not None and engine.is_constant(value)

    def _learn_local(self) -> None:
        """Learn what the names of the functions that are running lead to."""
        for names in self._local_names():
            holders = self._namer.holders(names, self._passing)
            self._namer.learn_objects(holders, self.tracker.paths)

    def stop(self) -> None:
        """The record is over: let go of everything that belongs to the script."""
        try:
            self.end_pass()
            self._close_open(None)  # in the setup, and behind the last pass, the last statement may still be open
            if self._passed is not None:
                self.tracker.end_pass()
                self._passed.join(self.tracker)
                self.tracker = self._passed
        except Exception as error:
            self.fault(error)
        self.active = self.full = False
        self.whereabouts[0] = NOT_RECORDING
        self._frames.clear()
        self._opened.clear()
        self._known.clear()
        self._tokens = Tokens()
        self._memories = Memories()
        self._overlaps = Overlaps()

    @contextmanager
    def aside(self) -> Iterator[None]:
        """What runs meanwhile is none of the script's doing."""
        active, full, used, gates = self.active, self.full, set(self.used), len(self.gates)
        self.active = self.full = False
        try:
            yield
        finally:
            self.active, self.full, self.used = active, full, used
            del self.gates[gates:]

    def end_pass(self) -> None:
        """The loop's body is over; what follows belongs to the phase `between`."""
        if not self.pass_over:
            self._close_open(None)
            if self.tracker.idle:
                self._note_resting()
            self.tracker.end_pass()
            self._passed, paths = self.tracker, self.tracker.paths
            self.tracker = self._follow()
            self.tracker.paths = paths
            self.pass_over = True

    def _note_resting(self) -> None:
        """Which parameters wait for optimizers that took no step in this pass, those of running functions included."""
        engines = having(self.engines, "resting")
        for label, value in (pair for names in self._local_names() for pair in names.items()) if engines else ():
            kept = attributes(value) if is_scripts(type(value)) else []
            for path, each in ((label, value), *((f"{label}.{name}", held) for name, held in kept)):
                for engine in engines:
                    engine.met(each, path)
        for engine in engines:
            for parameter, optimizer in engine.resting():
                self.tracker.rests(parameter, optimizer)

    @property
    def whole(self) -> bool:
        """Whether all that happened is in the record, but for what is opaque."""
        return not self.truncated and self._left_beside > 0

    def forked(self) -> None:
        """In a process that the script forked: what it does is not the recorded run."""
        self.active = self.full = False
        self.whereabouts = Whereabouts().cells

    def frames(self) -> list[Frame]:
        """The script's frames that are being recorded."""
        return list(self._frames.values())

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

    # ------------------------------------------------------------------------------------------------- inner work

    def fault(self, error: Exception) -> None:
        """Our own code, or an engine's, failed: the script must not feel it, and the person must hear of it. What a
        signal's handler raised there goes on to the script."""
        if raised_by_handler(error):
            raise error
        step = error.__traceback__
        while step is not None and step.tb_next is not None:
            step = step.tb_next
        place = f"{os.path.basename(step.tb_frame.f_code.co_filename)}:{step.tb_lineno}" if step is not None else "?"
        try:
            message = f"not all could be recorded: {describe_error(error)} (in {place})"
        except RecursionError:
            return  # the script stands at the very limit of its depth, and there the record has a gap
        if message not in self.faults and len(self.faults) < 8:
            self.faults.append(message)

    def _room(self, site: Site | None = None) -> bool:
        """Whether one more event is written down; `site`: that of a statement."""
        if len(self.happenings) < self._limit or (site is not None and self._goes_on(site)):
            return True
        if self.active:
            self._remark_outermost("not all that happened in it is in the record: there were too many events")
        self.truncated = self.full = True
        self.active = False
        self._printed.start()  # what is printed by what is not in the record is no later statement's
        return False

    def _ask(self, happening: Happening, script_frame: FrameType) -> None:
        """An event begins: where its line has a breakpoint with a condition, note whether that holds."""
        spot, condition = self.answers.by_site[happening.site.id]
        self.answers.note(spot, happening.id, self.conditions.ask(condition, script_frame))
        happening.started = perf_counter_ns()

    def _count_beside(self) -> None:
        """One more event in a module beside the script: a few thousand, and the others are left out."""
        self._left_beside -= 1
        if self._left_beside == 0:
            self._remark_outermost("not all that happened in other files is in the record: there were too many events")
            self.enough()

    def _remark_outermost(self, text: str) -> None:
        outermost = (each for each in reversed(self.happenings) if each.kind == "statement" and each.parent is None)
        for happening in islice(outermost, 1):
            happening.remark(text)

    def _goes_on(self, site: Site) -> bool:
        """Whether a statement is written down in a record that is full: where the body's own ones are, and, once, those
        of a function that has a backward pass or an update, for what runs very long would leave no room for these."""
        if site.function in self._own and not site.file:
            if site.parent is not None and len(self.happenings) >= MOST_EVENTS:
                return False
        elif site.file or site.function not in self._moving or site.parent is not None or site.id in self._occurrences:
            return False
        self._limit = len(self.happenings) + SHARE
        self.active = True
        return True

    def _frame(self, script_frame: FrameType) -> Frame:
        frame = self._frames.get(id(script_frame))
        if frame is None or frame.code is not script_frame.f_code:
            caller = self._nearest(script_frame.f_back)
            call = caller.innermost if caller is not None else None
            frame = self._frames[id(script_frame)] = Frame(script_frame.f_code, call, call.phase if call else None)
            self._printed.start()  # nobody saw what went before in it
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
            site.function,
        )
        self.happenings.append(happening)
        if site.file:
            self._count_beside()
        if kind == "statement":
            happening.output = (self._printed.begin(site), -1)
        happening.started = perf_counter_ns()
        return happening

    def _phase_of(self, site: Site, inherited: Phase | None, parent: Happening | None) -> Phase:
        if self.iteration is None:
            return "setup"
        if self.pass_over:
            return "between"
        phase = site.phase or inherited or (parent.phase if parent is not None else None)
        return phase if phase is not None and phase not in ("setup", "between") else "forward"

    def _role(self, site: Site, frame: Frame) -> Role:
        """Of what has no role of its own: by what is happening."""
        happening = frame.innermost
        phase = happening.phase if happening is not None else None
        if site.kind == "operand" or phase in ("setup", "between", None):
            return "other"
        return {"forward": "activation", "loss": "loss", "backward": "gradient"}.get(phase or "", "other")  # type: ignore[return-value]

    def _returned(self, frame: Frame | None) -> None:
        """What a `return` gives back is known: it is over, though nothing follows in its frame to say so."""
        happening = frame.open[0] if frame is not None and frame.open else None
        if happening is not None and happening.ended == 0 and happening.text.startswith("return"):
            happening.ended = perf_counter_ns()
            self._printed.end(happening)

    def _close_open(self, frame: Frame | None) -> None:
        """The next statement begins: whatever was still open in this frame (None: in all) ended without saying so."""
        now = perf_counter_ns()
        for each in self._frames.values() if frame is None else (frame,):
            for happening in each.open:
                if happening.ended == 0 and happening.text.startswith("return"):
                    # a bare one, or of a constant: long over, and it printed nothing
                    happening.ended, happening.output = happening.started, (happening.output[0], happening.output[0])
                if happening.ended == 0:
                    happening.ended = now
                if happening.kind == "statement" and happening.output[1] < 0:
                    self._printed.end(happening)
            each.open.clear()

    def _close_left(self, script_frame: FrameType, printed: int) -> None:
        """What is still open in frames that were left ended when so much was printed."""
        running = {id(frame) for frame in callers(script_frame)}
        for each in (frame for number, frame in self._frames.items() if number not in running):
            for happening in each.open:
                if happening.ended == 0 and happening.kind == "statement":
                    happening.ended, happening.output = perf_counter_ns(), (happening.output[0], printed)
