"""Gradients of rows that are added up under an index that has some of them more than once (`dE[ids] += d`): of those
for one place only the last is added. A step that does so is looked at where its gradient is put together.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Iterable

from stepper.engines.arrays import numpy_module
from stepper.inferior.gradients.elements import PUT_TOGETHER
from stepper.inferior.recording.copies import Copy
from stepper.inferior.recording.drafts import Draft, Happening
from stepper.record import REPEATED, statement_in


def remark_repeated(happenings: Iterable[Happening]) -> None:
    """Say it of the statements of a backward pass that lose a part so."""
    for event in happenings:
        if event.kind == "statement" and event.phase == "backward" and "] += " in event.text:
            lost, whole = _lost(event)
            if lost:
                instead = PUT_TOGETHER[whole.engine.name] if whole is not None else ""
                told = f"{lost} number{'s are' if lost > 1 else ' is'} lost"
                event.remark(f"{REPEATED}{told}, since of those for one place only the last is taken ({instead})")


def _lost(event: Happening) -> tuple[int, Copy | None]:
    """How many numbers a statement loses, and of which array's gradient."""
    match statement_in(event.text):
        case ast.AugAssign(target=ast.Subscript(value=whole, slice=ast.Name() | ast.Attribute() as index), value=added):
            pass
        case _:
            return 0, None
    name = ast.unparse(index)
    parts = (part for part in ast.walk(added) if isinstance(part, ast.Subscript) and ast.unparse(part.slice) == name)
    of = (_operand(event, ast.unparse(part.value)) for part in parts)
    if any(each is not None and each.role == "gradient" for each in of):
        return 0, None  # `d[ids] += full[ids]`, of what was added up before: what comes twice is the same
    held, picked = _operand(event, ast.unparse(whole)), _operand(event, name)
    copy = None if held is None else held.copy
    if held is None or held.role != "gradient" or copy is None or copy.engine.name not in ("numpy", "torch"):
        return 0, None
    shape, places = copy.outline.shape, None if picked is None else picked.copy
    if not shape or places is None or places.gone or places.engine.name not in PUT_TOGETHER:
        return 0, None
    rows = numpy_module().asarray(places.engine.ndarray(places.kept))
    if rows.dtype.kind not in "iu" or not rows.size:
        return 0, None
    return (rows.size - numpy_module().unique(rows % shape[0]).size) * math.prod(shape[1:]), copy


def _operand(event: Happening, label: str) -> Draft | None:
    return next((each for each in event.drafts if each.label == label and each.when != "result"), None)
