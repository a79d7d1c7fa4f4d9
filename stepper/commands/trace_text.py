"""The text form of `stepper trace`: one iteration, statement by statement, as a page to read.

Writes what a record holds, and asks for arrays through a function; knows neither the session nor how to print.
"""

import os
import re
from collections.abc import Callable, Iterator, Sequence

from stepper.commands.figures import SMALL, mask_picture, number, shape_text, summary_text, table
from stepper.record import Array, Event, Gate, Parameter, Record, Value
from stepper.session.findings.all_zero import all_zero
from stepper.session.findings.carried import all_carried
from stepper.session.findings.evaluated import all_in_evaluation
from stepper.session.findings.lossless import TOO_MANY
from stepper.session.findings.sightings import as_left, nested
from stepper.session.findings.telling import all_shared, title, told
from stepper.session.findings.wrong_axis import wrong_axis
from stepper.session.headless import Watched

GetArray = Callable[[int], Array | None]  # None for what is too large to be fetched

PAGE = 120
ROLES = ("data", "activation", "loss", "parameter", "gradient")
NAME = re.compile(r"[^\W\d][\w.]*")
TURN = re.compile(r"(.*?)([₀-₉]+)")
LOOPS = ("for ", "while ", "async for ")
INSIDE = ("backward", "contribution", "module", "optimizer")
CHECKED, SAME_RULE = "recomputed by this rule", "the same rule"
SHORT = 10  # lines that a small array may take on a page without --values
MARGIN = 16  # where the source text begins: line number and phase stand before it


def trace_lines(
    record: Record,
    array: GetArray,
    *,
    script: str = "",
    values: bool = False,
    named: Callable[[str], str] = os.path.basename,
) -> Iterator[str]:
    """The page, line by line. With `values` larger arrays are shown too, by their corners. `script` is the path of the
    file whose lines need not be told to be its; `named` says what other files are called, by path."""
    yield from _events(record, array, script or record.home, values, named)
    for gate in record.gates:
        yield ""
        yield from _gate(gate, record, array, values)
    if not record.gates and record.pooled:
        yield ""
        yield "No gate is told: elements that would tell are past --memory."
    if record.parameters:
        yield ""
        yield from _parameters(record.parameters)
        yield from all_shared(record)
        yield from all_carried(record)
        yield from all_zero(record)
        yield from all_in_evaluation(record)
        yield from wrong_axis(record)
    for fault in record.faults:
        yield ""
        yield f"! {fault}"
    if record.truncated:
        yield ""
        yield f"The record is not complete: {TOO_MANY}."
    if record.error:
        yield ""
        died = record.error.startswith("the script's process")
        yield record.error[:1].upper() + record.error[1:] if died else f"Ended by {record.error}"


# ------------------------------------------------------------------------------------------------- values


def overview(record: Record) -> list[str]:
    """A line for each name of the iteration, with what it was last: the shapes at a glance. Nothing where no call was
    looked into: then the page itself is short."""
    if not any(event.kind in INSIDE for event in record.events):
        return []
    seen = (event.values for event in record.events if event.kind != "optimizer")  # whose parameters have a table
    named = {value.label for values in seen for value in values if NAME.fullmatch(value.label)}
    values = [value for label, value in as_left(record).items() if label in named and value.summary.kind == "tensor"]
    values = _in_turns(values)
    values.sort(key=lambda value: ROLES.index(value.role) if value.role in ROLES else len(ROLES))
    wide = max((len(value.label) for value in values), default=0)
    shapes = max((len(shape_text(value.summary.shape)) for value in values), default=0)
    lines = []
    for value in values:
        shape = shape_text(value.summary.shape)
        rest = summary_text(value.summary).removeprefix(shape)
        lines.append(f"  {value.label:<{wide}}  {value.role:<10}  {shape:<{shapes}}{rest}")
    return ["Values, as the iteration leaves them", *lines, ""]


def watched_lines(watched: Sequence[Watched], array: GetArray, values: bool) -> list[str]:
    """What expressions came to, or why not, and a blank line behind; nothing where there are none."""
    lines = []
    for each in watched:
        if each.value is None:
            lines.append(f"! {each.expression}: {each.problem}")
            continue
        lines.append(_value_line(each.value))
        if each.value.summary.kind == "tensor" and each.value.summary.size > 1:
            lines += _table(each.value, array, "  ", values)
    return [*lines, ""] if lines else []


