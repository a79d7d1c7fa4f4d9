"""A scene: everything the panels draw, as one immutable snapshot of the session."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from stepper.record import Event, Record
from stepper.session.advice import advice, as_module
from stepper.session.errors import last_line
from stepper.session.findings.divergence import first_not_finite
from stepper.session.findings.sightings import Sighting
from stepper.session.target import module_of
from stepper.tui.history import History

if TYPE_CHECKING:
    from stepper.session import Session
    from stepper.session.breakpoints import Breakpoint


OUTPUT = 4000
"""Characters of the script's output that are shown when its process is lost: it may have said why."""


TRACEBACK = "Traceback (most recent call last)"
"""What is in every traceback, and in nothing else that is told of how a script ended."""


@dataclass(frozen=True)
class Scene:
    """`iteration` None with a record is the setup; `history` None means that there is no record to look at yet.

    `losses` is the session's own append-only list: one loss for each finished iteration. `generation` counts the
    targets opened so far, so that what was cached for an earlier one is not taken for this one's.
    """

    target: str = ""
    source: str = ""
    """Of the file that is shown: the one that the cursor stands in, until another is asked for."""
    file: str = ""
    """The path of that file as seen from beside the script; empty for the script itself."""
    module: str = ""
    """The path of that file; empty for the one that has the training loop."""
    engines: tuple[str, ...] = ()
    device: str = ""
    dtype: str = ""
    changed: str = ""
    """Which settings are other than the script has them: a preset, and what was set."""
    state: str = "starting"
    notice: str = ""
    traceback: str = ""
    output: str = ""
    printed: int | None = None
    """Bytes that the script has printed by now, while it runs on; a replay prints nothing that is new."""
    resumed: int | None = None
    """Bytes that it had printed when it went on, where the record is a replay's, whose own offsets do not tell."""
    iteration: int | None = None
    total: int | None = None
    statement: int = 0
    statements: int = 0
    losses: Sequence[float | None] = ()
    own_losses: Sequence[float | None] = ()
    """Those of the script's own run, where this one is a what-if; else nothing."""
    what_if: Sequence[int] = ()
    """The iterations before which a statement of the person's is carried out."""
    named_loss: str | None = None
    """The expression that was given for the loss."""
    done: int = 0
    progress: tuple[int, int | None] = (0, None)
    """Iterations done, and how many there are to do: of the replay while there is one."""
    history: History | None = None
    event: Event | None = None
    watched: tuple[Sighting, ...] = ()
    """What the expressions that are watched come to by the cursor, as `watches` has it."""
    generation: int = 0
    edited: str = ""
    """That files of the run hold another text by now: the one that is shown, or which."""
    elsewhere: bool = False
    """Whether that file is another than the one the cursor stands in."""
    breakpoints: Mapping[int, Breakpoint] = field(default_factory=dict)
    """Those of the file that is shown, by line."""
    stops: frozenset[int] = frozenset()
    """The iterations in which a run came to a breakpoint."""
    phases: Mapping[int, str] = field(default_factory=dict)
    """The phase of each line on which a statement of the training loop starts; in another file, of each that ran."""
    records: Mapping[int | None, Record] = field(default_factory=dict)
    """Everything that was recorded, and can be read, when the cursor came to this record."""
    wrong: int | None = None
    """The first iteration whose loss is NaN or infinite."""
    advice: str = ""
    """What to do about the failure, where that is known."""
    error: str = ""
    """What the script raised, and where, or how it ended, in one line."""

    @property
    def record(self) -> Record | None:
        """The record under the cursor."""
        return self.history.record if self.history else None

    @property
    def busy(self) -> bool:
        """Whether the script is at work, so that the session cannot move now."""
        return self.state in ("starting", "running", "replaying")

    @property
    def settled(self) -> bool:
        """Whether the record under the cursor is that of a finished iteration, with a loss to show."""
        return self.record is not None and self.record.iteration is not None


