"""The conditions of breakpoints: asked of the running script before a statement, so that nothing of it is changed.

Generators stand afterwards where they stood before, no gradient is recorded, nothing that an engine watches is heard,
and no exception leaves. What a condition does by itself (it prints, it calls `next`) is done: it is the person's.
"""

from __future__ import annotations

import ast
import builtins
import math
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from types import BuiltinFunctionType, CodeType, FrameType, ModuleType
from typing import Any

from msgspec.structs import replace

from stepper.engines.base import Engine, having
from stepper.engines.modes import capturing, torch_module
from stepper.inferior.protocol import Stop
from stepper.inferior.recording.frames import is_function, names_in
from stepper.inferior.recording.scalars import SCALARS, describe_error
from stepper.program.sites import Site
from stepper.record import Asked, Spot

SIMPLE = frozenset((*SCALARS, type(None)))
PURE = frozenset((abs, bool, float, int, isinstance, len, max, min, round, sum, any, all))
"""Functions that change nothing when they are given simple values, or tensors."""
READS = frozenset(
    (
        *("T", "data", "dtype", "grad", "imag", "ndim", "real", "requires_grad", "shape", "size"),
        *(
            "abs",
            "all",
            "any",
            "argmax",
            "argmin",
            "detach",
            "isfinite",
            "isinf",
            "isnan",
            "item",
            "max",
            "mean",
            "min",
        ),
        *("norm", "numel", "std", "sum", "var"),
    )
)
"""What of a tensor only reads it, be it a method or a function of its library."""
LIBRARIES = frozenset(("numpy", "torch"))
_OPERATORS = (ast.boolop, ast.operator, ast.unaryop, ast.cmpop, ast.expr_context)
_PARTS = (ast.BoolOp, ast.BinOp, ast.UnaryOp, ast.Compare, ast.IfExp, ast.Constant, ast.Tuple, ast.List, ast.Set)


class Condition:
    """A Python expression, to be evaluated where a frame of the script stands."""

    def __init__(self, text: str) -> None:
        """Raises SyntaxError, which the debugger has seen to before."""
        self.text = text
        self._tree = ast.parse(text.strip(), "<condition>", "eval").body
        self._names = tuple(dict.fromkeys(node.id for node in ast.walk(self._tree) if isinstance(node, ast.Name)))
        self._called: set[str] = set()
        self._modules: set[str] = set()
        self._reads = self._only_reads(self._tree)
        self._local: dict[int, tuple[CodeType, tuple[str, ...]]] = {}  # by identity: to hash code takes microseconds
        self._made: dict[tuple[str, ...], CodeType] = {}

    def names_in(self, frame: FrameType) -> dict[str, Any]:
        """The names of it that are a function's own where `frame` stands, and bound. Raises LookupError."""
        code = frame.f_code
        known = self._local.get(id(code))
        if known is None:
            own = {*code.co_varnames, *code.co_cellvars, *code.co_freevars} if is_function(frame) else set()
            known = self._local[id(code)] = (code, tuple(name for name in self._names if name in own))
        names = known[1]
        if not names:
            return {}
        held = names_in(frame)
        return {name: held[name] for name in names if name in held}

    def evaluate(self, names: Mapping[str, Any], frame: FrameType) -> bool:
        """Whether it holds. Raises whatever it raises."""
        key = tuple(names)
        code = self._made.get(key)
        if code is None:
            given = ast.arguments([], [ast.arg(name) for name in key], None, [], [], None, [])
            made = ast.fix_missing_locations(ast.Expression(ast.Lambda(given, self._tree)))
            code = self._made[key] = compile(made, "<condition>", "eval")
        return bool(eval(code, frame.f_globals)(*names.values()))

    def is_simple(self, names: Mapping[str, Any], frame: FrameType, owned: Callable[[Any], bool]) -> tuple[bool, bool]:
        """Whether no code but Python's own for numbers and texts can run; and whether none that could draw a number, or
        be noticed otherwise than by what it does to tensors: it reads nothing but those (which are `owned`)."""
        if not self._reads:
            return False, False
        simple = True
        for name in self._names:
            value = names[name] if name in names else frame.f_globals.get(name, getattr(builtins, name, None))
            kind = type(value)
            if name in self._called:
                known = kind in (type, BuiltinFunctionType) and value in PURE
            elif name in self._modules:
                known = value is math
            elif kind in SIMPLE:
                known = True
            else:
                simple, known = False, owned(value) or (isinstance(value, ModuleType) and value.__name__ in LIBRARIES)
            if not known:
                return False, False
        return simple, True

    def _only_reads(self, node: ast.AST) -> bool:
        match node:
            case ast.Name():
                return True
            case ast.Call(func=ast.Name(id=name), keywords=[]):
                self._called.add(name)
                return all(map(self._only_reads, node.args))
            case ast.Call(func=ast.Attribute(value=ast.Name(id="math" as name)), keywords=[]):
                self._modules.add(name)
                return all(map(self._only_reads, node.args))
            case ast.Attribute(value=ast.Name(id="math" as name)):
                self._modules.add(name)
                return True
            case ast.Call(func=ast.Attribute() as function, keywords=[]):
                return all(map(self._only_reads, (function, *node.args)))
            case ast.Attribute(value=value, attr=attribute):
                return attribute in READS and self._only_reads(value)
        return isinstance(node, _OPERATORS) or (
            isinstance(node, _PARTS) and all(map(self._only_reads, ast.iter_child_nodes(node)))
        )


