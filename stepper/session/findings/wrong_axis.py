"""A softmax over another axis than the one along which the loss picks a class: the forward pass is wrong, and the
gradient, which is that of this forward pass, agrees. No verdict, since only a person knows what is meant.

What sums to 1 along an axis of n entries has the mean 1/n. Where both axes are as long the two are not told apart, and
nothing is said of either. Pure: reads records only.
"""

from __future__ import annotations

import ast
import math
import re
from functools import lru_cache

from stepper.record import Event, Record, Value, nodes_of, statement_in
from stepper.session.findings.nesting import as_they_ended, nested

CLOSE = 1e-5  # relative: what the mean of probabilities in float32 may be off
BEFORE = ("forward", "loss")
_LOG = re.compile(r"\blog\w*\(")
_NLL = re.compile(r"\bnll_loss\(")
_SOFTMAX = re.compile(r"(?<!log_)softmax\b", re.IGNORECASE)


def wrong_axis(record: Record) -> list[str]:
    """A line for each value whose rows should sum to 1, by what the loss picks of them, and do not."""
    found: dict[str, str] = {}
    made: dict[object, Event] = {}  # by what they made, the events that divided
    logs: dict[object, tuple[Value, Event]] = {}  # by what a logarithm gave, what it is of, and what made that
    over_samples: dict[object, Event] = {}  # by what they made, `log_softmax(z, 0)`: its sums are of no value, but said
    for event in as_they_ended(nested(record.events)):
        if event.phase not in BEFORE:
            continue
        read = [value for value in event.values if value.when == "operand"]
        for value in read:
            if _key(value) in over_samples and _NLL.search(event.text):
                told = _told(value, "is a log_softmax along axis 0", over_samples[_key(value)], event, record)
                found.setdefault(value.label, told)
            probabilities, maker = logs.get(_key(value), (value, made.get(_key(value))))
            along = "" if maker is None else _summed_along(probabilities)
            if maker is not None and along and _picks(event, value, read, _key(value) in logs, record):
                told = _told(probabilities, f"sums to 1 {along}", maker, event, record)
                found.setdefault(probabilities.label, told)
        for value in event.values:
            if value.when in ("result", "after") and len(value.summary.shape or ()) == 2:
                if _is_over_samples(event.text):
                    over_samples.setdefault(_key(value), event)
                if _is_normalized(event, value):
                    made.setdefault(_key(value), event)
                of = [each for each in read if _key(each) in made and each.summary.shape == value.summary.shape]
                if of and _LOG.search(event.text) and (value.summary.max or 0.0) <= 0.0:
                    logs.setdefault(_key(value), (of[0], made[_key(of[0])]))
    return list(found.values())


def _told(value: Value, what: str, maker: Event, event: Event, record: Record) -> str:
    rows, classes = value.summary.shape or (0, 0)
    made = f"{value.label} ({rows}, {classes}) {what} ({record.place(maker)})"
    picked = f"the loss picks one of {classes} along axis 1 ({record.place(event)})"
    return f"{made}, but {picked}: is the softmax over the wrong axis?"


def _key(value: Value) -> object:
    return value.label if value.copy is None else value.copy


def _is_normalized(event: Event, value: Value) -> bool:
    """Whether an event made a value by a softmax, or divided it by sums."""
    if _SOFTMAX.search(event.text):
        return True
    shape = value.summary.shape or ()
    sums = {(), (1, 1), shape[1:], (1, *shape[1:])}
    divisors = (each for each in event.values if each.when == "operand" and each.label in _divisors(event.text))
    return any(each.summary.shape in sums for each in divisors)


def _summed_along(value: Value) -> str:
    """In words: what of a matrix of shares sums to 1, where each row does not; empty where each does, or none is known
    to."""
    rows, classes = value.summary.shape or (0, 0)
    mean, least, most = value.summary.mean, value.summary.min, value.summary.max
    if mean is None or least is None or most is None or least < 0 or most > 1 + CLOSE:
        return ""
    if math.isclose(mean * classes, 1.0, rel_tol=CLOSE):
        return ""
    if math.isclose(mean * rows, 1.0, rel_tol=CLOSE):
        return "along axis 0"
    return "over all its entries" if math.isclose(mean * rows * classes, 1.0, rel_tol=CLOSE) else ""


def _picks(event: Event, value: Value, read: list[Value], logarithm: bool, record: Record) -> bool:
    """Whether an event picks one entry of each row, for a logarithm: by an index, or a product with ones and zeros."""
    rows, classes = value.summary.shape or (0, 0)
    if logarithm and (_NLL.search(event.text) or any(_is_one_hot(each, rows, classes) for each in read)):
        return True
    first, second = _indices(event.text, value.label)
    if not second:
        return False
    each_row = first.endswith(f"range({rows})") or any(each.label == first and _counts(each, rows) for each in read)
    taken = {_key(each) for each in event.values if each.when == "result"}
    readers = (
        each for each in record.events if any(_key(one) in taken for one in each.values if one.when == "operand")
    )
    return each_row and (logarithm or any(_LOG.search(each.text) for each in readers))


def _counts(value: Value, rows: int) -> bool:
    """Whether a value is 0, 1, … of so many rows."""
    summary = value.summary
    return summary.shape == (rows,) and (summary.min, summary.max, summary.mean) == (0, rows - 1, (rows - 1) / 2)


def _is_one_hot(value: Value, rows: int, classes: int) -> bool:
    """Whether each row has a single 1: by how many there are, which is not that of columns."""
    summary = value.summary
    whole = summary.shape == (rows, classes) and (summary.min, summary.max) == (0, 1) and value.role == "data"
    return whole and summary.positive == rows and math.isclose((summary.l2 or 0.0) ** 2, rows)


@lru_cache(maxsize=1024)
def _is_over_samples(text: str) -> bool:
    """Whether what a text makes in the end is a `log_softmax` that it says is along axis 0."""
    statement = statement_in(text)
    match statement.value if isinstance(statement, ast.Assign | ast.Expr) else None:
        case ast.Call(func=ast.Attribute(value=owner, attr="log_softmax"), args=args, keywords=named):
            of_a_library = isinstance(owner, ast.Name | ast.Attribute) and len(args) + len(named) == 2
            axes = [*args[1 if of_a_library else 0 :], *(each.value for each in named if each.arg == "dim")]
        case ast.Call(func=ast.Name(id="log_softmax"), args=args, keywords=named):
            axes = [*args[1:], *(each.value for each in named if each.arg == "dim")]
        case _:
            return False
    return bool(axes) and ast.unparse(axes[0]) in ("0", "-2")


@lru_cache(maxsize=1024)
def _divisors(text: str) -> frozenset[str]:
    nodes = nodes_of(text)
    divided = [each.right for each in nodes if isinstance(each, ast.BinOp) and isinstance(each.op, ast.Div)]
    divided += [each.value for each in nodes if isinstance(each, ast.AugAssign) and isinstance(each.op, ast.Div)]
    return frozenset(ast.get_source_segment(text, each) or "" for each in divided)


@lru_cache(maxsize=1024)
def _indices(text: str, label: str) -> tuple[str, str]:
    """The two texts that a matrix of this name is indexed by; empty where it is not by two."""
    for node in nodes_of(text):
        if isinstance(node, ast.Subscript) and ast.get_source_segment(text, node.value) == label:
            match node.slice:
                case ast.Tuple(elts=[first, second]):
                    return ast.get_source_segment(text, first) or "", ast.get_source_segment(text, second) or ""
    return "", ""
