"""What a line computed, in the few characters there are at its end. Pure: knows records and the text of statements."""

from __future__ import annotations

import ast
import re
from functools import lru_cache

from stepper.record import STRETCHED, Event, place
from stepper.session.findings.pointed_out import MARKS, points_out
from stepper.tui import figures
from stepper.tui.history import History

MOST = 3
"""A line that computed more values than this only says how many."""
PRODUCTS = frozenset({"mm", "matmul", "dot", "bmm", "mv"})
MODULES = frozenset({"np", "numpy", "torch"})
POINTED_OUT = "!"
STRETCHED_SHAPES = re.compile(re.escape(STRETCHED) + r"(.*?), (?:larger|of different|one number)")
Shape = tuple[int, ...]
Factor = tuple[str, bool]
"""The source text of a factor, and whether it is the transpose of what this text names."""


def hint(event: Event, history: History) -> str:
    """The end of a line: the shapes of a product, or of what was broadcast; the size of an update; or the results. A
    gradient that is computed in vain is said to be, and where something is pointed out in what the line calls."""
    changed = update(event, history)
    inside = None if points_out(event) else history.pointed_out_in(event)
    if inside is not None:
        where = place(inside.line, "" if inside.file == event.file else inside.file)
        return f"{POINTED_OUT} {where}  {changed or results(event)}"
    stretched = STRETCHED_SHAPES.search(event.note)
    mark = next((mark for note, mark in MARKS.items() if mark and note in event.note), "")
    if changed and stretched is None and not mark:
        return changed
    text = results(event)
    if stretched is not None:
        shapes, made = figures.tight(stretched[1]), changed or figures.tight(text)
        return f"{POINTED_OUT} {shapes}" if shapes.endswith(made) else f"{POINTED_OUT} {shapes}  {made}"
    if mark:
        return f"{POINTED_OUT} {mark}  {changed or text}"
    factors = product(event)
    return f"{factors} → {figures.tight(text)}" if factors and text.startswith("(") else text


def results(event: Event) -> str:
    """What an event computed, in few characters: shapes and scalars of what it made or changed, each once;
    of a loop inside the iteration the first and the last."""
    seen: dict[str, str] = {}
    first: dict[str, str] = {}
    copies: set[int] = set()
    changed = tuple(f"{value.label}[" for value in event.values if value.when == "after")
    for value in event.values:
        if changed and value.when == "result" and value.label.startswith(changed):
            continue  # what was stored into a part; what the whole has become says more
        # an expression statement's own value is often what a name in it has become: said once
        if value.when in ("result", "after") and value.copy not in copies:
            text = figures.brief(value.summary)
            # the head of a loop binds its names anew in each pass
            begun = first.setdefault(value.label, text) if value.when == "result" else text
            seen[value.label] = text if begun == text else f"{begun} … {text}"
            if value.copy is not None:
                copies.add(value.copy)
    texts = [text for text in seen.values() if text]
    if len(texts) > MOST:
        gradients = all(label.endswith(".grad") for label, text in seen.items() if text)
        return f"{len(texts)} {'gradients' if gradients else 'values'}"
    return "  ".join(texts)


def update(event: Event, history: History) -> str:
    """`‖Δ‖ 2.543` where the event moved parameters: the Euclidean norm of after − before, over all that it moved; empty
    where that is not known."""
    norm = history.updates.of(event)
    return "" if norm is None else f"‖Δ‖ {figures.figure(norm)}"


def product(event: Event) -> str:
    """`(64,1000)·(1000,100)` where the event's value is a matrix product of values whose shapes are known."""
    factors = _factors(event.text)
    if factors is None:
        return ""
    shapes: dict[str, Shape] = {
        value.label: value.summary.shape
        for value in event.values
        if value.when == "operand" and value.summary.shape is not None
    }
    texts = []
    for label, transposed in factors:
        shape = shapes.get(label)
        if shape is None:
            return ""
        texts.append(figures.tight(figures.shape(shape[:-2] + shape[:-3:-1] if transposed else shape)))
    return "·".join(texts)


@lru_cache(maxsize=4096)
def _factors(text: str) -> tuple[Factor, Factor] | None:
    try:
        statement = ast.parse(text.strip()).body
    except (SyntaxError, ValueError):
        return None  # the head of a compound statement
    if len(statement) != 1:
        return None
    node = getattr(statement[0], "value", None)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult):
        return _factor(node.left, text), _factor(node.right, text)
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute) or node.func.attr not in PRODUCTS:
        return None
    receiver = node.func.value
    if isinstance(receiver, ast.Name) and receiver.id in MODULES:
        return (_factor(node.args[0], text), _factor(node.args[1], text)) if len(node.args) == 2 else None
    return (_factor(receiver, text), _factor(node.args[0], text)) if len(node.args) == 1 else None


def _factor(node: ast.expr, text: str) -> Factor:
    inner: ast.expr | None = None
    if isinstance(node, ast.Attribute) and node.attr in ("T", "mT"):
        inner = node.value
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "t":
        inner = node.func.value
    return (ast.get_source_segment(text.strip(), inner or node) or "", inner is not None)
