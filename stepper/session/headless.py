"""Running and tracing without a screen: blocking calls for the commands, over the same lanes as the app."""

from __future__ import annotations

import asyncio
import os
import stat
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from subprocess import DEVNULL

import msgspec

from stepper.inferior.protocol import Run, WhatIf
from stepper.record import Array, Record, Value
from stepper.session.advice import not_reached, shown_by
from stepper.session.errors import Misuse, ScriptFailed
from stepper.session.evaluation import End
from stepper.session.expressions import NotAnExpression, checked
from stepper.session.findings.loops import other_loops
from stepper.session.findings.processes import other_processes
from stepper.session.lane import Lane, LaneLost
from stepper.session.options import Options
from stepper.session.process import new_hash_seed
from stepper.session.target import folder_of, launch_of

OnLosses = Callable[[int, list[float | None], int | None], None]
DATA_ELEMENTS = 4096
GATE_ELEMENTS = 1 << 16  # a gate is shown by its mask and its corners, so larger ones are fetched too
AT_ONCE = 256  # values that are asked for together: a message for each, and its answer, cost most of the time alone
OUTPUT_SECONDS = 0.1
REPLAY_SECONDS = 30.0  # what a process may have taken to its death for it to be run again
LAST = 4000  # characters of what a script printed last


@dataclass(frozen=True)
class Watched:
    """What an expression came to at the end of a record; None, and the `problem` in one line, where it has no value."""

    expression: str
    value: Value | None
    problem: str = ""


@dataclass
class UnderWay:
    """What a trace is at, for one who interrupts it."""

    words: str


@dataclass(repr=False)  # asyncio asks for that of a task's result, to say that it is no signal's handler
class Trace:
    """One record, and what the run it belongs to was made of. `arrays` holds the small values by their copy.

    `failure` is what ended the script within this iteration; the record then holds what led to it.
    """

    target: str
    script: str
    engines: list[str]
    device: str
    threads: int
    seed: int | None
    settings: dict[str, bool | int | float | str | None]
    versions: dict[str, str]
    record: Record
    arrays: dict[int, Array] = field(default_factory=dict)
    failure: ScriptFailed | None = None
    losses: Sequence[float | None] = ()
    """Of the iterations that were run, this one among them."""
    other_loops: str = ""
    """What there is to say of other loops that train."""
    watched: Sequence[Watched] = ()
    what_if: Sequence[WhatIf] = ()
    """The statements that make it another run than the script's own."""

    def array(self, copy: int) -> Array | None:
        """A recorded value of at most 4,096 elements (of a gate: 65,536); None for a larger one."""
        return self.arrays.get(copy)


def run_losses(
    target: str,
    options: Options,
    iterations: int | None,
    on_losses: OnLosses,
    on_output: Callable[[bytes], None] | None = None,
) -> tuple[str, str]:
    """Run at full speed, handing over (first iteration, losses, total) as they come; answers what there is to say of
    other loops that train, and of other processes that may.

    Ends after `iterations`, or with the script. Raises Misuse, or ScriptFailed with the script's own traceback.
    """
    lane = _open(target, options, record_setup=False, run=Run(0, iterations))
    with _saying_how_far(lane, target):
        asyncio.run(_run_losses(lane, on_losses, on_output))
    return _other_loops(lane, target), _other_processes(lane, target)


def trace(target: str, options: Options, iteration: int | None, watch: Sequence[str] = ()) -> Trace:
    """Run to an iteration at full speed, record it (None: the setup), fetch its small values, and evaluate the
    expressions that are to be watched, as it leaves them.

    Raises Misuse (an iteration past the end, and what is no expression, too), or ScriptFailed where the script fails
    before there is a record; a failure within the iteration is the trace's `failure`. Where the process dies in it, the
    script is run again, up to the statement that it died in, unless it took long or reads what it is piped, which is
    gone.
    """
    try:
        watch = [each for each in map(checked, watch) if each]
    except NotAnExpression as error:
        raise Misuse(f"{target}: {error}") from None
    lane = _open(target, options, record_setup=iteration is None)
    stage = UnderWay("in the setup" if iteration is None else f"on the way to iteration {iteration}")
    with _saying_how_far(lane, target, stage):
        return asyncio.run(_trace(lane, target, options, iteration, watch, stage))


