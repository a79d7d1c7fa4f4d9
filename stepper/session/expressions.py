"""Python expressions that a person types: whether they are such, and what they ask of a record's values.

What a record has a value of is read there, be it an expression of the script's itself: `x.mm(w1).clamp(min=0).sum(0)`
goes on from what the line had there. The rest is worked out where the values are kept. Pure.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from stepper.inferior.protocol import UNKNOWN, Operand
from stepper.record import Value
from stepper.session.findings.labels import near, some

NUMBERED = re.compile(r"(\b[A-Za-z_]\w*|[\])])((?:\.\d+)+)\b")  # `model.2.weight`, as torch calls what lies in a list
UNDEFINED = re.compile(r"NameError: name '(\w+)' is not defined")
LACKING = re.compile(r"AttributeError: '([\w.]+)' object has no attribute '(\w+)'")
OF_MEMORY = frozenset(("shares_memory", "may_share_memory", "data_ptr", "untyped_storage", "id"))
OF_COPIES = (
    "an expression works on copies, which cannot tell whether two names are one object or share memory; "
    "step over a line that changes one of them, and see in Tensors whether the other changes, too"
)
FEW = 3  # labels that are proposed for one that there is not


class NotAnExpression(ValueError):
    """What was typed is no Python expression; the message says so in one line."""


class Asked(NamedTuple):
    """An expression of kept values: in `text` they are called `_0`, `_1`, …, as in `inferior.protocol.Evaluate`."""

    text: str
    operands: tuple[Operand, ...]


def checked(text: str) -> str:
    """An expression as it is kept; empty for none. Raises NotAnExpression."""
    text = " ".join(text.split("\n")).strip()
    if not text:
        return ""
    try:
        tree = _tree(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        reason = error.msg if isinstance(error, SyntaxError) else str(error) or type(error).__name__
        if isinstance(error, SyntaxError) and _assigns(text):
            reason = "it assigns; == compares"
        raise NotAnExpression(f"{text} is not a Python expression: {reason}") from None
    if any(isinstance(node, (ast.Yield, ast.YieldFrom, ast.Await)) for node in ast.walk(tree)):
        raise NotAnExpression(f"{text} cannot be evaluated by itself: it must not wait or yield")
    return text


def _assigns(text: str) -> bool:
    try:
        return any(isinstance(node, ast.Assign) for node in ast.parse(text).body)
    except (SyntaxError, ValueError):
        return False


class Labels:
    """The labels of a record, by how Python writes them."""

    def __init__(self, labels: Iterable[str]) -> None:
        self.by_text: dict[str, str] = {}
        for label in labels:
            written = _written(label)
            if written is not None:
                self.by_text.setdefault(written, label)


def asked(text: str, labels: Labels, held: Callable[[str], Value | None]) -> Asked:
    """What an expression asks, where `held` tells the value that each label has. Raises LookupError where one that it
    names has none there, or is nothing that can be computed with."""
    tree = _tree(text)
    if any(map(_asks_of_memory, ast.walk(tree))):
        raise LookupError(OF_COPIES)
    reading = _Reading(labels.by_text, held, _bound(tree))
    return Asked(ast.unparse(ast.fix_missing_locations(reading.visit(tree))), tuple(reading.operands.values()))


def _asks_of_memory(node: ast.AST) -> bool:
    """Whether it asks whether two are one object (`m is v`, but not `m is None`), or where one lies."""
    match node:
        case ast.Compare(left=left, ops=ops, comparators=others):
            of_objects = any(isinstance(each, ast.Is | ast.IsNot) for each in ops)
            return of_objects and not any(isinstance(each, ast.Constant) for each in (left, *others))
        case ast.Call(func=ast.Attribute(attr=name) | ast.Name(id=name)):
            return name in OF_MEMORY
    return False


def proposed(problem: str, text: str, labels: Labels) -> str:
    """Why an expression has no value; where that is for a name that there is not, with those that are like it, and
    where what was asked of a module was asked of its output, with that."""
    lacking = LACKING.match(problem)
    if lacking is not None:
        return _lacking(problem, lacking[1], lacking[2], text, labels)
    if not problem.startswith(UNKNOWN):
        return problem
    like = near(problem.removeprefix(UNKNOWN), list(labels.by_text.values()))[:FEW]
    if like:
        return f"{problem}; did you mean {' or '.join(like)}?"
    return f"{problem}; what has a name is what is recorded by then, and the script's modules"


def _lacking(problem: str, kind: str, name: str, text: str, labels: Labels) -> str:
    """The same for an attribute that a value has not: the script has another object of that label, a module."""
    for node in ast.walk(_tree(text)):
        if isinstance(node, ast.Attribute) and node.attr == name:
            label = labels.by_text.get(ast.unparse(node.value))
            if label is not None:
                within = [each for each in labels.by_text.values() if each.startswith(f"{label}.{name}.")]
                named = f"; recorded are {some(within, FEW)}" if within else ""
                return f"{label} stands for its recorded value here, a {kind}, which has no {name}{named}"
    return problem


def with_meant(problem: str, labels: Iterable[str]) -> str:
    """Why an expression failed in the script; where that is for a name that there is not, with those like it."""
    unknown = UNDEFINED.fullmatch(problem)
    like = near(unknown[1], sorted(filter(str.isidentifier, labels)))[:FEW] if unknown else []
    return f"{problem} (did you mean {' or '.join(like)}?)" if like else problem


class _Reading(ast.NodeTransformer):
    """Puts operands in the place of what has a label, the longest first."""

    def __init__(self, labels: Mapping[str, str], held: Callable[[str], Value | None], bound: set[str]) -> None:
        self.operands: dict[str, Operand] = {}
        self._labels = labels
        self._held = held
        self._bound = bound
        self._names: dict[str, str] = {}

    def visit(self, node: ast.AST) -> ast.AST:
        if not isinstance(node, ast.expr) or isinstance(node, ast.Constant):
            return super().visit(node)  # type: ignore[no-any-return]
        label = self._label(node)
        if label is None:
            called = self._label(node.func) if isinstance(node, ast.Call) else None
            if called is not None:
                raise LookupError(f"{called} stands for a recorded value here, which cannot be called")
            return super().visit(node)  # type: ignore[no-any-return]
        if label not in self.operands:
            self._names[label] = f"_{len(self.operands)}"
            self.operands[label] = self._operand(label)
        return ast.Name(self._names[label], ast.Load())

    def _label(self, node: ast.expr) -> str | None:
        """What it is called in the record; None where it is not, or is the expression's own."""
        label = self._labels.get(ast.unparse(node))
        own = label is not None and self._bound.isdisjoint(n.id for n in ast.walk(node) if isinstance(n, ast.Name))
        return label if own and isinstance(getattr(node, "ctx", ast.Load()), ast.Load) else None

    def _operand(self, label: str) -> Operand:
        value = self._held(label)
        if value is None:
            raise LookupError(f"{label} has no value yet")
        summary = value.summary
        if value.copy is not None:
            if value.pooled:
                raise LookupError(f"of {label} only a summary and a pooled picture are kept: see --memory")
            return Operand(copy=value.copy)
        if summary.kind != "scalar":
            raise LookupError(f"{label} ({summary.type}) was not kept")
        return Operand(number=summary.value, type=summary.type)


def _tree(text: str) -> ast.Expression:
    def indices(found: re.Match[str]) -> str:
        return found[1] + "".join(f"[{each}]" for each in found[2].split(".")[1:])

    return ast.parse(NUMBERED.sub(indices, text), "<expression>", "eval")


def _bound(tree: ast.AST) -> set[str]:
    """The names that an expression binds itself: `[row for row in h]`."""
    stored = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)}
    return stored | {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}


def _written(label: str) -> str | None:
    """A label as Python writes it; None for one that is no expression."""
    try:
        return ast.unparse(_tree(label).body)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
