"""Which axis of a gate's input its units lie along, by the flow of data: what the script, or a layer, made it from.

`h = W @ A` has a row for each unit, where W is a parameter, and `h = X @ W` a column; an added bias says the same by
its shape, (units, 1) or (units,). What is computed entry by entry in between changes nothing of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from stepper.engines.base import Layer
from stepper.engines.layers import DEPTH
from stepper.inferior.recording.copies import Copy
from stepper.inferior.recording.drafts import Draft, Happening, Operated, Scalar
from stepper.inferior.recording.heard import FUNCTIONS, OPERATIONS, PRODUCTS, SUMS
from stepper.inferior.recording.tracks import Track
from stepper.program.sites import Operation

MODULES = {
    "Linear": Layer(-1, "Linear"),
    **{f"Conv{n}d": Layer(-1 - n, f"Conv{n}d", channels=True) for n in (1, 2, 3)},
    **{f"ConvTranspose{n}d": Layer(-1 - n, f"ConvTranspose{n}d", channels=True) for n in (1, 2, 3)},
}
NORMS = ("BatchNorm", "InstanceNorm", "SyncBatchNorm", "GroupNorm")
TRANSPOSED = re.compile(r"\.(T|mT|t\(\)|transpose\([\d, -]*\))$")


class Origins:
    """What made the values of a record, found by the copies that were kept of them."""

    def __init__(self, operated: Sequence[Operated], happenings: Iterable[Happening], tracks: Iterable[Track]) -> None:
        found = [draft.copy for track in tracks for draft in (track.before, track.after) if draft is not None]
        self._parameters = {copy for copy in found if copy is not None}
        self._named: set[str] = set()  # whatever the script calls a parameter, be it by a computed key
        self._operated: dict[Copy, Operated] = {}
        for each in operated:
            name = each.site.operation.name if each.site.operation is not None else ""
            made = each.result
            if made is None or name in ("iadd", "isub", "imul", "itruediv", "add_"):
                made = next((draft for draft in reversed(each.event.drafts) if draft.when == "after"), made)
            if name in OPERATIONS and made is not None and made.copy is not None:
                self._operated.setdefault(made.copy, each)
        self._modules: dict[Copy, Happening] = {}
        for happening in happenings:
            known = happening.kind == "module" and (happening.function in MODULES or _is_norm(happening))
            for draft in happening.drafts:
                if draft.copy in self._parameters:
                    self._named.add(draft.label)
                if known and draft.when == "result" and draft.copy is not None:
                    self._modules.setdefault(draft.copy, happening)

    def layer_of(self, h: Copy) -> Layer | None:
        """The layer that made h; None where nothing tells."""
        shape = h.extents
        return self._layer(h, shape, DEPTH) if shape else None

    def _layer(self, h: Copy, shape: tuple[int, ...], depth: int) -> Layer | None:
        module = self._modules.get(h)
        if module is not None:
            made = MODULES.get(module.function) or Layer(1 - len(shape), module.function, channels=True)
            return made if -len(shape) <= made.axis < 0 else None
        each = self._operated.get(h)
        if each is None or each.site.operation is None or depth == 0:
            return None
        name = each.site.operation.name
        if name in PRODUCTS:
            return self._product(each, each.site.operation, shape)
        if name in FUNCTIONS:
            return FUNCTIONS[name] if -FUNCTIONS[name].axis <= len(shape) else None
        drafts = [item for item in each.operands if isinstance(item, Draft) and item.copy is not None]
        for draft in drafts:
            if draft.copy is not None and draft.copy is not h and draft.copy.extents == shape:
                found = self._layer(draft.copy, shape, depth - 1)
                if found is not None:
                    return found
        return next(filter(None, (self._bias(draft, shape) for draft in drafts if name in SUMS)), None)

    def _product(self, each: Operated, operation: Operation, shape: tuple[int, ...]) -> Layer | None:
        """A product of a parameter and of what came in."""
        first = PRODUCTS[operation.name]
        sides = zip(operation.operands[first : first + 2], each.operands[first : first + 2], strict=True)
        parameters = [self._is_parameter(item, operand.text) for operand, item in sides]
        if sum(parameters) != 1:
            return None
        item = each.operands[first : first + 2][parameters.index(True)]
        if isinstance(item, Draft) and item.copy is not None and len(item.copy.extents or ()) == 1:
            return None  # one unit: what it makes are its samples
        return Layer(-2 if parameters[0] and len(shape) > 1 else -1, "matmul")

    def _bias(self, draft: Draft, shape: tuple[int, ...]) -> Layer | None:
        own = draft.copy.extents if draft.copy is not None and self._is_parameter(draft) else None
        if not own or len(own) > len(shape) or own == shape:
            return None
        long = [axis - len(own) for axis, count in enumerate(own) if count > 1 and count == shape[axis - len(own)]]
        return Layer(long[0], "bias") if len(long) == 1 else None

    def _is_parameter(self, item: Draft | Scalar, text: str = "") -> bool:
        """Whether an operand is one. `W.T` is no value of its own: what it is comes by its spelling."""
        if isinstance(item, Draft):
            return item.role == "parameter" or item.copy in self._parameters
        return TRANSPOSED.sub("", text) in self._named


def _is_norm(happening: Happening) -> bool:
    """Whether this is the call of a layer that normalises channels, which are on axis 1."""
    return happening.function.startswith(NORMS)
