"""A session without a process, of the records that `recorded` computes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from stepper.engines.numpy import NumpyEngine
from stepper.engines.survey import histogram, sample, survey
from stepper.inferior.protocol import UNKNOWN, Line
from stepper.record import (
    Array,
    Event,
    LoopHead,
    Record,
    Region,
    Spot,
    Survey,
    Value,
    Window,
)
from stepper.session import Cursor, Options, Place, State, Step
from stepper.session.breakpoints import Breakpoint, Breakpoints
from stepper.session.check.gradient_check import GradientCheck
from stepper.session.errors import Misuse
from stepper.session.expressions import Asked
from stepper.session.stops import Sought, ahead, behind
from tests.tui.recorded import PHASES, SCRIPT, SIZES, TOTAL, Recorder, summary


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
        self.notice, self.traceback, self.working_out = "", "", ""
        self.rested = 0
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

    def output_of(self, iteration: int | None, start: int = 0, end: int | None = None) -> str:
        return self.output(start, end)

    def replayed(self, iteration: int | None) -> bool:
        return False

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

    async def evaluate(self, iteration: int | None, label: str, asked: Asked) -> Value:
        copies = self._recorder.copies
        names = {
            f"_{number}": each.number if each.copy is None else copies[each.copy].copy()
            for number, each in enumerate(asked.operands)
        }
        try:
            found = eval(asked.text, {"np": np}, names)
        except NameError as error:
            raise LookupError(f"{UNKNOWN}{error.name}") from None
        if not isinstance(found, np.ndarray):
            return Value(label, "other", "result", summary(found))
        copies.append(found)
        return Value(label, "other", "result", summary(found), len(copies) - 1)

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
