"""A loss that adds up absolute errors to be told, where the gradient begins with the errors themselves: it is that of
their squares. What each of them was is what the loss grew by, so their squares are known in every pass. Pure.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from stepper.record import Event, Record, statement_in
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
