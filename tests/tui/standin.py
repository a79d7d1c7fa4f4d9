"""A session without a process: records of a small network computed here, statement by statement, for the panels' tests.

Its data are small whole numbers and its learning rate a power of two, so that every figure is exact on every machine.
"""

from __future__ import annotations

import ast
import asyncio
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from stepper.engines.numpy import NumpyEngine
from stepper.engines.survey import histogram, sample, survey
from stepper.inferior.protocol import Line
from stepper.record import (
    Array,
    Event,
    Gate,
    LoopHead,
    Parameter,
    Phase,
    Record,
    Region,
    Role,
    Spot,
    Summary,
    Survey,
    Units,
    Value,
    When,
    Window,
)
from stepper.session import Cursor, Options, Place, State, Step
from stepper.session.breakpoints import Breakpoint, Breakpoints
from stepper.session.check.gradient_check import GradientCheck
from stepper.session.errors import Misuse
from stepper.session.stops import Sought, ahead, behind

SCRIPT = '''"""A two-layer ReLU network in NumPy, forward and backward by hand."""

import numpy as np

N, D_in, H, D_out = 8, 6, 10, 3
learning_rate = 2.0**-12
x, y = data(N, D_in), data(N, D_out)
w1, w2 = data(D_in, H), data(H, D_out)

for t in range(20):
    # Forward: compute the prediction
    h = x.dot(w1)
    h_relu = np.maximum(h, 0)
    y_pred = h_relu.dot(w2)

    # Loss: the sum of squared errors
    loss = np.square(y_pred - y).sum()
    print(t, loss)

    # Backward: gradients of the loss
    grad_y_pred = 2.0 * (y_pred - y)
    grad_w2 = h_relu.T.dot(grad_y_pred)
    grad_h_relu = grad_y_pred.dot(w2.T)
    grad_h = grad_h_relu.copy()
    grad_h[h < 0] = 0
    grad_w1 = x.T.dot(grad_h)

    # Update
    w1 -= learning_rate * grad_w1
    w2 -= learning_rate * grad_w2
'''

TOTAL = 20
SIZES = "8, 6, 10, 3"
_LINES: tuple[tuple[Phase, tuple[int, ...]], ...] = (
    ("forward", (12, 13, 14)),
    ("loss", (17, 18)),
    ("backward", (21, 22, 23, 24, 25, 26)),
    ("update", (29, 30)),
)
PHASES: dict[int, Phase] = {line: phase for phase, lines in _LINES for line in lines}
ROLES: dict[str, Role] = {
    "x": "data", "y": "data", "w1": "parameter", "w2": "parameter", "h": "activation", "h_relu": "activation",
    "y_pred": "activation", "loss": "loss", "learning_rate": "setting", "t": "other",
}  # fmt: skip


def summary(value: Any) -> Summary:
    """What the recorder would say of a value."""
    if not isinstance(value, np.ndarray):
        number = float(value)
        known = number if math.isfinite(number) else None
        kind = "int" if isinstance(value, int) else "float64"
        return Summary(
            kind="scalar", type=kind, value=value if isinstance(value, int) else number,
            min=known, max=known, mean=known,
            nan=int(math.isnan(number)), inf=int(math.isinf(number)),
        )  # fmt: skip
    array: np.ndarray[Any, Any] = value.astype(float)
    finite = array[np.isfinite(array)]
    statistics = {
        name: float(function(finite)) if finite.size else None
        for name, function in (("min", np.min), ("max", np.max), ("mean", np.mean), ("std", np.std))
    }
    return Summary(
        kind="tensor", type="numpy.ndarray", shape=value.shape, dtype=str(value.dtype), device="cpu",
        min=statistics["min"], max=statistics["max"], mean=statistics["mean"], std=statistics["std"],
        l2=float(np.sqrt(np.square(finite).sum())) if finite.size else None,
        neginf=int(np.sum(array == -math.inf)), negative=int(np.sum(finite < 0)), zero=int(np.sum(array == 0)),
        positive=int(np.sum(finite > 0)), inf=int(np.sum(array == math.inf)), nan=int(np.sum(np.isnan(array))),
    )  # fmt: skip


