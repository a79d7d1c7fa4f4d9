"""The table of sites while it is being built: numbers first, what they mean once it is known."""

from __future__ import annotations

import ast
from dataclasses import dataclass, replace
from typing import Any, Protocol

from stepper.program.scopes import Scope
from stepper.program.sites import Site, SiteKind
from stepper.program.source import Source
from stepper.record.events import Phase, Role


class Knowledge(Protocol):
    """What data flow says of the script."""

    def phase(self, statement: ast.AST) -> Phase | None:
        """The phase of a statement; None: that of the caller."""

    def call_phase(self, node: ast.AST) -> Phase | None:
        """The phase of calling a function, or of a call inside a loss; None: that of what is around it."""

    def role(self, scope: Scope, node: ast.AST) -> Role | None:
        """The role of a name or attribute path used in `scope`."""

    def role_of_name(self, scope: Scope, name: str) -> Role | None:
        """The role of a name bound in `scope`."""


@dataclass(frozen=True)
class Context:
    """Where an expression or statement stands: its scope, the event it belongs to, that event's phase, and the role of
    what is computed on the way to what it binds (None: what the phase says)."""

    scope: Scope
    function: str = ""
    parent: int | None = None
    phase: Phase | None = None
    spine: bool = False
    role: Role | None = None

    def inside(self, parent: int) -> Context:
        """The same place, one event further in."""
        return replace(self, parent=parent)


class SiteTable:
    """Sites by number. `first` is that of the first; `file` is the path of a module beside the script."""

    def __init__(self, source: Source, first: int = 0, file: str = "") -> None:
        self.source = source
        self._first = first
        self.file = file
        self._sites: list[Site | None] = []

    def reserve(self) -> int:
        """A new number, to be filled in later."""
        self._sites.append(None)
        return self._first + len(self._sites) - 1

    def fill(self, number: int, kind: SiteKind, node: ast.AST, context: Context, **more: Any) -> int:
        """Say what a reserved number means. `label` is the node's source text unless given."""
        span = self.source.span(node)
        text = self.source.of(node)
        more.setdefault("label", text)
        more.setdefault("parent", context.parent)
        more.setdefault("phase", context.phase)
        self._sites[number - self._first] = Site(
            id=number,
            kind=kind,
            line=span.line,
            column=span.column,
            end_line=span.end_line,
            end_column=span.end_column,
            text=text,
            function=context.function,
            spine=context.spine,
            file=self.file,
            **more,
        )
        return number

    def add(self, kind: SiteKind, node: ast.AST, context: Context, **more: Any) -> int:
        """Reserve and fill at once."""
        return self.fill(self.reserve(), kind, node, context, **more)

    def finished(self) -> tuple[Site, ...]:
        """All sites, in the order of their numbers."""
        sites = tuple(site for site in self._sites if site is not None)
        if len(sites) != len(self._sites):
            raise AssertionError("a site was reserved and never filled")
        return sites
