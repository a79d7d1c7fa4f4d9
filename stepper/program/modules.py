"""The script's own modules with probes in their functions and methods, so that a call into them can be walked as well.

What a module does at its own level stays as it is.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass, replace
from types import CodeType

from stepper.program.beside import Beside
from stepper.program.errors import ProgramError
from stepper.program.flow.losses import Losses
from stepper.program.opaque import hands_over, opaque
from stepper.program.probes.compiled import compiled
from stepper.program.probes.instrument import Instrument, Plan
from stepper.program.probes.table import SiteTable
from stepper.program.scopes import Scope, Script
from stepper.program.sites import Site
from stepper.program.source import Source
from stepper.program.syntax import FUNCTIONS
from stepper.record.events import Phase, Role, Spot

MOST_LINES = 10_000  # in modules that get probes: a thousand lines of statements take up to 0.4 s at the start


@dataclass(frozen=True)
class Module:
    """One of the script's own modules: what it is imported as, its text, and its code with probes. `loops` are the
    sites of the loops on the way to the training loop, by node; `stops` the lines on which its code can stop,
    by their keys."""

    name: str
    path: str
    source: str
    sites: tuple[Site, ...]
    code: CodeType
    loops: dict[int, int]
    stops: dict[str, Spot]


def with_probes(main: Instrument, found: Sequence[Beside], first: int, home: Source) -> tuple[Module, ...]:
    """The modules that get probes, their sites numbered from `first`; `main` has instrumented the script, and `home` is
    the file that has the training loop.

    Where the script or a module has something compiled or transformed as a whole, none does but the function that has
    the loop: what that takes in is not to be told from the text. Of very many lines those do that the script comes to
    first, and `home`.
    """
    if not found:
        return ()
    closed: frozenset[int] = frozenset()
    try:
        if hands_over(Script(main.script.source, found)):
            found = [each for each in found if each.source is home]
            closed = _around(main, home)
    except RecursionError:  # nested too deeply for us; Python itself can run it
        return ()
    modules: list[Module] = []
    left = MOST_LINES
    for number, each in enumerate(found, 1):
        lines = len(each.source.lines)
        if lines > left and each.source is not home:
            continue
        left -= lines
        try:
            module = _with_probes(main, each, number, first, home, closed)
        except (ProgramError, RecursionError):
            if each.source is home:
                raise
            continue  # it runs without, as Python reads it
        first += len(module.sites)
        modules.append(module)
    return tuple(modules)


def _around(main: Instrument, home: Source) -> frozenset[int]:
    """The functions of a file in which the training loop does not stand."""
    loop = main.plan.loop
    own = {id(loop), *(id(node) for node in main.script.ancestors(loop))} if loop is not None else set()
    return frozenset(id(node) for node in ast.walk(home.tree) if isinstance(node, FUNCTIONS) and id(node) not in own)


def _with_probes(
    main: Instrument, beside: Beside, number: int, first: int, home: Source, closed: frozenset[int]
) -> Module:
    """The functions in `closed` stay as they are. The phases and roles in a module are known where it was read together
    with the script; else a statement has the phase of the call, roles are left to the engines, and losses to the
    script."""
    source, plan, is_home = beside.source, main.plan, beside.source is home
    tag = "" if is_home else f"{number}_"
    table = SiteTable(source, first, "" if is_home else source.path)
    if beside.name in main.script.modules:
        plan = replace(plan, tag=tag, beside=not is_home, opaque=plan.opaque | closed)
        instrument = Instrument(main.script, main.knowledge, main.losses, plan, table)
    else:
        script = Script(source)
        kind = "backward" if plan.loss_kind == "backward" else ""
        plan = Plan(None, frozenset(), opaque(script), {}, None, kind, tag, beside=True)
        instrument = Instrument(script, Caller(), Backwards(script), plan, table)
    code = compiled(instrument.beside(), source)
    file = "" if source.path == home.path else source.path  # the script, too, where a module imports it back
    sites, stops = table.finished(), {key: Spot(file, line) for key, line in instrument.armed.lines.items()}
    return Module(beside.name, source.path, source.text, sites, code, instrument.loop_sites, stops)


class Caller:
    """What is known of the statements and names of a module: nothing but by who calls."""

    def phase(self, statement: ast.AST) -> Phase | None:
        return None

    def call_phase(self, node: ast.AST) -> Phase | None:
        return None

    def role(self, scope: Scope, node: ast.AST) -> Role | None:
        return None

    def role_of_name(self, scope: Scope, name: str) -> Role | None:
        return None


class Backwards(Losses):
    """The losses of a module: what `.backward()` is called on; no name makes one, since names are the script's."""

    def is_loss_call(self, node: ast.AST) -> bool:
        return False

    def is_loss_target(self, node: ast.AST) -> bool:
        return False