class Recorder:
    """Runs the script's loop body one statement at a time and notes what each read, changed and made."""

    def __init__(
        self, source: str, plant: Callable[[int, int, dict[str, Any]], None] | None, gates: bool, parameters: bool
    ) -> None:
        self.source = source
        self.copies: list[np.ndarray] = []
        self.plant, self.gates, self.parameters = plant, gates, parameters
        numbers = np.random.default_rng(7)
        self.names: dict[str, Any] = {
            "np": np, "data": lambda *shape: numbers.integers(-3, 4, shape).astype(float), "print": lambda *_: None,
        }  # fmt: skip
        tree = ast.parse(source)
        loop = tree.body[-1]
        assert isinstance(loop, ast.For)
        self.setup, self.body = tree.body[1:-1], loop.body

    def value(self, label: str, when: When, value: Any) -> Value:
        role = ROLES.get(label, "gradient" if label.startswith("grad") else "other")
        copy = None
        if isinstance(value, np.ndarray):
            copy = len(self.copies)
            self.copies.append(value.copy())
        return Value(label, role, when, summary(value), copy)

    def record(self, iteration: int | None) -> Record:
        if iteration is not None:
            self.names["t"] = iteration
        before = {name: self.names[name].copy() for name in ("w1", "w2") if name in self.names}
        events: list[Event] = []
        error = None
        for statement in self.setup if iteration is None else self.body:
            event = self.run(statement, len(events), iteration)
            events.append(event)
            if event.error:
                error = event.error
                break
        finished = iteration is not None and error is None
        return Record(
            iteration=iteration,
            loss=float(self.names["loss"]) if finished else None,
            losses=[float(self.names["loss"])] if finished else [],
            events=events,
            gates=[self.gate(events)] if finished and self.gates else [],
            parameters=[self.parameter(name, before[name]) for name in before] if finished and self.parameters else [],
            error=error,
        )

    def run(self, statement: ast.stmt, number: int, iteration: int | None) -> Event:
        read = {n.id for n in ast.walk(statement) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}
        made = [n.id for n in ast.walk(statement) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)]
        changed = [
            n.value.id
            for n in ast.walk(statement)
            if isinstance(n, ast.Subscript) and isinstance(n.ctx, ast.Store) and isinstance(n.value, ast.Name)
        ]
        if isinstance(statement, ast.AugAssign):
            changed, made = made, []
        known = [
            n
            for n in ("x", "w1", "y", "w2", *self.names)
            if n in read and isinstance(self.names.get(n), np.ndarray | float)
        ]
        values = [self.value(name, "operand", self.names[name]) for name in dict.fromkeys(known) if name not in changed]
        values += [self.value(name, "before", self.names[name]) for name in changed]
        error = None
        try:
            if self.plant and iteration is not None:
                self.plant(iteration, statement.lineno, self.names)
            with np.errstate(all="ignore"):
                exec(compile(ast.Module([statement], []), "numpy.py", "exec"), self.names)
            values += [self.value(name, "after", self.names[name]) for name in changed]
            made = [name for name in made if isinstance(self.names[name], np.ndarray | float | int)]
            values += [self.value(name, "result", self.names[name]) for name in made]
        except ArithmeticError as raised:
            error = f"{type(raised).__name__}: {raised}"
        text = ast.get_source_segment(self.source, statement) or ""
        return Event(
            number, None, "statement", "setup" if iteration is None else PHASES[statement.lineno], "numpy.py",
            statement.lineno, statement.col_offset, statement.end_lineno or 0, statement.end_col_offset or 0, 0, text,
            values, error,
        )  # fmt: skip

    def gate(self, events: list[Event]) -> Gate:
        def found(line: int, label: str, when: str) -> Value:
            event = next(event for event in events if event.line == line)
            return next(value for value in event.values if (value.label, value.when) == (label, when))

        mask = self.names["h"] < 0
        dead = [int(unit) for unit in np.flatnonzero(mask.all(axis=0))]
        return Gate(
            "h", "maximum", events[1].id, 13, 1, found(12, "h", "result"), found(25, "grad_h", "before"),
            found(25, "grad_h", "after"), int((~mask).sum()), int(mask.sum()),
            dead, mask.shape[1], self.value("h < 0", "result", mask), layer=Units(1, mask.shape[1], dead, "matmul"),
        )  # fmt: skip

    def parameter(self, name: str, before: np.ndarray) -> Parameter:
        after = self.names[name]
        kept = [self.value(name, "before", before), self.value(name, "after", after)]
        update = self.value("update", "result", after - before)
        gradient = self.value(f"grad_{name}", "operand", self.names[f"grad_{name}"])
        whole, step = kept[0].summary.l2, update.summary.l2
        ratio = step / whole if whole and step is not None else None
        return Parameter(name, before.shape, kept[0], kept[1], gradient, update, ratio, used=True)


