"""The Python face, for tests and notebooks: `with stepper.open("numpy", seed=0) as run: run.iteration(3).loss`.

Synchronous: an event loop in a thread of its own drives the same session that the app uses.
"""

from __future__ import annotations

import asyncio
import os
import threading
import weakref
from collections.abc import Coroutine, Mapping, Sequence
from functools import cached_property
from operator import index
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from stepper.record import Event, Gate, Parameter, Record, Summary, Value, requoted
from stepper.session.breakpoints import Breakpoint
from stepper.session.check.gradient_check import GradientCheck
from stepper.session.errors import Misuse, ScriptFailed, last_line
from stepper.session.evaluation import End
from stepper.session.expressions import checked
from stepper.session.findings.labels import missing
from stepper.session.findings.sightings import as_left
from stepper.session.options import LARGEST_COUNT, MEMORY, Options
from stepper.session.session import Session
from stepper.session.whatif import at

if TYPE_CHECKING:
    import numpy.typing

T = TypeVar("T")


class RecordedValue:
    """A value of a record, with its data within reach."""

    def __init__(self, run: Run, iteration: int | None, value: Value) -> None:
        self._run = run
        self._iteration = iteration
        self.value = value
        self.label = value.label
        self.role = value.role
        self.when = value.when
        self.summary: Summary = value.summary

    @property
    def array(self) -> numpy.typing.NDArray[Any]:
        """The value as a NumPy array: bfloat16 and the like as float32, a scalar as a 0-d array, an integer beyond
        64 bits as one of type object.

        Raises LookupError where the value was not kept.
        """
        import numpy

        if self.value.copy is None:
            if self.summary.kind == "scalar":
                return numpy.asarray(_number(self.summary))
            raise LookupError(f"{self.label} ({self.summary.type}) was not kept")
        array = self._run._array(self._iteration, self.value.copy)
        return numpy.frombuffer(array.data, dtype=array.dtype).reshape(array.shape)

    def __repr__(self) -> str:
        return repr(self.value)


def _number(summary: Summary) -> Any:
    """A scalar's value; complex numbers and very large integers come as text."""
    value, kinds = summary.value, {"complex": complex, "int": int}
    if not isinstance(value, str) or summary.type not in kinds:
        return value
    try:
        return kinds[summary.type](value)
    except ValueError:
        raise LookupError(f"of this integer of very many digits only the size is kept: {value}") from None


class RecordedGate:
    """A gate with its values within reach. `blocked` and `active` count entries; see `stepper.record.Gate`."""

    def __init__(self, run: Run, iteration: int | None, gate: Gate) -> None:
        self.gate = gate
        self.label, self.op, self.event, self.line, self.axis = gate.label, gate.op, gate.event, gate.line, gate.axis
        self.active, self.blocked, self.dead_units = gate.active, gate.blocked, gate.dead_units
        self.layer = gate.layer
        self.h = RecordedValue(run, iteration, gate.h)
        self.mask = RecordedValue(run, iteration, gate.mask)
        self.grad_before = RecordedValue(run, iteration, gate.grad_before) if gate.grad_before is not None else None
        self.grad_after = RecordedValue(run, iteration, gate.grad_after) if gate.grad_after is not None else None

    def __repr__(self) -> str:
        return repr(self.gate)


class RecordedParameter:
    """What an iteration did to one parameter, with its values within reach."""

    def __init__(self, run: Run, iteration: int | None, parameter: Parameter) -> None:
        self.name, self.shape = parameter.name, parameter.shape
        self.ratio, self.cosine, self.used = parameter.ratio, parameter.cosine, parameter.used
        self.before = RecordedValue(run, iteration, parameter.before)
        self.after = RecordedValue(run, iteration, parameter.after)
        self.update = RecordedValue(run, iteration, parameter.update)
        self.grad = RecordedValue(run, iteration, parameter.grad) if parameter.grad is not None else None
        held = parameter.held
        self.held = RecordedValue(run, iteration, held.before) if held is not None else None

    def __repr__(self) -> str:
        return f"<parameter {self.name} {self.shape}>"


