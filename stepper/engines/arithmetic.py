"""The operations that torch's optimizers are made of, by the kernels of either of their forms: one tensor after another
(`single`), or lists of tensors at once (`foreach`). On a host the two round alike; a GPU's kernels may not."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

from stepper.engines.modes import unnoticed


class Arithmetic:
    """One tensor at a time. Every method gives a new tensor, and leaves what it is given as it is.

    Where a step works in place, it does so on a copy: a rate that is a tensor of another dtype does not widen it.
    """

    lists = False

    def add(self, one: Any, other: Any, factor: float) -> Any:
        """one + factor · other."""
        return one.clone().add_(other, alpha=factor)

    def scale(self, one: Any, factor: float, anew: bool = False) -> Any:
        """factor · one; `anew` where the step makes a new tensor of it."""
        return one * factor if anew else one.clone().mul_(factor)

    def divide(self, one: Any, divisor: float) -> Any:
        """one / divisor."""
        return one.div(divisor)

    def shift(self, one: Any, number: float) -> Any:
        """one + number."""
        return one.add(number)

    def sqrt(self, one: Any) -> Any:
        """√one."""
        return one.sqrt()

    def lerp(self, one: Any, other: Any, weight: float) -> Any:
        """one + weight · (other − one)."""
        return one.clone().lerp_(other, weight)

    def addcmul(self, one: Any, first: Any, second: Any, factor: float) -> Any:
        """one + factor · first · second."""
        return one.clone().addcmul_(first, second, value=factor)

    def addcdiv(self, one: Any, first: Any, second: Any, factor: float) -> Any:
        """one + factor · first / second."""
        return one.clone().addcdiv_(first, second, value=factor)


class Lists(Arithmetic):
    """By the kernels that take lists of tensors, here of one."""

    lists = True

    def __init__(self, torch: Any) -> None:
        self._torch = torch

    def add(self, one: Any, other: Any, factor: float) -> Any:
        return self._in_place("add", one, [other], alpha=factor)

    def scale(self, one: Any, factor: float, anew: bool = False) -> Any:
        # A new tensor of 16 bits is rounded otherwise
        return self._torch._foreach_mul([one], factor)[0] if anew else self._in_place("mul", one, factor)

    def divide(self, one: Any, divisor: float) -> Any:
        return self._in_place("div", one, [divisor])

    def shift(self, one: Any, number: float) -> Any:
        return self._in_place("add", one, number)

    def sqrt(self, one: Any) -> Any:
        return self._in_place("sqrt", one)

    def lerp(self, one: Any, other: Any, weight: float) -> Any:
        return self._in_place("lerp", one, [other], weight)

    def addcmul(self, one: Any, first: Any, second: Any, factor: float) -> Any:
        return self._in_place("addcmul", one, [first], [second], value=factor)

    def addcdiv(self, one: Any, first: Any, second: Any, factor: float) -> Any:
        return self._in_place("addcdiv", one, [first], [second], [float(factor)])

    def _in_place(self, name: str, one: Any, *others: Any, **named: Any) -> Any:
        changed = one.clone()
        getattr(self._torch, f"_foreach_{name}_")([changed], *others, **named)
        return changed


SINGLE = Arithmetic()


def of_group(group: Mapping[str, Any], parameters: Sequence[Any], torch: Any) -> Arithmetic:
    """What an optimizer takes for this parameter group. `parameters` are those of the group that have a gradient."""
    lists = group.get("foreach")
    if lists is None and not group.get("fused"):
        default = getattr(sys.modules.get("torch.optim.optimizer"), "_default_to_fused_or_foreach", None)
        with unnoticed():
            lists = default is not None and default(list(parameters), group.get("differentiable", False))[1]
        if (
            lists
            and issubclass(type(group.get("lr")), torch.Tensor)
            and "betas" in group
            and not group.get("capturable")
        ):
            lists = False  # Adam's own exception (torch/optim/adam.py)
    return Lists(torch) if lists else SINGLE
