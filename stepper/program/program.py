"""A script becomes a program: its training loop found, its probes in place, its data flow known.

Pure: looks at source text only. The instrumented code calls reserved builtins (see `nodes.PROBES`) that whoever runs
it has to supply.
"""

from __future__ import annotations

import ast
import builtins
import difflib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from types import CodeType

from stepper.program import settings as settings_
from stepper.program.beside import Beside, Find, beside
from stepper.program.errors import PartOfPackage, ProgramError
from stepper.program.flow.losses import Losses
from stepper.program.knowledge.knowledge import Known
from stepper.program.knowledge.loops import Choice, choose, heads_of
from stepper.program.modules import Module, with_probes
from stepper.program.opaque import opaque
from stepper.program.probes.compiled import compiled
from stepper.program.probes.instrument import Instrument, Plan
from stepper.program.probes.table import SiteTable
from stepper.program.scopes import Script
from stepper.program.sites import Site
from stepper.program.source import Source
from stepper.program.spine import LoopNode, enclosing, spine
from stepper.record.events import LoopHead, Phase, Role, Spot

NAMED = 8  # names of a loop that are proposed for a loss
LONGEST = 2_000  # lines of modules that are read together with a script; more could take seconds

__all__ = ["Loop", "Program", "ProgramError", "analyse"]


@dataclass(frozen=True)
class Loop:
    """The training loop. `site` is of kind "loop", as are `enclosing`: the loops around it, outermost first."""

    line: int
    end_line: int
    text: str
    site: int
    enclosing: tuple[int, ...]


@dataclass(frozen=True)
class Program:
    """An analysed script. `loop` None: the whole script is one iteration.

    `flows` are the names and attributes whose values flow from pass to pass; `roles` goes by label, and
    `activations` are those that are one somewhere, be it in a module where the script has another; `lines` gives the
    phase of each line on which a statement starts, and `stops` are the lines, of all files, on which code that is not
    recorded can stop, by their keys (see `Armed`); `criteria` names the classes whose objects compute the loss when
    they are called. `keeps_data`: `p.data` is what an object of the script's own keeps, not a tensor's own values.
    `modules` are the script's own that it imports; their sites follow the script's. `home` is the file that has the
    training loop, and to which `lines` belong: the script, or one of them. `loops` are those that train: the one that
    was taken, then the others, in their order; nobody has named one then.
    """

    path: str
    source: str
    home: str
    sites: tuple[Site, ...]
    loop: Loop | None
    code: CodeType
    settings: dict[str, str]
    flows: tuple[str, ...]
    roles: dict[str, Role]
    activations: frozenset[str]
    keys: dict[str, Role]
    lines: dict[int, Phase]
    stops: dict[str, Spot]
    uses_backward: bool
    keeps_data: bool
    criteria: frozenset[str]
    modules: tuple[Module, ...] = ()
    loops: tuple[LoopHead, ...] = ()


def analyse(
    source: str,
    path: str,
    *,
    loop: str | None = None,
    loss: str | None = None,
    settings: Collection[str] = (),
    find: Find = lambda _: None,
    package: str = "",
) -> Program:
    """Analyse and instrument a script.

    `loop` is a line number as text, or "none"; `loss` a Python expression; `settings` the names that will be set;
    `find` gives the files of the script's own modules; `package` is the one that it lies in, where it is run as a
    module of it. Raises ProgramError with one plain line.
    """
    try:
        return _analyse(Source(source, path, package), loop, loss, settings, find)
    except RecursionError as error:
        raise ProgramError("not Python that can be given probes: it is nested too deeply") from error


def _analyse(text: Source, loop: str | None, loss: str | None, settings: Collection[str], find: Find) -> Program:
    if not text.package and not _says_its_package(text):
        _refuse_relative(text, text.tree.body)  # they fail in any case; what stands deeper may be provided for
    found = beside(text.tree, find, text.package)
    script, losses, choice, known = _read(text, found, loop)
    node = choice.loop
    plan = Plan(
        loop=node,
        spine=spine(script, node),
        opaque=opaque(script),
        settings=settings_.places(text, settings),
        loss=None if loss is None else _expression(loss, script, node),
        loss_kind="backward" if known.uses_backward else "named",
    )
    home = text if node is None else script.source_of(node)
    table = SiteTable(text, file="" if home is text else text.path)
    instrument = Instrument(script, known, losses, replace(plan, tag="" if home is text else "0_"), table)
    code = compiled(instrument.module(), text)
    sites = instrument.table.finished()
    modules = with_probes(instrument, found, len(sites), home)
    sites = (*sites, *(site for module in modules for site in module.sites))
    stops = {key: Spot(table.file, line) for key, line in instrument.armed.lines.items()}
    for module in modules:
        stops.update(module.stops)
    loops = {node: site for each in (instrument.loop_sites, *(m.loops for m in modules)) for node, site in each.items()}
    return Program(
        path=text.path,
        source=text.text,
        home=home.path,
        sites=sites,
        loop=_loop(script, node, loops),
        code=code,
        settings=settings_.find(text),
        flows=known.flows,
        roles=known.roles(sites),
        activations=known.activations(sites),
        keys=known.keys,
        lines=known.lines(home, sites),
        stops=stops,
        uses_backward=known.uses_backward,
        keeps_data=known.keeps_data,
        criteria=known.criteria,
        modules=modules,
        loops=heads_of(script, choice, loop),
    )