class Iteration:
    """The record of one iteration (or of the setup), read by label."""

    def __init__(self, run: Run, record: Record) -> None:
        self._run = run
        self.record = record
        self.iteration = record.iteration
        self.loss = record.loss
        self.losses = record.losses
        self.error = record.error
        self.events: list[Event] = record.events
        self.gates = [RecordedGate(run, record.iteration, gate) for gate in record.gates]
        self.parameters = [RecordedParameter(run, record.iteration, each) for each in record.parameters]

    @cached_property
    def _left(self) -> dict[str, Value]:
        return as_left(self.record)

    @property
    def labels(self) -> list[str]:
        """The labels of all values, each once, in order of occurrence."""
        return list(dict.fromkeys(value.label for event in self.events for value in event.values))

    def all(self, label: str) -> list[RecordedValue]:
        """Every value of that label, in order of occurrence. Its keys may be in either quotes."""
        asked = requoted(label)
        return [
            RecordedValue(self._run, self.iteration, value)
            for event in self.events
            for value in event.values
            if requoted(value.label) == asked
        ]

    def evaluate(self, expression: str) -> RecordedValue:
        """The value of a Python expression in the labels of this record (`"(h > 0).sum(0)"`), each as it is at the end,
        where the loop stands, and the script's modules; worked out in the script's process, of copies.

        Raises LookupError, in one line, where it has none, and ValueError for what is no Python expression.
        """
        text = checked(_text(expression, "an expression"))
        if not text:
            raise ValueError("an expression is needed, such as '(h > 0).sum(0)'")
        return RecordedValue(self._run, self.iteration, self._run._evaluated(self._end, text))

    @cached_property
    def _end(self) -> End:
        return End(self.record)

    def check(self, entries: int | None = None, parameters: Sequence[str] = ()) -> GradientCheck:
        """The same as `Run.check`, of this iteration."""
        if self.iteration is None:
            raise Misuse("the setup has no loss to differentiate")
        return self._run.check(self.iteration, entries, parameters)

    def __getitem__(self, label: str) -> RecordedValue:
        """What that label holds at the end, also where its object was changed under another name. Raises KeyError,
        naming labels that are like it, else some that there are."""
        if not isinstance(label, str):
            raise TypeError(f"values are read by label, a text such as 'loss', not by {type(label).__name__}")
        found = self.all(label)
        if not found:
            raise KeyError(missing(label, self.labels))
        left = self._left.get(found[-1].label)
        return found[-1] if left is None else RecordedValue(self._run, self.iteration, left)

    def __contains__(self, label: object) -> bool:
        """Whether there is a value of that label."""
        return isinstance(label, str) and bool(self.all(label))

    __iter__ = None  # it is no sequence: there are `events`, `labels`, `gates` and `parameters`

    def __repr__(self) -> str:
        name = "setup" if self.iteration is None else f"iteration {self.iteration}"
        return f"<{name}: {len(self.events)} events, loss {self.loss}>"


class Run:
    """An open target. Use it in a `with` statement, or call `close`."""

    def __init__(self, target: str, options: Options) -> None:
        self.session = Session(target, options)
        self.session.launch()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="stepper-session", daemon=True)
        self._thread.start()
        self._end = weakref.finalize(self, _end, self.session, self._loop, self._thread)
        try:
            self._do(self.session.open())
        except BaseException:
            self.close()
            raise

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        if not self._thread.is_alive():
            work.close()
            raise RuntimeError(f"{self.session.target}: this run is closed; what was read from it stays")
        doing = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return doing.result()
        except KeyboardInterrupt:  # the script stops at its next iteration, and whatever is asked next waits for that
            asyncio.run_coroutine_threadsafe(self.session.pause(), self._loop)
            raise

    def _array(self, iteration: int | None, copy: int) -> Any:
        return self._do(self.session.array(iteration, copy))

    def _evaluated(self, end: End, text: str) -> Value:
        return self._do(end.evaluated(self.session, text))

    def __repr__(self) -> str:
        iteration, event = self.here
        place = "the setup" if iteration is None else f"iteration {iteration}"
        record = self.session.record
        line = "" if event is None or record is None else f", {self.session.named(record.spot(event))}"
        return f"<run of {self.session.target}: {self.session.state.value} at {place}{line}>"

    @property
    def losses(self) -> list[float | None]:
        """The losses of the iterations that have run."""
        return list(self.session.losses)

    @property
    def setup(self) -> Iteration:
        """What ran before the training loop."""
        return self._iteration(None)

    def iteration(self, number: int) -> Iteration:
        """Iteration `number`, counted from 0; it is run to, or replayed, where it is not recorded.

        Raises IndexError past the end, and ScriptFailed where the script fails before it.
        """
        number = _counted(number)
        self._do(self.session.go(number))
        return self._iteration(number)

    def check(self, number: int, entries: int | None = None, parameters: Sequence[str] = ()) -> GradientCheck:
        """Compare the gradients of iteration `number` with finite differences of its loss, at so many entries of each
        parameter, or of those that `parameters` names; in a process of its own. Raises as `iteration` does, and Misuse
        where there is no loss, or no parameter of such a name."""
        at = self.iteration(number).iteration
        assert at is not None
        return self._do(self.session.check(at, entries, names=parameters))

    def run(self, until: int | None = None) -> None:
        """Run on to iteration `until`; without one to the next breakpoint, or to the end at full speed.

        Raises IndexError where `until` is no iteration's number.
        """
        self._do(self.session.run(None if until is None else _counted(until)))

    def reverse(self) -> None:
        """Go back to the breakpoint before; without breakpoints to iteration 0."""
        self._do(self.session.reverse())

    def toggle_breakpoint(self, line: int, file: str = "", *, condition: str = "") -> bool:
        """Set a breakpoint on a line, or take it away; whether there is one now. `file` is the end of a module's path
        (`nets/mlp.py`); without it, the line is one of the file that has the training loop. `condition`, a Python
        expression, says where on its line it stops (`"t == 300"`); one that is there gets another, and stays.

        Raises LookupError where no statement begins on that line, or not one file of the script's own is called so;
        ValueError for a condition that is no Python expression.
        """
        found = [path for path in self.session.files if file and f"/{path}".endswith(f"/{file}")]
        if file and len(found) != 1:
            raise LookupError(f"{file}: {'several' if found else 'none'} of the script's own files end so")

        async def toggle() -> bool:
            there = found[0] if found and found[0] != self.session.home else ""
            return self.session.toggle_breakpoint(line, there, _text(condition, "condition"))

        return self._do(toggle())

    @property
    def breakpoints(self) -> list[Breakpoint]:
        """All breakpoints: each with its `file`, `line` and `condition`, whether it is `enabled`, and the `problem` of
        its condition, once a run has stopped for that."""
        return list(self.session.breakpoints.all)

    @property
    def here(self) -> tuple[int | None, Event | None]:
        """Where the run has stopped: the iteration (None: the setup), and the event in it."""
        return self.session.cursor.iteration, self.session.event

    def _iteration(self, number: int | None) -> Iteration:
        record = self.session.records.get(number)
        if record is None:
            if self.session.traceback:
                told = last_line(self.session.traceback, (self.session.script, *self.session.files))
                raise ScriptFailed(f"{self.session.target}: {told}", self.session.traceback)
            raise IndexError(f"{self.session.target}: {self.session.notice or f'no iteration {number}'}")
        return Iteration(self, record)

    def close(self) -> None:
        """End the script's process. A run that is forgotten, or open at the end of the program, does so by itself."""
        self._end()

    def __enter__(self) -> Run:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _end(session: Session, loop: asyncio.AbstractEventLoop, thread: threading.Thread) -> None:
    """End a run's process, and the loop that drives it."""

    async def end() -> None:
        try:
            await session.close()
        finally:
            loop.stop()

    if not thread.is_alive():
        return  # this is a process that was forked off: the run is not its own
    asyncio.run_coroutine_threadsafe(end(), loop)
    if threading.current_thread() is not thread:  # it may be the collector of cycles, in any thread, that ends a run
        thread.join()
        loop.close()


