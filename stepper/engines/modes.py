"""Reading tensors without anybody noticing: torch's function and dispatch modes step aside while our own code looks."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from stepper.engines.originals import Originals

PASSED_OVER = "<stepper, as importlib._bootstrap>"
"""What a file of code is called whose frames a warning with a `stacklevel` does not count: it passes over those of the
import system, which it knows by name."""

_whole: Any = None  # torch, once it was found whole
_originals: Any = None  # and what it was then
_plain: tuple[type, ...] = ()  # its own types of tensors: no code of the script's hangs on them
_overridden: Any = None  # how many modes see what is called of torch's functions


def torch_module() -> Any:
    """torch as it was when the script had imported it (wholly), else None: also where a module of the script's own
    bears that name."""
    global _whole, _originals, _plain, _overridden
    torch = sys.modules.get("torch")
    if torch is _whole and torch is not None:
        return _originals.torch
    if torch is None or "torch._C" not in sys.modules or not (hasattr(torch, "Tensor") and hasattr(torch, "nn")):
        return None  # torch.nn is one of the last parts of itself that it imports
    _whole, _originals = torch, Originals(torch)
    _plain, _overridden = (torch.Tensor, torch.nn.Parameter), torch._C._len_torch_function_stack
    return _originals.torch


@contextmanager
def unnoticed() -> Iterator[None]:
    """No user's `__torch_function__` or mode, transform or tracer sees what is done inside; gradients, autocast off."""
    torch = torch_module()
    if torch is None:
        yield
        return
    core = torch._C
    tracing = core._get_tracing_state()
    warned = _sync_debug_mode(torch)
    if tracing is not None:
        core._set_tracing_state(None)
    if warned:
        core._cuda_set_sync_debug_mode(0)
    try:
        with (
            core.DisableTorchFunction(),
            core._DisableTorchDispatch(),
            core._DisableFuncTorch(),
            core._DisableAutocast(),
            _without_gradients(core),
            _originals.put_back(),
        ):
            yield
    finally:
        if warned:
            core._cuda_set_sync_debug_mode(warned)
        if tracing is not None:
            core._set_tracing_state(tracing)


@contextmanager
def _without_gradients(core: Any) -> Iterator[None]:
    """`torch.no_grad()`, which asks functions that a script can replace."""
    enabled = core.is_grad_enabled()
    core._set_grad_enabled(False)
    try:
        yield
    finally:
        core._set_grad_enabled(enabled)


@contextmanager
def on_one_thread(torch: Any) -> Iterator[None]:
    """While this lasts, backward passes stay on the thread that asks for them."""
    core = torch._C
    several = core._is_multithreading_enabled()
    with core.DisableTorchFunction():
        core._set_multithreading_enabled(False)
    try:
        yield
    finally:
        with core.DisableTorchFunction():
            core._set_multithreading_enabled(several)


def uses_cuda(torch: Any) -> bool:
    """Whether the script has started a CUDA (or ROCm) device in this process."""
    return bool(torch.cuda._initialized and torch.cuda.is_initialized())


def capturing(torch: Any) -> bool:
    """Whether the script is capturing a CUDA graph: then whatever is asked of the device lands in the graph, or breaks
    it."""
    return uses_cuda(torch) and _captures(torch)


def _captures(torch: Any) -> bool:
    """Whether the current stream captures a graph. One of a device that has failed answers nothing but that."""
    try:
        return bool(torch._C._cuda_isCurrentStreamCapturing())
    except RuntimeError:
        return False  # the script will meet the error itself


def watched(torch: Any) -> bool:
    """Whether the script would notice a look at a tensor on a device: it captures a graph, or is warned of waiting."""
    return uses_cuda(torch) and (_captures(torch) or bool(torch._C._cuda_get_sync_debug_mode()))


def settle(torch: Any) -> None:
    """Wait until the devices have done all that the script has asked of them, on whatever stream: copies to the host
    that nobody has waited for yet are complete then."""
    core = torch._C
    if not uses_cuda(torch) or _captures(torch):
        return
    try:
        core._cuda_synchronize()
        for index in range(torch.cuda.device_count() if torch.cuda.device_count() > 1 else 0):
            if core._cuda_hasPrimaryContext(index):
                torch.cuda.synchronize(index)
    except RuntimeError:
        return  # the device has failed: the script will meet the error itself


def _sync_debug_mode(torch: Any) -> int:
    """Whether the script has asked to be warned of waiting for a device, which looking does: `set_sync_debug_mode`."""
    return int(torch._C._cuda_get_sync_debug_mode()) if uses_cuda(torch) else 0


def look(value: Any, attribute: str, torch: Any) -> Any:
    """`value.attribute` of a tensor, unnoticed."""
    if type(value) in _plain and not _overridden():
        return _originals.read(value, attribute)
    with torch._C.DisableTorchFunction():
        return _originals.read(value, attribute)


def functional(name: str) -> Any:
    """A function of torch's own `torch.nn.functional`. Asked for where torch is there."""
    return _originals.functional[name]


def method(name: str) -> Any:
    """A method of torch's own tensors, to be called with one of them. Asked for where torch is there."""
    return _originals.method(name)


def replaced() -> bool:
    """Whether the script has put methods of its own in the place of those of torch's tensors."""
    return bool(_originals is not None and _originals.replaced())


def of_tensor(held: Any, tensor: Any) -> Any:
    """What a dict holds for a tensor as its key; None where it has none, or is no dict."""
    if not isinstance(held, dict):
        return None
    if type(tensor) in _plain and not replaced():
        return dict.get(held, tensor)
    return next((value for key, value in dict.items(held) if key is tensor), None)  # its own code is not to be asked


def is_parameter(value: Any, torch: Any) -> bool:
    """Whether a tensor is an `nn.Parameter`, be it of another class that a parameter was made of."""
    return issubclass(type(value), torch.nn.Parameter) or bool(
        object.__getattribute__(value, "__dict__").get("_is_param", False)
    )


def maker(value: Any, torch: Any) -> Any:
    """The node of the graph that made a tensor; None where there is none, or PyTorch refuses to tell it: of a view that
    was taken under `no_grad` and changed in place."""
    try:
        return look(value, "grad_fn", torch)
    except RuntimeError:
        return None
