"""torch's random generators, on all devices, without starting a device that the script has not started."""

from __future__ import annotations

import os
import pickle
from typing import Any


def seed(torch: Any, number: int) -> None:
    """Seed every generator, as `torch.manual_seed` does."""
    torch.default_generator.manual_seed(number)
    _seed_cuda(torch, number)
    if torch.backends.mps.is_available():
        torch.mps.manual_seed(number)
    if getattr(torch.version, "xpu", None):
        torch.xpu.manual_seed_all(number)


def state(torch: Any) -> bytes:
    """The states of the CPU's generator and of CUDA's, to be given to `set_state`."""
    states: dict[str, Any] = {"cpu": torch.default_generator.get_state().numpy().tobytes()}
    if _has_cuda(torch):
        if torch.cuda.is_initialized():
            states["cuda"] = [each.numpy().tobytes() for each in torch.cuda.get_rng_state_all()]
        else:
            # Reading them would start the devices. torch would seed them at random as they start: do so now
            states["cuda seed"] = int.from_bytes(os.urandom(7), "little")
            _seed_cuda(torch, states["cuda seed"])
    return pickle.dumps(states)


def set_state(torch: Any, saved: bytes) -> None:
    """Put back what `state` returned."""
    states = pickle.loads(saved)
    torch.default_generator.set_state(_tensor(torch, states["cpu"]))
    if "cuda seed" in states:
        _seed_cuda(torch, states["cuda seed"])
    elif "cuda" in states:
        torch.cuda.set_rng_state_all([_tensor(torch, each) for each in states["cuda"]])


def states(torch: Any) -> tuple[Any, Any]:
    """The states of the CPU's generator and of CUDA's, for `put_back`; None of devices that are not started."""
    started = _has_cuda(torch) and torch.cuda.is_initialized()
    return torch.default_generator.get_state(), torch.cuda.get_rng_state_all() if started else None


def put_back(torch: Any, found: tuple[Any, Any]) -> None:
    """Put back what `states` returned."""
    cpu, cuda = found
    torch.default_generator.set_state(cpu)
    if cuda is not None:
        torch.cuda.set_rng_state_all(cuda)


def _has_cuda(torch: Any) -> bool:
    return bool(torch.version.cuda or torch.version.hip)


def _seed_cuda(torch: Any, number: int) -> None:
    """Devices that have not been started yet get their seed when they are."""
    if _has_cuda(torch) and not torch.cuda._is_in_bad_fork():
        torch.cuda.manual_seed_all(number)


def _tensor(torch: Any, saved: bytes) -> Any:
    return torch.frombuffer(bytearray(saved), dtype=torch.uint8)
