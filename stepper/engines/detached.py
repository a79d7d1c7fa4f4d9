"""What is cut off the graph of gradients, held as it was while a pass is run again with other parameters.

Autograd takes what is computed under `no_grad()`, what was detached, and numbers read out of tensors for constants; a
finite difference of the loss goes through them, also inside a library's layers (a spectral norm's power iteration). One
pass keeps them in the order in which they come; in another, with a parameter moved, the same ones take their place, and
the loss changes by nothing but what the gradient is that of.

For copies of the script's process only: a pass is no longer the script's own, once they are held.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from types import CodeType, FrameType
from typing import Any

from stepper.engines.modes import torch_module, unnoticed

MOST = 1 << 30  # bytes that are kept


class Detached:
    """What one pass had detached: taken down in it (`keep`), as bytes, and put in its place in others (`hold`)."""

    def __init__(self) -> None:
        self._found: list[Any] = []
        self._bytes = 0

    def keep(self) -> None:
        """From now on what is detached is taken down."""
        _enter(self._kept)

    def told(self) -> bytes:
        """What was taken down."""
        torch = torch_module()
        if torch is None:
            return b""
        file = io.BytesIO()
        with unnoticed():
            torch.save(self._found, file)
        return file.getvalue()

    def hold(self, told: bytes) -> None:
        """From now on what is detached is what it was there. Raises LookupError, from where it is, where another pass
        is gone through, in which it is not known what it should be."""
        torch = torch_module()
        if torch is None:
            return
        self._found = torch.load(io.BytesIO(told))[::-1]
        _enter(self._put)

    def _kept(self, made: Any) -> Any:
        number = isinstance(made, complex | float | int)
        if not number:
            self._bytes += made.nbytes
            if self._bytes > MOST:
                raise LookupError("what is detached takes too much memory to be held")
        self._found.append(made if number else made.clone())
        return made

    def _put(self, made: Any) -> Any:
        found = self._found.pop() if self._found else None
        if type(found) is not type(made) or getattr(found, "shape", ()) != getattr(made, "shape", ()):
            raise LookupError("with another number the pass takes another way")
        return found


def _enter(turned: Callable[[Any], Any]) -> None:
    """Let `turned` have what is detached from now on, and put what it returns into its place."""
    torch = torch_module()
    if torch is None:
        return
    from torch.utils._python_dispatch import TorchDispatchMode

    number, detach = torch.ops.aten._local_scalar_dense.default, torch.ops.aten.detach.default
    apply = torch.autograd.Function.apply.__func__.__code__

    def turn(value: Any) -> Any:
        if isinstance(value, torch.Tensor):
            return turned(value.detach())
        return type(value)(map(turn, value)) if type(value) in (list, tuple) else value

    class Detaching(TorchDispatchMode):  # type: ignore[no-untyped-call]
        @classmethod
        def _should_skip_dynamo(cls) -> bool:
            """Keeping a compiler off it would load that, for seconds, in each copy anew: only where there is one."""
            return "torch._dynamo" in sys.modules

        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            kwargs = kwargs or {}
            cuts = func in (number, detach)
            if (torch.is_grad_enabled() and not cuts) or _inside(apply, sys._getframe(1)):
                return func(*args, **kwargs)
            schema = func._schema
            places = [each.name for each in schema.arguments]
            changed = {each.name for each in schema.arguments if each.alias_info and each.alias_info.is_write}
            if not changed:
                made = func(*args, **kwargs)
                if func is number:
                    return turned(made)
                view = any(each.alias_info for each in schema.returns)
                return made if view and not cuts else turn(made)
            outs = [name for name in kwargs if name in changed]
            if outs:
                made = func(*args, **kwargs)
                for name in outs:
                    kwargs[name].copy_(turn(kwargs[name]))
                return made
            # what is changed stays moved, if it is, but is changed by what is detached, as that was
            put = [each if name in changed else turn(each) for name, each in zip(places, args, strict=False)]
            return func(*put, **{name: turn(each) for name, each in kwargs.items()})

    mode: Any = Detaching
    mode().__enter__()
    _by_detach(torch)


def _by_detach(torch: Any) -> None:
    """Let `detach_` and `tolist`, which no mode is told of, go by way of `detach`, which they are."""
    cut_off, listed = torch.Tensor.detach_, torch.Tensor.tolist

    def detach_(self: Any) -> Any:
        held = self.detach()
        cut_off(self)
        with torch.no_grad():
            return self.copy_(held)

    def tolist(self: Any) -> Any:
        return listed(self.detach() if self.requires_grad else self)

    torch.Tensor.detach_, torch.Tensor.tolist = detach_, tolist


def _inside(apply: CodeType, frame: FrameType | None) -> bool:
    """Whether a custom function computes its result, without gradients because it has a backward pass of its own."""
    while frame is not None:
        if frame.f_code is apply:
            return True
        frame = frame.f_back
    return False
