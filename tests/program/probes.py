"""Trivial probes: they return what they are given, and note what they were called with."""

from __future__ import annotations

import builtins
import contextlib
import io
import traceback
from collections.abc import Callable, Iterator
from typing import Any

from stepper.program import nodes
from stepper.program.program import Program


class Probes:
    """A stand-in for the recorder. `choose(n)` says whether pass n is recorded."""

    def __init__(
        self, program: Program, choose: Callable[[int], bool] = lambda n: True, *, armed: bool = False
    ) -> None:
        """`armed`: what is not recorded stops before every statement, which is noted, too."""
        self.program = program
        self.choose = choose
        self.armed = armed
        self.passes = 0
        self.calls: list[tuple[str, tuple[Any, ...]]] = []

    def _note(self, name: str) -> Callable[..., Any]:
        def probe(*arguments: Any) -> Any:
            self.calls.append((name, arguments))
            return arguments[-1] if arguments else None

        return probe

    def _iteration(self) -> bool:
        recorded = self.choose(self.passes)
        self.passes += 1
        self._flag(recorded)
        self.calls.append((nodes.ITERATION, (recorded,)))
        return recorded

    def _flag(self, recorded: bool) -> None:
        builtins.__dict__[nodes.RECORDING] = recorded
        builtins.__dict__[nodes.ARMED] = recorded or self.armed

    def _loss_of(self, function: Callable[[], Any]) -> None:
        self.calls.append((nodes.LOSS_OF, (function(),)))

    @contextlib.contextmanager
    def installed(self) -> Iterator[None]:
        """The probes as builtins."""
        try:
            for name in nodes.PROBES:
                builtins.__dict__[name] = self._note(name)
            builtins.__dict__[nodes.ITERATION] = self._iteration
            builtins.__dict__[nodes.LOSS_OF] = self._loss_of
            self._flag(self.choose(-1))
            builtins.__dict__.update(dict.fromkeys(map(nodes.stop_flag, self.program.stops), self.armed))
            yield
        finally:
            for name in (*nodes.PROBES, *map(nodes.stop_flag, self.program.stops)):
                builtins.__dict__.pop(name, None)

    def texts(self, probe: str = nodes.STATEMENT) -> list[str]:
        """The source texts of the sites that a probe was called with, in order."""
        return [self.program.sites[arguments[0]].text for name, arguments in self.calls if name == probe]


def execute(code: Any, source: str, path: str) -> tuple[str, dict[str, Any], str]:
    """Run a script's code: what it printed, what it bound, and its traceback."""
    import linecache

    linecache.cache[path] = (len(source), None, source.splitlines(keepends=True), path)
    printed = io.StringIO()
    namespace: dict[str, Any] = {"__name__": "__main__", "__builtins__": builtins}
    failure = ""
    with contextlib.redirect_stdout(printed):
        try:
            exec(code, namespace)
        except BaseException as error:
            trace = error.__traceback__
            failure = "".join(traceback.format_exception(type(error), error, trace and trace.tb_next))
    bound = {name: value for name, value in namespace.items() if not name.startswith("__builtins__")}
    return printed.getvalue(), bound, failure
