"""Breakpoints: lines of files to stop at, whatever the target that these files belong to."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass

from stepper.record import Spot


class NoStatement(LookupError):
    """There is nothing on that line at which one could stop; the message says so."""


@dataclass(frozen=True, order=True)
class Breakpoint:
    """One breakpoint. `file` is the path of the file it was set in."""

    file: str
    line: int


class Breakpoints:
    """The breakpoints of a session. They belong to the files that they were set in: another target, or the same one
    anew, may have its training loop elsewhere, or not have those files at all."""

    def __init__(self, kept: Iterable[Breakpoint] = ()) -> None:
        """`kept`: those of a session before this one."""
        self._all = {(each.file, each.line): each for each in kept}
        self.files: tuple[str, ...] = ("",)
        """The paths of the target's files, that which has the training loop first."""
        self._source = ""
        self._statements: frozenset[int] = frozenset()

    @property
    def all(self) -> tuple[Breakpoint, ...]:
        """Every one of them, in order of files and lines."""
        return tuple(sorted(self._all.values()))

    @property
    def spots(self) -> frozenset[Spot]:
        """The lines of the target's files that have one."""
        home, *_ = self.files
        return frozenset(
            Spot("" if each.file == home else each.file, each.line)
            for each in self._all.values()
            if each.file in self.files
        )

    def in_file(self, file: str = "") -> frozenset[int]:
        """The lines of one file that have one; "" is the file that has the training loop."""
        return frozenset(spot.line for spot in self.spots if spot.file == file)

    def toggle(self, spot: Spot, source: str, named: str = "") -> bool:
        """Set a breakpoint on a line of `source`, or take it away; whether there is one now.

        Raises NoStatement where no statement begins on that line, which is called `named`.
        """
        key = (spot.file or self.files[0], spot.line)
        if key in self._all:
            self._all = {other: each for other, each in self._all.items() if other != key}
            return False
        if spot.line not in self._beginnings(source):
            raise NoStatement(f"no statement begins on {named or spot.place}, so nothing can stop there")
        self._all = {**self._all, key: Breakpoint(*key)}
        return True

    def clear(self) -> None:
        """Take all of them away."""
        self._all = {}

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
