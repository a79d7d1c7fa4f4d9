"""Runs a script in this process with every pass recorded, and reads what the record says. No session, no socket."""

from __future__ import annotations

import builtins
import contextlib
import io
import linecache
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy.typing
import pytest

from stepper.engines.registry import builtin_engines
from stepper.inferior.channel import Channel
from stepper.inferior.control import Control
from stepper.inferior.protocol import Message, unpacked
from stepper.inferior.recording.scalars import describe_error
from stepper.inferior.runner import Runner
from stepper.program import nodes
from stepper.program.program import analyse
from stepper.record import Event, Gate, Parameter, Record, Value

Numbers = numpy.typing.NDArray[Any]
PATH = "script.py"


class Unheard(Channel):
    """A channel that nobody listens to."""

    def __init__(self) -> None:
        self.sent: list[Message] = []

    def send(self, *messages: Message) -> None:
        self.sent.extend(messages)

    send_with_next = send


@dataclass
class Ran:
    """What came of a script: its records, its losses, the names it bound and what it raised."""

    runner: Runner
    names: dict[str, Any]
    losses: list[float | None] = field(default_factory=list)
    error: BaseException | None = None

    def record(self, iteration: int | None = 0) -> Record:
        return unpacked(self.runner.records[iteration])

    def events(self, iteration: int | None = 0, kind: str = "statement") -> list[Event]:
        return [event for event in self.record(iteration).events if event.kind == kind]

    def event(self, text: str, iteration: int | None = 0, occurrence: int = 0) -> Event:
        """The event with this source text."""
        return [event for event in self.record(iteration).events if event.text == text][occurrence]

    def values(self, label: str, iteration: int | None = 0, when: str | None = None) -> list[Value]:
        """The values of a label, in order of occurrence."""
        return [
            value
            for event in self.record(iteration).events
            for value in event.values
            if value.label == label and when in (None, value.when)
        ]

    def array(self, value: Value | None, iteration: int | None = 0) -> Numbers:
        """The numbers of a recorded value."""
        assert value is not None
        if value.copy is None:
            return numpy.asarray(value.summary.value)
        copy = self.runner.store.get(iteration, value.copy)
        numbers: Numbers = copy.engine.ndarray(copy.kept)
        return numbers

    def parameter(self, name: str, iteration: int | None = 0) -> Parameter:
        found = {each.name: each for each in self.record(iteration).parameters}
        assert name in found, f"recorded are {', '.join(found)}"
        return found[name]

    def gate(self, label: str, iteration: int | None = 0) -> Gate:
        found = {each.label: each for each in self.record(iteration).gates}
        assert label in found, f"recorded are {', '.join(found)}"
        return found[label]


@contextlib.contextmanager
def _probes_removed() -> Iterator[None]:
    try:
        yield
    finally:
        for name in nodes.PROBES:
            builtins.__dict__.pop(name, None)


def run(
    source: str,
    *,
    record_from: int | None = 0,
    loss: str | None = None,
    loop: str | None = None,
    count_later: bool = False,
) -> Ran:
    """Run a script as `__main__`; passes from `record_from` on are recorded (None: none), and the setup."""
    source = textwrap.dedent(source)
    linecache.cache[PATH] = (len(source), None, source.splitlines(keepends=True), PATH)
    program = analyse(source, PATH, loop=loop, loss=loss)
    engines = builtin_engines()
    numpy_engine = next(engine for engine in engines if engine.name == "numpy")
    control = Control()
    control.run(None, record_from, False)
    channel = Unheard()
    runner = Runner(program, engines, numpy_engine, channel, control, lambda: None, 1 << 28, True, count_later)
    names: dict[str, Any] = {"__name__": "__main__", "__builtins__": builtins, "__file__": PATH}
    ran = Ran(runner, names)
    with _probes_removed(), contextlib.redirect_stdout(io.StringIO()):
        runner.install()
        try:
            exec(program.code, names)
        except BaseException as error:
            ran.error = error
        runner.finish(ran.error, describe_error(ran.error) if ran.error is not None else None)
    for message in channel.sent:
        ran.losses += getattr(message, "losses", [])
    return ran


def roles(ran: Ran, iteration: int = 1, kinds: tuple[str, ...] = ("statement", "expression")) -> dict[str, str]:
    """The role of each label in the events of these kinds, that of its last value."""
    events = [event for event in ran.record(iteration).events if event.kind in kinds]
    return {value.label: value.role for event in events for value in event.values}


def check(ran: Ran, name: str, gradient: Numbers | None, scale: float, iteration: int = 0) -> None:
    """That `after` is `before` less `scale` times the gradient, and that the gradient is the one given."""
    parameter = ran.parameter(name, iteration)
    before, after = ran.array(parameter.before, iteration), ran.array(parameter.after, iteration)
    used = ran.array(parameter.grad, iteration)
    assert numpy.array_equal(after, before - scale * used)
    update = after.astype(numpy.float64) - before.astype(numpy.float64)
    assert numpy.array_equal(ran.array(parameter.update, iteration), update)
    expected = numpy.linalg.norm(update) / numpy.linalg.norm(before.astype(numpy.float64))
    assert parameter.ratio == pytest.approx(expected, rel=1e-6)
    if gradient is not None:
        assert numpy.array_equal(used, gradient)