@contextmanager
def _saying_how_far(lane: Lane, target: str, stage: UnderWay | None = None) -> Iterator[None]:
    """Have an interrupt say, as a line for a person, how far the script had come."""
    try:
        yield
    except KeyboardInterrupt:
        done, towards = len(lane.losses), stage.words if stage is not None else ""
        count = "1 iteration" if done == 1 else f"{done} iterations"
        after = f"after {count}" if done else "" if towards else "before an iteration was over"
        raise KeyboardInterrupt(f"{target}: interrupted {', '.join(filter(None, (towards, after)))}") from None


def _open(target: str, options: Options, *, record_setup: bool, run: Run | None = None) -> Lane:
    launch = msgspec.structs.replace(launch_of(target, options), record_setup=record_setup, run=run)
    return Lane(launch, new_hash_seed(), stdin=None if _is_piped() else DEVNULL)


def _other_loops(lane: Lane, target: str) -> str:
    hello = lane.hello
    if hello is None:
        return ""
    return other_loops(hello.loops, hello.script, partial(os.path.relpath, start=folder_of(target, hello.script)))


def _other_processes(lane: Lane, target: str) -> str:
    hello = lane.hello
    if hello is None:
        return ""
    relative = partial(os.path.relpath, start=folder_of(target, hello.script))
    return other_processes({**hello.modules, hello.home: hello.source}, hello.script, relative)


def _is_piped() -> bool:
    """Whether there is something for the script's `input()` to read that is not the terminal, which is ours."""
    return sys.__stdin__ is not None and not sys.__stdin__.closed and not sys.__stdin__.isatty()


def _is_used_up() -> bool:
    """Whether what the script could read is gone when it has run: that of a pipe or file, not of the null device."""
    return _is_piped() and sys.__stdin__ is not None and not stat.S_ISCHR(os.fstat(sys.__stdin__.fileno()).st_mode)


async def _run_losses(lane: Lane, on_losses: OnLosses, on_output: Callable[[bytes], None] | None) -> None:
    handed = 0
    written = 0

    def hand_over() -> None:
        nonlocal handed
        if len(lane.losses) > handed:
            fresh = lane.losses[handed:]
            on_losses(handed, fresh, lane.total)
            handed += len(fresh)

    def hand_output() -> None:
        nonlocal written
        if on_output is not None:
            fresh = lane.process.output(written)
            if fresh:
                on_output(fresh)
                written += len(fresh)

    try:
        await lane.connect()
        while not lane.standing:
            hand_over()  # here, so that what goes wrong with it ends the run
            hand_output()
            try:
                news = lane.wait(lambda: lane.standing or len(lane.losses) > handed)
                await asyncio.wait_for(news, OUTPUT_SECONDS)
            except TimeoutError:
                continue  # nothing new; look at the output again
        hand_over()
        await lane.wait_standing()  # raises where the target was refused, be it in the midst of the run
        await lane.leave()
        hand_output()
        _raise_failure(lane, tell_output=on_output is None)
    except LaneLost:
        hand_over()
        hand_output()
        _raise_failure(lane, tell_output=on_output is None)
    finally:
        await lane.close(gently=True)


async def _trace(
    lane: Lane, target: str, options: Options, iteration: int | None, watch: Sequence[str], stage: UnderWay
) -> Trace:
    try:
        record = await _recorded(lane, iteration)
        died = None
        if record is None and (again := _again(lane, iteration)) is not None:
            died = _failure(lane)
            await lane.close(gently=False)
            lane = again
            record = await _recorded(lane, iteration)
            if died is not None:
                if record is None:
                    raise died  # the replay went another way
                record.error = str(died)
        if record is None:
            if (failure := _failure(lane)) is not None:
                failure.unreached = not_reached(iteration, lane.ended.failed_in) if lane.ended is not None else ""
                raise failure
            done = lane.ended.iterations if lane.ended is not None else 0
            others = _other_loops(lane, target)
            named = f"; {others}: --loop names one" if others else ""
            if elsewhere := _other_processes(lane, target):
                named += f"; {elsewhere}"
            there = "there is 1 iteration" if done == 1 else f"there are {done} iterations"
            last = f"the last is {done - 1}" if done else f"the loop was never entered{named}"
            raise Misuse(f"{target}: iteration {iteration} is past the end: {there} ({last})")
        failure = died or (_failure(lane) if record.error is not None else None)
        if failure is not None:
            failure.shown = ""  # it is
        watched = await _watched(lane, record, watch, stage)
        arrays = await _arrays(lane, record, [each.value for each in watched if each.value is not None])
    except LaneLost as lost:
        _raise_failure(lane)
        raise ScriptFailed(str(lost), f"{lost}\n") from lost
    finally:
        await lane.close(gently=False)
    assert lane.started is not None
    return Trace(
        target=target,
        script=lane.found.script,
        engines=lane.engines or lane.started.engines,
        device=lane.started.device,
        threads=lane.started.threads,
        seed=options.seed,
        settings=lane.started.settings,
        versions=lane.started.versions,
        record=record,
        arrays=arrays,
        failure=failure,
        losses=list(lane.losses),
        other_loops=_other_loops(lane, target),
        watched=watched,
        what_if=options.what_if,
    )