def scene_of(
    session: Session, previous: Scene, generation: int, shown: str | None = None, edited: Sequence[str] = ()
) -> Scene:
    """What `session` looks like now. The history of the record is kept from `previous` if it is the same record.
    `shown`: the file to show, as `Scene.module` has it; None: that of the cursor. `edited`: the paths of the files that
    hold another text by now."""
    record = session.record
    history, records = previous.history, previous.records
    if record is None:
        history = None
    elif history is None or history.record is not record:
        history, records = History(record), session.records
    phases = previous.phases
    if generation != previous.generation or (session.lines and not phases):
        phases = _phases(session)
    wrong, seen = (previous.wrong, previous.done) if generation == previous.generation else (None, 0)
    if wrong is None:  # of many losses, only those that are new
        found = first_not_finite(session.losses[seen:])
        wrong = None if found is None else seen + found
    place = session.place
    event = session.event if record is not None else None
    module = event.file if event is not None and event.file in session.modules else ""
    elsewhere = shown is not None and shown != module
    if shown is not None:
        module = shown
    if module and history is not None:
        phases = history.phases.get(module, {})
    elif previous.module:
        phases = _phases(session)
    path = module or session.home
    return Scene(
        target=session.target,
        source=session.modules[module] if module else session.source,
        file="" if path in ("", session.script) else session.relative(path),
        module=module,
        edited=_edited(edited, path),
        elsewhere=elsewhere,
        engines=tuple(session.engines),
        changed=" ".join(filter(None, (session.options.preset, *session.options.settings))),
        device=session.device,
        dtype=session.dtype,
        state=session.state.name.lower(),
        notice=session.notice,
        traceback=session.traceback,
        output=session.output()[-OUTPUT:] if session.state.name == "LOST" else "",
        printed=session.printed if session.state.name in ("STARTING", "RUNNING") else None,
        resumed=session.rested if session.replayed(session.cursor.iteration) else None,
        iteration=session.cursor.iteration,
        total=session.total,
        statement=place.statement if place else 0,
        statements=place.statements if place else 0,
        losses=session.losses,
        what_if=tuple(each.iteration for each in session.options.what_if),
        named_loss=session.options.loss,
        done=len(session.losses),
        progress=session.progress,
        history=history,
        event=event,
        generation=generation,
        breakpoints=session.breakpoints.by_line(module),
        stops=session.stops,
        phases=phases,
        records=records,
        wrong=wrong,
        advice=_advice(session) if session.traceback else _fault(session),
        error=_error(session),
    )


def _edited(paths: Sequence[str], shown: str) -> str:
    if not paths or shown in paths:
        return "changed on disk" if paths else ""
    name = os.path.basename(paths[0])
    return f"{name} changed on disk" if len(paths) == 1 else f"{name} and {len(paths) - 1} more changed on disk"


def _phases(session: Session) -> Mapping[int, str]:
    return {line.number: line.phase for line in session.lines if line.phase is not None}


def _fault(session: Session) -> str:
    """What could not be recorded of the iteration that the cursor stands in, if anything."""
    record = session.record or session.records.get(session.cursor.iteration)  # it may have no event to stand at
    return record.faults[0] if record is not None and record.faults else ""


def _error(session: Session) -> str:
    told = session.traceback.rstrip()
    if TRACEBACK in told:
        return last_line(told, (session.script, *session.files))
    return told.rpartition("\n")[2]  # before that, of one that left by itself, what it said


def _advice(session: Session) -> str:
    by_path = module_of(session.target) is None
    otherwise = as_module(session.traceback, session.script) if by_path else ""
    own = session.script, *session.files
    texts = {session.home: session.source, **session.modules}
    begun = any(loss is not None for loss in session.losses)  # then it had what it needs
    known = {} if begun else {file: texts[file] for file in own if file in texts}
    return otherwise or advice(session.traceback, own, known)