class Standin:
    """The session's face, as far as the app uses it."""

    def __init__(
        self,
        plant: Callable[[int, int, dict[str, Any]], None] | None = None,
        *,
        gates: bool = True,
        parameters: bool = True,
        target: str = "numpy",
        sizes: str = SIZES,
        after: Callable[[Record], None] = lambda record: None,
    ) -> None:
        """`plant(iteration, line, names)` is called before each statement; `after` with each record."""
        self._after = after
        self._released = asyncio.Event()
        self._released.set()
        self._recorder = Recorder(SCRIPT.replace(SIZES, sizes), plant, gates, parameters)
        self._listeners: list[Callable[[], None]] = []
        self.target, self.script, self.source = target, "numpy.py", ""
        self.modules: dict[str, str] = {}
        self.home = "numpy.py"
        self.files: tuple[str, ...] = (self.home,)
        self.engines: list[str] = []
        self.device, self.dtype, self.seed = "", "", 0
        self.options, self.defaults = Options(seed=0), {"N": "8", "learning_rate": "2.0**-12"}
        self.loops: list[LoopHead] = []
        self.threads, self.settings, self.versions = 1, {"N": 8}, {"stepper": "0"}
        self.state = State.STARTING
        self.notice, self.traceback = "", ""
        self.losses: list[float | None] = []
        self.total: int | None = None
        self.replay: tuple[int, int | None] | None = None
        self.records: dict[int | None, Record] = {}
        self.lines: list[Line] = []
        self.cursor = Cursor(None, -1)
        self.breakpoints = Breakpoints()
        self.breakpoints.files = self.files
        self.stops: frozenset[int] = frozenset()
        self.sketched: list[int] = []
        self.calls: list[str] = []

    def edited(self) -> tuple[str, ...]:
        return ()

    def send(self) -> None:
        self.calls.append("send")

    @property
    def count(self) -> int | None:
        return len(self.losses) if self.traceback else self.total

    @property
    def progress(self) -> tuple[int, int | None]:
        return self.replay or (len(self.losses), self.total)

    @property
    def record(self) -> Record | None:
        return self.records.get(self.cursor.iteration) if self.cursor.event >= 0 else None

    @property
    def event(self) -> Event | None:
        return self.record.events[self.cursor.event] if self.record is not None else None

    @property
    def place(self) -> Place:
        return Place(self.cursor.event + 1, len(self.record.events) if self.record else 0)

    def subscribe(self, listener: Callable[[], None]) -> Callable[[], None]:
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def tell(self, **changes: Any) -> None:
        """Change attributes, and say so."""
        for name, value in changes.items():
            setattr(self, name, value)
        for listener in list(self._listeners):
            listener()

    def launch(self) -> None:
        self.calls.append("launch")

    async def open(self) -> None:
        self.calls.append("open")
        self.source, self.total = self._recorder.source, TOTAL
        if not self._released.is_set():
            self.tell()
            await self._released.wait()
        self.lines = [Line(line, phase) for line, phase in PHASES.items()]
        self.engines, self.device, self.dtype = ["python", "numpy"], "cpu", "float64"
        self.records = {None: self._recorder.record(None)}
        self._need(0)
        self.tell(state=State.STOPPED, cursor=Cursor(0, 0))

    async def end(self) -> None:
        self.calls.append("end")

    async def close(self) -> None:
        self.calls.append("close")

    def _need(self, iteration: int) -> bool:
        while len(self.losses) <= iteration:
            if len(self.losses) >= TOTAL or self.traceback:
                return iteration in self.records
            number = len(self.losses)
            record = self._recorder.record(number)
            self._after(record)
            self.records = {**self.records, number: record}
            if record.error:
                self.traceback = (
                    "Traceback (most recent call last):\n"
                    f'  File "numpy.py", line {record.events[-1].line}, in <module>\n'
                    f"    {record.events[-1].text}\n{record.error}\n"
                )
                self.state = State.FAILED
                return iteration in self.records
            self.losses.append(record.loss)
        return True

    async def step(self, step: Step) -> None:
        self.calls.append(step.name)
        iteration, event = self.cursor.iteration, self.cursor.event
        assert self.record is not None
        last = len(self.record.events) - 1
        forward = step in (Step.NEXT, Step.INTO)
        if forward and event < last:
            return self.tell(cursor=Cursor(iteration, event + 1), notice="")
        if step in (Step.PREVIOUS, Step.BACK_INTO) and event > 0:
            return self.tell(cursor=Cursor(iteration, event - 1), notice="")
        if step is Step.OUT:
            return self.tell(notice="The cursor is in no function.")
        number = (-1 if iteration is None else iteration) + (1 if forward or step is Step.ITERATION else -1)
        if number < 0:
            return self.tell(cursor=Cursor(None, 0))
        if not self._need(number):
            return self.tell(notice="The script has ended.")
        back = step in (Step.PREVIOUS, Step.BACK_INTO)
        failed = self.records[number].error is not None
        end = len(self.records[number].events) - 1
        self.tell(cursor=Cursor(number, end if back or failed else 0), notice="")

    async def go(self, iteration: int | None, event: int | None = None) -> None:
        self.calls.append(f"go {iteration}")
        if not self._released.is_set():
            self.tell(state=State.REPLAYING)
            await self._released.wait()
            self.state = State.STOPPED
        if iteration is not None and not self._need(iteration):
            return self.tell(notice=f"There are only {TOTAL} iterations, 0 to {TOTAL - 1}.")
        self.tell(cursor=Cursor(iteration, event or 0), notice="")

    def hold(self) -> Callable[[], None]:
        """From now on neither a start, nor a run, nor a jump ends before the answer is called."""
        self._released.clear()
        return self._released.set

    async def run(self, until: int | None = None) -> None:
        self.calls.append("run")
        if not self._released.is_set():
            self.tell(state=State.RUNNING)
            await self._released.wait()
        if self.breakpoints.spots:
            stop = await ahead(self.cursor, self.record, self._sought, self._reach, self._find, lambda _: True)
            if stop is not None and stop.iteration is not None:
                return self.tell(cursor=stop, state=State.STOPPED, stops=self.stops | {stop.iteration})
        self._need(TOTAL - 1)
        number = max(key for key in self.records if key is not None)
        state = State.FAILED if self.traceback else State.ENDED
        self.tell(cursor=Cursor(number, len(self.records[number].events) - 1), state=state)

    def _sought(self) -> Sought:
        return Sought(self.breakpoints.stops)

    async def _find(self, first: int) -> tuple[int, frozenset[Spot]] | None:
        raise AssertionError("every iteration is near")

    async def _passed(self, end: int) -> list[int]:
        return list(range(end))

    async def _reach(self, iteration: int | None) -> Record | None:
        return self.records.get(iteration) if iteration is None or self._need(iteration) else None

    async def reverse(self) -> None:
        self.calls.append("reverse")
        if not self.breakpoints.spots:
            return self.tell(cursor=Cursor(0, 0))
        stop = await behind(self.cursor, self.record, self._sought, self._reach, self.records.get, self._passed)
        if stop is not None:
            self.tell(cursor=stop)

    def heard(self) -> None:
        if self.state in (State.STOPPED, State.ENDED):
            self.tell(notice="")

    def relative(self, file: str) -> str:
        return file

    def named(self, spot: Spot) -> str:
        return spot.place

    def toggle_breakpoint(self, line: int, file: str = "", condition: str = "") -> bool:
        there = self.breakpoints.toggle(Spot(file, line), self.source, condition)
        self.tell()
        return there

    def check_line(self, spot: Spot) -> None:
        self.breakpoints.check(spot, self.source)

    def set_condition(self, line: int, file: str = "", condition: str = "") -> None:
        self.breakpoints.put(Spot(file, line), self.source, condition)
        self.tell()

    def change_condition(self, each: Breakpoint, condition: str) -> None:
        self.breakpoints.change(each, condition)
        self.tell()

    def switch_breakpoint(self, each: Breakpoint) -> None:
        self.breakpoints.switch(each)
        self.tell()

    def remove_breakpoint(self, each: Breakpoint) -> None:
        self.breakpoints.remove(each)
        self.tell()

    def clear_breakpoints(self) -> None:
        self.breakpoints.clear()
        self.tell()

    @property
    def printed(self) -> int:
        return len(self.output())

    def output(self, start: int = 0, end: int | None = None) -> str:
        return "epoch 3\nout of luck\n"[start:end]

    async def pause(self) -> None:
        self.calls.append("pause")

    async def counted(self, iteration: int | None) -> None:
        """Everything is counted already."""

    async def array(self, iteration: int | None, copy: int) -> Array:
        array = self._recorder.copies[copy]
        return Array(array.shape, str(array.dtype), array.tobytes())

    async def check(self, iteration: int, entries: int | None, tell: Callable[[int, int, str], None]) -> GradientCheck:
        raise Misuse(f"a session without a process runs nothing again, nor iteration {iteration}")

    async def survey(self, iteration: int | None, copy: int, bins: int, less: int | None = None) -> Survey:
        return survey(self._recorder.copies[copy], bins, self._recorder.copies[less] if less is not None else None)

    async def histograms(
        self, iteration: int | None, ranges: Sequence[tuple[int, float, float]], bins: int
    ) -> list[list[int]]:
        self.sketched += [copy for copy, _, _ in ranges]
        return [histogram(sample(self._recorder.copies[copy], 1 << 14), low, high, bins) for copy, low, high in ranges]

    async def window(
        self,
        iteration: int | None,
        copy: int,
        rows: int,
        columns: int,
        region: Region | None = None,
        axes: tuple[int, int] | None = None,
        along: int | None = None,
    ) -> Window:
        await asyncio.sleep(0)  # mostly a process is asked
        array: np.ndarray[Any, Any] = self._recorder.copies[copy]
        if along is not None:
            array = np.moveaxis(array, along, -1).reshape(-1, array.shape[along])
        if axes is not None:
            array = np.moveaxis(array, axes, (-2, -1))
        return NumpyEngine().window(array, region, rows, columns)