class Answers:
    """What came of the conditions in one record: `by_site` has them by the numbers of the sites on their lines."""

    def __init__(self, by_site: Mapping[int, tuple[Spot, Condition]]) -> None:
        self.by_site = by_site
        self._asked = {spot: Asked(spot, condition.text, [], []) for spot, condition in by_site.values()}
        self._problems: dict[Spot, str] = {}

    def note(self, spot: Spot, event: int, outcome: bool | str) -> None:
        """An answer, before an event: whether it held, or why it could not be evaluated."""
        asked = self._asked[spot]
        if isinstance(outcome, str):
            asked.failed.append(event)
            self._problems.setdefault(spot, outcome)
        elif outcome:
            asked.held.append(event)

    @property
    def all(self) -> list[Asked]:
        """One for each condition."""
        return [replace(asked, problem=self._problems.get(spot, "")) for spot, asked in self._asked.items()]


class Conditions:
    """All that hold now. Asked on the script's thread; replaced from any."""

    def __init__(
        self,
        sites: Sequence[Site],
        engines: Sequence[Engine],
        aside: Callable[[], AbstractContextManager[None]],
    ) -> None:
        """`engines` are those that are active by then; while `aside`, nothing that the script's code does counts."""
        self._sites = sites
        self._engines = engines
        self._aside = aside
        self._stops: dict[Spot, tuple[Stop, Condition]] = {}
        self._by_line: dict[Spot, list[int]] | None = None
        self._by_site: dict[int, tuple[Spot, Condition]] = {}
        self.asking = False
        """Whether one is being evaluated: the code that it calls does not stop."""

    def replace(self, stops: Iterable[Stop]) -> None:
        """From now on these. A record that is under way goes on with those that it began with."""
        known = {condition.text: condition for _, condition in self._stops.values()}
        new = {
            stop.spot: (stop, known.get(stop.condition) or Condition(stop.condition))
            for stop in stops
            if stop.condition
        }
        if new and self._by_line is None:
            self._by_line = {}
            for site in self._sites:
                if site.kind in ("statement", "function"):
                    self._by_line.setdefault(Spot(site.file, site.line), []).append(site.id)
        lines = self._by_line or {}
        self._by_site = {
            number: (spot, condition) for spot, (_, condition) in new.items() for number in lines.get(spot, ())
        }
        self._stops = new

    def answers(self) -> Answers:
        """For a record that begins."""
        return Answers(self._by_site)

    def stops(self, spot: Spot, frame: FrameType) -> bool:
        """Whether a breakpoint on this line stops now, `frame` standing there: one whose condition cannot be evaluated
        does so until that was told."""
        found = self._stops.get(spot)
        if found is None:
            return True
        outcome = self.ask(found[1], frame)
        return outcome if isinstance(outcome, bool) else not found[0].told

    def ask(self, condition: Condition, frame: FrameType) -> bool | str:
        """Whether a condition holds where `frame` stands; else why it cannot be evaluated."""
        self.asking = True
        try:
            names = condition.names_in(frame)
            simple, reads = condition.is_simple(names, frame, self._owned)
            if simple:
                return condition.evaluate(names, frame)
            with self._unnoticed(draws=not reads):
                return condition.evaluate(names, frame)
        except BaseException as error:  # of whatever kind: SystemExit is no less the condition's own
            return describe_error(error)
        finally:
            self.asking = False

    def _owned(self, value: Any) -> bool:
        """Whether nothing but an engine's own library runs where this value is read or compared."""
        module = type(value).__module__
        if module not in ("builtins", "numpy", "torch", "torch.nn.parameter"):
            return False
        return any(engine.owns(value) for engine in self._engines) and not (module == "numpy" and value.dtype.hasobject)

    @contextmanager
    def _unnoticed(self, *, draws: bool) -> Iterator[None]:
        torch = torch_module()
        if torch is not None and capturing(torch):
            raise RuntimeError("a CUDA graph is being captured, and whatever is asked of a tensor would land in it")
        with ExitStack() as stack:
            stack.enter_context(self._aside())
            stack.callback(setattr, warnings, "showwarning", warnings.showwarning)
            warnings.showwarning = _not_shown
            for engine in having(self._engines, "random_state") if draws else ():
                stack.enter_context(engine.undrawn())
            for engine in having(self._engines, "neutral"):
                stack.enter_context(engine.neutral())
            yield


def _not_shown(*_: object, **__: object) -> None:
    """In place of `warnings.showwarning`: a warning of the condition's is none of the script's."""
