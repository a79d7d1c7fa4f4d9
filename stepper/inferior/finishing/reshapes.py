"""Reshapes that look like moved axes: `(B, T, H·D)` viewed as `(B, H, T, D)`, where each head gets some of the steps.

A reshape keeps the order of all entries. An axis goes on as one where as many entries lie behind it as before; where
its extent is found in another place, those that lay along it are torn apart. Told only where the extent is that of no
other axis, before or behind.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from stepper.inferior.gradients.stretched import statement_of, told_shape
from stepper.inferior.recording.drafts import READ, Happening
from stepper.record import MIXED

RESHAPES = frozenset(("view", "reshape"))
Shape = tuple[int, ...]


def remark_reshapes(happenings: Sequence[Happening]) -> None:
    """Say it at the statements that such a reshape stands in."""
    for happening in happenings:
        operation = happening.site.operation
        if operation is None or operation.name not in RESHAPES or happening.kind not in ("statement", "expression"):
            continue
        given = next((draft.shape for draft in happening.drafts if draft.when in READ and draft.copy is not None), None)
        made = next((draft.shape for draft in reversed(happening.drafts) if draft.when == "result"), None)
        axes = None if given is None or made is None else moved_axis(given, made)
        if axes is not None and given is not None and made is not None:
            old, new = axes
            statement_of(happening, happenings).remark(
                f"{MIXED}{operation.name} {told_shape(given)} → {told_shape(made)} moves no axis, "
                f"so axis {new} is not what axis {old} was, which transpose would move"
            )


def moved_axis(given: Shape, made: Shape) -> tuple[int, int] | None:
    """An axis, before and behind a reshape, of one extent in another place of the order; None where there is none."""
    if math.prod(given) != math.prod(made):
        return None
    for old, extent in enumerate(given):
        if extent > 1 and given.count(extent) == made.count(extent) == 1:
            new = made.index(extent)
            if math.prod(given[old + 1 :]) != math.prod(made[new + 1 :]):
                return old, new
    return None
