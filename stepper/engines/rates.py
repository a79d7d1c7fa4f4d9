"""What works on an optimizer from outside: schedulers, the scaler of a loss, and the clipping of gradients.

Each is a call in the script's own text; this says what it may change, and what there is to say of it when it is over.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Iterator
from typing import Any

from stepper.engines.base import Change
from stepper.engines.members import groups, own
from stepper.engines.modes import torch_module, unnoticed
from stepper.record import SKIPPED

CLIPPING = frozenset(("clip_grad_norm_", "clip_grad_value_", "clip_grads_with_norm_", "clip_grad_norm"))
SETTINGS = ("lr", "momentum", "betas", "weight_decay")
"""What schedulers change in a parameter group: the rate, some also how much of the past is kept."""


def changes(value: Any, method: str, optimizers: Iterable[tuple[str, Any]]) -> Iterator[Change]:
    """What `value.method(…)` may change. `optimizers` are those that are known, with their names."""
    known = list(optimizers)
    if method == "step" and is_scheduler(value):
        optimizer = own(value).get("optimizer")
        name = next((name for name, each in known if each is optimizer), "optimizer")
        yield from _rates(optimizer, name)
    elif is_scaler(value):
        if method in ("unscale_", "step"):
            for name, optimizer in known:
                yield from _of_each(optimizer, "grad", name)
        if method == "step":
            for name, optimizer in known:
                yield from _of_each(optimizer, None, name)
        if method == "update":
            yield Change(value, "_scale", "get_scale()", role="setting", always=True)
    elif method in CLIPPING:
        if type(value) in (list, tuple):
            yield from (Change(each, "grad", f"[{index}]") for index, each in enumerate(value) if _is_tensor(each))
        elif _is_tensor(value):
            yield Change(value, "grad", "grad")
        else:  # a generator, which is not to be drawn from
            for name, optimizer in known:
                yield from _of_each(optimizer, "grad", name)


def remark(value: Any, method: str) -> str:
    """What there is to say of a call that is over: a step that a scaler left out, or took without its scale."""
    if method == "step" and is_scaler(value):
        if _found_infinite(value):
            return f"the optimizer's {SKIPPED}"
        scale: Any = own(value).get("_scale")
        with unnoticed():
            factor = float(scale) if _is_tensor(scale) else 1.0
        return f"the loss is scaled by {factor:.8g}; the gradients that the step uses are not" if factor != 1 else ""
    return ""


def is_scheduler(value: Any) -> bool:
    """Whether this is one of torch's learning-rate schedulers, or derived from one."""
    schedulers = sys.modules.get("torch.optim.lr_scheduler")
    return schedulers is not None and issubclass(type(value), schedulers.LRScheduler)


def is_scaler(value: Any) -> bool:
    """Whether this is torch's scaler of losses for half precision."""
    scalers = sys.modules.get("torch.amp.grad_scaler")
    return scalers is not None and issubclass(type(value), scalers.GradScaler)


def _rates(optimizer: Any, name: str) -> Iterator[Change]:
    """The settings of each parameter group, the rate whether it changes or not."""
    for number, group in enumerate(groups(optimizer)):
        for key in SETTINGS:
            if key in group:
                label = f'{name}.param_groups[{number}]["{key}"]'
                yield Change(group, None, label, key=key, role="setting", always=key == "lr", named=True)


def _of_each(optimizer: Any, attribute: str | None, name: str) -> Iterator[Change]:
    for number, group in enumerate(groups(optimizer)):
        for index, parameter in enumerate(group["params"]):
            yield Change(parameter, attribute, f"{name}.group{number}.{index}", named=True)


def _found_infinite(scaler: Any) -> bool:
    """Whether the last unscaling of any optimizer's gradients met an infinity or a NaN."""
    states = own(scaler).get("_per_optimizer_states")
    found = [
        tensor
        for state in (states.values() if isinstance(states, dict) else ())
        for tensor in state.get("found_inf_per_device", {}).values()
    ]
    with unnoticed():
        return any(not math.isfinite(each) or each > 0 for each in (float(tensor) for tensor in found))


def _is_tensor(value: Any) -> bool:
    torch = torch_module()
    return torch is not None and issubclass(type(value), torch.Tensor)
