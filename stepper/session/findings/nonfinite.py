"""Where something first became NaN or infinite in an iteration. Pure: reads records only."""

from __future__ import annotations

import ast
from collections.abc import Callable, Hashable, Sequence
from functools import lru_cache

from stepper.record import Event, Record, Summary, Value, nodes_of, statement_in
from stepper.session.findings.labels import some
from stepper.session.findings.sightings import Sightings

FEW = 4  # values that are named one by one


def where_it_began(record: Record) -> str:
    """In words, what of a record first became NaN or infinite, and where; and what of that which it was made of had
    been so before. Empty where nothing became so, but on purpose."""
    if not any(map(_made, record.events)):
        return ""
    completion = Sightings(record).completion
    first = first_nonfinite(record.events, completion)
    if first is None:
        return ""
    event = record.events[first]
    value = max(_made(event), key=_wrong)
    told = f"first not finite: {_named(value)}, {record.place(event)}: {_counts(value.summary)}"
    earlier = _first_wrong(record.events, completion)
    if earlier is not None and earlier.id != first and completion(earlier) < completion(event):
        before = f"{_named(max(_made(earlier), key=_wrong))}, {record.place(earlier)}"
        told = told.removeprefix("first ") + f" ({before}, was so before, but nothing of that is left)"
    if record.iteration is None:
        return told
    until = completion(event)
    came = _came_so(event, [each for each in record.events if completion(each) < until])
    entered = [each for each in record.parameters if each.before.summary.nonfinite]
    if not came and any(each.before.copy is not None and each.before.copy == value.copy for each in entered):
        return f"{told}, as it was before this iteration"
    if not came and event.kind == "module":  # its parameters are no operands
        came = [each.name for each in entered]
    return f"{told}, made of {some(came, FEW)}, not finite before this iteration" if came else told


def _named(value: Value) -> str:
    return " ".join(value.label.split())


def _first_wrong(events: Sequence[Event], completion: Callable[[Event], tuple[int, int]]) -> Event | None:
    """The event that was over first of those that made something not finite, and not on purpose."""
    made = sorted((event for event in events if _made(event)), key=completion)
    given = _given(made)
    return next((event for event in made if event.id not in given and any(map(_wrong, _made(event)))), None)


def _came_so(event: Event, ahead: Sequence[Event]) -> list[str]:
    """What an event read that none of those `ahead` of it had made NaN or infinite."""
    here = {value.copy for each in ahead for value in _made(each)}
    handed = (value for value in event.values if value.when in ("operand", "before"))
    read = (value for value in handed if _wrong(value) or (value.role == "parameter" and value.summary.nonfinite))
    names = (_named(value) for value in read if value.copy is None or value.copy not in here)
    return list(dict.fromkeys(names))


def _wrong(value: Value) -> int:
    """How many elements are NaN or +∞. Those that are −∞ may be a mask's."""
    return value.summary.nonfinite - _lowest(value)


def _counts(summary: Summary) -> str:
    """`12 nan, 3 inf`; of one number what it is."""
    if summary.kind == "scalar":
        return str(summary.value)
    counts = (("nan", summary.nan), ("inf", summary.inf), ("-inf", summary.neginf))
    return ", ".join(f"{count} {name}" for name, count in counts if count)


def first_nonfinite(events: Sequence[Event], completion: Callable[[Event], tuple[int, int]]) -> int | None:
    """The event that was over first of those that made something NaN or infinite, and not on purpose: what the script
    writes down so (`best = float("inf")`) is none, nor is the −∞ of a mask, which a softmax leaves nothing of.

    One of which nothing else is left, since all that was computed from it is finite again (an overflow, of which the
    reciprocal is taken), is it only where there is no other.
    """
    made = sorted((event for event in events if _made(event)), key=completion)
    if not made:
        return None
    over, given = _swallowed(events, made), _given(made)
    wrong = [event for event in made if event.id not in given]
    left = (event for event in wrong if any(value.copy not in over for value in _made(event)))
    other = (event for event in wrong if any(value.summary.nonfinite > _lowest(value) for value in _made(event)))
    found = next(left, None) or next(other, None)
    return None if found is None else found.id


def _made(event: Event) -> list[Value]:
    """What of that which an event made is not finite."""
    return [value for value in event.values if value.when in ("result", "after") and value.summary.nonfinite]


def _lowest(value: Value) -> int:
    """How many elements are −∞."""
    number = value.summary.value
    return int(number == float("-inf")) if isinstance(number, float) else value.summary.neginf or 0


