"""Views that are changed in place while they hang in a graph.

Such a change is one of the view's whole base: autograd hides the operation's own node in one of the kind `CopySlices`,
which stands for what came of the base (torch/csrc/autograd/functions/tensor.cpp). A linear layer of torch's hands out
a view where its input has three axes or more, so that `nn.ReLU(inplace=True)` behind it is such a change.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from stepper.engines.modes import look, method, torch_module, unnoticed
from stepper.engines.openings import FUNCTIONS, Opening, opening_of_call

COPY_SLICES = "torch::autograd::CopySlices"
STEEPEST = 1.8  # so much of |h| these make at most: SELU 1.76 of it, just below zero
DIGITS = (1, 2, 3, 4, 6)  # that a slope is written with


class Part(NamedTuple):
    """Where a view lies in its base, both by strides, as numbers of entries."""

    node: Any  # of what came of the base
    base_shape: tuple[int, ...]
    base_stride: tuple[int, ...]
    shape: tuple[int, ...]
    stride: tuple[int, ...]
    offset: int

    def of(self, gradient: Any) -> Any:
        """The gradient of the view, by that of the base."""
        with unnoticed():
            whole = gradient.new_empty_strided(self.base_shape, self.base_stride).copy_(gradient)
            return whole.as_strided(self.shape, self.stride, self.offset)

    def laid_out(self, numbers: Any) -> Any:
        """Numbers of the view as they lie in the base: how many at once an operation works out, by whose instructions,
        hangs on that, and its last bits with it."""
        with unnoticed():
            return numbers.new_empty_strided(self.shape, self.stride).copy_(numbers)


def changed_part(value: Any, node: Any, torch: Any) -> Part | None:
    """What part of its base a tensor is, where the node that made it says that it was changed in place."""
    before = node.next_functions[0][0] if node.next_functions else None
    base = look(value, "_base", torch)
    if before is None or base is None or before.name() != COPY_SLICES:
        return None
    base_shape, base_stride, begin = _place(base, torch)
    shape, stride, offset = _place(value, torch)
    return Part(before, base_shape, base_stride, shape, stride, offset - begin)


def _place(tensor: Any, torch: Any) -> tuple[tuple[int, ...], tuple[int, ...], int]:
    with unnoticed():
        return tuple(look(tensor, "shape", torch)), method("stride")(tensor), method("storage_offset")(tensor)


def opening_in_place(h: Any, out: Any) -> Opening | None:
    """The soft activation that makes `out` of `h`, to the bit, whatever its node: torch's own that can be had in place,
    with what they are given if nothing else is said, and a leaky ReLU of a slope of few digits. Of what stayed as it
    was, another view of the base was changed; and what only scales numbers below zero is no leaky ReLU."""
    with unnoticed():
        if not h.is_floating_point() or torch_module().equal(h, out):
            return None
        if bool((out.abs() > STEEPEST * h.abs()).any()):
            return None  # an addition, as nearly always
        above = bool((h > 0).any())
    calls: list[tuple[str, tuple[float, ...]]] = [(name, ()) for name in FUNCTIONS]
    calls += [("leaky_relu", (slope,)) for slope in _slopes(h, out)]
    for name, given in calls:
        found = opening_of_call(name, given, {}, h, out) if above or name != "leaky_relu" else None
        if found is not None:
            return found
    return None


def _slopes(h: Any, out: Any) -> list[float]:
    with unnoticed():
        below = (h < 0) & (h != -torch_module().inf)
        if not bool(below.any()):
            return []
        slope = float(out[below][0].double() / h[below][0].double())
    return list(dict.fromkeys(float(f"{slope:.{digits}g}") for digits in DIGITS))