def _counted(number: int) -> int:
    """An iteration's number, be it of NumPy. Raises IndexError for one that there can be in no run."""
    number = int(index(number))
    if number < 0:
        raise IndexError(f"iterations count from 0, so there is no iteration {number}")
    if number > LARGEST_COUNT:
        raise IndexError("the iteration is too large: at most 10^18")
    return number


def _text(value: object, what: str) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{what} is a text, not {type(value).__name__}")
    return value


def _arguments(given: Sequence[str]) -> tuple[str, ...]:
    if isinstance(given, str):
        raise TypeError("arguments are a list of texts, as the script's sys.argv has them, not one text")
    return tuple(_text(each, "each of arguments") for each in given)


def open(
    target: str | os.PathLike[str] | None = None,
    *,
    module: str | None = None,
    seed: int | None = None,
    device: str | None = None,
    preset: str | None = None,
    settings: Mapping[str, object] | None = None,
    threads: int | None = None,
    loop: int | str | None = None,
    loss: str | None = None,
    arguments: Sequence[str] = (),
    memory: int = MEMORY,
    what_if: Mapping[int, str] | None = None,
) -> Run:
    """Open a variant or a script, run its setup and record iteration 0. Raises Misuse where that cannot be done.

    In place of a target, `module` is the name of one to be run as `python -m` would run it from the working directory.
    `settings` are values by name, as with `--set NAME=VALUE`; `memory` is the budget of `--memory` in bytes;
    `what_if` are statements by the iteration before which they are carried out, as `{100: "lr = 0.1"}`; the other
    options are those of the commands. Integers of NumPy are taken, too. Raises TypeError for what has another type.
    """
    if (target is None) == (module is None):
        raise TypeError("open takes a target or a module" + (", not both" if target is not None else ""))
    if settings is not None and not isinstance(settings, Mapping):
        raise TypeError(f"settings are values by name, as {{'epochs': 3}}, not {type(settings).__name__}")
    called = f"-m {_text(module, 'module')}" if target is None else _text(os.fspath(target), "target")
    options = Options(
        seed=None if seed is None else int(index(seed)),
        device=device,
        preset=preset,
        settings=tuple(f"{name}={value}" for name, value in (settings or {}).items()),
        threads=None if threads is None else int(index(threads)),
        loop=None if loop is None else str(loop),
        loss=None if loss is None else _text(loss, "loss"),
        arguments=_arguments(arguments),
        memory=int(index(memory)),
        what_if=tuple(at(called, int(index(each)), _text(said, "what_if")) for each, said in (what_if or {}).items()),
    )
    return Run(called, options)


__all__ = ["Iteration", "Misuse", "RecordedValue", "Run", "ScriptFailed", "open"]