def _in_turns(values: Sequence[Value]) -> list[Value]:
    """What a backward pass tells apart by its turn (`h₁`, `h₂`) comes in that order, where the name itself would, which
    is left out where it is one of them."""
    places = {value.label: place for place, value in enumerate(values)}
    turns = {value.label: TURN.fullmatch(value.label) for value in values}
    told = {(turn[1], value.copy) for value in values if (turn := turns[value.label]) is not None}

    def place(value: Value) -> tuple[int, list[int]]:
        turn = turns[value.label]
        if turn is None:
            return places[value.label], []
        return places.get(turn[1], places[value.label]), [len(turn[2]), *map(ord, turn[2])]

    return sorted((value for value in values if (value.label, value.copy) not in told), key=place)


# ------------------------------------------------------------------------------------------------- events


def _events(record: Record, array: GetArray, script: str, values: bool, named: Callable[[str], str]) -> Iterator[str]:
    depths: dict[int, int] = {}
    said = _Said()
    file = script
    for event in record.events:
        if event.file != file:
            file = event.file
            yield f"{'':>5}  ── {named(file)} ──"
        depth = 0 if event.parent is None else depths.get(event.parent, -1) + 1
        depths[event.id] = depth
        if not depth:
            said = _Said()
        elif event.kind == "statement" and event.parent is not None and nested(event, record.events[event.parent]):
            said.next()
        yield _head(event, record, depth)
        indent = " " * (MARGIN + 2 * depth + 4)
        for line in said.rule(_told(event, record)) if event.kind == "optimizer" else _told(event, record):
            yield f"{indent}{line}"
        inside = event.kind in INSIDE  # what lies inside a call repeats what is shown at the call and at its end
        for value in _shown(event):
            line, whole = said.line(value)
            if line:
                yield f"{indent}{line}"
            if whole and value.summary.kind == "tensor" and value.summary.size > 1 and (values or not inside):
                yield from _table(value, array, indent + "  ", values)
        said.end()
        if event.error:
            yield f"{indent}! {event.error}"


def _told(event: Event, record: Record) -> list[str]:
    """What there is to say below an event's line; what a layer is stands in it."""
    if event.kind == "statement":
        return [event.note] if event.note else []
    lines = told(event, record)
    return lines[1:] if event.kind == "module" else lines


class _Said:
    """The values that were shown of one statement, and of what lies inside it: each is shown whole once."""

    def __init__(self) -> None:
        self._lines: set[str] = set()
        self._now: list[str] = []  # of the event under way: two of its values may look alike
        self._names: dict[int, str] = {}
        self._rule: list[str] = []

    def end(self) -> None:
        """An event has been told."""
        self._lines.update(self._now)
        self._now = []

    def next(self) -> None:
        """Another statement of a block begins: what it changes is its own, though it looks as in the pass before."""
        self._lines.clear()

    def rule(self, lines: Sequence[str]) -> list[str]:
        """What there is to say of a parameter's step, without the rule where that is the one before's."""
        rule = list(lines)
        rest: list[str] = []
        while rule and (rule[-1].startswith(CHECKED) or ":" in rule[-1]):
            rest.insert(0, rule.pop())
        if rule and rule == self._rule:
            return [SAME_RULE, *rest]
        self._rule = rule
        return list(lines)

    def line(self, value: Value) -> tuple[str, bool]:
        """The line of a value, empty where the very same was there, and whether it says all of it."""
        name, line = _name(value), _value_line(value)
        if line in self._lines:
            return "", False
        self._now.append(line)
        if value.copy is None:
            return line, True
        first = self._names.setdefault(value.copy, name.removesuffix(" after"))
        if name.removesuffix(" after") == first or value.summary.kind != "tensor" or value.summary.nan is None:
            return line, True  # of a tensor whose numbers cannot be read nobody knows whether it is the same
        return f"{name}  {shape_text(value.summary.shape)}  the same as {first}", False


def _head(event: Event, record: Record, depth: int) -> str:
    whole = title(event, record)
    text = " ".join(whole.split("\n", 1)[0].split())
    if "\n" in whole:
        text += " …"
    if event.kind == "module":
        text = "  ".join([text, *told(event, record)[:1]])
    indent = "  " * depth
    return f"{event.line:>5}  {event.phase:<{MARGIN - 8}} {indent}{text}"[:PAGE]


