"""Reading tensors without anybody noticing: torch's function and dispatch modes step aside while our own code looks."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


def torch_module() -> Any:
    """torch, where the script has imported it (wholly), else None."""
    torch = sys.modules.get("torch")
    return torch if torch is not None and hasattr(torch, "Tensor") and hasattr(torch, "autograd") else None


@contextmanager
def unnoticed() -> Iterator[None]:
    """No user's `__torch_function__` or mode, transform or tracer sees what is done inside; gradients, autocast off."""
    torch = torch_module()
    if torch is None:
        yield
        return
    core = torch._C
    tracing = core._get_tracing_state()
    if tracing is not None:
        core._set_tracing_state(None)
    try:
        with (
            core.DisableTorchFunction(),
            core._DisableTorchDispatch(),
            core._DisableFuncTorch(),
            core._DisableAutocast(),
            torch.no_grad(),
        ):
            yield
    finally:
        if tracing is not None:
            core._set_tracing_state(tracing)


def noticed(value: Any, torch: Any) -> bool:
    """Whether reading an attribute of this tensor could be seen by the script: a mode is on, or it is a subclass."""
    kind = type(value)
    return bool((kind is not torch.Tensor and kind is not torch.nn.Parameter) or torch._C._len_torch_function_stack())


def look(value: Any, attribute: str, torch: Any) -> Any:
    """`value.attribute` of a tensor, unnoticed."""
    if noticed(value, torch):
        with torch._C.DisableTorchFunction():
            return getattr(value, attribute)
    return getattr(value, attribute)
