"""What the graph of gradients tells of a tensor of torch's: whether gradients go back through it, and to what."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from typing import Any

from stepper.engines.base import Engine
from stepper.engines.graph import leaves_below
from stepper.engines.modes import look, maker


class InGraph(Engine):
    """The part of the engine for tensors that asks for the graph behind them."""

    _torch: Any
    _wrapped: Any  # whether a transform of functorch's holds this value

    @abstractmethod
    def _load(self) -> Any:
        """torch, which the script has imported."""

    def is_taken(self, value: Any) -> bool:
        torch = self._torch or self._load()
        if self._wrapped(value):
            return False
        return maker(value, torch) is not None and look(value, "_base", torch) is not None

    def is_constant(self, value: Any) -> bool:
        torch = self._torch or self._load()
        return bool(torch.is_grad_enabled()) and not self._wrapped(value) and not look(value, "requires_grad", torch)

    def exact(self, value: Any) -> type[bool] | type[int] | None:
        torch = self._torch or self._load()
        dtype = None if self._wrapped(value) else look(value, "dtype", torch)
        if dtype is None or dtype.is_floating_point or dtype.is_complex:
            return None
        return bool if dtype == torch.bool else int

    def graph(self, value: Any) -> int | None:
        torch = self._torch or self._load()
        if self._wrapped(value):
            return None
        if look(value, "requires_grad", torch):
            return 2 if maker(value, torch) is None else 1
        return 0 if torch.is_grad_enabled() else -1

    def leaves(self, value: Any) -> Iterator[tuple[Any, bool]]:
        torch = self._torch or self._load()
        node = None if self._wrapped(value) else maker(value, torch)
        for leaf in leaves_below(node) if node is not None else (value,):
            yield leaf, isinstance(leaf, torch.nn.Parameter)