def _shown(event: Event) -> list[Value]:
    """What the event made and changed. What it read was shown where it was made.

    Not so at the training loop's head, where the record begins: it reads the counters of the loops around it.
    """
    if event.id == 0 and event.text.startswith(LOOPS):
        return event.values
    return [value for value in event.values if value.when != "operand"]


def _value_line(value: Value) -> str:
    pooled = "  (the elements are past --memory)" if value.pooled else ""
    return f"{_name(value)}  {summary_text(value.summary)}{pooled}"


def _name(value: Value) -> str:
    when = {"before": " before", "after": " after"}.get(value.when, "")
    return " ".join(value.label.split()) + when


def _table(value: Value, array: GetArray, indent: str, values: bool) -> list[str]:
    """The figures of a value; without `values` only of a small one, in few lines."""
    if value.copy is None or not (values or value.summary.size <= SMALL):
        return []
    kept = array(value.copy)
    if kept is None:
        return []
    try:
        lines = table(kept, indent)
    except LookupError as reason:
        return [f"{indent}({reason})"]
    return lines if values or len(lines) <= SHORT else []


# ------------------------------------------------------------------------------------------------- gates


def _gate(gate: Gate, record: Record, array: GetArray, in_full: bool) -> Iterator[str]:
    op = " ".join(gate.op.split())
    yield f"Gate {gate.label}  {gate.place}  {op}"
    weak = f"  attenuated {gate.attenuated} (less than half passes)" if gate.soft else ""
    yield f"    active {gate.active}  blocked {gate.blocked}{weak}  dead units {_dead(gate)}"
    if gate.note:
        yield f"    ! {gate.note}"
    shut = gate.closed if gate.closed is not None else gate.mask
    yield f"    mask (█ {'half or more of ' if gate.soft else ''}the gradient passes, · {_shut(gate)})"
    mask = array(shut.copy) if shut.copy is not None else None
    if mask is not None:
        yield from mask_picture(mask, " " * 6)
    values = [("h", gate.h), ("gradient before", gate.grad_before), ("gradient after", gate.grad_after)]
    if gate.soft:
        values.insert(1, ("share that passes", gate.share))
    for name, value in values:
        if value is None:
            yield f"    {name}: none was seen" + (", elements are past --memory" if record.pooled else "")
            continue
        label = " ".join(value.label.split())
        yield f"    {name}: {label}  {summary_text(value.summary)}"
        yield from _table(value, array, " " * 6, in_full)


def _shut(gate: Gate) -> str:
    return "less than half, or nothing" if gate.soft else "it is blocked"


def _dead(gate: Gate) -> str:
    if gate.h.pooled:
        return "not known (h is past --memory)"
    units = gate.by_unit
    count = f"{len(units.dead)} of {units.count}" + (f" {gate.along}" if gate.along else "")
    if not units.dead:
        return count
    listed = ", ".join(map(str, units.dead[:20])) + (", …" if len(units.dead) > 20 else "")
    return f"{count}: {listed}"


# ------------------------------------------------------------------------------------------------- parameters


def _parameters(parameters: list[Parameter]) -> Iterator[str]:
    heads = ("Parameters", "shape", "L2 before", "L2 after", "L2 grad", "L2 update", "update/parameter")
    rows = [heads] + [
        (
            parameter.name,
            shape_text(parameter.shape) or "scalar",
            _norm(parameter.before),
            _norm(parameter.after),
            _norm(parameter.grad),
            _norm(parameter.update),
            number(parameter.ratio, 3),
        )
        for parameter in parameters
    ]
    widths = [max(len(row[place]) for row in rows) for place in range(len(heads))]
    for row in rows:
        first = [f"{cell:<{width}}" for cell, width in zip(row[:2], widths[:2], strict=True)]
        rest = [f"{cell:>{width}}" for cell, width in zip(row[2:], widths[2:], strict=True)]
        yield "  ".join(first + rest).rstrip()


def _norm(value: Value | None) -> str:
    if value is None:
        return "-"
    summary = value.summary
    if summary.l2 is None and isinstance(summary.value, int | float):
        return number(abs(summary.value))
    if summary.nonfinite:  # the record's is over the finite elements, and would look like a gradient of zero
        return "nan" if summary.nan else "inf"
    return number(summary.l2)
