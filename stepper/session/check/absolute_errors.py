"""A loss that adds up absolute errors to be told, or is the mean of them, where the gradient begins with the errors
themselves: it is that of their squares. Where a loop adds them up, what each of them was is what the loss grew by, so
their squares are known in every pass; of a whole array at once (`np.mean(np.abs(e))`) they are another loss. Pure.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from stepper.record import Event, Record, nodes_of, statement_in
from stepper.session.check.finite_difference import Losses, Reading
from stepper.session.findings.running import number

ABSOLUTE = frozenset(("abs", "abs_", "absolute", "fabs"))


def squares(record: Record) -> list[tuple[Reading, str]]:
    """Half the sum of the squares of the absolute errors that the iteration adds up, and that sum, each with what it is
    called; none where there are no such errors, or a backward pass knows which loss it began with."""
    if any(event.kind in ("backward", "contribution") for event in record.events):
        return []
    lines: dict[int, None] = {}
    places: list[tuple[int, int]] = []
    for event, before, after in _added(record):
        was = next((place for _, place in reversed(places) if record.losses[place] == before), None)
        was = _place(record.losses, before, 0) if was is None else was
        behind = None if was is None else _place(record.losses, after, max(was, places[-1][1] if places else 0) + 1)
        if was is not None and behind is not None:
            places.append((was, behind))
            lines[event.line] = None
    if not places:
        return []
    said = f"the sum of the squares of the absolute errors that line {next(iter(lines))} adds up"
    return [(_of(places, 0.5), f"half {said}"), (_of(places, 1.0), said)]


@dataclass(frozen=True)
class Squares:
    """What a loss by absolute errors may be told for: half the sum of the squares of `errors`, by the expression
    `loss`, and what it is in other proportions, each with what that is called."""

    errors: str
    loss: str
    others: tuple[tuple[Reading, str], ...]


def of_an_array(record: Record, named: str | None) -> Squares | None:
    """The squares of the errors whose absolute values are the loss, by the text of what made it, or of what the person
    `named`; None where a backward pass knows its loss, or none such are seen."""
    if any(event.kind in ("backward", "contribution") for event in record.events):
        return None
    text = _made_by(record) if named is None else named
    found = {ast.unparse(each): each for each in _errors(text)}
    if len(found) != 1:
        return None
    (errors,) = found
    sizes = {
        value.summary.shape
        for event in record.events
        for value in event.values
        if value.summary.shape and ast.unparse(_parsed(value.label)) == errors
    }
    if len(sizes) != 1:
        return None  # a number by itself, or a name of several things
    (shape,) = sizes
    whole = f"of the squares of {errors}, whose absolute values are told"
    count = math.prod(shape)
    times = {2.0: f"the sum {whole}", 2.0 / count: f"the mean {whole}", 1.0 / count: f"half the mean {whole}"}
    rows = {2.0 / shape[0]: f"the sum {whole}, by row", 1.0 / shape[0]: f"half the sum {whole}, by row"}
    return Squares(errors, f"(({errors}) ** 2).sum() / 2", tuple((_times(a), b) for a, b in (rows | times).items()))


def _made_by(record: Record) -> str:
    """The text that was bound to the loss last."""
    for event in reversed(record.events):
        if event.kind == "statement" and any(
            value.when == "result" and number(value) == record.loss for value in event.values
        ):
            match statement_in(event.text):
                case ast.Assign(value=value) | ast.AnnAssign(value=ast.expr() as value):
                    return ast.unparse(value)
    return ""


def _errors(text: str) -> Iterator[ast.expr]:
    """What the absolute value is taken of in an expression."""
    for node in nodes_of(text):
        match node:
            case ast.Call(func=ast.Attribute(attr=name, value=value), args=[]) if name in ABSOLUTE:
                yield value
            case ast.Call(func=ast.Attribute(attr=name) | ast.Name(id=name), args=[value, *_]) if name in ABSOLUTE:
                yield value


def _parsed(label: str) -> ast.expr:
    try:
        return ast.parse(label, mode="eval").body
    except (SyntaxError, ValueError):
        return ast.Constant(value=None)


def _times(factor: float) -> Reading:
    return lambda losses: factor * losses[-1]


def _of(places: Sequence[tuple[int, int]], times: float) -> Reading:
    def read(losses: Losses) -> float:
        if len(losses) <= places[-1][1]:
            raise LookupError("there were fewer losses")
        return times * sum((losses[after] - losses[before]) ** 2 for before, after in places)

    return read


def _place(losses: Sequence[float], wanted: float, first: int) -> int | None:
    return next((place for place in range(first, len(losses)) if losses[place] == wanted), None)


def _added(record: Record) -> Iterator[tuple[Event, float, float]]:
    """The statements that add an absolute value to a number, with what that was before and behind it."""
    made: dict[str, Event] = {}
    for event in record.events:
        if event.kind != "statement":
            continue
        target, term = _sum(event.text)
        if target and term is not None and (_is_absolute(term) or _was_made_so(term, made)):
            held = {v.when: number(v) for v in event.values if v.label == target}
            before, after = held.get("before", held.get("operand")), held.get("result", held.get("after"))
            if before is not None and after is not None:
                yield event, float(before), float(after)
        made |= {value.label: event for value in event.values if value.when in ("result", "after")}


def _sum(text: str) -> tuple[str, ast.expr | None]:
    """What a statement adds something to, and what: `total += abs(e)`, `total = total + abs(e)`."""
    match statement_in(text):
        case ast.AugAssign(target=target, op=ast.Add(), value=term):
            return ast.unparse(target), term
        case ast.Assign(targets=[target], value=ast.BinOp(left=left, op=ast.Add(), right=right)):
            name = ast.unparse(target)
            sides = {ast.unparse(left): right, ast.unparse(right): left}
            return name, sides.get(name)
    return "", None


def _is_absolute(term: ast.expr) -> bool:
    called = (node.func for node in ast.walk(term) if isinstance(node, ast.Call))
    names = (func.attr if isinstance(func, ast.Attribute) else ast.unparse(func) for func in called)
    return not ABSOLUTE.isdisjoint(names)


def _was_made_so(term: ast.expr, made: dict[str, Event]) -> bool:
    maker = made.get(ast.unparse(term)) if isinstance(term, ast.Name) else None
    statement = None if maker is None else statement_in(maker.text)
    return isinstance(statement, ast.Assign) and _is_absolute(statement.value)
