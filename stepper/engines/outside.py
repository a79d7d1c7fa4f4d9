"""What can be said of a tensor of torch's without reading its numbers; none of a subclass's code runs."""

from __future__ import annotations

from typing import Any

from stepper.engines.modes import look
from stepper.engines.opaque import Opaque


def outside_of(value: Any, torch: Any) -> Opaque:
    """Its type, shape, dtype, device and layout; None for each that it does not tell."""
    found: list[Any] = []
    lazy = is_lazy(type(value), torch)
    told_as = (("shape", extents_of), ("dtype", _dtype_name), ("device", str), ("layout", _layout_name))
    for attribute, convert in told_as:
        try:
            told = None if lazy and attribute == "shape" else look(value, attribute, torch)
            found.append(None if told is None else convert(told))
        except (RuntimeError, ValueError, TypeError):  # nested, or with symbols for sizes
            found.append(None)
    return Opaque(type(value).__name__, *found)


def is_lazy(kind: type, torch: Any) -> bool:
    """Whether these have no shape yet. Their class is asked: to ask a value itself may be noticed by its class."""
    return issubclass(kind, torch.nn.parameter.UninitializedTensorMixin)


def extents_of(shape: Any) -> tuple[int, ...]:
    """A shape's sizes. Raises TypeError where they are symbols."""
    if not all(type(extent) is int for extent in shape):
        raise TypeError("sizes that are no numbers")
    return tuple(shape)


def _dtype_name(dtype: Any) -> str:
    return str(dtype).removeprefix("torch.")


def _layout_name(layout: Any) -> str:
    """Of one that is not the usual."""
    return _dtype_name(layout).replace("strided", "")