async def _recorded(lane: Lane, iteration: int | None) -> Record | None:
    """Run a new lane to an iteration's end; None where there is no record of it."""
    try:
        await lane.connect()
        await lane.wait_standing()
        if iteration is not None and lane.ended is None and lane.lost is None:
            await lane.run(iteration + 1, iteration)
            await lane.wait_standing()
    except LaneLost:
        pass  # it says so itself
    return lane.records.get(iteration)


def _again(lane: Lane, iteration: int | None) -> Lane | None:
    """A lane for what led to the death of this one, from the very same start; None where that cannot be had."""
    if lane.lost is None or lane.seconds > REPLAY_SECONDS or _is_used_up():
        return None
    at = lane.process.whereabouts()
    if not at.recorded or at.halt[0] != iteration:
        return None
    states = lane.started.random_states if lane.started is not None else {}
    return Lane(msgspec.structs.replace(lane.found, random_states=states, halt=at.halt), lane.hash_seed)


async def _watched(lane: Lane, record: Record, watch: Sequence[str], stage: UnderWay) -> list[Watched]:
    """What expressions come to, as the record leaves what they name."""
    if not watch:
        return []
    end = End(record)
    found = []
    for each in watch:
        stage.words = f"while {each} was worked out"
        try:
            found.append(Watched(each, await end.evaluated(lane, each)))
        except LookupError as problem:
            found.append(Watched(each, None, str(problem)))
    return found


async def _arrays(lane: Lane, record: Record, watched: Sequence[Value]) -> dict[int, Array]:
    """The record's values of at most `DATA_ELEMENTS` elements, those of its gates up to `GATE_ELEMENTS`."""
    wanted: dict[int, None] = {}
    values = [*(value for event in record.events for value in event.values), *watched]
    for gate in record.gates:
        for value in (gate.h, gate.grad_before, gate.grad_after, gate.mask, gate.share, gate.closed):
            if value is not None and value.copy is not None and value.summary.size <= GATE_ELEMENTS:
                wanted[value.copy] = None
    for parameter in record.parameters:
        values += [parameter.before, parameter.after, parameter.update]
        values += [parameter.grad] if parameter.grad is not None else []
    for value in values:
        if value.copy is not None and value.summary.shape is not None and value.summary.size <= DATA_ELEMENTS:
            wanted[value.copy] = None
    arrays: dict[int, Array] = {}
    copies = list(wanted)
    for first in range(0, len(copies), AT_ONCE):
        some = copies[first : first + AT_ONCE]
        found = await asyncio.gather(*(_array(lane, record.iteration, copy) for copy in some))
        arrays |= {copy: array for copy, array in zip(some, found, strict=True) if array is not None}
    return arrays


async def _array(lane: Lane, iteration: int | None, copy: int) -> Array | None:
    """A kept copy; None for a value without numbers to show: sparse, of objects, of strings."""
    try:
        return await lane.array(iteration, copy)
    except LookupError:
        return None


def _raise_failure(lane: Lane, *, tell_output: bool = True) -> None:
    """Raise what made the script end before its time, if anything did."""
    failure = _failure(lane, tell_output=tell_output)
    if failure is not None:
        raise failure


def _failure(lane: Lane, *, tell_output: bool = True) -> ScriptFailed | None:
    """What made the script end before its time, if anything did.

    `tell_output`: say what a process that died, or left by `sys.exit`, has printed last, since that left no traceback.
    """
    printed = lane.process.output().decode("utf-8", "replace")[-LAST:] if tell_output else ""
    if lane.ended is not None:
        told = lane.ended.traceback
        if told is not None:
            if lane.ended.left:
                *said, last = told.splitlines(keepends=True)
                told = "".join((printed, *said, f"{lane.launch.name}: {last}"))
            return ScriptFailed(
                "the script failed", told, shown="" if lane.ended.left else shown_by(lane.ended.failed_in)
            )
    elif lane.lost is not None:
        return ScriptFailed(lane.lost, f"{printed}{lane.launch.name}: {lane.lost}\n")
    return None
