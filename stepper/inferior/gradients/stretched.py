"""Operations that broadcast both operands, and losses of what has different shapes: `(64, 1) − (64,)` is `(64, 64)`.

Told of once an iteration is over, from the shapes that were recorded. Not told: an ordinary bias, of which one operand
is stretched to the other's shape; and what the script has lined up on purpose (`x[:, None] - y[None, :]`).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence

from stepper.inferior.recording.drafts import Draft, Happening
from stepper.program.sites import Operation, Site
from stepper.record import STRETCHED, Role, is_path

Shape = tuple[int, ...]
SIGNS = {
    **dict.fromkeys(("sub", "subtract"), "−"),
    **dict.fromkeys(("add",), "+"),
    **dict.fromkeys(("mul", "multiply"), "×"),
    **dict.fromkeys(("truediv", "div", "divide", "true_divide"), "/"),
    **dict.fromkeys(("pow", "power"), "**"),
    **dict.fromkeys(("maximum", "minimum"), "and"),
}
"""Elementwise operations, by the name of the operator or function."""
DIFFERENCES = frozenset(("sub", "subtract"))
LOSSES = frozenset(
    ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "MSELoss", "L1Loss", "SmoothL1Loss", "HuberLoss")
)
"""Functions and layers that compare a prediction with a target element by element."""
TOLD_OF = LOSSES | SIGNS.keys()
ON_PURPOSE = re.compile(
    r"\b(None|newaxis|unsqueeze|reshape|view|keepdims?|expand_dims|expand|broadcast_to|repeat|tile|outer|ix_|meshgrid"
    r"|transpose|permute|swapaxes)\b|\.m?T\b|\.t\(\)"
)


def remark_stretched(happenings: Sequence[Happening], sites: Sequence[Site], role_of: Callable[[Draft], Role]) -> None:
    """Say it at the statements that such an operation stands in. `role_of` is what a value is to the script."""
    made: dict[str, Happening] = {}  # what bound a name last
    returned = returned_operations(sites)
    for happening in happenings:
        operation = happening.site.operation or returned.get(happening.site.id)
        if happening.kind == "module" or (operation is not None and operation.name in TOLD_OF):
            said = _said(happening, operation, sites, made, role_of)
            if said:
                statement_of(happening, happenings).remark(said)
        if happening.kind == "statement" and happening.site.bound:
            for name in happening.site.bound:
                made[name] = happening


def _said(
    happening: Happening,
    operation: Operation | None,
    sites: Sequence[Site],
    made: dict[str, Happening],
    role_of: Callable[[Draft], Role],
) -> str:
    """`operation` is what the event does; of `return x - y` the statement's own site does not know."""
    if happening.kind == "module":
        if happening.function not in LOSSES:
            return ""
        given = [draft for draft in happening.drafts if draft.when == "operand"][:2]
        return _of_loss(happening.function, given)
    if operation is None or happening.kind not in ("statement", "expression"):
        return ""
    name = operation.name
    operands = [draft for draft in operands_of(happening, operation, sites) if draft is not None]
    if len(operands) < 2:
        return ""
    labels = [draft.label for draft in operands]
    if name in LOSSES:
        return _of_loss(name, operands)
    (one, other), result = operands, happening.drafts[-1]
    a, b, whole = _shape(one), _shape(other), _shape(result)
    if result.when != "result" or a is None or b is None or whole is None or a == b or not a or not b:
        return ""
    roles = role_of(one), role_of(other)
    # A target is lined up with its prediction, and nobody wants all pairs of both: it was lined up too far.
    target_of = name in DIFFERENCES and set(roles) == {"data", "activation"} and _same_elements(a, b)
    of_loss = target_of and happening.phase == "loss"
    if not of_loss and any(_is_on_purpose(label, made.get(label)) for label in labels):
        return ""
    both = f"{told_shape(a)} {SIGNS[name]} {told_shape(b)} → {told_shape(whole)}"
    torn = whole not in (a, b) and _same_elements(a, b)  # `b - lr * db` of (4, 1) and (4,), too
    if torn:
        return f"{STRETCHED}{both}, larger than both"
    if "parameter" in roles:
        return ""

    def is_data(draft: Draft) -> bool:
        return role_of(draft) == "data" and is_path(draft.label) and math.prod(_shape(draft) or ()) > 1

    if whole not in (a, b) and happening.phase == "loss":
        return f"{STRETCHED}{both}, larger than both"
    target = one if math.prod(a) < math.prod(b) else other
    if name in DIFFERENCES and happening.phase == "loss" and set(roles) == {"data", "activation"} and is_data(target):
        return f"{STRETCHED}{both}, of different shapes"
    return ""


def _is_on_purpose(label: str, bound: Happening | None) -> bool:
    """Whether an operand, or what bound its name, was given a shape to be stretched from."""
    return bool(ON_PURPOSE.search(label) or (bound and ON_PURPOSE.search(bound.text.partition("=")[2])))


def _same_elements(a: Shape, b: Shape) -> bool:
    """Whether both have as many elements, along as many axes as are not 1: `(64, 1)` and `(64,)`, which were to be
    taken one by one."""
    return len(a) != len(b) and [extent for extent in a if extent != 1] == [extent for extent in b if extent != 1]


def _of_loss(name: str, operands: Sequence[Draft]) -> str:
    shapes = [_shape(draft) for draft in operands]
    if len(shapes) != 2 or shapes[0] is None or shapes[1] is None or shapes[0] == shapes[1]:
        return ""
    return f"{STRETCHED}{name} of {told_shape(shapes[0])} and {told_shape(shapes[1])}, of different shapes"


def returned_operations(sites: Sequence[Site]) -> dict[int | None, Operation]:
    """What a function returns, by the statement: of `return x - y` that statement's own site does not know."""
    return {site.parent: site.operation for site in sites if site.kind == "result" and site.operation is not None}


def operands_of(happening: Happening, operation: Operation, sites: Sequence[Site]) -> list[Draft | None]:
    """The first two operands of an operation as they were seen; None for one that was not."""
    labels = [sites[each.site].label if each.site is not None else each.text for each in operation.operands[:2]]
    seen = {draft.label: draft for draft in happening.drafts if draft.when == "operand"}
    return [seen.get(label) for label in labels]


def statement_of(happening: Happening, happenings: Sequence[Happening]) -> Happening:
    """The statement that an event is a part of."""
    while happening.kind != "statement" and happening.parent is not None:
        happening = happenings[happening.parent]
    return happening


def _shape(draft: Draft) -> Shape | None:
    return None if draft.copy is None else draft.copy.extents


def told_shape(shape: Shape) -> str:
    """As Python writes it."""
    return f"({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})"
