"""Which axis of a tensor its units lie along, by the layer that made it, as far as autograd's graph tells.

A product of a parameter and what came in gives its units the parameter's own side: rows for `W @ X`, the last axis for
`X @ W`. A convolution and a normalisation over a batch have their channels on a certain axis. Additions, scalings and
the like in between change nothing of it.
"""

from __future__ import annotations

from typing import Any

from stepper.engines.base import Layer
from stepper.engines.graph import is_leaf

DEPTH = 12
"""Nodes between an activation and the layer that made its input, at most."""
VIEWS = frozenset(("ViewBackward0", "UnsafeViewBackward0", "ReshapeAliasBackward0"))
SIDES = frozenset(
    ("TBackward0", "TransposeBackward0", "PermuteBackward0", "ExpandBackward0", "ToCopyBackward0", *VIEWS)
)
"""What may stand between a parameter and the product that it is a side of."""
PRODUCTS = {"MmBackward0": 0, "BmmBackward0": 0, "MvBackward0": 0, "AddmmBackward0": 1, "BaddbmmBackward0": 1}
"""Products, and which input of theirs is the left side."""
NORMS = ("NativeBatchNormBackward", "CudnnBatchNormBackward", "MiopenBatchNormBackward", "NativeGroupNormBackward")


def layer_of(node: Any, number: int = 0) -> Layer | None:
    """The layer that made output `number` of this node; None where the graph does not tell."""
    metadata = node._input_metadata
    if is_leaf(node) or number >= len(metadata):
        return None
    return _layer(node, tuple(metadata[number].shape), DEPTH)


def _layer(node: Any, shape: tuple[int, ...], depth: int) -> Layer | None:
    kind = node.name()
    if kind in PRODUCTS:
        return _product(node, kind, shape)
    if kind == "ConvolutionBackward0":
        spatial = len(node._saved_stride)
        return Layer(-1 - spatial, f"Conv{spatial}d", channels=True)
    if kind.startswith(NORMS) and len(shape) >= 2:
        return Layer(1 - len(shape), "normalisation by channels", channels=True)
    if depth == 0 or hasattr(node, "_forward_cls"):
        return None
    for before, number in node.next_functions:
        if before is None or is_leaf(before):
            continue
        metadata = before._input_metadata
        made = tuple(metadata[number].shape) if number < len(metadata) else None
        if made == shape:
            found = _layer(before, shape, depth - 1)
        elif made and kind in VIEWS and made[-1] == shape[-1:][0]:  # (B·T, H) as (B, T, H)
            found = _layer(before, made, depth - 1)
            found = found if found is not None and found.axis == -1 else None
        elif made and kind.startswith("Squeeze") and len(made) == len(shape) + 1:  # a sample that is no batch
            found = _squeezed(_layer(before, made, depth - 1), made, shape)
        else:
            found = None
        if found is not None:
            return found
    return None


def _squeezed(layer: Layer | None, made: tuple[int, ...], shape: tuple[int, ...]) -> Layer | None:
    """The layer whose output lost an axis of length one, unless its units lay along that."""
    gone = next((axis for axis in range(len(made)) if made[:axis] + made[axis + 1 :] == shape), None)
    if layer is None or gone is None:
        return None
    units = len(made) + layer.axis
    return None if units == gone else layer._replace(axis=layer.axis + (gone > units))


def _product(node: Any, kind: str, shape: tuple[int, ...]) -> Layer | None:
    first = PRODUCTS[kind]
    left, right = (_is_parameter(before) for before, _ in node.next_functions[first : first + 2])
    if left == right or (right and kind == "MvBackward0"):  # a vector is one unit: what it makes are its samples
        return None
    if right or len(shape) == 1:
        return Layer(-1, "matmul")
    return Layer(-2, "matmul")


def _is_parameter(node: Any) -> bool:
    """Whether this side of a product is a leaf that is trained, be it transposed."""
    for _ in range(4):
        if node is None:
            return False
        if is_leaf(node):
            return True
        if node.name() not in SIDES:
            return False
        node = node.next_functions[0][0]
    return False
