"""A kept copy of a torch tensor.

On the host it is a run of bytes and what says how to read them: made, compared and summarised without torch, whose
calls cost more than the work on most tensors. Elsewhere, or with gaps and repetitions, it is a tensor.
"""

from __future__ import annotations

import ctypes
import math
from functools import lru_cache
from typing import Any

import msgspec

from stepper.engines.arrays import numpy_module
from stepper.engines.bits import PIECE, address_of, copy_memory, same_memory
from stepper.engines.modes import torch_module
from stepper.engines.native import NATIVE
from stepper.engines.pool import POOL, SMALLEST

FEW = 4096  # bytes up to which an immutable string of bytes is the fastest copy
# What a full memory or a failed device raises: the script will meet the error itself, if it matters
FAILURES = (RuntimeError, MemoryError)
_WORDS = {1: "uint8", 2: "int16", 4: "int32", 8: "int64"}
_bytes_at = ctypes.string_at


@lru_cache(maxsize=4096)
def layout_of(shape: Any, stride: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The same objects for equal ones: of a long run thousands are kept, which the collector of cycles goes through."""
    return tuple(shape), stride


class Kept(msgspec.Struct, gc=False, eq=False):
    """What a tensor was: its numbers, and the value's type.

    It lies in memory as the value did, without gaps (`dense`), or is expanded as the value was. `data` holds the bytes
    (None: only `tensor` does), and `array` is NumPy's dtype for them, where it has one. `device` is the value's own,
    and `there` says that the copy lies on it, and that it is not the host.
    """

    type: str
    dtype: Any
    shape: tuple[int, ...]
    stride: tuple[int, ...]
    device: Any
    nbytes: int
    array: Any = None
    dense: bool = True
    there: bool = False
    data: Any = None
    address: int = 0
    _tensor: Any = None
    _shaped: Any = None

    @classmethod
    def of_memory(cls, plain: Any, kind: str, array: Any, once: Any = None) -> Kept:
        """A copy of a tensor on the host that lies in one run of memory; `once`: of an expanded one, what does."""
        nbytes, address = (plain if once is None else once).nbytes, 0
        if nbytes <= FEW:
            data = _bytes_at(plain.data_ptr(), nbytes)
        else:
            data = _room(nbytes)
            address = address_of(data)
            copy_memory(address, plain.data_ptr(), nbytes)
        layout = layout_of(plain.shape, plain.stride())
        return cls(kind, plain.dtype, *layout, plain.device, nbytes, array, once is None, False, data, address)

    @classmethod
    def of_tensor(cls, tensor: Any, kind: str, dense: bool = True, device: Any = None) -> Kept:
        """A copy that is a tensor: a plain one without history, which is nobody else's. `device`: of the value, where
        the copy lies elsewhere."""
        layout = layout_of(tensor.shape, tensor.stride())
        device = tensor.device if device is None else device
        nbytes = (tensor if dense else compact(tensor)).nbytes
        return cls(kind, tensor.dtype, *layout, device, nbytes, dense=dense, there=not tensor.is_cpu, _tensor=tensor)

    def holds(self, address: int) -> bool:
        """Whether the bytes at this address are those of `data`; none are at 0, where torch keeps what is all zero."""
        if not address:
            return False
        if NATIVE is not None and self.nbytes <= PIECE:
            return bool(NATIVE.holds(self.data, address))
        if not self.address:
            return bool(_bytes_at(address, self.nbytes) == self.data)
        return same_memory(address, self.address, self.nbytes)

    def flat(self) -> Any:
        """The numbers as a flat NumPy array, in the order of memory; only where `array` is known."""
        numpy = numpy_module()
        return numpy.frombuffer(self.data, self.array)

    def shaped(self) -> Any:
        """The numbers as a NumPy array of the tensor's shape, which is not to be written to."""
        if self._shaped is None:
            numpy = numpy_module()
            size = self.array.itemsize
            strides = tuple([size * step for step in self.stride])
            self._shaped = numpy.ndarray(self.shape, self.array, self.data, 0, strides)
            self._shaped.flags.writeable = False
        return self._shaped

    @property
    def tensor(self) -> Any:
        """The copy as a tensor. To be asked for where no mode of the script's is active."""
        if self._tensor is None:
            torch = torch_module()
            data = bytearray(self.data) if type(self.data) is bytes else self.data
            self._tensor = torch.frombuffer(data, dtype=self.dtype).as_strided(self.shape, self.stride)
        return self._tensor

    @property
    def times(self) -> int:
        """How often each number of `flat` occurs in the tensor."""
        return 1 if self.dense else math.prod(self.shape) * self.dtype.itemsize // self.nbytes

    @property
    def at_home(self) -> Any:
        """The copy as a tensor on the value's own device."""
        return self.tensor if self.there or self.device.type == "cpu" else self.tensor.to(self.device)

    def once(self) -> Any:
        """The numbers without repetitions, as one run of memory."""
        tensor = self.tensor if self.dense else compact(self.tensor)
        return tensor.as_strided((tensor.numel(),), (1,))


def _room(size: int) -> Any:
    numpy = numpy_module()
    return POOL.take(size) if size >= SMALLEST else numpy.empty(size, numpy.uint8)


def once(tensor: Any) -> tuple[slice, ...]:
    """The index that takes each element once where an axis repeats the same memory."""
    return tuple(
        slice(0, 1) if stride == 0 and extent > 1 else slice(None)
        for stride, extent in zip(tensor.stride(), tensor.shape, strict=True)
    )


def compact(tensor: Any) -> Any:
    """The elements of an expanded tensor, each once."""
    return tensor[once(tensor)]


def dense(plain: Any) -> bool:
    """Whether the numbers, of which there are some, lie in one run of memory without gaps or repetitions, in whatever
    order."""
    if plain.is_contiguous():
        return True
    reach = 1
    for stride, extent in sorted(zip(plain.stride(), plain.shape, strict=True)):
        if extent != 1:
            if stride != reach:
                return False
            reach *= extent
    return True


def same_but_for_nans(plain: Any, copy: Any, torch: Any) -> bool:
    """Whether two tensors of one shape and dtype have the same bits, one NaN being as good as another."""
    if copy.dtype is torch.bool:
        return bool(torch.equal(plain, copy))
    plain, copy = plain.contiguous(), copy.contiguous()
    if copy.dtype.is_complex:
        plain, copy = torch.view_as_real(plain), torch.view_as_real(copy)
    words = getattr(torch, _WORDS[copy.element_size()])
    if torch.equal(plain.view(words), copy.view(words)):
        return True
    if not copy.dtype.is_floating_point:
        return False
    differ = plain.view(words) != copy.view(words)
    if copy.element_size() == 1:
        plain, copy = plain.float(), copy.float()
    return not bool((differ & ~(plain.isnan() & copy.isnan())).any())
