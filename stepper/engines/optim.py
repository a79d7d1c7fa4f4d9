"""The engine for `optimizer.step()`: the gradients that a step uses, and the parameters it changes."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from stepper.engines.base import Change, Engine, Observer
from stepper.engines.modes import look, torch_module


class OptimEngine(Engine):
    """Watches every optimizer's step while an iteration is recorded."""

    name = "optim"
    library = "torch"

    def changes(self, value: Any, method: str) -> Iterable[Change]:
        """`step` changes the parameters, `zero_grad` their gradients."""
        torch = torch_module()
        if torch is None or method not in ("step", "zero_grad") or not _is_optimizer(value):
            return ()
        attribute = "grad" if method == "zero_grad" else None
        return [Change(each, attribute, path) for path, each in _parameters(value)]

    @contextmanager
    def recording(self, observer: Observer) -> Iterator[None]:
        optimizers = sys.modules.get("torch.optim.optimizer")
        if optimizers is None:
            yield
            return

        def gradients(optimizer: Any, arguments: Any, keywords: Any) -> None:
            torch = torch_module()
            observer.contributed(self.name)
            for path, parameter in _parameters(optimizer):
                observer.parameter(observer.label_of(parameter) or f"optimizer.{path}", parameter)
                gradient = look(parameter, "grad", torch)
                if gradient is not None:
                    observer.used_gradient(parameter, gradient)

        handles = [
            optimizers.register_optimizer_step_pre_hook(gradients),
        ]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()


def _is_optimizer(value: Any) -> bool:
    optimizers = sys.modules.get("torch.optim.optimizer")
    return optimizers is not None and isinstance(value, optimizers.Optimizer)


def _parameters(optimizer: Any) -> list[tuple[str, Any]]:
    return [
        (f"group{number}.{index}", parameter)
        for number, group in enumerate(optimizer.param_groups)
        for index, parameter in enumerate(group["params"])
    ]
