"""Scripts recorded in the test's own process, every iteration of them, beside the same scripts run plainly."""

from __future__ import annotations

import builtins
import contextlib
import io
import random
from typing import Any

import numpy

from stepper.engines.registry import builtin_engines
from stepper.inferior.channel import Channel
from stepper.inferior.control import Control
from stepper.inferior.protocol import unpacked
from stepper.inferior.runner import Runner
from stepper.program.program import analyse
from stepper.record import Event, Record, Value

PROBE = "__stepper_"


class Silent(Channel):
    """A channel to nobody."""

    def __init__(self) -> None:
        self.sent: list[Any] = []

    def send(self, *messages: Any) -> None:
        self.sent.extend(messages)

    send_with_next = send


class Run:
    """A finished run. `names` is what the script left, `records` what was recorded, by iteration."""

    def __init__(self, names: dict[str, Any], runner: Runner | None = None) -> None:
        self.names = names
        self._runner = runner

    @property
    def records(self) -> dict[int | None, Record]:
        assert self._runner is not None
        return {iteration: unpacked(record) for iteration, record in self._runner.records.items()}

    def array(self, value: Value, iteration: int | None) -> Any:
        """The kept copy of a recorded value."""
        assert self._runner is not None and value.copy is not None
        copy = self._runner.store.get(iteration, value.copy)
        return copy.engine.ndarray(copy.kept)


def seed() -> None:
    import torch

    random.seed(0)
    numpy.random.seed(0)
    torch.manual_seed(0)


def run_plain(source: str) -> Run:
    """The script as Python runs it, after seeding with 0."""
    names: dict[str, Any] = {"__name__": "__main__", "__builtins__": builtins}
    seed()
    with contextlib.redirect_stdout(io.StringIO()):
        exec(compile(source, "plain.py", "exec"), names)
    return Run(names)


def run_recorded(source: str, loop: str | None = None, memory: int = 1 << 31) -> Run:
    """The script with its setup and every iteration recorded, after the same seeding. Faults fail the test."""
    program = analyse(source, "recorded.py", loop=loop)
    engines = builtin_engines()
    control = Control()
    control.run(None, 0, False)
    arrays = next(engine for engine in engines if engine.name == "numpy")
    names: dict[str, Any] = {"__name__": "__main__", "__builtins__": builtins}
    runner = Runner(program, engines, arrays, Silent(), control, lambda: None, memory, True)
    seed()
    try:
        runner.install()
        with contextlib.redirect_stdout(io.StringIO()):
            exec(program.code, names)
        runner.finish(None, None)
    finally:
        runner.recorder.active = False
        runner._hooks.close()
        for name in [name for name in builtins.__dict__ if name.startswith(PROBE)]:
            del builtins.__dict__[name]
    for record in map(unpacked, runner.records.values()):
        assert record.faults == []
        assert not record.truncated
    return Run(names, runner)


def bits(names: dict[str, Any]) -> dict[str, bytes]:
    """The bits of every tensor that a script's names reach: its own, its models', and their gradients."""
    import torch

    found: dict[str, bytes] = {}

    def raw(value: Any) -> bytes:
        if value.layout is not torch.strided:
            value = value.detach().to_dense()
        whole: bytes = value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
        return whole

    def add(name: str, value: Any) -> None:
        if isinstance(value, torch.Tensor):
            found[name] = raw(value)
            if value.is_leaf and value.grad is not None:
                found[f"{name}.grad"] = raw(value.grad)

    for name, value in names.items():
        add(name, value)
        if isinstance(value, torch.nn.Module):
            for path, member in (*value.named_parameters(), *value.named_buffers()):
                add(f"{name}.{path}", member)
        elif isinstance(value, list | tuple):
            for index, element in enumerate(value):
                add(f"{name}[{index}]", element)
                if isinstance(element, float):
                    found[f"{name}[{index}]"] = element.hex().encode()
    return found


def assert_same_bits(source: str, memory: int = 1 << 31) -> Run:
    """Record a script, and hold everything it computed against a plain run. Returns the recorded run."""
    plain = bits(run_plain(source).names)
    recorded = run_recorded(source, memory=memory)
    found = bits(recorded.names)
    assert plain.keys() == found.keys()
    assert [name for name in plain if plain[name] != found[name]] == []
    return recorded


def of_kind(record: Record, kind: str) -> list[Event]:
    return [event for event in record.events if event.kind == kind]
