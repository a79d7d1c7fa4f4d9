"""The operations that torch's optimizers are made of, by the kernels of either of their forms: one tensor after another
(`single`), or lists of tensors at once (`foreach`). On a host the two round alike; a GPU's kernels may not."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

from stepper.engines.modes import unnoticed


class Arithmetic:
    """One tensor at a time. Every method gives a new tensor, and leaves what it is given as it is."""

    lists = False

    def add(self, one: Any, other: Any, factor: float) -> Any:
        """one + factor · other."""
        return one.add(other, alpha=factor)

    def scale(self, one: Any, factor: float) -> Any:
        """factor · one."""
        return one.mul(factor)

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
        return one.lerp(other, weight)

    def addcmul(self, one: Any, first: Any, second: Any, factor: float) -> Any:
        """one + factor · first · second."""
        return one.addcmul(first, second, value=factor)

    def addcdiv(self, one: Any, first: Any, second: Any, factor: float) -> Any:
        """one + factor · first / second."""
        return one.addcdiv(first, second, value=factor)


class Lists(Arithmetic):
    """By the kernels that take lists of tensors, here of one."""

    lists = True

    def __init__(self, torch: Any) -> None:
        self._torch = torch

    def add(self, one: Any, other: Any, factor: float) -> Any:
        return self._torch._foreach_add([one], [other], alpha=factor)[0]

    def scale(self, one: Any, factor: float) -> Any:
        return self._torch._foreach_mul([one], factor)[0]

    def divide(self, one: Any, divisor: float) -> Any:
        return self._torch._foreach_div([one], [divisor])[0]

    def shift(self, one: Any, number: float) -> Any:
        return self._torch._foreach_add([one], number)[0]

    def sqrt(self, one: Any) -> Any:
        return self._torch._foreach_sqrt([one])[0]

    def lerp(self, one: Any, other: Any, weight: float) -> Any:
        return self._torch._foreach_lerp([one], [other], weight)[0]

    def addcmul(self, one: Any, first: Any, second: Any, factor: float) -> Any:
        return self._torch._foreach_addcmul([one], [first], [second], value=factor)[0]

    def addcdiv(self, one: Any, first: Any, second: Any, factor: float) -> Any:
        return self._torch._foreach_addcdiv([one], [first], [second], [factor])[0]


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
