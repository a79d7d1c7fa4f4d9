"""Softmaxes along another axis than the one that their weights are summed along, and along an axis of one entry.

Attention adds up values by weights, which are to sum to 1 along the axis that the product contracts. That they do along
another one is seen by their numbers, in whichever way they were worked out. What is meant only a person knows: told is
what is the case. Not told: weights that were transposed in between, and those that no product went into (a matrix of
transitions that is learnt itself).
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

from stepper.engines import masks
from stepper.inferior.gates.entries import numbers
from stepper.inferior.gradients.stretched import operands_of, returned_operations, statement_of, told_shape
from stepper.inferior.recording.copies import Copy
from stepper.inferior.recording.drafts import READ, Draft, Happening
from stepper.program.sites import Site
from stepper.record import SOFTMAX, place, statement_in

CLOSE = 1e-3  # what a sum of half-precision weights may be off
NEAR = 3  # steps from a softmax to the product that takes its weights: a dropout, say
FAR = 8  # steps from a product to the softmax of its scores: scaled, masked, shifted, by hand
PRODUCTS = frozenset(("matmul", "mm", "bmm", "dot"))
NORMALIZERS = frozenset(("softmax", "Softmax"))
ENTROPIES = frozenset(("cross_entropy", "CrossEntropyLoss"))
MENTIONED = re.compile(r"softmax|\bexp\(", re.IGNORECASE)
TURNS = frozenset(("transpose", "permute", "swapaxes", "movedim", "moveaxis", "rearrange", "einsum", "t", "T", "mT"))


def remark_softmaxes(happenings: Sequence[Happening], sites: Sequence[Site]) -> None:
    """Say it at the statements where the weights are summed, and at those of such a softmax."""
    forward = [each for each in happenings if each.phase in ("forward", "loss")]
    if not any(each.function in NORMALIZERS or MENTIONED.search(each.text) for each in forward):
        return
    _remark_single(forward, happenings)
    weighed = _Weighed(forward)
    returned = returned_operations(sites)
    for happening in forward:
        operation = happening.site.operation or returned.get(happening.site.id)
        if happening.kind != "module" and operation is not None and operation.name in PRODUCTS:
            for draft, contracted in zip(operands_of(happening, operation, sites), (-1, -2), strict=False):
                said = "" if draft is None else weighed.told(draft, contracted)
                if said:
                    statement_of(happening, happenings).remark(f"{SOFTMAX}{said}")


def _remark_single(forward: Sequence[Happening], happenings: Sequence[Happening]) -> None:
    """Softmaxes along an axis of one entry in each of their runs: of a sequence the first entry alone may be one."""
    single: dict[int, list[Happening | None]] = {}
    for happening in forward:
        operation = happening.site.operation
        name = happening.function if happening.kind == "module" else operation.name if operation is not None else ""
        if name in NORMALIZERS | ENTROPIES:
            is_single = _is_of_ones(happening) if name in NORMALIZERS else _is_of_one_class(happening)
            single.setdefault(happening.site.id, []).append(happening if is_single else None)
    for runs in single.values():
        first = runs[0]
        if first is not None and None not in runs:
            made = "1" if _is_of_ones(first) else "0"
            statement_of(first, happenings).remark(
                f"{SOFTMAX}along an axis of 1 entry: it is {made}, whatever comes, and passes no gradient"
            )


def _is_of_ones(happening: Happening) -> bool:
    made = happening.drafts[-1] if happening.drafts else None
    if made is None or made.when != "result" or made.copy is None or not any(each > 1 for each in made.shape or ()):
        return False
    return made.copy.outline.min == 1 == made.copy.outline.max


def _is_of_one_class(happening: Happening) -> bool:
    """Whether a cross-entropy, of classes by their numbers, has one class to choose from."""
    shapes = [draft.shape or () for draft in happening.drafts if draft.when == "operand"][:2]
    return len(shapes) == 2 and len(shapes[0]) == 2 and shapes[0][1] == 1 and len(shapes[1]) == 1


class _Weighed:
    """Values that weigh others, by the steps of a forward pass that made them."""

    def __init__(self, forward: Sequence[Happening]) -> None:
        self._makers: dict[Copy, Happening] = {}
        self._products: set[Copy] = set()
        self._axes: dict[Copy, list[int]] = {}
        for happening in forward:
            reads = {draft.copy for draft in happening.drafts if draft.when in READ}
            for draft in happening.drafts:
                if draft.copy is None or draft.when in READ or draft.copy in reads:
                    continue
                self._makers[draft.copy] = happening  # the outermost comes first, and knows what went in
                operation = happening.site.operation
                if happening.function == "Linear" or (operation is not None and operation.name in PRODUCTS):
                    self._products.add(draft.copy)

    def told(self, draft: Draft, contracted: int) -> str:
        """In words, that a factor of a product sums to 1 along another axis than the contracted one; else empty."""
        copy, shape = draft.copy, draft.shape or ()
        if copy is None or copy.gone or len(shape) < 2 or is_turned(draft.label):
            return ""
        weights = next((each for each in self._back(copy, NEAR) if each.extents == shape and self._sums(each)), None)
        if weights is None:
            return ""
        axes, summed = self._sums(weights), len(shape) + contracted
        maker = self._makers.get(weights)
        if summed in axes or maker is None or is_turned(maker.text) or _only_picks(weights):
            return ""
        if not any(each in self._products for each in self._back(weights, FAR)):
            return ""
        site = maker.site
        one = f"{draft.label} {told_shape(shape)} sums to 1 along axis {axes[0]} ({place(site.line, site.file)})"
        return f"{one}, but is summed along axis {summed}"

    def _back(self, copy: Copy, depth: int) -> Iterator[Copy]:
        """A value, and what it was made of, the nearest first."""
        level, met = [copy], {copy}
        for _ in range(depth + 1):
            yield from level
            makers = (self._makers[each] for each in level if each in self._makers)
            reads = [draft.copy for maker in makers for draft in maker.drafts if draft.when in READ]
            level = [each for each in dict.fromkeys(reads) if each is not None and each not in met]
            met.update(level)

    def _sums(self, copy: Copy) -> list[int]:
        """The axes along which a value sums to 1 throughout; none of what is negative anywhere."""
        if copy not in self._axes:
            self._axes[copy] = [] if copy.gone else _sums_to_one(copy)
        return self._axes[copy]


def _sums_to_one(copy: Copy) -> list[int]:
    outline = copy.outline
    least, most = outline.min, outline.max
    if least is None or most is None or least < 0 or not 0 < most <= 1 + CLOSE:
        return []
    values = numbers(copy)
    if values is None or masks.kind(values) != "f":
        return []
    return [
        axis
        for axis, extent in enumerate(values.shape)
        if extent > 1 and bool((abs(values.sum(axis) - 1) <= CLOSE).all())
    ]


@lru_cache(maxsize=1024)
def is_turned(text: str) -> bool:
    """Whether what a text does last is to move axes: not what is inside `softmax(q @ k.transpose(1, 2))`."""
    statement = statement_in(text)
    node = statement.value if isinstance(statement, ast.Assign | ast.Expr | ast.Return) else None
    match node:
        case ast.Call(func=ast.Attribute(attr=name) | ast.Name(id=name)) | ast.Attribute(attr=name):
            return name in TURNS
    return False


def _only_picks(copy: Copy) -> bool:
    """Whether all weights are 0 or 1."""
    values = numbers(copy)
    return bool(((values == 0) | (values == 1)).all())
