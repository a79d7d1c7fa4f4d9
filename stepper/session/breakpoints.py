"""Breakpoints: lines of files to stop at, whatever the target that these files belong to."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass, replace

from stepper.inferior.protocol import Stop
from stepper.record import Spot
from stepper.session.expressions import checked


class NoStatement(LookupError):
    """There is nothing on that line at which one could stop; the message says so."""


@dataclass(frozen=True, order=True)
class Breakpoint:
    """One breakpoint. `file` is the path of the file it was set in; `condition`, a Python expression, says where on its
    line it stops, and `problem` why that could not be evaluated, once it was told."""

    file: str
    line: int
    condition: str = ""
    enabled: bool = True
    problem: str = ""


class Breakpoints:
    """The breakpoints of a session. They belong to the files that they were set in: another target, or the same one
    anew, may have its training loop elsewhere, or not have those files at all."""

    def __init__(self, kept: Iterable[Breakpoint] = ()) -> None:
        """`kept`: those of a session before this one; in another run their conditions may be evaluated."""
        self._all = {(each.file, each.line): replace(each, problem="") for each in kept}
        self.files: tuple[str, ...] = ("",)
        """The paths of the target's files, that which has the training loop first."""
        self._source = ""
        self._statements: frozenset[int] = frozenset()

    @property
    def all(self) -> tuple[Breakpoint, ...]:
        """Every one of them, in order of files and lines."""
        return tuple(sorted(self._all.values()))

    @property
    def stops(self) -> tuple[Stop, ...]:
        """Where a run of this target is to stop, in order."""
        holding = (each for each in self._all.values() if each.enabled and each.file in self.files)
        return tuple(sorted(Stop(self._spot(each), each.condition, bool(each.problem)) for each in holding))

    @property
    def spots(self) -> frozenset[Spot]:
        """The lines where a run of this target may stop."""
        return frozenset(stop.spot for stop in self.stops)

    def by_line(self, file: str = "") -> dict[int, Breakpoint]:
        """Those in one file of the target, by line; "" is the file that has the training loop."""
        path = file or self.files[0]
        return {each.line: each for each in self._all.values() if each.file == path}

    def at(self, spot: Spot) -> Breakpoint | None:
        """The one on a line."""
        return self._all.get((spot.file or self.files[0], spot.line))

    def put(self, spot: Spot, source: str, condition: str = "", named: str = "") -> None:
        """Set a breakpoint on a line of `source`, or give the one that is there another condition.

        Raises NoStatement where no statement begins on that line, which is called `named`, and NotAnExpression.
        """
        condition = checked(condition)
        there = self.at(spot)
        if there is not None:
            self.change(there, condition)
            return
        self.check(spot, source, named)
        self._replace(Breakpoint(spot.file or self.files[0], spot.line, condition))

    def toggle(self, spot: Spot, source: str, condition: str = "", named: str = "") -> bool:
        """Set a breakpoint, or take it away; whether there is one now. Given another condition, one that is there gets
        it and stays. Raises as `put` does."""
        there = self.at(spot)
        if there is not None and checked(condition) in ("", there.condition):
            self.remove(there)
            return False
        self.put(spot, source, condition, named)
        return True

    def check(self, spot: Spot, source: str, named: str = "") -> None:
        """Raises NoStatement where no breakpoint can be set on this line of `source`."""
        if self.at(spot) is not None:
            return
        if spot.line not in self._beginnings(source):
            raise NoStatement(f"no statement begins on {named or spot.place}, so nothing can stop there")
        if spot.file and spot.line not in in_functions(source):
            raise NoStatement(f"{named or spot.place} runs when its file is imported: only in functions can it stop")

    def change(self, each: Breakpoint, condition: str) -> None:
        """Give one another condition; it then holds. Raises NotAnExpression."""
        self._replace(replace(each, condition=checked(condition), enabled=True, problem=""))

    def switch(self, each: Breakpoint) -> None:
        """Let one not hold for a while, or hold again."""
        self._replace(replace(each, enabled=not each.enabled, problem=""))

    def tell(self, spot: Spot, problem: str) -> None:
        """It was told that the condition on this line could not be evaluated: it stops there for that no more."""
        there = self.at(spot)
        if there is not None:
            self._replace(replace(there, problem=problem))

    def remove(self, each: Breakpoint) -> None:
        """Take one away."""
        self._all = {key: other for key, other in self._all.items() if key != (each.file, each.line)}

    def clear(self) -> None:
        """Take all of them away."""
        self._all = {}

    def _replace(self, each: Breakpoint) -> None:
        self._all = {**self._all, (each.file, each.line): each}

    def _spot(self, each: Breakpoint) -> Spot:
        return Spot("" if each.file == self.files[0] else each.file, each.line)

    def _beginnings(self, source: str) -> frozenset[int]:
        if source != self._source:
            self._source, self._statements = source, beginnings(source)
        return self._statements


def beginnings(source: str) -> frozenset[int]:
    """The lines on which a statement begins that does something: no docstrings, no `global`."""
    tree = ast.parse(source)
    scopes = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    idle = {
        id(node.body[0])
        for node in ast.walk(tree)
        if isinstance(node, scopes) and ast.get_docstring(node, clean=False) is not None
    }
    silent = (ast.Global, ast.Nonlocal)
    return frozenset(
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.stmt) and id(node) not in idle and not isinstance(node, silent)
    )


def in_functions(source: str) -> frozenset[int]:
    """The lines on which a function begins, or a statement in one."""
    functions = (
        node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )
    return frozenset(each.lineno for node in functions for each in ast.walk(node) if isinstance(each, ast.stmt))