def _read(text: Source, found: list[Beside], loop: str | None) -> tuple[Script, Losses, Choice, Known]:
    """What the script says together with the nearest of its modules, as if all were one text; alone, where together
    nothing marks a gradient; with all of them, where no loop is found otherwise."""
    near = _nearest(found)
    failure: ProgramError | None = None
    last: tuple[Script, Losses, Choice, Known] | None = None
    readings = [near, []] if near else [[]]
    for modules in [*readings, found] if len(near) < len(found) else readings:
        if last is not None and modules is found:
            break
        try:
            script = Script(text, modules)
            losses = Losses(script)
            choice = choose(script, losses, loop)
            last = script, losses, choice, Known(script, losses, choice.loop)
        except ProgramError as error:
            failure = failure or error
            continue
        except RecursionError:
            if not modules:
                raise
            continue
        if last[-1].marks_gradient:
            break
    if last is None:
        assert failure is not None
        if not text.package:
            _refuse_relative(text, ast.walk(text.tree))
        raise failure
    return last


def _says_its_package(text: Source) -> bool:
    """Whether a script tells Python itself which package it lies in (PEP 366)."""
    name = "__package__"
    return any(
        (isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Store))
        or (isinstance(node, ast.Constant) and node.value == name)
        for node in (ast.walk(text.tree) if name in text.text else ())
    )


def _refuse_relative(text: Source, nodes: Iterable[ast.AST]) -> None:
    """Raise PartOfPackage where one of these nodes imports by a relative name, in a script that is run by its path."""
    found = [node.lineno for node in nodes if isinstance(node, ast.ImportFrom) and node.level]
    if found:
        levels = (node.level for node in ast.walk(text.tree) if isinstance(node, ast.ImportFrom))
        raise PartOfPackage(min(found), max(levels))


def _nearest(found: list[Beside]) -> list[Beside]:
    """The modules that the script comes to first, as many as are read together with it; not those that alone are too
    long for what is left."""
    near: list[Beside] = []
    left = LONGEST
    for each in found:
        lines = len(each.source.lines)
        if lines <= left:
            near.append(each)
            left -= lines
    return near


def _expression(text: str, script: Script, loop: LoopNode | None) -> ast.expr:
    try:
        node = ast.parse(text.strip(), "<--loss>", "eval").body
    except (SyntaxError, ValueError) as error:
        raise ProgramError(f"--loss {text!r} is not a Python expression") from error
    if any(isinstance(part, (ast.NamedExpr, ast.Yield, ast.YieldFrom, ast.Await)) for part in ast.walk(node)):
        raise ProgramError(f"--loss {text!r} must be an expression that only reads")
    own = {part.id for part in ast.walk(node) if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)}
    bound = own.union(*(scope.bindings for scope in script.scopes.values()))
    for part in ast.walk(node):
        if isinstance(part, ast.Name) and part.id not in bound.union(vars(builtins)) and not script.star_import:
            near = difflib.get_close_matches(part.id, bound, 1)
            hint = f" (did you mean {near[0]}?)" if near else _bound_in(loop)
            raise ProgramError(f"--loss {text!r}: the script has no name {part.id}{hint}")
    for part in ast.walk(node):
        for attribute in ("lineno", "col_offset", "end_lineno", "end_col_offset"):
            if hasattr(part, attribute):
                delattr(part, attribute)
    return node


def _bound_in(loop: LoopNode | None) -> str:
    """What names a loop binds, in words, as far as there is room for them."""
    stored = (part for part in ast.walk(loop or ast.Module([], [])) if isinstance(part, ast.Name))
    names = list(dict.fromkeys(part.id for part in stored if isinstance(part.ctx, ast.Store)))
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"; the loop binds {', '.join(names[:NAMED])}{more}" if names else ""


def _loop(script: Script, node: LoopNode | None, sites: Mapping[int, int]) -> Loop | None:
    if node is None:
        return None
    return Loop(
        line=node.lineno,
        end_line=node.end_lineno or node.lineno,
        text=script.source_of(node).of(node),
        site=sites[id(node)],
        enclosing=tuple(sites[id(loop)] for loop in enclosing(script, node) if id(loop) in sites),
    )