def _given(made: Sequence[Event]) -> set[int]:
    """The events that write down what is not finite, or hand that on. `made` are all that made some, in the order in
    which they were over."""
    known = set[Hashable]()
    found = set[int]()
    for event in made:
        values = _made(event)
        read = [each for each in event.values if each.when in ("operand", "before") and _has_numbers(each)]
        handed = [each for each in read if each.summary.nonfinite]
        if handed:
            bad = any(map(_has_nan, values)) or any(map(_is_loss, values))  # ∞ − ∞, say
            on_purpose = not bad and known.issuperset(map(_key, handed))
        else:
            on_purpose = all(_is_written_down(value, event, read) for value in values)
        if on_purpose:
            known.update(map(_key, values))
            found.add(event.id)
    return found


def _is_written_down(value: Value, event: Event, read: Sequence[Value]) -> bool:
    """Whether this is ∞ by no arithmetic: a number that stands in the text, an array that some is filled into (and
    the number), or one that, but for zeros, is infinite, made of nothing but a shape."""
    summary = value.summary
    if _has_nan(value):
        return False
    if _fills_in(event.text):
        return True
    if summary.kind == "tensor":
        return all(each.summary.type == "int" for each in read) and not summary.min and not summary.max
    return not read and _is_literal(event.text)


@lru_cache(maxsize=1024)
def _is_literal(text: str) -> bool:
    """Whether a statement names a number, or reads it from its own text: `-math.inf`, `float("inf")`."""
    nodes = nodes_of(text)
    if not nodes:
        return False  # the head of a block
    calls = [node for node in nodes if isinstance(node, ast.Call)]
    return not any(isinstance(node, ast.BinOp) for node in nodes) and all(map(_reads_text, calls))


def _reads_text(call: ast.Call) -> bool:
    return bool(call.args) and all(isinstance(each, ast.Constant) and isinstance(each.value, str) for each in call.args)


@lru_cache(maxsize=1024)
def _fills_in(text: str) -> bool:
    """Whether a statement, or an expression, puts an infinity that stands in its text into a value, as it is:
    `dist.masked_fill(same, float("inf"))`, `scores[mask] = -np.inf`."""
    match statement_in(text):
        case ast.Assign(targets=[ast.Subscript()], value=value) if _is_infinite(value):
            return True
        case ast.Assign(value=ast.Call(args=args)) | ast.Expr(value=ast.Call(args=args)):
            return any(map(_is_infinite, args))
    return False


def _is_infinite(node: ast.expr) -> bool:
    match node:
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return _is_infinite(operand)
        case ast.Call(func=ast.Name(id="float"), args=[ast.Constant(value=str(text))]):
            return text.strip().lstrip("+-").lower() in ("inf", "infinity")
        case ast.Name(id="inf") | ast.Attribute(attr="inf"):
            return True
    return False


def _key(value: Value) -> Hashable:
    return value.label if value.copy is None else value.copy


def _has_numbers(value: Value) -> bool:
    summary = value.summary
    return summary.kind == "tensor" or (summary.kind == "scalar" and not isinstance(summary.value, str | bool))


def _has_nan(value: Value) -> bool:
    number = value.summary.value
    return number != number if isinstance(number, float) else bool(value.summary.nan)


def _is_loss(value: Value) -> bool:
    return value.role == "loss" and value.summary.size == 1


def _swallowed(events: Sequence[Event], wrong: Sequence[Event]) -> set[int | None]:
    """The copies that are not finite, and that led to finite values only: by events that read nothing else of the kind.
    `wrong` are the events that made some, in the order in which they were over."""
    readers: dict[int, list[Event]] = {}
    for event in events:
        read = {each.copy for each in event.values if each.when in ("operand", "before") and each.summary.nonfinite}
        if len(read) == 1 and any(each.when in ("result", "after") for each in event.values):
            (copy,) = read
            if copy is not None:
                readers.setdefault(copy, []).append(event)
    found: set[int | None] = set()
    for event in reversed(wrong):  # what was made of something is known before it
        for value in _made(event):
            known = readers.get(value.copy, []) if value.copy is not None else []
            left = [each.copy for reader in known for each in _made(reader) if each.copy != value.copy]
            # whatever is made of a loss: `isfinite(loss)`
            if known and not _is_loss(value) and found.issuperset(left):
                found.add(value.copy)
    return found
