"""A small number that keeps a logarithm, a root or a quotient of the forward pass from what has none (`log(p + 1e-5)`),
and that a gradient by hand leaves out: it is then off by little, which is mostly meant. Pure: reads records only.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Iterator

from stepper.record import Record, nodes_of
from stepper.session.check.gradient_check import ParameterCheck, Verdict

SMALL = 1e-2  # a number that is added to guard against zero is no larger
LITTLE = 1e-2  # of its largest entry, that a gradient may be off by because of one
MORE = 2.0  # how many times what one may do to a single number of the pass a gradient may be off by
CALLS = frozenset(("log", "log2", "log10", "sqrt", "rsqrt"))


def left_out_guard(record: Record, found: ParameterCheck) -> str:
    """What is added on which line, where a gradient that differs is off by no more than that may make; else empty."""
    known = [each for each in found.entries if each.verdict is not Verdict.UNKNOWN and each.difference is not None]
    largest = max((max(abs(each.recorded), abs(each.difference or 0.0)) for each in known), default=0.0)
    apart = max((abs(each.recorded - (each.difference or 0.0)) for each in known), default=0.0)
    if not 0 < apart <= LITTLE * largest:
        return ""
    for event in record.events:
        if event.kind == "statement" and event.phase in ("forward", "loss"):
            for name, guarded, number in _guards(event.text):
                size = number if isinstance(number, float) else _number(record, number)
                if size is not None and 0 < size <= SMALL and apart <= MORE * _most(record, guarded, size) * largest:
                    return (
                        f"off by no more than {apart / largest:.1g} of its largest entry, as a gradient is that leaves "
                        f"out the {size:g} which {record.place(event)} adds {name}"
                    )
    return ""


def _guards(text: str) -> Iterator[tuple[str, ast.expr, float | str]]:
    """What a statement adds a number to within a logarithm, a root or a divisor: in words where, to what, and which: a
    number, or the name of one."""
    for node in nodes_of(text):
        match node:
            case ast.Call(func=ast.Attribute(attr=name) | ast.Name(id=name), args=[inner, *_]) if name in CALLS:
                where = f"inside {name}"
            case ast.Call(func=ast.Attribute(attr=name, value=inner), args=[]) if name in CALLS:
                where = f"inside {name}"
            case ast.BinOp(op=ast.Div(), right=inner):
                where = "to a divisor"
            case ast.BinOp(op=ast.Pow(), left=inner, right=ast.Constant(value=float())):
                where = "inside a power"
            case _:
                continue
        match inner:
            case ast.BinOp(op=ast.Add(), left=left, right=right):
                for number, guarded in ((right, left), (left, right)):
                    match number:
                        case ast.Constant(value=int() | float() as value):
                            yield where, guarded, float(value)
                        case ast.Name() | ast.Attribute():
                            yield where, guarded, ast.unparse(number)


def _number(record: Record, name: str) -> float | None:
    """The number that a name stands for in the record."""
    held = (value.summary.value for event in record.events for value in event.values if value.label == name)
    return next((float(number) for number in held if isinstance(number, int | float)), None)


def _most(record: Record, guarded: ast.expr, size: float) -> float:
    """By how much of itself the slope of what is guarded may change, where that is smallest; by any, where it is not
    known how small it is."""
    base = guarded.value if isinstance(guarded, ast.Subscript) else guarded
    names = {ast.unparse(base), ast.unparse(guarded)}
    read = [value.summary for event in record.events for value in event.values if value.label in names]
    lowest = min((each.min for each in read if each.min is not None), default=math.inf)
    return 1.0 if math.isinf(lowest) else size / (max(0.0, lowest) + size)
