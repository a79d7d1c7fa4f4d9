"""The engine for `model(x)`: an event for each call of an `nn.Module`, with what went in and came out.

Global module hooks only: hooks on a single module switch fused kernels off.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from stepper.engines.base import Change, Engine, Observer
from stepper.engines.modes import torch_module
from stepper.engines.names import Names

TENSORS = 16  # inputs or outputs of one call that are shown


class ModuleEngine(Engine):
    """Watches every module's call while an iteration is recorded."""

    name = "module"
    library = "torch"

    def __init__(self) -> None:
        self._names = Names()
        self._calls: list[tuple[Any, int | None]] = []

    def met(self, value: Any, label: str) -> None:
        """A model passed a probe: learn what its layers are called."""
        torch = torch_module()
        if torch is not None and isinstance(value, torch.nn.Module) and "_modules" in value.__dict__:
            for path, module in torch.nn.Module.named_modules(value):
                self._names.give(module, f"{label}.{path}" if path else label)

    def changes(self, value: Any, method: str) -> Iterable[Change]:
        """`model.zero_grad()` lets go of the gradients of all its parameters."""
        torch = torch_module()
        if method != "zero_grad" or torch is None or not isinstance(value, torch.nn.Module):
            return ()
        return [Change(each, "grad", path) for path, each in torch.nn.Module.named_parameters(value)]

    def peek(self, value: Any, attribute: str) -> tuple[bool, Any]:
        """A module keeps parameters, buffers and layers in dicts of its own."""
        torch = torch_module()
        if torch is None or not isinstance(value, torch.nn.Module):
            return False, None
        for store in ("_parameters", "_buffers", "_modules"):
            held = value.__dict__.get(store, {})
            if attribute in held:
                return True, held[attribute]
        return True, value.__dict__.get(attribute)

    @contextmanager
    def recording(self, observer: Observer) -> Iterator[None]:
        torch = torch_module()
        if torch is None or _compiles():
            yield
            return

        def before(module: Any, inputs: tuple[Any, ...]) -> None:
            name = self._names.get(module) or type(module).__name__
            event = observer.begin("module", name, type(module).__name__)
            self._calls.append((module, event))
            observer.contributed(self.name)
            if event is not None:
                for index, value in enumerate(_tensors(inputs, torch)):
                    observer.note(
                        observer.label_of(value) or f"input {index} of {name}", "activation", "operand", value
                    )

        def after(module: Any, inputs: tuple[Any, ...], output: Any) -> None:
            name = self._names.get(module) or type(module).__name__
            while self._calls:  # a call that an exception left early never came to its end
                called, event = self._calls.pop()
                if called is module:
                    found = _tensors(output, torch)
                    for index, value in enumerate(found if event is not None else ()):
                        observer.note(name if len(found) == 1 else f"{name}[{index}]", "activation", "result", value)
                    observer.end(event)
                    return

        hooks = torch.nn.modules.module
        handles = [
            hooks.register_module_forward_pre_hook(before),
            hooks.register_module_forward_hook(after),
        ]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()
            self._calls.clear()


def _compiles() -> bool:
    """Whether the script has compiled anything: the compiler would trace our hooks, and make other code with them."""
    frames = sys.modules.get("torch._dynamo.eval_frame")
    # `torch.compiler.disable`, which every optimizer's step is wrapped in, is entered there as a backend that is None
    return any(backend is not None for backend in getattr(frames, "cached_backends", {}).values())


def _tensors(value: Any, torch: Any) -> list[Any]:
    """The tensors in what goes into or comes out of a module: alone, or in exact tuples, lists and dicts."""
    if isinstance(value, torch.Tensor):
        return [value]
    if type(value) in (tuple, list):
        return [tensor for item in value[:TENSORS] for tensor in _tensors(item, torch)][:TENSORS]
    if type(value) is dict:
        return [tensor for item in list(value.values())[:TENSORS] for tensor in _tensors(item, torch)][:TENSORS]
    return []
