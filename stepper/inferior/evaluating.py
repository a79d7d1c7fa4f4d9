"""Expressions of the person's own, worked out of what was recorded: `(h > 0).sum(0)`, `w1.grad.norm() / w1.norm()`.

On the service thread, which alone lets the script go on: as long as one is evaluated, that stands. The operands are
copies of the copies, so that the record stays what it is whatever an expression does to them. Of the script itself only
the names of its modules are read, for anything else that it has is now another than it was at the cursor.
"""

from __future__ import annotations

import ast
import builtins
import math
import re
import sys
import warnings
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from types import ModuleType
from typing import Any

from msgspec.structs import replace

from stepper.engines.base import Engine, having
from stepper.inferior.limit import TookLong, with_the_debugger, within
from stepper.inferior.protocol import TOOK_LONG, UNKNOWN, Evaluate, Operand
from stepper.inferior.recording.copies import Copy
from stepper.inferior.recording.scalars import SCALARS, describe_error, scalar_summary
from stepper.inferior.recording.store import Store
from stepper.program.program import Program
from stepper.record import Summary, Value

USUAL: Mapping[str, str] = {
    "np": "numpy", "numpy": "numpy", "torch": "torch", "nn": "torch.nn", "F": "torch.nn.functional", "math": "math"
}  # fmt: skip
"""What libraries are called where the script has no other name for them."""
TALKING = ("print", "input", "breakpoint", "help", "exit", "quit")
"""Functions that would speak through the script's own output, read its input, or end it: here they do nothing."""
SECONDS = 10.0
"""How long an expression may take: as long as one is evaluated, the script cannot go on."""
NUMBERS: Mapping[str, Callable[[str], Any]] = {"complex": complex, "int": int}
"""The types of numbers that may come as text."""
_SILENT = ("ignore", re.compile(""), Warning, None, 0)


class Evaluator:
    """Answers for the records in a store. While `aside`, nothing that the script's code does counts."""

    def __init__(
        self,
        program: Program,
        store: Store,
        engines: Sequence[Engine],
        aside: Callable[[], AbstractContextManager[None]],
    ) -> None:
        self._files = {program.path, program.home, *(module.path for module in program.modules)}
        self._store = store
        self._engines = engines
        self._aside = aside

    def value(self, request: Evaluate) -> Value:
        """What is asked for, kept beside the copies it was worked out of. Raises LookupError, which says why there is
        none."""
        worked_out = self._store.shelf(request.iteration).worked_out
        key: Hashable = (request.label, request.text, tuple(request.operands))
        found = worked_out.get(key)
        if found is None:
            found = worked_out[key] = self._kept(request.iteration, request.label, self._evaluated(request))
        return found

    def _evaluated(self, request: Evaluate) -> Any:
        tree = ast.parse(request.text, "<expression>", "eval")
        names: dict[str, Any] = {"__builtins__": {**vars(builtins), **dict.fromkeys(TALKING, _silent)}}
        names.update((each, self._module(each)) for each in _free_names(tree))
        for number, operand in enumerate(request.operands):
            names[f"_{number}"] = self._operand(request.iteration, operand)
        code = compile(tree, "<expression>", "eval")
        with self._unnoticed(), with_the_debugger():
            try:
                return within(SECONDS, lambda: eval(code, names))
            except TookLong:
                raise LookupError(f"{TOOK_LONG}{SECONDS:.0f} seconds") from None
            except BaseException as error:  # of whatever kind: SystemExit is no less the expression's own
                raise LookupError(describe_error(error)) from None

    def _operand(self, iteration: int | None, operand: Operand) -> Any:
        if operand.copy is not None:
            copy = self._store.get(iteration, operand.copy)
            return copy.engine.native(copy.kept)
        number, kind = operand.number, NUMBERS.get(operand.type)
        if not isinstance(number, str) or kind is None:
            return number
        try:
            return kind(number)
        except ValueError:
            raise LookupError(f"of an integer of very many digits only the size is kept: {number}") from None

    def _module(self, name: str) -> ModuleType:
        """What the script calls a module by this name."""
        if name == "math":
            return math
        for space in self._spaces():
            held = space.get(name)
            if type(held) is ModuleType:
                return held
        usual = sys.modules.get(USUAL.get(name, ""))
        if usual is not None:
            return usual
        raise LookupError(f"{UNKNOWN}{name}")

    def _spaces(self) -> Iterator[dict[str, Any]]:
        yield vars(sys.modules["__main__"])
        for module in list(sys.modules.values()):
            if getattr(module, "__file__", None) in self._files:
                yield vars(module)

    def _kept(self, iteration: int | None, label: str, result: Any) -> Value:
        engine = next((each for each in self._engines if each.owns(result)), None)
        told = _told(result)
        if engine is None or told is not None:
            return Value(label, "other", "result", told or Summary("other", type(result).__name__))
        with self._unnoticed():
            engine.settle()
            size = getattr(result, "nbytes", 0)
            if size > self._store.room:
                raise LookupError(f"its value takes {size / 1e9:.1f} GB, for which there is no room: see --memory")
            copy = Copy(engine, engine.keep(result))
        summary = copy.summary
        return Value(label, "other", "result", summary, self._store.add(iteration, copy), copy.gone)

    @contextmanager
    def _unnoticed(self) -> Iterator[None]:
        with ExitStack() as stack:
            stack.enter_context(self._aside())
            stack.enter_context(_silently())
            for engine in having(self._engines, "random_state"):
                stack.enter_context(engine.undrawn())
            for engine in having(self._engines, "neutral"):
                stack.enter_context(engine.neutral())
            yield


def _silent(*_: object, **__: object) -> None:
    """In place of what speaks."""


def _free_names(tree: ast.AST) -> list[str]:
    """The names that an expression reads and neither binds itself (`for row in h`) nor has from Python, but for those
    of its operands."""
    names = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
    bound = {node.id for node in names if not isinstance(node.ctx, ast.Load)}
    bound |= {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    read = dict.fromkeys(node.id for node in names if node.id not in bound and not hasattr(builtins, node.id))
    return [name for name in read if not re.fullmatch(r"_\d+", name)]


def _told(result: Any) -> Summary | None:
    """The summary of what is told in words or digits: a number, a shape, a dtype; no code of the script's runs for it.
    Raises LookupError for several values in one."""
    if type(result) in SCALARS:
        return scalar_summary(result)
    if isinstance(result, tuple):
        if not all(type(each) in SCALARS for each in tuple(result)):
            raise LookupError(f"it has {len(result)} values: take one of them, as with [0]")
        return replace(scalar_summary(str(tuple(result))), type=type(result).__name__)
    of_library = type(result).__module__.partition(".")[0] in ("torch", "numpy") and not hasattr(result, "dtype")
    told = result is None or of_library
    return replace(scalar_summary(str(result)), type=type(result).__name__) if told else None


@contextmanager
def _silently() -> Iterator[None]:
    """While this lasts, no warning is shown, nor counted as shown: `warnings` is not told, for otherwise what it has
    shown once it would show again."""
    filters: list[Any] = warnings.filters  # type: ignore[assignment]
    filters.insert(0, _SILENT)
    try:
        yield
    finally:
        with suppress(ValueError):
            filters.remove(_SILENT)
